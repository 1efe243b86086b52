import { UsageError } from '@cordon/core/errors'
import { nodeCrypto } from '@cordon/node/crypto'
import { isAlive } from '@cordon/node/files'
import { jsonText, openStore } from '@cordon/server/store'
import { sql } from 'kysely'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { environment, isBuilt, Program, TemporaryState } from './support.ts'

const isRoot = process.geteuid?.() === 0

async function pidOf(store: Awaited<ReturnType<TemporaryState['open']>>): Promise<number> {
  return (await store.status()).pid ?? 0
}

describe('a store', () => {
  let place: TemporaryState

  beforeAll(() => {
    place = new TemporaryState(true)
  })

  afterAll(async () => {
    await place[Symbol.asyncDispose]()
  })

  test('comes up on an empty state, says where it lies, and is gone when closed', async () => {
    const store = await place.open()
    const status = await store.status()
    expect(status).toMatchObject({
      kind: 'managed',
      state: place.state,
      schema: expect.stringMatching(/^\d{4}-/),
      key: { source: 'state' },
    })
    expect(status.location.startsWith(isRoot ? place.clusters : place.state)).toBe(true)
    if (isRoot) expect(status.notes.join()).toMatch(/does not run as root/)
    const pid = status.pid ?? 0
    expect(isAlive(pid)).toBe(true)
    const { rows } = await sql<{
      directory: string
    }>`select current_setting('unix_socket_directories') as directory`.execute(store.db)
    expect(existsSync(rows[0]?.directory ?? '')).toBe(true)
    await store[Symbol.asyncDispose]()
    await store[Symbol.asyncDispose]()
    expect(isAlive(pid)).toBe(false)
    expect(existsSync(rows[0]?.directory ?? '')).toBe(false)
  })

  test('is open to nobody else: 0700 for cluster and socket, no TCP, not as root', async () => {
    await using store = await place.open()
    const { location, pid } = await store.status()
    expect(statSync(location).mode & 0o077).toBe(0)
    const { rows } = await sql<{ directory: string; listen: string; fsync: string }>`
      select current_setting('unix_socket_directories') as directory, current_setting('listen_addresses') as listen, current_setting('fsync') as fsync`.execute(
      store.db,
    )
    expect(rows[0]).toMatchObject({ listen: '', fsync: 'on' })
    expect(statSync(rows[0]?.directory ?? '').mode & 0o077).toBe(0)
    if (process.platform === 'linux') {
      expect(readFileSync(`/proc/${pid}/status`, 'utf8')).not.toMatch(/^Uid:\t0\t/m)
      expect(readFileSync(`/proc/${pid}/environ`, 'latin1')).not.toContain('HOME=')
    }
  })

  test('is one server for all who open it, and the last one stops it', async () => {
    const [a, b] = [await place.open(), await place.open()]
    const pid = await pidOf(a)
    expect(await pidOf(b)).toBe(pid)
    await a[Symbol.asyncDispose]()
    expect(isAlive(pid)).toBe(true)
    await sql`select 1`.execute(b.db)
    await b[Symbol.asyncDispose]()
    expect(isAlive(pid)).toBe(false)
    expect(readdirSync(join(place.state, 'pg/users'))).toEqual([])
  })

  test('opened by many at once is one server', async () => {
    const stores = await Promise.all(Array.from({ length: 5 }, () => place.open()))
    const pids = await Promise.all(stores.map(pidOf))
    expect(new Set(pids).size).toBe(1)
    await Promise.all(stores.map((store) => store[Symbol.asyncDispose]()))
    expect(isAlive(pids[0] ?? 0)).toBe(false)
  })

  test('keeps what was written', async () => {
    {
      await using store = await place.open()
      await store.db
        .insertInto('events')
        .values({ kind: 'test', subject: 'x', detail: jsonText([1, { a: 'ü' }]) })
        .execute()
    }
    await using store = await place.open()
    const row = await store.db.selectFrom('events').selectAll().where('kind', '=', 'test').executeTakeFirstOrThrow()
    expect(row.detail).toEqual([1, { a: 'ü' }])
    expect(typeof row.id).toBe('number')
    expect(row.at).toBeInstanceOf(Date)
  })

  test('reads a counter as a number and refuses to round one', async () => {
    await using store = await place.open()
    const read = async (text: string) =>
      (await sql<{ n: number }>`select ${sql.raw(text)}::bigint as n`.execute(store.db)).rows[0]?.n
    expect(await read('9007199254740991')).toBe(9007199254740991)
    await expect(read('9007199254740993')).rejects.toThrow(/beyond 2\^53/)
  })

  test('opens secrets in their place only', async () => {
    await using store = await place.open()
    const secret = nodeCrypto.random(32)
    const sealed = store.secrets.seal({ table: 'psks', name: 'cell3' }, secret)
    expect(store.secrets.open({ table: 'psks', name: 'cell3' }, sealed)).toEqual(secret)
    expect(() => store.secrets.open({ table: 'psks', name: 'cell4' }, sealed)).toThrow(/another place/)
    expect(() => store.secrets.open({ table: 'authorities', id: 'cell3' }, sealed)).toThrow(/another place/)
  })

  test('refuses a key that its secrets are not sealed under, before anything is done with it', async () => {
    const other = place.path('other-key')
    writeFileSync(other, '00'.repeat(32), { mode: 0o600 })
    await expect(place.open({ env: environment({ CORDON_KEY_FILE: other }) })).rejects.toThrow(
      /not the one this store's secrets/,
    )
    // The failed opening did not stay behind as a user.
    expect(readdirSync(join(place.state, 'pg/users'))).toEqual([])
  })

  test('of a newer Cordon is left alone', async () => {
    {
      await using store = await place.open()
      await sql`insert into kysely_migration (name, timestamp) values ('9999-future', '')`.execute(store.db)
    }
    await expect(place.open()).rejects.toThrow(/newer Cordon/)
    await using fix = await openStore({ ...place.options, env: environment() }).catch(async () => undefined)
    expect(fix).toBeUndefined()
  })
})

