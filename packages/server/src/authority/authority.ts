import type {
  Authority,
  AuthorityPlan,
  CertificateRecord,
  ClientRequest,
  DeviceRequest,
  IssuedCertificate,
  IssuedClient,
  Revocation,
  RevocationReason,
} from '@cordon/core/authority'
import type { Crypto } from '@cordon/core/crypto'
import { nodeCrypto } from '@cordon/node/crypto'
import { dumpStore } from '../store/dump.ts'
import type { Store } from '../store/store.ts'
import { makeMissing } from './generations.ts'
import { Issuing, type SignedCertificate } from './issuing.ts'
import { AuthorityKeys } from './keys.ts'
import type { Means } from './means.ts'
import { listCertificates } from './records.ts'
import { Revoking } from './revocation.ts'
import { readAnchors, readRoot, Signers } from './signers.ts'

/** What may be replaced in an authority, for tests. */
export interface AuthorityOptions {
  readonly crypto?: Crypto
  /** Milliseconds since 1970; default the system's clock. */
  readonly now?: () => number
}

/** An authority whose certificates can be recorded in the transaction of whoever asked for them. */
export interface StoreAuthority extends Authority {
  /**
   * Checks and signs as {@link Authority.issueDevice} does, and records nothing. Two calls at once for one key make two
   * certificates: the caller sees to it that only one is recorded, with {@link recordCertificates}, and handed out.
   */
  signDevice(request: DeviceRequest): Promise<SignedCertificate>
}

/**
 * The authority of a store. Its keys are sealed in the database and opened into this process's memory when first used;
 * what it signs is committed before it is returned.
 */
export function openAuthority(store: Store, options: AuthorityOptions = {}): StoreAuthority {
  return new StoredAuthority(store, options)
}

class StoredAuthority implements StoreAuthority {
  readonly #means: Means
  readonly #issuing: Issuing
  readonly #revoking: Revoking

  constructor(store: Store, { crypto = nodeCrypto, now = Date.now }: AuthorityOptions) {
    this.#means = { store, crypto, now, keys: new AuthorityKeys(store, crypto) }
    const signers = new Signers(this.#means)
    this.#issuing = new Issuing(this.#means, signers)
    this.#revoking = new Revoking(this.#means, signers)
  }

  async initialize(plan: AuthorityPlan): Promise<void> {
    await makeMissing(this.#means, plan)
    this.#issuing.forgetPlan()
  }

  async anchors(zone: string): Promise<readonly Uint8Array[]> {
    return await readAnchors(this.#means.store.db, zone)
  }

  async root(): Promise<Uint8Array> {
    return await readRoot(this.#means.store.db)
  }

  async issueDevice(request: DeviceRequest): Promise<IssuedCertificate> {
    return await this.#issuing.device(request)
  }

  async signDevice(request: DeviceRequest): Promise<SignedCertificate> {
    return await this.#issuing.signDevice(request)
  }

  async issueClient(request: ClientRequest): Promise<IssuedClient> {
    return await this.#issuing.client(request)
  }

  async revoke(serialOrName: string, reason: RevocationReason): Promise<Revocation> {
    return await this.#revoking.revoke(serialOrName, reason)
  }

  async crl(zone: string): Promise<Uint8Array | undefined> {
    return await this.#revoking.crl(zone)
  }

  async list(): Promise<readonly CertificateRecord[]> {
    return await listCertificates(this.#means.store.db)
  }

  async backup(passphrase: string): Promise<Uint8Array> {
    return await dumpStore(this.#means.store, passphrase)
  }
}
