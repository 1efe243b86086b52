import { readFile } from 'node:fs/promises'
import type { AuthorityPlan, SubjectTemplate } from '@cordon/core/authority'
import { TransportError, UsageError } from '@cordon/core/errors'
import type { AuthoritySubject, Plant } from '@cordon/core/policy'
import { privateDirectory } from '@cordon/node/files'
import { authorityHardware } from '@cordon/node/pkcs11'
import { openAuthority, type StoreAuthority } from '@cordon/server/authority'
import { openStore, type Store } from '@cordon/server/store'
import type { CommandContext } from './context.ts'

/** The store of this state with the authority in it, open for one command. */
export interface Workspace extends AsyncDisposable {
  readonly store: Store
  readonly authority: StoreAuthority
}

/** Opens the state directory's store. The first command starts the database, the last one stops it. */
export async function openWorkspace(context: CommandContext): Promise<Workspace> {
  const url = context.settings['databaseUrl']
  await stateAt(context.state)
  const store = await openStore({ state: context.state, ...(url === undefined ? {} : { databaseUrl: url }) })
  return {
    store,
    authority: openAuthority(store, authorityHardware()),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }
}

/** Makes the state directory. @throws TransportError `io` where that cannot be, with what to do */
async function stateAt(path: string): Promise<void> {
  try {
    await privateDirectory(path)
  } catch (error) {
    if (!(error instanceof TransportError)) throw error
    const remedy = 'choose a place for the state with --state or CORDON_STATE'
    throw new TransportError(error.code, `${error.message}; ${remedy}`, { cause: error.cause })
  }
}

/** What the authority of a plant is made from. */
export function authorityPlan(plant: Plant): AuthorityPlan {
  const { key, hardware } = plant.authority
  return {
    name: plant.name,
    key,
    hardware,
    subject: subjectTemplate(plant.authority.subject),
    zones: plant.zones.filter((zone) => zone.authentication === 'certificate').map((zone) => zone.name),
  }
}

function subjectTemplate(subject: AuthoritySubject): SubjectTemplate {
  const { organization, organizationalUnit, locality, state, country } = subject
  return {
    ...(organization === undefined ? {} : { organization }),
    ...(organizationalUnit === undefined ? {} : { organizationalUnit }),
    ...(locality === undefined ? {} : { locality }),
    ...(state === undefined ? {} : { state }),
    ...(country === undefined ? {} : { country }),
  }
}

/**
 * A secret from a file, or from standard input for `-`: its first line. Never from the command line, where other users
 * of the machine could read it.
 * @throws UsageError `missing`, `bad-value`
 */
export async function readSecret(file: string, what: string): Promise<string> {
  let text: string
  try {
    text = file === '-' ? await standardInput() : await readFile(file, 'utf8')
  } catch (cause) {
    throw new UsageError('missing', `${what}: cannot read ${file}; give a readable file, or - for standard input`, {
      cause,
    })
  }
  const line = text.split(/\r?\n/, 1)[0] ?? ''
  if (line === '')
    throw new UsageError('bad-value', `${what}: ${file === '-' ? 'standard input' : file} begins with an empty line`)
  return line
}

async function standardInput(): Promise<string> {
  let text = ''
  process.stdin.setEncoding('utf8')
  for await (const part of process.stdin) {
    text += String(part)
    if (text.length > 64 * 1024) throw new UsageError('bad-value', 'standard input: expected one line, got over 64 KiB')
  }
  return text
}
