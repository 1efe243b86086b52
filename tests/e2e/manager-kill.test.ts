import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ApiClient, ApiProblem, answered, apiClient } from '@cordon/client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { pinnedFetch } from '../../packages/cli/src/remote/pinned-fetch.ts'
import { cordon, plantText, writePlant } from './cli.ts'
import { type RunningManager, startManager } from './manager.ts'

/** Manager and database are killed while somebody saves: whatever was acknowledged is there. */

/** Each second time the manager, else the database. */
const rounds = Number(process.env['CORDON_KILLS'] ?? 6)

let work = ''
let manager: RunningManager
let token = ''
let cluster = ''
const ending = new AbortController()

const client = (): ApiClient =>
  apiClient({
    server: manager.origin,
    token,
    fetch: pinnedFetch({ fingerprint: manager.fingerprint }, ending.signal),
  })

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'cordon-manager-kill-'))
  await writePlant(work)
  await writeFile(join(work, 'password'), 'correct horse battery staple\n', { mode: 0o600 })
  manager = await startManager(work)
  const login = ['login', manager.firstRun ?? '', '--as', 'anna', '--password-file', 'password']
  const { status, stderr } = await cordon([...login, '--server-fingerprint', manager.fingerprint], {
    directory: work,
    environment: { XDG_CONFIG_HOME: join(work, 'config') },
  })
  expect(status, stderr).toBe(0)
  const kept = JSON.parse(await readFile(join(work, 'config', 'cordon', 'servers.json'), 'utf8')) as object
  token = (Object.values(kept)[0] as { readonly token: string }).token
  await answered(client().POST('/api/v1/plants', { body: { text: plantText, message: 'first' } }))
  const { store } = await answered(client().GET('/api/v1/system', {}))
  cluster = store.location
}, 120_000)

afterAll(async () => {
  ending.abort()
  await manager?.stop()
  await rm(work, { recursive: true, force: true })
})

/** Saves version after version until told to end; a save that failed may be there or not, and is looked for. */
async function save(end: AbortSignal, acknowledged: Map<number, string>): Promise<void> {
  for (let turn = 0; !end.aborted; turn++) {
    const message = `change ${turn} of ${Date.now()}`
    try {
      const base = (await answered(client().GET('/api/v1/plants/{plant}', { params: { path: { plant: 'line' } } })))
        .version
      const saved = await answered(
        client().POST('/api/v1/plants/{plant}/versions', {
          params: { path: { plant: 'line' } },
          body: { base, text: `${plantText}# ${message}\n`, message },
        }),
      )
      acknowledged.set(saved.version, message)
    } catch (error) {
      // The manager is gone, or says that its database is.
      if (error instanceof ApiProblem && error.status < 500) throw error
      await sleep(250)
    }
  }
}

async function killDatabase(): Promise<void> {
  const pid = Number((await readFile(join(cluster, 'postmaster.pid'), 'utf8')).split('\n')[0])
  process.kill(pid, 'SIGKILL')
}

/** Until it answers again. */
async function answers(): Promise<void> {
  for (let turn = 0; turn < 60; turn++) {
    const found = await client()
      .GET('/api/v1/plants', {})
      .catch(() => undefined)
    if (found?.response.ok === true) return
    await sleep(500)
  }
  throw new Error(`the manager does not answer:\n${manager.log().slice(-2000)}`)
}

describe('what was acknowledged', () => {
  it(`is there after ${rounds} kills of manager and database during writes`, { timeout: rounds * 20_000 }, async () => {
    const acknowledged = new Map<number, string>()
    for (let round = 0; round < rounds; round++) {
      const end = new AbortController()
      const writing = save(end.signal, acknowledged)
      const before = acknowledged.size
      for (let turn = 0; turn < 200 && acknowledged.size < before + 3; turn++) await sleep(20)
      await sleep(Math.random() * 60)
      if (round % 2 === 0) {
        await manager.kill()
        end.abort()
        await writing
        manager = await startManager(work)
      } else {
        await killDatabase()
        await answers()
        end.abort()
        await writing
      }
    }
    expect(acknowledged.size).toBeGreaterThanOrEqual(rounds * 3)
    const kept = new Map<number, string>()
    for (let cursor: string | undefined; ; ) {
      const query = { limit: 200, ...(cursor === undefined ? {} : { cursor }) }
      const page = await answered(
        client().GET('/api/v1/plants/{plant}/versions', { params: { path: { plant: 'line' }, query } }),
      )
      for (const { version, message } of page.items) kept.set(version, message)
      if (page.next === null) break
      cursor = page.next
    }
    for (const [version, message] of acknowledged) expect(kept.get(version), `version ${version}`).toBe(message)
    const check = await answered(client().GET('/api/v1/audit/check', {}))
    expect(check).toMatchObject({ whole: true })
  })
})
