import { createHash, type JsonWebKey } from 'node:crypto'
import type { KeyKind, Pkcs11Uri } from '@cordon/core/crypto'
import { NotAllowed, TransportError, UsageError } from '@cordon/core/errors'
import type { Handle, PKCS11, Template } from 'pkcs11js'
import { readPin } from './pin.ts'
import { certificateKey, ellipticKey, rsaKey, type TokenPublicKey } from './public-key.ts'
import { attributes, classes, generation, importation, keyTypes, signingInput, signingMechanism } from './templates.ts'

/** Token flags (PKCS#11 2.40, CK_TOKEN_INFO). */
const flags = { loginRequired: 0x4, finalTry: 0x2_0000, locked: 0x4_0000 } as const

/** Session flags: serial and read-write. */
const readWrite = 0x6

const userType = 1

/** Most objects that a search returns; a token of a plant holds a few hundred. */
const maximumObjects = 4096

/** Results that mean the token is gone or has forgotten us: what was opened is closed, and the next question begins anew. */
const lost = [
  'CKR_DEVICE_REMOVED',
  'CKR_TOKEN_NOT_PRESENT',
  'CKR_SESSION_HANDLE_INVALID',
  'CKR_SESSION_CLOSED',
  'CKR_USER_NOT_LOGGED_IN',
  'CKR_DEVICE_ERROR',
  'CKR_OBJECT_HANDLE_INVALID',
  'CKR_KEY_HANDLE_INVALID',
]

/** A private key that was found, ready to sign. */
export interface TokenKey extends TokenPublicKey {
  readonly handle: Handle
}

/** A token in a slot. The one user of its sessions. */
export class Token {
  readonly #module: PKCS11
  readonly #slot: Handle
  /** For messages. */
  readonly label: string
  readonly #idle: Handle[] = []
  readonly #waiting: (() => void)[] = []
  readonly #limit: number
  #running = 0
  #epoch = 0
  #login: Promise<void> | undefined
  #refusedPin: string | undefined
  /** The handle that keeps the login alive: with its last session a token forgets who logged in. */
  #anchor: Handle | undefined

  constructor(module: PKCS11, slot: Handle, label: string, limit: number) {
    this.#module = module
    this.#slot = slot
    this.label = label
    this.#limit = limit
  }

