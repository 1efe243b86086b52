import { createHash, randomBytes } from 'node:crypto'
import { constants, readFileSync } from 'node:fs'
import { link, mkdir, open, readdir, readFile, rename, stat, truncate, unlink, writeFile } from 'node:fs/promises'
import { homedir, hostname } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { TransportError, UsageError } from '@cordon/core/errors'

/** The environment a program runs in, as far as it decides where state lies. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Effective user id; undefined on Windows. */
  readonly uid: number | undefined
  readonly home: string
}

/** This process's surroundings. */
export function surroundings(): Surroundings {
  return { env: process.env, uid: process.geteuid?.(), home: homedir() }
}

/**
 * Where Cordon keeps its state: `$CORDON_STATE`, else `/var/lib/cordon` for root, else `$XDG_STATE_HOME/cordon`, else
 * `~/.local/state/cordon`. Absolute; nothing is created.
 * @throws UsageError `missing` when there is no home directory to fall back on
 */
export function stateDirectory({ env, uid, home }: Surroundings = surroundings()): string {
  const { CORDON_STATE: chosen, XDG_STATE_HOME: xdg } = env
  if (chosen !== undefined && chosen !== '') return resolve(chosen)
  if (uid === 0) return '/var/lib/cordon'
  // A relative XDG path is to be ignored (XDG Base Directory Specification).
  if (xdg?.startsWith('/')) return join(xdg, 'cordon')
  if (!home.startsWith('/') && process.platform !== 'win32') {
    throw new UsageError('missing', 'no place for state: set CORDON_STATE to a directory, or HOME')
  }
  return join(home, '.local', 'state', 'cordon')
}

/** A short name for a path, the same on every run: the first 16 hex digits of its SHA-256. */
export function pathHash(path: string): string {
  return createHash('sha256').update(resolve(path)).digest('hex').slice(0, 16)
}

function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && codes.some((code) => error.code === code)
}

/** An input or output error of the system with what was being done, as one of Cordon's own. */
export function ioError(doing: string, cause: unknown): TransportError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  const remedy = hasCode(cause, 'ENOSPC', 'EDQUOT') ? '; free space there and try again' : ''
  return new TransportError('io', `${doing}: ${reason}${remedy}`, { cause })
}

/** Makes a directory that only its owner may enter (0700), with its parents. One that exists is left as it is. */
export async function privateDirectory(path: string): Promise<void> {
  try {
    await makeDirectories(resolve(path))
  } catch (cause) {
    throw ioError(`making the directory ${path}`, cause)
  }
}

/** One level at a time: mkdir with `recursive` never ends where a file system takes no directories, as below /proc. */
async function makeDirectories(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 })
  } catch (error) {
    if (await isDirectory(path)) return
    const parent = dirname(path)
    if (!hasCode(error, 'ENOENT') || parent === path || (await isDirectory(parent))) throw error
    await makeDirectories(parent)
    await makeDirectories(path)
  }
}

async function isDirectory(path: string): Promise<boolean> {
  return await stat(path).then(
    (status) => status.isDirectory(),
    () => false,
  )
}

