import { isDeepStrictEqual } from 'node:util'
import type { Crypto, KeyKind, PrivateKey } from '@cordon/core/crypto'
import { keyKinds } from '@cordon/core/crypto'
import {
  type BasicCredentials,
  deviceWishes,
  encodeRequestWishes,
  judgeRenewal,
  type GlobalRule,
  type RequestWishes,
  requestAttributes,
  type Rule,
} from '@cordon/core/enrollment'
import { MalformedMessage, NotAllowed, NotTrusted, TransportError, UsageError } from '@cordon/core/errors'
import type { ParseProblem, Plant } from '@cordon/core/policy'
import { buildRequest, fingerprint } from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'
import { sql } from 'kysely'
import type { StoreAuthority } from '../authority/authority.ts'
import { addressKey } from './address-key.ts'
import { operationsZone } from '../authority/generations.ts'
import type { SignedCertificate } from '../authority/issuing.ts'
import { jsonText } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import { type CommitResult, type DecisionRecord, decisionWriter } from './commit.ts'
import {
  type Decided,
  DecisionRecords,
  isNewPlace,
  type Known,
  type Outcome,
  type Renewal,
  type Request,
} from './decision-record.ts'
import type { EnrollmentFiles } from './files.ts'
import { claimsOf, factsOf } from './gather.ts'
import { judge, type Target, type TargetResult, targetOf } from './judge.ts'
import { networkObserver, type Observation, type Observe } from './observe.ts'
import { AuthorityReader } from './own-authorities.ts'
import { bestUnit, type PlantPlaces, placesOf } from './place.ts'
import {
  type CertificateReader,
  certificateReader,
  type CertificateStanding,
  type EnrollmentRow,
  type KeyReader,
  keyReader,
  type NameReader,
  type NameRecords,
  nameReader,
  readCredential,
  readReplaced,
  reproachReader,
} from './records.ts'
import { RuleKeeper } from './rules.ts'
import type { EnrollmentAnswer, EnrollmentRequest, EnrollmentService } from './service.ts'
import { judgeShown, type OwnShown } from './shown.ts'
import { TokenBuckets } from './token-buckets.ts'
import { wantsPassword } from './verdict.ts'

/** What an enrollment service tells its log. Never a secret. */
export type EnrollmentLog = (
  level: 'info' | 'warn' | 'error',
  message: string,
  detail?: Readonly<Record<string, unknown>>,
) => void

/**
 * Whether user name and password are an account's. `later`: it was not looked at, and the right password would get the
 * same answer.
 */
export type VerifyAccount = (
  credentials: BasicCredentials,
  address: string,
) => Promise<'accepted' | 'refused' | 'later'>

/** What an enrollment service is made of. */
export interface EnrollmentOptions {
  readonly store: Store
  readonly authority: StoreAuthority
  readonly plant: Plant
  readonly files: EnrollmentFiles
  /** The enrollment file, to be read again when it changes; without it `files` are the rules for ever. */
  readonly path?: string
  readonly verifyAccount: VerifyAccount
  /** Default: ListIdentity and the neighbour table of the system. */
  readonly observe?: Observe
  /** Milliseconds since 1970; default the system's clock. */
  readonly now?: () => number
  readonly log?: EnrollmentLog
  /** Whether keys are made for who asks for it (RFC 7030 4.4); default false. */
  readonly serverKeyGeneration?: boolean
  /** Requests of one identity; default 60. As many refusals of one address are recorded at once, and then one a minute. */
  readonly perMinute?: number
  /** How long a request waits for people, milliseconds; default 7 days. */
  readonly pendingMs?: number
  readonly crypto?: Crypto
}

/** What people are to see of an enrollment service. */
export interface EnrollmentStatus {
  /** While everybody gets in: the text that says so. */
  readonly banner: string | undefined
  /** Global grants in force, `until` in milliseconds since 1970. */
  readonly globalGrants: readonly { readonly label: string | undefined; readonly until: number }[]
  /** What is wrong with the files; while there is something, the rules before are in force. */
  readonly problems: readonly ParseProblem[]
}

