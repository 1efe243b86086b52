import {
  compareFindings,
  type EarlierComparison,
  type Explanation,
  explain,
  type Finding,
  findingKey,
  spellPlace,
} from '@cordon/core/drift'
import { contains, parseAddress, parseNetwork } from '@cordon/core/policy'
import { type Transaction, sql } from 'kysely'
import { createHash } from 'node:crypto'
import { type Announcement, announce } from '../notify/outbox.ts'
import { jsonText, type Schema } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import type { PlantComparison } from './compare.ts'
import { auditRecords } from './records.ts'
import { lostTurn } from './turn.ts'

/** A difference with its time and with who may have made it. */
export interface KeptFinding {
  /** Number of the record. */
  readonly id: number
  readonly finding: Finding
  readonly explanation: Explanation
  /** When a comparison first saw it, ISO 8601. */
  readonly foundAt: string
  /** When a comparison no longer saw it, ISO 8601; undefined: it is still there. */
  readonly goneAt: string | undefined
}

/** A comparison after it was kept: what is there, what is new, what is gone. */
export interface KeptComparison extends PlantComparison {
  /** Of the devices that were looked at: all differences that are there. */
  readonly open: readonly KeptFinding[]
  readonly appeared: readonly KeptFinding[]
  readonly gone: readonly KeptFinding[]
}

/** How long what is gone stays on record, days. */
const keptDays = 400

/**
 * Keeps a comparison in one transaction: every new difference once, with its event and notice, and every one that is gone.
 * @param nextAt when the next scheduled one is due; undefined: as it was
 * @throws NotAllowed `refused` when the turn went to another process meanwhile
 */
export async function keepComparison(
  store: Store,
  made: PlantComparison,
  owner: string,
  nextAt: Date | undefined,
): Promise<KeptComparison> {
  // In the words in which the store gives it back: a name that it cannot hold would be another difference each time.
  const comparison = JSON.parse(jsonText(made)) as PlantComparison
  const { plant } = comparison
  const startedAt = new Date(comparison.startedAt)
  const records = await auditRecords(store, plant, comparison.findings)
  return await store.db.transaction().execute(async (tx) => {
    const state = await tx
      .selectFrom('drift_plants')
      .select(['lease_owner', 'result'])
      .where('plant', '=', plant)
      .forUpdate()
      .executeTakeFirst()
    if (state?.lease_owner !== owner) throw lostTurn(plant)
    const before = await openFindings(tx, plant)
    const byKey = new Map(before.map((kept) => [findingKey(kept.finding), kept]))
    const { appeared, gone } = compareFindings(
      before.map(({ finding }) => finding),
      comparison.findings,
      (finding) => hasLooked(comparison, finding),
    )
    const { last, readings } = storedIn(state.result)
    const fresh: KeptFinding[] = []
    for (const finding of appeared) {
      const digest = comparison.digests[finding.device]
      const explanation = explain(finding, records, readings[finding.device], digest)
      fresh.push(await insertFinding(tx, plant, finding, explanation, startedAt))
    }
    const ended = gone.flatMap((finding) => byKey.get(findingKey(finding)) ?? [])
    if (ended.length > 0) {
      await tx
        .updateTable('drift_findings')
        .set({ gone_at: startedAt })
        .where(
          'id',
          'in',
          ended.map(({ id }) => id),
        )
        .execute()
    }
    const closed = new Set(ended.map(({ id }) => id))
    const open = [...(await refresh(tx, before, comparison.findings)).filter(({ id }) => !closed.has(id)), ...fresh]
    await writeEvents(tx, plant, 'drift-found', fresh)
    await writeEvents(tx, plant, 'drift-gone', ended)
    await announceFound(tx, plant, fresh)
    await announceGone(tx, comparison, ended, open)
    await tx
      .updateTable('drift_plants')
      .set({
        ...(comparison.whole ? { compared_at: startedAt } : {}),
        result: jsonText({
          last: comparison.whole ? comparison : last,
          // Of a device that was not read this time the older reading goes on to say how it was.
          readings: { ...readings, ...readingsOf(comparison) },
        } satisfies Stored),
        ...(nextAt === undefined ? {} : { next_at: nextAt }),
      })
      .where('plant', '=', plant)
      .execute()
    await sql`delete from drift_findings where plant = ${plant} and gone_at < now() - ${keptDays} * interval '1 day'`.execute(
      tx,
    )
    const scope = new Set([...comparison.compared, ...comparison.unread])
    return {
      ...comparison,
      open: comparison.whole ? open : open.filter(({ finding }) => scope.has(finding.device)),
      appeared: fresh,
      gone: ended.map((kept) => ({ ...kept, goneAt: comparison.startedAt })),
    }
  })
}

