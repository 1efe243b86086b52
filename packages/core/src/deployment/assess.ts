import { fingerprint } from '../x509/certificate.ts'
import type { Crypto } from '../crypto/provider.ts'
import { MalformedMessage } from '../errors.ts'
import { type Change, type ChangeSubject, deviceDifference } from '../policy/difference.ts'
import { formatRule, matchIngress, securePort } from '../policy/rules.ts'
import type { DeviceSettings, RuleSet } from '../policy/settings.ts'
import { findSuite, suiteName } from '../security/cipher-suites.ts'
import { decodeRevocationList } from '../x509/crl.ts'
import { sameBytes } from '../x509/der.ts'
import type { Materials } from './materials.ts'
import { type DeviceReading, type Names, observedSettings } from './observe.ts'
import { type DeviceTarget, needsCertificate, trustedZones } from './target.ts'

/** By which part of a deployment a change is made. */
export type ChangePart = 'configuration' | 'rules' | 'ports'

/** One difference between what a device holds and what it is to hold. */
export interface PlannedChange {
  /** A setting of the policy, or what only a deployment knows of: state, certificate, authority certificates, lists. */
  readonly what:
    | ChangeSubject
    | 'state'
    | 'certificate'
    | 'authorityCertificates'
    | 'identityCertificates'
    | 'revocationLists'
    | 'pskKey'
  readonly from: string
  readonly to: string
  readonly interrupts: boolean
  readonly part: ChangePart
}

/** What has to be done to a device so that it becomes its target. */
export interface Assessment {
  readonly changes: readonly PlannedChange[]
  /** Why a new certificate is needed; undefined: the one it has stays, or it needs none. */
  readonly certificate: string | undefined
  /** Class 0x5E must be configured. */
  readonly configuration: boolean
  /** A configuration was applied and not ended. */
  readonly unfinished: boolean
  readonly rules: boolean
  readonly ports: boolean
}

/** Certificates and lists that a device must hold, DER. */
export interface WantedTrust {
  readonly authorities: readonly Uint8Array[]
  readonly identities: readonly Uint8Array[]
  /** Names in `identities` for which no certificate was issued yet. */
  readonly missing: readonly string[]
  readonly lists: readonly Uint8Array[]
}

/** What a device must trust under its settings: always with the manager's own credential. */
export function wantedTrust(settings: DeviceSettings, materials: Materials): WantedTrust {
  if (!needsCertificate(settings)) return { authorities: [], identities: [], missing: [], lists: [] }
  const zones = trustedZones(settings, materials.managerZone)
  const identities: Uint8Array[] = []
  const missing: string[] = []
  for (const name of settings.identities) {
    const [newest] = materials.issued(name)
    if (newest === undefined) missing.push(name)
    else identities.push(newest.certificate)
  }
  const { manager } = materials
  // Where no authority is trusted the manager, too, is known by its certificate alone.
  if (zones.length === 0 && manager !== undefined && !identities.some((other) => sameBytes(other, manager))) {
    identities.push(manager)
  }
  return {
    authorities: zones.flatMap((zone) => materials.anchors(zone)),
    identities,
    missing: missing.filter((name) => name !== holderOfManager(materials)),
    lists: zones.flatMap((zone) => materials.lists(zone)),
  }
}

function holderOfManager(materials: ManagerWay): string | undefined {
  return materials.manager === undefined ? undefined : materials.holderOf(materials.manager)
}

/** How the manager is known to devices; {@link Materials} knows it. */
export interface ManagerWay extends Names {
  /** The zone whose authority signed the manager's own credential. */
  readonly managerZone: string
  /** Leaf of the manager's credential, DER; undefined for a plant that is opened by pre-shared keys alone. */
  readonly manager: Uint8Array | undefined
}

/** The settings with what Cordon adds to every one of them: its own way in. */
export function effectiveSettings(settings: DeviceSettings, materials: ManagerWay): DeviceSettings {
  if (!needsCertificate(settings)) return settings
  const authorities = trustedZones(settings, materials.managerZone)
  const manager = holderOfManager(materials)
  const alone = authorities.length === 0 && manager !== undefined && !settings.identities.includes(manager)
  return { ...settings, authorities, identities: alone ? [...settings.identities, manager] : settings.identities }
}