async function syncDirectory(path: string): Promise<void> {
  // Windows cannot open a directory; there the rename itself is journaled.
  if (process.platform === 'win32') return
  const handle = await open(path, constants.O_RDONLY)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

let written = 0

/**
 * Writes a file so that power loss at any moment leaves the old or the new one, whole: a temporary file beside it, synced,
 * renamed over it, the directory synced. The mode is 0600 unless said otherwise. What a killed writer left behind is
 * cleared by {@link clearLeftovers}.
 * @throws TransportError `io`
 */
export async function writeDurably(path: string, bytes: Uint8Array | string, mode = 0o600): Promise<void> {
  await writeTogether([{ path, bytes }], mode)
}

/** A file to be written. */
export interface NewFile {
  readonly path: string
  readonly bytes: Uint8Array | string
}

/**
 * Writes files that are worth something only together, each as {@link writeDurably} does: none takes its place before all
 * of them are on the disk, so a full disk leaves the old ones or none. They take their places in the order given.
 * @throws TransportError `io`
 */
export async function writeTogether(files: readonly NewFile[], mode = 0o600): Promise<void> {
  const temporaries = files.map(({ path, bytes }) => ({
    path,
    bytes,
    temporary: join(dirname(path), `.${basename(path)}.${process.pid}-${++written}.tmp`),
  }))
  let current = ''
  try {
    for (const { path, bytes, temporary } of temporaries) {
      current = path
      const handle = await open(temporary, 'wx', mode)
      try {
        await handle.writeFile(bytes)
        await handle.sync()
      } finally {
        await handle.close()
      }
    }
    for (const { path, temporary } of temporaries) {
      current = path
      await rename(temporary, path)
    }
    for (const directory of new Set(files.map(({ path }) => dirname(path)))) await syncDirectory(directory)
  } catch (cause) {
    for (const { temporary } of temporaries) await unlink(temporary).catch(() => undefined)
    throw ioError(`writing ${current}`, cause)
  }
}

/**
 * Removes the temporary files that killed writers left in a directory. Those of living processes stay.
 * @returns how many were removed
 */
export async function clearLeftovers(directory: string): Promise<number> {
  let removed = 0
  for (const name of await readdir(directory).catch(() => [])) {
    const pid = /^\..+\.(\d+)-\d+\.tmp$/.exec(name)?.[1]
    if (pid === undefined || (Number(pid) !== process.pid && isAlive(Number(pid)))) continue
    if (Number(pid) === process.pid) continue
    await unlink(join(directory, name)).catch(() => undefined)
    removed++
  }
  return removed
}

/**
 * A file's bytes, or undefined when there is none.
 * @throws TransportError `io` for every other failure, and for a file above `maxBytes`
 */
export async function readIfExists(path: string, maxBytes = 64 * 1024 * 1024): Promise<Uint8Array | undefined> {
  try {
    const { size } = await stat(path)
    if (size > maxBytes) throw new Error(`${size} bytes, expected at most ${maxBytes}`)
    return new Uint8Array(await readFile(path))
  } catch (cause) {
    if (hasCode(cause, 'ENOENT', 'ENOTDIR')) return undefined
    throw ioError(`reading ${path}`, cause)
  }
}

/** Removes a file durably; true when there was one. */
export async function removeDurably(path: string): Promise<boolean> {
  try {
    await unlink(path)
    await syncDirectory(dirname(path))
    return true
  } catch (cause) {
    if (hasCode(cause, 'ENOENT', 'ENOTDIR')) return false
    throw ioError(`removing ${path}`, cause)
  }
}

/** Whether a process runs: not gone and not a zombie that nobody reaped. */
export function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
  } catch (error) {
    // EPERM: it lives, as another user.
    if (!hasCode(error, 'EPERM')) return false
  }
  return procStat(pid)?.state !== 'Z'
}

/** State letter and start time of a process from /proc, undefined where there is no /proc or no such process. */
function procStat(pid: number): { state: string; started: string } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The command name in parentheses may hold anything, so fields are counted behind the last one.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return { state: fields[0] ?? '', started: fields[19] ?? '' }
  } catch {
    return undefined
  }
}

/** A process in a form that survives the reuse of its number: pid, start time and boot, where the system tells. */
export function processMark(pid: number = process.pid): string {
  return `${pid} ${procStat(pid)?.started ?? '-'} ${bootId()}`
}

let boot: string | undefined

function bootId(): string {
  try {
    boot ??= readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
  } catch {
    boot = hostname()
  }
  return boot
}

/** Whether the process that wrote a {@link processMark} still runs. */
export function isMarkAlive(mark: string): boolean {
  const [pid, started, bootOfMark] = mark.trim().split(' ')
  if (pid === undefined || !isAlive(Number(pid))) return false
  if (started === undefined || started === '-' || bootOfMark === undefined) return true
  return bootOfMark === bootId() && (procStat(Number(pid))?.started ?? started) === started
}

