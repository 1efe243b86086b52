import type { Side } from '../conversation.ts'
import type { CertificateFacts } from './certificates.ts'
import type { Handshake } from './handshake-keys.ts'
import { type AgreementReport, agreementLimit } from './report.ts'
import { type ProtectionWord, protectionWord } from './suites.ts'

/** What one handshake agreed on, while it is read. */
export class Agreement {
  /** Undefined for what was agreed before the capture, or where nobody can see it. */
  readonly handshake: Handshake | undefined
  client: Side | undefined
  clientCertificateRequested = false
  clientCertificateGiven = false
  pskIdentity: string | undefined
  certificates: Readonly<Record<Side, readonly CertificateFacts[]>> = { client: [], server: [] }
  established = false
  records = 0
  incomplete = false
  /** Its records show a NULL suite. */
  showsNull = false

  constructor(handshake: Handshake | undefined) {
    this.handshake = handshake
  }

  get protection(): ProtectionWord {
    return this.showsNull ? 'Authenticated' : protectionWord(this.handshake?.suite)
  }

  report(): AgreementReport {
    const { client, established, clientCertificateRequested, clientCertificateGiven, certificates } = this
    return {
      client,
      suite: this.handshake?.serverHello?.detail.suite,
      protection: this.protection,
      established,
      resumed: this.handshake?.resumed ?? false,
      clientCertificateRequested,
      clientCertificateGiven,
      certificates: { ...certificates },
      records: this.records,
      incomplete: this.incomplete,
    }
  }
}

const weakness: Readonly<Record<ProtectionWord, number>> = { None: 0, Authenticated: 1, Encrypted: 2 }

/**
 * The handshakes of one conversation that something came of. A later one does not hide an earlier: whoever judges a
 * conversation has to know the weakest.
 */
export class Agreements {
  /** The one that is negotiated, or the last. */
  current = new Agreement(undefined)
  readonly #kept: Agreement[] = []
  readonly #of = new WeakMap<Handshake, Agreement>()
  #unseen: Agreement | undefined
  #more = 0

  /** A handshake begins. */
  begin(handshake: Handshake): void {
    this.#retire(this.current)
    this.current = new Agreement(handshake)
    this.#of.set(handshake, this.current)
  }

  /** Application data under a handshake, or under one that nobody saw. */
  carried(handshake: Handshake | undefined): Agreement {
    const agreement = handshake === undefined ? this.#unseenOne() : (this.#of.get(handshake) ?? this.#unseenOne())
    agreement.records++
    // Its records may still come when the next handshake has begun.
    if (agreement !== this.current && !this.#kept.includes(agreement)) this.#retire(agreement)
    return agreement
  }

  /** The weakest that carried data; without any the last. */
  get weakest(): Agreement {
    return this.#all().find(({ records }) => records > 0) ?? this.current
  }

  /** Those that something came of, the weakest first; without any the last. */
  report(): { readonly agreements: readonly AgreementReport[]; readonly moreAgreements: number } {
    const all = this.#all()
    const shown = all.length === 0 ? [this.current] : all
    return { agreements: shown.map((one) => one.report()), moreAgreements: this.#more }
  }

  #all(): readonly Agreement[] {
    const all = [...this.#kept]
    if (this.#unseen !== undefined && this.#unseen !== this.current) all.push(this.#unseen)
    if (matters(this.current) && !all.includes(this.current)) all.push(this.current)
    return all.sort((a, b) => weakness[a.protection] - weakness[b.protection])
  }

  #unseenOne(): Agreement {
    this.#unseen ??= this.current.handshake === undefined ? this.current : new Agreement(undefined)
    return this.#unseen
  }

  /** Alike ones are kept once: a DTLS client may come again from its port for days. */
  #retire(agreement: Agreement): void {
    const { handshake } = agreement
    if (!matters(agreement) || agreement === this.#unseen || handshake === undefined) return
    const key = keyOf(agreement)
    const alike = this.#kept.find((one) => keyOf(one) === key)
    if (alike !== undefined) {
      alike.records += agreement.records
      this.#of.set(handshake, alike)
    } else if (this.#kept.length < agreementLimit) this.#kept.push(agreement)
    else this.#more++
  }
}

function matters({ established, records }: Agreement): boolean {
  return established || records > 0
}

function keyOf(agreement: Agreement): string {
  const { records, certificates, ...rest } = agreement.report()
  const shown = [certificates.client, certificates.server].map((list) => list.map(({ fingerprint }) => fingerprint))
  return JSON.stringify([records > 0, shown, rest])
}
