import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { VirtualPlant } from '@cordon/simulator'
import type { ConnectionsReport } from './connections-child.ts'
import { type Figure, rounded } from './figure.ts'
import { benchPlant } from './virtual-plant.ts'

const devices = 1000
const intervalS = 30
const targetPercent = 10

/**
 * What it costs to look at a thousand virtual devices every 30 seconds: processor time of a process that reads the tables
 * of all, joins and judges them, and finds what changed. Its connections are kept; the first reading opens them and does
 * not count.
 */
export async function connectionFigures(): Promise<Figure[]> {
  const directory = await mkdtemp(join(tmpdir(), 'cordon-bench-'))
  const sealingKey = new Uint8Array(32).fill(7)
  const plant = await VirtualPlant.start({ ...benchPlant(devices, '127.11'), directory, sealingKey, broadcast: null })
  try {
    const { cpuMs, read } = await child()
    const percent = (cpuMs / (intervalS * 1000)) * 100
    return [
      {
        name: 'connections-1000-devices-core',
        value: rounded(percent),
        unit: '% of a core',
        target: `under ${targetPercent} % at one reading in ${intervalS} s; all of ${devices} devices read`,
        met: percent < targetPercent && read === devices,
      },
    ]
  } finally {
    await plant.stop()
    await rm(directory, { recursive: true, force: true })
  }
}

function child(): Promise<ConnectionsReport> {
  const file = fileURLToPath(new URL('./connections-child.js', import.meta.url))
  return new Promise((done, fail) => {
    const process_ = spawn(process.execPath, [file, String(devices)], { stdio: ['ignore', 'pipe', 'inherit'] })
    let text = ''
    process_.stdout.on('data', (part: Buffer) => {
      text += part.toString()
    })
    process_.on('error', fail)
    process_.on('exit', (code) => {
      if (code === 0)
        done(JSON.parse(text) as ConnectionsReport) // written by this file in the child
      else fail(new Error(`the process that looks at the devices ended with ${code}`))
    })
  })
}
