import {
  compareFindings,
  type EarlierComparison,
  type Explanation,
  explain,
  type Finding,
  findingKey,
  spellPlace,
} from '@cordon/core/drift'
import { type Transaction, sql } from 'kysely'
import { createHash } from 'node:crypto'
import { announce } from '../notify/outbox.ts'
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
  comparison: PlantComparison,
  owner: string,
  nextAt: Date | undefined,
): Promise<KeptComparison> {
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
    await writeEvents(tx, plant, 'drift-found', fresh)
    await writeEvents(tx, plant, 'drift-gone', ended)
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
    const closed = new Set(ended.map(({ id }) => id))
    const scope = new Set([...comparison.compared, ...comparison.unread])
    const open = [...before.filter(({ id }) => !closed.has(id)), ...fresh]
    return {
      ...comparison,
      open: comparison.whole ? open : open.filter(({ finding }) => scope.has(finding.device)),
      appeared: fresh,
      gone: ended.map((kept) => ({ ...kept, goneAt: comparison.startedAt })),
    }
  })
}

/** Whether a comparison could have seen a difference: what it did not look at stays as it was. */
function hasLooked({ compared, whole, searched, unread, findings }: PlantComparison, finding: Finding): boolean {
  const { kind, device } = finding
  if (kind === 'new') return searched
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
  // People are told once for each device, and not of a plant that was never deployed.
  const devices = new Map<string, KeptFinding[]>()
  for (const kept of list) {
    if (kept.finding.weight !== 'drift' || kept.finding.kind === 'not-deployed') continue
    devices.set(kept.finding.device, [...(devices.get(kept.finding.device) ?? []), kept])
  }
  for (const [device, [first, ...more]] of devices) {
    if (first === undefined) continue
    const others = more.length === 0 ? '' : ` (and ${more.length} more: cordon drift)`
    const reason = `${findingText(first.finding)}; ${first.explanation.words}${others}`
    await announce(tx, { kind, subject: device, detail: { plant, device, address: first.finding.address, reason } })
  }
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