/** Whether a comparison could have seen a difference: what it did not look at stays as it was. */
function hasLooked(comparison: PlantComparison, finding: Finding): boolean {
  const { compared, whole, searchedNetworks, unread, unjudged, findings } = comparison
  const { kind, device, address, setting } = finding
  if (kind === 'new') {
    const number = parseAddress(address)
    const networks = searchedNetworks.flatMap((text) => parseNetwork(text) ?? [])
    return number !== undefined && networks.some((network) => contains(network, number))
  }
  const uncertain = unjudged.find((one) => one.device === device)?.settings ?? []
  if (setting !== undefined && uncertain.includes(setting)) return false
  if (unread.includes(device)) return kind === 'unreadable' || kind === 'missing'
  // Of a device that is away, or another one, nothing is known of its settings.
  const isAway = findings.some((one) => one.device === device && (one.kind === 'missing' || one.kind === 'replaced'))
  if (isAway && (kind === 'attribute' || kind === 'certificate')) return false
  return whole || compared.includes(device)
}

/** What is kept of comparisons besides their findings. */
interface Stored {
  /** The last one of the whole plant. */
  readonly last: PlantComparison | undefined
  /** When each device was last read, and the digest of that. */
  readonly readings: Readonly<Record<string, EarlierComparison>>
}

function storedIn(result: unknown): Stored {
  // Written by this file alone.
  const { last, readings = {} } = (result ?? {}) as Partial<Stored>
  return { last, readings }
}

function readingsOf({ digests, startedAt }: PlantComparison): Stored['readings'] {
  const at = new Date(startedAt).getTime()
  return Object.fromEntries(Object.entries(digests).map(([device, digest]) => [device, { at, digest }]))
}

/** The last comparison of a whole plant; undefined where there is none. */
export async function lastComparison(store: Pick<Store, 'db'>, plant: string): Promise<PlantComparison | undefined> {
  const row = await store.db.selectFrom('drift_plants').select('result').where('plant', '=', plant).executeTakeFirst()
  return storedIn(row?.result).last
}