/** An enrollment service over a store. */
export interface StoreEnrollment extends EnrollmentService, AsyncDisposable {
  /** Reads the enrollment file and what it names again. */
  reload(): Promise<void>
  /** What people are to see now: a grant for everybody, and what is wrong with the files. */
  status(): EnrollmentStatus
}

const day = 24 * 3_600_000
/** Identities, and addresses, whose recent requests are remembered. */
const mostLimited = 20_000
/** Bytes of a request that is kept with its decision: one with an RSA key of 4096 bits and many names has a tenth of it. */
const longestRequest = 16 * 1024
/** How often a request is judged again because what it rests on changed meanwhile. */
const mostTries = 6
/** Seconds after which one that waits asks again: soon at first, as somebody may be waiting beside the device. */
const retryS = { first: 10, later: 60 } as const
const firstMs = 10 * 60_000

/**
 * Opens the enrollment service of a plant, and finishes what an earlier process left: certificates of units that were
 * replaced are revoked.
 *
 * Everybody enrolls for itself alone: id-kp-cmcRA in a certificate that was shown lets nobody enroll for another
 * (RFC 6402 2.10 would); of those made here, the EST server's own alone has it. A renewal keeps its names; ChangeSubjectName is refused.
 * Deviation: a takeover that does not match waits for an administrator, whose approval overrides the mismatch; what the
 * rules deny stays denied.
 * @throws UsageError `bad-value` for rules that name a zone which the plant has not; TransportError when the store does
 * not answer
 */
export async function openEnrollment(options: EnrollmentOptions): Promise<StoreEnrollment> {
  const zones = enrollmentZones(options.plant)
  for (const [label, zone] of options.files.policy.unlisted) {
    if (!zones.includes(zone))
      throw new UsageError(
        'bad-value',
        `unlisted.${label ?? 'default'}: expected one of ${zones.join(', ')}, got ${zone}`,
      )
  }
  const service = new Enrollment(options, zones)
  await service.takeUp()
  return service
}

/** Zones whose authority may issue a certificate for a plant: its own with certificates, and that of the manager. */
export function enrollmentZones(plant: Plant): readonly string[] {
  const secured = plant.zones.flatMap(({ name, authentication }) => (authentication === 'certificate' ? [name] : []))
  return [...secured, operationsZone]
}

class Enrollment implements StoreEnrollment {
  readonly #options: EnrollmentOptions
  readonly #store: Store
  readonly #crypto: Crypto
  readonly #now: () => number
  readonly #log: EnrollmentLog
  readonly #observe: Observe
  readonly #places: PlantPlaces
  readonly #rules: RuleKeeper
  readonly #authorities: AuthorityReader
  readonly #limit: TokenBuckets
  /** Records of who was not let in, by address: keys, certificates and names cost a stranger nothing. */
  readonly #refusals: TokenBuckets
  readonly #readKey: KeyReader
  readonly #readName: NameReader
  readonly #readCertificate: CertificateReader
  readonly #readReproach: (key: string) => Promise<string | undefined>
  readonly #write: (record: DecisionRecord) => Promise<CommitResult>
  readonly #underWay = new Map<string, Promise<unknown>>()
  /** Serial numbers of certificates that are to be revoked: what replaced them is committed. */
  readonly #owed = new Set<string>()
  readonly #records: DecisionRecords
  readonly #told = new Told()
  #closed = false

