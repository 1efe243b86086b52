import { hex } from '../../x509/der.ts'
import type { Handshake } from './handshake-keys.ts'
import type { KeyLogLabel } from './key-log.ts'
import { nextTrafficSecret, trafficKeys } from './key-schedule.ts'
import {
  makeModernProtection,
  makeProtection,
  nullContent,
  type OpenedRecord,
  type RecordProtection,
  type SealedRecord,
  sequenceBytes,
} from './protection.ts'
import type { ReadableBy } from './report.ts'
import type { CaptureSecrets } from './secrets.ts'

/** What became of a protected record. */
export type OpenResult =
  | {
      readonly opened: true
      readonly record: OpenedRecord
      readonly by: ReadableBy
      /** The keys are known, and the MAC is not that of these bytes: shown all the same, a NULL suite hides nothing. */
      readonly wrongMac: boolean
    }
  | { readonly opened: false; readonly reason: string }

/** After so many records in a row that do not fit, nothing more is tried. */
const mostFailures = 8

/** Numbers that are tried in vain with all records of one state: each costs a decryption of up to 16 KiB. */
export const mostMisses = 16_384

/** Most lost records that are reckoned with when bytes are missing: each is one more number to try. */
export const mostLostRecords = 256

/** What the records of one side are under from a Change Cipher Spec on, until the next. */
export class CipherState {
  /** Undefined: the capture begins after the handshake. */
  readonly handshake: Handshake | undefined
  readonly #role: 'client' | 'server'
  readonly #secrets: CaptureSecrets
  readonly #epoch: number
  readonly #why: string
  /** Number of the next record, where the wire does not tell. */
  #next = 0
  /** So many records may have been lost before the next. */
  #slack = 0
  #failures = 0
  #misses = 0
  #protection: RecordProtection | undefined
  #by: Exclude<ReadableBy, 'NULL suite'> = 'key log'
  /** TLS 1.3: which secret is in use. */
  #phase: 'handshake' | 'application' = 'handshake'
  #traffic: Uint8Array | undefined

  /**
   * `epoch` is 0 in TLS, whose numbers begin anew with each state. `why` says why there is no handshake where the
   * beginning of the capture is not the reason.
   */
  constructor(
    handshake: Handshake | undefined,
    role: 'client' | 'server',
    secrets: CaptureSecrets,
    epoch = 0,
    why = 'the capture begins after the handshake',
  ) {
    this.#why = why
    this.handshake = handshake
    this.#role = role
    this.#secrets = secrets
    this.#epoch = epoch
  }

  /** Records of TLS were lost: at least and at most so many. */
  lost(least: number, most: number): void {
    this.#next += least
    // What failed stays counted: whoever makes gaps must not get new attempts with each.
    this.#slack = Math.min(this.#slack + most - least, mostLostRecords)
  }

