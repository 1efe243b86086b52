import type { KeyKind, PrivateKey } from '@cordon/core/crypto'
import {
  type PullKept,
  pullKept,
  type PullState,
  renewedContents,
  templatedContents,
  type WishedContents,
} from '@cordon/core/enrollment'
import { MalformedMessage, NotTrusted, UsageError } from '@cordon/core/errors'
import { buildRequest, decodeCertificate, decodeRequest, encodePem } from '@cordon/core/x509'
import { join } from 'node:path'
import { nodeCrypto } from '../crypto.ts'
import { clearLeftovers, type NewFile, privateDirectory, readIfExists, writeTogether } from '../files.ts'
import { decodeUnitRecord, encodeUnitRecord, type UnitRecord } from './file-unit-record.ts'
import type { ClientCredential, PullUnit } from './pull-unit.ts'

/** Who the unit is and where its files lie. */
export interface FileUnitOptions {
  readonly directory: string
  /** Names the files: up to 63 letters, digits, `.`, `_` or `-`. */
  readonly name: string
  /** 32 bytes under which the unit's own record is sealed. */
  readonly sealingKey: Uint8Array
  /** What its requests say, where nothing is renewed and the server prescribes nothing. */
  readonly contents: WishedContents
  /** What it shows before it has a certificate of its own. */
  readonly factory?: ClientCredential | undefined
  /** Writes certificate, chain, authorities and key as PEM beside the record, for other programs. Default true. */
  readonly pem?: boolean | undefined
  /** Hears of every change, after the unit. */
  readonly changed?: ((state: PullState) => void) | undefined
}

/** The files of a {@link FileUnit}, by absolute or given directory. */
export interface UnitFiles {
  readonly certificate: string
  /** The certificate, then what leads from it to an authority. */
  readonly chain: string
  readonly authorities: string
  /** Not encrypted; readable by its owner alone. */
  readonly key: string
  /** Everything, sealed: what counts when the others say otherwise. */
  readonly record: string
}

/** Where a unit of that name keeps its files. @throws UsageError `bad-value` for a name that names no file */
export function unitFiles(directory: string, name: string): UnitFiles {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(name)) {
    throw new UsageError('bad-value', 'a name of files has up to 63 letters, digits, ".", "_" or "-"')
  }
  const file = (suffix: string) => join(directory, `${name}.${suffix}`)
  return {
    certificate: file('cert.pem'),
    chain: file('chain.pem'),
    authorities: file('authorities.pem'),
    key: file('key.pem'),
    record: file('pull'),
  }
}

const longestRecord = 16 * 1024 * 1024

/**
 * A unit whose keys and certificates lie in a directory, durably: a pending request outlives the end of the process, and
 * an installation is whole or has not happened. What counts is one sealed record, written at once; the PEM files follow it
 * and are put right when the unit is opened again. Files 0600.
 */
export class FileUnit implements PullUnit {
  readonly files: UnitFiles
  readonly #options: FileUnitOptions
  #record: UnitRecord
  /** Writes one after the other. */
  #writing: Promise<void> = Promise.resolve()
  #failure: unknown

  private constructor(options: FileUnitOptions, record: UnitRecord) {
    this.#options = options
    this.files = unitFiles(options.directory, options.name)
    this.#record = record
  }