/** What of the policy a device holds otherwise than its settings say, where it has a place for it. */
export function policyChanges(
  settings: DeviceSettings,
  reading: DeviceReading,
  way: ManagerWay,
  crypto: Crypto,
): readonly Change[] {
  const effective = effectiveSettings(settings, way)
  const isListed = ({ port, protocol }: { port: number; protocol: 'tcp' | 'udp' }) =>
    reading.ports.some((held) => held.port === port && held.protocol === protocol)
  const wanted = {
    ...effective,
    // Before revision 9 there is no attribute 19: attribute 4 holds for both directions.
    originatorSuites: reading.security.allowedOriginatorSuites === undefined ? [] : effective.originatorSuites,
    ports: effective.ports.filter(isListed),
  }
  return deviceDifference(wanted, observedSettings(reading, way, crypto))
}

/** Compares a reading with a target, part by part. */
export function assess(
  target: DeviceTarget,
  reading: DeviceReading,
  materials: Materials,
  crypto: Crypto,
  date: number,
): Assessment {
  const settings = effectiveSettings(target.settings, materials)
  const changes: PlannedChange[] = stateChanges(reading)
  for (const change of policyChanges(target.settings, reading, materials, crypto)) {
    changes.push({ ...change, part: partOf(change.what) })
  }
  changes.push(...trustChanges(settings, reading, materials, crypto))
  const judges = needsCertificate(settings) && target.keepsCertificate !== true
  const certificate = judges ? certificateReason(target, reading, materials, crypto, date) : undefined
  if (certificate !== undefined) {
    const to = `issued by zone ${settings.zone}`
    changes.push({ what: 'certificate', from: certificate, to, interrupts: false, part: 'configuration' })
  }
  const unfinished = reading.cipSecurityState === 'incompleteConfiguration' && reading.security.state === 'configured'
  const has = (part: ChangePart) =>
    changes.some((change) => change.part === part && !(unfinished && change.what === 'state'))
  return {
    changes,
    certificate,
    configuration: has('configuration'),
    unfinished,
    rules: has('rules'),
    ports: has('ports'),
  }
}

function partOf(what: ChangeSubject): ChangePart {
  if (what === 'port') return 'ports'
  return what === 'ingress' || what === 'egress' ? 'rules' : 'configuration'
}

function stateChanges({ cipSecurityState, security }: DeviceReading): PlannedChange[] {
  if (cipSecurityState === 'configured' && security.state === 'configured') return []
  const from = `${cipSecurityState}, ${security.state}`
  return [{ what: 'state', from, to: 'configured', interrupts: false, part: 'configuration' }]
}

/** Differences under equal names: an authority that has a new certificate, a peer that was issued a new one, new lists. */
function trustChanges(
  settings: DeviceSettings,
  reading: DeviceReading,
  materials: Materials,
  crypto: Crypto,
): readonly PlannedChange[] {
  const trust = wantedTrust(settings, materials)
  const prints = (list: readonly Uint8Array[]) =>
    list
      .map((der) => fingerprint(crypto, der).slice(0, 16))
      .sort()
      .join(', ') || 'none'
  const stored = (files: DeviceReading['authorities']) => files.flatMap(({ contents }) => contents)
  const pairs = [
    ['authorityCertificates', prints(stored(reading.authorities)), prints(trust.authorities)],
    ['identityCertificates', prints(stored(reading.identities)), prints(trust.identities)],
    ['revocationLists', listNumbers(stored(reading.revocationLists), prints), listNumbers(trust.lists, prints)],
  ] as const
  return pairs
    .filter(([, from, to]) => from !== to)
    .map(([what, from, to]) => ({ what, from, to, interrupts: false, part: 'configuration' }))
}

/** Revocation lists by number and fingerprint. */
function listNumbers(lists: readonly Uint8Array[], prints: (list: readonly Uint8Array[]) => string): string {
  return (
    lists
      .map((der) => `number ${listNumber(der)} (${prints([der])})`)
      .sort()
      .join(', ') || 'none'
  )
}

/** CRL number (RFC 5280 5.2.3), or `unknown`. */
function listNumber(der: Uint8Array): string {
  try {
    return String(decodeRevocationList(der).extensions.crlNumber ?? 'unknown')
  } catch (error) {
    if (error instanceof MalformedMessage) return 'unknown'
    throw error
  }
}

