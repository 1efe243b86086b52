import { type Assurance, type Fact, formatUnit, unitKey, type UnitIdentity } from '@cordon/core/enrollment'
import type { Device, Plant } from '@cordon/core/policy'

/**
 * Which device of the plant a requester is. Name, zone and addresses of a certificate come from the plant file; what the
 * requester says of itself decides nothing.
 * @module
 */

/** Where a requester belongs. */
export type Place =
  | {
      readonly kind: 'device'
      readonly name: string
      readonly zone: string
      readonly address: string
      readonly dnsName: string | undefined
      /** Why it waits: the plant file expects another unit there. */
      readonly fault: string | undefined
    }
  /** The plant file does not list it. */
  | { readonly kind: 'unlisted' }
  | { readonly kind: 'refused'; readonly reason: string }

/** A plant, ready to be asked. */
export interface PlantPlaces {
  /** In lower case: names that differ in that alone are one to people, and to X.509. */
  readonly names: ReadonlySet<string>
  readonly byUnit: ReadonlyMap<number, readonly Device[]>
  readonly byAddress: ReadonlyMap<string, Device>
  /** Zones whose devices have certificates. */
  readonly zones: ReadonlySet<string>
}

/** Prepares a plant for {@link placeOf}. */
export function placesOf(plant: Plant): PlantPlaces {
  const byUnit = new Map<number, Device[]>()
  for (const device of plant.devices) {
    const { vendor, serial } = device.expect ?? {}
    if (vendor === undefined || serial === undefined) continue
    const key = unitKey({ vendorId: vendor, serialNumber: serial })
    byUnit.set(key, [...(byUnit.get(key) ?? []), device])
  }
  const addressed = plant.devices.flatMap((device) =>
    device.address === undefined ? [] : [[device.address, device] as const],
  )
  return {
    names: new Set(plant.devices.map(({ name }) => name.toLowerCase())),
    byUnit,
    byAddress: new Map(addressed),
    zones: new Set(plant.zones.flatMap(({ name, authentication }) => (authentication === 'certificate' ? [name] : []))),
  }
}

/** A unit, and what else is known of it. */
export interface Requester {
  readonly address: string
  readonly units: readonly Fact<UnitIdentity>[]
  /** Identity attributes 2 and 3, where the network told. */
  readonly deviceType: number | undefined
  readonly productCode: number | undefined
}

/**
 * The device that a requester is: the one whose unit the plant file expects, if the requester's is proven or observed,
 * else the one whose address it has. A claim is not enough to be found by, but enough to be doubted by.
 */
export function placeOf(places: PlantPlaces, requester: Requester): Place {
  const known = requester.units.filter(({ assurance }) => assurance !== 'claimed')
  const named = new Set(known.flatMap(({ value }) => places.byUnit.get(unitKey(value)) ?? []))
  const [device, ...more] = named
  const there = places.byAddress.get(requester.address)
  if (more.length > 0) {
    return refuse(`the plant file expects its unit as ${[...named].map(({ name }) => name).join(' and as ')}`)
  }
  if (device !== undefined && there !== undefined && there !== device) {
    return refuse(
      `its unit is ${device.name} by the plant file, its address ${requester.address} is that of ${there.name}`,
    )
  }
  const found = device ?? there
  return found === undefined ? { kind: 'unlisted' } : deviceAt(places, found, requester)
}

function refuse(reason: string): Place {
  return { kind: 'refused', reason }
}

function deviceAt(places: PlantPlaces, device: Device, requester: Requester): Place {
  const { name, zone, address, dnsName, capability } = device
  if (capability === 'none') return refuse(`${name} has no CIP Security by the plant file`)
  if (address === undefined) return refuse(`the plant file gives ${name} no address; a certificate needs one`)
  if (!places.zones.has(zone)) return refuse(`zone ${zone} of ${name} has no certificates`)
  return { kind: 'device', name, zone, address, dnsName, fault: unexpected(device, requester) }
}

/** What the plant file expects and the requester is not, as far as it is known. */
function unexpected({ name, expect }: Device, requester: Requester): string | undefined {
  const unit = bestUnit(requester.units)
  const compared: readonly (readonly [string, number | undefined, number | undefined])[] = [
    ['vendor', expect?.vendor, unit?.value.vendorId],
    ['serial', expect?.serial, unit?.value.serialNumber],
    ['type', expect?.type, requester.deviceType],
    ['product', expect?.product, requester.productCode],
  ]
  const wrong = compared.find(([, wanted, found]) => wanted !== undefined && found !== undefined && wanted !== found)
  if (wrong === undefined) return undefined
  const [what, wanted, found] = wrong
  const shown = unit === undefined ? '' : ` (${formatUnit(unit.value)}, ${unit.assurance} by ${unit.source})`
  return `the plant file expects ${what} ${wanted} for ${name}, found ${found}${shown}; if it was exchanged, change the plant file`
}

const order: readonly Assurance[] = ['proven', 'observed', 'claimed']

/** The unit that is known best. */
export function bestUnit(units: readonly Fact<UnitIdentity>[]): Fact<UnitIdentity> | undefined {
  for (const assurance of order) {
    const found = units.find((each) => each.assurance === assurance)
    if (found !== undefined) return found
  }
  return undefined
}

/** The form of a name that a proven unit is called by; nobody else is. */
const unitForm = /^V[0-9A-F]{4}-[0-9A-F]{8}$/i

/**
 * What a certificate calls somebody whom the plant file does not list: by its proven unit, else by the common name it
 * wishes for, reduced to what file names may hold, else by its key.
 */
export function unlistedName(
  units: readonly Fact<UnitIdentity>[],
  commonName: string | undefined,
  key: string,
): { readonly name: string; readonly proven: boolean } {
  const proven = units.find(({ assurance }) => assurance === 'proven')?.value
  if (proven !== undefined) {
    const text = (value: number, digits: number) => value.toString(16).toUpperCase().padStart(digits, '0')
    return { name: `V${text(proven.vendorId, 4)}-${text(proven.serialNumber, 8)}`, proven: true }
  }
  const safe = (commonName ?? '')
    .slice(0, 256)
    .replaceAll(/[^A-Za-z0-9_-]+/g, '-')
    .replace(/^[^A-Za-z]+/, '')
    .replace(/-+$/, '')
    .slice(0, 63)
  const isFree = safe !== '' && !unitForm.test(safe)
  return { name: isFree ? safe : `key-${key.slice(0, 8)}`, proven: false }
}
