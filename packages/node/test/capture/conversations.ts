import {
  CaptureSecrets,
  CertificateReader,
  DtlsDatagrams,
  type Moment,
  type ProtectedStep,
  type Side,
  type TlsReport,
  TlsStream,
  type WatchOptions,
} from '@cordon/core/capture'
import {
  Context,
  type ContextOptions,
  Listener,
  type Protocol,
  Session,
  type SessionEvent,
  type SessionOptions,
  suites,
} from '@cordon/tls'
import { issue } from '../../../tls/test/pki.ts'
import { nodeRecordCrypto } from '../../src/capture/record-crypto.ts'
import { nodeCrypto } from '../../src/crypto.ts'

/** What one end put on the wire: a piece of a stream, or a datagram. */
export interface Sent {
  readonly side: Side
  readonly bytes: Uint8Array
}

/** A conversation of real OpenSSL with real OpenSSL, and what a wire tap and the two ends know of it. */
export interface Recorded {
  readonly protocol: Protocol
  readonly wire: readonly Sent[]
  readonly keyLog: string
  readonly client: Session
  readonly server: Session
}

export const protocols: readonly Protocol[] = ['tls', 'dtls']

export const root = await issue({ ca: true, subject: 'CN=plant root' })
export const ecdsaServer = await issue({ subject: 'CN=Green_L85E', ip: ['127.64.3.1'] }, root)
export const ecdsaClient = await issue({ subject: 'CN=Blue_L85E' }, root)
export const rsaServer = await issue({ subject: 'CN=rsa server', kind: 'RSA-2048' }, root)
export const rsaClient = await issue({ subject: 'CN=rsa client', kind: 'RSA-2048' }, root)

type More = Partial<ContextOptions>

/** Both contexts for a suite, with the client's certificate asked for or not. */
export function contexts(protocol: Protocol, suite: number, mutual: boolean, server: More = {}, client: More = {}) {
  const kind = suites.find(({ id }) => id === suite)?.authentication
  const own = kind === 'rsa' ? rsaServer : ecdsaServer
  const other = kind === 'rsa' ? rsaClient : ecdsaClient
  const psk = [{ identity: text('line 3'), key: text('sixteen secret b') }]
  const common = { protocol, suites: [suite], keyLog: true, ...(kind === 'psk' ? { psk } : { anchors: [root.der] }) }
  const identity = ({ der, key }: typeof own) => (kind === 'psk' ? {} : { identity: { chain: [der], key } })
  return {
    server: new Context({
      role: 'server',
      ...common,
      ...identity(own),
      verify: { peer: mutual ? 'require' : 'none' },
      ...server,
    }),
    client: new Context({
      role: 'client',
      ...common,
      ...(mutual ? identity(other) : {}),
      verify: { peer: kind === 'psk' ? 'none' : 'require' },
      ...client,
    }),
  }
}

/** Lengths of 1 to 97 bytes, always the same. */
export function slices(): () => number {
  let last = 1
  return () => {
    last = (last * 7 + 3) % 97
    return last + 1
  }
}

export const text = (value: string): Uint8Array => new TextEncoder().encode(value)

const lines = (events: readonly SessionEvent[]) =>
  events.flatMap((event) => (event.kind === 'keylog' ? [`${event.line}\n`] : []))

/** Runs a handshake and then sends these messages, by turns from the client and the server; a DTLS server asks for a cookie. */
export function record(
  server: Context,
  client: Context,
  messages: readonly Uint8Array[] = [],
  options: SessionOptions = {},
): Recorded {
  const protocol = client.protocol
  const wire: Sent[] = []
  const log: string[] = []
  const peer = { address: '127.64.3.1', port: 40_000 }
  const listener = protocol === 'dtls' ? new Listener(server, { maxSessions: 2, maxPerHost: 2 }) : undefined
  const asking = new Session(client, options)
  let answering = listener === undefined ? new Session(server) : undefined

  const deliver = (bytes: Uint8Array): void => {
    if (listener === undefined) {
      answering?.receive(bytes, 0)
      return
    }
    const result = listener.receive(peer, bytes, 0)
    answering = result.session ?? answering
    for (const answer of result.output) {
      wire.push({ side: 'server', bytes: answer.slice() })
      asking.receive(answer, 0)
    }
  }
  const exchange = (): void => {
    for (let round = 0; round < 200; round++) {
      const before = wire.length
      for (const bytes of asking.takeOutput()) {
        wire.push({ side: 'client', bytes: bytes.slice() })
        deliver(bytes)
      }
      for (const bytes of answering?.takeOutput() ?? []) {
        wire.push({ side: 'server', bytes: bytes.slice() })
        asking.receive(bytes, 0)
      }
      log.push(...lines(asking.takeEvents()))
      if (wire.length === before) return
    }
    throw new Error('Two sessions that never stop talking')
  }
  asking.start(0)
  exchange()
  messages.forEach((message, i) => {
    const sender = i % 2 === 0 ? asking : answering
    sender?.write(message)
    exchange()
  })
  if (answering === undefined) throw new Error('The server never answered')
  return { protocol, wire, keyLog: log.join(''), client: asking, server: answering }
}

