import type { Authority, CertificateRecord, IssuedCertificate } from '../authority/authority.ts'
import type { Crypto } from '../crypto/provider.ts'
import { MalformedMessage } from '../errors.ts'
import { fingerprint } from '../x509/certificate.ts'
import { latin1 } from '../wire/text.ts'
import { checkDer, derBytes, derChildren, derExpect, derTags } from '../x509/strict.ts'
import { CertificateMemory } from './certificate-memory.ts'
import type { ManagerCredential } from './device-port.ts'
import type { Names } from './observe.ts'

/** Places in a TBSCertificate behind its version: serial, algorithm, issuer, validity, subject (RFC 5280 4.1). */
const issuerField = 2
const subjectField = 4
const versionTag = 0xa0

/** The issuer or subject of a certificate as one character for each byte of its DER, without reading the rest; undefined when it is none. */
function nameOf(certificate: Uint8Array, field: number): string | undefined {
  const what = 'certificate'
  try {
    const [tbs] = derChildren(certificate, checkDer(certificate, what), what)
    const fields = derChildren(certificate, derExpect(tbs, derTags.sequence, what), what)
    const name = fields[fields[0]?.tag === versionTag ? field + 1 : field]
    return latin1(derBytes(certificate, derExpect(name, derTags.sequence, what)))
  } catch (error) {
    if (error instanceof MalformedMessage) return undefined
    throw error
  }
}

/** A certificate of a device or client, still good. */
export interface IssuedTo {
  readonly certificate: Uint8Array
  readonly serial: string
  readonly zone: string | undefined
  readonly notBefore: number
  readonly notAfter: number
}

/**
 * What the authority has made for this plant, in one place and in memory: anchors and revocation lists by zone,
 * certificates by holder. A deployment asks it for every device, the authority only once.
 */
export class Materials implements Names {
  /** The zone whose authority signed the manager's own credential. */
  readonly managerZone: string
  /** Leaf of the manager's credential, DER; undefined for a plant that is opened by pre-shared keys alone. */
  readonly manager: Uint8Array | undefined
  /** Certificates of devices that were looked at. */
  readonly certificates: CertificateMemory
  readonly #crypto: Crypto
  readonly #anchors: ReadonlyMap<string, readonly Uint8Array[]>
  readonly #lists: ReadonlyMap<string, readonly Uint8Array[]>
  readonly #zones = new Map<string, string>()
  readonly #bySubject = new Map<string, Uint8Array[]>()
  readonly #holders = new Map<string, string>()
  readonly #revoked = new Set<string>()
  readonly #issued = new Map<string, IssuedTo[]>()

  constructor(
    crypto: Crypto,
    contents: {
      readonly managerZone: string
      readonly manager: ManagerCredential | undefined
      readonly anchors: ReadonlyMap<string, readonly Uint8Array[]>
      readonly lists: ReadonlyMap<string, readonly Uint8Array[]>
      readonly records: readonly CertificateRecord[]
      /** Milliseconds since 1970. */
      readonly date: number
    },
  ) {
    this.#crypto = crypto
    this.certificates = new CertificateMemory(crypto)
    this.managerZone = contents.managerZone
    this.manager = contents.manager?.chain[0]
    this.#anchors = contents.anchors
    this.#lists = contents.lists
    for (const [zone, anchors] of contents.anchors) {
      for (const anchor of anchors) {
        this.#zones.set(fingerprint(crypto, anchor), zone)
        const subject = nameOf(anchor, subjectField)
        if (subject !== undefined) this.#bySubject.set(subject, [...(this.#bySubject.get(subject) ?? []), anchor])
      }
    }
    for (const record of contents.records) {
      // Devices may still hold a CA that was retired, or the earlier certificate of one that was certified again.
      if (record.profile === 'issuing' && record.zone !== undefined) this.#zones.set(record.fingerprint, record.zone)
      // Of the others no device may hold one: a provisioning certificate may even bear a device's name.
      if (record.profile !== 'device' && record.profile !== 'client') continue
      this.#holders.set(record.fingerprint, record.name)
      if (record.status === 'revoked') this.#revoked.add(record.fingerprint)
      else if (record.notAfter > contents.date) this.#keep(record.name, record)
    }
  }

  /** Issuing CA certificates of a zone, DER, newest first; empty for a zone without an authority. */
  anchors(zone: string): readonly Uint8Array[] {
    return this.#anchors.get(zone) ?? []
  }

  /**
   * The issuing CAs of this plant by whose name a certificate was issued, DER: only these can have signed it. Empty for a
   * certificate of anybody else, which is most of the certificates that are asked about.
   */
  anchorsOf(certificate: Uint8Array): readonly Uint8Array[] {
    const issuer = nameOf(certificate, issuerField)
    return issuer === undefined ? [] : (this.#bySubject.get(issuer) ?? [])
  }

  /** The issuing CA certificates of all zones of this plant, DER. */
  allAnchors(): readonly Uint8Array[] {
    return [...this.#anchors.values()].flat()
  }

  /** The newest revocation lists of a zone, DER, one of each generation of its CA; empty where nothing was revoked. */
  lists(zone: string): readonly Uint8Array[] {
    return this.#lists.get(zone) ?? []
  }

  /** The good certificates of a device or client, newest first. */
  issued(name: string): readonly IssuedTo[] {
    return this.#issued.get(name) ?? []
  }

  /** Whether the authority has revoked this certificate. */
  isRevoked(certificate: Uint8Array): boolean {
    return this.#revoked.has(fingerprint(this.#crypto, certificate))
  }

  zoneOf(certificate: Uint8Array): string | undefined {
    return this.#zones.get(fingerprint(this.#crypto, certificate))
  }

  holderOf(certificate: Uint8Array): string | undefined {
    return this.#holders.get(fingerprint(this.#crypto, certificate))
  }

  /** Remembers a certificate that was issued during this deployment. */
  add(name: string, zone: string, issued: IssuedCertificate, notBefore: number): void {
    const { certificate, serial, notAfter } = issued
    this.#holders.set(fingerprint(this.#crypto, certificate), name)
    this.#keep(name, { certificate, serial, zone, notBefore, notAfter })
  }

  #keep(name: string, { certificate, serial, zone, notBefore, notAfter }: IssuedTo): void {
    const held = this.#issued.get(name) ?? []
    if (!held.some((other) => other.serial === serial)) held.unshift({ certificate, serial, zone, notBefore, notAfter })
    this.#issued.set(name, held)
  }
}

/** Asks the authority for everything that the zones of a plant need. */
export async function loadMaterials(
  authority: Pick<Authority, 'anchors' | 'crls' | 'list'>,
  crypto: Crypto,
  request: {
    readonly zones: readonly string[]
    readonly managerZone: string
    readonly manager: ManagerCredential | undefined
    readonly date: number
  },
): Promise<Materials> {
  const anchors = new Map<string, readonly Uint8Array[]>()
  const lists = new Map<string, readonly Uint8Array[]>()
  for (const zone of new Set([...request.zones, request.managerZone])) {
    anchors.set(zone, await authority.anchors(zone))
    lists.set(zone, await authority.crls(zone))
  }
  const { managerZone, manager, date } = request
  return new Materials(crypto, { managerZone, manager, anchors, lists, records: await authority.list(), date })
}
