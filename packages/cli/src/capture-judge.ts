import type { CaptureJudgement, CaptureReport } from '@cordon/core/capture'
import { UsageError } from '@cordon/core/errors'
import type { Services } from '@cordon/server/api'
import { readVersion } from '@cordon/server/plants'
import type { Store } from '@cordon/server/store'
import { createWriteStream } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { CommandContext } from './context.ts'
import { runOwnCommand } from './own-command.ts'

/** Longest that a capture is looked at, milliseconds. */
const timeoutMs = 300_000
/** Memory of the process that reads it, MB. */
const memoryMb = 768
/** Flows that are told: a page shows no more. */
const mostFlows = 2000

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
  const args = ['capture', 'analyze', files.capture, '--plant', files.plant]
  const { document, said } = await runOwnCommand(args, { timeoutMs, memoryMb, signal })
  if (document === undefined) {
    const reason = said.find((line) => line.startsWith('cordon:')) ?? 'it took too much time or memory'
    const remedy = 'bring a pcap or pcapng file, or a smaller part of it'
    throw new UsageError(
      'bad-value',
      `the capture cannot be read: ${reason.replaceAll(files.capture, 'the file')}; ${remedy}`,
    )
  }
  // Printed by our own command.
  return document as Analyzed
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
