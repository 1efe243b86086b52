import { callNative, TlsError } from './errors.ts'
import { load } from './load.ts'
import type { ContextHandle, NativeContextOptions } from './native.ts'
import type { ContextOptions, CrlPolicy, ProbeVersion, Protocol, PskEntry, Role, VerifyPolicy } from './policy.ts'
import { authenticationOf, formatSuite, unavailableReason } from './suites.ts'

const defaultGroups: readonly string[] = ['P-256', 'P-384', 'P-521', 'X25519']

/** TLS and DTLS version numbers on the wire. */
const versionNumbers: Readonly<Record<ProbeVersion, number>> = {
  TLSv1: 0x0301,
  'TLSv1.1': 0x0302,
  'TLSv1.2': 0x0303,
  'TLSv1.3': 0x0304,
  DTLSv1: 0xfeff,
  'DTLSv1.2': 0xfefd,
}

const peerNumbers = { none: 0, request: 1, require: 2 } as const

/** CRL policies as the addon counts them. */
export const crlNumbers: Readonly<Record<CrlPolicy, number>> = { off: 0, ifPresent: 1, required: 2 }

/** What a context was set to, defaults filled in and secrets left out. */
export interface ContextSettings {
  readonly suites: readonly number[]
  readonly groups: readonly string[]
  readonly verify: VerifyPolicy
  readonly mtu: number
  readonly retransmitMs: number
  readonly handshakeTimeoutMs: number
  readonly resumption: boolean
  readonly keyLog: boolean
}

/**
 * One configuration: role, suites, credentials and the policy for the peer. Cheap: contexts share what is equal in them
 * (certificates, keys, OpenSSL tables), and a context without sessions holds little more than its own tables. Sessions
 * of one context can be resumed in that context only, so a new configuration means new handshakes.
 */
export class Context {
  readonly role: Role
  readonly protocol: Protocol
  readonly options: ContextSettings
  #handle: ContextHandle | undefined

  /**
   * @throws TlsError `bad-option`, `suite-unavailable`, `bad-certificate`, `bad-key`, `bad-crl`; the message names the option.
   */
  constructor(options: ContextOptions) {
    this.role = options.role
    this.protocol = options.protocol
    const verify: VerifyPolicy = {
      peer: options.verify?.peer ?? (options.role === 'client' ? 'require' : 'none'),
      time: options.verify?.time ?? false,
      crl: options.verify?.crl ?? 'ifPresent',
      name: options.verify?.name ?? false,
    }
    this.options = {
      suites: [...options.suites],
      groups: [...(options.groups ?? defaultGroups)],
      verify,
      mtu: integer('mtu', options.mtu ?? 1400, 256, 16384),
      retransmitMs: integer('retransmitMs', options.retransmitMs ?? 1000, 20, 60_000),
      handshakeTimeoutMs: integer('handshakeTimeoutMs', options.handshakeTimeoutMs ?? 30_000, 1, 3_600_000),
      resumption: options.resumption ?? true,
      keyLog: options.keyLog ?? false,
    }
    const flat = this.#flatten(options)
    this.#handle = callNative(() => load().createContext(flat))
  }

