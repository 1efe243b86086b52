import { hex } from '../../x509/der.ts'
import type { ReadClientHello, ReadServerHello } from './hello.ts'
import { join, masterSecret, type RecordKeys, recordKeys, transcriptHash } from './key-schedule.ts'
import type { CaptureSecrets, FoundMaster } from './secrets.ts'
import { suiteFacts, type SuiteFacts } from './suites.ts'

/** Most bytes of a handshake that are kept to hash them: a chain of certificates has a few thousand. */
const longestTranscript = 128 * 1024

/** What keys are derived from, or why there are none. */
export type MasterResult = FoundMaster | { readonly reason: string }

/** What one handshake agreed on, gathered message by message, and what its keys can be found by. */
export class Handshake {
  readonly begunAtUs: number
  clientHello: ReadClientHello | undefined
  serverHello: ReadServerHello | undefined
  suite: SuiteFacts | undefined
  /** RSA key exchange: the premaster secret as the client encrypted it. */
  encryptedPremaster: Uint8Array | undefined
  /** A ticket that the server gave in this handshake. */
  newTicket: Uint8Array | undefined
  /** A full handshake has a Client Key Exchange; one without resumes an earlier session. */
  keyExchangeSeen = false
  changed = { client: false, server: false }
  finished = { client: false, server: false }
  #transcript: Uint8Array[] | undefined = []
  #transcriptLength = 0
  #sessionHash: Uint8Array | undefined
  #master: MasterResult | undefined
  #keys: RecordKeys | undefined
  #generation = -1

  constructor(begunAtUs: number) {
    this.begunAtUs = begunAtUs
  }

  /** TLS 1.3, which derives other keys. */
  get modern(): boolean {
    return this.serverHello?.version === 0x0304
  }

  get resumed(): boolean {
    if (this.serverHello?.detail.resumed === true) return true
    return this.serverHello !== undefined && !this.modern && this.changed.server && !this.keyExchangeSeen
  }

  get extendedMasterSecret(): boolean {
    return this.serverHello?.detail.extensions.extendedMasterSecret === true
  }

  /** Only block ciphers heed it (RFC 7366 3). */
  get encryptThenMac(): boolean {
    return this.serverHello?.detail.extensions.encryptThenMac === true && this.suite?.cipher.kind === 'cbc'
  }

  chooseSuite(hello: ReadServerHello): void {
    this.#master = undefined
    this.serverHello = hello
    this.suite = suiteFacts(hello.detail.suite.id)
  }

