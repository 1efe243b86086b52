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
import { type Expiring, readExpiring } from './expiry.ts'
import { makeMissing, provisioningAuthority } from './generations.ts'
import {
  Issuing,
  type ProvisioningRequest,
  type ServerRequest,
  type SignedCertificate,
  type SigningRequest,
} from './issuing.ts'
import { AuthorityKeys, type HardwareKeys } from './keys.ts'
import type { Means } from './means.ts'
import { listCertificates } from './records.ts'
import { Revoking } from './revocation.ts'
import {
  type GenerationStatus,
  readGenerationStatus,
  type RolloverReport,
  type RolloverRequest,
  rollOver,
} from './rollover.ts'
import { readRoot, Signers } from './signers.ts'
import { readAnchors, readCaCertificates } from './trust.ts'

/** How an authority works: its clock and its cryptography, for tests, and the hardware that its keys may lie in. */
export interface AuthorityOptions extends HardwareKeys {
  readonly crypto?: Crypto
  /** Milliseconds since 1970; default the system's clock. */
  readonly now?: () => number
}

/** The authority of a store, with what the rest of the manager asks of it. */
export interface StoreAuthority extends Authority {
  /**
   * Checks and signs as {@link Authority.issueDevice} does, and records nothing. Two calls at once for one key make two
   * certificates: the caller sees to it that only one is recorded, with {@link recordCertificates}, and handed out.
   */
  signDevice(request: SigningRequest): Promise<SignedCertificate>
  /**
   * Issues the certificate of an EST server, by the CA of the operations zone; errors as {@link Authority.issueDevice}.
   * @throws UsageError `bad-value` without an address and a DNS name
   */
  issueServer(request: ServerRequest): Promise<IssuedClient>
  /**
   * Issues a provisioning certificate: it lets its holder ask for a certificate, and no device believes it, because it
   * comes from a self-signed CA of its own, made when first used. Errors as {@link Authority.issueDevice}.
   */
  issueProvisioning(request: ProvisioningRequest): Promise<IssuedClient>
  /** The certificate of a provisioning CA, DER, made where it is missing. */
  provisioningAnchor(name?: string): Promise<Uint8Array>
  /**
   * Every CA certificate that a client of the plant may need to build a path, DER: while the root is rolled over the
   * cross certificates, then the active root, then the others and the issuing CAs (RFC 7030 4.1.3).
   * @throws UsageError `missing` before there is an authority
   */
  caCertificates(): Promise<readonly Uint8Array[]>
  /** Every generation of the root and the issuing CAs, the root first. */
  generations(): Promise<readonly GenerationStatus[]>
  /**
   * One step of the rollover of an issuing CA or the root.
   * @throws UsageError `missing`, `bad-value` for a zone without a CA and for steps out of order
   * @throws NotAllowed `refused` with what speaks against it, unless forced
   */
  rollover(request: RolloverRequest): Promise<RolloverReport>
  /** Everything that ends within so many milliseconds, the earliest first. */
  expiring(withinMs: number): Promise<readonly Expiring[]>
  /** Makes the revocation lists of a zone anew, as young as the present ones may be; see {@link Authority.crls}. */
  renewLists(zone: string): Promise<readonly Uint8Array[]>
}

/**
 * The authority of a store. Its keys are sealed in the database and opened into this process's memory when first used,
 * or lie in hardware; what it signs is committed before it is returned.
 */
export function openAuthority(store: Store, options: AuthorityOptions = {}): StoreAuthority {
  return new StoredAuthority(store, options)
}

class StoredAuthority implements StoreAuthority {
  readonly #means: Means
  readonly #issuing: Issuing
  readonly #revoking: Revoking

  constructor(store: Store, { crypto = nodeCrypto, now = Date.now, ...hardware }: AuthorityOptions) {
    this.#means = { store, crypto, now, keys: new AuthorityKeys(store, crypto, hardware) }
    const signers = new Signers(this.#means)
    this.#issuing = new Issuing(this.#means, signers)
    this.#revoking = new Revoking(this.#means, signers)
  }

  async initialize(plan: AuthorityPlan): Promise<void> {
    await makeMissing(this.#means, plan)
    this.#issuing.forgetPlan()
  }

  async anchors(zone: string): Promise<readonly Uint8Array[]> {
    return await readAnchors(this.#means, zone)
  }

  async root(): Promise<Uint8Array> {
    return await readRoot(this.#means.store.db)
  }

  async caCertificates(): Promise<readonly Uint8Array[]> {
    return await readCaCertificates(this.#means)
  }

  async issueDevice(request: DeviceRequest): Promise<IssuedCertificate> {
    return await this.#issuing.device(request)
  }

  async signDevice(request: SigningRequest): Promise<SignedCertificate> {
    return await this.#issuing.signDevice(request)
  }

  async issueClient(request: ClientRequest): Promise<IssuedClient> {
    return await this.#issuing.client(request)
  }

  async issueServer(request: ServerRequest): Promise<IssuedClient> {
    return await this.#issuing.server(request)
  }

  async issueProvisioning(request: ProvisioningRequest): Promise<IssuedClient> {
    return await this.#issuing.provisioning(request)
  }

  async provisioningAnchor(name?: string): Promise<Uint8Array> {
    return await provisioningAuthority(this.#means, name)
  }

  async revoke(serialOrName: string, reason: RevocationReason): Promise<Revocation> {
    return await this.#revoking.revoke(serialOrName, reason)
  }

  async crl(zone: string): Promise<Uint8Array | undefined> {
    return await this.#revoking.crl(zone)
  }

  async crls(zone: string): Promise<readonly Uint8Array[]> {
    return await this.#revoking.crls(zone)
  }

  async renewLists(zone: string): Promise<readonly Uint8Array[]> {
    return await this.#revoking.crls(zone, true)
  }

  async generations(): Promise<readonly GenerationStatus[]> {
    return await readGenerationStatus(this.#means)
  }

  async rollover(request: RolloverRequest): Promise<RolloverReport> {
    return await rollOver(this.#means, request)
  }

  async expiring(withinMs: number): Promise<readonly Expiring[]> {
    return await readExpiring(this.#means, withinMs)
  }

  async list(): Promise<readonly CertificateRecord[]> {
    return await listCertificates(this.#means.store.db)
  }

  async backup(passphrase: string): Promise<Uint8Array> {
    return await dumpStore(this.#means.store, passphrase)
  }
}
