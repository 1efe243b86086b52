import type { AdministratorWord, EnrollmentFacts, Evaluation, ReplacementVerdict } from '@cordon/core/enrollment'
import { UsageError } from '@cordon/core/errors'
import type { ExpressionBuilder, Kysely, Selectable } from 'kysely'
import type { EnrollmentTable, EnrollmentWordTable, Schema } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import { standingWords } from './words.ts'

/**
 * The queue of requests as people read it: who waits, and everything that is known of one. Nothing here changes
 * anything. Times are dates, which JSON writes as ISO 8601.
 * @module
 */

/** Which requests are listed; what is absent does not matter. */
export interface QueueFilter {
  readonly states?: readonly EnrollmentTable['state'][]
  readonly plant?: string
  /** The device of the plant file that it would become. */
  readonly device?: string
  /** Empty for the path without a label. */
  readonly label?: string
  readonly address?: string
  /** Changed since: asked, decided or issued. */
  readonly since?: Date
  /** Part of subject, requester, device, address, reason, key or serial number, in any case. */
  readonly text?: string
}

/** Which part of a list. */
export interface QueuePage {
  /** 1 to 1000; default 100. */
  readonly most?: number
  /** Only requests of a higher number. */
  readonly after?: number
}

/** A request in a list. */
export interface QueueEntry {
  readonly id: number
  readonly plant: string
  /** Null: the path without a label. */
  readonly label: string | null
  /** SHA-256 of the SubjectPublicKeyInfo, lower-case hex. */
  readonly key: string
  readonly operation: EnrollmentTable['operation']
  readonly requester: string
  readonly address: string
  readonly subject: string
  readonly state: EnrollmentTable['state']
  readonly reason: string
  readonly device: string | null
  readonly zone: string | null
  /** Of the certificate that was issued. */
  readonly serial: string | null
  /** Who approved it, as far as it counts. */
  readonly approvedBy: readonly string[]
  /** Kinds of the alarms that block it. */
  readonly alarms: readonly string[]
  readonly createdAt: Date
  readonly updatedAt: Date
  readonly expiresAt: Date | null
}

/** Some requests, oldest first. */
export interface QueueList {
  readonly entries: readonly QueueEntry[]
  /** Where the next page begins; null: there is none. */
  readonly next: number | null
}

/** What somebody said about a request, or what became of it. */
export interface EnrollmentWord {
  readonly at: Date
  readonly kind: EnrollmentWordTable['kind']
  readonly by: string
  readonly reason: string
}

/** A certificate in a record. */
export interface KnownCertificate {
  readonly name: string
  readonly profile: string
  readonly serial: string
  readonly fingerprint: string
  readonly status: 'valid' | 'revoked'
  readonly notBefore: Date
  readonly notAfter: Date
}

/** A device of the plant as it was last met. */
export interface KnownDevice {
  readonly name: string
  readonly address: string
  readonly zone: string | null
  /** As ListIdentity gave it. */
  readonly identity: unknown
  /** CIP serial number. */
  readonly serial: number | null
  readonly updatedAt: Date
}

/** Everything that is known of a request. */
export interface EnrollmentRecord extends QueueEntry {
  /** PKCS#10, DER. */
  readonly request: Uint8Array
  readonly facts: EnrollmentFacts
  readonly evaluation: Evaluation
  /** Whether it may take over a role, and what did not match; null where it takes over none. */
  readonly replacement: ReplacementVerdict | null
  /** What counts of what people said. */
  readonly standing: readonly AdministratorWord[]
  readonly words: readonly EnrollmentWord[]
  /** Where its key was seen. */
  readonly sightings: readonly {
    readonly address: string
    readonly mac: string
    readonly at: Date
    readonly clearedBy: string | null
  }[]
  /** Devices last met at its address, or of the name that it would have. */
  readonly devices: readonly KnownDevice[]
  /** Other requests from its address, newest first; at most 20. */
  readonly earlier: readonly QueueEntry[]
  /** Certificates under the name that it would have, newest first; at most 20. */
  readonly certificates: readonly KnownCertificate[]
  readonly certificate: KnownCertificate | null
}

type Row = Selectable<EnrollmentTable>

/**
 * Lists requests, oldest first.
 * @throws UsageError `bad-value` for a page that is none
 */