/** The ports whose state is not as wanted; ports that the device does not know or cannot change are left out. */
export function portChanges(settings: DeviceSettings, reading: Pick<DeviceReading, 'ports'>): DeviceSettings['ports'] {
  return settings.ports.filter((wanted) => {
    const held = reading.ports.find(({ port, protocol }) => port === wanted.port && protocol === wanted.protocol)
    return held !== undefined && held.open !== wanted.open
  })
}

function suites(list: readonly number[]): string {
  return list.map(suiteName).join(', ') || 'none'
}

/** Why the certificate that a device uses will not do, or undefined when it will. */
function certificateReason(
  target: DeviceTarget,
  reading: DeviceReading,
  materials: Materials,
  crypto: Crypto,
  date: number,
): string | undefined {
  const { settings, certificate: wish } = target
  const der = reading.active?.certificate
  if (der === undefined) return 'none'
  const held = materials.certificates.read(der)?.certificate
  if (held === undefined) return 'unreadable'
  const anchors = materials.anchors(settings.zone)
  if (anchors.length === 0 || !crypto.verifyChain({ leaf: der, anchors, revocation: 'off' }).ok) {
    return reading.cipSecurityState === 'factoryDefault' ? 'default certificate' : 'from another authority'
  }
  if (materials.isRevoked(der)) return 'revoked'
  const holder = materials.holderOf(der)
  if (holder !== undefined && holder !== settings.device) return `issued to ${holder}`
  const names = held.extensions.subjectAlternativeNames ?? []
  if (!names.some(({ kind, value }) => kind === 'ip' && value === settings.address))
    return `without address ${settings.address}`
  if (target.dnsName !== undefined && !names.some(({ kind, value }) => kind === 'dns' && value === target.dnsName)) {
    return `without name ${target.dnsName}`
  }
  if (wish.beginsAfter !== undefined && held.notBefore < wish.beginsAfter) return 'to be renewed'
  const renewAt = held.notBefore + (held.notAfter - held.notBefore) * wish.renewAt
  if (date >= renewAt) return date >= held.notAfter ? 'expired' : 'due for renewal'
  const fits = settings.allowedSuites.some((id) => findSuite(id)?.authentication === held.key.family)
  return fits ? undefined : `with a key of kind ${held.key.algorithm}`
}

/**
 * What stands against a device's settings by its own answers: suites it does not have, too few places for keys, too
 * little room for rules. One sentence each; empty when all fits.
 */
export function obstacles(settings: DeviceSettings, reading: DeviceReading): readonly string[] {
  const found: string[] = []
  const { security } = reading
  const lacking = settings.allowedSuites.filter((id) => !security.availableSuites.includes(id))
  if (lacking.length > 0) found.push(`it does not have the suites ${suites(lacking)}`)
  const offered = security.availableOriginatorSuites
  const unable = settings.originatorSuites.filter((id) => offered !== undefined && !offered.includes(id))
  if (unable.length > 0) found.push(`as originator it does not have the suites ${suites(unable)}`)
  if (settings.psk.length > reading.pskSlots) {
    found.push(`it holds ${reading.pskSlots} pre-shared keys, the policy needs ${settings.psk.length}`)
  }
  if (settings.rules !== undefined) {
    const { rules } = reading
    if (rules === undefined) found.push('it has no Ingress Egress object (class 0x63)')
    else {
      const bytes = rulesSize(settings.rules)
      if (bytes > rules.maxBufferSize)
        found.push(`its rules take ${bytes} bytes, it has room for ${rules.maxBufferSize}`)
    }
  }
  if (needsCertificate(settings) && reading.revisions.certificateManagement === undefined) {
    found.push('it has no Certificate Management object (class 0x5F)')
  }
  return found
}

/** Bytes that rules take as text, each with its length byte; their grammar is ASCII. */
export function rulesSize(rules: RuleSet): number {
  return [...rules.ingress, ...rules.egress].reduce((sum, rule) => sum + 1 + formatRule(rule).length, 0)
}

/** Whether rules let the manager in from its address: without that they are not sent. */
export function letsManagerIn(rules: RuleSet, address: string, suite: number | undefined): boolean {
  const traffic = { ip: address, port: securePort, protocol: 'tcp', ...(suite === undefined ? {} : { suite }) } as const
  return matchIngress(rules.ingress, traffic).verdict === 'allow'
}
