import {
  type CommissionedUnit,
  compareDevice,
  type Finding,
  type ModelRisk,
  modelRisks,
  type UnjudgedDevice,
  unjudgedSettings,
} from '@cordon/core/drift'
import type { Discovered } from '@cordon/core/deployment'
import { UsageError } from '@cordon/core/errors'
import { contains, formatNetwork, type Network, parseAddress, parseNetwork, type Plant } from '@cordon/core/policy'
import { nodeCrypto } from '@cordon/node/crypto'
import { discover, type DiscoveryReply } from '@cordon/node/originator'
import type { StoreAuthority } from '../authority/authority.ts'
import { formerDevices } from '../deploy/device-records.ts'
import { type DeployOptions, ownAddress, prepare } from '../deploy/prepare.ts'
import { systemClock } from '../deploy/system-clock.ts'
import type { Store } from '../store/store.ts'
import { broadcastsInto, isSearched, plantNetworks, sweepAddresses, sweptNetworks } from './networks.ts'

/** What a comparison is about, and how far it looks. */
export interface DriftRequest {
  readonly plant: Plant
  readonly store: Store
  readonly authority: StoreAuthority
  readonly options?: Pick<DeployOptions, 'localAddress' | 'concurrency' | 'capabilities' | 'vendorAnchors' | 'signal'>
  /** Only what is found of these devices; nothing is said of new ones. */
  readonly only?: readonly string[]
  /** A certificate that ends within so many milliseconds is a warning; default 30 days. */
  readonly nearMs?: number
  /**
   * How devices are looked for that the model does not know. `broadcast`, the default: on the networks that this machine
   * is on. `sweep`: each address of the plant's /24 networks is asked too. `none`: nobody is.
   */
  readonly search?: 'broadcast' | 'sweep' | 'none'
}

/** A plant held against its model at one time. Plain data that survives JSON. */
export interface PlantComparison {
  readonly plant: string
  /** ISO 8601. */
  readonly startedAt: string
  readonly durationMs: number
  readonly findings: readonly Finding[]
  /** What the model itself accepts. */
  readonly risks: readonly ModelRisk[]
  /** Devices that were judged. */
  readonly compared: readonly string[]
  /** Devices that answer and could not be read. */
  readonly unread: readonly string[]
  /** All devices were looked at, and not some of them. */
  readonly whole: boolean
  /** In every network of the plant devices were looked for that the model does not know. */
  readonly searched: boolean
  /** In which networks, or parts of them, they were looked for: `192.0.2.0/24`. */
  readonly searchedNetworks: readonly string[]
  /** Settings that were not judged, since they follow from devices of which nothing is known. */
  readonly unjudged: readonly UnjudgedDevice[]
  /** Digest of what was read, by device. */
  readonly digests: Readonly<Record<string, string>>
}

const dayMs = 86_400_000
/** A list is made anew much more often than a certificate: it is near its end only just before. */
const listNearMs = 3 * dayMs
const discoveryMs = 1000

/**
 * Reads every device of a plant and compares it with the model. Nothing is written to any device.
 *
 * @throws UsageError `missing` for a state that has no authority of this plant: it deployed nothing
 */