describe('a server that was killed or left behind', () => {
  let place: TemporaryState

  beforeEach(() => {
    place = new TemporaryState(true)
  })

  afterEach(async () => {
    await place[Symbol.asyncDispose]()
  })

  test('without its pid file being right is not mistaken for a stranger with its number', async () => {
    const store = await place.open()
    const { location } = await store.status()
    await store[Symbol.asyncDispose]()
    // A pid file that names a living process which is no server: ours.
    writeFileSync(join(location, 'postmaster.pid'), `${process.pid}\n${location}\n1\n5432\n/tmp\n\n0 0\nready\n`)
    await using again = await place.open()
    expect(await pidOf(again)).not.toBe(process.pid)
  })

  test('and became a zombie does not stand in the way', async () => {
    const store = await place.open()
    const { location } = await store.status()
    const pidFile = join(location, 'postmaster.pid')
    const content = readFileSync(pidFile, 'latin1').split('\n')
    await store[Symbol.asyncDispose]()
    // A shell that becomes another program never reaps its child.
    using parent = new Program('', {}, ['sh', '-c', '(exit 0) & echo $!; exec sleep 60'])
    const zombie = await parent.line()
    await expect.poll(() => isAlive(Number(zombie))).toBe(false)
    writeFileSync(pidFile, [zombie, ...content.slice(1)].join('\n'))
    await using again = await place.open()
    expect(await again.db.selectFrom('events').selectAll().execute()).toEqual([])
  })

  test('is the same whichever link leads to its state', async () => {
    const store = await place.open()
    const link = place.path('link')
    symlinkSync(place.state, link)
    await using again = await place.open({ state: link })
    expect(await pidOf(again)).toBe(await pidOf(store))
    await store[Symbol.asyncDispose]()
  })

  test('by kill -9 comes up again with everything that was committed', async () => {
    const store = await place.open()
    await store.db.insertInto('events').values({ kind: 'before', subject: 'x' }).execute()
    const pid = await pidOf(store)
    process.kill(pid, 'SIGKILL')
    await expect.poll(() => isAlive(pid)).toBe(false)
    await using again = await place.open()
    expect(await pidOf(again)).not.toBe(pid)
    expect(await again.db.selectFrom('events').select('kind').execute()).toEqual([{ kind: 'before' }])
    await store[Symbol.asyncDispose]()
  })

  test('by kill -9 is started again by who goes on working with it', async () => {
    await using store = await place.open()
    await store.db.insertInto('events').values({ kind: 'kept', subject: 'x' }).execute()
    const pid = await pidOf(store)
    process.kill(pid, 'SIGKILL')
    await expect.poll(() => isAlive(pid)).toBe(false)
    const kinds = () => store.db.selectFrom('events').select('kind').where('kind', '=', 'kept').execute()
    const answers = await Promise.allSettled([kinds(), kinds(), kinds()])
    // What a broken connection of the pool was asked fails; what came after it does not.
    expect(answers.filter(({ status }) => status === 'fulfilled')).not.toEqual([])
    expect(await kinds()).toEqual([{ kind: 'kept' }])
    expect(await pidOf(store)).not.toBe(pid)
  })

  test('whose socket was cleared away is started anew', async () => {
    const store = await place.open()
    const pid = await pidOf(store)
    const { rows } = await sql<{
      directory: string
    }>`select current_setting('unix_socket_directories') as directory`.execute(store.db)
    unlinkSync(join(rows[0]?.directory ?? '', '.s.PGSQL.5432'))
    await using again = await place.open()
    expect(await pidOf(again)).not.toBe(pid)
    await store[Symbol.asyncDispose]()
  })

  test.skipIf(!isBuilt)('by a killed command is adopted, and stopped when nobody uses it any more', async () => {
    const source = `
      import { openStore } from '@cordon/server/store'
      const store = await openStore(${JSON.stringify({ state: place.state, clusters: place.clusters })})
      console.log((await store.status()).pid)
      setInterval(() => {}, 1000)`
    using program = new Program(source)
    const pid = Number(await program.line())
    await program.kill()
    expect(isAlive(pid)).toBe(true)
    const store = await place.open()
    expect(await pidOf(store)).toBe(pid)
    await store[Symbol.asyncDispose]()
    expect(isAlive(pid)).toBe(false)
  })

  test.skipIf(!isBuilt)('loses no acknowledged record when the command is killed while writing', async () => {
    const source = `
      import { openStore } from '@cordon/server/store'
      const store = await openStore(${JSON.stringify({ state: place.state, clusters: place.clusters })})
      for (let i = 0; ; i++) {
        await store.db.insertInto('events').values({ kind: 'write', subject: String(i) }).execute()
        console.log(i)
      }`
    let acknowledged = 0
    for (let round = 0; round < 4; round++) {
      using program = new Program(source)
      await program.line(10 + round * 7)
      if (round % 2 === 0) await program.kill()
      else {
        // The server with it: recovery has to bring back what was acknowledged.
        await using peek = await place.open()
        process.kill(await pidOf(peek), 'SIGKILL')
        await program.kill()
      }
      acknowledged += program.lines.length
    }
    await using store = await place.open()
    const { count } = await store.db
      .selectFrom('events')
      .select(({ fn }) => fn.countAll<number>().as('count'))
      .executeTakeFirstOrThrow()
    expect(Number(count)).toBeGreaterThanOrEqual(acknowledged)
  })
})

