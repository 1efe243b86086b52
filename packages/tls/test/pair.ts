import {
  Context,
  type ContextOptions,
  type Protocol,
  Session,
  type SessionEvent,
  type SessionOptions,
} from '../lib/index.ts'
import type { Issued } from './pki.ts'

export const protocols: readonly Protocol[] = ['tls', 'dtls']

/** A suite of each kind of protection. */
export const gcm = 0xc02b
export const cbc = 0xc023
export const nullSha = 0xc006
export const pskCbc = 0xc037

export const text = (value: string): Uint8Array => new TextEncoder().encode(value)
export const string = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

/** The option `identity` of an issued certificate. */
export const identity = (issued: Issued, ...chain: readonly Issued[]) => ({
  chain: [issued.der, ...chain.map(({ der }) => der)],
  key: issued.key,
})

export const psk = (name = 'line 3', key = 'sixteen secret b') => [{ identity: text(name), key: text(key) }]

/** Both ends of an association in memory. */
export interface Pair {
  readonly server: Session
  readonly client: Session
}

type Options = Omit<ContextOptions, 'role' | 'protocol' | 'suites'> & Partial<Pick<ContextOptions, 'suites'>>

export const serverContext = (protocol: Protocol, options: Options): Context =>
  new Context({ role: 'server', protocol, suites: [gcm], ...options })
export const clientContext = (protocol: Protocol, options: Options): Context =>
  new Context({ role: 'client', protocol, suites: [gcm], ...options })

/** Two sessions that have not spoken yet. */
export function makePair(
  server: Context,
  client: Context,
  serverOptions: SessionOptions = {},
  clientOptions: SessionOptions = {},
): Pair {
  return { server: new Session(server, serverOptions), client: new Session(client, clientOptions) }
}

/** Carries everything both ways until nobody has anything to say; how many pieces or datagrams that was. */
export function exchange({ server, client }: Pair, now = 0): number {
  let carried = 0
  for (let round = 0; round < 200; round++) {
    const before = carried
    for (const bytes of client.takeOutput()) {
      server.receive(bytes, now)
      carried++
    }
    for (const bytes of server.takeOutput()) {
      client.receive(bytes, now)
      carried++
    }
    if (carried === before) return carried
  }
  throw new Error('Two sessions that never stop talking')
}

/** Starts the client and carries the handshake to its end. */
export function handshake(pair: Pair, now = 0): Pair {
  pair.client.start(now)
  exchange(pair, now)
  return pair
}

/** A finished handshake, its events taken. */
export function established(server: Context, client: Context, clientOptions: SessionOptions = {}): Pair {
  const pair = handshake(makePair(server, client, {}, clientOptions))
  if (pair.client.state !== 'established' || pair.server.state !== 'established') {
    throw new Error(`No handshake: ${JSON.stringify([pair.client.takeEvents(), pair.server.takeEvents()])}`)
  }
  pair.client.takeEvents()
  pair.server.takeEvents()
  return pair
}

export const kinds = (events: readonly SessionEvent[]): string[] => events.map(({ kind }) => kind)

/** The payload of all data events. */
export function received(session: Session): string[] {
  return session.takeEvents().flatMap((event) => (event.kind === 'data' ? [string(event.bytes)] : []))
}

/** The failure of a session that failed. */
export function failure(session: Session): Extract<SessionEvent, { kind: 'failed' }> {
  const event = session.takeEvents().find(({ kind }) => kind === 'failed')
  if (event?.kind !== 'failed') throw new Error(`The session did not fail, it is ${session.state}`)
  return event
}

/** Names of the alerts that a session heard and said, without taking its events from others. */
export function alerts(events: readonly SessionEvent[], direction: 'in' | 'out'): string[] {
  return events.flatMap((event) => (event.kind === 'alert' && event.direction === direction ? [event.name] : []))
}

/** Suites and extensions that a ClientHello offers; the two marks of RFC 5746, of which a version has the one or the other, left out. */
export function readHello(
  protocol: Protocol,
  bytes: Uint8Array,
): { suites: number[]; extensions: Map<number, Uint8Array> } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = (protocol === 'dtls' ? 13 + 12 : 5 + 4) + 2 + 32
  at += 1 + view.getUint8(at)
  if (protocol === 'dtls') at += 1 + view.getUint8(at)
  const suites: number[] = []
  for (const end = at + 2 + view.getUint16(at); at + 2 < end; at += 2) suites.push(view.getUint16(at + 2))
  at += 2
  at += 1 + view.getUint8(at)
  const extensions = new Map<number, Uint8Array>()
  for (const end = at + 2 + view.getUint16(at); at + 2 < end; ) {
    const length = view.getUint16(at + 4)
    extensions.set(view.getUint16(at + 2), Uint8Array.from(bytes.subarray(at + 6, at + 6 + length)))
    at += 4 + length
  }
  extensions.delete(0xff01)
  return { suites: suites.filter((id) => id !== 0x00ff), extensions }
}