export async function comparePlant(request: DriftRequest): Promise<PlantComparison> {
  const { plant, store, authority, options = {}, nearMs = 30 * dayMs } = request
  if ((await authority.generations()).length === 0) {
    const remedy = 'use the state that deployed the plant (--state), or deploy it first with cordon apply'
    throw new UsageError(
      'missing',
      `this state has no authority of ${plant.name}, so there is nothing to compare with; ${remedy}`,
    )
  }
  const startedAt = systemClock.date()
  const began = systemClock.now()
  const [preparation, { heard, searched }, units] = await Promise.all([
    prepare({ plant, store, authority, options }),
    listen(request),
    commissionedUnits(store, plant.name),
  ])
  const { index, targets, observations, materials, records, assumed } = preparation
  const wanted = new Map([...targets].map(([device, { settings }]) => [device, settings]))
  const unjudged = unjudgedSettings(index, wanted, assumed)
  const unjudgedOf = new Map(unjudged.map(({ device, settings }) => [device, settings]))
  const means = { materials, crypto: nodeCrypto, date: startedAt, nearMs, spell: (ms: number) => moment(ms) }
  const findings: Finding[] = []
  const compared: string[] = []
  const digests: Record<string, string> = {}
  for (const [device, target] of targets) {
    if (device === plant.manager) continue
    const observation = observations.get(device)
    if (observation?.kind === 'read') digests[device] = observation.reading.digest
    const role = index.devices.get(device)?.role ?? 'both'
    const reply = heard.get(target.settings.address)
    const found = compareDevice(
      {
        target,
        observation,
        heard: reply === undefined ? undefined : discovered(reply),
        role,
        record: units.get(device),
      },
      means,
    )
    const uncertain = unjudgedOf.get(device) ?? []
    findings.push(...found.filter(({ setting }) => setting === undefined || !uncertain.includes(setting)))
    if (!found.some(({ kind }) => kind === 'unreadable')) compared.push(device)
  }
  for (const { device, address } of formerDevices(records, new Set(targets.keys())))
    findings.push(orphan(device, address))
  findings.push(...newDevices(request, heard, units))
  findings.push(...(await authorityFindings(request, nearMs, new Set(compared))))
  const { only } = request
  const named = (device: string) => only === undefined || only.includes(device)
  const kept = findings.filter(({ device }) => named(device))
  return {
    plant: plant.name,
    startedAt: new Date(startedAt).toISOString(),
    durationMs: Math.round(systemClock.now() - began),
    findings: kept,
    risks: modelRisks(index, wanted.values()),
    compared: compared.filter(named),
    unread: kept.filter(({ kind }) => kind === 'unreadable').map(({ device }) => device),
    whole: only === undefined,
    searched: plantNetworks(plant).every((network) => isSearched(network, searched)),
    searchedNetworks: searched.map(formatNetwork),
    unjudged: unjudged.filter(({ device }) => compared.includes(device) && named(device)),
    digests: Object.fromEntries(Object.entries(digests).filter(([device]) => named(device))),
  }
}

/** A moment as people read it: ISO 8601 in UTC, to the second. */
function moment(ms: number): string {
  // RFC 5280 4.1.2.5: a certificate without an end says so with this year.
  return `${new Date(Math.min(ms, 253_402_300_799_000)).toISOString().slice(0, 19)}Z`
}

function discovered({ identity, security }: DiscoveryReply): Discovered {
  const { revision, ...unit } = identity
  return { unit: { ...unit, ...revision }, capable: security !== undefined }
}

/** Who answered ListIdentity, by address, and where whoever else is there was asked too. */
interface Heard {
  readonly heard: ReadonlyMap<string, DiscoveryReply>
  readonly searched: readonly Network[]
}

