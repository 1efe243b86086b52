import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { UsageError } from '@cordon/core/errors'
import type { ServerTrust } from './pinned-fetch.ts'

/** A manager that somebody signed in to from this account. */
export interface KnownServer extends ServerTrust {
  /** API token. */
  readonly token: string
  /** Name of who signed in. */
  readonly user: string
  /** Id of the token, to revoke it. */
  readonly tokenId: string
}

/** By origin, such as `https://127.0.0.1:8443`. */
type Servers = Readonly<Record<string, KnownServer>>

function placeOf(environment: Readonly<Record<string, string | undefined>>): string {
  const home = environment['XDG_CONFIG_HOME'] || join(environment['HOME'] || homedir(), '.config')
  return join(home, 'cordon', 'servers.json')
}

async function readServers(place: string): Promise<Servers> {
  let text: string
  try {
    text = await readFile(place, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return {}
    throw new UsageError('bad-option', `${place} cannot be read`, { cause: error })
  }
  try {
    // Written by this file alone; a token that is none is refused by the manager.
    return JSON.parse(text) as Servers
  } catch (cause) {
    throw new UsageError('bad-option', `${place} is not JSON; delete it and sign in again with \`cordon login\``, {
      cause,
    })
  }
}

/** What is known of a manager; undefined before anybody signed in there. */
export async function knownServer(origin: string, environment = process.env): Promise<KnownServer | undefined> {
  return (await readServers(placeOf(environment)))[origin]
}

/** Keeps, or with `undefined` forgets, how a manager is reached; readable by its owner alone. */
export async function keepServer(
  origin: string,
  server: KnownServer | undefined,
  environment = process.env,
): Promise<string> {
  const place = placeOf(environment)
  const { [origin]: _, ...others } = await readServers(place)
  const after = server === undefined ? others : { ...others, [origin]: server }
  await mkdir(dirname(place), { recursive: true, mode: 0o700 })
  const fresh = `${place}.${process.pid}`
  await writeFile(fresh, `${JSON.stringify(after, undefined, 2)}\n`, { mode: 0o600 })
  await rename(fresh, place)
  return place
}