describe('a place for the database', () => {
  test('whose socket path would be too long is avoided', async () => {
    await using place = new TemporaryState()
    const long = place.path('x'.repeat(90))
    mkdirSync(long, { mode: 0o755 })
    await using store = await place.open({ env: environment({ XDG_RUNTIME_DIR: long }) })
    expect(readdirSync(long)).toEqual([])
    expect((await store.status()).version).toMatch(/^\d+/)
  })

  test('is the runtime directory where the account may enter it', async () => {
    await using place = new TemporaryState()
    const runtime = place.path('run')
    mkdirSync(runtime, { mode: 0o755 })
    await using store = await place.open({ env: environment({ XDG_RUNTIME_DIR: runtime }) })
    const { rows } = await sql<{
      directory: string
    }>`select current_setting('unix_socket_directories') as directory`.execute(store.db)
    expect(rows[0]?.directory.startsWith(`${runtime}/cordon-`)).toBe(true)
  })

  test('without any PostgreSQL says what to do', async () => {
    await using place = new TemporaryState()
    await expect(place.open({ packageRoot: null, systemRoot: place.path('none') })).rejects.toThrow(/DATABASE_URL/)
  })

  const systemRoot = '/usr/lib/postgresql'

  test.skipIf(!existsSync(systemRoot))(
    'made by one major version is served by that one, whatever is preferred',
    async () => {
      await using place = new TemporaryState()
      const version = await (async () => {
        await using store = await place.open({ packageRoot: null })
        return (await store.status()).version
      })()
      await using again = await place.open()
      expect((await again.status()).version).toBe(version)
      await again[Symbol.asyncDispose]()
      await expect(place.open({ systemRoot: place.path('none') })).rejects.toThrow(/is of PostgreSQL \d+/)
    },
  )

  test.skipIf(!isRoot || !isBuilt)('is the state itself for an ordinary user', async () => {
    await using place = new TemporaryState()
    const home = place.path('home')
    const nobody = { uid: 65_534, gid: 65_534 }
    using program = new Program(
      `
      import { mkdirSync, statSync } from 'node:fs'
      import { openStore } from '@cordon/server/store'
      const store = await openStore({ state: ${JSON.stringify(join(home, 'state'))} })
      const { location, pid, notes } = await store.status()
      await store.db.insertInto('events').values({ kind: 'user', subject: 'x' }).execute()
      await store[Symbol.asyncDispose]()
      console.log(JSON.stringify({ location, pid, notes, uid: statSync(location).uid }))`,
      { ...nobody, env: environment({ HOME: home }) },
    )
    // The directory must exist before the program runs as another user; it was made by root.
    mkdirSync(home)
    const { chownSync } = await import('node:fs')
    chownSync(home, nobody.uid, nobody.gid)
    const result: unknown = JSON.parse(await program.line())
    expect(result).toMatchObject({ location: join(home, 'state/pg/data'), notes: [], uid: nobody.uid })
    expect(await program.end()).toBe(0)
  })
})