/** Everybody who answers ListIdentity: the plant's own devices one by one, and whoever else is there. */
async function listen(request: DriftRequest): Promise<Heard> {
  const { plant, options = {}, search = 'broadcast', only } = request
  const manager = plant.devices.find(({ name }) => name === plant.manager)
  const localAddress = options.localAddress ?? ownAddress(manager?.address)
  const targets = plant.devices.flatMap(({ name, address, role }) =>
    address === undefined || name === plant.manager || (role === 'originator' && search === 'none') ? [] : [address],
  )
  const isSearching = only === undefined && search !== 'none'
  const common = {
    waitMs: discoveryMs,
    ...(localAddress === undefined ? {} : { localAddress }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  }
  const own = discover({ targets, ...common })
  if (!isSearching) return { heard: byAddress(await own), searched: [] }
  const networks = plantNetworks(plant)
  const broadcasts = broadcastsInto(networks)
  const broadcast = broadcasts.map(({ address }) => address)
  const swept = search === 'sweep' ? sweptNetworks(networks) : []
  const others = [
    ...(broadcast.length === 0 ? [] : [discover({ broadcast, ...common })]),
    ...(swept.length === 0 ? [] : [discover({ targets: sweepAddresses(swept), maxDelayMs: 500, ...common })]),
  ]
  const heard = byAddress((await Promise.all([own, ...others])).flat())
  // Networks once each: what was swept may have been reached by a broadcast too.
  const searched = new Map(
    [...swept, ...broadcasts.flatMap(({ reached }) => reached)].map((n) => [formatNetwork(n), n]),
  )
  return { heard, searched: [...searched.values()] }
}

function byAddress(replies: readonly DiscoveryReply[]): ReadonlyMap<string, DiscoveryReply> {
  return new Map(replies.map((reply) => [reply.address, reply]))
}

/** Units that answer in the plant's networks and that the model does not know. */
function newDevices(
  { plant, only }: DriftRequest,
  heard: ReadonlyMap<string, DiscoveryReply>,
  units: ReadonlyMap<string, CommissionedUnit>,
): readonly Finding[] {
  if (only !== undefined) return []
  const known = new Set(plant.devices.flatMap(({ address }) => address ?? []))
  const ranges = plant.ranges.flatMap(({ addresses }) => parseNetwork(addresses) ?? [])
  const networks = plantNetworks(plant)
  const within = (list: readonly Network[], address: number) => list.some((network) => contains(network, address))
  return [...heard.values()]
    .filter(({ address }) => {
      const number = parseAddress(address)
      return number !== undefined && !known.has(address) && within(networks, number) && !within(ranges, number)
    })
    .map(({ address, identity, security }): Finding => {
      const serial = `0x${identity.serialNumber.toString(16).padStart(8, '0')}`
      const [role] = [...units].find(([, unit]) => unit.serialNumber === identity.serialNumber) ?? []
      const moved = role === undefined ? '' : `, the unit of ${role}`
      const able = security === undefined ? 'without CIP Security' : 'with CIP Security'
      return {
        ...about(address, address),
        kind: 'new',
        weight: 'drift',
        expected: 'no device',
        found: `${identity.productName.trim()} ${serial}, ${able}${moved}`,
      }
    })
    .sort((a, b) => (parseAddress(a.address) ?? 0) - (parseAddress(b.address) ?? 0))
}

function about(device: string, address: string) {
  return { device, address, place: undefined, setting: undefined, aim: undefined } as const
}

function orphan(device: string, address: string): Finding {
  const found = 'a policy of this plant is on record as still in force'
  return { ...about(device, address), kind: 'orphan', weight: 'drift', expected: 'released', found }
}

/** What of the authority ends, and certificates of devices that could not be asked for theirs. */
async function authorityFindings(
  { authority }: DriftRequest,
  nearMs: number,
  compared: ReadonlySet<string>,
): Promise<readonly Finding[]> {
  const now = systemClock.date()
  return (await authority.expiring(nearMs)).flatMap(({ kind, name, profile, notAfter, renewal, remedy }): Finding[] => {
    const isOver = notAfter <= now
    if (kind === 'list' && notAfter - now > listNearMs) return []
    if (renewal === 'automatic' || (profile === 'device' && compared.has(name))) return []
    const found = `${isOver ? 'ended' : 'ends'} ${moment(notAfter)}`
    const what = kind === 'list' ? 'a newer revocation list' : 'renewed'
    const weight = isOver ? 'drift' : 'warning'
    return [{ ...about(name, ''), kind: 'certificate', weight, expected: `${what}: ${remedy}`, found }]
  })
}

/** The units that were commissioned, as they were then. */
async function commissionedUnits(store: Store, plant: string): Promise<ReadonlyMap<string, CommissionedUnit>> {
  const rows = await store.db
    .selectFrom('devices')
    .select(['name', 'serial', 'identity', 'observed'])
    .where('plant', '=', plant)
    .execute()
  return new Map(
    rows.map(({ name, serial, identity, observed }) => [
      name,
      { serialNumber: serial ?? undefined, revision: revisionIn(identity), configured: isConfiguredIn(observed) },
    ]),
  )
}

function revisionIn(identity: unknown): string | undefined {
  if (typeof identity !== 'object' || identity === null || !('major' in identity) || !('minor' in identity))
    return undefined
  return `${String(identity.major)}.${String(identity.minor)}`
}

function isConfiguredIn(observed: unknown): boolean {
  return typeof observed === 'object' && observed !== null && 'configured' in observed && observed.configured === true
}