  /**
   * Logs in, once. A PIN that was refused is not tried again by this process, and the try that would lock the token is
   * not made at all.
   * @throws NotAllowed `refused` for a wrong PIN or a locked token; UsageError as readPin
   */
  async ready(pinFile: string | undefined): Promise<void> {
    this.#login ??= this.#logIn(pinFile)
    const login = this.#login
    await login.catch((error: unknown) => {
      if (this.#login === login) this.#login = undefined
      throw error
    })
  }

  async #logIn(pinFile: string | undefined): Promise<void> {
    const info = this.#module.C_GetTokenInfo(this.#slot)
    this.#anchor ??= this.#module.C_OpenSession(this.#slot, readWrite)
    if ((info.flags & flags.loginRequired) === 0) return
    if ((info.flags & flags.locked) !== 0)
      throw this.#refuse('its PIN is locked; unlock it with the security officer PIN')
    if ((info.flags & flags.finalTry) !== 0) {
      throw this.#refuse(
        'one more wrong PIN would lock it, so none is tried; log in once with: pkcs11-tool --login --test',
      )
    }
    const pin = await readPin(pinFile, this.label)
    const hash = createHash('sha256').update(pin).digest('hex')
    const wrong = `the PIN in ${pinFile} is wrong; it is not tried again, because tokens lock after a few wrong ones: correct the file first`
    if (hash === this.#refusedPin) throw this.#refuse(wrong)
    try {
      this.#module.C_Login(this.#anchor, userType, pin)
    } catch (error) {
      const result = resultOf(error)
      if (result === 'CKR_USER_ALREADY_LOGGED_IN') return
      if (!result.startsWith('CKR_PIN')) throw this.#failure('logging in', error)
      this.#refusedPin = hash
      throw this.#refuse(
        result === 'CKR_PIN_LOCKED' ? 'its PIN is locked; unlock it with the security officer PIN' : wrong,
      )
    }
  }

  #refuse(why: string): NotAllowed {
    return new NotAllowed('refused', `the token "${this.label}" cannot be opened: ${why}`)
  }

  /** Changes when handles of keys that were found no longer hold. */
  get epoch(): number {
    return this.#epoch
  }

  /** Labels of the private keys, with repetitions, sorted. */
  async labels(): Promise<readonly string[]> {
    return await this.#inSession('listing keys', async (session) =>
      this.#search(session, [{ type: attributes.class, value: classes.privateKey }])
        .map((handle) => this.#text(session, handle))
        .sort(),
    )
  }

  /**
   * The one private key that a URI describes.
   * @throws UsageError `missing` when there is none, `bad-value` when there are several; both say what the token holds
   */
  async find(uri: Pkcs11Uri): Promise<TokenKey> {
    return await this.#inSession('finding a key', async (session) => {
      const [handle, ...others] = this.#search(session, privateKeyTemplate(uri))
      if (handle === undefined) throw this.#noKey(session, uri)
      if (others.length > 0) throw this.#severalKeys(session, uri, [handle, ...others])
      return { handle, ...this.#publicHalf(session, handle) }
    })
  }

  #noKey(session: Handle, uri: Pkcs11Uri): UsageError {
    const all = this.#search(session, [{ type: attributes.class, value: classes.privateKey }])
    const labels = all.map((handle) => `"${this.#text(session, handle)}"`).sort()
    const held = labels.length === 0 ? 'no private keys' : `the private keys ${shorten(labels)}`
    return new UsageError(
      'missing',
      `no private key ${described(uri)} in the token "${this.label}", which holds ${held}; correct object or id in the URI, or generate the key`,
    )
  }

  #severalKeys(session: Handle, uri: Pkcs11Uri, handles: readonly Handle[]): UsageError {
    const ids = handles.map((handle) => this.#value(session, handle, attributes.id).toString('hex')).sort()
    const ways = ids.map((id) => `id=${id.replace(/../g, '%$&')}`)
    return new UsageError(
      'bad-value',
      `${handles.length} private keys ${described(uri)} in the token "${this.label}"; say which by adding one of these to the URI: ${shorten(ways)}`,
    )
  }

  /** Signs a digest. @throws TransportError `io` or `closed` with the token's own result */
  async sign(key: TokenKey, digest: Buffer): Promise<Buffer> {
    return await this.#inSession('signing', async (session) => {
      this.#module.C_SignInit(session, signingMechanism(key.kind), key.handle)
      return await this.#module.C_SignAsync(session, signingInput(key.kind, digest), Buffer.alloc(1024))
    })
  }

  /** Makes a key pair. @throws UsageError `bad-value` when a key of that label is there already */
  async generate(uri: Pkcs11Uri, kind: KeyKind): Promise<TokenKey> {
    const label = labelOf(uri)
    await this.#inSession('generating a key', async (session) => {
      this.#refuseTaken(session, label)
      const { mechanism, publicKey, privateKey } = generation(kind, label)
      await this.#module.C_GenerateKeyPairAsync(session, mechanism, publicKey, privateKey)
    })
    return await this.find(uri)
  }

  /** Takes a key in that was made elsewhere. @throws UsageError `bad-value` when a key of that label is there already */
  async import(uri: Pkcs11Uri, kind: KeyKind, key: JsonWebKey): Promise<TokenKey> {
    const label = labelOf(uri)
    await this.#inSession('importing a key', async (session) => {
      this.#refuseTaken(session, label)
      const { publicKey, privateKey } = importation(kind, label, key)
      const half = this.#module.C_CreateObject(session, publicKey)
      try {
        this.#module.C_CreateObject(session, privateKey)
      } catch (error) {
        this.#module.C_DestroyObject(session, half)
        throw error
      }
    })
    return await this.find(uri)
  }

  #refuseTaken(session: Handle, label: string): void {
    if (this.#search(session, privateKeyTemplate({ object: label })).length === 0) return
    throw new UsageError(
      'bad-value',
      `the token "${this.label}" holds a private key "${label}" already; it is not replaced`,
    )
  }

  /** Destroys both halves of the one key that a URI describes; false when there is none. */
  async remove(uri: Pkcs11Uri): Promise<boolean> {
    return await this.#inSession('deleting a key', async (session) => {
      const [handle, ...others] = this.#search(session, privateKeyTemplate(uri))
      if (handle === undefined) return false
      if (others.length > 0) throw this.#severalKeys(session, uri, [handle, ...others])
      const id = this.#value(session, handle, attributes.id)
      this.#module.C_DestroyObject(session, handle)
      for (const half of this.#companions(session, classes.publicKey, id)) this.#module.C_DestroyObject(session, half)
      return true
    })
  }

  /** Ends every session; what comes next logs in again. */
  reset(): void {
    this.#login = undefined
    this.#anchor = undefined
    this.#idle.length = 0
    this.#epoch++
    try {
      this.#module.C_CloseAllSessions(this.#slot)
    } catch {
      // The token is gone, and its sessions with it.
    }
  }

  #publicHalf(session: Handle, handle: Handle): TokenPublicKey {
    const type = this.#number(session, handle, attributes.keyType)
    if (type === keyTypes.rsa) {
      return rsaKey(
        this.#value(session, handle, attributes.modulus),
        this.#value(session, handle, attributes.publicExponent),
      )
    }
    if (type !== keyTypes.ec) {
      throw new UsageError(
        'not-supported',
        `the private key "${this.#text(session, handle)}" is neither RSA nor ECDSA (CKA_KEY_TYPE ${type})`,
      )
    }
    const id = this.#value(session, handle, attributes.id)
    const [half] = this.#companions(session, classes.publicKey, id)
    if (half !== undefined) {
      return ellipticKey(
        this.#value(session, half, attributes.ecParameters),
        this.#value(session, half, attributes.ecPoint),
      )
    }
    const [certificate] = this.#companions(session, classes.certificate, id)
    if (certificate !== undefined) return certificateKey(this.#value(session, certificate, attributes.value))
    throw new UsageError(
      'missing',
      `the token "${this.label}" holds neither a public key nor a certificate beside the private key "${this.#text(session, handle)}"; write one with the same id: pkcs11-tool --write-object`,
    )
  }

  #companions(session: Handle, class_: number, id: Buffer): Handle[] {
    if (id.length === 0) return []
    return this.#search(session, [
      { type: attributes.class, value: class_ },
      { type: attributes.id, value: id },
    ])
  }

  #search(session: Handle, template: Template): Handle[] {
    this.#module.C_FindObjectsInit(session, template)
    try {
      return this.#module.C_FindObjects(session, maximumObjects)
    } finally {
      this.#module.C_FindObjectsFinal(session)
    }
  }

  #value(session: Handle, handle: Handle, type: number): Buffer {
    return this.#module.C_GetAttributeValue(session, handle, [{ type }])[0]?.value ?? Buffer.alloc(0)
  }

  #text(session: Handle, handle: Handle): string {
    return this.#value(session, handle, attributes.label).toString('utf8')
  }

  /** CK_ULONG in the machine's own order, of which the low bytes matter. */
  #number(session: Handle, handle: Handle, type: number): number {
    return this.#value(session, handle, type).readUInt32LE()
  }

  /** Runs with a session of its own, at most as many at once as the token was given. */
  async #inSession<Result>(doing: string, work: (session: Handle) => Promise<Result>): Promise<Result> {
    await this.#enter()
    const epoch = this.#epoch
    let session: Handle | undefined
    try {
      session = this.#idle.pop() ?? this.#module.C_OpenSession(this.#slot, readWrite)
      const result = await work(session)
      if (epoch === this.#epoch) this.#idle.push(session)
      return result
    } catch (error) {
      // An operation may still be begun in it.
      if (session !== undefined && epoch === this.#epoch) this.#close(session)
      const result = resultOf(error)
      if (result === '') throw error
      if (lost.includes(result) && epoch === this.#epoch) this.reset()
      throw this.#failure(doing, error)
    } finally {
      this.#leave()
    }
  }

  async #enter(): Promise<void> {
    if (this.#running < this.#limit) this.#running++
    else await new Promise<void>((enter) => this.#waiting.push(enter))
  }

  #leave(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#running--
    else next()
  }

  #close(session: Handle): void {
    try {
      this.#module.C_CloseSession(session)
    } catch {
      // Closed with the token.
    }
  }

  #failure(doing: string, cause: unknown): TransportError | UsageError {
    const result = resultOf(cause)
    const text = `${doing} in the token "${this.label}" failed: ${result === '' ? String(cause) : result}`
    if (result === 'CKR_MECHANISM_INVALID' || result === 'CKR_CURVE_NOT_SUPPORTED' || result === 'CKR_KEY_SIZE_RANGE') {
      return new UsageError('not-supported', `${text}; the token cannot do this kind of key`, { cause })
    }
    return new TransportError(lost.includes(result) ? 'closed' : 'io', text, { cause })
  }
}

