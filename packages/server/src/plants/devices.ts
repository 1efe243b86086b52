import { UsageError } from '@cordon/core/errors'
import { type RawBuilder, sql } from 'kysely'
import type { DeviceObserved } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import { noPlant, type PlantMeans } from './means.ts'
import type { ObservedTables } from './learn.ts'
import type { WantedOfDevice } from './questions.ts'
import { ofAll, ofFew, type Standing, standingOf } from './standing.ts'
import { newestVersion, readVersion, versionKey } from './versions.ts'

/** A device as lists show it. */
export interface ListedDevice {
  readonly name: string
  /** Undefined for one that is reached only through a module of its chassis. */
  readonly address: string | undefined
  /** Undefined for one that left the plant. */
  readonly zone: string | undefined
  readonly chassis: string | undefined
  readonly slot: number | undefined
  /** It can speak CIP Security, as far as is known. */
  readonly capable: boolean
  readonly standing: Standing
  /** Name of the product, as the device told it. */
  readonly product: string | undefined
  /** CIP serial number. */
  readonly serial: number | undefined
  /** When its certificate ends. */
  readonly expiresAt: Date | undefined
  /** Differences from the model that are there. */
  readonly drift: number
  /** When it was last deployed or read for that. */
  readonly updatedAt: Date | undefined
}

/** Which devices are listed; what is absent does not matter. */
export interface DeviceQuestion {
  readonly zone?: string | undefined
  readonly standing?: Standing | undefined
  /** Part of a name or address, in any case. */
  readonly search?: string | undefined
  /** Name of the last one of the page before. */
  readonly after?: string | undefined
  /** 1 to 200. */
  readonly limit: number
}

/** A page of devices, by name. */
export interface DevicePage {
  readonly items: readonly ListedDevice[]
  /** Name to go on after; undefined at the end. */
  readonly next: string | undefined
}

/** Most rows of a page. */
export const longestPage = 200

interface Row {
  readonly name: string
  readonly address: string | null
  readonly zone: string | null
  readonly chassis: string | null
  readonly slot: number | null
  readonly capable: boolean
  readonly standing: Standing
  readonly product: string | null
  readonly serial: number | null
  readonly expires_at: Date | null
  readonly drift: number
  readonly updated_at: Date | null
}

function listed(row: Row): ListedDevice {
  return {
    name: row.name,
    address: row.address ?? undefined,
    zone: row.zone ?? undefined,
    chassis: row.chassis ?? undefined,
    slot: row.slot ?? undefined,
    capable: row.capable,
    standing: row.standing,
    product: row.product ?? undefined,
    serial: row.serial ?? undefined,
    expiresAt: row.expires_at ?? undefined,
    drift: row.drift,
    updatedAt: row.updated_at ?? undefined,
  }
}

const columns = sql`p.name, p.address, p.zone, p.chassis, p.slot, p.capable, ${standingOf} as standing,
  d.identity->>'productName' as product, d.serial, c.not_after as expires_at, coalesce(f.open, 0) as drift, d.updated_at`

const joins = sql`left join devices d on d.plant = p.plant and d.name = p.name
  left join certificates c on c.fingerprint = d.certificate_fingerprint`

/**
 * Devices of a plant by name, a page at a time; those that left the plant while under its policy are among them, with no
 * zone.
 * @throws UsageError `missing` for a plant that is not there, `bad-value` for a limit
 */
export async function listDevices(
  { db }: Pick<Store, 'db'>,
  plant: string,
  question: DeviceQuestion,
): Promise<DevicePage> {
  const { zone, standing, search, after, limit } = question
  if (!Number.isInteger(limit) || limit < 1 || limit > longestPage) {
    throw new UsageError('bad-value', `expected a limit from 1 to ${longestPage}, got ${limit}`)
  }
  if ((await newestVersion(db, plant)) === undefined) throw noPlant(plant)
  const pattern = search === undefined || search === '' ? undefined : `%${search.replace(/[\\%_]/g, '\\$&')}%`
  const which = sql`
    ${after === undefined ? sql`` : sql`and p.name collate "C" > ${after}`}
    ${zone === undefined ? sql`` : sql`and p.zone = ${zone}`}
    ${pattern === undefined ? sql`` : sql`and (p.name ilike ${pattern} or p.address ilike ${pattern})`}`
  const page = sql`order by p.name collate "C" limit ${limit + 1}`
  const own = standing === 'left' ? [] : (await ownDevices(plant, standing, which, page).execute(db)).rows
  const isLeft = zone === undefined && (standing === undefined || standing === 'left')
  const left = isLeft ? (await departedDevices(plant, which, page).execute(db)).rows : []
  // Names are ASCII, so the order of code units is that of the database's collation "C".
  const rows = left.length === 0 ? own : [...own, ...left].sort((a, b) => (a.name < b.name ? -1 : 1))
  const items = rows.slice(0, limit).map(listed)
  return { items, next: rows.length > limit ? items.at(-1)?.name : undefined }
}