  /** Ends the context: no new sessions; tickets and cached sessions are gone. Sessions that exist live on. Idempotent. */
  close(): void {
    if (this.#handle === undefined) return
    load().closeContext(this.#handle)
    this.#handle = undefined
  }

  /**
   * What the addon knows this context by. For this package only.
   *
   * @throws TlsError `closed` after `close`.
   * @internal
   */
  handle(): ContextHandle {
    if (this.#handle === undefined) throw new TlsError('closed', 'This context was closed; make a new one')
    return this.#handle
  }

  #flatten(options: ContextOptions): NativeContextOptions {
    const { role, protocol } = this
    if (role !== 'server' && role !== 'client') throw badOption('role', "'server' or 'client'", role)
    if (protocol !== 'tls' && protocol !== 'dtls') throw badOption('protocol', "'tls' or 'dtls'", protocol)
    const { verify, suites, groups } = this.options
    if (!Object.hasOwn(peerNumbers, verify.peer)) {
      throw badOption('verify.peer', "'none', 'request' or 'require'", verify.peer)
    }
    if (!Object.hasOwn(crlNumbers, verify.crl)) {
      throw badOption('verify.crl', "'off', 'ifPresent' or 'required'", verify.crl)
    }
    checkSuites(suites, options.versions !== undefined)
    checkGroups(groups)
    const psk = (options.psk ?? []).filter(({ usage = 'any' }) => usage === 'any' || usage === role)
    psk.forEach(checkPsk)
    checkCredentials(options, psk)
    return {
      server: role === 'server',
      dtls: protocol === 'dtls',
      suites,
      groups: groups.join(':'),
      ...versionRange(protocol, options.versions),
      probing: options.versions !== undefined,
      chain: options.identity?.chain ?? [],
      key: options.identity?.key,
      sendChain: options.sendChain ?? true,
      pskIdentities: psk.map(({ identity }) => identity),
      pskKeys: psk.map(({ key }) => key),
      anchors: options.anchors ?? [],
      trusted: options.trusted ?? [],
      crls: options.crls ?? [],
      verifyPeer: role === 'client' && verify.peer === 'request' ? peerNumbers.require : peerNumbers[verify.peer],
      verifyTime: verify.time,
      verifyCrl: crlNumbers[verify.crl],
      verifyName: verify.name,
      mtu: this.options.mtu,
      retransmitMs: this.options.retransmitMs,
      resumption: this.options.resumption,
      keyLog: this.options.keyLog,
      virtualTime: options.virtualTime ?? false,
    }
  }
}

function checkSuites(suites: readonly number[], isProbing: boolean): void {
  if (suites.length === 0) throw badOption('suites', 'at least one IANA suite id', 'none')
  for (const id of suites) {
    const isForeign = !isProbing && authenticationOf(id) === undefined
    const reason = isForeign ? 'it is no suite of CIP Security' : unavailableReason(id)
    if (reason !== undefined) {
      throw new TlsError(
        'suite-unavailable',
        `Suite ${formatSuite(id)} cannot be used: ${reason}. Leave it out of suites`,
      )
    }
  }
}

/** Names go into a colon-separated list, so they must not bring colons of their own. */
function checkGroups(groups: readonly string[]): void {
  if (groups.length === 0) throw badOption('groups', 'at least one group', 'none')
  for (const group of groups) {
    if (!/^[A-Za-z0-9_-]{1,40}$/.test(group)) throw badOption('groups', "names such as 'P-256'", group)
  }
}

function checkPsk({ identity, key }: PskEntry, index: number): void {
  if (identity.length < 1 || identity.length > 128 || identity.includes(0)) {
    throw badOption(`psk[${index}].identity`, '1 to 128 bytes without a zero byte', `${identity.length} bytes`)
  }
  if (key.length < 1 || key.length > 64) throw badOption(`psk[${index}].key`, '1 to 64 bytes', `${key.length} bytes`)
}

/** A context that could never finish a handshake is a mistake, and better known before the first peer comes. */
function checkCredentials({ role, suites, identity }: ContextOptions, psk: readonly PskEntry[]): void {
  const needsPsk = suites.every((id) => authenticationOf(id) === 'psk')
  if (needsPsk && psk.length === 0) {
    throw badOption('psk', `a key for the ${role}, since all suites need one`, 'none')
  }
  if (role === 'server' && identity === undefined && psk.length === 0) {
    throw badOption('identity', 'a certificate chain with its key, or pre-shared keys', 'neither')
  }
}

function versionRange(
  protocol: Protocol,
  versions: ContextOptions['versions'],
): { minVersion: number; maxVersion: number } {
  const fixed = protocol === 'dtls' ? versionNumbers['DTLSv1.2'] : versionNumbers['TLSv1.2']
  if (versions === undefined) return { minVersion: fixed, maxVersion: fixed }
  for (const name of [versions.min, versions.max]) {
    if (!Object.hasOwn(versionNumbers, name) || name.startsWith('DTLS') !== (protocol === 'dtls')) {
      throw badOption('versions', `versions of ${protocol.toUpperCase()}`, name)
    }
  }
  const order = Object.keys(versionNumbers)
  if (order.indexOf(versions.min) > order.indexOf(versions.max)) {
    throw badOption('versions', 'min not above max', `${versions.min} to ${versions.max}`)
  }
  return { minVersion: versionNumbers[versions.min], maxVersion: versionNumbers[versions.max] }
}

function integer(option: string, value: number, least: number, most: number): number {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw badOption(option, `a whole number from ${least} to ${most}`, value)
  }
  return value
}

function badOption(option: string, expected: string, got: unknown): TlsError {
  return new TlsError('bad-option', `Option ${option}: expected ${expected}, got ${String(got)}`)
}
