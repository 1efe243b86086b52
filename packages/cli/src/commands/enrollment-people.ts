import { UsageError } from '@cordon/core/errors'
import { listPeople, makePassword, type PersonKind, revokePerson, setPerson } from '@cordon/server/enrollment'
import { actingPerson, type PersonFlags } from '../acting-person.ts'
import { confirmed } from '../confirm.ts'
import type { CommandContext } from '../context.ts'
import { momentOf } from '../enrollment-text.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { table } from '../output.ts'
import { readSecret } from '../secret.ts'
import { openWorkspace } from '../workspace.ts'

interface SetFlags extends PersonFlags {
  readonly newPasswordFile?: string
  readonly generate?: boolean
}

interface RevokeFlags extends PersonFlags {
  readonly reason: string
  readonly yes?: boolean
}

const none: Readonly<Record<PersonKind, string>> = {
  account: 'no accounts; register one with "cordon enrollment account set NAME --generate"',
  administrator: 'no administrators; register one with "cordon enrollment administrator set NAME --generate"',
}

/** The three commands of one kind of people. */
function commandsOf(kind: PersonKind) {
  return {
    /** `cordon enrollment account set NAME` */
    set: async (context: CommandContext, flags: SetFlags, name: string): Promise<ExitCode> => {
      const { newPasswordFile: file, generate } = flags
      if ((file === undefined) === (generate !== true))
        throw new UsageError('bad-option', 'give either --new-password-file FILE (- for standard input) or --generate')
      if (file === '-' && flags.passwordFile === '-')
        throw new UsageError('bad-option', 'standard input holds one password: give the other one by a file')
      await using workspace = await openWorkspace(context)
      const by = await actingPerson(workspace.store, flags)
      const password = file === undefined ? makePassword() : await readSecret(file, '--new-password-file')
      const isNew = await setPerson(workspace.store, kind, name, password, by)
      const done = isNew ? `registered ${kind} ${name}` : `${kind} ${name} has a new password`
      context.output.document({ kind, name, new: isNew, ...(file === undefined ? { password } : {}) }, () =>
        file === undefined ? `${done}; it is shown this once:\n${password}` : done,
      )
      return exitCodes.ok
    },
    /** `cordon enrollment account list` */
    list: async (context: CommandContext): Promise<ExitCode> => {
      const { output } = context
      await using workspace = await openWorkspace(context)
      const people = await listPeople(workspace.store, kind)
      output.document({ [`${kind}s`]: people }, () =>
        table(
          output,
          people,
          [
            { title: 'name', value: ({ name }) => name },
            {
              title: 'state',
              value: ({ revokedAt }) =>
                revokedAt === null
                  ? output.state('good', 'in force')
                  : output.state('bad', `revoked ${momentOf(revokedAt)}`),
            },
            ...(kind === 'account'
              ? [{ title: 'granted', value: ({ granted }: { readonly granted: number }) => String(granted) }]
              : []),
            { title: 'registered', value: ({ createdAt }) => momentOf(createdAt), rank: 1 },
          ],
          none[kind],
        ),
      )
      return exitCodes.ok
    },
    /** `cordon enrollment account revoke NAME` */
    revoke: async (context: CommandContext, flags: RevokeFlags, name: string): Promise<ExitCode> => {
      await using workspace = await openWorkspace(context)
      const by = await actingPerson(workspace.store, flags)
      if (!(await confirmed(context, flags.yes, `Revoke ${kind} ${name} for good?`))) return exitCodes.refused
      await revokePerson(workspace.store, kind, name, { by, reason: flags.reason })
      context.output.document({ kind, revoked: name, by }, () =>
        kind === 'account'
          ? `revoked account ${name}. What was issued through it is still valid: cordon enrollment issued ${name}`
          : `revoked administrator ${name}`,
      )
      return exitCodes.ok
    },
  }
}

export const account = commandsOf('account')
export const administrator = commandsOf('administrator')
