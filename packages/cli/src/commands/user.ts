import { UsageError } from '@cordon/core/errors'
import { userPolicy } from '@cordon/server/api'
import {
  type Asker,
  changeUser,
  createUser,
  createUserLink,
  findUser,
  listUsers,
  type OneTimeLink,
  unlockUser,
  type User,
} from '@cordon/server/users'
import { userInfo } from 'node:os'
import type { CommandContext } from '../context.ts'
import { moment } from '../dates.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { table } from '../output.ts'
import { openWorkspace, type Workspace } from '../workspace.ts'

/**
 * Whoever can read the state of this machine can do all of this: the way back in when nobody can sign in any more. The
 * audit tells it by the name of the operating system.
 */
function asker(): Asker {
  return { actor: { kind: 'system', name: `cordon user of ${userInfo().username}` }, address: 'local', now: Date.now() }
}

async function userNamed({ store }: Workspace, name: string): Promise<User> {
  const user = await findUser(store, name)
  if (user === undefined) {
    throw new UsageError('missing', `there is no user ${name.slice(0, 64)}; "cordon user list" shows who there is`)
  }
  return user
}

/** `cordon user list` */
export async function list(context: CommandContext): Promise<ExitCode> {
  const { output } = context
  await using workspace = await openWorkspace(context)
  const users = (await listUsers(workspace.store, await userPolicy(workspace.store.db), { now: Date.now() })).map(
    (user) => ({
      name: user.name,
      display: user.displayName,
      roles: user.roles,
      state:
        user.disabledAt !== null ? 'disabled' : user.hasPassword || user.providerId !== null ? 'active' : 'invited',
      secondFactor: user.factors.length > 0,
      sessions: user.sessions,
      signedInAt: user.signedInAt === null ? null : moment(user.signedInAt.getTime()),
    }),
  )
  output.document({ users }, () =>
    table(
      output,
      users,
      [
        { title: 'name', value: ({ name }) => name },
        { title: 'roles', value: ({ roles }) => roles.join(' ') },
        { title: 'state', value: ({ state }) => state },
        { title: 'second factor', value: ({ secondFactor }) => (secondFactor ? 'yes' : 'no'), rank: 1 },
        { title: 'sessions', value: ({ sessions }) => String(sessions), rank: 2 },
        { title: 'signed in', value: ({ signedInAt }) => signedInAt ?? 'never', rank: 3 },
      ],
      'nobody yet: "cordon server" prints the link for the first administrator',
    ),
  )
  return exitCodes.ok
}

/** `cordon user add NAME --role ROLE` */
export async function add(
  context: CommandContext,
  flags: { readonly role: readonly string[]; readonly display?: string; readonly url: string },
  name: string,
): Promise<ExitCode> {
  await using workspace = await openWorkspace(context)
  const policy = await userPolicy(workspace.store.db)
  const given = { name, displayName: flags.display, roles: flags.role }
  const { user, link } = await createUser(workspace.store, policy, given, asker())
  showLink(context, user, link, flags.url)
  return exitCodes.ok
}

/** `cordon user reset NAME` */
export async function reset(context: CommandContext, flags: { readonly url: string }, name: string): Promise<ExitCode> {
  await using workspace = await openWorkspace(context)
  const user = await userNamed(workspace, name)
  const policy = await userPolicy(workspace.store.db)
  showLink(context, user, await createUserLink(workspace.store, policy, user.id, asker()), flags.url)
  return exitCodes.ok
}

function showLink({ output }: CommandContext, { name }: User, { secret, expiresAt }: OneTimeLink, site: string): void {
  // In the fragment, which no browser sends: so it is in no log of a proxy either.
  const url = `${site.replace(/\/+$/, '')}/invitation#${secret}`
  const until = moment(expiresAt.getTime())
  output.document({ user: name, url, expiresAt: until }, () =>
    [`${name} sets a password with this link, once, until ${until}:`, url].join('\n'),
  )
}

/** `cordon user unlock NAME` */
export async function unlock(context: CommandContext, _flags: unknown, name: string): Promise<ExitCode> {
  await using workspace = await openWorkspace(context)
  const user = await userNamed(workspace, name)
  await unlockUser(workspace.store, user.id, asker())
  context.output.document({ user: user.name, unlocked: true }, () => `${user.name} may sign in again at once`)
  return exitCodes.ok
}

/** `cordon user disable NAME` */
export async function disable(context: CommandContext, _flags: unknown, name: string): Promise<ExitCode> {
  await using workspace = await openWorkspace(context)
  const user = await userNamed(workspace, name)
  await changeUser(workspace.store, user.id, { disabled: true }, asker())
  context.output.document({ user: user.name, disabled: true }, () => `${user.name} can sign in no more`)
  return exitCodes.ok
}
