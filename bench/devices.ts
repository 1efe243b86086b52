import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { DevicesReport } from './devices-child.ts'
import { type Figure, median, rounded } from './figure.ts'

const runs = 5
const devices = 1000

/** Most memory above an empty process, MiB, and longest start, seconds. */
const target = { memory: 256, seconds: 5 }

/**
 * Memory and start of a thousand virtual devices with their state on disk, each run in a process of its own: factory
 * fresh and made in that run, factory fresh and found on disk, commissioned and found on disk.
 */
export async function deviceFigures(): Promise<Figure[]> {
  const empty: DevicesReport[] = []
  const made: DevicesReport[] = []
  const found: DevicesReport[] = []
  const commissioned: DevicesReport[] = []
  await withDirectory(async (commissionedPlant) => {
    await child(devices, commissionedPlant, 'commission')
    for (let i = 0; i < runs; i++) {
      empty.push(await child(0))
      await withDirectory(async (directory) => {
        made.push(await child(devices, directory))
        found.push(await child(devices, directory))
      })
      commissioned.push(await child(devices, commissionedPlant))
    }
  })
  const baseline = median(empty.map(({ rssMiB }) => rssMiB))
  return [
    ...figures('virtual-devices-1000', made, baseline, true),
    ...figures('virtual-devices-1000-found', found, baseline, false),
    ...figures('virtual-devices-1000-commissioned', commissioned, baseline, false),
  ]
}

function figures(name: string, reports: readonly DevicesReport[], baseline: number, judged: boolean): Figure[] {
  const memory = median(reports.map(({ rssMiB }) => rssMiB)) - baseline
  const seconds = median(reports.map((report) => report.seconds))
  const memoryTarget = `at most ${target.memory} MiB more than an empty process`
  const secondsTarget = `at most ${target.seconds} s`
  return [
    {
      name: `${name}-memory-above-empty`,
      value: rounded(memory),
      unit: 'MiB',
      baseline: rounded(baseline),
      target: judged ? memoryTarget : 'reported',
      ...(judged ? { met: memory <= target.memory } : {}),
    },
    {
      name: `${name}-start`,
      value: rounded(seconds),
      unit: 's',
      target: judged ? secondsTarget : 'reported',
      ...(judged ? { met: seconds <= target.seconds } : {}),
    },
  ]
}

async function withDirectory(use: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'cordon-bench-'))
  try {
    await use(directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

function child(count: number, ...args: readonly string[]): Promise<DevicesReport> {
  const file = fileURLToPath(new URL('./devices-child.js', import.meta.url))
  return new Promise((done, fail) => {
    const process_ = spawn(process.execPath, [file, String(count), ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
    let text = ''
    process_.stdout.on('data', (part: Buffer) => {
      text += part.toString()
    })
    process_.on('error', fail)
    process_.on('exit', (code) => {
      if (code === 0)
        done(JSON.parse(text) as DevicesReport) // written by this file in the child
      else fail(new Error(`the process with ${count} devices ended with ${code}`))
    })
  })
}
