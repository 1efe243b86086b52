import { afterEach, describe, expect, it } from 'vitest'
import { Cable } from '../../src/transports/cable.ts'
import { memoryPair } from '../../src/transports/memory.ts'
import { overCable } from '../../src/transports/over-cable.ts'
import { connectTcp, listenTcp } from '../../src/transports/tcp.ts'
import type { Transport } from '../../src/transports/transport.ts'
import { testAddress } from '../addresses.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

const pause = (ms = 20) => new Promise((resolve) => setTimeout(resolve, ms))

function listenTo(transport: Transport): { readonly heard: number[]; readonly ends: unknown[] } {
  const heard: number[] = []
  const ends: unknown[] = []
  transport.attach({ data: (bytes) => heard.push(...bytes), closed: (error) => ends.push(error?.message) })
  return { heard, ends }
}

function joined(boundaries: 'stream' | 'datagram') {
  const cable = new Cable()
  const pair = memoryPair({ boundaries })
  const near = overCable(pair.client, cable)
  return { cable, near, ours: listenTo(near), theirs: listenTo(pair.server), far: pair.server }
}

const one = Uint8Array.of(1)
const two = Uint8Array.of(2)

describe('a transport over a cable', () => {
  it('holds a stream back while the cable is out, in order', async () => {
    const { cable, near, far, ours, theirs } = joined('stream')
    cable.pull()
    near.send(one)
    far.send(one)
    await pause()
    expect([ours.heard, theirs.heard]).toEqual([[], []])
    cable.plug()
    near.send(two)
    far.send(two)
    await pause()
    expect([ours.heard, theirs.heard]).toEqual([
      [1, 2],
      [1, 2],
    ])
  })

  it('loses datagrams', async () => {
    const { cable, near, far, ours, theirs } = joined('datagram')
    cable.pull()
    near.send(one)
    far.send(one)
    await pause()
    cable.plug()
    near.send(two)
    far.send(two)
    await pause()
    expect([ours.heard, theirs.heard]).toEqual([[2], [2]])
  })

  it('tells neither side of the end of the other before it is in again', async () => {
    const first = joined('stream')
    first.cable.pull()
    first.near.close()
    const second = joined('stream')
    second.cable.pull()
    second.far.close()
    await pause()
    expect([first.ours.ends.length, first.theirs.ends.length]).toEqual([1, 0])
    expect(second.ours.ends.length).toBe(0)
    first.cable.plug()
    second.cable.plug()
    await pause()
    expect([first.theirs.ends.length, second.ours.ends.length]).toEqual([1, 1])
  })

  it('loses what chance loses: datagrams, and connections that are opened', async () => {
    let lost = true
    const cable = new Cable(() => lost)
    const pair = memoryPair({ boundaries: 'datagram' })
    const near = overCable(pair.client, cable)
    const ours = listenTo(near)
    const theirs = listenTo(pair.server)
    const exchange = async (bytes: Uint8Array) => {
      near.send(bytes)
      pair.server.send(bytes)
      await pause()
    }
    await exchange(one)
    await expect(connectTcp({ address: testAddress(50), port: 1, cable, timeoutMs: 30 })).rejects.toMatchObject({
      code: 'timeout',
    })
    lost = false
    await exchange(two)
    expect([ours.heard, theirs.heard]).toEqual([[2], [2]])
  })

  it('gives up on a stream that has more to say than fits', async () => {
    const { cable, near, ours } = joined('stream')
    cable.pull()
    for (let i = 0; i < 5; i++) near.send(new Uint8Array(1024 * 1024))
    await pause()
    expect(ours.ends).toEqual([expect.stringMatching(/wait to be sent/)])
  })

  it('is opened when the cable is in, or not in time', async () => {
    const listener = await listenTcp({ address: testAddress(50), port: 0 }, (transport) => listenTo(transport))
    closers.push(() => listener.close())
    const cable = new Cable()
    cable.pull()
    const late = connectTcp({ ...listener.local, cable, timeoutMs: 5000 })
    await expect(connectTcp({ ...listener.local, cable, timeoutMs: 30 })).rejects.toMatchObject({ code: 'timeout' })
    const abort = new AbortController()
    const cancelled = connectTcp({ ...listener.local, cable, signal: abort.signal })
    abort.abort()
    await expect(cancelled).rejects.toMatchObject({ code: 'aborted' })
    cable.plug()
    const transport = await late
    expect(transport.state).toBe('open')
    listenTo(transport)
    transport.close()
  })
})
