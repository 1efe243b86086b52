import {
  type Authority,
  type AuthorityPlan,
  type CertificateProfile,
  type CertificateRecord,
  type ClientRequest,
  clientContents,
  type DeviceRequest,
  defaultValidityMs,
  deviceContents,
  type EndEntityIssuance,
  type IssuedCertificate,
  type IssuedClient,
  issuingContents,
  type Revocation,
  type RevocationReason,
  revocationListValidityMs,
  rootContents,
  type SubjectTemplate,
  makeCertificate,
  backdateMs,
} from '@cordon/core/authority'
import type { Crypto, PrivateKey } from '@cordon/core/crypto'
import { NotAllowed, NotTrusted, UsageError } from '@cordon/core/errors'
import {
  buildRevocationList,
  type Certificate,
  type CertificateContents,
  decodeCertificate,
  decodeRequest,
  fingerprint,
  formatName,
  isProven,
  keyIdentifier,
} from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'
import { type Kysely, sql, type Transaction } from 'kysely'
import { type BackupSummary, dumpStore, restoreStore } from '../store/dump.ts'
import { groupCommit } from '../store/group-commit.ts'
import { jsonText, type Schema } from '../store/schema.ts'
import type { Store } from '../store/store.ts'

/** The zone whose issuing CA signs the manager's own credential. Always there. */
export const operationsZone = 'operations'

/** What may be replaced in an authority, for tests. */
export interface AuthorityOptions {
  readonly crypto?: Crypto
  /** Milliseconds since 1970; default the system's clock. */
  readonly now?: () => number
}

/** Part of its life that a certificate must still have to be handed out again for the same key. */
const reuseShare = 1 / 3

/** Reasons that say nothing against the key, so that it may be certified again. */
const harmlessReasons: readonly string[] = ['superseded', 'cessationOfOperation']

interface Signer {
  /** Row of `authorities`. */
  readonly id: string
  readonly zone: string | undefined
  readonly certificate: Certificate
  readonly key: PrivateKey
}

/** A certificate as the row that remembers it. */
export interface CertificateRow {
  readonly issuer_id: string
  readonly serial: string
  readonly profile: CertificateProfile
  readonly zone: string | null
  readonly name: string
  readonly subject: string
  readonly issuer: string
  readonly tbs_hash: Uint8Array
  readonly fingerprint: string
  readonly key_hash: Uint8Array
  readonly names: string
  readonly certificate: Uint8Array
  readonly not_before: Date
  readonly not_after: Date
  readonly status: 'valid'
}

interface StoredPlan {
  readonly name: string
  readonly subject: SubjectTemplate
}

/** A certificate that was signed and is not recorded yet: it must not be handed out before it is. */
export interface SignedCertificate extends IssuedCertificate {
  /** Row of `authorities` of the one that signed it. */
  readonly issuerId: string
  /** What is to be recorded; undefined when it was issued before, and is handed out again. */
  readonly record: CertificateRow | undefined
}

/** An authority whose certificates can be recorded in the transaction of whoever asked for them. */
export interface StoreAuthority extends Authority {
  /**
   * Checks and signs as {@link Authority.issueDevice} does, and records nothing. Two calls at once for one key make two
   * certificates: the caller sees to it that only one is recorded, with {@link recordCertificates}, and handed out.
   */
  signDevice(request: DeviceRequest): Promise<SignedCertificate>
}

/** Records certificates of {@link StoreAuthority.signDevice}; they may be handed out when the transaction is committed. */
export async function recordCertificates(tx: Transaction<Schema>, records: readonly CertificateRow[]): Promise<void> {
  if (records.length > 0)
    await tx
      .insertInto('certificates')
      .values([...records])
      .execute()
}

const planFact = 'authority'

/**
 * The authority of a store. Its keys are sealed in the database and opened into this process's memory when first used;
 * what it signs is committed before it is returned.
 */
export function openAuthority(store: Store, options: AuthorityOptions = {}): StoreAuthority {
  return new StoredAuthority(store, options)
}

