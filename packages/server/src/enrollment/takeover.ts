import {
  type Fact,
  formatUnit,
  isAssured,
  judgeReplacement,
  type ReplacementRule,
  type ReplacementVerdict,
  sameUnit,
  type UnitIdentity,
  type UnitRole,
} from '@cordon/core/enrollment'
import type { Observation } from './observe.ts'
import { bestUnit } from './place.ts'
import type { NameRecords } from './records.ts'

/**
 * Whether a requester is the unit that had the device's role before, or takes it over.
 * @module
 */

/** Who asks for a role. */
export interface Newcomer {
  readonly key: string
  readonly address: string
  readonly units: readonly Fact<UnitIdentity>[]
  readonly identity: Observation['identity']
}

/**
 * Who had the role before: as a deployment met it, else as it enrolled. Undefined: nobody whom anything is known of, or
 * the key itself.
 */
export function formerOf({ met, earlier, live }: NameRecords, key: string): UnitRole | undefined {
  const holders = live.filter(({ profile }) => profile === 'device')
  const isHeld = holders.some((each) => each.key !== key)
  if (holders.length > 0 && !isHeld) return undefined
  if (met !== undefined) return metUnit(met.address, met.serial, met.identity)
  const unit = earlier && bestUnit(earlier.facts.units)
  if (earlier === undefined || (unit === undefined && !isHeld)) return isHeld ? unknownUnit : undefined
  const { observed } = earlier.facts
  return {
    address: earlier.address,
    vendor: unit && { ...unit, value: unit.value.vendorId },
    serialNumber: unit?.value.serialNumber,
    deviceType: observed?.deviceType,
    productCode: observed?.productCode,
    majorRevision: observed?.major,
  }
}

/** Somebody holds a certificate, and nothing is known of who. */
const unknownUnit: UnitRole = {
  address: '',
  vendor: undefined,
  serialNumber: undefined,
  deviceType: undefined,
  productCode: undefined,
  majorRevision: undefined,
}

function metUnit(address: string, serialNumber: number, identity: unknown): UnitRole {
  const read = identity as Partial<Record<'vendorId' | 'deviceType' | 'productCode' | 'major', number>> | null // written by deployments as the unit that they read
  const { vendorId, deviceType, productCode, major } = read ?? {}
  return {
    address,
    vendor: vendorId === undefined ? undefined : { value: vendorId, assurance: 'observed', source: 'deployment' },
    serialNumber,
    deviceType,
    productCode,
    majorRevision: major,
  }
}

/**
 * Whether a newcomer is the former unit with another key. It must be known as well as the former was: a serial number
 * that is only claimed takes nobody's role.
 */
export function isFormer(former: UnitRole, newcomer: Newcomer): boolean {
  const unit = bestUnit(newcomer.units)
  const { vendor, serialNumber } = former
  if (unit === undefined || vendor === undefined || serialNumber === undefined) return false
  const same = sameUnit(unit.value, { vendorId: vendor.value, serialNumber })
  return same && unit.assurance !== 'claimed' && isAssured(unit.assurance, vendor.assurance)
}

/** The judgement of a takeover by the rule of the zone. */
export function judgeTakeover(former: UnitRole, newcomer: Newcomer, rule: ReplacementRule): ReplacementVerdict {
  const unit = bestUnit(newcomer.units)
  const { identity } = newcomer
  return judgeReplacement(
    former,
    {
      address: newcomer.address,
      vendor: unit && { ...unit, value: unit.value.vendorId },
      serialNumber: unit?.value.serialNumber,
      deviceType: identity?.deviceType,
      productCode: identity?.productCode,
      majorRevision: identity?.major,
    },
    rule,
  )
}

/** A former unit for people. */
export function formatFormer({ vendor, serialNumber, address }: UnitRole): string {
  if (vendor !== undefined && serialNumber !== undefined) return formatUnit({ vendorId: vendor.value, serialNumber })
  return address === '' ? 'an unknown unit' : `an unknown unit at ${address}`
}
