import { UsageError } from '../../errors.ts'
import { latin1 } from '../../wire/text.ts'

/** Most secrets that are kept: each takes some 300 bytes. */
const mostSecrets = 200_000

/** Longest line that can be one of ours: a label, a random of 32 bytes and a secret of 48, in hex. */
const longestLine = 512

/** How many lines of a key log were of use; never what is in them. */
export interface KeyLogCount {
  readonly secrets: number
  /** Comments and empty lines are not counted. */
  readonly skipped: number
}

/** Labels whose secrets are kept (NSS Key Log Format). */
const labels: ReadonlySet<string> = new Set([
  'CLIENT_RANDOM',
  'RSA',
  'CLIENT_HANDSHAKE_TRAFFIC_SECRET',
  'SERVER_HANDSHAKE_TRAFFIC_SECRET',
  'CLIENT_TRAFFIC_SECRET_0',
  'SERVER_TRAFFIC_SECRET_0',
])

/** A label of the NSS Key Log Format whose secrets are kept. */
export type KeyLogLabel =
  | 'CLIENT_RANDOM'
  | 'RSA'
  | 'CLIENT_HANDSHAKE_TRAFFIC_SECRET'
  | 'SERVER_HANDSHAKE_TRAFFIC_SECRET'
  | 'CLIENT_TRAFFIC_SECRET_0'
  | 'SERVER_TRAFFIC_SECRET_0'

/**
 * The secrets of a key log (NSS Key Log Format, as OpenSSL, Firefox and `cordon` write it), handed over in pieces of any
 * size. Lines that are none of its secrets are skipped and counted. Holds secrets: nothing of it is ever printed.
 */
export class KeyLog {
  readonly #secrets = new Map<string, Uint8Array>()
  readonly #most: number
  #rest = ''
  /** The line being read is too long to be one of ours: what is left of it is skipped. */
  #overlong = false
  #skipped = 0
  #generation = 0
  #ignored = 0

  /** An empty log that keeps at most so many secrets. */
  constructor(most = mostSecrets) {
    this.#most = most
  }

  /** Changes with every secret that is added: a reader who found none need not look again before. */
  get generation(): number {
    return this.#generation
  }

  /** Lines seen so far. */
  get count(): KeyLogCount {
    return { secrets: this.#secrets.size, skipped: this.#skipped }
  }

  /** Secrets within captures beyond those that are kept. */
  get ignored(): number {
    return this.#ignored
  }

  /** Takes a whole log that stands within a capture. It is a stranger's: what is too much is counted, never an error. */
  addFromCapture(log: string): void {
    for (const line of log.split('\n')) this.#line(line, true)
  }

  /**
   * Takes the next piece of a log.
   * @throws UsageError `bad-value` beyond the secrets that are kept, 200 000 unless told
   */
  add(piece: string | Uint8Array): void {
    const lines = (this.#rest + (typeof piece === 'string' ? piece : latin1(piece))).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) {
      if (this.#overlong) this.#overlong = false
      else this.#line(line)
    }
    if (this.#rest.length > longestLine) {
      if (!this.#overlong) this.#skipped++
      this.#overlong = true
      this.#rest = ''
    }
  }

  /** The log has ended: its last line needs no line end. */
  end(): void {
    if (!this.#overlong) this.#line(this.#rest)
    this.#rest = ''
    this.#overlong = false
  }

  /** A secret by what it belongs to: the client random, or the first 8 bytes of an encrypted premaster secret, in hex. */
  find(label: KeyLogLabel, owner: string): Uint8Array | undefined {
    return this.#secrets.get(`${label} ${owner}`)
  }

  #line(line: string, isFromCapture = false): void {
    const text = line.trim()
    if (text === '' || text.startsWith('#')) return
    const [label = '', owner = '', secret = '', ...rest] = text.length > longestLine ? [] : text.split(/\s+/)
    const ownerLength = label === 'RSA' ? 16 : 64
    const fits = secret.length === 96 || (label !== 'CLIENT_RANDOM' && label !== 'RSA' && secret.length === 64)
    if (rest.length > 0 || !labels.has(label) || owner.length !== ownerLength || !fits || !isHex(owner + secret)) {
      this.#skipped++
      return
    }
    const name = `${label} ${owner.toLowerCase()}`
    if (this.#secrets.size >= this.#most && !this.#secrets.has(name)) {
      if (isFromCapture) {
        this.#ignored++
        return
      }
      throw new UsageError(
        'bad-value',
        `a key log of more than ${this.#most} secrets: hand over the part of this capture`,
      )
    }
    this.#secrets.set(name, fromHex(secret))
    this.#generation++
  }
}

function isHex(text: string): boolean {
  return /^[0-9a-fA-F]+$/.test(text)
}

function fromHex(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length / 2)
  // There may be very many: no match, no list.
  for (let i = 0; i < bytes.length; i++) {
    bytes[i] = (digit(text.charCodeAt(2 * i)) << 4) | digit(text.charCodeAt(2 * i + 1))
  }
  return bytes
}

/** What a hexadecimal digit, by its code, stands for. */
function digit(code: number): number {
  return code <= 0x39 ? code - 0x30 : (code | 0x20) - 0x57
}
