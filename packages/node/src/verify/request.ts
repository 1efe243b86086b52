import type { Authority } from '@cordon/core/authority'
import { MalformedMessage, UsageError } from '@cordon/core/errors'
import {
  type DeviceCapabilities,
  decide,
  indexPlant,
  managerAuthority,
  type Plant,
  type PlantIndex,
} from '@cordon/core/policy'
import type { LiveConnection } from '@cordon/core/verification'
import { decodeBase64, encodeBase64, fingerprint } from '@cordon/core/x509'
import { nodeCrypto } from '../crypto.ts'

/** A certificate with its private key, as JSON: base64 of DER. The key is a secret. */
export interface StoredCredential {
  /** End entity first. */
  readonly chain: readonly string[]
  /** PKCS#8. */
  readonly key: string
}

/** A pre-shared key as JSON: base64. The key is a secret. */
export interface StoredPsk {
  readonly identity: string
  readonly key: string
}

/**
 * Everything that a verification needs, as JSON: it goes from the process that holds the authority to the one that
 * verifies, through a file of mode 0600 or a pipe, never through arguments. Byte strings are base64 of DER.
 */
export interface VerificationRequest {
  readonly version: 1
  readonly plant: Plant
  /** What devices can do, as it was known when they were deployed; what is not here is asked of the device. */
  readonly capabilities?: Readonly<Record<string, DeviceCapabilities>>
  /** The verifier's own identity; not needed in a plant of pre-shared keys. */
  readonly verifier?: StoredCredential
  /** The manager's credential, for devices that know their peers by their certificates alone. */
  readonly manager?: StoredCredential
  /** Zone whose authority signed the manager's and the verifier's certificate. */
  readonly managerZone: string
  /** Issuing authority certificates by zone. */
  readonly anchors: Readonly<Record<string, readonly string[]>>
  /** The newest revocation lists by zone, one of each generation of its CA; zones without any are left out. */
  readonly lists: Readonly<Record<string, readonly string[]>>
  /** The newest certificate of each device and of the manager, by name. */
  readonly certificates: Readonly<Record<string, string>>
  /** Short-lived credentials in the place of devices and ranges, by their names. */
  readonly probes: Readonly<Record<string, StoredCredential>>
  /** Short-lived credentials of each zone that are made out for nobody's address. */
  readonly zoneProbes: Readonly<Record<string, StoredCredential>>
  /** By name. */
  readonly psk: Readonly<Record<string, StoredPsk>>
  /** A certificate of the maker of the devices. */
  readonly vendor?: StoredCredential
  /** Certificates that the revocation list of their zone names, by zone. */
  readonly revoked?: Readonly<Record<string, StoredCredential>>
  /** Certificates whose time is over, by zone. */
  readonly expired?: Readonly<Record<string, StoredCredential>>
  /** The live table of connections, as their originators report it. */
  readonly live?: readonly LiveConnection[]
  /** Address that the verifier works from; default the manager's. */
  readonly verifierAddress?: string
  /** Only these devices. */
  readonly only?: readonly string[]
  /** How many peers of each group of like devices are tried at each device. */
  readonly peersPerGroup?: number
}

/** One credential that an authority must issue for a verification. */
export interface NeededProbe {
  /** Name of the endpoint it stands for, or of the zone. */
  readonly for: string
  readonly kind: 'endpoint' | 'zone'
  /** Issuing authority. */
  readonly zone: string
  readonly addresses: readonly string[]
  readonly dnsNames: readonly string[]
}

/** Which short-lived certificates a verification of this plant tries doors with. */
export function neededProbes(index: PlantIndex): readonly NeededProbe[] {
  const zones = index.plant.zones.filter(({ authentication }) => authentication === 'certificate')
  const names = new Set(zones.map(({ name }) => name))
  const endpoints = [...index.endpoints.values()].filter(
    ({ group, device }) =>
      device !== undefined && !group.isManager && group.capabilities.capable && names.has(group.zone.name),
  )
  return [
    ...zones.map(({ name }): NeededProbe => ({ for: name, kind: 'zone', zone: name, addresses: [], dnsNames: [] })),
    ...endpoints.map(
      ({ name, address, device, group }): NeededProbe => ({
        for: name,
        kind: 'endpoint',
        zone: group.zone.name,
        addresses: [address],
        dnsNames: device?.dnsName === undefined ? [] : [device.dnsName],
      }),
    ),
  ]
}