/** Without a standing to look for, the page is cut first and told of then; with one, all devices are told of first. */
function ownDevices(
  plant: string,
  standing: Standing | undefined,
  which: RawBuilder<unknown>,
  page: RawBuilder<unknown>,
) {
  if (standing === undefined) {
    return sql<Row>`select ${columns}
      from (select p.* from plant_devices p where p.plant = ${plant} ${which} ${page}) p ${joins} ${ofFew}
      order by p.name collate "C"`
  }
  const all = ofAll(plant)
  return sql<Row>`${all.with} select ${columns} from plant_devices p ${joins} ${all.joins}
    where p.plant = ${plant} ${which} and ${standingOf} = ${standing} ${page}`
}

/** Devices that the plant does not name any more and that are still under its policy. */
function departedDevices(plant: string, which: RawBuilder<unknown>, page: RawBuilder<unknown>) {
  return sql<Row>`
    select p.name, p.address, null as zone, null as chassis, null as slot, true as capable, 'left' as standing,
      d.identity->>'productName' as product, d.serial, c.not_after as expires_at, 0 as drift, d.updated_at
    from (select o.plant, o.device as name, o.address from orphans o where o.plant = ${plant}
        and not exists (select from plant_devices q where q.plant = o.plant and q.name = o.device)) p ${joins}
    where true ${which} ${page}`
}

/** A difference of a device from its model. */
export interface DeviceFinding {
  readonly id: number
  /** Finding of `@cordon/core/drift`. */
  readonly finding: unknown
  /** Explanation of `@cordon/core/drift`. */
  readonly explanation: unknown
  readonly foundAt: Date
}

/** A certificate that a device works with. */
export interface DeviceCertificate {
  readonly issuer: string
  /** Lower-case hex. */
  readonly serial: string
  readonly subject: string
  /** SHA-256, lower-case hex. */
  readonly fingerprint: string
  readonly notBefore: Date
  readonly notAfter: Date
  readonly status: 'valid' | 'revoked'
}

/** Everything that is known of a device. */
export interface DeviceDetails {
  readonly device: ListedDevice
  /** As ListIdentity gave it. */
  readonly identity: unknown
  readonly certificate: DeviceCertificate | undefined
  /** SHA-256 of the default certificate that was accepted at first contact, lower-case hex. */
  readonly vendorFingerprint: string | undefined
  /** What the newest version wants of it; undefined for one that left the plant. */
  readonly wanted: WantedOfDevice | undefined
  readonly lastDeployment:
    | { readonly id: string; readonly at: Date; readonly outcome: string; readonly result: unknown }
    | undefined
  readonly findings: readonly DeviceFinding[]
  /** What it can do, as it was last read; undefined where that is not on record. */
  readonly capabilities: unknown
  /** Its live tables as they were last read. */
  readonly tables: { readonly at: Date; readonly tables: ObservedTables } | undefined
}

/** Most findings of a device that are given. */
const mostFindings = 200

