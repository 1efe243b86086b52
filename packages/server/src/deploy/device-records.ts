import {
  capabilitiesOf,
  type DeviceReading,
  type EarlierKey,
  type FormerDevice,
  type UnitIdentity,
} from '@cordon/core/deployment'
import type { DeviceCapabilities } from '@cordon/core/policy'
import { fingerprint } from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'
import { sql, type Transaction } from 'kysely'
import { isDeepStrictEqual } from 'node:util'
import { type GroupCommit, groupCommit } from '../store/group-commit.ts'
import { type DeviceObserved, jsonText, type Schema } from '../store/schema.ts'
import type { Store } from '../store/store.ts'

/** A key that a device was given, with the version of the stored secret. */
export interface GivenKey extends EarlierKey {
  readonly version: string
}

/** What is remembered of a device between deployments. */
export interface DeviceRecord {
  readonly device: string
  readonly address: string
  readonly zone: string | undefined
  /** CIP serial number of the unit that was commissioned. */
  readonly serial: number | undefined
  /** SHA-256 of the default certificate that was accepted, lower-case hex. */
  readonly pinned: string | undefined
  /** Under a policy of ours, as far as is known. */
  readonly configured: boolean
  readonly keys: readonly GivenKey[]
  /** What it could do when it was last read; undefined where that is not on record. */
  readonly capabilities: DeviceCapabilities | undefined
}

interface Remembered extends DeviceObserved {
  readonly keys: readonly GivenKey[]
}

/** The records of all devices of a plant, by name. */
export async function readDeviceRecords(store: Store, plant: string): Promise<ReadonlyMap<string, DeviceRecord>> {
  const rows = await store.db.selectFrom('devices').selectAll().where('plant', '=', plant).execute()
  return new Map(
    rows.map((row) => {
      // Written by this file alone.
      const remembered = (row.observed ?? { configured: false, keys: [] }) as Remembered
      const record: DeviceRecord = {
        device: row.name,
        address: row.address,
        zone: row.zone ?? undefined,
        serial: row.serial ?? undefined,
        pinned: row.vendor_fingerprint ?? undefined,
        configured: remembered.configured,
        keys: remembered.keys,
        capabilities: remembered.capabilities,
      }
      return [row.name, record]
    }),
  )
}

/** Who the units of a plant said that they are when they were last read, by device name. */
export async function readUnitIdentities(store: Store, plant: string): Promise<ReadonlyMap<string, UnitIdentity>> {
  const rows = await store.db.selectFrom('devices').select(['name', 'identity']).where('plant', '=', plant).execute()
  // Written by this file alone.
  return new Map(rows.flatMap(({ name, identity }) => (identity === null ? [] : [[name, identity as UnitIdentity]])))
}

/** Devices that hold a policy of this plant and that its file does not name any more. */
export function formerDevices(
  records: ReadonlyMap<string, DeviceRecord>,
  named: ReadonlySet<string>,
): readonly FormerDevice[] {
  return [...records.values()]
    .filter(({ device, configured }) => configured && !named.has(device))
    .map(({ device, address }) => ({ device, address }))
}

/** What is written about a device when a deployment is done with it. */
export interface DeviceUpdate {
  readonly device: string
  readonly address: string
  readonly zone: string
  readonly reading: DeviceReading
  /** SHA-256 of the default certificate, where it was met in this deployment. */
  readonly pinned: string | undefined
  readonly configured: boolean
  readonly keys: readonly GivenKey[]
}

