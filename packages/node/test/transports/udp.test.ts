import { createSocket } from 'node:dgram'
import { describe, expect, it } from 'vitest'
import type { Endpoint, Transport } from '../../src/transports/transport.ts'
import { bindUdp, connectUdp } from '../../src/transports/udp.ts'
import { testAddress } from '../addresses.ts'
import { collect, describeTransport } from './describe-transport.ts'

/** Two sockets, each connected to the other. */
async function pair(): Promise<{ client: Transport; server: Transport; dispose: () => Promise<void> }> {
  const probe = await bindUdp({ address: testAddress(10), port: 0 }, () => {})
  const port = probe.local.port
  probe.close()
  const client = await connectUdp({ address: testAddress(10), port, localAddress: testAddress(11) })
  const server = await connectUdp({ ...client.local, localAddress: testAddress(10), localPort: port })
  return {
    client,
    server,
    dispose: async () => {
      client.destroy()
      server.destroy()
    },
  }
}

describeTransport({ name: 'udp', boundaries: 'datagram', announcesClose: false, largest: 9000, connect: pair })

describe('bindUdp', () => {
  it('tells who sent a datagram and can answer', async () => {
    const heard: { bytes: Uint8Array; remote: Endpoint }[] = []
    let tell: (bytes: Uint8Array) => void = () => {}
    const answer = new Promise<Uint8Array>((resolve) => {
      tell = resolve
    })
    const server = await bindUdp({ address: testAddress(12), port: 0 }, (bytes, remote) => {
      heard.push({ bytes, remote })
      server.send(Uint8Array.of(9), remote)
    })
    const client = await bindUdp({ address: testAddress(13), port: 0 }, (bytes) => tell(bytes))
    client.send(Uint8Array.of(1, 2), server.local)
    expect([...(await answer)]).toEqual([9])
    expect(heard[0]?.remote.address).toBe(testAddress(13))
    client.close()
    server.close()
  })

  it('says that somebody else holds the port', async () => {
    const socket = await bindUdp({ address: testAddress(14), port: 0 }, () => {})
    await expect(bindUdp(socket.local, () => {})).rejects.toMatchObject({ code: 'address-in-use' })
    socket.close()
  })

  it('survives datagrams to a port where nobody listens', async () => {
    const heard: number[] = []
    const socket = await bindUdp({ address: testAddress(15), port: 0 }, (bytes) => heard.push(bytes.length))
    for (let i = 0; i < 20; i++) socket.send(Uint8Array.of(1), { address: testAddress(16), port: 9 })
    await new Promise((resolve) => setTimeout(resolve, 20))
    const other = createSocket('udp4')
    await new Promise<void>((resolve) =>
      other.send(Uint8Array.of(1, 2, 3), socket.local.port, socket.local.address, () => resolve()),
    )
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(heard).toEqual([3])
    other.close()
    socket.close()
  })
})

describe('connectUdp', () => {
  it('does not hear third parties', async () => {
    const { client, server, dispose } = await pair()
    const atClient = collect(client)
    const stranger = await bindUdp({ address: testAddress(17), port: 0 }, () => {})
    stranger.send(Uint8Array.of(66), client.local)
    server.send(Uint8Array.of(1))
    await atClient.messages(1)
    expect(atClient.received.map((part) => [...part])).toEqual([[1]])
    stranger.close()
    await dispose()
  })

  it('ends when the peer refuses, where that is wanted', async () => {
    const client = await connectUdp({ address: testAddress(18), port: 9 })
    const atClient = collect(client)
    client.send(Uint8Array.of(1))
    await atClient.closed()
    expect(atClient.ends[0]).toMatchObject({ code: 'refused' })
  })

  it('does not believe a refusal on a long association', async () => {
    const client = await connectUdp({ address: testAddress(18), port: 9, refusalIsFinal: () => false })
    const atClient = collect(client)
    client.send(Uint8Array.of(1))
    client.send(Uint8Array.of(1))
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(client.state).toBe('open')
    expect(atClient.ends).toHaveLength(0)
    client.destroy()
  })
})
