import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { pinnedFetch } from '../../packages/cli/src/remote/pinned-fetch.ts'
import { cordon, plantAddresses, type RunningPlant, startPlant, writePlant } from './cli.ts'
import { type RunningManager, startManager } from './manager.ts'

/** The guided first hour by `cordon --server` alone, from the one-time link to a verified deployment. */

let work = ''
let plant: RunningPlant
let manager: RunningManager

const environment = () => ({ CORDON_STATE: join(work, 'other-state'), XDG_CONFIG_HOME: join(work, 'config') })
const run = (args: readonly string[]) => cordon(args, { directory: work, environment: environment() })
const remote = (...args: readonly string[]) => run(['--server', manager.origin, ...args, '--output', 'json'])

async function document<T>(...args: readonly string[]): Promise<T> {
  const { status, stdout, stderr } = await remote(...args)
  expect(status, `${args.join(' ')}: ${stderr}${stdout}`).toBe(0)
  return JSON.parse(stdout) as T
}

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'cordon-manager-'))
  await writePlant(work)
  await writeFile(join(work, 'password'), 'correct horse battery staple\n', { mode: 0o600 })
  plant = await startPlant([join(work, 'plant.yaml'), '--state', join(work, 'state')])
  manager = await startManager(work)
}, 120_000)

afterAll(async () => {
  await manager?.stop()
  await plant?.stop()
  await rm(work, { recursive: true, force: true })
})

describe('the first hour by commands', () => {
  it('begins with the one-time link, which is good once', { timeout: 60_000 }, async () => {
    const link = manager.firstRun ?? ''
    const login = ['login', link, '--as', 'anna', '--password-file', 'password', '--output', 'json']
    const pinned = ['--server-fingerprint', manager.fingerprint]
    const distrusted = await run([...login, '--server-fingerprint', 'a'.repeat(64)])
    expect(distrusted.status).toBe(4)
    expect(distrusted.stderr).toContain(manager.fingerprint)
    const first = await run([...login, ...pinned])
    expect(first.status, first.stderr).toBe(0)
    expect(JSON.parse(first.stdout)).toMatchObject({ user: 'anna', roles: ['administrator'] })
    const kept = join(work, 'config', 'cordon', 'servers.json')
    expect((await stat(kept)).mode & 0o777).toBe(0o600)
    expect(first.stdout).not.toContain('cordon_')
    const again = await run([...login, ...pinned])
    expect(again.status).not.toBe(0)
  })

  it('saves the plant, and refuses a text with errors by line', { timeout: 60_000 }, async () => {
    const saved = await document<{ version: number }>('plant', 'save', 'plant.yaml', '-m', 'first')
    expect(saved.version).toBe(1)
    const text = await readFile(join(work, 'plant.yaml'), 'utf8')
    await writeFile(join(work, 'broken.yaml'), text.replace('zones:', 'zonen:'))
    const refused = await remote('plant', 'save', 'broken.yaml', '-m', 'broken')
    expect(refused.status).toBe(2)
    expect(refused.stdout).toContain('zonen')
    const { items } = await document<{ items: { name: string; devices: number }[] }>('plant', 'list')
    expect(items).toMatchObject([{ name: 'line' }])
  })

  it('discovers, plans, deploys and verifies', { timeout: 180_000 }, async () => {
    const found = await document<{ items: { address: string }[] }>('discover', plantAddresses.plc, '--into', 'line')
    expect(found.items.map(({ address }) => address)).toContain(plantAddresses.plc)
    await document('vendor', 'add', plant.ready.vendorRoots)
    const planned = await document<{ plan: { devices: { device: string; action: string }[] } }>('plan', 'line')
    expect(planned.plan.devices.map(({ action }) => action)).toContain('commission')
    const deployed = await document<{ devices: { failed: number; total: number } }>('apply', 'line', '--yes')
    expect(deployed.devices.failed).toBe(0)
    const verified = await document<{ result: { verdict: string; checks: unknown[] } }>('verify', 'line')
    expect(verified.result.verdict).toBe('pass')
    expect(verified.result.checks.length).toBeGreaterThan(20)
  })

  it('finds nothing more to do, and shows who did what', { timeout: 120_000 }, async () => {
    const planned = await document<{ plan: { devices: { action: string }[] } }>('plan', 'line')
    expect(planned.plan.devices.every(({ action }) => action === 'nothing' || action === 'leave')).toBe(true)
    const { items } = await document<{ items: { action: string; actor: string }[] }>('audit', '--limit', '200')
    const actions = items.map(({ action }) => action)
    for (const part of ['plants', 'jobs'])
      expect(
        actions.some((action) => action.startsWith(part)),
        part,
      ).toBe(true)
    const { items: plants } = await document<{ items: object[] }>('plant', 'list')
    expect(plants).toMatchObject([{ name: 'line', deployed: { version: 1, outcome: 'complete-with-warnings' } }])
    const jobs = await document<{ items: { kind: string; state: string }[] }>('job', 'list')
    expect(jobs.items.filter(({ kind }) => kind === 'deploy').map(({ state }) => state)).toEqual([
      'complete-with-warnings',
    ])
  })

  it('rehearses on a twin of the plant', { timeout: 180_000 }, async () => {
    const { result } = await document<{
      result: { outcome: string; devices: unknown[]; verification: { verdict: string } }
    }>('rehearse', 'line')
    expect(result.verification.verdict).toBe('pass')
    expect(result.devices.length).toBeGreaterThan(1)
  })

  it('judges a capture that somebody brings, and refuses what is none', { timeout: 60_000 }, async () => {
    const kept = JSON.parse(await readFile(join(work, 'config', 'cordon', 'servers.json'), 'utf8')) as object
    const { token } = Object.values(kept)[0] as { readonly token: string }
    const upload = async (bytes: Uint8Array<ArrayBuffer>) => {
      const send = pinnedFetch({ fingerprint: manager.fingerprint }, new AbortController().signal)
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/octet-stream' }
      const address = `${manager.origin}/api/v1/plants/line/captures`
      const answer = await send(new Request(address, { method: 'POST', headers, body: bytes }))
      return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
    }
    // The head of a pcap file without packets, little-endian, Ethernet.
    const empty = Buffer.from('d4c3b2a1020004000000000000000000ffff000001000000', 'hex')
    expect(await upload(new Uint8Array(empty))).toMatchObject({ status: 200, body: { packets: 0, disobeying: 0 } })
    const refused = await upload(new TextEncoder().encode('hello, this is no capture'))
    expect(refused.status).toBe(422)
    expect(refused.body['message']).not.toContain('an empty file')
  })

  it('refuses who signed out', { timeout: 60_000 }, async () => {
    await document('logout')
    const { status, stderr } = await remote('plant', 'list')
    expect(status).toBe(2)
    expect(stderr).toContain('nobody signed in')
  })
})
