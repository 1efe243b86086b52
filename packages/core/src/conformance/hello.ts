import type { Bench } from './bench.ts'
import { be16, concat } from './frames.ts'
import type { ConformancePort, Line } from './port.ts'

/**
 * The first flight of a handshake, which TLS 1.2 sends in clear: a ClientHello is written as a case wants it, and what the
 * target answers is read until it waits for us. No handshake is ever finished here; associations are OpenSSL's.
 */

/** Protocol over which a hello goes. */
export type HelloProtocol = 'tls' | 'dtls'

/** Version numbers on the wire. */
export const versions = {
  ssl3: 0x0300,
  tls10: 0x0301,
  tls11: 0x0302,
  tls12: 0x0303,
  tls13: 0x0304,
  dtls10: 0xfeff,
  dtls12: 0xfefd,
} as const

/** Handshake message types (RFC 5246 7.4). */
export const handshakeTypes = {
  clientHello: 1,
  serverHello: 2,
  helloVerify: 3,
  certificate: 11,
  keyExchange: 12,
  certificateRequest: 13,
  helloDone: 14,
} as const

/** Extension numbers (IANA). */
export const extensionTypes = {
  groups: 10,
  pointFormats: 11,
  signatures: 13,
  encryptThenMac: 22,
  extendedMasterSecret: 23,
  sessionTicket: 35,
  supportedVersions: 43,
  keyShare: 51,
  renegotiation: 0xff01,
} as const

/** Curves (IANA). */
export const groups = { secp256r1: 23, secp384r1: 24, x25519: 29, sect163k1: 1 } as const

/** How a ClientHello is to look. */
export interface HelloFields {
  /** Default 1.2 of the protocol. */
  readonly version?: number
  readonly suites: readonly number[]
  /** Default: null only. */
  readonly compressions?: readonly number[]
  /** Default secp256r1, secp384r1, x25519. */
  readonly groups?: readonly number[]
  readonly sessionId?: Uint8Array
  readonly cookie?: Uint8Array
  readonly random: Uint8Array
  /** More extensions, by number. */
  readonly more?: readonly (readonly [type: number, data: Uint8Array])[]
  /** Renegotiation info by the suite 0x00FF; default true. */
  readonly scsv?: boolean
}

function vector(lengthBytes: 1 | 2, data: Uint8Array): Uint8Array {
  return concat(lengthBytes === 1 ? Uint8Array.of(data.length) : be16(data.length), data)
}

function numbers(list: readonly number[]): Uint8Array {
  return concat(...list.map(be16))
}

const signatureAlgorithms = [0x0403, 0x0503, 0x0603, 0x0401, 0x0501, 0x0601, 0x0201, 0x0203]

/** The body of a ClientHello. */
function helloBody(protocol: HelloProtocol, fields: HelloFields): Uint8Array {
  const curves = fields.groups ?? [groups.secp256r1, groups.secp384r1, groups.x25519]
  const extensions: (readonly [number, Uint8Array])[] = [
    [extensionTypes.groups, vector(2, numbers(curves))],
    [extensionTypes.pointFormats, vector(1, Uint8Array.of(0))],
    [extensionTypes.signatures, vector(2, numbers(signatureAlgorithms))],
    [extensionTypes.encryptThenMac, new Uint8Array(0)],
    [extensionTypes.extendedMasterSecret, new Uint8Array(0)],
    ...(fields.more ?? []),
  ]
  const version = fields.version ?? (protocol === 'tls' ? versions.tls12 : versions.dtls12)
  return concat(
    be16(version),
    fields.random,
    vector(1, fields.sessionId ?? new Uint8Array(0)),
    protocol === 'dtls' ? vector(1, fields.cookie ?? new Uint8Array(0)) : new Uint8Array(0),
    vector(2, numbers([...fields.suites, ...(fields.scsv === false ? [] : [0x00ff])])),
    vector(1, Uint8Array.from(fields.compressions ?? [0])),
    // SSL 3.0 has no extensions.
    version === versions.ssl3
      ? new Uint8Array(0)
      : vector(2, concat(...extensions.map(([type, data]) => concat(be16(type), vector(2, data))))),
  )
}