export async function listEnrollments(
  store: Pick<Store, 'db'>,
  filter: QueueFilter = {},
  { most = 100, after = 0 }: QueuePage = {},
): Promise<QueueList> {
  if (!Number.isInteger(most) || most < 1 || most > 1000)
    throw new UsageError('bad-value', `a page has 1 to 1000 requests, got ${most}`)
  const rows = await store.db
    .selectFrom('enrollments')
    .selectAll()
    .where('id', '>', after)
    .where((eb) => matching(eb, filter))
    .orderBy('id')
    .limit(most + 1)
    .execute()
  const entries = await entriesOf(store.db, rows.slice(0, most))
  return { entries, next: rows.length > most ? (entries.at(-1)?.id ?? null) : null }
}

function matching(eb: ExpressionBuilder<Schema, 'enrollments'>, filter: QueueFilter) {
  const { states, plant, device, label, address, since, text } = filter
  const like = `%${(text ?? '').replaceAll(/[\\%_]/g, '\\$&')}%`
  const searched = ['subject', 'requester', 'device', 'address', 'reason', 'key', 'serial'] as const
  return eb.and([
    ...(states === undefined ? [] : [eb('state', 'in', states.length === 0 ? [] : [...states])]),
    ...(plant === undefined ? [] : [eb('plant', '=', plant)]),
    ...(device === undefined ? [] : [eb('device', '=', device)]),
    ...(label === undefined ? [] : [eb('label', '=', label)]),
    ...(address === undefined ? [] : [eb('address', '=', address)]),
    ...(since === undefined ? [] : [eb('updated_at', '>=', since)]),
    ...(text === undefined ? [] : [eb.or(searched.map((column) => eb(column, 'ilike', like)))]),
  ])
}

async function entriesOf(db: Kysely<Schema>, rows: readonly Row[]): Promise<readonly QueueEntry[]> {
  const words = await wordsOf(
    db,
    rows.map(({ id }) => id),
  )
  return rows.map((row) => entryOf(row, words.get(row.id) ?? []))
}

type WordRow = Selectable<EnrollmentWordTable>

async function wordsOf(db: Kysely<Schema>, ids: readonly number[]): Promise<Map<number, WordRow[]>> {
  const words = new Map<number, WordRow[]>()
  if (ids.length === 0) return words
  const rows = await db
    .selectFrom('enrollment_words')
    .selectAll()
    .where('enrollment', 'in', [...ids])
    .orderBy('id')
    .execute()
  for (const row of rows) {
    const those = words.get(row.enrollment) ?? []
    those.push(row)
    words.set(row.enrollment, those)
  }
  return words
}

function entryOf(row: Row, words: readonly WordRow[]): QueueEntry {
  const standing = standingWords(words, row)
  return {
    id: row.id,
    plant: row.plant,
    label: row.label === '' ? null : row.label,
    key: row.key,
    operation: row.operation,
    requester: row.requester,
    address: row.address,
    subject: row.subject,
    state: row.state,
    reason: row.reason,
    device: row.device,
    zone: row.zone,
    serial: row.serial,
    approvedBy: standing.filter(({ verdict }) => verdict === 'approve').map(({ by }) => by),
    alarms: evaluationOf(row).alarms.map(({ kind }) => kind),
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    expiresAt: row.expires_at,
  }
}

function evaluationOf({ evaluation }: Row): Evaluation {
  return evaluation as Evaluation // the service writes nothing else there
}

/**
 * Everything that is known of a request.
 * @throws UsageError `missing` when there is none of that number
 */
export async function readEnrollment(store: Pick<Store, 'db'>, id: number): Promise<EnrollmentRecord> {
  const { db } = store
  const row = await db.selectFrom('enrollments').selectAll().where('id', '=', id).executeTakeFirst()
  if (row === undefined) {
    throw new UsageError(
      'missing',
      `there is no enrollment ${id}; "cordon enrollment list --all" shows those there are`,
    )
  }
  const [words, sightings, devices, earlier, certificates, certificate] = await Promise.all([
    wordsOf(db, [id]),
    db.selectFrom('enrollment_sightings').selectAll().where('key', '=', row.key).orderBy('seen_at').execute(),
    devicesNear(db, row),
    neighbours(db, row),
    certificatesNamed(db, row.device),
    issuedFor(db, row),
  ])
  const those = words.get(id) ?? []
  return {
    ...entryOf(row, those),
    request: new Uint8Array(row.request),
    // The service writes nothing else into these two columns.
    facts: row.facts as EnrollmentFacts,
    replacement: row.replacement as ReplacementVerdict | null,
    evaluation: evaluationOf(row),
    standing: standingWords(those, row),
    words: those.map(({ at, kind, by, reason }) => ({ at, kind, by, reason })),
    sightings: sightings.map((seen) => ({
      address: seen.address,
      mac: seen.mac,
      at: seen.seen_at,
      clearedBy: seen.cleared_by,
    })),
    devices,
    earlier,
    certificates,
    certificate,
  }
}

