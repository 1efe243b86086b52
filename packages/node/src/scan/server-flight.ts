import { MalformedMessage } from '@cordon/core/errors'
import { suiteParts } from '@cordon/core/security'
import { Reader } from '@cordon/core/wire'
import type { ProbeVersion, Protocol } from '@cordon/tls'
import { groupName } from './named-groups.ts'

/** What a target answered to a ClientHello before anything is encrypted: it proves nothing, and is not believed. */
export interface ServerFlight {
  readonly version: ProbeVersion | 'SSLv3' | 'unknown'
  /** IANA number. */
  readonly suite: number
  /** IANA number of the compression; 0 is none. */
  readonly compression: number
  /** Numbers of the extensions that it answered. */
  readonly extensions: readonly number[]
  /** Bytes of the session id that it gave. */
  readonly sessionIdLength: number
  /** DER, leaf first. */
  readonly chain: readonly Uint8Array[]
  /** The ephemeral key exchange: a group by name, or the bits of a prime. */
  readonly group?: { readonly curve: string } | { readonly prime: number }
  /** Hash of the signature under the key exchange. */
  readonly signatureHash?: string
  /** Present where it asks for a client certificate. */
  readonly certificateRequest?: CertificateRequest
  /** Everything that it says in this flight was heard. */
  readonly complete: boolean
}

/** A request for a client certificate (RFC 5246 7.4.4). */
export interface CertificateRequest {
  /** IANA numbers of certificate types: 1 RSA, 64 ECDSA. */
  readonly types: readonly number[]
  /** DER names of the authorities that it accepts; empty where it names none. */
  readonly authorities: readonly Uint8Array[]
}

/** What the target said until now. */
export type FlightState =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'alert'; readonly code: number }
  | { readonly kind: 'hello-verify'; readonly cookie: Uint8Array }
  | { readonly kind: 'not-tls' }
  /** The hello is here; whether more comes, `complete` says. */
  | { readonly kind: 'flight'; readonly flight: ServerFlight }

/** Bytes of a stream or of all fragments that are kept. */
const maximumBytes = 256 * 1024
/** Bytes of one message. */
const maximumMessage = 64 * 1024
/** Messages of one flight. */
const maximumMessages = 16
/** Certificates, names of authorities and extensions that are kept. */
const maximumParts = 256

const messageTypes = {
  serverHello: 2,
  helloVerify: 3,
  certificate: 11,
  keyExchange: 12,
  request: 13,
  done: 14,
} as const

/** Random of a HelloRetryRequest, which is a ServerHello otherwise (RFC 8446 4.1.3). */
const retryRandom = 'cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c'

const versionNames: Readonly<Record<number, ServerFlight['version']>> = {
  768: 'SSLv3',
  769: 'TLSv1',
  770: 'TLSv1.1',
  771: 'TLSv1.2',
  772: 'TLSv1.3',
  65279: 'DTLSv1',
  65277: 'DTLSv1.2',
}

/**
 * Puts the plain part of a server's first flight together, out of a stream or out of datagrams in any order. Bounded in
 * bytes, messages and parts; whatever makes no sense ends as `not-tls`, or leaves the part out.
 */
export class FlightReader {
  readonly #protocol: Protocol
  readonly #messages = new Map<number, Uint8Array>()
  readonly #fragments = new Map<number, Fragments>()
  #stream: Uint8Array = new Uint8Array(0)
  #handshake: Uint8Array = new Uint8Array(0)
  #alert: number | undefined
  #broken = false
  #kept = 0

  constructor(protocol: Protocol) {
    this.#protocol = protocol
  }

