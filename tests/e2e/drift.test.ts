import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openStore, type Store } from '@cordon/server/store'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cordon, cordonPath, plantAddresses, type RunningPlant, startPlant, writePlant } from './cli.ts'

let work = ''
let plant: RunningPlant
/** Keeps the database up between the commands, each of which would start and stop it. */
let store: Store

const run = (args: readonly string[]) =>
  cordon(args, { directory: work, environment: { CORDON_STATE: join(work, 'state') } })

interface Kept {
  readonly finding: {
    readonly device: string
    readonly kind: string
    readonly place?: { readonly class: number; readonly attribute: number }
  }
  readonly explanation: { readonly kind: string }
}

/** What differs by the document of a comparison: `Line_PLC 0x5e/1`. */
function differences(open: readonly Kept[]): readonly string[] {
  return open.map(({ finding: { device, kind, place } }) =>
    place === undefined ? `${device} ${kind}` : `${device} 0x${place.class.toString(16)}/${place.attribute}`,
  )
}

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'cordon-drift-'))
  await writePlant(work)
  store = await openStore({ state: join(work, 'state') })
  plant = await startPlant([join(work, 'plant.yaml'), '--state', join(work, 'state')])
  const applied = await run(['apply', 'plant.yaml', '--yes', '--trust-vendor', plant.ready.vendorRoots])
  expect(applied.status, applied.stderr).toBe(0)
}, 90_000)

afterAll(async () => {
  await plant?.stop()
  await store?.[Symbol.asyncDispose]()
  await rm(work, { recursive: true, force: true })
})

describe('drift', () => {
  it('is none after a deployment, and what the model accepts is listed as risk', { timeout: 60_000 }, async () => {
    const { status, stdout, stderr } = await run(['drift', 'plant.yaml'])
    expect(status, stderr).toBe(0)
    expect(stdout).toContain('line is as its model says')
    expect(stdout).toMatch(/trusted address: Line_PLC to Line_Old \(tcp, udp\)/)
    expect(stdout).toMatch(/not enforceable: Line_Old/)
  })

  it('is told by a watcher within one interval when a device loses its policy', { timeout: 90_000 }, async () => {
    const watcher = spawn(
      process.execPath,
      [cordonPath, 'drift', 'plant.yaml', '--watch', '--interval', '1s', '--output', 'json'],
      {
        cwd: work,
        env: { PATH: process.env['PATH'], HOME: process.env['HOME'], CORDON_STATE: join(work, 'state') },
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    )
    const ended = new Promise<number | null>((done) => watcher.once('close', (status) => done(status)))
    let lines = ''
    let heard: () => void = () => {}
    watcher.stdout.setEncoding('utf8').on('data', (text: string) => {
      lines += text
      heard()
    })
    const documents = () =>
      lines
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as { readonly appeared: readonly Kept[] })
    const until = async (holds: () => boolean) => {
      while (!holds()) await new Promise<void>((resume) => (heard = resume))
    }
    try {
      await until(() => documents().length > 0)
      const reset = await run(['device', 'reset', plantAddresses.plc, '1', '--yes', '--plant', 'plant.yaml'])
      expect(reset.status, reset.stderr).toBe(0)
      const before = documents().length
      await until(() => documents().some(({ appeared }) => differences(appeared).includes('Line_PLC 0x5d/1')))
      // The comparison that ran meanwhile may have read it before.
      expect(documents().length).toBeLessThanOrEqual(before + 2)
    } finally {
      watcher.kill('SIGINT')
    }
    expect(await ended).toBe(0)
  })

  it('is named attribute by attribute and kept in the history', {
    timeout: 90_000,
  }, async () => {
    const { status, stdout } = await run(['drift', 'plant.yaml', '--output', 'json'])
    expect(status).toBe(1)
    const { open } = JSON.parse(stdout) as { readonly open: readonly Kept[] }
    const found = differences(open)
    for (const place of ['0x5d/1', '0x5e/1', '0x5e/6', '0x5e/7', '0x63/1']) expect(found).toContain(`Line_PLC ${place}`)
    expect(open.every(({ explanation }) => explanation.kind === 'nobody-known')).toBe(true)
    const only = await run(['drift', 'plant.yaml', '--only', 'Line_IO'])
    expect(only.status, only.stderr).toBe(0)
    const history = await run(['drift', 'plant.yaml', '--history', '--since', '1h', '--output', 'json'])
    const kept = JSON.parse(history.stdout) as { readonly history: readonly (Kept & { readonly goneAt?: string })[] }
    expect(kept.history.length).toBeGreaterThanOrEqual(open.length)
    expect(kept.history.every(({ goneAt }) => goneAt === undefined)).toBe(true)
  })
})
