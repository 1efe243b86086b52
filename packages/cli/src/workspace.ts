import type { Authority, AuthorityPlan, SubjectTemplate } from '@cordon/core/authority'
import { TransportError } from '@cordon/core/errors'
import type { AuthoritySubject, Plant } from '@cordon/core/policy'
import { privateDirectory } from '@cordon/node/files'
import { openAuthority } from '@cordon/server/authority'
import { openStore, type Store } from '@cordon/server/store'
import type { CommandContext } from './context.ts'

/** The store of this state with the authority in it, open for one command. */
export interface Workspace extends AsyncDisposable {
  readonly store: Store
  readonly authority: Authority
}

/** Opens the state directory's store. The first command starts the database, the last one stops it. */
export async function openWorkspace(context: CommandContext): Promise<Workspace> {
  const url = context.settings['databaseUrl']
  await stateAt(context.state)
  const store = await openStore({ state: context.state, ...(url === undefined ? {} : { databaseUrl: url }) })
  return {
    store,
    authority: openAuthority(store),
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