  constructor(options: EnrollmentOptions, zones: readonly string[]) {
    this.#options = options
    this.#store = options.store
    this.#crypto = options.crypto ?? nodeCrypto
    this.#now = options.now ?? Date.now
    this.#log = options.log ?? (() => undefined)
    this.#observe = options.observe ?? networkObserver()
    this.#places = placesOf(options.plant)
    this.#rules = new RuleKeeper(options.files, options.path, zones, (problems) => this.#refuseFiles(problems))
    this.#authorities = new AuthorityReader(options.store, options.authority, this.#crypto)
    const { perMinute = 60 } = options
    this.#limit = new TokenBuckets(perMinute / 60, perMinute, mostLimited)
    this.#refusals = new TokenBuckets(Math.max(1, perMinute / 60) / 60, perMinute, mostLimited)
    this.#readKey = keyReader(options.store.db)
    this.#readName = nameReader(options.store.db, options.plant.name)
    this.#readCertificate = certificateReader(options.store.db)
    this.#readReproach = reproachReader(options.store.db)
    this.#write = decisionWriter(options.store)
    this.#records = new DecisionRecords(options.store.db, options.plant.name, options.pendingMs ?? 7 * day)
  }

  hasLabel(label: string | undefined): boolean {
    return this.#rules.current.labels.has(label)
  }

