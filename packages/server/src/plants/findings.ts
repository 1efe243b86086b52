import type { Store } from '../store/store.ts'
import type { DeviceFinding } from './devices.ts'

/** Which differences are listed. */
export interface FindingQuestion {
  /** Those that are gone instead of those that are there. */
  readonly gone?: boolean | undefined
  readonly device?: string | undefined
  /** Number of the last one of the page before. */
  readonly before?: number | undefined
  readonly limit: number
}

/** Differences between a plant and its model, the newest first. */
export async function listFindings(
  { db }: Pick<Store, 'db'>,
  plant: string,
  { gone, device, before, limit }: FindingQuestion,
): Promise<readonly (DeviceFinding & { readonly goneAt: Date | undefined })[]> {
  const rows = await db
    .selectFrom('drift_findings')
    .select(['id', 'finding', 'explanation', 'found_at', 'gone_at'])
    .where('plant', '=', plant)
    .where('gone_at', gone === true ? 'is not' : 'is', null)
    .$if(device !== undefined, (query) => query.where('device', '=', device ?? ''))
    .$if(before !== undefined, (query) => query.where('id', '<', before ?? 0))
    .orderBy('id', 'desc')
    .limit(limit)
    .execute()
  return rows.map(({ id, finding, explanation, found_at: foundAt, gone_at: goneAt }) => ({
    id,
    finding,
    explanation,
    foundAt,
    goneAt: goneAt ?? undefined,
  }))
}
