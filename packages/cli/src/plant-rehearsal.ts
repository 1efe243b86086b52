import { UsageError } from '@cordon/core/errors'
import type { RehearsalReport, SeenConnection } from '@cordon/core/rehearsal'
import type { JobWorld, RehearsalRequest } from '@cordon/server/jobs'
import { currentStages, listConnections, type PlantReader, readModel, readVersion } from '@cordon/server/plants'
import type { Store } from '@cordon/server/store'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runOwnCommand } from './own-command.ts'
import { knowledgeOf } from './rehearsal-knowledge.ts'

/** Longest that a rehearsal takes, milliseconds. */
const timeoutMs = 1_800_000
/** Connections of one page of what was observed. */
const pageSize = 1000

/**
 * Rehearses deployments of a manager's plants: `cordon rehearse` in a process of its own, over what the store holds of the
 * devices and what was observed of their connections. Nothing of the store is opened there.
 */
export function rehearsePlants(state: string, store: Store, reader: PlantReader): NonNullable<JobWorld['rehearse']> {
  return async (request) => {
    const means = { store, reader }
    const { text, simulation } = await readVersion(store, request.plant, request.version)
    const [model, stages, devices, connections] = await Promise.all([
      readModel(means, request.plant, request.version),
      currentStages(store, request.plant),
      knowledgeOf(store, request.plant),
      observedOf(store, reader, request.plant),
    ])
    const zones = new Set(model.plant.zones.map(({ name }) => name))
    const names = new Set(model.plant.devices.map(({ name }) => name))
    const known = { devices: Object.fromEntries([...devices].filter(([name]) => names.has(name))), connections }
    const directory = await mkdtemp(join(state, 'rehearsal-'))
    try {
      const files = { plant: join(directory, 'plant.yaml'), known: join(directory, 'known.json') }
      await writeFile(files.plant, text, { mode: 0o600 })
      if (simulation !== null && simulation !== undefined)
        await writeFile(join(directory, 'simulation.yaml'), simulation, { mode: 0o600 })
      await writeFile(files.known, JSON.stringify(known), { mode: 0o600 })
      const staged = [...stages]
        .filter(([zone]) => zones.has(zone))
        .map(([zone, { stage }]) => `--stage=${zone}=${stage}`)
      const more = request.closeConnections ? ['--close-connections'] : []
      return await rehearsed([files.plant, '--known', files.known, ...staged, ...more], directory, request)
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  }
}

async function observedOf(store: Store, reader: PlantReader, plant: string): Promise<readonly SeenConnection[]> {
  const seen: SeenConnection[] = []
  let after: string | undefined
  do {
    const page = await listConnections({ store, reader }, plant, {
      limit: pageSize,
      ...(after === undefined ? {} : { after }),
    })
    for (const { kind, from, to, class: cls, rpiUs } of page.items)
      if (kind === 'connection' && cls !== undefined)
        seen.push({ from, to, class: cls, ...(rpiUs === undefined ? {} : { rpiUs }) })
    after = page.next
  } while (after !== undefined)
  return seen
}

async function rehearsed(
  args: readonly string[],
  state: string,
  { signal, tell }: RehearsalRequest,
): Promise<RehearsalReport> {
  const { document, said } = await runOwnCommand(['rehearse', ...args, '--state', join(state, 'state')], {
    timeoutMs,
    signal,
    heard: (line) => tell(line.replace(/^\S* ?\[[A-Z]+\] /, '').slice(0, 200)),
  })
  if (document === undefined) {
    const reason = said.findLast((line) => line.startsWith('cordon: '))?.slice('cordon: '.length) ?? 'it took too long'
    throw new UsageError('bad-value', `the rehearsal could not be held: ${reason}`)
  }
  // Printed by our own command.
  return document as RehearsalReport
}