class StoredAuthority implements StoreAuthority {
  readonly #store: Store
  readonly #crypto: Crypto
  readonly #now: () => number
  readonly #signers = new Map<string, Promise<Signer>>()
  readonly #pending = new Map<string, Promise<IssuedCertificate>>()
  readonly #records
  #plan: Promise<StoredPlan> | undefined

  constructor(store: Store, { crypto = nodeCrypto, now = Date.now }: AuthorityOptions) {
    this.#store = store
    this.#crypto = crypto
    this.#now = now
    this.#records = groupCommit<CertificateRow>(async (rows) => {
      await store.db
        .insertInto('certificates')
        .values([...rows])
        .execute()
    })
  }

  async initialize(plan: AuthorityPlan): Promise<void> {
    const zones = [...new Set([...plan.zones, operationsZone])]
    for (const zone of zones) checkZone(zone)
    await this.#store.db.transaction().execute(async (tx) => {
      // Two first commands at once make one root.
      await sql`lock table authorities in exclusive mode`.execute(tx)
      await this.#keepPlan(tx, plan)
      const root = (await this.#findSigner(tx, null)) ?? (await this.#makeRoot(tx, plan))
      const existing = await tx.selectFrom('authorities').select('zone').execute()
      for (const zone of zones) {
        if (!existing.some((row) => row.zone === zone)) await this.#makeIssuing(tx, plan, zone, root)
      }
    })
    this.#plan = undefined
  }

  async #keepPlan(tx: Transaction<Schema>, plan: AuthorityPlan): Promise<void> {
    const { name, subject } = plan
    const row = await tx.selectFrom('facts').select('value').where('name', '=', planFact).executeTakeFirst()
    const known = row === undefined ? undefined : readPlan(row.value)
    if (known !== undefined && known.name !== name) {
      throw new UsageError(
        'bad-value',
        `this state is the authority of plant "${known.name}", not of "${name}"; give each plant a state of its own: CORDON_STATE=…`,
      )
    }
    const value = jsonText({ name, subject } satisfies StoredPlan)
    await tx
      .insertInto('facts')
      .values({ name: planFact, value })
      .onConflict((conflict) => conflict.column('name').doUpdateSet({ value }))
      .execute()
  }

  async #makeRoot(tx: Transaction<Schema>, plan: AuthorityPlan): Promise<Signer> {
    const key = await this.#crypto.generateKey(plan.key)
    const now = this.#now()
    const contents = rootContents(this.#crypto, {
      plant: plan.name,
      subject: plan.subject,
      publicKey: key.publicKey,
      now,
    })
    const certificate = await makeCertificate(this.#crypto, contents, key, { profile: 'root', issuer: undefined, now })
    return await this.#keepAuthority(tx, {
      id: 'root-1',
      zone: null,
      key,
      certificate,
      issuerId: 'root-1',
      name: plan.name,
    })
  }

  async #makeIssuing(tx: Transaction<Schema>, plan: AuthorityPlan, zone: string, root: Signer): Promise<Signer> {
    const key = await this.#crypto.generateKey(plan.key)
    const now = this.#now()
    const contents = issuingContents(this.#crypto, {
      plant: plan.name,
      zone,
      subject: plan.subject,
      issuer: root.certificate,
      publicKey: key.publicKey,
      now,
    })
    const certificate = await makeCertificate(this.#crypto, contents, root.key, {
      profile: 'issuing',
      issuer: root.certificate,
      now,
    })
    return await this.#keepAuthority(tx, {
      id: `zone-${zone}-1`,
      zone,
      key,
      certificate,
      issuerId: root.id,
      name: zone,
    })
  }

  async #keepAuthority(
    tx: Transaction<Schema>,
    made: {
      id: string
      zone: string | null
      key: PrivateKey
      certificate: Certificate
      issuerId: string
      name: string
    },
  ): Promise<Signer> {
    const { id, zone, key, certificate } = made
    const pkcs8 = key.export()
    if (pkcs8 === undefined)
      throw new UsageError('not-supported', 'an authority key in hardware cannot be sealed in the store')
    await tx
      .insertInto('authorities')
      .values({
        id,
        zone,
        generation: 1,
        certificate: certificate.der,
        key_kind: key.kind,
        sealed: this.#store.secrets.seal({ table: 'authorities', id }, pkcs8),
      })
      .execute()
    await tx
      .insertInto('certificates')
      .values(
        this.#row(certificate, {
          issuerId: made.issuerId,
          profile: zone === null ? 'root' : 'issuing',
          zone,
          name: made.name,
          names: '',
        }),
      )
      .execute()
    return { id, zone: zone ?? undefined, certificate, key }
  }

  #row(
    certificate: Certificate,
    about: { issuerId: string; profile: CertificateProfile; zone: string | null; name: string; names: string },
  ): CertificateRow {
    return {
      issuer_id: about.issuerId,
      serial: certificate.serial,
      profile: about.profile,
      zone: about.zone,
      name: about.name,
      subject: formatName(certificate.subject),
      issuer: formatName(certificate.issuer),
      tbs_hash: this.#crypto.digest('SHA-256', certificate.tbs),
      fingerprint: fingerprint(this.#crypto, certificate.der),
      key_hash: this.#crypto.digest('SHA-256', certificate.publicKey),
      names: about.names,
      certificate: certificate.der,
      not_before: new Date(certificate.notBefore),
      not_after: new Date(certificate.notAfter),
      status: 'valid',
    }
  }

  async #findSigner(db: Kysely<Schema>, zone: string | null): Promise<Signer | undefined> {
    const row = await db
      .selectFrom('authorities')
      .selectAll()
      .where('zone', zone === null ? 'is' : '=', zone)
      .orderBy('generation', 'desc')
      .limit(1)
      .executeTakeFirst()
    if (row === undefined) return undefined
    if (row.sealed === null) throw new UsageError('not-supported', `the key of ${row.id} lies in hardware`)
    const pkcs8 = this.#store.secrets.open({ table: 'authorities', id: row.id }, row.sealed)
    return {
      id: row.id,
      zone: row.zone ?? undefined,
      certificate: decodeCertificate(new Uint8Array(row.certificate)),
      key: this.#crypto.importKey(pkcs8),
    }
  }

  /** A zone's signer, opened once per process. A failure is not kept: the zone may be made in a moment. */
  async #signer(zone: string): Promise<Signer> {
    let found = this.#signers.get(zone)
    if (found === undefined) {
      found = this.#findSigner(this.#store.db, zone).then((signer) => {
        if (signer === undefined) {
          throw new UsageError(
            'missing',
            `no issuing CA for zone "${zone}"; add the zone to the plant file and run: cordon ca init`,
          )
        }
        return signer
      })
      this.#signers.set(zone, found)
      found.catch(() => this.#signers.delete(zone))
    }
    return await found
  }

  async #storedPlan(): Promise<StoredPlan> {
    this.#plan ??= this.#store.db
      .selectFrom('facts')
      .select('value')
      .where('name', '=', planFact)
      .executeTakeFirst()
      .then((row) => {
        if (row === undefined) throw new UsageError('missing', 'there is no authority yet; run: cordon ca init PLANT')
        return readPlan(row.value)
      })
    const plan = this.#plan
    plan.catch(() => {
      this.#plan = undefined
    })
    return await plan
  }

  async anchors(zone: string): Promise<readonly Uint8Array[]> {
    const rows = await this.#store.db
      .selectFrom('authorities')
      .select('certificate')
      .where('zone', '=', zone)
      .orderBy('generation', 'desc')
      .execute()
    if (rows.length === 0) throw new UsageError('missing', `no issuing CA for zone "${zone}"`)
    return rows.map(({ certificate }) => new Uint8Array(certificate))
  }

  async root(): Promise<Uint8Array> {
    const row = await this.#store.db
      .selectFrom('authorities')
      .select('certificate')
      .where('zone', 'is', null)
      .orderBy('generation', 'desc')
      .limit(1)
      .executeTakeFirst()
    if (row === undefined) throw new UsageError('missing', 'there is no authority yet; run: cordon ca init PLANT')
    return new Uint8Array(row.certificate)
  }

  async issueDevice(request: DeviceRequest): Promise<IssuedCertificate> {
    const publicKey = this.#provenKey(request.csr)
    return await this.#issue('device', deviceContents, { ...request, name: request.device, publicKey })
  }

  async signDevice(request: DeviceRequest): Promise<SignedCertificate> {
    const publicKey = this.#provenKey(request.csr)
    const wanted = { ...request, name: request.device, publicKey }
    const keyHash = this.#crypto.digest('SHA-256', publicKey)
    return await this.#sign('device', deviceContents, wanted, namesOf(wanted), keyHash)
  }

  async issueClient(request: ClientRequest): Promise<IssuedClient> {
    const addresses = request.addresses ?? []
    if (request.csr !== undefined) {
      return await this.#issue('client', clientContents, {
        ...request,
        addresses,
        publicKey: this.#provenKey(request.csr),
      })
    }
    const key = await this.#crypto.generateKey(request.key ?? 'ecdsa-p256')
    const issued = await this.#issue('client', clientContents, { ...request, addresses, publicKey: key.publicKey })
    return { ...issued, key }
  }

  #provenKey(csr: Uint8Array): Uint8Array {
    const request = decodeRequest(csr)
    if (!isProven(this.#crypto, request)) {
      throw new NotTrusted(
        'bad-signature',
        'the certificate request is not signed by its own key: the requester does not hold it',
      )
    }
    return request.publicKey
  }

  async #issue(
    profile: 'device' | 'client',
    build: (crypto: Crypto, issuance: EndEntityIssuance) => CertificateContents,
    wanted: EndEntityWish,
  ): Promise<IssuedCertificate> {
    const names = namesOf(wanted)
    const keyHash = this.#crypto.digest('SHA-256', wanted.publicKey)
    const id = JSON.stringify([profile, wanted.zone, wanted.name, names, Buffer.from(keyHash).toString('hex')])
    // A repeated request while the first is under way waits for the same answer.
    const pending = this.#pending.get(id)
    if (pending !== undefined) return await pending
    const issuing = this.#issueOnce(profile, build, wanted, names, keyHash).finally(() => this.#pending.delete(id))
    this.#pending.set(id, issuing)
    return await issuing
  }

  async #issueOnce(
    profile: 'device' | 'client',
    build: (crypto: Crypto, issuance: EndEntityIssuance) => CertificateContents,
    wanted: EndEntityWish,
    names: string,
    keyHash: Uint8Array,
  ): Promise<IssuedCertificate> {
    const { record, ...issued } = await this.#sign(profile, build, wanted, names, keyHash)
    if (record !== undefined) await this.#records.add(record)
    return issued
  }

  async #sign(
    profile: 'device' | 'client',
    build: (crypto: Crypto, issuance: EndEntityIssuance) => CertificateContents,
    wanted: EndEntityWish,
    names: string,
    keyHash: Uint8Array,
  ): Promise<SignedCertificate> {
    const [signer, plan, root, earlier] = await Promise.all([
      this.#signer(wanted.zone),
      this.#storedPlan(),
      this.#rootOnce(),
      this.#earlier(keyHash),
    ])
    const now = this.#now()
    checkKeyHistory(earlier, wanted.name, now)
    const chain = [signer.certificate.der, root]
    const same = earlier.find(
      (row) =>
        row.status === 'valid' &&
        row.issuer_id === signer.id &&
        row.profile === profile &&
        row.name === wanted.name &&
        row.names === names &&
        hasLifeLeft(row, now, wanted.validityMs ?? defaultValidityMs[profile]),
    )
    if (same !== undefined) {
      return {
        certificate: new Uint8Array(same.certificate),
        chain,
        serial: same.serial,
        notAfter: same.not_after.getTime(),
        issuerId: same.issuer_id,
        record: undefined,
      }
    }
    const contents = build(this.#crypto, { ...wanted, subject: plan.subject, issuer: signer.certificate, now })
    const context = { profile, issuer: signer.certificate, now }
    const certificate = await makeCertificate(this.#crypto, contents, signer.key, context)
    return {
      certificate: certificate.der,
      chain,
      serial: certificate.serial,
      notAfter: certificate.notAfter,
      issuerId: signer.id,
      record: this.#row(certificate, { issuerId: signer.id, profile, zone: wanted.zone, name: wanted.name, names }),
    }
  }

  #root: Promise<Uint8Array> | undefined

  async #rootOnce(): Promise<Uint8Array> {
    this.#root ??= this.root()
    const root = this.#root
    root.catch(() => {
      this.#root = undefined
    })
    return await root
  }

  async #earlier(keyHash: Uint8Array) {
    return await this.#store.db
      .selectFrom('certificates as c')
      .leftJoin('revocations as r', (join) =>
        join.onRef('r.issuer_id', '=', 'c.issuer_id').onRef('r.serial', '=', 'c.serial'),
      )
      .select([
        'c.issuer_id',
        'c.serial',
        'c.profile',
        'c.name',
        'c.names',
        'c.certificate',
        'c.not_before',
        'c.not_after',
        'c.status',
        'r.reason',
      ])
      .where('c.key_hash', '=', keyHash)
      .orderBy('c.not_after', 'desc')
      .execute()
  }

  async revoke(serialOrName: string, reason: RevocationReason): Promise<Revocation> {
    const serial = serialOrName.toLowerCase().replaceAll(':', '')
    const rows = await this.#store.db
      .selectFrom('certificates')
      .select(['issuer_id', 'serial', 'zone', 'profile', 'status', 'not_after'])
      .where((eb) => eb.or([eb('serial', '=', serial), eb('name', '=', serialOrName)]))
      .orderBy('created_at', 'desc')
      .execute()
    const found = rows.filter(({ profile }) => profile === 'device' || profile === 'client')
    if (found.length === 0) {
      const isAuthority = rows.length > 0
      throw isAuthority
        ? new NotAllowed(
            'refused',
            `"${serialOrName}" is a CA of this plant; retire a CA by removing its zone, not by revocation`,
          )
        : new UsageError('missing', `no certificate with the serial number or name "${serialOrName}" was issued`)
    }
    const now = this.#now()
    const revocations: Revocation[] = []
    for (const zone of new Set(found.map((row) => row.zone ?? ''))) {
      const serials = found
        .filter((row) => row.zone === zone && row.status === 'valid')
        .filter((row) => row.serial === serial || row.not_after.getTime() > now)
        .map((row) => row.serial)
      revocations.push(await this.#publish(zone, serials, reason))
    }
    const [first, ...further] = revocations
    if (first === undefined) throw new UsageError('missing', `"${serialOrName}" has no zone`)
    return { ...first, further }
  }

  /** Revokes and makes the next list, in one transaction; without serial numbers the list is made only where none is. */
  async #publish(
    zone: string,
    serials: readonly string[],
    reason: RevocationReason,
    isRefresh = false,
  ): Promise<Revocation> {
    const signer = await this.#signer(zone)
    return await this.#store.db.transaction().execute(async (tx) => {
      // Lists of one issuer are made one after another, or two would share a number.
      const { crl_number: previous } = await tx
        .selectFrom('authorities')
        .select('crl_number')
        .where('id', '=', signer.id)
        .forUpdate()
        .executeTakeFirstOrThrow()
      const now = this.#now()
      const fresh =
        serials.length === 0
          ? []
          : await tx
              .updateTable('certificates')
              .set({ status: 'revoked' })
              .where('issuer_id', '=', signer.id)
              .where('serial', 'in', serials)
              .where('status', '=', 'valid')
              .returning('serial')
              .execute()
      if (fresh.length === 0 && !isRefresh) {
        const current = await newestList(tx, signer.id)
        if (current !== undefined) return { zone, crl: current.der, number: current.number, serials: [], further: [] }
      }
      const number = previous + 1
      if (fresh.length > 0) {
        await tx
          .insertInto('revocations')
          .values(
            fresh.map((row) => ({
              issuer_id: signer.id,
              serial: row.serial,
              reason,
              revoked_at: new Date(now),
              crl_number: number,
            })),
          )
          .execute()
      }
      const crl = await this.#makeList(tx, signer, number, now)
      return { zone, crl, number, serials: fresh.map((row) => row.serial), further: [] }
    })
  }

  async #makeList(tx: Transaction<Schema>, signer: Signer, number: number, now: number): Promise<Uint8Array> {
    const entries = await tx
      .selectFrom('revocations as r')
      .innerJoin('certificates as c', (join) =>
        join.onRef('c.issuer_id', '=', 'r.issuer_id').onRef('c.serial', '=', 'r.serial'),
      )
      .select(['r.serial', 'r.reason', 'r.revoked_at'])
      .where('r.issuer_id', '=', signer.id)
      // An entry stays for one list's life after its certificate has expired (RFC 5280 3.3).
      .where('c.not_after', '>', new Date(now - revocationListValidityMs))
      .orderBy('r.crl_number')
      .orderBy('r.serial')
      .execute()
    // Dated back like certificates: a device whose clock is behind must not refuse the list as not yet valid.
    const thisUpdate = now - backdateMs
    const nextUpdate = now + revocationListValidityMs
    const der = await buildRevocationList(
      {
        issuer: signer.certificate.subject,
        issuerKey: keyIdentifier(this.#crypto, signer.certificate.publicKey),
        number,
        thisUpdate,
        nextUpdate,
        entries: entries.map((row) => ({
          serial: row.serial,
          revokedAt: row.revoked_at.getTime(),
          // Written by this class from its own type.
          reason: row.reason as RevocationReason,
        })),
      },
      signer.key,
    )
    await tx
      .insertInto('revocation_lists')
      .values({
        issuer_id: signer.id,
        number,
        der,
        this_update: new Date(thisUpdate),
        next_update: new Date(nextUpdate),
      })
      .execute()
    await tx.updateTable('authorities').set({ crl_number: number }).where('id', '=', signer.id).execute()
    return der
  }

  async crl(zone: string): Promise<Uint8Array | undefined> {
    const signer = await this.#signer(zone)
    const current = await newestList(this.#store.db, signer.id)
    if (current === undefined) return undefined
    // A list in the second half of its life is made anew, so that what is pushed lasts.
    if (current.nextUpdate - this.#now() > revocationListValidityMs / 2) return current.der
    const { crl } = await this.#publish(zone, [], 'unspecified', true)
    return crl
  }

  async list(): Promise<readonly CertificateRecord[]> {
    const rows = await this.#store.db
      .selectFrom('certificates as c')
      .leftJoin('revocations as r', (join) =>
        join.onRef('r.issuer_id', '=', 'c.issuer_id').onRef('r.serial', '=', 'c.serial'),
      )
      .selectAll('c')
      .select(['r.reason', 'r.revoked_at'])
      .orderBy('c.created_at')
      .orderBy('c.serial')
      .execute()
    return rows.map((row) => ({
      serial: row.serial,
      zone: row.zone ?? undefined,
      profile: row.profile,
      name: row.name,
      subject: row.subject,
      issuer: row.issuer,
      fingerprint: row.fingerprint,
      notBefore: row.not_before.getTime(),
      notAfter: row.not_after.getTime(),
      status: row.status,
      revokedAt: row.revoked_at?.getTime(),
      // Written by this class from its own type.
      reason: (row.reason as RevocationReason | null) ?? undefined,
      certificate: new Uint8Array(row.certificate),
    }))
  }

  async backup(passphrase: string): Promise<Uint8Array> {
    return await dumpStore(this.#store, passphrase)
  }
}

type EndEntityWish = Omit<EndEntityIssuance, 'subject' | 'issuer' | 'now'>

/** Addresses and names in one spelling. */
function namesOf(wanted: Pick<EndEntityIssuance, 'addresses' | 'dnsNames'>): string {
  return [...wanted.addresses, ...(wanted.dnsNames ?? [])].sort().join(' ')
}

/** Zone names become part of row ids and common names. */
function checkZone(zone: string): void {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/.test(zone)) {
    throw new UsageError(
      'bad-value',
      `expected a zone name of 1 to 32 letters, digits, ".", "_" or "-", got "${zone.slice(0, 64)}"`,
    )
  }
}

function readPlan(value: unknown): StoredPlan {
  // Written by this module as a StoredPlan.
  return value as StoredPlan
}

interface EarlierRow {
  readonly name: string
  readonly status: string
  readonly reason: string | null
  readonly not_before: Date
  readonly not_after: Date
}

/** A key that was given up as compromised stays out, and one key belongs to one device: a copy is a theft or a mistake. */
function checkKeyHistory(earlier: readonly EarlierRow[], name: string, now: number): void {
  for (const row of earlier) {
    if (row.status === 'revoked' && !harmlessReasons.includes(row.reason ?? '')) {
      throw new NotAllowed(
        'refused',
        `the key was certified for "${row.name}" and revoked (${row.reason}); make a new key pair`,
      )
    }
    if (row.status === 'valid' && row.name !== name && row.not_after.getTime() > now) {
      throw new NotAllowed('refused', `the key already belongs to "${row.name}"; every device needs a key of its own`)
    }
  }
}

function hasLifeLeft(row: EarlierRow, now: number, wantedMs: number): boolean {
  const left = row.not_after.getTime() - now
  // Measured against the life that is wanted now, so that a short-lived one is not handed out for a long one.
  return left > wantedMs * reuseShare && left <= wantedMs + 1000
}

async function newestList(
  db: Kysely<Schema>,
  issuerId: string,
): Promise<{ der: Uint8Array; number: number; nextUpdate: number } | undefined> {
  const row = await db
    .selectFrom('revocation_lists')
    .select(['der', 'number', 'next_update'])
    .where('issuer_id', '=', issuerId)
    .orderBy('number', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row === undefined
    ? undefined
    : { der: new Uint8Array(row.der), number: row.number, nextUpdate: row.next_update.getTime() }
}

/** What a restored authority proved about itself. */
export interface RestoreSummary extends BackupSummary {
  /** Issuing CAs whose key opened, fits its certificate and chains to the root. */
  readonly zones: readonly string[]
}

/**
 * Fills an empty store from a backup and proves that the authority in it works: every key opens, fits its certificate,
 * and every issuing CA chains to the root.
 * @throws as restoreStore; NotTrusted when a key does not fit or a chain does not hold
 */
export async function restoreAuthority(
  store: Store,
  backup: Uint8Array,
  passphrase: string,
  crypto: Crypto = nodeCrypto,
): Promise<RestoreSummary> {
  const summary = await restoreStore(store, backup, passphrase)
  const rows = await store.db.selectFrom('authorities').selectAll().orderBy('id').execute()
  const roots = rows.filter(({ zone }) => zone === null).map(({ certificate }) => new Uint8Array(certificate))
  const zones: string[] = []
  for (const row of rows) {
    const certificate = decodeCertificate(new Uint8Array(row.certificate))
    if (row.sealed === null) continue
    const key = crypto.importKey(store.secrets.open({ table: 'authorities', id: row.id }, row.sealed))
    if (!crypto.equal(key.publicKey, certificate.publicKey)) {
      throw new NotTrusted('wrong-identity', `the restored key of ${row.id} does not fit its certificate`)
    }
    if (row.zone === null) continue
    const verdict = crypto.verifyChain({ leaf: certificate.der, anchors: roots, revocation: 'off' })
    if (!verdict.ok)
      throw new NotTrusted(
        verdict.code,
        `the restored issuing CA ${row.id} does not chain to the root: ${verdict.reason}`,
      )
    zones.push(row.zone)
  }
  return { ...summary, zones }
}