/** The name of a PKCS#11 result (`CKR_…`), empty for every other error. */
function resultOf(error: unknown): string {
  return /^CKR_[A-Z0-9_]+/.exec(error instanceof Error ? error.message : '')?.[0] ?? ''
}

function privateKeyTemplate(uri: Pkcs11Uri): Template {
  const template: Template = [{ type: attributes.class, value: classes.privateKey }]
  if (uri.object !== undefined) template.push({ type: attributes.label, value: Buffer.from(uri.object, 'utf8') })
  if (uri.id !== undefined) template.push({ type: attributes.id, value: Buffer.from(uri.id) })
  return template
}

function labelOf(uri: Pkcs11Uri): string {
  if (uri.object === undefined)
    throw new UsageError('bad-value', 'expected object=LABEL in the URI of a key to be made')
  return uri.object
}

function described(uri: Pkcs11Uri): string {
  const id = uri.id === undefined ? undefined : `id ${Buffer.from(uri.id).toString('hex')}`
  const parts = [uri.object === undefined ? undefined : `"${uri.object}"`, id].filter((part) => part !== undefined)
  return parts.length === 0 ? '(the URI names none)' : `with ${parts.join(' and ')}`
}

/** At most eight of what was found. */
export function shorten(found: readonly string[]): string {
  const more = found.length - 8
  return more > 0 ? `${found.slice(0, 8).join(', ')} and ${more} more` : found.join(', ')
}
