import type { Fact, UnitIdentity } from '@cordon/core/enrollment'
import { type Kysely, sql } from 'kysely'
import type { SignedCertificate } from '../authority/issuing.ts'
import type { Schema } from '../store/schema.ts'
import type { DecisionRecord, Notice, ServiceWord } from './commit.ts'
import { type claimsOf, type JudgedPassword, requesterOf, sightingOf } from './gather.ts'
import type { Judged, Target, TargetResult } from './judge.ts'
import {
  type CertificateStanding,
  type CredentialRecord,
  type KeyRecords,
  type NameRecords,
  placeKey,
} from './records.ts'
import type { RulesInForce } from './rules.ts'
import type { EnrollmentRequest } from './service.ts'
import type { OwnShown, ShownJudgement } from './shown.ts'
import { groundsOf } from './verdict.ts'
import type { BasicCredentials } from '@cordon/core/enrollment'

/** A request with what does not change while it is decided. */
export interface Request {
  readonly request: EnrollmentRequest
  readonly rules: RulesInForce
  readonly claims: ReturnType<typeof claimsOf>
  readonly shown: ShownJudgement | undefined
  readonly given: { readonly credentials: BasicCredentials; readonly verdict: 'accepted' | 'refused' } | undefined
  readonly at: number
}

/** What the store says of a request. */
export interface Known {
  readonly records: KeyRecords
  readonly password: JudgedPassword | undefined
  readonly provisioning: CredentialRecord | undefined
  readonly own: CertificateStanding | undefined
  readonly renewal: Renewal | undefined
  readonly refusal: string | undefined
  readonly isOver: boolean
}

/** A renewal: what it renews. */
export interface Renewal {
  readonly own: OwnShown
  readonly standing: CertificateStanding
  readonly units: readonly Fact<UnitIdentity>[]
}

/** A judgement with whom the certificate is for. */
export interface Decided extends Judged {
  readonly target: TargetResult
  readonly names: NameRecords | undefined
}

/** What came of a decision. */
export interface Outcome {
  readonly state: DecisionRecord['state']
  readonly keepRow?: boolean
  readonly signed?: SignedCertificate
  readonly target?: Target
  readonly supersedes?: readonly string[]
}

interface About {
  readonly state: DecisionRecord['state']
  readonly signed: SignedCertificate | undefined
  readonly known: Known
  readonly decided: Decided
  readonly isNewWait: boolean
  readonly supersedes: readonly string[]
}

/** Makes the records of decisions: what is kept, what is said about it, and who is told. */
export class DecisionRecords {
  readonly #db: Kysely<Schema>
  readonly #plant: string
  readonly #pendingMs: number
  /** Global grants of which an event tells. */
  readonly #announced = new Set<string>()

  /** `pendingMs`: how long a request waits for people. */
  constructor(db: Kysely<Schema>, plant: string, pendingMs: number) {
    this.#db = db
    this.#plant = plant
    this.#pendingMs = pendingMs
  }

