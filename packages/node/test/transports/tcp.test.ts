import { TransportError } from '@cordon/core/errors'
import { createServer } from 'node:net'
import { describe, expect, it } from 'vitest'
import { connectTcp, listenTcp } from '../../src/transports/tcp.ts'
import type { Transport } from '../../src/transports/transport.ts'
import { testAddress } from '../addresses.ts'
import { collect, describeTransport } from './describe-transport.ts'

async function pair(limits = {}) {
  let accepted: (transport: Transport) => void = () => {}
  const server = new Promise<Transport>((resolve) => {
    accepted = resolve
  })
  const listener = await listenTcp({ address: testAddress(1), port: 0 }, accepted)
  const client = await connectTcp({ ...listener.local, localAddress: testAddress(2), limits })
  const other = await server
  return {
    client,
    server: other,
    dispose: async () => {
      client.destroy()
      other.destroy()
      await listener.close()
    },
  }
}

describeTransport({ name: 'tcp', boundaries: 'stream', announcesClose: true, largest: 200_000, connect: () => pair() })

describe('connectTcp', () => {
  it('binds the socket to the address it is given', async () => {
    const { client, server, dispose } = await pair()
    expect(client.local.address).toBe(testAddress(2))
    expect(server.remote.address).toBe(testAddress(2))
    await dispose()
  })

  it('says that a port is closed', async () => {
    await expect(connectTcp({ address: testAddress(1), port: 1 })).rejects.toMatchObject({
      name: 'TransportError',
      code: 'refused',
    })
  })

  it('says that a local address does not exist here', async () => {
    await expect(connectTcp({ address: testAddress(1), port: 1, localAddress: '192.0.2.1' })).rejects.toMatchObject({
      code: 'unreachable',
    })
  })

  it('is cancelled by its signal', async () => {
    const controller = new AbortController()
    const opening = connectTcp({ address: testAddress(1), port: 1, signal: controller.signal })
    controller.abort()
    await expect(opening).rejects.toMatchObject({ code: 'aborted' })
    await expect(connectTcp({ address: testAddress(1), port: 1, signal: controller.signal })).rejects.toMatchObject({
      code: 'aborted',
    })
  })
})

describe('listenTcp', () => {
  it('says that somebody else listens there', async () => {
    const listener = await listenTcp({ address: testAddress(3), port: 0 }, () => {})
    await expect(listenTcp(listener.local, () => {})).rejects.toMatchObject({ code: 'address-in-use' })
    await listener.close()
  })

  it('closes the port at once although a connection stays open', async () => {
    const accepted: Transport[] = []
    const listener = await listenTcp({ address: testAddress(4), port: 0 }, (transport) => accepted.push(transport))
    const client = await connectTcp(listener.local)
    await listener.close()
    await expect(connectTcp(listener.local)).rejects.toMatchObject({ code: 'refused' })
    const atClient = collect(client)
    accepted[0]?.send(Uint8Array.of(1))
    await atClient.length(1)
    client.destroy()
  })

  it('closes a connection that is not admitted before anything is read from it', async () => {
    const accepted: Transport[] = []
    const listener = await listenTcp({ address: testAddress(5), port: 0, admit: () => false }, (transport) =>
      accepted.push(transport),
    )
    const client = await connectTcp(listener.local)
    const atClient = collect(client)
    await atClient.closed()
    expect(accepted).toHaveLength(0)
    await listener.close()
  })
})

describe('a peer that does not read', () => {
  it('makes send ask for a pause, and ends the connection at the limit', async () => {
    // A bare server that never reads: the kernel's buffers fill, then ours.
    const server = createServer({ pauseOnConnect: true }, () => {})
    await new Promise<void>((resolve) => server.listen(0, testAddress(6), resolve))
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no address')
    const client = await connectTcp({
      address: testAddress(6),
      port: address.port,
      limits: { highWaterMark: 10_000, maxQueued: 1_000_000 },
    })
    const atClient = collect(client)
    const block = new Uint8Array(100_000)
    let asked = false
    for (let i = 0; i < 1000 && client.state === 'open'; i++) {
      if (!client.send(block)) asked = true
      if (i % 10 === 9) await new Promise((resolve) => setImmediate(resolve))
    }
    await atClient.closed()
    expect(asked).toBe(true)
    expect(atClient.ends[0]).toBeInstanceOf(TransportError)
    expect(String(atClient.ends[0])).toMatch(/does not read/)
    server.close()
  })

  it('lets sending go on after it has read', async () => {
    const { client, server, dispose } = await pair({ highWaterMark: 1000 })
    let drained = 0
    client.attach({ data: () => {}, drain: () => drained++, closed: () => {} })
    let sent = 0
    while (client.send(new Uint8Array(100_000))) sent += 100_000
    sent += 100_000
    expect(drained).toBe(0)
    const atServer = collect(server)
    await atServer.length(sent)
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(drained).toBe(1)
    await dispose()
  })
})