describe('a database of the user', () => {
  test('is used instead, by DATABASE_URL or by option, and its password is never shown', async () => {
    await using host = new TemporaryState()
    await using managed = await host.open()
    const { rows } = await sql<{
      directory: string
    }>`select current_setting('unix_socket_directories') as directory`.execute(managed.db)
    await sql`create database other`.execute(managed.db)
    await sql`create role visitor login superuser password 'geheim'`.execute(managed.db)
    const url = `postgresql://visitor:geheim@/other?host=${encodeURIComponent(rows[0]?.directory ?? '')}`
    await using place = new TemporaryState()
    const store = await place.open({ env: environment({ DATABASE_URL: url }) })
    const status = await store.status()
    expect(status).toMatchObject({ kind: 'external', pid: undefined, schema: expect.stringMatching(/^\d{4}-/) })
    expect(JSON.stringify(status)).not.toContain('geheim')
    expect(existsSync(join(place.state, 'pg'))).toBe(false)
    await store[Symbol.asyncDispose]()
    await using byOption = await place.open({ databaseUrl: url })
    expect((await byOption.status()).kind).toBe('external')
  })

  test('that does not answer is said so, without the password', async () => {
    await using place = new TemporaryState()
    const failure = await place
      .open({ databaseUrl: 'postgresql://u:geheim@127.0.0.1:1/x' })
      .catch((error: unknown) => error)
    expect(failure).toMatchObject({ name: 'TransportError', code: 'unreachable' })
    expect(String(failure)).not.toContain('geheim')
    expect(String(failure)).toMatch(/DATABASE_URL/)
  })
})

test('a usage error of the store is one', async () => {
  await using place = new TemporaryState()
  await expect(place.open({ env: environment({ CORDON_PG_BIN: '/nowhere' }) })).rejects.toBeInstanceOf(UsageError)
})
