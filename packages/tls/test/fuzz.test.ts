import { describe, expect, it } from 'vitest'
import { Listener, Session } from '../lib/index.ts'
import { load } from '../lib/load.ts'
import {
  clientContext,
  established,
  identity,
  makePair,
  type Pair,
  protocols,
  psk,
  pskCbc,
  serverContext,
  text,
} from './pair.ts'
import { issue } from './pki.ts'
import { generator } from './virtual-link.ts'

const root = await issue({ ca: true })
const device = await issue({ subject: 'CN=device' }, root)
const plant = await issue({ subject: 'CN=plant' }, root)
const mutual = { anchors: [root.der], verify: { peer: 'require' }, mtu: 500 } as const

const server = (protocol: 'tls' | 'dtls') =>
  serverContext(protocol, { ...mutual, identity: identity(device), suites: [0xc02b, pskCbc], psk: psk() })
const client = (protocol: 'tls' | 'dtls') => clientContext(protocol, { ...mutual, identity: identity(plant) })

/** Damages bytes in one of the ways that bytes are damaged. */
function mutate(bytes: Uint8Array, random: () => number): Uint8Array {
  const at = Math.floor(random() * bytes.length)
  switch (Math.floor(random() * 6)) {
    case 0:
      return bytes.length === 0 ? bytes : bytes.with(at, Math.floor(random() * 256))
    case 1:
      return bytes.length === 0 ? bytes : bytes.with(at, (bytes[at] ?? 0) ^ (1 << Math.floor(random() * 8)))
    case 2:
      return bytes.slice(0, at)
    case 3:
      return Uint8Array.from([...bytes, ...bytes.slice(at)])
    case 4:
      return Uint8Array.from([...bytes.slice(0, at), ...bytes.slice(at + 1 + Math.floor(random() * 20))])
    default:
      return Uint8Array.from({ length: Math.floor(random() * 200) }, () => Math.floor(random() * 256))
  }
}

/** A handshake and some data in which every third piece is damaged; any outcome is right that is one. */
function play(protocol: 'tls' | 'dtls', contexts: Parameters<typeof makePair>, seed: number): Pair {
  const random = generator(seed)
  const pair = makePair(...contexts)
  pair.client.start(0)
  for (let round = 0; round < 12; round++) {
    for (const [from, to] of [
      [pair.client, pair.server],
      [pair.server, pair.client],
    ] as const) {
      for (const bytes of from.takeOutput()) {
        const isDamaged = random() < 0.33
        if (!isDamaged || protocol === 'dtls') to.receive(isDamaged ? mutate(bytes, random) : bytes, round)
        else to.receive(mutate(bytes, random), round)
      }
      if (from.state === 'established' && random() < 0.5) from.write(text(`data ${round}`))
    }
  }
  return pair
}

describe.each(protocols)('%s sessions fed with damaged bytes', (protocol) => {
  it('end in one of their states, with events in order, and free their memory', () => {
    const contexts: Parameters<typeof makePair> = [server(protocol), client(protocol)]
    const [, before] = load().alive()
    const states = new Set<string>()
    for (let seed = 1; seed <= 400; seed++) {
      const pair = play(protocol, contexts, seed)
      for (const session of [pair.client, pair.server]) {
        states.add(session.state)
        const events = session.takeEvents()
        const ends = events.filter(({ kind }) => kind === 'failed' || kind === 'closed')
        expect(ends.length).toBe(session.state === 'failed' || session.state === 'closed' ? 1 : 0)
        if (ends.length > 0) expect(events.at(-1)).toBe(ends[0])
        // Nothing that was damaged is ever taken for data.
        for (const event of events)
          if (event.kind === 'data') expect(String.fromCharCode(...event.bytes)).toMatch(/^(data \d+)+$/)
        session.destroy()
      }
    }
    expect(states.has('failed')).toBe(true)
    expect(load().alive()[1]).toBe(before)
  })

  it('take any bytes as a first word', () => {
    const context = server(protocol)
    const random = generator(99)
    for (let round = 0; round < 500; round++) {
      const session = new Session(context)
      const prefix = [[], [22, 3, 1], [22, 3, 3, 0, 50, 1], [22, 0xfe, 0xfd, 0, 0], [21, 3, 3, 0, 2]][round % 5] ?? []
      const noise = Array.from({ length: Math.floor(random() * 300) }, () => Math.floor(random() * 256))
      session.receive(Uint8Array.from([...prefix, ...noise]), 0)
      expect(['handshaking', 'failed']).toContain(session.state)
      session.destroy()
    }
  })

  it('stay what they are when noise reaches them established', () => {
    const pair = established(...([server(protocol), client(protocol)] as const))
    const random = generator(5)
    for (let round = 0; round < 300; round++) {
      pair.client.write(text('clean'))
      for (const bytes of pair.client.takeOutput()) {
        if (protocol === 'dtls') pair.server.receive(mutate(bytes, random), 0)
        pair.server.receive(bytes, 0)
      }
    }
    expect(pair.server.state).toBe('established')
    const got = pair.server
      .takeEvents()
      .flatMap((event) => (event.kind === 'data' ? [String.fromCharCode(...event.bytes)] : []))
    expect(got.join('')).toBe('clean'.repeat(300))
  })
})

describe('a listener fed with damaged datagrams', () => {
  it('serves on, with bounded sessions', () => {
    const listener = new Listener(server('dtls'), { maxSessions: 20, maxPerHost: 20 })
    const random = generator(17)
    const context = client('dtls')
    for (let round = 0; round < 150; round++) {
      const session = new Session(context)
      const peer = { address: '127.64.0.1', port: 1 + (round % 30) }
      session.start(round)
      for (let turn = 0; turn < 6; turn++) {
        for (const datagram of session.takeOutput()) {
          const sent = random() < 0.3 ? mutate(datagram, random) : datagram
          for (const answer of listener.receive(peer, sent, round).output) {
            session.receive(random() < 0.2 ? mutate(answer, random) : answer, round)
          }
        }
      }
      session.destroy()
      expect(listener.size).toBeLessThanOrEqual(20)
    }
    for (const session of [...listener.sessions()]) {
      listener.forget(session)
      session.destroy()
    }
    expect(listener.size).toBe(0)
  })
})