function u24(value: number): Uint8Array {
  return Uint8Array.of((value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff)
}

/** A TLS record. */
export function tlsRecord(type: number, data: Uint8Array, version: number = versions.tls10): Uint8Array {
  return concat(Uint8Array.of(type), be16(version), be16(data.length), data)
}

/** A DTLS record of epoch 0. */
export function dtlsRecord(type: number, sequence: number, data: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(type, 0xfe, 0xff, 0, 0, 0, 0, 0, 0), be16(sequence), be16(data.length), data)
}

/** A handshake message of TLS. */
export function tlsClientHello(fields: HelloFields): Uint8Array {
  const body = helloBody('tls', fields)
  return concat(Uint8Array.of(handshakeTypes.clientHello), u24(body.length), body)
}

/** A datagram with a whole ClientHello; number 1 once a cookie is in it. */
export function dtlsClientHello(fields: HelloFields): Uint8Array {
  const body = helloBody('dtls', fields)
  const sequence = fields.cookie === undefined ? 0 : 1
  const message = concat(
    Uint8Array.of(handshakeTypes.clientHello),
    u24(body.length),
    be16(sequence),
    u24(0),
    u24(body.length),
    body,
  )
  return dtlsRecord(22, sequence, message)
}

/** What a ServerHello says. */
export interface ServerHello {
  readonly version: number
  readonly sessionId: Uint8Array
  readonly suite: number
  readonly compression: number
  readonly extensions: ReadonlyMap<number, Uint8Array>
}

/** How a target answered a ClientHello. */
export interface Flight {
  /** `hello`: a ServerHello came; `verify`: a HelloVerifyRequest, and no more was asked; the others say why not. */
  readonly outcome: 'hello' | 'verify' | 'alert' | 'closed' | 'silence' | 'garbage'
  /** In words. */
  readonly reason: string
  readonly alert?: number
  readonly serverHello?: ServerHello
  /** DER, leaf first. */
  readonly certificates: readonly Uint8Array[]
  readonly certificateRequest: boolean
  /** Curve of the key exchange. */
  readonly curve?: number
  /** ServerHelloDone came. */
  readonly done: boolean
  /** DTLS: what a HelloVerifyRequest carried. */
  readonly verify?: { readonly version: number; readonly cookie: Uint8Array; readonly datagramLength: number }
  /** DTLS: lengths of the datagrams behind the cookie. */
  readonly datagrams: readonly number[]
  /** First bytes that came. */
  readonly bytes: Uint8Array
}

/** Most bytes of a flight that are kept. */
const mostFlight = 256 * 1024

/** Reads a flight piece by piece. */
export class FlightReader {
  readonly #protocol: HelloProtocol
  #stream: Uint8Array = new Uint8Array(0)
  #handshake: Uint8Array = new Uint8Array(0)
  readonly #fragments = new Map<
    number,
    { readonly type: number; readonly body: Uint8Array; readonly have: Set<number> }
  >()
  readonly #seen = new Set<number>()
  #total = 0
  #first: Uint8Array = new Uint8Array(0)
  alert: number | undefined
  garbage = false
  serverHello: ServerHello | undefined
  certificates: Uint8Array[] = []
  certificateRequest = false
  curve: number | undefined
  done = false
  verify: { readonly version: number; readonly cookie: Uint8Array; readonly datagramLength: number } | undefined

  constructor(protocol: HelloProtocol) {
    this.#protocol = protocol
  }

  /** First bytes that came. */
  get first(): Uint8Array {
    return this.#first
  }

  /** Is there nothing more to wait for? */
  get over(): boolean {
    return this.alert !== undefined || this.garbage || this.done || this.verify !== undefined
  }

