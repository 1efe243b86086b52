import { describe, expect, it } from 'vitest'
import { type Drivable, Driver } from '../src/drive.ts'
import { memoryPair } from '../src/transports/memory.ts'
import type { Transport } from '../src/transports/transport.ts'

const turn = () => new Promise((resolve) => setTimeout(resolve, 5))

/** Answers each byte with the next one; wants to be called `delay` ms after it was fed. */
function echo(delay?: number): Drivable & { readonly heard: number[]; readonly ticks: number[] } {
  const output: Uint8Array[] = []
  const heard: number[] = []
  const ticks: number[] = []
  let due: number | undefined
  return {
    heard,
    ticks,
    receive: (bytes, now) => {
      for (const byte of bytes) {
        heard.push(byte)
        output.push(Uint8Array.of(byte + 1))
      }
      due = delay === undefined ? undefined : now + delay
    },
    takeOutput: () => output.splice(0),
    deadline: () => due,
    tick: (now) => {
      ticks.push(now)
      due = undefined
      output.push(Uint8Array.of(0))
    },
  }
}

describe('a driver', () => {
  it('carries bytes in, output out, and tells its owner', async () => {
    const { client, server } = memoryPair()
    const session = echo()
    let progress = 0
    new Driver(server, session, { progress: () => progress++, closed: () => {} })
    const heard: number[] = []
    client.attach({ data: (bytes) => heard.push(...bytes), closed: () => {} })
    client.send(Uint8Array.of(1, 2))
    await turn()
    expect(session.heard).toEqual([1, 2])
    expect(heard).toEqual([2, 3])
    expect(progress).toBe(1)
  })

  it('calls back when the time has come', async () => {
    const { client, server } = memoryPair()
    const session = echo(1)
    new Driver(server, session, { progress: () => {}, closed: () => {} })
    const heard: number[] = []
    client.attach({ data: (bytes) => heard.push(...bytes), closed: () => {} })
    client.send(Uint8Array.of(1))
    for (let i = 0; i < 100 && heard.length < 2; i++) await turn()
    expect(session.ticks).toHaveLength(1)
    expect(heard).toEqual([2, 0])
  })

  it('stops and tells its owner when the transport is gone', async () => {
    const { client, server } = memoryPair()
    const session = echo(1)
    const ends: unknown[] = []
    new Driver(server, session, { progress: () => {}, closed: (error) => ends.push(error) })
    client.attach({ data: () => {}, closed: () => {} })
    client.send(Uint8Array.of(1))
    client.close()
    await turn()
    await turn()
    expect(ends).toEqual([undefined])
    expect(session.ticks).toHaveLength(0)
  })

  it('reads nothing more from a peer that does not read', async () => {
    const { client, server } = memoryPair()
    let full = true
    let paused = 0
    let resumed = 0
    let drain: () => void = () => {}
    const narrow: Transport = {
      kind: server.kind,
      boundaries: server.boundaries,
      local: server.local,
      remote: server.remote,
      security: undefined,
      state: 'open',
      attach: (handlers) => {
        drain = () => handlers.drain?.()
        server.attach(handlers)
      },
      send: () => !full,
      pause: () => {
        paused++
        server.pause()
      },
      resume: () => {
        resumed++
        server.resume()
      },
      close: () => server.close(),
      destroy: () => server.destroy(),
    }
    const session = echo()
    new Driver(narrow, session, { progress: () => {}, closed: () => {} })
    client.attach({ data: () => {}, closed: () => {} })
    client.send(Uint8Array.of(1))
    await turn()
    client.send(Uint8Array.of(2))
    await turn()
    expect(session.heard).toEqual([1])
    expect(paused).toBe(1)
    full = false
    drain()
    await turn()
    expect(session.heard).toEqual([1, 2])
    expect(resumed).toBe(1)
  })
})