  /** Takes the next piece of the stream, or one datagram, and says where things stand. */
  receive(bytes: Uint8Array): FlightState {
    if (!this.#broken) {
      try {
        if (this.#protocol === 'tls') this.#takeStream(bytes)
        else this.#takeDatagram(bytes)
      } catch (error) {
        if (!(error instanceof MalformedMessage)) throw error
        this.#broken = true
      }
    }
    return this.state()
  }

  /** Where things stand. */
  state(): FlightState {
    const hello = this.#messages.get(messageTypes.serverHello)
    const flight = hello === undefined ? undefined : this.#flight(hello)
    if (flight !== undefined) return { kind: 'flight', flight }
    if (this.#alert !== undefined) return { kind: 'alert', code: this.#alert }
    const verify = this.#messages.get(messageTypes.helloVerify)
    const cookie = verify === undefined ? undefined : attempt(() => helloVerify(verify))
    if (cookie !== undefined) return { kind: 'hello-verify', cookie }
    return { kind: this.#broken || hello !== undefined ? 'not-tls' : 'waiting' }
  }

  #takeStream(bytes: Uint8Array): void {
    this.#keep(bytes.length)
    this.#stream = Buffer.concat([this.#stream, bytes])
    for (;;) {
      const { length } = this.#stream
      const type = this.#stream[0]
      if (type !== undefined && (type < 20 || type > 23)) throw malformed('no record of TLS begins like this')
      if (this.#stream[1] !== undefined && this.#stream[1] !== 3) throw malformed('no version of TLS')
      if (length < 5) return
      const size = ((this.#stream[3] ?? 0) << 8) | (this.#stream[4] ?? 0)
      if (length < 5 + size) return
      this.#record(type ?? 0, this.#stream.subarray(5, 5 + size))
      this.#stream = this.#stream.subarray(5 + size)
    }
  }

  #record(type: number, body: Uint8Array): void {
    if (type === 21) this.#alert ??= alertOf(body)
    if (type !== 22) return
    this.#handshake = Buffer.concat([this.#handshake, body])
    while (this.#handshake.length >= 4) {
      const length = new Reader(this.#handshake, 1).u16(false) * 256 + (this.#handshake[3] ?? 0)
      if (length > maximumMessage) throw malformed('a message beyond every limit')
      if (this.#handshake.length < 4 + length) return
      // A copy: what is kept must not hold the whole stream.
      this.#message(this.#handshake[0] ?? 0, Uint8Array.from(this.#handshake.subarray(4, 4 + length)))
      this.#handshake = this.#handshake.subarray(4 + length)
    }
  }

  #takeDatagram(datagram: Uint8Array): void {
    this.#keep(datagram.length)
    const reader = new Reader(datagram)
    while (reader.remaining >= 13) {
      const type = reader.u8()
      const version = reader.u16(false)
      if (version >> 8 !== 0xfe) throw malformed('no version of DTLS')
      reader.take(8)
      const body = reader.view(reader.u16(false))
      if (type === 21) this.#alert ??= alertOf(body)
      if (type === 22) this.#fragment(new Reader(body))
    }
  }

  #fragment(reader: Reader): void {
    while (reader.remaining >= 12) {
      const type = reader.u8()
      const length = u24(reader)
      const sequence = reader.u16(false)
      const offset = u24(reader)
      const part = reader.view(u24(reader))
      if (length > maximumMessage || offset + part.length > length) throw malformed('a message beyond every limit')
      const known = this.#fragments.get(sequence)
      if (known === undefined && this.#fragments.size >= maximumMessages) throw malformed('too many messages')
      const fragments = known ?? { type, bytes: new Uint8Array(length), heard: new Uint8Array(length), missing: length }
      if (fragments.type !== type || fragments.bytes.length !== length) continue
      this.#fragments.set(sequence, fragments)
      fragments.bytes.set(part, offset)
      for (let i = offset; i < offset + part.length; i++) {
        if (fragments.heard[i] === 0) fragments.missing--
        fragments.heard[i] = 1
      }
      if (fragments.missing === 0) this.#message(type, fragments.bytes)
    }
  }

  #message(type: number, body: Uint8Array): void {
    if (this.#messages.size >= maximumMessages) throw malformed('too many messages')
    if (!this.#messages.has(type)) this.#messages.set(type, body)
  }

  #keep(count: number): void {
    this.#kept += count
    if (this.#kept > maximumBytes) throw malformed('more bytes than a first flight has')
  }

  #flight(body: Uint8Array): ServerFlight | undefined {
    const hello = attempt(() => serverHello(body))
    if (hello === undefined) return undefined
    const { version, ...rest } = hello
    // What follows the hello of version 1.3 is encrypted.
    const is13 = version === 'TLSv1.3'
    const is12 = version === 'TLSv1.2' || version === 'DTLSv1.2'
    const chain = this.#read(messageTypes.certificate, certificates) ?? []
    const exchange = this.#read(messageTypes.keyExchange, (bytes) => keyExchange(bytes, hello.suite, is12))
    const request = this.#read(messageTypes.request, (bytes) => certificateRequest(bytes, is12))
    return {
      version,
      ...rest,
      chain,
      ...exchange,
      ...(request === undefined ? {} : { certificateRequest: request }),
      complete: is13 || this.#messages.has(messageTypes.done),
    }
  }

  #read<T>(type: number, read: (bytes: Uint8Array) => T): T | undefined {
    const bytes = this.#messages.get(type)
    return bytes === undefined ? undefined : attempt(() => read(bytes))
  }
}

interface Fragments {
  readonly type: number
  readonly bytes: Uint8Array
  /** 1 where a byte came. */
  readonly heard: Uint8Array
  missing: number
}

type Hello = Pick<ServerFlight, 'version' | 'suite' | 'compression' | 'extensions' | 'sessionIdLength' | 'group'>

function serverHello(body: Uint8Array): Hello {
  const reader = new Reader(body)
  const legacy = reader.u16(false)
  const random = Buffer.from(reader.view(32)).toString('hex')
  const sessionIdLength = reader.u8()
  reader.take(sessionIdLength)
  const suite = reader.u16(false)
  const compression = reader.u8()
  const extensions: number[] = []
  let version = versionNames[legacy] ?? 'unknown'
  let group: ServerFlight['group']
  if (reader.remaining > 0) {
    const list = reader.section(reader.u16(false))
    while (list.remaining > 0 && extensions.length < maximumParts) {
      const id = list.u16(false)
      const data = list.section(list.u16(false))
      extensions.push(id)
      if (id === 43) version = versionNames[data.u16(false)] ?? 'unknown'
      // A HelloRetryRequest names the group alone, a ServerHello its share too.
      if (id === 51) group = { curve: groupName(data.u16(false)) }
    }
  }
  return {
    version: random === retryRandom ? 'TLSv1.3' : version,
    suite,
    compression,
    extensions,
    sessionIdLength,
    ...(group === undefined ? {} : { group }),
  }
}

function helloVerify(body: Uint8Array): Uint8Array {
  const reader = new Reader(body)
  reader.u16(false)
  return reader.copy(reader.u8())
}

function certificates(body: Uint8Array): readonly Uint8Array[] {
  const reader = new Reader(body)
  const list = reader.section(u24(reader))
  const found: Uint8Array[] = []
  while (list.remaining > 0 && found.length < maximumParts) found.push(list.copy(u24(list)))
  return found
}

/** RFC 5246 7.4.3, RFC 8422 5.4, RFC 4279 and RFC 5489: what comes first depends on the suite. */
function keyExchange(body: Uint8Array, suite: number, is12: boolean): Pick<ServerFlight, 'group' | 'signatureHash'> {
  const reader = new Reader(body)
  const { keyExchange: kind, authentication } = suiteParts(suite)
  // The hint at a pre-shared key.
  if (authentication === 'psk') reader.take(reader.u16(false))
  let group: ServerFlight['group']
  if (kind === 'ecdhe') {
    if (reader.u8() !== 3) return { group: { curve: 'explicit parameters' } }
    group = { curve: groupName(reader.u16(false)) }
    reader.take(reader.u8())
  } else if (kind === 'dhe') {
    group = { prime: bitLength(reader.view(reader.u16(false))) }
    reader.take(reader.u16(false))
    reader.take(reader.u16(false))
  } else return {}
  if (authentication === 'psk' || authentication === 'none') return { group }
  const signatureHash = is12 ? schemeHash(reader.u16(false)) : 'MD5+SHA-1'
  return { group, ...(signatureHash === undefined ? {} : { signatureHash }) }
}

const hashes: Readonly<Record<number, string>> = {
  1: 'MD5',
  2: 'SHA-1',
  3: 'SHA-224',
  4: 'SHA-256',
  5: 'SHA-384',
  6: 'SHA-512',
}
/** RSASSA-PSS and EdDSA, whose numbers do not say the hash (RFC 8446 4.2.3). */
const schemeHashes: ReadonlyMap<number, string> = new Map([
  [0x0804, 'SHA-256'],
  [0x0805, 'SHA-384'],
  [0x0806, 'SHA-512'],
  [0x0807, 'Ed25519'],
  [0x0808, 'Ed448'],
  [0x0809, 'SHA-256'],
  [0x080a, 'SHA-384'],
  [0x080b, 'SHA-512'],
])

function schemeHash(scheme: number): string | undefined {
  return schemeHashes.get(scheme) ?? hashes[scheme >> 8]
}

function certificateRequest(body: Uint8Array, is12: boolean): CertificateRequest {
  const reader = new Reader(body)
  const types = [...reader.view(reader.u8())]
  if (is12) reader.take(reader.u16(false))
  const list = reader.section(reader.u16(false))
  const authorities: Uint8Array[] = []
  while (list.remaining > 0 && authorities.length < maximumParts) authorities.push(list.copy(list.u16(false)))
  return { types, authorities }
}

function bitLength(magnitude: Uint8Array): number {
  const start = magnitude.findIndex((byte) => byte !== 0)
  return start < 0 ? 0 : (magnitude.length - start) * 8 - Math.clz32(magnitude[start] ?? 0) + 24
}

function alertOf(body: Uint8Array): number | undefined {
  return body.length === 2 ? body[1] : undefined
}

function u24(reader: Reader): number {
  return reader.u8() * 65_536 + reader.u16(false)
}

function malformed(message: string): MalformedMessage {
  return new MalformedMessage('unknown-value', `first flight: ${message}`)
}

/** A part that makes no sense is left out; the rest of the answer still says something. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof MalformedMessage)) throw error
    return undefined
  }
}