  async authorities(_label: string | undefined): Promise<readonly Uint8Array[]> {
    return (await this.#authorities.read(this.#now())).published
  }

  async attributes(label: string | undefined): Promise<Uint8Array | undefined> {
    if (!this.hasLabel(label)) return undefined
    return encodeRequestWishes(wishesFor(this.#options.plant.authority.device.key))
  }

  status(): EnrollmentStatus {
    const now = this.#now()
    const globalGrants = [...this.#rules.current.files.policy.labels].flatMap(([label, rule]) =>
      globalRules(rule).flatMap(({ from, until }) => (from <= now && now < until ? [{ label, until }] : [])),
    )
    const [last] = globalGrants.map(({ until }) => until).sort((a, b) => b - a)
    const banner =
      last === undefined
        ? undefined
        : `EVERYBODY who reaches the enrollment service gets a certificate, until ${new Date(last).toISOString()}`
    return { banner, globalGrants, problems: this.#rules.problems }
  }

  async reload(): Promise<void> {
    await this.#rules.reload()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    await Promise.allSettled(this.#underWay.values())
  }

  /** Finishes what was committed and not carried out. */
  async takeUp(): Promise<void> {
    const { rows } = await sql<{ serial: string }>`
      select distinct c.serial from enrollment_words w
      cross join lateral jsonb_array_elements_text(w.detail->'supersedes') as s(serial)
      join certificates c on c.serial = s.serial and c.status = 'valid'
      where w.kind = 'issue' and jsonb_typeof(w.detail->'supersedes') = 'array'`.execute(this.#store.db)
    for (const { serial } of rows) this.#owed.add(serial)
    await this.#revokeOwed()
  }

  async enroll(request: EnrollmentRequest): Promise<EnrollmentAnswer> {
    try {
      if (this.#closed) throw new UsageError('not-open', 'the enrollment service is closed')
      const wait = this.#limit.take(identityOf(this.#crypto, request), this.#now())
      if (wait > 0) return { kind: 'tooMany', retryAfterS: wait, reason: 'too many requests of this identity' }
      await this.#rules.look(this.#now())
      return await this.#prepare(request)
    } catch (error) {
      return this.#failed(error)
    }
  }

  #failed(error: unknown): EnrollmentAnswer {
    if (error instanceof MalformedMessage) return { kind: 'malformed', reason: error.message }
    if (error instanceof NotTrusted && error.code === 'bad-signature') {
      return { kind: 'malformed', reason: error.message }
    }
    const reason = error instanceof Error ? error.message : String(error)
    this.#log('error', `a request for a certificate was not decided: ${reason}`)
    return { kind: 'unavailable', retryAfterS: retryS.first, reason: 'not decided now; ask again' }
  }

  async #prepare(request: EnrollmentRequest): Promise<EnrollmentAnswer> {
    const rules = this.#rules.current
    const prepared = rules.labels.get(request.label)
    if (prepared === undefined) return { kind: 'denied', reason: 'there are no rules for this label' }
    if (request.operation === 'serverkeygen' && this.#options.serverKeyGeneration !== true) {
      return { kind: 'denied', reason: 'no keys are made here; make one and ask with simpleenroll' }
    }
    if (request.request.der.length > longestRequest) {
      return {
        kind: 'malformed',
        reason: `the request has ${request.request.der.length} bytes, expected at most ${longestRequest}`,
      }
    }
    const at = this.#now()
    const shown =
      request.shown && judgeShown(this.#crypto, request.shown, rules.files, await this.#authorities.read(at), at)
    const claims = claimsOf(this.#crypto, request, rules.templates)
    const given = await this.#password(request, prepared.asksPassword, rules.files)
    if (given === 'later') return { kind: 'tooMany', retryAfterS: retryS.first, reason: 'ask again later' }
    return await this.#inOrder(`${request.label ?? ''} ${claims.key}`, () =>
      this.#decide({ request, rules, claims, shown, given, at }),
    )
  }

  /** A password is looked at only where it could matter: that takes a tenth of a second. */
  async #password(
    { basic, address }: EnrollmentRequest,
    isAsked: boolean,
    { policy }: EnrollmentFiles,
  ): Promise<Request['given'] | 'later'> {
    if (basic === undefined || !isAsked || !policy.accounts.has(basic.name)) return undefined
    const verdict = await this.#options.verifyAccount(basic, address)
    return verdict === 'later' ? 'later' : { credentials: basic, verdict }
  }

  /** Requests with one key are decided one after another; those of other processes are told apart by the store. */
  async #inOrder(key: string, work: () => Promise<EnrollmentAnswer>): Promise<EnrollmentAnswer> {
    const before = this.#underWay.get(key)
    const mine = Promise.resolve(before).then(work, work)
    this.#underWay.set(key, mine)
    try {
      return await mine
    } finally {
      if (this.#underWay.get(key) === mine) this.#underWay.delete(key)
    }
  }

  async #decide(request: Request): Promise<EnrollmentAnswer> {
    await this.#revokeOwed()
    for (let tries = 0; tries < mostTries; tries++) {
      const known = await this.#know(request)
      if ('kind' in known) return known
      const answer = await this.#attempt(request, known)
      if (answer !== undefined) return answer
    }
    throw new TransportError('timeout', 'the records of this key change faster than they can be read')
  }

  /** What the store knows, or an answer that needs no decision. */
  async #know({ request, claims, shown, given, at }: Request): Promise<Known | EnrollmentAnswer> {
    const { db } = this.#store
    const label = request.label ?? ''
    const { key } = claims
    const own = shown?.own
    const [records, standing, provisioning, account] = await Promise.all([
      this.#readKey(label, key),
      own === undefined ? undefined : this.#readCertificate(own.key, own.fingerprint),
      shown?.provisioning === undefined
        ? undefined
        : readCredential(db, { kind: 'provisioning', credential: shown.provisioning.fingerprint }, key),
      given === undefined
        ? undefined
        : readCredential(db, { kind: 'account', credential: given.credentials.name }, key),
    ])
    const password =
      given === undefined || account === undefined
        ? undefined
        : { given: given.credentials, verdict: given.verdict, record: account }
    const { row } = records
    const isOver = row?.state === 'expired' || (row?.state === 'pending' && isPast(row.expires_at, at))
    const known = { records, password, provisioning, own: standing, isOver, renewal: undefined }
    if (request.linking.state === 'wrong') return { ...known, refusal: `linking: ${request.linking.reason}` }
    if (own === undefined) return { ...known, refusal: undefined }
    const fault = own.fault ?? faultOf(standing)
    if (fault !== undefined || standing === undefined) {
      return { ...known, refusal: `the certificate shown: ${fault ?? 'it is not recorded'}` }
    }
    if (request.operation !== 'simplereenroll' || own.expired || standing.profile !== 'device') {
      return { ...known, refusal: undefined }
    }
    return await this.#renewal(request, known, own, standing)
  }

  async #renewal(
    request: EnrollmentRequest,
    known: Omit<Known, 'refusal'>,
    own: OwnShown,
    standing: CertificateStanding,
  ): Promise<Known | EnrollmentAnswer> {
    const { same, differences, change } = judgeRenewal(request.request, own.certificate)
    if (change !== undefined) {
      return { ...known, refusal: 'a renewal changes no names (ChangeSubjectName); change the plant file and deploy' }
    }
    if (!same) return { kind: 'malformed', reason: `a renewal keeps its names: ${differences.join('; ')}` }
    const [reproach, before] = await Promise.all([
      this.#readReproach(own.key),
      this.#readKey(request.label ?? '', own.key),
    ])
    if (reproach !== undefined) return { ...known, refusal: `the certificate shown is not renewed: ${reproach}` }
    // Who is to become another than it was, be it by a change of the plant file, is judged like everybody.
    if (!this.#isAsPlanned(standing)) return { ...known, refusal: undefined }
    const unit = bestUnit(before.row?.facts.units ?? [])
    const records = {
      ...known.records,
      sightings: [...known.records.sightings, ...before.sightings],
    }
    const renewal = { own, standing, units: unit === undefined ? [] : [unit] }
    return { ...known, records, renewal, refusal: undefined }
  }

  /** One try: undefined when what it rests on changed, so that it is to be made again. */
  async #attempt(request: Request, known: Known): Promise<EnrollmentAnswer | undefined> {
    const decided = await this.#consider(request, known)
    const { evaluation, target } = decided
    const live = known.records.row
    const holds = live !== undefined && isLive(live, request.at)
    const isStopped =
      known.refusal !== undefined ||
      evaluation.alarms.length > 0 ||
      (evaluation.verdict === 'deny' && known.records.denials.length > 0)
    if (!isStopped && holds && request.request.operation !== 'serverkeygen' && isAs(live, target.target)) {
      return await this.#again(request, known, decided, live)
    }
    if (evaluation.verdict === 'grant' && target.target !== undefined) {
      return await this.#grant(request, known, decided, target.target)
    }
    const { asksPassword = false } = request.rules.labels.get(request.request.label) ?? {}
    const isUnasked = asksPassword && request.given === undefined && known.refusal === undefined
    if (isUnasked && !holds && wantsPassword(evaluation)) {
      return { kind: 'authenticate', reason: 'a user name and password are needed' }
    }
    return await this.#refuse(request, known, decided, holds)
  }

  /** Judges with what is at hand; the network is asked only where its answer could matter. */
  async #consider(request: Request, known: Known): Promise<Decided> {
    const { asksNetwork = false } = request.rules.labels.get(request.request.label) ?? {}
    const { address } = request.request
    const isStopped = known.refusal !== undefined || known.renewal !== undefined
    const first = asksNetwork && !isStopped ? await this.#observe(address) : undefined
    const decided = await this.#judge(request, known, first)
    if (first !== undefined || isStopped) return decided
    if (decided.evaluation.verdict !== 'pend' && !decided.lacksIdentity) return decided
    const later = await this.#observe(address)
    return later === undefined ? decided : await this.#judge(request, known, later)
  }

