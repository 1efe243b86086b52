import { spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openStore, type Store } from '@cordon/server/store'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  cordon,
  cordonPath,
  plantAddresses,
  type RunningPlant,
  type RunOptions,
  startPlant,
  writePlant,
} from './cli.ts'

const { io, old, manager, nobody } = plantAddresses

let work = ''
let plant: RunningPlant
/** Keeps the database up between the commands, each of which would start and stop it. */
let store: Store

const run = (args: readonly string[], options: RunOptions = {}) =>
  cordon(args, {
    directory: work,
    ...options,
    environment: { CORDON_STATE: join(work, 'state'), ...options.environment },
  })

/** What a person reads; kept where somebody asks for it, for the documentation. */
async function text(name: string, args: readonly string[]) {
  const ended = await run(args, { environment: { COLUMNS: '120' } })
  const keep = process.env['CORDON_KEEP_OUTPUT']
  if (keep !== undefined)
    await writeFile(join(keep, name), `$ cordon ${args.join(' ')}\n${ended.stdout}exit ${ended.status}\n`)
  return ended
}

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'cordon-doctor-'))
  await writePlant(work)
  store = await openStore({ state: join(work, 'state') })
  plant = await startPlant([join(work, 'plant.yaml'), '--state', join(work, 'state')])
})

afterAll(async () => {
  await plant?.stop()
  await store?.[Symbol.asyncDispose]()
  await rm(work, { recursive: true, force: true })
})

describe('a device that somebody examines', () => {
  it('is new, plain, nobody, or meant by no name', async () => {
    const [alone, known, plain, gone, unknown, nameless] = await Promise.all([
      text('new', ['doctor', io]),
      text('not-commissioned', ['doctor', 'Line_IO', '--plant', 'plant.yaml']),
      text('plain', ['doctor', old]),
      text('nobody', ['doctor', nobody, '--timeout', '1']),
      run(['doctor', 'Nobody_1', '--plant', 'plant.yaml']),
      run(['doctor', 'Line_IO']),
    ])
    expect(alone.stdout, alone.stderr).toMatch(/as it left the factory/)
    expect(alone.stderr).toContain('Climb to')
    expect(alone.status).toBe(0)
    expect(known.stdout).toMatch(
      /✖ Security objects +broken[\s\S]*\[not-commissioned\][\s\S]*cordon apply PLANT --only Line_IO/,
    )
    expect(known.status).toBe(1)
    expect(plain.stdout).toMatch(/\[plain-only\]/)
    expect(plain.status).toBe(0)
    expect(gone.stdout).toMatch(/✖ Ports +broken/)
    expect(gone.status).toBe(1)
    expect(unknown.stderr).toMatch(/has no device "Nobody_1"/)
    expect(nameless.stderr).toMatch(/expected an address like/)
    expect([unknown.status, nameless.status]).toEqual([2, 2])
  })

  it('is commissioned: every rung holds for its manager, and others end at the session', async () => {
    const applied = await run(['apply', 'plant.yaml', '--trust-vendor', plant.ready.vendorRoots, '--yes'])
    expect(applied.status, applied.stderr).toBe(0)
    const scanLine = ['scan', io, '--from', manager, '--transport', 'tls', '--plant', 'plant.yaml']
    const [holds, json, stranger, scanned] = await Promise.all([
      text('holds', ['doctor', 'Line_IO', '--plant', 'plant.yaml']),
      run(['doctor', io, '--plant', 'plant.yaml', '--output', 'json']),
      text('no-plant', ['doctor', io, '--from', manager]),
      text('scan', scanLine),
    ])
    expect(holds.stdout, holds.stderr).toMatch(
      /✔ Policy +holds[\s\S]*every setting is as compiled[\s\S]*Line_IO \(.*\): every rung holds/,
    )
    expect(holds.status).toBe(0)
    expect(JSON.parse(json.stdout)).toMatchObject({ target: io, device: 'Line_IO', verdict: 'holds' })
    expect(stranger.stdout).toMatch(/! Session +could not be tried[\s\S]*\[identity-needed\][\s\S]*--plant PLANT/)
    expect(stranger.status).toBe(3)
    expect(scanned.stdout).toMatch(/Chain: leads to an authority of the plant/)
    expect(scanned.stdout).toMatch(/client certificate: asked for: yes, insisted on: yes/)
    expect(scanned.stdout).not.toMatch(/^✖/m)
    expect(scanned.status).toBe(0)
  })
})

/** A network of its own, with a neighbour that nobody answers for. */
const network = `ip link set lo up && ip link add v0 type veth peer name v1 && ip addr add 192.0.2.1/24 dev v0 &&
  ip link set v0 up && ip link set v1 up`
const mayUnshare = spawnSync('unshare', ['-rn', 'sh', '-c', network]).status === 0

describe.skipIf(!mayUnshare)(
  'a route that leads nowhere (skipped without the right to make a network namespace)',
  () => {
    const inside = (script: string, target: string) =>
      spawnSync(
        'unshare',
        [
          '-rn',
          'sh',
          '-c',
          `${network} && ${script} && exec "$0" "$@"`,
          process.execPath,
          cordonPath,
          'doctor',
          target,
          '--timeout',
          '5',
          '-o',
          'json',
        ],
        {
          encoding: 'utf8',
          timeout: 60_000,
        },
      )

    it.each([
      ['there is no network of that name', 'true', '198.51.100.7', 'no-route', 'route'],
      ['nobody has the address', 'true', '192.0.2.7', 'no-route', 'route'],
      [
        'packets vanish',
        'ip neigh add 192.0.2.7 lladdr 02:00:00:00:00:07 dev v0 nud permanent',
        '192.0.2.7',
        'host-silent',
        'ports',
      ],
    ])('because %s', (_, script, target, code, rung) => {
      const { stdout, stderr, status } = inside(script, target)
      expect(status, stderr).toBe(1)
      const { rungs } = JSON.parse(stdout) as { rungs: { id: string; verdict: string; findings: { code: string }[] }[] }
      const broken = rungs.find(({ verdict }) => verdict === 'broken')
      expect(broken).toMatchObject({ id: rung, findings: [{ code }] })
    })
  },
)