async function insertFinding(
  tx: Transaction<Schema>,
  plant: string,
  finding: Finding,
  explanation: Explanation,
  foundAt: Date,
): Promise<KeptFinding> {
  const { id } = await tx
    .insertInto('drift_findings')
    .values({
      plant,
      key: createHash('sha256').update(findingKey(finding)).digest('hex'),
      device: finding.device,
      finding: jsonText(finding),
      explanation: jsonText(explanation),
      found_at: foundAt,
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  return { id, finding, explanation, foundAt: foundAt.toISOString(), goneAt: undefined }
}

async function writeEvents(
  tx: Transaction<Schema>,
  plant: string,
  kind: 'drift-found' | 'drift-gone',
  list: readonly KeptFinding[],
): Promise<void> {
  if (list.length === 0) return
  await tx
    .insertInto('events')
    .values(
      list.map(({ id, finding, explanation }) => ({
        kind,
        subject: finding.device,
        detail: jsonText({ plant, finding: id, what: findingText(finding), ...finding, explanation }),
      })),
    )
    .execute()
}

/** By device what people are told of: not of warnings, and not of a plant that was never deployed. */
function told(list: readonly KeptFinding[]): ReadonlyMap<string, readonly KeptFinding[]> {
  const devices = new Map<string, KeptFinding[]>()
  for (const kept of list) {
    if (kept.finding.weight !== 'drift' || kept.finding.kind === 'not-deployed') continue
    devices.set(kept.finding.device, [...(devices.get(kept.finding.device) ?? []), kept])
  }
  return devices
}

/** Tells people what was found, once for each device. */
async function announceFound(tx: Transaction<Schema>, plant: string, fresh: readonly KeptFinding[]): Promise<void> {
  for (const [device, list] of told(fresh)) {
    await announce(tx, { kind: 'drift-found', subject: device, detail: noticeOf(plant, device, list) })
  }
}

/**
 * Tells people that a device is as the model says again, once after they were told that it was not: only of one that was
 * looked at as a whole and of which nothing is left but warnings.
 */
async function announceGone(
  tx: Transaction<Schema>,
  comparison: PlantComparison,
  ended: readonly KeptFinding[],
  open: readonly KeptFinding[],
): Promise<void> {
  const { plant, compared, unread, unjudged } = comparison
  const gone = told(ended)
  const remaining = [
    ...open.flatMap(({ finding: { weight, device } }) => (weight === 'warning' ? [] : [device])),
    ...unread,
    ...unjudged.map(({ device }) => device),
  ]
  const unclean = new Set(remaining)
  const last = await lastNotices(tx, plant)
  for (const device of new Set([...compared, ...gone.keys()])) {
    const list = gone.get(device) ?? []
    // One whose last difference went while it could not be read is told of when it can be read again.
    const isDue = last.get(device) === 'drift-found' || (list.length > 0 && !last.has(device))
    if (!isDue || unclean.has(device)) continue
    await announce(tx, { kind: 'drift-gone', subject: device, detail: noticeOf(plant, device, list) })
  }
}

function noticeOf(plant: string, device: string, [first, ...more]: readonly KeptFinding[]): Announcement['detail'] {
  if (first === undefined) return { plant, device, reason: 'what was told before' }
  const others = more.length === 0 ? '' : ` (and ${more.length} more: cordon drift)`
  const reason = `${findingText(first.finding)}; ${first.explanation.words}${others}`
  return { plant, device, address: first.finding.address, reason }
}

/** What people were last told of each device. */
async function lastNotices(tx: Transaction<Schema>, plant: string): Promise<ReadonlyMap<string, string>> {
  const { rows } = await sql<{ subject: string; kind: string }>`
    select distinct on (subject) subject, kind from notifications
    where kind in ('drift-found', 'drift-gone') and detail->>'plant' = ${plant}
    order by subject, id desc`.execute(tx)
  return new Map(rows.map(({ subject, kind }) => [subject, kind]))
}

/** Findings that are still there, in their newest words: a device that is away may fail in another way. */
async function refresh(
  tx: Transaction<Schema>,
  before: readonly KeptFinding[],
  findings: readonly Finding[],
): Promise<readonly KeptFinding[]> {
  const now = new Map(findings.map((finding) => [findingKey(finding), finding]))
  const list: KeptFinding[] = []
  for (const kept of before) {
    const finding = now.get(findingKey(kept.finding)) ?? kept.finding
    list.push({ ...kept, finding })
    if (finding.found === kept.finding.found) continue
    await tx
      .updateTable('drift_findings')
      .set({ finding: jsonText(finding) })
      .where('id', '=', kept.id)
      .execute()
  }
  return list
}

/** A finding in one line. */
export function findingText({ kind, place, expected, found }: Finding): string {
  const what = place === undefined ? kind : spellPlace(place)
  return `${what}: expected ${expected}, found ${found}`
}

/** The differences of a plant that are still there, in the order in which they were found. */
export async function openFindings(
  db: Pick<Store['db'], 'selectFrom'>,
  plant: string,
): Promise<readonly KeptFinding[]> {
  const rows = await db
    .selectFrom('drift_findings')
    .selectAll()
    .where('plant', '=', plant)
    .where('gone_at', 'is', null)
    .orderBy('id')
    .execute()
  return rows.map(keptFinding)
}

/** Every difference that was there at some time since then, the newest first; at most `most`. */
export async function driftHistory(
  store: Pick<Store, 'db'>,
  plant: string,
  since: Date,
  most = 1000,
): Promise<readonly KeptFinding[]> {
  const rows = await store.db
    .selectFrom('drift_findings')
    .selectAll()
    .where('plant', '=', plant)
    .where(({ eb, or }) => or([eb('gone_at', 'is', null), eb('gone_at', '>=', since), eb('found_at', '>=', since)]))
    .orderBy('id', 'desc')
    .limit(most)
    .execute()
  return rows.map(keptFinding)
}

function keptFinding(row: {
  readonly id: number
  readonly finding: unknown
  readonly explanation: unknown
  readonly found_at: Date
  readonly gone_at: Date | null
}): KeptFinding {
  return {
    id: row.id,
    // Written by this file alone.
    finding: row.finding as Finding,
    explanation: row.explanation as Explanation,
    foundAt: row.found_at.toISOString(),
    goneAt: row.gone_at?.toISOString(),
  }
}
