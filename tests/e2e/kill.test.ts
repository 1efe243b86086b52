import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { destroyStore } from '@cordon/server/store'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { testAddress } from '../interop/address.ts'

const run = promisify(execFile)
const cordon = resolve('packages/cli/bin/cordon.mjs')

const names = ['Press_1', 'Press_2', 'Press_3']

const plantText = `version: 1
plant: kill
authority: { key: ecdsa-p256, subject: { organization: Example Works }, device: { validity: 5y } }
nonSecure: deny
manager: Manager
zones:
  line:       { authentication: certificate, messaging: confidentiality, io: confidentiality, close: [tcp/44818] }
  operations: { authentication: certificate, messaging: confidentiality, io: confidentiality }
devices:
  Manager: { address: ${testAddress(250)}, zone: operations, role: originator }
${names.map((name, i) => `  ${name}: { address: ${testAddress(i + 1)}, zone: line }`).join('\n')}
`

const simulationText = `version: 1
plant: kill
vendors:
  maker: { vendor: 77, organization: Example Maker, country: US }
models:
  press:
    kind: adapter
    identity: { vendor: 77, type: 12, product: 1, revision: [1, 1], name: Press }
    security: { credential: { vendor: maker } }
devices:
${names.map((name, i) => `  ${name}: { model: press, identity: { serial: ${4096 + i} } }`).join('\n')}
`

/** Steps of a device's transaction at which a process is killed: the journal says when it gets there. */
const steps = [
  'read',
  'key',
  'certificate',
  'begin-config',
  'files',
  'install',
  'settings',
  'apply',
  'identity',
  'end-config',
  'read-back',
  'overlap-rules',
  'final-rules',
  'ports',
]

/** Each round begins with a plant fresh from the factory. */
describe('kill -9', () => {
  let work = ''
  let plant: ChildProcess | undefined
  let round = 0
  const state = (): string => join(work, `state-${round}`)
  const devices = (): string => join(work, `devices-${round}`)
  const file = (): string => join(work, 'plant.yaml')

  beforeAll(async () => {
    work = await mkdtemp(join(tmpdir(), 'cordon-kill-'))
    await writeFile(file(), plantText)
    await writeFile(join(work, 'simulation.yaml'), simulationText)
  })

  afterAll(async () => {
    plant?.kill('SIGKILL')
    await rm(work, { recursive: true, force: true })
  })

  it.each(steps)('of the deploying process at step %s is finished by --resume', { timeout: 120_000 }, async (step) => {
    await begin()
    try {
      const killed = await applyUntil(step)
      expect(killed, 'the deployment reached the step').toBe(true)
      await finish()
    } finally {
      await end()
    }
  })

  it.each([150, 400, 800])(
    'of all devices %i ms into a deployment leaves each in its old or new settings',
    { timeout: 120_000 },
    async (delay) => {
      await begin()
      try {
        const deploying = apply([])
        await sleep(delay)
        await kill(plant)
        await ended(deploying)
        await startPlant()
        await finish()
      } finally {
        await end()
      }
    },
  )

  async function begin(): Promise<void> {
    round++
    await startPlant()
  }

  async function end(): Promise<void> {
    await kill(plant)
    await destroyStore({ state: state() })
  }

  async function startPlant(): Promise<void> {
    plant = spawn(
      process.execPath,
      [cordon, 'simulate', file(), '--state', state(), '--directory', devices(), '--no-broadcast', '--output', 'json'],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    )
    const child = plant
    let complaint = ''
    child.stderr?.on('data', (text: Buffer) => {
      complaint += text.toString()
    })
    await new Promise<void>((done, fail) => {
      child.stdout?.on('data', (text: Buffer) => {
        if (text.toString().includes('"ready"')) done()
      })
      child.once('exit', (code) => fail(new Error(`the plant ended with ${code}: ${complaint}`)))
    })
  }

  function apply(more: readonly string[]): ChildProcess {
    const roots = join(devices(), 'vendor-roots.pem')
    return spawn(
      process.execPath,
      [cordon, 'apply', file(), '--state', state(), '--trust-vendor', roots, '--yes', '--output', 'json', ...more],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { ...process.env, CORDON_TRACE_STEPS: '1' },
      },
    )
  }

  /** Deploys, and kills the process as soon as any device is at the step. */
  async function applyUntil(step: string): Promise<boolean> {
    const child = apply([])
    let killed = false
    let line = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      line += text
      if (!killed && line.includes(`step ${step} `)) {
        killed = true
        child.kill('SIGKILL')
      }
    })
    await ended(child)
    return killed
  }

  /** Takes the deployment up again; afterwards everything holds, and Cordon opens every device. */
  async function finish(): Promise<void> {
    const roots = join(devices(), 'vendor-roots.pem')
    // A device gives a begun configuration up after ten seconds of silence; until then it lets nobody else configure.
    const resumed = await run(process.execPath, [
      cordon,
      'apply',
      file(),
      '--resume',
      '--state',
      state(),
      '--trust-vendor',
      roots,
      '--yes',
      '--output',
      'json',
    ]).catch((error: { stdout: string; stderr: string }) => {
      throw new Error(`resume failed: ${error.stderr.slice(-2000)}\n${error.stdout.slice(-3000)}`)
    })
    const report = JSON.parse(resumed.stdout) as {
      outcome: string
      devices: { device: string; outcome: string; messages: unknown[] }[]
    }
    expect(report.devices.filter(({ outcome }) => outcome === 'not-complete')).toEqual([])
    const verified = await run(process.execPath, [cordon, 'verify', file(), '--state', state(), '--output', 'json'], {
      maxBuffer: 64 * 1024 * 1024,
    }).catch((error: { stdout: string }) => ({ stdout: error.stdout }))
    const { checks } = JSON.parse(verified.stdout) as {
      checks: { id: string; subject: string; verdict: string; reason: string }[]
    }
    expect(checks.filter(({ verdict }) => verdict === 'fail')).toEqual([])
    expect(checks.length).toBeGreaterThan(50)
  }
})

function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
  return new Promise((done) => child.once('exit', () => done()))
}

async function kill(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined) return
  child.kill('SIGKILL')
  await ended(child)
}