/** A lock that is held. Released by `await using`, by hand, or by the end of the process. */
export interface FileLock extends AsyncDisposable {
  /** Path without the generation number. */
  readonly path: string
}

/** What {@link tryLock} found instead of a free lock. */
export interface LockHolder {
  readonly pid: number
  /** What the holder wrote about itself, such as its command. */
  readonly note: string
}

/**
 * Takes the lock `path`, or says who holds it. A holder that died frees it.
 *
 * The lock is a row of files `path.1`, `path.2`, …; the highest number counts. Taking it, from a free or a dead holder of
 * number n, means linking number n+1 into place, which one process only can do; whoever was slow then finds a higher
 * number and steps back. So no moment exists in which a stale lock is removed that another has just renewed.
 */
export async function tryLock(path: string, note = ''): Promise<FileLock | LockHolder> {
  const directory = dirname(path)
  await privateDirectory(directory)
  for (let attempt = 0; attempt < 100; attempt++) {
    const highest = await generations(path)
    const current = highest.at(-1)
    const content = current === undefined ? '' : await contentOf(`${path}.${current}`)
    if (content === undefined) continue
    const [mark = '', ...notes] = content.split('\n')
    if (isMarkAlive(mark)) return { pid: Number(mark.split(' ')[0]), note: notes.join('\n') }
    const mine = (current ?? 0) + 1
    const temporary = join(directory, `.${basename(path)}.${process.pid}-${randomBytes(6).toString('hex')}.lock`)
    try {
      await writeFile(temporary, `${processMark()}\n${note}`, { flag: 'wx', mode: 0o600 })
      await link(temporary, `${path}.${mine}`)
    } catch (error) {
      if (hasCode(error, 'EEXIST')) continue
      throw ioError(`taking the lock ${path}`, error)
    } finally {
      await unlink(temporary).catch(() => undefined)
    }
    const after = await generations(path)
    if (after.at(-1) !== mine) {
      await unlink(`${path}.${mine}`).catch(() => undefined)
      continue
    }
    for (const older of after) if (older < mine) await unlink(`${path}.${older}`).catch(() => undefined)
    return heldLock(path, mine)
  }
  throw new TransportError('io', `the lock ${path} changed hands 100 times while it was being taken`)
}

function heldLock(path: string, generation: number): FileLock {
  let held = true
  return {
    path,
    async [Symbol.asyncDispose]() {
      if (!held) return
      held = false
      // The file stays, empty: removing the highest number would let a slow process count from an old one. Emptying it
      // needs no space, so that a full disk does not keep the lock.
      await truncate(`${path}.${generation}`)
    },
  }
}

async function generations(path: string): Promise<number[]> {
  const prefix = `${basename(path)}.`
  const found: number[] = []
  for (const name of await readdir(dirname(path))) {
    const number = name.startsWith(prefix) ? name.slice(prefix.length) : ''
    if (/^[1-9]\d{0,14}$/.test(number)) found.push(Number(number))
  }
  return found.sort((a, b) => a - b)
}

async function contentOf(path: string): Promise<string | undefined> {
  const bytes = await readIfExists(path, 4096)
  return bytes === undefined ? undefined : new TextDecoder().decode(bytes)
}

/**
 * Takes a lock, waiting for its holder up to `timeoutMs`.
 * @throws TransportError `timeout` naming the holder
 */
export async function lock(path: string, options: { note?: string; timeoutMs?: number } = {}): Promise<FileLock> {
  const { note = '', timeoutMs = 30_000 } = options
  const until = performance.now() + timeoutMs
  for (let pause = 5; ; pause = Math.min(pause * 2, 100)) {
    const found = await tryLock(path, note)
    if (Symbol.asyncDispose in found) return found
    if (performance.now() > until) {
      const about = found.note === '' ? '' : ` (${found.note})`
      throw new TransportError(
        'timeout',
        `the lock ${path} is held by process ${found.pid}${about}; end it or wait for it`,
      )
    }
    await new Promise((resume) => setTimeout(resume, pause))
  }
}