  /** Opens the next record; in DTLS `number` stands in its header. */
  open(record: SealedRecord, number?: number): OpenResult {
    const { handshake } = this
    if (handshake === undefined) return closed(this.#why)
    const suiteId = handshake.serverHello?.detail.suite.id
    if (suiteId === undefined) return closed('the capture has no Server Hello of this handshake')
    if (handshake.suite === undefined) {
      return closed(`suite 0x${suiteId.toString(16).toUpperCase().padStart(4, '0')} is not known`)
    }
    if (handshake.suite.cipher.kind === 'unsupported') {
      return closed(`suite ${handshake.suite.name}: its cipher is not opened here`)
    }
    if (handshake.suite.cipher.kind === 'null') return this.#openNull(record, number)
    const reason = this.#prepare()
    const found = this.#try(record, number)
    if (found !== undefined) return { opened: true, record: found, by: this.#by, wrongMac: false }
    if (reason !== undefined) return closed(reason)
    if (this.#slack > 0) return closed('bytes are missing in the capture, and no record number near fits')
    return closed(
      this.#by === 'key log'
        ? 'the key log has a key, and the MAC does not fit'
        : "the server's private key gives a key, and the MAC does not fit",
    )
  }

  /** TLS 1.3: the Finished of this side was the last under the secrets of the handshake (RFC 8446 7.3). */
  finished(): void {
    this.#phase = 'application'
    this.#protection = undefined
    this.#traffic = undefined
    this.#next = 0
  }

  /** TLS 1.3: a Key Update of this side was read (RFC 8446 4.6.3). */
  keyUpdated(): void {
    const suite = this.handshake?.suite
    if (this.#traffic === undefined || suite === undefined) return
    this.#traffic = nextTrafficSecret(this.#secrets.crypto, suite, this.#traffic)
    const keys = trafficKeys(this.#secrets.crypto, suite, this.#traffic)
    this.#protection = makeModernProtection(this.#secrets.crypto, suite, keys)
    this.#next = 0
  }

  #openNull(record: SealedRecord, number: number | undefined): OpenResult {
    const suite = this.handshake?.suite
    const content = suite && nullContent(suite, record.fragment)
    if (content === undefined) return closed('a record is shorter than the MAC of its NULL suite')
    const known = this.#prepare() === undefined
    const fits = this.#try(record, number) !== undefined
    const wrongMac = known && !fits
    return { opened: true, record: { type: record.type, content }, by: 'NULL suite', wrongMac }
  }

  /** Gets the keys; the reason where there are none. */
  #prepare(): string | undefined {
    if (this.#protection !== undefined) return undefined
    const { handshake } = this
    const suite = handshake?.suite
    const version = handshake?.serverHello?.version
    if (handshake === undefined || suite === undefined || version === undefined) return 'the handshake is not complete'
    if (handshake.modern) return this.#prepareModern(handshake)
    const master = handshake.master(this.#secrets)
    if ('reason' in master) return master.reason
    const keys = handshake.keys(this.#secrets)
    if (keys === undefined) return 'the handshake is not complete'
    this.#by = master.by
    const own = keys[this.#role]
    this.#protection = makeProtection(this.#secrets.crypto, version, suite, handshake.encryptThenMac, own)
    return undefined
  }

  #prepareModern({ suite, clientHello }: Handshake): string | undefined {
    if (suite === undefined || clientHello === undefined) {
      return 'the capture has no Client Hello of this handshake'
    }
    const side = this.#role === 'client' ? 'CLIENT' : 'SERVER'
    const label: KeyLogLabel =
      this.#phase === 'handshake' ? `${side}_HANDSHAKE_TRAFFIC_SECRET` : `${side}_TRAFFIC_SECRET_0`
    const secret = this.#secrets.keyLog.find(label, hex(clientHello.random))
    if (secret === undefined) {
      if (this.#secrets.keyLog.generation > 0) return 'no key for this client random in the key log'
      return this.#secrets.rsaKeys.length > 0
        ? "TLS 1.3: the server's private key cannot open it, a key log can"
        : 'TLS 1.3: a key log can open it'
    }
    this.#traffic = secret
    const keys = trafficKeys(this.#secrets.crypto, suite, secret)
    this.#protection = makeModernProtection(this.#secrets.crypto, suite, keys)
    return undefined
  }

  #try(record: SealedRecord, number: number | undefined): OpenedRecord | undefined {
    const first = number ?? this.#next
    // Counted also while there are no keys: they may come later.
    this.#next++
    if (this.#protection === undefined) return undefined
    // A datagram costs one attempt, and anybody could send a few that do not fit.
    if (number === undefined && this.#failures >= mostFailures) return undefined
    const last = number === undefined ? first + Math.min(this.#slack, mostMisses - this.#misses - 1) : first
    for (let candidate = first; candidate <= last; candidate++) {
      const opened = this.#protection.open(record, sequenceBytes(this.#epoch, candidate))
      if (opened !== undefined) {
        this.#next = candidate + 1
        this.#slack = 0
        this.#failures = 0
        return opened
      }
      if (number === undefined) this.#misses++
    }
    this.#failures++
    return undefined
  }
}

function closed(reason: string): OpenResult {
  return { opened: false, reason }
}
