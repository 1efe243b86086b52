import { type AuthorityState, makeCertificate, recertifiedContents } from '@cordon/core/authority'
import { NotAllowed, NotTrusted, UsageError } from '@cordon/core/errors'
import { decodeCertificate, fingerprint } from '@cordon/core/x509'
import type { Kysely, Transaction } from 'kysely'
import type { DeviceObserved, Schema } from '../store/schema.ts'
import { lockAuthorities, makeIssuing, makeRoot } from './generations.ts'
import { certificatesInUse } from './in-use.ts'
import type { Means } from './means.ts'
import { readPlan } from './plan.ts'
import { certificateRow, recordCertificates } from './records.ts'
import { type AuthorityRow, isProvisioning, type Signer, signerOf } from './signers.ts'
import { readGenerations } from './trust.ts'

/**
 * A step of a rollover. `prepare`: the next generation is made, and trusted by whoever is configured from now on.
 * `activate`: it signs. `retire`: the one before it is trusted no more. `abandon`: a prepared generation, which never
 * signed, is taken back; the next one gets another key.
 */
export type RolloverStep = 'prepare' | 'activate' | 'retire' | 'abandon'

/** What is to be rolled over, and how far. */
export interface RolloverRequest {
  /** The zone of an issuing CA; undefined: the root. */
  readonly zone: string | undefined
  readonly step: RolloverStep
  /** Goes on in spite of the obstacles. */
  readonly force?: boolean
  /** Looks for obstacles and changes nothing. */
  readonly dryRun?: boolean
}

/** A generation of a CA and where it stands. */
export interface GenerationStatus {
  /** Row of `authorities`, such as `root-1` or `zone-green-2`. */
  readonly id: string
  /** Undefined for the root. */
  readonly zone: string | undefined
  readonly generation: number
  readonly state: AuthorityState
  /** Kind of its key. */
  readonly key: string
  readonly inHardware: boolean
  /** End of its certificate, milliseconds since 1970. */
  readonly notAfter: number
  /** SHA-256 of its certificate, lower-case hex. */
  readonly fingerprint: string
}

/** What came of a step. */
export interface RolloverReport {
  readonly zone: string | undefined
  readonly step: RolloverStep
  /** False after a dry run. */
  readonly isDone: boolean
  /** What speaks against the step, one sentence each; after a step that was done: what was overridden. */
  readonly obstacles: readonly string[]
  /** The generations as they stand now. */
  readonly generations: readonly GenerationStatus[]
}

/** Obstacles that an error names; the others are counted. */
const namedObstacles = 12

/** Brings the root or an issuing CA from one generation to the next, in one transaction each step. */
export async function rollOver(means: Means, request: RolloverRequest): Promise<RolloverReport> {
  const { zone, step, force = false, dryRun = false } = request
  return await means.store.db.transaction().execute(async (tx) => {
    await lockAuthorities(tx)
    const work = { tx, means, zone, rows: await readRows(tx, zone) }
    checkOrder(work, step)
    const obstacles = await obstaclesTo(work, step)
    if (obstacles.length > 0 && !force && !dryRun) throw refusal(work, step, obstacles)
    if (!dryRun) await take(work, step)
    return { zone, step, isDone: !dryRun, obstacles, generations: (await readRows(tx, zone)).map(statusOf(means)) }
  })
}

/** Every generation of every CA, the root first, without the provisioning CAs. */
export async function readGenerationStatus(means: Means): Promise<readonly GenerationStatus[]> {
  const rows = await means.store.db
    .selectFrom('authorities')
    .selectAll()
    .orderBy('zone', (order) => order.asc().nullsFirst())
    .orderBy('generation')
    .execute()
  return rows.filter(({ zone }) => !isProvisioning(zone)).map(statusOf(means))
}

function statusOf(means: Means): (row: AuthorityRow) => GenerationStatus {
  return (row) => ({
    id: row.id,
    zone: row.zone ?? undefined,
    generation: row.generation,
    state: row.state,
    key: row.key_kind,
    inHardware: row.key_uri !== null,
    notAfter: decodeCertificate(new Uint8Array(row.certificate)).notAfter,
    fingerprint: fingerprint(means.crypto, new Uint8Array(row.certificate)),
  })
}

interface Work {
  readonly tx: Transaction<Schema>
  readonly means: Means
  readonly zone: string | undefined
  /** Oldest first. */
  readonly rows: readonly AuthorityRow[]
}