  /**
   * Opens the unit, or begins a new one.
   * @throws NotTrusted `bad-signature` when the record is sealed under another key or was altered
   * @throws MalformedMessage when it is none
   * @throws TransportError `io`
   */
  static async open(options: FileUnitOptions): Promise<FileUnit> {
    const { record: path } = unitFiles(options.directory, options.name)
    await privateDirectory(options.directory)
    await clearLeftovers(options.directory)
    const unit = new FileUnit(options, await readRecord(path, options))
    // A process may have ended between the record and the files that follow it.
    if (unit.#record.current !== undefined) await writeTogether(await changedFiles(unit.#pemFiles()))
    return unit
  }

  /** What a pull client resumes with. */
  get kept(): PullKept {
    return { identity: this.#record.identity, pending: this.#record.pending }
  }

  /** The certificate in force; undefined: none yet. */
  get certificate(): Uint8Array | undefined {
    return this.#record.current?.certificate
  }

  credential(which: 'default' | 'current'): ClientCredential | undefined {
    const { current } = this.#record
    if (which === 'default') return this.#options.factory
    return current && { chain: [current.certificate, ...current.chain], key: current.key }
  }

  async makeRequest(wished: Parameters<PullUnit['makeRequest']>[0]): Promise<Uint8Array> {
    const { keyKind, template, renews } = wished
    const contents =
      renews === undefined ? templatedContents(this.#options.contents, template) : renewedContents(renews)
    const { key, request } = await makeKey(keyKind, contents)
    await this.#write({
      ...this.#record,
      nextKey: key,
      pending: { request, renewal: renews !== undefined, since: undefined },
    })
    return request
  }

  async linkRequest(challengePassword: string): Promise<Uint8Array> {
    const { nextKey, pending } = this.#record
    if (nextKey === undefined || pending === undefined) throw new UsageError('missing', 'no request waits to be linked')
    const { subject, extensions } = decodeRequest(pending.request)
    const contents = { subject, extensions: extensions.all, challengePassword }
    return await buildRequest(nodeCrypto.importKey(nextKey), contents)
  }

  async install({ certificate, chain, authorities }: Parameters<PullUnit['install']>[0]): Promise<void> {
    const { nextKey } = this.#record
    const { publicKey } = decodeCertificate(certificate)
    if (nextKey === undefined || !nodeCrypto.equal(nodeCrypto.importKey(nextKey).publicKey, publicKey)) {
      throw new NotTrusted('wrong-identity', 'the certificate is not for the key of the last request')
    }
    const current = { key: nextKey, certificate, chain, authorities }
    await this.#write({ ...this.#record, current })
  }

  changed(state: PullState): void {
    const record = noted(this.#record, pullKept(state))
    if (record !== undefined) {
      // Told by flush.
      this.#write(record).catch(() => undefined)
    }
    this.#options.changed?.(state)
  }

  /** Waits until everything is on the disk. @throws TransportError `io` when something is not */
  async flush(): Promise<void> {
    await this.#writing
    if (this.#failure !== undefined) throw this.#failure
  }

  async #write(record: UnitRecord): Promise<void> {
    const before = this.#record
    this.#record = record
    const sealed = nodeCrypto.seal(this.#options.sealingKey, encodeUnitRecord(record), associated(this.#options.name))
    // The record first: the rest follows from it.
    const follow = record.current === before.current ? [] : this.#pemFiles()
    const write = this.#writing.then(() => writeTogether([{ path: this.files.record, bytes: sealed }, ...follow]))
    // Each record is whole, so one that was written makes up for those that were not.
    this.#writing = write.then(
      () => {
        this.#failure = undefined
      },
      (error: unknown) => {
        this.#failure = error
        if (this.#record === record) this.#record = before
      },
    )
    await write
  }

  #pemFiles(): readonly NewFile[] {
    const { current } = this.#record
    if (current === undefined || this.#options.pem === false) return []
    const pem = (...certificates: readonly Uint8Array[]) =>
      certificates.map((der) => encodePem('CERTIFICATE', der)).join('')
    return [
      { path: this.files.key, bytes: encodePem('PRIVATE KEY', current.key) },
      { path: this.files.chain, bytes: pem(current.certificate, ...current.chain) },
      { path: this.files.authorities, bytes: pem(...current.authorities) },
      { path: this.files.certificate, bytes: pem(current.certificate) },
    ]
  }
}

/** The record after a change of state; undefined when it stays as it is. */
function noted(record: UnitRecord, { identity, pending }: PullKept): UnitRecord | undefined {
  const { pending: held } = record
  if (
    identity === record.identity &&
    pending?.since === held?.since &&
    (pending === undefined) === (held === undefined)
  ) {
    return undefined
  }
  // The key goes with its request: a certificate came for it, or a server would not have it.
  return pending === undefined
    ? { ...record, identity, pending: undefined, nextKey: undefined }
    : { ...record, identity, pending: held && { ...held, since: pending.since } }
}

async function makeKey(
  kind: KeyKind,
  contents: WishedContents,
): Promise<{ readonly key: Uint8Array; readonly request: Uint8Array }> {
  const made: PrivateKey = await nodeCrypto.generateKey(kind)
  const key = made.export()
  if (key === undefined) throw new UsageError('not-supported', 'a key that lives in hardware cannot be kept in a file')
  return { key, request: await buildRequest(made, contents) }
}

async function readRecord(path: string, { sealingKey, name }: FileUnitOptions): Promise<UnitRecord> {
  const sealed = await readIfExists(path, longestRecord)
  if (sealed === undefined) return {}
  try {
    return decodeUnitRecord(nodeCrypto.open(sealingKey, sealed, associated(name)))
  } catch (cause) {
    const remedy = 'it belongs to another state directory, or was altered; with its own state it can be read'
    if (cause instanceof NotTrusted) throw new NotTrusted(cause.code, `${path} cannot be opened: ${remedy}`, { cause })
    if (cause instanceof MalformedMessage)
      throw new MalformedMessage(cause.code, `${path}: ${cause.message}`, { cause })
    throw cause
  }
}

/** Those files that do not hold what they should. */
async function changedFiles(files: readonly NewFile[]): Promise<readonly NewFile[]> {
  const present = await Promise.all(files.map(({ path }) => readIfExists(path, longestRecord)))
  return files.filter(({ bytes }, i) => {
    const found = present[i]
    return found === undefined || Buffer.compare(Buffer.from(bytes), found) !== 0
  })
}

function associated(name: string): Uint8Array {
  return new TextEncoder().encode(`cordon pull ${name}`)
}
