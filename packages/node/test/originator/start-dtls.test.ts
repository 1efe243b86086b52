import { encapsulateReply, encapsulationMessage } from '@cordon/core/enip'
import { decode } from '@cordon/core/wire'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { startDtls, startDtlsRetry } from '../../src/originator/start-dtls.ts'
import { Schedule } from '../../src/schedule.ts'
import { memoryPair } from '../../src/transports/memory.ts'

afterEach(() => {
  vi.useRealTimers()
})

/** A flow to a target that drops the first requests. */
function flow(loses: number, answer: (bytes: Uint8Array) => Uint8Array) {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  const { client, server } = memoryPair({ boundaries: 'datagram' })
  const heardAt: number[] = []
  server.attach({
    data: (bytes) => {
      heardAt.push(performance.now())
      if (heardAt.length > loses) server.send(answer(bytes))
    },
    closed: () => {},
  })
  const schedule = new Schedule(() => performance.now())
  const start = schedule.now()
  return { client, server, schedule, start, times: () => heardAt.map((at) => at - start) }
}

const accept = (bytes: Uint8Array) => encapsulateReply(decode(encapsulationMessage, bytes))
const refuse = (bytes: Uint8Array) =>
  encapsulateReply(decode(encapsulationMessage, bytes), { status: 'invalidCommand' })

describe('StartDTLS', () => {
  it('is repeated when it is not answered, and then hands the flow over', async () => {
    const { client, server, schedule, start, times } = flow(2, accept)
    const started = startDtls(client, schedule, start + 10_000)
    await vi.advanceTimersByTimeAsync(startDtlsRetry.firstMs * 3 + 10)
    const handed = await started
    expect(times()).toEqual([0, startDtlsRetry.firstMs, startDtlsRetry.firstMs * 3])
    const heard: number[] = []
    handed.attach({ data: (bytes) => heard.push(...bytes), closed: () => {} })
    server.send(Uint8Array.of(22, 254))
    await vi.advanceTimersByTimeAsync(1)
    expect(heard).toEqual([22, 254])
  })

  it('is given up in its time', async () => {
    const { client, schedule, start, times } = flow(99, accept)
    const started = startDtls(client, schedule, start + 5_000)
    const failed = expect(started).rejects.toMatchObject({ code: 'timeout' })
    await vi.advanceTimersByTimeAsync(6_000)
    await failed
    expect(times()).toHaveLength(startDtlsRetry.sends)
  })

  it('says that the target does not have it', async () => {
    const { client, schedule, start } = flow(0, refuse)
    const started = startDtls(client, schedule, start + 5_000)
    const failed = expect(started).rejects.toMatchObject({
      code: 'encapsulation-status',
      details: { status: 'invalidCommand' },
    })
    await vi.advanceTimersByTimeAsync(10)
    await failed
  })
})
