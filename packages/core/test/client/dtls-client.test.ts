import { decode, encode } from '@cordon/core/wire'
import { messageRouterReply, messageRouterRequest, path, success } from '@cordon/core/cip'
import { DtlsClient, dtlsRetry } from '@cordon/core/client'
import { DtlsMessages, type Link } from '@cordon/core/device'
import { dtlsReply, dtlsRequest, commonPacket, dtlsMessageOf } from '@cordon/core/enip'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { tinyDevice } from './fixture.ts'

const link: Link = { transport: 'dtls', localPort: 2221, peer: { address: '192.0.2.9', port: 50_000 } }
const message = encode(messageRouterRequest, {
  service: 0x0e,
  path: path({ class: 0x5d, instance: 1, attribute: 1 }),
  data: new Uint8Array(0),
})

describe('a client of unconnected messages over DTLS', () => {
  it('carries a request and its reply', () => {
    const client = new DtlsClient(7)
    const device = tinyDevice((asked) => success(asked.service, Uint8Array.of(2)))
    const target = new DtlsMessages({ device, link })
    const id = client.send(message, 0, 10_000)
    expect(id).toBe(7)
    for (const bytes of client.takeOutput()) target.receive(bytes, 0)
    for (const bytes of target.takeOutput()) expect(client.receive(bytes)).toBe(true)
    const [event] = client.takeEvents()
    if (event?.kind !== 'reply') throw new Error('no reply')
    expect(event.id).toBe(id)
    expect(decode(messageRouterReply, event.message).data).toEqual(Uint8Array.of(2))
    expect(client.deadline()).toBeUndefined()
  })

  it('sends an unanswered request again under the same number, then gives up', () => {
    const client = new DtlsClient()
    const id = client.send(message, 0, 10_000)
    const sent: { at: number; bytes: Uint8Array }[] = client.takeOutput().map((bytes) => ({ at: 0, bytes }))
    for (let now = client.deadline(); now !== undefined; now = client.deadline()) {
      client.tick(now)
      for (const bytes of client.takeOutput()) sent.push({ at: now, bytes })
    }
    expect(sent.map(({ at }) => at)).toEqual([0, dtlsRetry.firstMs, dtlsRetry.firstMs * 3])
    for (const { bytes } of sent) expect(dtlsMessageOf(decode(commonPacket, bytes))?.transaction).toBe(id)
    expect(client.takeEvents()).toEqual([{ kind: 'timeout', id }])
  })

  it('survives the loss of any request or reply, and the target carries it out once', () => {
    fc.assert(
      fc.property(
        fc.array(fc.boolean(), { minLength: 2, maxLength: 2 }),
        fc.array(fc.boolean(), { minLength: 2, maxLength: 2 }),
        (up, down) => {
          const device = tinyDevice()
          const client = new DtlsClient()
          const target = new DtlsMessages({ device, link })
          client.send(message, 0, 20_000)
          const losesUp = [...up]
          const losesDown = [...down]
          let now: number | undefined = 0
          const events = []
          while (now !== undefined && events.length === 0) {
            client.tick(now)
            for (const bytes of client.takeOutput()) if (losesUp.shift() !== true) target.receive(bytes, now)
            for (const bytes of target.takeOutput()) if (losesDown.shift() !== true) client.receive(bytes)
            events.push(...client.takeEvents())
            now = client.deadline()
          }
          expect(device.requests.length).toBeLessThanOrEqual(1)
          // Three sends: at most two of the four legs lost leave one whole round.
          if ([...up, ...down].filter(Boolean).length <= 2) expect(events).toMatchObject([{ kind: 'reply' }])
        },
      ),
    )
  })

  it('drops replies that nobody waits for', () => {
    const client = new DtlsClient(1)
    const asked = dtlsMessageOf(decode(commonPacket, dtlsRequest(99, message)))
    if (asked === undefined) throw new Error('no item')
    expect(client.receive(dtlsReply(asked, message))).toBe(true)
    expect(client.takeEvents()).toEqual([])
  })

  it('reports a refusal', () => {
    const client = new DtlsClient(5)
    const id = client.send(message, 0, 1000)
    const asked = dtlsMessageOf(decode(commonPacket, client.takeOutput()[0] ?? new Uint8Array(0)))
    if (asked === undefined) throw new Error('no item')
    client.receive(dtlsReply(asked, new Uint8Array(0), 'serviceNotAllowedOnPort'))
    expect(client.takeEvents()).toEqual([{ kind: 'refused', id, status: 'serviceNotAllowedOnPort' }])
  })

  it('leaves class 0/1 data to others', () => {
    const client = new DtlsClient()
    expect(client.receive(Uint8Array.from([2, 0, 2, 0x80, 8, 0, ...new Uint8Array(12)]))).toBe(false)
  })

  it('takes any bytes without throwing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const client = new DtlsClient()
        client.receive(bytes)
        client.receive(Uint8Array.from([1, 0, 3, 0x80, ...bytes]))
      }),
    )
  })
})