  async #judge(request: Request, known: Known, observation: Observation | undefined): Promise<Decided> {
    const { records, renewal } = known
    const { files } = request.rules
    const facts = factsOf({
      request: request.request,
      claims: request.claims,
      shown: request.shown,
      password: known.password,
      provisioning: known.provisioning,
      records,
      observation,
      renewed: renewal && { key: renewal.own.key, units: renewal.units },
      administrators: [],
    })
    const target = renewal === undefined ? targetOf(facts, files, this.#places) : this.#renewed(renewal, request, files)
    const names = target.target === undefined ? undefined : await this.#names(target.target.name, request, records.row)
    const judged = judge({
      facts,
      files,
      records,
      target,
      names,
      refusal: known.refusal ?? (renewal && (await this.#replacedFault(renewal))),
      renewal: renewal && `renews certificate ${renewal.own.certificate.serial} of ${renewal.standing.name}`,
      isOver: known.isOver,
      at: request.at,
    })
    return { ...judged, target, names }
  }

  async #names(name: string, { claims, at }: Request, row: EnrollmentRow | undefined): Promise<NameRecords> {
    const { key } = claims
    const found = await this.#readName(name, key, at)
    // The certificate of a key that was made here has that key, and is the requester's all the same.
    const live = found.live.map((each) => (each.serial === row?.serial ? { ...each, key } : each))
    return { ...found, live }
  }

  /** Whether a certificate says of a device what the plant file says; that of nobody in it is as it was given. */
  #isAsPlanned({ name, zone, names }: CertificateStanding): boolean {
    const device = this.#options.plant.devices.find((each) => each.name === name)
    if (device === undefined) return true
    const planned = [device.address, device.dnsName].filter((each) => each !== undefined)
    return device.zone === zone && planned.sort().join(' ') === names
  }

