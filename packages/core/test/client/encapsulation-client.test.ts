import { decode, encode } from '@cordon/core/wire'
import {
  failure,
  messageRouterReply,
  messageRouterRequest,
  type MessageRouterRequest,
  path,
  success,
} from '@cordon/core/cip'
import { EncapsulationClient } from '@cordon/core/client'
import { EncapsulationSession } from '@cordon/core/device'
import { encapsulate, encapsulationMessage } from '@cordon/core/enip'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { plainLink, settle, tinyDevice } from './fixture.ts'

const request: MessageRouterRequest = {
  service: 0x0e,
  path: path({ class: 1, instance: 1, attribute: 1 }),
  data: new Uint8Array(0),
}
const requestBytes = encode(messageRouterRequest, request)

/** A client and a target's session that exchange bytes at once. */
function pair(device = tinyDevice()) {
  const client = new EncapsulationClient()
  const target = new EncapsulationSession({ device, link: plainLink }, 0)
  return {
    client,
    target,
    device,
    exchange(now = 0) {
      for (const bytes of client.takeOutput()) target.receive(bytes, now)
      for (const bytes of target.takeOutput()) client.receive(bytes)
      return client.takeEvents()
    },
  }
}

describe('an encapsulation client', () => {
  it('registers and learns its handle', () => {
    const { client, exchange } = pair()
    client.register(0, 1000)
    expect(client.state).toBe('registering')
    expect(exchange()).toEqual([{ kind: 'registered', handle: 1 }])
    expect(client.state).toBe('registered')
    expect(client.handle).toBe(1)
  })

  it('carries a request and its reply', () => {
    const { client, exchange, device } = pair(tinyDevice((asked) => success(asked.service, Uint8Array.of(1, 2))))
    client.register(0, 1000)
    exchange()
    const id = client.send(requestBytes, 0, 1000)
    const [event] = exchange()
    expect(event).toMatchObject({ kind: 'reply', id })
    if (event?.kind !== 'reply') throw new Error('no reply')
    expect(decode(messageRouterReply, event.message)).toMatchObject({
      service: 0x0e,
      status: 0,
      data: Uint8Array.of(1, 2),
    })
    expect(device.requests).toHaveLength(1)
    expect(client.outstanding).toBe(0)
  })

  it('matches replies that come in another order by their context', async () => {
    const answers: (() => void)[] = []
    const device = tinyDevice(
      (asked) => new Promise((resolve) => answers.push(() => resolve(success(asked.service, asked.data.slice())))),
    )
    const { client, exchange } = pair(device)
    client.register(0, 1000)
    exchange()
    const ids = [1, 2, 3].map((n) =>
      client.send(encode(messageRouterRequest, { ...request, data: Uint8Array.of(n) }), 0, 1000),
    )
    expect(exchange()).toEqual([])
    for (const answer of answers.reverse()) {
      answer()
      await settle()
    }
    const replies = exchange().map((event) => (event.kind === 'reply' ? [event.id, event.message.at(-1)] : []))
    expect(replies).toEqual([
      [ids[2], 3],
      [ids[1], 2],
      [ids[0], 1],
    ])
  })

  it('says which requests got no reply in time, and drops a late one', async () => {
    let answer: () => void = () => {}
    const { client, exchange } = pair(
      tinyDevice((asked) => new Promise((resolve) => (answer = () => resolve(success(asked.service))))),
    )
    client.register(0, 1000)
    exchange()
    const id = client.send(requestBytes, 0, 500)
    expect(client.deadline()).toBe(500)
    exchange()
    client.tick(499)
    expect(client.takeEvents()).toEqual([])
    client.tick(500)
    expect(client.takeEvents()).toEqual([{ kind: 'timeout', id }])
    answer()
    await settle()
    expect(exchange()).toEqual([])
    expect(client.deadline()).toBeUndefined()
  })

  it('reports a refusal by the encapsulation', () => {
    const { client, exchange } = pair()
    client.register(0, 1000)
    exchange()
    client.register(0, 1000)
    expect(exchange()).toEqual([{ kind: 'refused', id: 0, status: 'invalidCommand' }])
  })

  it('asks with list commands without a session', () => {
    const { client, exchange } = pair()
    const id = client.list('listServices', 0, 1000)
    expect(exchange()).toMatchObject([{ kind: 'list', id, items: [{ kind: 'listServices', name: 'Communications' }] }])
  })

  it('passes connected messages of its own session on, and no others', () => {
    const client = new EncapsulationClient()
    client.register(0, 1000)
    client.takeOutput()
    client.receive(encapsulate({ command: 'registerSession', session: 7, data: Uint8Array.of(1, 0, 0, 0) }))
    client.takeEvents()
    client.sendConnected(0x1234, 9, Uint8Array.of(0xaa))
    const [out] = client.takeOutput()
    if (out === undefined) throw new Error('nothing sent')
    client.receive(out)
    expect(client.takeEvents()).toEqual([
      { kind: 'connected', connectionId: 0x1234, sequenceCount: 9, message: Uint8Array.of(0xaa) },
    ])
    const foreign = out.slice()
    foreign[4] = 8
    client.receive(foreign)
    expect(client.takeEvents()).toEqual([])
  })

  it('puts nothing into the bytes of the context that ListIdentity reads as a delay', () => {
    const client = new EncapsulationClient()
    client.list('listIdentity', 0, 1000)
    const [bytes] = client.takeOutput()
    if (bytes === undefined) throw new Error('nothing sent')
    expect([...decode(encapsulationMessage, bytes).senderContext.subarray(0, 2)]).toEqual([0, 0])
  })

  it('keeps a refused request apart from an error of the session', () => {
    const { client, exchange } = pair(tinyDevice((asked) => failure(asked.service, 0x0f)))
    client.register(0, 1000)
    exchange()
    client.send(requestBytes, 0, 1000)
    expect(exchange()).toMatchObject([{ kind: 'reply' }])
    expect(client.state).toBe('registered')
  })

  it('fails on a frame that cannot be, and stays failed', () => {
    const client = new EncapsulationClient()
    client.receive(Uint8Array.from([0x6f, 0, 0xff, 0xff, ...new Uint8Array(20)]))
    expect(client.takeEvents()).toMatchObject([{ kind: 'failed', error: { name: 'MalformedMessage' } }])
    client.receive(encapsulate({ command: 'nop' }))
    expect(client.takeEvents()).toEqual([])
    expect(client.state).toBe('failed')
  })

  it('takes any bytes in any pieces without throwing', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 20 }), (chunks) => {
        const client = new EncapsulationClient()
        client.register(0, 1000)
        client.list('listIdentity', 0, 1000)
        for (const chunk of chunks) client.receive(chunk)
        client.receiveDatagram(Buffer.concat(chunks))
        client.takeEvents()
      }),
    )
  })

  it('understands replies however the stream cuts them', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), (size) => {
        const client = new EncapsulationClient()
        client.register(0, 1000)
        const id = client.list('listServices', 0, 1000)
        const target = new EncapsulationSession({ device: tinyDevice(), link: plainLink }, 0)
        for (const bytes of client.takeOutput()) target.receive(bytes, 0)
        const stream = Buffer.concat(target.takeOutput())
        for (let at = 0; at < stream.length; at += size) client.receive(stream.subarray(at, at + size))
        expect(client.takeEvents()).toMatchObject([{ kind: 'registered' }, { kind: 'list', id }])
      }),
    )
  })
})
