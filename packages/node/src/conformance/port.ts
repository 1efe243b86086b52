import { createHash, randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ConformancePort, HandshakeIdentity, Opening, Way } from '@cordon/core/conformance'
import { createDefaultCredentials } from '@cordon/core/device'
import { PeerError, TransportError, UsageError } from '@cordon/core/errors'
import { type Context, suites as knownSuites } from '@cordon/tls'
import { nodeCrypto } from '../crypto.ts'
import { type Credentials, makeContext } from '../transports/credentials.ts'
import { connectDtls } from '../transports/dtls.ts'
import { aborted, isOurs } from '../transports/system-error.ts'
import { connectTcp } from '../transports/tcp.ts'
import { connectTls } from '../transports/tls.ts'
import type { Transport } from '../transports/transport.ts'
import { connectUdp } from '../transports/udp.ts'
import { lineOver } from './line.ts'
import { renegotiate } from './renegotiate.ts'

/** How a target is reached, and who we are to it. */
export interface ConformanceTarget {
  /** IPv4 address. */
  readonly address: string
  readonly localAddress?: string
  /** Who we are over (D)TLS, and whom we believe: a commissioned target. */
  readonly credentials?: Credentials
  /**
   * SHA-256 of the certificate that a factory-new target must show, lower-case hex; any certificate with `any`, which is for
   * targets of one's own only.
   */
  readonly pin?: string
  /** For opening a line with its handshake, milliseconds. Default 3000. */
  readonly connectTimeoutMs?: number
  readonly signal?: AbortSignal
}

/** A port with real sockets, and what ends it. */
export interface OpenConformancePort extends ConformancePort {
  /** Frees the credentials; lines are closed by who opened them. */
  close(): void
}

interface Known {
  readonly credentials: Credentials
  /** Accepts any certificate: what is asked is whether the target lets us in, not whether we believe it. */
  readonly anyServer: boolean
}

/**
 * Lines to a target over real sockets: TCP, UDP, and TLS and DTLS by the OpenSSL inside Node.
 *
 * @throws UsageError `bad-option` for credentials that cannot work
 */
export async function openConformancePort(target: ConformanceTarget): Promise<OpenConformancePort> {
  const { address, signal } = target
  const stranger = await strangerCredentials()
  const unknownPsk: Credentials = {
    psk: [{ identity: new TextEncoder().encode('conformance'), key: randomBytes(32) }],
    suites: knownSuites
      .filter(({ available, authentication }) => available && authentication === 'psk')
      .map(({ id }) => id),
  }
  const identities: Readonly<Record<HandshakeIdentity, Known>> = {
    own: { credentials: target.credentials ?? {}, anyServer: target.credentials === undefined },
    nobody: { credentials: {}, anyServer: true },
    stranger: { credentials: stranger, anyServer: true },
    'unknown-psk': { credentials: unknownPsk, anyServer: false },
  }
  const contexts = new Map<string, Context>()
  const contextFor = ({ carrier, as, suites }: Extract<Way, { readonly as: unknown }>): Context => {
    const name = `${carrier} ${as} ${suites?.join() ?? ''}`
    const { credentials, anyServer } = identities[as]
    const context =
      contexts.get(name) ??
      makeContext('client', carrier, suites === undefined ? credentials : { ...credentials, suites }, {
        anyServer,
        resumption: false,
      })
    contexts.set(name, context)
    return context
  }
  let holds = 0
  /** Nothing while somebody holds cancellation off. */
  const cancellation = (): { readonly signal?: AbortSignal } => (signal === undefined || holds > 0 ? {} : { signal })
  const timeoutMs = target.connectTimeoutMs ?? 3000
  const local = target.localAddress === undefined ? {} : { localAddress: target.localAddress }
  const connect = (way: Way): Promise<Transport> => {
    const endpoint = { address, timeoutMs, ...local, ...cancellation() }
    switch (way.carrier) {
      case 'tcp':
        return connectTcp({ ...endpoint, port: way.port })
      case 'udp':
        return connectUdp({ ...endpoint, port: way.port })
      case 'tls':
        return connectTls({ ...endpoint, port: 2221, context: contextFor(way) })
      case 'dtls':
        return connectDtls({ ...endpoint, port: 2221, context: contextFor(way) })
    }
  }
  const open = async (way: Way): Promise<Opening> => {
    if ('as' in way && way.as === 'own' && target.credentials === undefined && target.pin === undefined) {
      return { kind: 'refused', reason: 'neither credentials nor a fingerprint were given' }
    }
    try {
      const transport = await connect(way)
      const stranger = 'as' in way && way.as === 'own' ? wrongCertificate(transport, target) : undefined
      if (stranger === undefined) return { kind: 'open', line: lineOver(transport) }
      transport.destroy()
      return { kind: 'refused', reason: stranger }
    } catch (error) {
      return openingOf(error)
    }
  }
  return {
    target: address,
    own: target.credentials !== undefined ? 'certificate' : target.pin !== undefined ? 'anonymous' : 'none',
    open,
    renegotiate: (as) =>
      renegotiate(
        { address, port: 2221, localAddress: target.localAddress, timeoutMs, signal },
        identities[as].credentials,
      ),
    random: (length) => new Uint8Array(randomBytes(length)),
    wait: async (ms) => {
      try {
        await sleep(ms, undefined, cancellation())
      } catch (error) {
        throw signal?.aborted === true ? aborted(signal, `waiting for ${address}`) : error
      }
    },
    hold: () => {
      let held = true
      holds++
      return () => {
        if (held) holds--
        held = false
      }
    },
    now: () => performance.now(),
    close: () => {
      for (const context of contexts.values()) context.close()
      contexts.clear()
    },
  }
}

/** Why what the target shows is not what was expected of a factory-new one, or nothing. */
function wrongCertificate(transport: Transport, { pin, credentials }: ConformanceTarget): string | undefined {
  if (credentials !== undefined || pin === undefined || pin === 'any') return undefined
  const [leaf] = transport.security?.peerChain ?? []
  const shown = leaf === undefined ? 'no certificate' : createHash('sha256').update(leaf).digest('hex')
  return shown === pin ? undefined : `it shows ${shown}, and not the pinned certificate`
}

/** What an error says of the target. */
function openingOf(error: unknown): Opening {
  if (!isOurs(error)) throw error
  if (error instanceof UsageError) throw error
  if (error instanceof TransportError) {
    if (error.code === 'aborted') throw error
    const said = error.code === 'refused' || error.code === 'closed'
    return { kind: said ? 'refused' : 'unanswered', reason: error.message }
  }
  const silent =
    error instanceof PeerError && error.code === 'handshake' && /timed? ?out|in time|within/i.test(error.message)
  return { kind: silent ? 'unanswered' : 'refused', reason: error.message }
}

/** A certificate that nobody can know: of a maker that was made up just now. */
async function strangerCredentials(): Promise<Credentials> {
  const identity = {
    vendorId: 0xfff0,
    deviceType: 43,
    productCode: 1,
    majorRevision: 1,
    minorRevision: 1,
    serialNumber: 0x5757_5757,
    productName: 'Stranger',
  }
  const { key, chain } = await createDefaultCredentials(nodeCrypto, { identity, now: Date.now() })
  const exported = key.export()
  if (exported === undefined) throw new UsageError('not-supported', 'expected a key that can be used for a handshake')
  return { chain, key: exported }
}