async function readRows(db: Kysely<Schema>, zone: string | undefined): Promise<readonly AuthorityRow[]> {
  const rows = await db
    .selectFrom('authorities')
    .selectAll()
    .where('zone', zone === undefined ? 'is' : '=', zone ?? null)
    .orderBy('generation')
    .execute()
  if (rows.length > 0 && !isProvisioning(zone ?? null)) return rows
  throw new UsageError('missing', `there is no CA of ${nameOf(zone)}; run: cordon ca init --plant PLANT`)
}

function nameOf(zone: string | undefined): string {
  return zone === undefined ? 'the root' : `zone ${zone}`
}

/** How a person writes the command for a step. */
export function rolloverCommand(zone: string | undefined, step: RolloverStep): string {
  return `cordon ca rollover ${zone ?? '--root'} --${step}`
}

function inState({ rows }: Pick<Work, 'rows'>, state: AuthorityState): AuthorityRow | undefined {
  return rows.find((row) => row.state === state)
}

/** One generation follows the other: there are never more than two that are trusted. */
function checkOrder(work: Work, step: RolloverStep): void {
  const [next, retiring] = [inState(work, 'next'), inState(work, 'retiring')]
  const { zone } = work
  if (step === 'prepare' && next !== undefined) {
    throw new UsageError(
      'bad-value',
      `${next.id} is prepared already; go on with: ${rolloverCommand(zone, 'activate')}`,
    )
  }
  if ((step === 'prepare' || step === 'activate') && retiring !== undefined) {
    throw new UsageError('bad-value', `${retiring.id} is not retired yet; first: ${rolloverCommand(zone, 'retire')}`)
  }
  if (step === 'activate' && next === undefined) {
    throw new UsageError(
      'missing',
      `${nameOf(zone)} has no next generation; first: ${rolloverCommand(zone, 'prepare')}`,
    )
  }
  if (step === 'abandon' && next === undefined) {
    throw new UsageError('missing', `${nameOf(zone)} has no prepared generation that could be taken back`)
  }
  if (step === 'retire' && retiring === undefined) {
    throw new UsageError('missing', `no generation of ${nameOf(zone)} is being retired`)
  }
}

function refusal({ zone }: Work, step: RolloverStep, obstacles: readonly string[]): NotAllowed {
  const named = obstacles.slice(0, namedObstacles)
  const more = obstacles.length > named.length ? [`and ${obstacles.length - named.length} more`] : []
  return new NotAllowed(
    'refused',
    `${step} of ${nameOf(zone)} would cut somebody off: ${[...named, ...more].join('; ')}. Do that first, or take it upon you with --force`,
  )
}

async function obstaclesTo(work: Work, step: RolloverStep): Promise<readonly string[]> {
  if (step === 'activate' && work.zone !== undefined) return await devicesWithout(work, work.zone)
  if (step !== 'retire') return []
  return work.zone === undefined ? await enrolledUnderOldRoot(work) : await stillInUse(work)
}

/** Devices that trust a zone and do not hold its next generation. */
async function devicesWithout({ tx, means }: Work, zone: string): Promise<readonly string[]> {
  const generations = await readGenerations(tx, means.crypto, zone)
  const printsOf = (isWanted: (state: AuthorityState) => boolean) =>
    new Set(
      generations
        .filter(({ row }) => isWanted(row.state))
        .flatMap(({ certificates }) => certificates.map((one) => one.fingerprint)),
    )
  const earlier = printsOf((state) => state !== 'next')
  const next = printsOf((state) => state === 'next')
  const rows = await tx.selectFrom('devices').select(['name', 'zone', 'observed']).orderBy('name').execute()
  return rows.flatMap((row) => {
    // Written by the deployment.
    const { configured, anchors } = (row.observed ?? { configured: false }) as DeviceObserved
    if (!configured) return []
    if (anchors === undefined) {
      return row.zone === zone ? [`${row.name}: what it trusts is not on record, run: cordon apply PLANT`] : []
    }
    if (!anchors.some((print) => earlier.has(print)) || anchors.some((print) => next.has(print))) return []
    return [`${row.name} does not hold the new anchor yet, run: cordon apply PLANT`]
  })
}

/** Certificates of the generation that is to be retired. */
async function stillInUse(work: Work): Promise<readonly string[]> {
  const old = inState(work, 'retiring')
  const now = work.means.now()
  const found = (await certificatesInUse(work.tx)).filter(
    (one) => one.issuer_id === old?.id && one.not_after.getTime() > now,
  )
  return found.map((one) => {
    const until = one.not_after.toISOString().slice(0, 10)
    return `${one.profile} ${one.name} uses ${one.serial} until ${until}, ${remedyFor(one)}`
  })
}