async function devicesNear(db: Kysely<Schema>, row: Row): Promise<readonly KnownDevice[]> {
  const rows = await db
    .selectFrom('devices')
    .select(['name', 'address', 'zone', 'identity', 'serial', 'updated_at'])
    .where('plant', '=', row.plant)
    .where((eb) =>
      eb.or([eb('address', '=', row.address), ...(row.device === null ? [] : [eb('name', '=', row.device)])]),
    )
    .orderBy('name')
    .execute()
  return rows.map(({ updated_at: updatedAt, ...device }) => ({ ...device, updatedAt }))
}

/** How many neighbours of a request are told: enough to see what went on at its address. */
const mostNeighbours = 20

async function neighbours(db: Kysely<Schema>, { id, plant, address }: Row): Promise<readonly QueueEntry[]> {
  const rows = await db
    .selectFrom('enrollments')
    .selectAll()
    .where('plant', '=', plant)
    .where('address', '=', address)
    .where('id', '!=', id)
    .orderBy('id', 'desc')
    .limit(mostNeighbours)
    .execute()
  return await entriesOf(db, rows)
}

const certificateColumns = ['name', 'profile', 'serial', 'fingerprint', 'status', 'not_before', 'not_after'] as const

async function certificatesNamed(db: Kysely<Schema>, device: string | null): Promise<readonly KnownCertificate[]> {
  if (device === null) return []
  const rows = await db
    .selectFrom('certificates')
    .select(certificateColumns)
    .where('name', '=', device)
    .where('profile', '=', 'device')
    .orderBy('created_at', 'desc')
    .limit(mostNeighbours)
    .execute()
  return rows.map(knownCertificate)
}

async function issuedFor(db: Kysely<Schema>, row: Row): Promise<KnownCertificate | null> {
  if (row.issuer_id === null || row.serial === null) return null
  const found = await db
    .selectFrom('certificates')
    .select(certificateColumns)
    .where('issuer_id', '=', row.issuer_id)
    .where('serial', '=', row.serial)
    .executeTakeFirst()
  return found === undefined ? null : knownCertificate(found)
}

function knownCertificate(
  row: Pick<KnownCertificate, 'name' | 'profile' | 'serial' | 'fingerprint' | 'status'> & {
    readonly not_before: Date
    readonly not_after: Date
  },
): KnownCertificate {
  const { not_before: notBefore, not_after: notAfter, ...known } = row
  return { ...known, notBefore, notAfter }
}

/** A request with all that was ever said about it. */
export interface EnrollmentHistory extends QueueEntry {
  readonly words: readonly EnrollmentWord[]
}

/**
 * Requests with all that was said about them, newest first: of a device by name, of the certificate with a serial
 * number, or the newest of all. Nothing of it is ever deleted.
 */
export async function enrollmentHistory(
  store: Pick<Store, 'db'>,
  deviceOrSerial?: string,
  most = 100,
): Promise<readonly EnrollmentHistory[]> {
  const serial = deviceOrSerial?.toLowerCase().replaceAll(':', '')
  const rows = await store.db
    .selectFrom('enrollments')
    .selectAll()
    .where((eb) =>
      deviceOrSerial === undefined
        ? eb.and([])
        : eb.or([eb('device', '=', deviceOrSerial), eb('serial', '=', serial ?? '')]),
    )
    .orderBy('id', 'desc')
    .limit(most)
    .execute()
  const words = await wordsOf(
    store.db,
    rows.map(({ id }) => id),
  )
  return rows.map((row) => {
    const those = words.get(row.id) ?? []
    return { ...entryOf(row, those), words: those.map(({ at, kind, by, reason }) => ({ at, kind, by, reason })) }
  })
}