  /** Asked after the names were read: a takeover that is committed later changes these, and all is judged again. */
  async #replacedFault({ own, standing }: Renewal): Promise<string | undefined> {
    const isReplaced = await readReplaced(this.#store.db, standing.name, own.certificate.serial)
    return isReplaced ? 'the certificate shown is that of a unit that was replaced' : undefined
  }

  /** The identity of a renewal is that of what it renews: by the plant file, or as it was given to who is not in it. */
  #renewed({ own, standing }: Renewal, { request }: Request, files: EnrollmentFiles): TargetResult {
    const { name } = standing
    const device = this.#options.plant.devices.find((each) => each.name === name)
    if (device !== undefined) {
      const { zone, address, dnsName } = device
      if (address === undefined || !this.#places.zones.has(zone)) {
        return { target: undefined, reason: `${name} has no certificates by the plant file` }
      }
      const dnsNames = dnsName === undefined ? [] : [dnsName]
      return { target: { name, zone, addresses: [address], dnsNames, listed: true, fault: undefined } }
    }
    const zone = standing.zone ?? ''
    if (files.policy.unlisted.get(request.label) !== zone) {
      return { target: undefined, reason: `the plant file does not list ${name}, and this label is for none else` }
    }
    const names = own.certificate.extensions.subjectAlternativeNames ?? []
    const of = (wanted: 'ip' | 'dns') => names.flatMap(({ kind, value }) => (kind === wanted ? [value] : []))
    return { target: { name, zone, addresses: of('ip'), dnsNames: of('dns'), listed: false, fault: undefined } }
  }

  /** The certificate that it was given before, which is only public. */
  async #again(
    request: Request,
    known: Known,
    decided: Decided,
    row: EnrollmentRow,
  ): Promise<EnrollmentAnswer | undefined> {
    const isNew = isNewPlace(known.records, decided, request)
    if (isNew && (await this.#commit(request, known, decided, { state: 'granted', keepRow: true })) === undefined) {
      return undefined
    }
    const chain = await this.#authorities.chainOf(row.issuer_id ?? '', request.at)
    return { kind: 'granted', certificate: new Uint8Array(row.certificate ?? []), chain }
  }

  async #grant(
    request: Request,
    known: Known,
    decided: Decided,
    target: Target,
  ): Promise<EnrollmentAnswer | undefined> {
    const key = await this.#serverKey(request.request)
    let signed: SignedCertificate
    try {
      signed = await this.#sign(request.request, target, key)
    } catch (error) {
      const isRefusal = error instanceof NotAllowed || error instanceof UsageError
      if (!isRefusal) throw error
      const evaluation = { ...decided.evaluation, verdict: 'deny' as const, reason: error.message, uses: [] }
      return await this.#refuse(request, known, { ...decided, evaluation }, false)
    }
    const { row } = known.records
    const former = request.request.operation === 'serverkeygen' && row?.status === 'valid' ? row.serial : null
    const supersedes = [...(decided.replacement?.serials ?? []), ...(former === null ? [] : [former])]
    const written = await this.#commit(request, known, decided, { state: 'granted', signed, target, supersedes })
    if (written === undefined) return undefined
    for (const serial of supersedes) this.#owed.add(serial)
    await this.#revokeOwed()
    const pkcs8 = key?.export()
    const { certificate, chain } = signed
    return { kind: 'granted', certificate, chain, ...(pkcs8 === undefined ? {} : { key: pkcs8 }) }
  }

  async #serverKey({ operation, request }: EnrollmentRequest): Promise<PrivateKey | undefined> {
    if (operation !== 'serverkeygen') return undefined
    const wished = keyKinds.find((kind) => kind === request.key.algorithm)
    return await this.#crypto.generateKey(wished ?? 'ecdsa-p256')
  }

  async #sign(request: EnrollmentRequest, target: Target, key: PrivateKey | undefined): Promise<SignedCertificate> {
    const { name, zone, addresses, dnsNames } = target
    const csr = key === undefined ? request.request : await buildRequest(key, { subject: request.request.subject })
    const { validityMs } = this.#options.plant.authority.device
    return await this.#options.authority.signDevice({ zone, device: name, csr, addresses, dnsNames, validityMs })
  }

  /** Denied or pending. */
  async #refuse(
    request: Request,
    known: Known,
    decided: Decided,
    holds: boolean,
  ): Promise<EnrollmentAnswer | undefined> {
    const { row } = known.records
    const { evaluation } = decided
    const state = evaluation.verdict === 'pend' ? 'pending' : 'denied'
    const isForeign = request.request.linking.state === 'wrong'
    const keepRow = (holds && state === 'denied') || (isForeign && row !== undefined)
    const isKnown = row !== undefined && !keepRow && this.#isSame(row, known, decided, state, request)
    const isTold = keepRow && row !== undefined && this.#told.has(`${row.id} ${evaluation.reason}`, request.at)
    const isWritten = isKnown || isTold
    const wait = isWritten ? 0 : this.#refusals.take(addressKey(request.request.address), this.#now())
    if (wait > 0) return { kind: 'tooMany', retryAfterS: wait, reason: 'too many requests of this address' }
    const id = isWritten ? row.id : await this.#commit(request, known, decided, { state, keepRow })
    if (id === undefined) return undefined
    if (keepRow) this.#told.add(`${id} ${evaluation.reason}`, request.at)
    if (state === 'pending') {
      const since = known.isOver || row?.state !== 'pending' ? request.at : row.updated_at.getTime()
      return {
        kind: 'pending',
        retryAfterS: request.at - since < firstMs ? retryS.first : retryS.later,
        reason: `waits, number ${id}`,
      }
    }
    if (known.password?.verdict === 'refused' && !isForeign) {
      return { kind: 'authenticate', reason: 'user name or password are wrong' }
    }
    return { kind: 'denied', reason: `not granted; the record of the authority says why, number ${id}` }
  }

  /** Nothing is written about a request that asks again and gets the same answer for the same reasons. */
  #isSame(row: EnrollmentRow, known: Known, decided: Decided, state: string, request: Request): boolean {
    return (
      !known.isOver &&
      row.state === state &&
      row.reason === decided.evaluation.reason &&
      !isNewPlace(known.records, decided, request) &&
      isDeepStrictEqual(row.facts, JSON.parse(JSON.stringify(decided.facts)))
    )
  }

  /** Writes a decision; its number, or undefined when it has to be made again. */
  async #commit(request: Request, known: Known, decided: Decided, outcome: Outcome): Promise<number | undefined> {
    const record = await this.#records.of(request, known, decided, outcome)
    let id: number | undefined
    try {
      const result = await this.#write(record)
      if (result.kind === 'written') id = result.id
      return id
    } finally {
      if (id === undefined) this.#records.notWritten(record)
    }
  }

  /** Revokes what was replaced. What fails is tried again with the next request, or by the next process. */
  async #revokeOwed(): Promise<void> {
    for (const serial of [...this.#owed]) {
      this.#owed.delete(serial)
      try {
        await this.#options.authority.revoke(serial, 'superseded')
      } catch (error) {
        this.#owed.add(serial)
        const reason = error instanceof Error ? error.message : String(error)
        this.#log('error', `certificate ${serial} was replaced and is not revoked yet: ${reason}`)
      }
    }
  }

  #refuseFiles(problems: readonly ParseProblem[]): void {
    const [first] = problems
    const place = first === undefined ? '' : `${first.file}:${first.line}:${first.column}: ${first.message}`
    const reason = `the enrollment file is refused, the rules before stay in force: ${place}`
    this.#log('warn', reason, { problems: problems.length })
    const detail = jsonText({ problems: problems.slice(0, 20) })
    this.#store.db
      .insertInto('events')
      .values({ kind: 'enrollment-files-refused', subject: 'enrollment', detail })
      .execute()
      .catch((error: unknown) => this.#log('error', `the event was not kept: ${String(error)}`))
  }
}