  /** The record of a decision. */
  async of(
    { request, claims, shown, at }: Request,
    known: Known,
    decided: Decided,
    { state, keepRow = false, signed, supersedes = [] }: Outcome,
  ): Promise<DecisionRecord> {
    const { records } = known
    const { row } = records
    const { facts, evaluation, replacement, target, names } = decided
    const isNewWait = state === 'pending' && (known.isOver || row?.state !== 'pending')
    const word = records.words.at(-1)?.id ?? 0
    const about: About = { state, signed, known, decided, isNewWait, supersedes }
    const requester = requesterOf(shown, known.password)
    return {
      plant: this.#plant,
      label: request.label ?? '',
      key: claims.key,
      operation: request.operation,
      requester,
      address: request.address,
      subject: facts.subject.text,
      request: request.request.der,
      facts,
      evaluation,
      replacement,
      state,
      reason: evaluation.reason,
      device: target.target?.name ?? null,
      zone: target.target?.zone ?? null,
      expiresAt: state !== 'pending' ? null : isNewWait ? this.#waitsUntil(at) : (row?.expires_at ?? null),
      keepRow,
      signed,
      uses: signed === undefined ? [] : evaluation.uses,
      // A request that is relayed was seen at the relay, not at the device.
      sighting: request.linking.state === 'wrong' ? undefined : sightingOf(facts),
      words: keepRow ? [] : wordsOf(about),
      notices: await this.#notices(
        about,
        { requester, address: request.address, label: request.label ?? null },
        keepRow,
      ),
      basis: {
        row: row === undefined ? undefined : { state: row.state, serial: row.serial, word },
        live: (names?.live ?? []).map(({ serial }) => serial).sort(),
      },
      now: at,
    }
  }

  #waitsUntil(at: number): Date {
    return new Date(at + this.#pendingMs)
  }

  async #notices(
    about: About,
    requester: Readonly<Record<string, string | null>>,
    keepRow: boolean,
  ): Promise<readonly Notice[]> {
    const { state, signed, known, decided, isNewWait } = about
    const { evaluation, replacement, target, facts } = decided
    const detail = {
      ...requester,
      subject: facts.subject.text,
      device: target.target?.name ?? null,
      zone: target.target?.zone ?? null,
      reason: evaluation.reason,
    }
    if (evaluation.alarms.length > 0)
      return [{ kind: 'enrollment-alarm', detail: { ...detail, alarms: evaluation.alarms } }]
    if (signed === undefined) {
      if (state === 'pending')
        return isNewWait ? [{ kind: 'enrollment-pending', detail: { ...detail, replacement } }] : []
      const isNew = keepRow || known.records.row?.state !== state || known.records.row.reason !== evaluation.reason
      return state === 'denied' && isNew ? [{ kind: 'enrollment-denied', detail }] : []
    }
    const granted = { ...detail, serial: signed.serial, notAfter: new Date(signed.notAfter).toISOString() }
    return [
      { kind: 'enrollment-granted', detail: granted },
      ...(replacement === undefined ? [] : [{ kind: 'enrollment-replaced', detail: { ...granted, replacement } }]),
      ...(await this.#globalGrant(decided, requester['label'] ?? null)),
    ]
  }

  /** The first certificate that a global grant gives away is an event of its own. */
  async #globalGrant({ evaluation }: Decided, label: string | null): Promise<readonly Notice[]> {
    const grant = groundsOf(evaluation.tree).find(({ rule }) => rule === 'globalGrant')
    if (grant === undefined) return []
    const name = `${label ?? ''} ${grant.reason}`
    if (this.#announced.has(name)) return []
    const { rows } = await sql<{ there: boolean }>`
      select exists (select from events where kind = 'global-grant' and detail->>'grant' = ${name}) as there`.execute(
      this.#db,
    )
    this.#announced.add(name)
    return rows[0]?.there === true
      ? []
      : [
          {
            kind: 'global-grant',
            detail: { grant: name, label, reason: `${grant.reason}: everybody gets a certificate` },
          },
        ]
  }

  /** The record was not written, so it has announced nothing. */
  notWritten({ notices }: DecisionRecord): void {
    for (const { detail } of notices) this.#announced.delete(String(detail['grant']))
  }
}

/** Whether a key was never seen just so: at this address, as this unit. */
export function isNewPlace({ places }: KeyRecords, { facts }: Judged, { request }: Request): boolean {
  if (request.linking.state === 'wrong') return false
  return !places.has(placeKey({ address: request.address, ...sightingOf(facts) }))
}

function wordsOf({ signed, known, decided, isNewWait, supersedes }: About): readonly ServiceWord[] {
  const { row } = known.records
  const { evaluation, replacement, approvedBy } = decided
  const { reason } = evaluation
  const by = approvedBy.length === 0 ? 'policy' : approvedBy.join(' and ')
  const words: ServiceWord[] = []
  if (known.isOver && row?.state === 'pending') {
    words.push({ kind: 'expire', by: 'policy', reason: 'nobody decided in time' })
  }
  if (row === undefined || isNewWait) words.push({ kind: 'asked', by: 'policy', reason })
  if (signed === undefined) return words
  const { issuerId, serial } = signed
  words.push({ kind: 'issue', by, reason, detail: { issuer: issuerId, serial, supersedes, evaluation } })
  if (replacement !== undefined) {
    words.push({ kind: 'replace', by, reason: `takes the role of ${replacement.device}`, detail: replacement })
  }
  return words
}
