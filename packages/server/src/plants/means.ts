import { UsageError } from '@cordon/core/errors'
import type { Transaction } from 'kysely'
import { type Actor, recordAudit } from '../audit/audit.ts'
import { jsonText, type Schema } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import type { PlantReader } from './reader.ts'

/** What work on plants needs. */
export interface PlantMeans {
  readonly store: Pick<Store, 'db'>
  readonly reader: PlantReader
}

/** Who changes something, and by which request. */
export interface Acting {
  readonly actor: Actor
  /** Where the request came from. */
  readonly address?: string | undefined
  /** Id of the request. */
  readonly request?: string | undefined
}

/** A change as the audit and the events tell it. */
export interface Change {
  readonly plant: string
  /** The operation, for the audit. */
  readonly action: string
  /** Kind of the event. */
  readonly kind: string
  readonly subject: string
  readonly detail: unknown
}

/** Writes a change into the audit and the events, in its transaction and last. */
export async function tell(trx: Transaction<Schema>, acting: Acting, change: Change): Promise<void> {
  const { plant, action, subject, detail } = change
  await recordAudit(trx, { ...acting, action, subject, plant, outcome: 'done', detail })
  await tellEvent(trx, change)
}

/** Writes an event alone: of what was seen, which nobody did. */
export async function tellEvent(trx: Transaction<Schema>, change: Omit<Change, 'action'>): Promise<void> {
  const { plant, kind, subject, detail } = change
  await trx
    .insertInto('events')
    .values({ kind, subject, detail: jsonText(detail), plant })
    .execute()
}

/** Longest sentence about a change, characters. */
const longestMessage = 500

/** A sentence of a person about a change. @throws UsageError `bad-value` */
export function checkedMessage(message: string): string {
  const text = message.trim()
  // Counted as a person counts.
  const { length } = Array.from(text)
  if (
    length < 1 ||
    length > longestMessage ||
    /[\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069]/u.test(text.replaceAll('\n', ' '))
  ) {
    throw new UsageError(
      'bad-value',
      `expected a message of 1 to ${longestMessage} characters that says what changes and why, without control characters`,
    )
  }
  return text
}

/** There is no such plant. */
export function noPlant(plant: string): UsageError {
  return new UsageError('missing', `there is no plant ${JSON.stringify(plant.slice(0, 128))}`)
}