/** How long people are not told again of the same refusal that leaves its row as it is, milliseconds. */
const toldMs = 3_600_000
const mostTold = 10_000

/** Of what people were told lately. */
class Told {
  readonly #at = new Map<string, number>()

  has(what: string, now: number): boolean {
    const at = this.#at.get(what)
    return at !== undefined && now - at < toldMs
  }

  add(what: string, now: number): void {
    if (this.has(what, now)) return
    this.#at.delete(what)
    this.#at.set(what, now)
    const [oldest] = this.#at.size > mostTold ? this.#at.keys() : []
    if (oldest !== undefined) this.#at.delete(oldest)
  }
}

/** Who asks, for the limit: what it proved to hold, else the account it names from where it is, else where it is. */
function identityOf(crypto: Crypto, { shown, basic, address }: EnrollmentRequest): string {
  if (shown !== undefined) return `certificate ${fingerprint(crypto, shown.leaf.der)}`
  return basic === undefined ? `address ${address}` : `account ${basic.name.slice(0, 128)} ${address}`
}

function faultOf(standing: CertificateStanding | undefined): string | undefined {
  if (standing === undefined) return 'it is not among those that were issued'
  return standing.status === 'revoked' ? 'it is revoked' : undefined
}

function isPast(time: Date | null, at: number): boolean {
  return time !== null && time.getTime() <= at
}