/** What a request is prepared from. */
export interface PrepareOptions {
  readonly plant: Plant
  readonly capabilities?: ReadonlyMap<string, DeviceCapabilities>
  readonly authority: Pick<Authority, 'anchors' | 'crls' | 'list' | 'issueClient'>
  /** The manager's own credential, where it is at hand. */
  readonly manager?: { readonly chain: readonly Uint8Array[]; readonly key: Uint8Array }
  /** Finds a pre-shared key by the name that the plant file uses. */
  readonly psk?: (name: string) => Promise<{ readonly identity: Uint8Array; readonly key: Uint8Array } | undefined>
  readonly vendor?: { readonly chain: readonly Uint8Array[]; readonly key: Uint8Array }
  /** A credential of a zone that its list names, to be tried at the doors. */
  readonly revoked?: { readonly zone: string; readonly chain: readonly Uint8Array[]; readonly key: Uint8Array }
  readonly live?: readonly LiveConnection[]
  readonly verifierAddress?: string
  readonly only?: readonly string[]
  readonly peersPerGroup?: number
  /** Lifetime of the verifier's and the probes' certificates. Default 30 minutes. */
  readonly validityMs?: number
  /** Milliseconds since 1970. Default now. */
  readonly date?: number
}

const defaultValidityMs = 30 * 60_000

/**
 * Asks the authority for what a verification needs: anchors, lists, what was issued to whom, an identity for the
 * verifier, and a short-lived certificate for each door that is tried.
 *
 * @throws as `issueClient`; UsageError `missing` for a zone without an authority
 */
export async function prepareVerification(options: PrepareOptions): Promise<VerificationRequest> {
  const { plant, authority } = options
  const capabilities = options.capabilities ?? new Map<string, DeviceCapabilities>()
  const index = indexPlant(plant, capabilities)
  const date = options.date ?? Date.now()
  const validityMs = options.validityMs ?? defaultValidityMs
  const managerZone = managerAuthority(plant)
  const zones = plant.zones.filter(({ authentication }) => authentication === 'certificate').map(({ name }) => name)
  const anchors: Record<string, readonly string[]> = {}
  const lists: Record<string, readonly string[]> = {}
  // A plant of pre-shared keys alone has no authority to ask.
  for (const zone of zones.length === 0 ? [] : new Set([...zones, managerZone])) {
    anchors[zone] = (await authority.anchors(zone)).map((der) => encodeBase64(der))
    const held = await authority.crls(zone)
    if (held.length > 0) lists[zone] = held.map((der) => encodeBase64(der))
  }
  const issue = async (name: string, zone: string, addresses: readonly string[], dnsNames: readonly string[] = []) => {
    const issued = await authority.issueClient({ zone, name, addresses, dnsNames, validityMs })
    const key = issued.key?.export()
    if (key === undefined) throw new UsageError('missing', `the authority of zone ${zone} gave no key for ${name}`)
    return {
      chain: [issued.certificate, ...issued.chain.slice(0, 1)].map((der) => encodeBase64(der)),
      key: encodeBase64(key),
    }
  }
  const verifierAddress = options.verifierAddress ?? index.manager?.address
  const verifier =
    zones.length === 0
      ? undefined
      : await issue('verifier', managerZone, verifierAddress === undefined ? [] : [verifierAddress])
  const probes: Record<string, StoredCredential> = {}
  const zoneProbes: Record<string, StoredCredential> = {}
  for (const probe of neededProbes(index)) {
    const stored = await issue(`probe ${probe.for}`, probe.zone, probe.addresses, probe.dnsNames)
    if (probe.kind === 'zone') zoneProbes[probe.for] = stored
    else probes[probe.for] = stored
  }
  const certificates: Record<string, string> = {}
  for (const record of zones.length === 0 ? [] : await authority.list()) {
    // Oldest first, so the newest stays.
    const isOfDevice = record.profile === 'device' || (record.profile === 'client' && record.name === plant.manager)
    if (isOfDevice && record.status === 'valid' && record.notAfter > date)
      certificates[record.name] = encodeBase64(record.certificate)
  }
  const { manager, vendor, live, only, peersPerGroup } = options
  if (manager?.chain[0] !== undefined && plant.manager !== undefined)
    certificates[plant.manager] = encodeBase64(manager.chain[0])
  return {
    version: 1,
    plant,
    ...(options.capabilities === undefined ? {} : { capabilities: Object.fromEntries(capabilities) }),
    ...(verifier === undefined ? {} : { verifier }),
    ...(manager === undefined ? {} : { manager: stored(manager) }),
    managerZone,
    anchors,
    lists,
    certificates,
    probes,
    zoneProbes,
    psk: await neededKeys(plant, options.psk),
    ...(vendor === undefined ? {} : { vendor: stored(vendor) }),
    ...(options.revoked === undefined ? {} : { revoked: { [options.revoked.zone]: stored(options.revoked) } }),
    ...(live === undefined ? {} : { live }),
    ...(verifierAddress === undefined ? {} : { verifierAddress }),
    ...(only === undefined ? {} : { only }),
    ...(peersPerGroup === undefined ? {} : { peersPerGroup }),
  }
}