  /** Adds a message to what the session hash is made of. */
  transcribe(message: Uint8Array): void {
    if (this.#transcript === undefined) return
    this.#transcriptLength += message.length
    if (this.#transcriptLength > longestTranscript) this.#transcript = undefined
    else this.#transcript.push(message.slice())
  }

  /** Forgets what was said before the cookie: it is not hashed (RFC 6347 4.2.1). */
  restartTranscript(): void {
    this.#transcript = []
    this.#transcriptLength = 0
  }

  /** Bytes of the handshake are missing. */
  breakTranscript(): void {
    this.#transcript = undefined
  }

  /** The Client Key Exchange was the last message that counts. */
  closeTranscript(secrets: CaptureSecrets): void {
    this.keyExchangeSeen = true
    // Records that came before it, out of order, could not be opened.
    this.#master = undefined
    if (this.encryptedPremaster !== undefined && this.suite !== undefined && this.serverHello !== undefined) {
      this.#sessionHash =
        this.#transcript &&
        transcriptHash(secrets.crypto, this.serverHello.version, this.suite, join(...this.#transcript))
    }
    this.#transcript = undefined
  }

  /** The master secret, looked for again whenever the key log has grown. */
  master(secrets: CaptureSecrets): MasterResult {
    const { generation } = secrets.keyLog
    if (this.#master === undefined || (!('secret' in this.#master) && generation !== this.#generation)) {
      this.#generation = generation
      this.#master = this.#find(secrets)
    }
    return this.#master
  }

  /** The keys of both sides, where the master secret is known. */
  keys(secrets: CaptureSecrets): RecordKeys | undefined {
    const { clientHello, serverHello, suite } = this
    if (this.#keys !== undefined) return this.#keys
    const master = this.master(secrets)
    if (!('secret' in master) || clientHello === undefined || serverHello === undefined || suite === undefined) {
      return undefined
    }
    this.#keys = recordKeys(
      secrets.crypto,
      serverHello.version,
      suite,
      master.secret,
      clientHello.random,
      serverHello.random,
    )
    return this.#keys
  }

  #find(secrets: CaptureSecrets): MasterResult {
    const { clientHello, serverHello, suite } = this
    if (clientHello === undefined) return { reason: 'the capture has no Client Hello of this handshake' }
    if (serverHello === undefined || suite === undefined) return { reason: 'the handshake is not complete' }
    const logged = secrets.keyLog.find('CLIENT_RANDOM', hex(clientHello.random))
    if (logged !== undefined) return { secret: logged, by: 'key log' }
    if (this.resumed) {
      const known = secrets.resumed(clientHello.sessionId, clientHello.ticket)
      if (known !== undefined) return known
    }
    const noLogLine = secrets.keyLog.generation > 0 ? 'no key for this client random in the key log' : undefined
    if (this.resumed) {
      return {
        reason: noLogLine ?? 'resumed, and the handshake it resumes was not opened: a key log can open it',
      }
    }
    if (suite.exchange === 'rsa') return this.#fromPremaster(secrets, noLogLine)
    const word = suite.exchange.toUpperCase()
    if (secrets.rsaKeys.length > 0 && suite.exchange !== 'psk') {
      return { reason: `${word}: the server's private key cannot open it, a key log can` }
    }
    return { reason: noLogLine ?? `${word}: a key log can open it` }
  }

  #fromPremaster(secrets: CaptureSecrets, noLogLine: string | undefined): MasterResult {
    const { clientHello, serverHello, suite, encryptedPremaster } = this
    if (clientHello === undefined || serverHello === undefined || suite === undefined) {
      return { reason: 'the handshake is not complete' }
    }
    if (encryptedPremaster === undefined) return { reason: 'the capture has no Client Key Exchange of this handshake' }
    const premaster = findPremaster(secrets, encryptedPremaster)
    if (premaster === undefined) {
      if (secrets.rsaKeys.length > 0) return { reason: 'none of the private keys given is the one of this server' }
      return { reason: noLogLine ?? "RSA: a key log or the server's private key can open it" }
    }
    const named = ((premaster.secret[0] ?? 0) << 8) | (premaster.secret[1] ?? 0)
    if (premaster.secret.length !== 48 || named !== clientHello.version) {
      return {
        reason:
          'the premaster secret does not name the version that the client offered: the Client Hello was altered on the way, or the key is another',
      }
    }
    if (this.extendedMasterSecret && this.#sessionHash === undefined) {
      return { reason: 'bytes of the handshake are missing, and its keys depend on all of them: a key log can open it' }
    }
    const from =
      this.extendedMasterSecret && this.#sessionHash !== undefined
        ? { sessionHash: this.#sessionHash }
        : { clientRandom: clientHello.random, serverRandom: serverHello.random }
    const secret = masterSecret(secrets.crypto, serverHello.version, suite, premaster.secret, from)
    return { secret, by: premaster.by }
  }
}

/** Private keys of one capture that are tried on a premaster secret: each costs a millisecond. */
const mostTriedKeys = 16

function findPremaster(secrets: CaptureSecrets, encrypted: Uint8Array): FoundMaster | undefined {
  const logged = secrets.keyLog.find('RSA', hex(encrypted.subarray(0, 8)))
  if (logged !== undefined) return { secret: logged, by: 'key log' }
  for (const key of secrets.rsaKeys.slice(0, mostTriedKeys)) {
    const secret = key.decrypt(encrypted)
    if (secret?.length === 48) return { secret, by: 'private key' }
  }
  return undefined
}