/** Writes device records; those of many devices share a commit. */
export function deviceRecordWriter(store: Store, plant: string): GroupCommit<DeviceUpdate> {
  return groupCommit(async (updates) => {
    const rows = updates.map(({ device, address, zone, reading, pinned, configured, keys }) => ({
      name: device,
      address,
      zone,
      identity: reading.unit,
      serial: reading.unit.serialNumber,
      pinned: pinned ?? null,
      certificate:
        reading.active?.certificate === undefined ? null : fingerprint(nodeCrypto, reading.active.certificate),
      observed: {
        configured,
        keys,
        anchors: anchorsOf(reading),
        capabilities: capabilitiesOf(reading),
      } satisfies Remembered,
    }))
    await sql`
      insert into devices (plant, name, address, zone, identity, serial, vendor_fingerprint, pinned_at,
        certificate_fingerprint, observed, updated_at)
      select ${plant}, v.name, v.address, v.zone, v.identity, v.serial, v.pinned,
        case when v.pinned is null then null else now() end, v.certificate, v.observed, now()
      from jsonb_to_recordset(${jsonText(rows)}::jsonb) as v(name text, address text, zone text, identity jsonb,
        serial bigint, pinned text, certificate text, observed jsonb)
      on conflict (plant, name) do update set
        address = excluded.address, zone = excluded.zone, identity = excluded.identity, serial = excluded.serial,
        vendor_fingerprint = coalesce(excluded.vendor_fingerprint, devices.vendor_fingerprint),
        pinned_at = coalesce(excluded.pinned_at, devices.pinned_at),
        certificate_fingerprint = excluded.certificate_fingerprint, observed = excluded.observed,
        updated_at = now()`.execute(store.db)
  })
}

/** Keeps what devices can do by their last answers; of the units that were commissioned, and where it is news. */
export async function rememberCapabilities(
  store: Pick<Store, 'db'>,
  plant: string,
  records: ReadonlyMap<string, DeviceRecord>,
  readings: readonly DeviceReading[],
): Promise<void> {
  const rows = readings.flatMap((reading) => {
    const { device, unit } = reading
    const record = records.get(device)
    const capabilities = capabilitiesOf(reading)
    if (record?.serial !== unit.serialNumber || isDeepStrictEqual(record.capabilities, capabilities)) return []
    return [{ name: device, serial: unit.serialNumber, capabilities }]
  })
  if (rows.length === 0) return
  await sql`
    update devices set observed = coalesce(devices.observed, '{"configured": false, "keys": []}'::jsonb)
      || jsonb_build_object('capabilities', v.capabilities)
    from jsonb_to_recordset(${jsonText(rows)}::jsonb) as v(name text, serial bigint, capabilities jsonb)
    where devices.plant = ${plant} and devices.name = v.name and devices.serial = v.serial`.execute(store.db)
}

function anchorsOf({ authorities }: DeviceReading): readonly string[] {
  return authorities.flatMap(({ contents }) => contents.map((der) => fingerprint(nodeCrypto, der)))
}

/** Puts devices that left the plant file on the orphan list, and takes those off that came back. */
export async function writeOrphans(store: Store, plant: string, former: readonly FormerDevice[]): Promise<void> {
  const rows = former.map(({ device, address }) => ({ device, address }))
  await store.db.transaction().execute(async (trx) => {
    await sql`
      delete from orphans where plant = ${plant} and not device = any(${rows.map(({ device }) => device)}::text[])`.execute(
      trx,
    )
    await sql`
      insert into orphans (plant, device, address, reason)
      select ${plant}, v.device, v.address, 'the plant file does not name it any more'
      from jsonb_to_recordset(${jsonText(rows)}::jsonb) as v(device text, address text)
      on conflict (plant, device) do nothing`.execute(trx)
  })
}

/** Forgets that a unit was commissioned under a name: it was released, or exchanged for another one. */
export async function forgetDevice(store: Store, plant: string, device: string): Promise<void> {
  await store.db.transaction().execute((trx) => acceptReplacement(trx, plant, device))
}

/**
 * Lets another unit be deployed under a name, in the transaction of whoever decided that it may: the next deployment
 * meets it as a new one, and does not refuse it as exchanged.
 */
export async function acceptReplacement(trx: Transaction<Schema>, plant: string, device: string): Promise<void> {
  await trx.deleteFrom('devices').where('plant', '=', plant).where('name', '=', device).execute()
  await trx.deleteFrom('orphans').where('plant', '=', plant).where('device', '=', device).execute()
}
