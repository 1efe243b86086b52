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
import { makeMissing, provisioningAuthority } from './generations.ts'
import { Issuing, type ProvisioningRequest, type ServerRequest, type SignedCertificate } from './issuing.ts'
import { AuthorityKeys, type HardwareKeys } from './keys.ts'
import type { Means } from './means.ts'
import { listCertificates } from './records.ts'
import { Revoking } from './revocation.ts'
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
  signDevice(request: DeviceRequest): Promise<SignedCertificate>
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
   * Every CA certificate that a client of the plant may need to build a path, DER: the active root first, other
   * generations of it, cross certificates between them, issuing CAs (RFC 7030 4.1.3).
   * @throws UsageError `missing` before there is an authority
   */
  caCertificates(): Promise<readonly Uint8Array[]>
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

  async signDevice(request: DeviceRequest): Promise<SignedCertificate> {
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

  async list(): Promise<readonly CertificateRecord[]> {
    return await listCertificates(this.#means.store.db)
  }

  async backup(passphrase: string): Promise<Uint8Array> {
    return await dumpStore(this.#means.store, passphrase)
  }
}
