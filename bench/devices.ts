import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { DevicesReport } from './devices-child.ts'
import { type Figure, median, rounded } from './figure.ts'

const runs = 5
const devices = 1000

/** Memory and start of a thousand virtual devices in factory default, state on disk; each run in a process of its own. */
export async function deviceFigures(): Promise<Figure[]> {
  const empty: DevicesReport[] = []
  const full: DevicesReport[] = []
  for (let i = 0; i < runs; i++) {
    empty.push(await child(0))
    full.push(await child(devices))
  }
  const baseline = median(empty.map(({ rssMiB }) => rssMiB))
  const memory = median(full.map(({ rssMiB }) => rssMiB)) - baseline
  const seconds = median(full.map((report) => report.seconds))
  return [
    {
      name: 'virtual-devices-1000-memory-above-empty',
      value: rounded(memory),
      unit: 'MiB',
      baseline: rounded(baseline),
      target: 'at most 256 MiB more than an empty process',
      met: memory <= 256,
    },
    { name: 'virtual-devices-1000-start', value: rounded(seconds), unit: 's', target: 'at most 5 s', met: seconds <= 5 },
  ]
}

function child(count: number): Promise<DevicesReport> {
  const file = fileURLToPath(new URL('./devices-child.js', import.meta.url))
  return new Promise((done, fail) => {
    const process_ = spawn(process.execPath, [file, String(count)], { stdio: ['ignore', 'pipe', 'inherit'] })
    let text = ''
    process_.stdout.on('data', (part: Buffer) => {
      text += part.toString()
    })
    process_.on('error', fail)
    process_.on('exit', (code) => {
      if (code === 0) done(JSON.parse(text) as DevicesReport)
      else fail(new Error(`the process with ${count} devices ended with ${code}`))
    })
  })
}
