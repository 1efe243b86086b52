import type { CaptureJudgement, CaptureReport } from '@cordon/core/capture'
import { UsageError } from '@cordon/core/errors'
import type { Services } from '@cordon/server/api'
import { readVersion } from '@cordon/server/plants'
import type { Store } from '@cordon/server/store'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import type { CommandContext } from './context.ts'

/** Longest that a capture is looked at, milliseconds. */
const timeoutMs = 300_000
/** Memory of the process that reads it, MB. */
const memoryMb = 768
/** Largest report that is taken, bytes. */
const longestReport = 64 * 1024 * 1024
/** Flows that are told: a page shows no more. */
const mostFlows = 2000

const command = fileURLToPath(new URL('../bin/cordon.mjs', import.meta.url))

/**
 * Judges a capture that somebody brought by the newest version of a plant: `cordon capture analyze` in a process of its
 * own, with bounded memory and time, over files that are gone afterwards. A capture is hostile until it is decoded.
 */
export function judgeCapture({ state }: Pick<CommandContext, 'state'>, store: Store): Services['judgeCapture'] {
  return async (plant, capture, signal) => {
    const { text } = await readVersion(store, plant)
    const directory = await mkdtemp(join(state, 'capture-'))
    try {
      const files = { plant: join(directory, 'plant.yaml'), capture: join(directory, 'capture') }
      await writeFile(files.plant, text, { mode: 0o600 })
      await pipeline(capture, createWriteStream(files.capture, { mode: 0o600 }), { signal })
      return verdictOf(await analyzed(files, signal))
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  }
}

type Analyzed = CaptureReport & { readonly judgement: CaptureJudgement }

async function analyzed(
  files: { readonly plant: string; readonly capture: string },
  signal: AbortSignal,
): Promise<Analyzed> {
  const child = spawn(
    process.execPath,
    [
      `--max-old-space-size=${memoryMb}`,
      command,
      ...['capture', 'analyze', files.capture, '--plant', files.plant, '--output', 'json'],
    ],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      // Nothing of the manager's secrets: neither the database nor the key of the state.
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], NO_COLOR: '1' },
    },
  )
  const parts: Buffer[] = []
  let length = 0
  let said = ''
  child.stdout.on('data', (part: Buffer) => {
    length += part.length
    if (length > longestReport) child.kill('SIGKILL')
    else parts.push(part)
  })
  child.stderr.on('data', (part: Buffer) => {
    said = `${said}${part.toString()}`.slice(-2000)
  })
  await once(child, 'close')
  try {
    // Of our own command; whatever else it printed is no JSON.
    return JSON.parse(Buffer.concat(parts).toString()) as Analyzed
  } catch (cause) {
    const reason = said.split('\n').find((line) => line.startsWith('cordon:')) ?? 'it took too much time or memory'
    const remedy = 'bring a pcap or pcapng file, or a smaller part of it'
    throw new UsageError(
      'bad-value',
      `the capture cannot be read: ${reason.replaceAll(files.capture, 'the file')}; ${remedy}`,
      { cause },
    )
  }
}

function verdictOf({ judgement, packets, notRead }: Analyzed): Awaited<ReturnType<Services['judgeCapture']>> {
  const { counts } = judgement
  const flows = judgement.flows.slice(0, mostFlows)
  const notes = [...judgement.unjudged, ...notRead.map(({ what, count }) => `${count} × ${what}`)]
  const left = judgement.flows.length - flows.length
  return {
    packets: packets.packets,
    unreadable: notRead.reduce((sum, { count }) => sum + count, 0),
    flows: flows.map(({ from, to, transport, port, protection, verdict, reason, count }) => ({
      from: from.name ?? from.address,
      to: to.name ?? to.address,
      protocol: `${transport}/${port}`,
      verdict,
      reason,
      protection: protection ?? 'unknown',
      packets: count,
    })),
    disobeying: counts.forbidden + counts.weaker + counts['unknown-peer'],
    notes: left === 0 ? notes : [...notes, `${left} more flows are not listed`],
  }
}
