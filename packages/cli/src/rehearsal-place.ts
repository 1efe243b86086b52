import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { UsageError } from '@cordon/core/errors'
import { type FileLock, isMarkAlive, processMark, readIfExists, tryLock, writeDurably } from '@cordon/node/files'
import { destroyStore } from '@cordon/server/store'

/**
 * Networks that rehearsals take, one each: apart from those of the demonstration (127.17, 127.18, 127.60) and of the
 * tests (127.64 and above).
 */
export const rehearsalNetworks: readonly string[] = [
  '127.61',
  '127.62',
  '127.63',
  ...Array.from({ length: 12 }, (_, place) => `127.${48 + place}`),
]

const prefix = 'cordon-rehearsal-'

/** Says whose a directory is, so that what a killed rehearsal left can be told from one that runs. */
const ownerFile = 'owner'

/** A network and a state directory of a rehearsal's own; nothing is left of them when it is closed. */
export interface RehearsalPlace extends AsyncDisposable {
  readonly network: string
  readonly state: string
}

/** As this process's, but for what would lead to another database or another key. */
export function ownEnvironment(): Readonly<Record<string, string | undefined>> {
  const { DATABASE_URL: _url, CORDON_DATABASE_URL: _other, CORDON_KEY_FILE: _key, ...rest } = process.env
  return rest
}

/**
 * Takes a free network and makes a state directory; removes first what rehearsals have left that were killed.
 * @throws UsageError `bad-option` when every network is taken
 */
export async function takePlace(): Promise<RehearsalPlace> {
  await sweep()
  const { network, lock } = await takeNetwork()
  try {
    const state = await mkdtemp(join(tmpdir(), prefix))
    await writeDurably(join(state, ownerFile), processMark())
    return {
      network,
      state,
      [Symbol.asyncDispose]: async () => {
        await clear(state)
        await lock[Symbol.asyncDispose]()
      },
    }
  } catch (error) {
    await lock[Symbol.asyncDispose]()
    throw error
  }
}

async function takeNetwork(): Promise<{ readonly network: string; readonly lock: FileLock }> {
  const directory = join(tmpdir(), `cordon-rehearsals-${process.getuid?.() ?? 0}`)
  const holders: number[] = []
  for (const network of rehearsalNetworks) {
    const found = await tryLock(join(directory, network), 'cordon rehearse')
    if (Symbol.asyncDispose in found) return { network, lock: found }
    holders.push(found.pid)
  }
  throw new UsageError(
    'bad-option',
    `${rehearsalNetworks.length} rehearsals run on this machine already (processes ${holders.join(', ')}); wait for one to end`,
  )
}

/** Removes a state directory with its database, which as root may lie elsewhere. */
async function clear(state: string): Promise<void> {
  await destroyStore({ state, env: ownEnvironment() })
  await rm(state, { recursive: true, force: true })
}

async function sweep(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    if (!name.startsWith(prefix)) continue
    const state = join(tmpdir(), name)
    // Another user's directory, and one that is just being made, say nothing.
    const owner = await readIfExists(join(state, ownerFile), 4096).catch(() => undefined)
    if (owner !== undefined && !isMarkAlive(new TextDecoder().decode(owner))) await clear(state).catch(() => undefined)
  }
}
