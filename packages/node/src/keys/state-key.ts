import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Crypto } from '@cordon/core/crypto'
import { TransportError, UsageError } from '@cordon/core/errors'
import {
  lock,
  privateDirectory,
  readIfExists,
  stateDirectory,
  type Surroundings,
  surroundings,
  writeDurably,
} from '../files.ts'

/** The one key under which all secrets at rest are sealed, and where it came from. */
export interface StateKey {
  /** 32 bytes for {@link Crypto.seal}. */
  readonly key: Uint8Array
  /** `credential`: systemd or another manager handed it over; `file`: named by CORDON_KEY_FILE; `state`: beside the state. */
  readonly source: 'credential' | 'file' | 'state'
  readonly path: string
  /** True when it was made now. */
  readonly created: boolean
  /** What a person should know about it: that it must be backed up, or that it lies beside what it protects. */
  readonly note: string
}

/**
 * Finds the key, in this order: `$CREDENTIALS_DIRECTORY/cordon-key`, the file `$CORDON_KEY_FILE`, `key` in the state
 * directory, which is made when missing. A key file holds 32 bytes, raw or as 64 hex digits, and is readable by its owner
 * alone.
 * @throws UsageError `missing` when a named file is not there, `bad-value` when its mode or content is wrong
 */
export async function loadStateKey(
  crypto: Crypto,
  state: string = stateDirectory(),
  { env }: Pick<Surroundings, 'env'> = surroundings(),
): Promise<StateKey> {
  const { CREDENTIALS_DIRECTORY: credentials, CORDON_KEY_FILE: named } = env
  if (credentials !== undefined && credentials !== '') {
    const path = join(credentials, 'cordon-key')
    const key = await readKey(path)
    if (key !== undefined) {
      return {
        key,
        source: 'credential',
        path,
        created: false,
        note: `secrets are sealed under the credential ${path}`,
      }
    }
  }
  if (named !== undefined && named !== '') {
    const key = await readKey(named)
    if (key === undefined) {
      throw new UsageError(
        'missing',
        `CORDON_KEY_FILE names ${named}, which does not exist; make it with: openssl rand -hex 32`,
      )
    }
    return { key, source: 'file', path: named, created: false, note: `secrets are sealed under ${named}` }
  }
  try {
    return await stateKey(crypto, state)
  } catch (error) {
    throw closedState(error, state) ?? error
  }
}

/** What the system refuses in a state directory is a matter of the wrong user or the wrong place. */
function closedState(error: unknown, state: string): TransportError | undefined {
  if (!(error instanceof TransportError) || !(error.cause instanceof Error) || !('code' in error.cause))
    return undefined
  if (!['EACCES', 'EPERM', 'EROFS', 'ENOENT', 'ENOTDIR'].includes(String(error.cause.code))) return undefined
  const remedy = `give this user the right to read and write ${state}, or choose another state with --state or CORDON_STATE`
  return new TransportError(error.code, `${error.message}; ${remedy}`, { cause: error.cause })
}

async function stateKey(crypto: Crypto, state: string): Promise<StateKey> {
  const path = join(state, 'key')
  const found = (key: Uint8Array, created: boolean): StateKey => ({
    key,
    source: 'state',
    path,
    created,
    note:
      `secrets are sealed under ${path}, which lies beside them: a copy of the whole directory opens them. ` +
      'Keep a copy of this file elsewhere, or hand the key over by CORDON_KEY_FILE or a systemd credential "cordon-key".',
  })
  const existing = await readKey(path)
  if (existing !== undefined) return found(existing, false)
  await privateDirectory(state)
  // Two first commands at once must not seal under two keys.
  await using _held = await lock(join(state, 'key.lock'), { note: 'making the key of the state' })
  const meanwhile = await readKey(path)
  if (meanwhile !== undefined) return found(meanwhile, false)
  const key = crypto.random(32)
  await writeDurably(path, `${Buffer.from(key).toString('hex')}\n`)
  return found(key, true)
}

async function readKey(path: string): Promise<Uint8Array | undefined> {
  const bytes = await readIfExists(path, 4096)
  if (bytes === undefined) return undefined
  if (process.platform !== 'win32') {
    const { mode } = await lstat(path)
    if ((mode & 0o077) !== 0) {
      const octal = (mode & 0o777).toString(8).padStart(4, '0')
      throw new UsageError('bad-value', `the key file ${path} has mode ${octal}, expected 0600; run: chmod 600 ${path}`)
    }
  }
  if (bytes.length === 32) return bytes
  const text = new TextDecoder('latin1').decode(bytes).trim()
  if (!/^[0-9a-fA-F]{64}$/.test(text)) {
    throw new UsageError(
      'bad-value',
      `the key file ${path} holds ${bytes.length} bytes, expected 32 bytes or 64 hex digits; make one with: openssl rand -hex 32`,
    )
  }
  return new Uint8Array(Buffer.from(text, 'hex'))
}