  /** A piece of the stream, or a datagram. */
  push(bytes: Uint8Array): void {
    if (this.#first.length === 0) this.#first = bytes.slice(0, 256)
    this.#total += bytes.length
    if (this.#total > mostFlight) {
      this.garbage = true
      return
    }
    if (this.#protocol === 'dtls') this.#datagram(bytes)
    else this.#piece(bytes)
  }

  #piece(bytes: Uint8Array): void {
    this.#stream = concat(this.#stream, bytes)
    while (this.#stream.length >= 5 && !this.over) {
      const [type = 0, major] = this.#stream
      if (major !== 3 || type < 20 || type > 24) {
        this.garbage = true
        return
      }
      const end = 5 + be(this.#stream, 3)
      if (this.#stream.length < end) return
      const record = this.#stream.subarray(5, end)
      this.#stream = this.#stream.subarray(end)
      if (type === 21) this.alert = record[1] ?? 0
      else if (type === 22) this.#messages(record)
    }
  }

  #messages(record: Uint8Array): void {
    this.#handshake = concat(this.#handshake, record)
    while (this.#handshake.length >= 4) {
      const end = 4 + be24(this.#handshake, 1)
      if (this.#handshake.length < end) return
      this.#message(this.#handshake[0] ?? 0, this.#handshake.slice(4, end))
      this.#handshake = this.#handshake.subarray(end)
    }
  }

  #datagram(bytes: Uint8Array): void {
    for (let at = 0; at + 13 <= bytes.length; ) {
      const end = at + 13 + be(bytes, at + 11)
      if (bytes[at + 1] !== 0xfe || end > bytes.length) break
      const record = bytes.subarray(at + 13, end)
      const type = bytes[at]
      if (type === 21) this.alert = record[1] ?? 0
      else if (type === 22) this.#fragment(record, bytes.length)
      at = end
    }
    if (!this.over && this.serverHello === undefined && this.#fragments.size === 0) this.garbage = true
  }

  #fragment(record: Uint8Array, datagramLength: number): void {
    for (let at = 0; at + 12 <= record.length; ) {
      const type = record[at] ?? 0
      const length = be24(record, at + 1)
      const sequence = be(record, at + 4)
      const offset = be24(record, at + 6)
      const part = be24(record, at + 9)
      const data = record.subarray(at + 12, at + 12 + part)
      at += 12 + part
      if (data.length < part || length > 65_536 || offset + part > length || this.#seen.has(sequence)) continue
      const known = this.#fragments.get(sequence) ?? { type, body: new Uint8Array(length), have: new Set<number>() }
      if (known.body.length !== length || this.#fragments.size > 16) continue
      this.#fragments.set(sequence, known)
      known.body.set(data, offset)
      for (let i = 0; i < part; i++) known.have.add(offset + i)
      if (known.have.size < length) continue
      this.#seen.add(sequence)
      if (type === handshakeTypes.helloVerify) {
        const size = known.body[2] ?? 0
        this.verify = { version: be(known.body, 0), cookie: known.body.slice(3, 3 + size), datagramLength }
      } else this.#message(type, known.body)
    }
  }

  #message(type: number, body: Uint8Array): void {
    if (type === handshakeTypes.serverHello) this.serverHello = readServerHello(body)
    else if (type === handshakeTypes.certificate) this.certificates = readCertificates(body)
    else if (type === handshakeTypes.certificateRequest) this.certificateRequest = true
    else if (type === handshakeTypes.keyExchange && body[0] === 3) this.curve = be(body, 1)
    else if (type === handshakeTypes.helloDone) this.done = true
    // From a ServerHello of TLS 1.3 on everything is encrypted.
    if (this.serverHello?.extensions.has(extensionTypes.supportedVersions) === true) this.done = true
  }

  /** What came, once it is over or the time is up. */
  flight(ended: 'closed' | 'silence', reason: string, datagrams: readonly number[]): Flight {
    const outcome =
      this.serverHello !== undefined
        ? 'hello'
        : this.alert !== undefined
          ? 'alert'
          : this.verify !== undefined
            ? 'verify'
            : this.garbage
              ? 'garbage'
              : ended
    const words = {
      hello: 'ServerHello',
      verify: 'HelloVerifyRequest',
      alert: `alert ${this.alert ?? 0}`,
      garbage: 'an answer that is not (D)TLS',
      closed: reason,
      silence: reason,
    }
    return {
      outcome,
      reason: words[outcome],
      ...(this.alert === undefined ? {} : { alert: this.alert }),
      ...(this.serverHello === undefined ? {} : { serverHello: this.serverHello }),
      ...(this.curve === undefined ? {} : { curve: this.curve }),
      ...(this.verify === undefined ? {} : { verify: this.verify }),
      certificates: this.certificates,
      certificateRequest: this.certificateRequest,
      done: this.done,
      datagrams,
      bytes: this.#first,
    }
  }
}

function be(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
}

function be24(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 16) | be(bytes, at + 1)
}

function readServerHello(body: Uint8Array): ServerHello {
  const idLength = body[34] ?? 0
  const at = 35 + idLength
  const extensions = new Map<number, Uint8Array>()
  for (let e = at + 5; e + 4 <= body.length; ) {
    const length = be(body, e + 2)
    extensions.set(be(body, e), body.slice(e + 4, e + 4 + length))
    e += 4 + length
  }
  return {
    version: be(body, 0),
    sessionId: body.slice(35, at),
    suite: be(body, at),
    compression: body[at + 2] ?? 0,
    extensions,
  }
}

function readCertificates(body: Uint8Array): Uint8Array[] {
  const list: Uint8Array[] = []
  for (let at = 3; at + 3 <= body.length && list.length < 16; ) {
    const length = be24(body, at)
    list.push(body.slice(at + 3, at + 3 + length))
    at += 3 + length
  }
  return list
}

/** What a hello offers, random and cookie left out. */
export type HelloOffer = Omit<HelloFields, 'random' | 'cookie'>

/** Sends bytes on a line and reads the flight that answers them. */
export async function flightAfter(
  line: Line,
  protocol: HelloProtocol,
  bytes: readonly Uint8Array[],
  withinMs: number,
  now: () => number,
): Promise<Flight> {
  const reader = new FlightReader(protocol)
  const datagrams: number[] = []
  for (const piece of bytes) line.send(piece)
  const endsAt = now() + withinMs
  while (!reader.over) {
    const left = endsAt - now()
    const arrival = left <= 0 ? ({ kind: 'silence' } as const) : await line.receive(left)
    if (arrival.kind === 'silence') return reader.flight('silence', 'nothing came', datagrams)
    if (arrival.kind === 'closed') return reader.flight('closed', `closed: ${arrival.reason}`, datagrams)
    datagrams.push(arrival.bytes.length)
    reader.push(arrival.bytes)
  }
  return reader.flight('silence', 'nothing came', datagrams)
}

/** @internal A ClientHello to 2221 by a port alone, for the survey; the flight that answers it. */
export async function askHello(
  port: ConformancePort,
  protocol: HelloProtocol,
  offer: HelloOffer,
  withinMs: number,
): Promise<Flight> {
  const opening = await port.open({ carrier: protocol === 'tls' ? 'tcp' : 'udp', port: 2221 })
  if (opening.kind !== 'open') {
    return new FlightReader(protocol).flight(opening.kind === 'refused' ? 'closed' : 'silence', opening.reason, [])
  }
  const { line } = opening
  const now = () => port.now()
  try {
    const random = port.random(32)
    if (protocol === 'tls') {
      return await flightAfter(line, 'tls', [tlsRecord(22, tlsClientHello({ ...offer, random }))], withinMs, now)
    }
    let verify = await flightAfter(line, 'dtls', [dtlsClientHello({ ...offer, random })], withinMs / 2, now)
    if (verify.outcome === 'silence') {
      verify = await flightAfter(line, 'dtls', [dtlsClientHello({ ...offer, random })], withinMs / 2, now)
    }
    if (verify.verify === undefined) return verify
    const { cookie } = verify.verify
    const flight = await flightAfter(line, 'dtls', [dtlsClientHello({ ...offer, random, cookie })], withinMs, now)
    return { ...flight, verify: verify.verify }
  } finally {
    line.close()
  }
}

/** A ClientHello to 2221 and the flight that answers it. */
export function hello(bench: Bench, protocol: HelloProtocol, offer: HelloOffer): Promise<Flight> {
  return askHello(bench.port, protocol, offer, bench.patienceMs)
}

/** Did the target say no? Over DTLS also by silence after the cookie. */
export function isRefusal(flight: Flight): boolean {
  return (
    flight.outcome === 'alert' ||
    flight.outcome === 'closed' ||
    (flight.outcome === 'silence' && flight.verify !== undefined)
  )
}

/** Suites that a hello offers where the case is not about suites: those of 5.2, encrypting ones first. */
export const suitesOfCipSecurity: readonly number[] = [
  0xc02b, 0xc02c, 0xcca9, 0xc023, 0xc024, 0xc006, 0xc037, 0xccac, 0xd001, 0xc03a, 0x003c, 0x003d, 0x003b,
]