function remedyFor(one: { readonly profile: string; readonly name: string; readonly is_kept: boolean }): string {
  if (one.is_kept) return 'it is renewed when the manager next works with the plant'
  return one.profile === 'device' ? `run: cordon ca renew ${one.name}` : 'issue another one and revoke this'
}

/** Devices that enrolled before the new root was there: they may hold the old one alone. */
async function enrolledUnderOldRoot(work: Work): Promise<readonly string[]> {
  const active = inState(work, 'active')
  if (active === undefined) return []
  const { notBefore } = decodeCertificate(new Uint8Array(active.certificate))
  const found = (await certificatesInUse(work.tx)).filter(
    (one) => one.is_enrolled && one.not_before.getTime() < notBefore && one.not_after.getTime() > work.means.now(),
  )
  return found.map(({ name, serial }) => `${name} enrolled (${serial}) before the new root, let it enroll again`)
}

async function take(work: Work, step: RolloverStep): Promise<void> {
  switch (step) {
    case 'prepare':
      return await prepare(work)
    case 'activate':
      return await activate(work)
    case 'retire':
      return await setState(work, 'retiring', 'retired')
    case 'abandon':
      return await setState(work, 'next', 'retired')
  }
}

async function setState({ tx, rows }: Work, from: AuthorityState, to: AuthorityState): Promise<void> {
  const ids = rows.filter(({ state }) => state === from).map(({ id }) => id)
  if (ids.length > 0) await tx.updateTable('authorities').set({ state: to }).where('id', 'in', ids).execute()
}

async function prepare({ tx, means, zone, rows }: Work): Promise<void> {
  const plan = await readPlan(tx)
  const which = { generation: Math.max(...rows.map(({ generation }) => generation)) + 1, state: 'next' } as const
  const root = await signerOf(means.keys, await activeRow(tx))
  if (zone !== undefined) {
    await makeIssuing(tx, means, plan, zone, root, which)
    return
  }
  const next = await makeRoot(tx, means, plan, which)
  await certify(tx, means, { profile: 'cross', subject: next, issuer: root, zone: null, name: plan.name })
  await certify(tx, means, { profile: 'cross', subject: root, issuer: next, zone: null, name: plan.name })
}

async function activeRow(tx: Transaction<Schema>): Promise<AuthorityRow> {
  return await tx
    .selectFrom('authorities')
    .selectAll()
    .where('zone', 'is', null)
    .where('state', '=', 'active')
    .executeTakeFirstOrThrow()
}

async function activate(work: Work): Promise<void> {
  const { means, zone } = work
  const next = inState(work, 'next')
  if (next === undefined) throw new Error('no next generation')
  const signer = await signerOf(means.keys, next)
  if (!means.crypto.equal(signer.key.publicKey, signer.certificate.publicKey)) {
    throw new NotTrusted('wrong-identity', `the key of ${next.id} does not fit its certificate; nothing was activated`)
  }
  await setState(work, 'active', 'retiring')
  await setState(work, 'next', 'active')
  if (zone === undefined) await certifyIssuing(work, signer)
}

/** Every issuing CA under the new root: the same name and key, so that whoever trusts it notices nothing. */
async function certifyIssuing({ tx, means }: Work, root: Signer): Promise<void> {
  const rows = await tx
    .selectFrom('authorities')
    .selectAll()
    .where('zone', 'is not', null)
    .where('state', '!=', 'retired')
    .execute()
  for (const row of rows) {
    const { id, zone } = row
    if (zone === null || isProvisioning(zone)) continue
    const certificate = decodeCertificate(new Uint8Array(row.certificate))
    const der = await certify(tx, means, {
      profile: 'issuing',
      subject: { certificate },
      issuer: root,
      zone,
      name: zone,
    })
    await tx.updateTable('authorities').set({ certificate: der }).where('id', '=', id).execute()
  }
}

async function certify(
  tx: Transaction<Schema>,
  means: Means,
  wanted: {
    readonly profile: 'cross' | 'issuing'
    readonly subject: Pick<Signer, 'certificate'>
    readonly issuer: Signer
    readonly zone: string | null
    readonly name: string
  },
): Promise<Uint8Array> {
  const { profile, subject, issuer, zone, name } = wanted
  const now = means.now()
  const contents = recertifiedContents(means.crypto, {
    profile,
    subject: subject.certificate,
    issuer: issuer.certificate,
    now,
  })
  const certificate = await makeCertificate(means.crypto, contents, issuer.key, {
    profile,
    issuer: issuer.certificate,
    now,
  })
  const about = { issuerId: issuer.id, profile, zone, name, names: '' }
  await recordCertificates(tx, [certificateRow(means.crypto, certificate, about)])
  return certificate.der
}
