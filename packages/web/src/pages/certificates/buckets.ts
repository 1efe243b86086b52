import type { Shapes } from '../../api-types.ts'
import type { CertificateFilter } from '../../data/trust.ts'
import type { StateWords } from '../../words/states.ts'

const dayMs = 86_400_000

/** When certificates end; each is in one of them. */
export const buckets = ['expired', '7', '30', '90', 'later', 'revoked'] as const

export type Bucket = (typeof buckets)[number]

interface BucketWords extends StateWords {
  readonly count: keyof Shapes['CertificateSummary']
  /** Days from now, from and to; absent where time does not matter. */
  readonly from?: number
  readonly to?: number
}

/** What each is called, and where its number is. */
export const bucketWords: Readonly<Record<Bucket, BucketWords>> = {
  expired: { tone: 'bad', text: 'Expired', count: 'expired' },
  '7': { tone: 'bad', text: 'Within 7 days', count: 'days7', from: 0, to: 7 },
  '30': { tone: 'warn', text: '7 to 30 days', count: 'days30', from: 7, to: 30 },
  '90': { tone: 'wait', text: '30 to 90 days', count: 'days90', from: 30, to: 90 },
  later: { tone: 'good', text: 'Later', count: 'later', from: 90 },
  revoked: { tone: 'none', text: 'Revoked', count: 'revoked' },
}

/** What the manager is asked for. It knows no earliest end: what ends too early is left out by {@link isIn}. */
export function bucketFilter(bucket: Bucket | undefined): CertificateFilter {
  if (bucket === undefined) return {}
  if (bucket === 'expired' || bucket === 'revoked') return { status: bucket }
  const { to } = bucketWords[bucket]
  return { status: 'valid', ...(to === undefined ? {} : { withinDays: to }) }
}

/** Whether a certificate of the answer ends late enough. */
export function isIn(bucket: Bucket | undefined, notAfter: string, now: number): boolean {
  const from = bucket === undefined ? undefined : bucketWords[bucket].from
  return from === undefined || from === 0 || Date.parse(notAfter) >= now + from * dayMs
}

/** Whether an end is near enough to be pointed out. */
export function endTone(
  { status, notAfter }: Pick<Shapes['Certificate'], 'status' | 'notAfter'>,
  now: number,
): 'bad' | 'warn' | undefined {
  if (status !== 'valid') return undefined
  const days = (Date.parse(notAfter) - now) / dayMs
  return days < 7 ? 'bad' : days < 30 ? 'warn' : undefined
}
