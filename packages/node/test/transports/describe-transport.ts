import { TransportError } from '@cordon/core/errors'
import { afterEach, describe, expect, it } from 'vitest'
import type { Transport } from '../../src/transports/transport.ts'

/** Two joined ends and what is to be undone after the test. */
export interface TransportPair {
  readonly client: Transport
  readonly server: Transport
  dispose(): Promise<void>
}

/** How a transport under test makes pairs and what it promises. */
export interface TransportSubject {
  readonly name: string
  readonly boundaries: 'stream' | 'datagram'
  /** The other end hears that this one closed. Plain UDP cannot say so. */
  readonly announcesClose: boolean
  /** The largest message that goes through in one piece; streams take any. */
  readonly largest: number
  connect(): Promise<TransportPair>
}

/** Collects what a transport delivers. */
export function collect(transport: Transport) {
  const received: Uint8Array[] = []
  const ends: unknown[] = []
  const waiters: (() => void)[] = []
  const wake = () => {
    for (const waiter of waiters.splice(0)) waiter()
  }
  transport.attach({
    data: (bytes) => {
      received.push(bytes)
      wake()
    },
    closed: (error) => {
      ends.push(error)
      wake()
    },
  })
  const until = async (condition: () => boolean): Promise<void> => {
    while (!condition()) await new Promise<void>((resolve) => waiters.push(resolve))
  }
  return {
    received,
    ends,
    bytes: () => Buffer.concat(received),
    /** Waits for so many bytes in all. */
    length: (count: number) => until(() => received.reduce((sum, part) => sum + part.length, 0) >= count),
    messages: (count: number) => until(() => received.length >= count),
    closed: () => until(() => ends.length > 0),
  }
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 20))

/** The rules that every transport keeps. */
export function describeTransport(subject: TransportSubject): void {
  describe(`${subject.name} as a transport`, () => {
    const pairs: TransportPair[] = []
    const connect = async () => {
      const pair = await subject.connect()
      pairs.push(pair)
      return pair
    }
    afterEach(async () => {
      for (const pair of pairs.splice(0)) await pair.dispose()
    })

    it('knows both of its ends', async () => {
      const { client, server } = await connect()
      expect(client.boundaries).toBe(subject.boundaries)
      expect(client.remote).toEqual(server.local)
      expect(server.remote).toEqual(client.local)
      expect(client.state).toBe('open')
    })

    it('carries bytes both ways unchanged', async () => {
      const { client, server } = await connect()
      const atServer = collect(server)
      const atClient = collect(client)
      client.send(Uint8Array.of(1, 2, 3))
      await atServer.length(3)
      server.send(Uint8Array.of(4, 5))
      await atClient.length(2)
      expect([...atServer.bytes()]).toEqual([1, 2, 3])
      expect([...atClient.bytes()]).toEqual([4, 5])
    })

    it('holds what arrives before somebody listens', async () => {
      const { client, server } = await connect()
      client.send(Uint8Array.of(7, 8, 9))
      await turn()
      const atServer = collect(server)
      await atServer.length(3)
      expect([...atServer.bytes()]).toEqual([7, 8, 9])
    })

    it('takes one listener', async () => {
      const { client } = await connect()
      collect(client)
      expect(() => collect(client)).toThrow(/one listener/)
    })

    it('keeps the order of what is sent', async () => {
      const { client, server } = await connect()
      const atServer = collect(server)
      const count = 200
      for (let i = 0; i < count; i++) {
        client.send(Uint8Array.of(i & 0xff, i >> 8))
        // Datagrams overflow a socket that nobody reads in between.
        if (i % 20 === 19) await new Promise((resolve) => setImmediate(resolve))
      }
      await atServer.length(count * 2)
      const bytes = atServer.bytes()
      for (let i = 0; i < count; i++) expect(bytes.readUInt16LE(i * 2)).toBe(i)
    })

    it('carries the largest message it promises', async () => {
      const { client, server } = await connect()
      const atServer = collect(server)
      const message = Uint8Array.from({ length: subject.largest }, (_, i) => (i * 7) & 0xff)
      client.send(message)
      await atServer.length(message.length)
      expect(atServer.bytes().equals(message)).toBe(true)
      if (subject.boundaries === 'datagram') expect(atServer.received).toHaveLength(1)
    })

    if (subject.boundaries === 'datagram') {
      it('keeps the boundaries of datagrams', async () => {
        const { client, server } = await connect()
        const atServer = collect(server)
        client.send(Uint8Array.of(1))
        client.send(Uint8Array.of(2, 2))
        client.send(Uint8Array.of(3, 3, 3))
        await atServer.messages(3)
        expect(atServer.received.map((part) => part.length)).toEqual([1, 2, 3])
      })
    }

    it('delivers nothing while paused and everything after', async () => {
      const { client, server } = await connect()
      const atServer = collect(server)
      server.pause()
      client.send(Uint8Array.of(1))
      await turn()
      client.send(Uint8Array.of(2))
      await turn()
      expect(atServer.received).toHaveLength(0)
      server.resume()
      await atServer.length(2)
      expect([...atServer.bytes()]).toEqual([1, 2])
    })

    it('ends in order when it is closed, and tells its own listener once', async () => {
      const { client } = await connect()
      const atClient = collect(client)
      client.close()
      await atClient.closed()
      client.close()
      client.destroy()
      await turn()
      expect(atClient.ends).toEqual([undefined])
      expect(client.state).toBe('closed')
    })

    it('reports the reason when it is destroyed', async () => {
      const { client } = await connect()
      const atClient = collect(client)
      const reason = new TransportError('closed', 'enough')
      client.destroy(reason)
      await atClient.closed()
      expect(atClient.ends).toEqual([reason])
    })

    it('drops what is sent after its end', async () => {
      const { client, server } = await connect()
      const atServer = collect(server)
      client.close()
      expect(client.send(Uint8Array.of(1))).toBe(false)
      await turn()
      expect(atServer.received).toHaveLength(0)
    })

    if (subject.announcesClose) {
      it('delivers what was sent before a close, then tells the other end', async () => {
        const { client, server } = await connect()
        const atServer = collect(server)
        collect(client)
        client.send(Uint8Array.of(1, 2, 3, 4))
        client.close()
        await atServer.closed()
        expect([...atServer.bytes()]).toEqual([1, 2, 3, 4])
        expect(atServer.ends).toEqual([undefined])
        expect(server.state).toBe('closed')
      })
    }
  })
}