function stored({ chain, key }: { readonly chain: readonly Uint8Array[]; readonly key: Uint8Array }): StoredCredential {
  return { chain: chain.map((der) => encodeBase64(der)), key: encodeBase64(key) }
}

async function neededKeys(plant: Plant, find: PrepareOptions['psk']): Promise<Record<string, StoredPsk>> {
  const names = new Set([...plant.zones, ...plant.conduits].flatMap(({ psk }) => (psk === undefined ? [] : [psk])))
  const keys: Record<string, StoredPsk> = {}
  for (const name of names) {
    const found = await find?.(name)
    if (found !== undefined) keys[name] = { identity: encodeBase64(found.identity), key: encodeBase64(found.key) }
  }
  return keys
}

/** A device's name under its certificate, and a zone's under its authority: what read-back speaks in. */
export interface KnownCertificates {
  zoneOf(certificate: Uint8Array): string | undefined
  holderOf(certificate: Uint8Array): string | undefined
}

/** The certificates that a request knows, by fingerprint. */
export function knownCertificates({ anchors, certificates }: VerificationRequest): KnownCertificates {
  const zones = new Map<string, string>()
  for (const [zone, list] of Object.entries(anchors)) for (const text of list) zones.set(printOf(text), zone)
  const holders = new Map(Object.entries(certificates).map(([name, text]) => [printOf(text), name]))
  return {
    zoneOf: (der) => zones.get(fingerprint(nodeCrypto, der)),
    holderOf: (der) => holders.get(fingerprint(nodeCrypto, der)),
  }
}

function printOf(text: string): string {
  return fingerprint(nodeCrypto, decodeBase64(text, 'a certificate of the request'))
}

/** How the verifier may come in to a device: by what it proves itself. */
export function wayIn(index: PlantIndex, device: string): 'certificate' | 'psk' | undefined {
  const { manager } = index
  const own = index.endpoints.get(device)?.group.zone
  const zone = own?.stage === 'observe' ? undefined : own?.authentication
  const decision =
    manager === undefined ? undefined : decide(index, { from: manager.name, to: device, transport: 'tcp' })
  const authentication = decision?.verdict === 'secure' ? decision.authentication : zone
  return authentication === 'certificate' || authentication === 'psk' ? authentication : undefined
}

/** Longest request that is read, bytes. */
export const maximumRequest = 256 * 1024 * 1024

/**
 * Reads a request from JSON. Its plant comes from the process that parsed it; here the shape is checked as far as a
 * damaged or foreign file must be told from a request.
 *
 * @throws MalformedMessage `bad-encoding`, `unknown-value`
 */
export function parseRequest(text: string): VerificationRequest {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new MalformedMessage('bad-encoding', 'verification request: expected JSON', { cause })
  }
  if (!isObject(value) || value['version'] !== 1)
    throw new MalformedMessage('unknown-value', 'verification request: expected an object of version 1')
  for (const name of ['plant', 'anchors', 'lists', 'certificates', 'probes', 'zoneProbes', 'psk']) {
    if (!isObject(value[name])) throw new MalformedMessage('unknown-value', `verification request: ${name} is missing`)
  }
  // The parts were looked at; what is inside comes from prepareVerification of the same version.
  return value as unknown as VerificationRequest
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