/** Whether the certificate of a row is in force, with a third of its life left: else it is time for another. */
function isLive(
  { state, status, certificate, not_before: from, not_after: until }: EnrollmentRow,
  at: number,
): boolean {
  if (state !== 'granted' || status !== 'valid' || certificate === null || from === null || until === null) return false
  return until.getTime() - at > (until.getTime() - from.getTime()) / 3
}

/** Whether a row's certificate says what one would say that were made now. */
function isAs(row: EnrollmentRow, target: Target | undefined): boolean {
  if (target === undefined) return false
  const names = [...target.addresses, ...target.dnsNames].sort().join(' ')
  return row.device === target.name && row.zone === target.zone && row.names === names
}

function globalRules(rule: Rule): readonly GlobalRule[] {
  if (rule.kind === 'not') return globalRules(rule.of)
  if (rule.kind === 'anyOf' || rule.kind === 'allOf') return rule.of.flatMap(globalRules)
  return rule.kind === 'globalGrant' ? [rule] : []
}

/** What devices are asked for: the kind of key that the plant file has for them. */
function wishesFor(kind: KeyKind): RequestWishes {
  if (kind === 'ecdsa-p256' || kind === 'ecdsa-p384' || kind === 'ecdsa-p521') return deviceWishes(kind)
  const { attributes, template } = deviceWishes('ecdsa-p256')
  const key = { algorithm: requestAttributes.rsaEncryption, parameters: Uint8Array.of(5, 0) }
  return {
    attributes: attributes.map((each) =>
      each.type === requestAttributes.ecPublicKey ? { type: key.algorithm, values: undefined } : each,
    ),
    template: template && { ...template, key },
  }
}