/** One device with all that is known of it. @throws UsageError `missing` */
export async function readDevice({ store, reader }: PlantMeans, plant: string, name: string): Promise<DeviceDetails> {
  const { db } = store
  const device = await findDevice(store, plant, name)
  const record = await db
    .selectFrom('devices')
    .selectAll()
    .where('plant', '=', plant)
    .where('name', '=', name)
    .executeTakeFirst()
  const target = await db
    .selectFrom('deployment_targets as t')
    .innerJoin('deployments as x', 'x.id', 't.deployment')
    .select(['t.deployment', 't.status', 't.result', 't.updated_at'])
    .where('t.device', '=', name)
    .where('x.plant', '=', plant)
    .orderBy('x.created_at', 'desc')
    .limit(1)
    .executeTakeFirst()
  const findings = await db
    .selectFrom('drift_findings')
    .select(['id', 'finding', 'explanation', 'found_at'])
    .where('plant', '=', plant)
    .where('device', '=', name)
    .where('gone_at', 'is', null)
    .orderBy('id')
    .limit(mostFindings)
    .execute()
  // Written by the deployment alone.
  const observed = record?.observed as DeviceObserved | null | undefined
  const certificate = await certificateOf(store, plant, name, record?.certificate_fingerprint ?? undefined)
  return {
    device: device.expiresAt === undefined ? { ...device, expiresAt: certificate?.notAfter } : device,
    identity: record?.identity ?? undefined,
    certificate,
    vendorFingerprint: record?.vendor_fingerprint ?? undefined,
    wanted: device.standing === 'left' ? undefined : await wanted({ store, reader }, plant, name),
    lastDeployment:
      target === undefined
        ? undefined
        : { id: target.deployment, at: target.updated_at, outcome: target.status, result: target.result },
    findings: findings.map(({ id, finding, explanation, found_at: foundAt }) => ({
      id,
      finding,
      explanation,
      foundAt,
    })),
    capabilities: observed?.capabilities,
    tables: device.address === undefined ? undefined : await newestTables(store, plant, device.address),
  }
}

async function findDevice({ db }: Pick<Store, 'db'>, plant: string, name: string): Promise<ListedDevice> {
  const { rows } = await sql<Row>`select ${columns} from plant_devices p ${joins} ${ofFew}
    where p.plant = ${plant} and p.name = ${name}`.execute(db)
  const [row] = rows
  if (row !== undefined) return listed(row)
  if ((await newestVersion(db, plant)) === undefined) throw noPlant(plant)
  const orphan = await db
    .selectFrom('orphans')
    .select('address')
    .where('plant', '=', plant)
    .where('device', '=', name)
    .executeTakeFirst()
  if (orphan === undefined) {
    throw new UsageError('missing', `there is no device ${JSON.stringify(name.slice(0, 128))} in plant ${plant}`)
  }
  return {
    name,
    address: orphan.address,
    zone: undefined,
    chassis: undefined,
    slot: undefined,
    capable: true,
    standing: 'left',
    product: undefined,
    serial: undefined,
    expiresAt: undefined,
    drift: 0,
    updatedAt: undefined,
  }
}

/** The certificate that the device was last seen with, else the one that it enrolled for. */
async function certificateOf(
  { db }: Pick<Store, 'db'>,
  plant: string,
  device: string,
  fingerprint: string | undefined,
): Promise<DeviceCertificate | undefined> {
  const of = db
    .selectFrom('certificates as c')
    .select(['c.issuer', 'c.serial', 'c.subject', 'c.fingerprint', 'c.not_before', 'c.not_after', 'c.status'])
  const row =
    fingerprint === undefined
      ? await of
          .innerJoin('enrollments as e', (join) =>
            join.onRef('e.issuer_id', '=', 'c.issuer_id').onRef('e.serial', '=', 'c.serial'),
          )
          .where('e.plant', '=', plant)
          .where('e.device', '=', device)
          .where('e.state', '=', 'granted')
          .orderBy('e.updated_at', 'desc')
          .limit(1)
          .executeTakeFirst()
      : await of.where('c.fingerprint', '=', fingerprint).executeTakeFirst()
  if (row === undefined) return undefined
  const { not_before: notBefore, not_after: notAfter, ...rest } = row
  return { ...rest, notBefore, notAfter }
}

async function wanted(
  { store, reader }: PlantMeans,
  plant: string,
  device: string,
): Promise<WantedOfDevice | undefined> {
  const version = await newestVersion(store.db, plant)
  const key = version === undefined ? undefined : await versionKey(store.db, plant, version)
  if (version === undefined || key === undefined) return undefined
  return await reader.about('device', key, () => readVersion(store, plant, version), { device })
}

async function newestTables(
  { db }: Pick<Store, 'db'>,
  plant: string,
  address: string,
): Promise<DeviceDetails['tables']> {
  const row = await db
    .selectFrom('observed_connections')
    .select(['read_at', 'rows'])
    .where('plant', '=', plant)
    .where('device', '=', address)
    .orderBy('read_at', 'desc')
    .limit(1)
    .executeTakeFirst()
  // Written by recordObserved alone.
  return row === undefined ? undefined : { at: row.read_at, tables: row.rows as ObservedTables }
}
