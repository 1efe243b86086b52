import type { Bench } from './bench.ts'
import type { Basis, CaseGroup, CaseKind, ConformanceCase } from './case.ts'
import type { CipReply } from './frames.ts'
import { hexText, type Judge } from './judge.ts'
import type { Need } from './needs.ts'
import { hexadecimal } from '../wire/text.ts'

/** A case before it has a group; `read`, `public` and no needs unless told. */
export interface CaseText {
  readonly id: string
  readonly title: string
  readonly source: string
  readonly basis?: Basis
  readonly kind?: CaseKind
  readonly needs?: readonly Need[]
  readonly slowMs?: number
  readonly run: (bench: Bench, judge: Judge) => Promise<void>
}

/** Cases of one group; what they all need stands once. */
export function cases(group: CaseGroup, needs: readonly Need[], texts: readonly CaseText[]): ConformanceCase[] {
  return texts.map(({ id, title, source, basis = 'public', kind = 'read', needs: more = [], slowMs, run }) => ({
    id: `${group}.${id}`,
    group,
    title,
    source: `cip-security-wire ${source}`,
    basis,
    kind,
    needs: [...needs, ...more],
    ...(slowMs === undefined ? {} : { slowMs }),
    run,
  }))
}

/** A reply must have one of these general statuses. */
export function status(judge: Judge, reply: CipReply, expected: number | readonly number[]): void {
  judge.code('general status', expected, reply.status, 2, reply.raw)
}

/** A reply must refuse, by whatever status. */
export function refused(judge: Judge, reply: CipReply): void {
  judge.holds(
    reply.status !== 0,
    'a general status that refuses',
    `general status ${hexadecimal(reply.status, 2)}`,
    reply.raw,
  )
}

/** A connection failure with one of these extended statuses. */
export function extended(judge: Judge, reply: CipReply, expected: number | readonly number[]): void {
  judge.code('general status', 0x01, reply.status, 2, reply.raw)
  judge.code('extended status', expected, reply.extended[0] ?? 0, 4, reply.raw)
}

/** A value in words. */
export function valueText(value: Uint8Array): string {
  return hexText(value, 24)
}
