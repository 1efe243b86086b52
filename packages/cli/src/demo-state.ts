import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { UsageError } from '@cordon/core/errors'
import { privateDirectory, readIfExists, writeDurably } from '@cordon/node/files'
import { destroyStore } from '@cordon/server/store'

/** A state directory that holds this file belongs to the demonstration, which may empty it. */
const marker = 'demonstration'

/** As root the clusters of all states lie together in the default state directory. */
const sharedClusters = 'pg'

/**
 * Empties the state of the demonstration, so that each run begins with factory-new devices and an authority without a
 * past. A state that belongs to a real plant is never touched.
 * @throws UsageError `bad-option` for a state that is not the demonstration's
 */
export async function freshDemoState(state: string): Promise<void> {
  const isOurs = (await readIfExists(join(state, marker))) !== undefined
  const content = (await readdir(state).catch(() => [])).filter((name) => name !== sharedClusters)
  if (!isOurs && content.length > 0) {
    throw new UsageError(
      'bad-option',
      `${state} holds ${content.slice(0, 3).join(', ')}: not made by the demonstration, which touches nothing of yours. Give it another directory: --state DIRECTORY`,
    )
  }
  if (isOurs) {
    await destroyStore({ state })
    for (const name of content) await rm(join(state, name), { recursive: true, force: true })
  }
  await privateDirectory(state)
  await writeDurably(join(state, marker), 'made by cordon demo, which empties this directory when it starts\n')
}