/** What a watcher made of a conversation. */
export interface Watched {
  readonly steps: readonly ProtectedStep[]
  /** Undefined: a record that could not be read. */
  readonly application: readonly {
    readonly side: Side
    readonly bytes: Uint8Array | undefined
    readonly length: number
  }[]
  readonly gaps: number
  readonly report: TlsReport
}

/** What shows a conversation to a watcher. */
export interface WatchSettings extends Partial<Omit<WatchOptions, 'listener'>> {
  readonly keyLog?: string
  /** Pieces that a stream is cut into, whatever it was sent in; datagrams stay whole. */
  readonly slice?: () => number
  /** Called before each piece or datagram: true to leave it out, as a capture that lost it. */
  readonly lose?: (index: number, sent: Sent) => boolean
}

/** Secrets with a key log. */
export function secretsWith(keyLog: string, rsaKeys: readonly Uint8Array[] = []): CaptureSecrets {
  const secrets = new CaptureSecrets(nodeRecordCrypto, rsaKeys.map(nodeRecordCrypto.importRsaKey))
  secrets.keyLog.add(keyLog)
  return secrets
}

export const noAnchors = () => new CertificateReader({ crypto: nodeCrypto, vendorAnchors: [], plantAnchors: [] })

/** Feeds a conversation to its reader, each piece a packet and each packet a millisecond. */
export function watch(protocol: Protocol, wire: readonly Sent[], settings: WatchSettings = {}): Watched {
  const steps: ProtectedStep[] = []
  const application: { side: Side; bytes: Uint8Array | undefined; length: number }[] = []
  let gaps = 0
  const options: WatchOptions = {
    secrets: settings.secrets ?? secretsWith(settings.keyLog ?? ''),
    certificates: settings.certificates ?? noAnchors(),
    listener: {
      step: (step) => steps.push(step),
      application: (side, bytes, length) => application.push({ side, bytes: bytes?.slice(), length }),
      gap: () => gaps++,
    },
    ...(settings.isApplication === undefined ? {} : { isApplication: settings.isApplication }),
  }
  const moment: Moment = { packet: 0, timeUs: 1_000_000 }
  const reader = protocol === 'tls' ? new TlsStream(options) : new DtlsDatagrams(options)
  // As from a capture, every piece comes in one and the same buffer.
  const buffer = new Uint8Array(70_000)
  wire.forEach((sent, index) => {
    const { side, bytes } = sent
    for (let at = 0; at < bytes.length; ) {
      const length = protocol === 'tls' && settings.slice !== undefined ? settings.slice() : bytes.length - at
      const piece = bytes.subarray(at, at + length)
      at += piece.length
      moment.packet++
      moment.timeUs += 1000
      buffer.fill(0xee)
      buffer.set(piece, 7)
      if (settings.lose?.(index, sent) === true) {
        if (reader instanceof TlsStream) reader.gap(side, piece.length, moment)
      } else if (reader instanceof TlsStream) reader.data(side, buffer.subarray(7, 7 + piece.length), moment)
      else reader.datagram(side, buffer, 7, 7 + piece.length, moment)
    }
  })
  return { steps, application, gaps, report: reader.report() }
}

/** Steps as a figure shows them. */
export const flow = (steps: readonly ProtectedStep[]): string[] => steps.map(({ side, name }) => `${side}: ${name}`)

export const payloads = ({ application }: Watched): (string | undefined)[] =>
  application.map(({ bytes }) => bytes && new TextDecoder().decode(bytes))
