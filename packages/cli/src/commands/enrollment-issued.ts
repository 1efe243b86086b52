import { TransportError } from '@cordon/core/errors'
import { issuedThrough, type IssuedReport } from '@cordon/server/enrollment'
import { actingPerson, type PersonFlags } from '../acting-person.ts'
import { confirmed } from '../confirm.ts'
import type { CommandContext } from '../context.ts'
import { momentOf, short } from '../enrollment-text.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { type Output, table } from '../output.ts'
import { withProgress } from '../progress.ts'
import { openWorkspace, type Workspace } from '../workspace.ts'

interface IssuedFlags extends PersonFlags {
  readonly revokeIssued?: boolean
  readonly yes?: boolean
}

/** `cordon enrollment issued ACCOUNT|FINGERPRINT` */
export async function run(context: CommandContext, flags: IssuedFlags, subject: string): Promise<ExitCode> {
  const { output } = context
  await using workspace = await openWorkspace(context)
  const report = await issuedThrough(workspace.store, subject)
  if (flags.revokeIssued !== true) {
    output.document(report, () => reportText(output, report))
    return exitCodes.ok
  }
  await actingPerson(workspace.store, flags)
  const valid = report.certificates.filter(({ status }) => status === 'valid')
  const question = `Revoke ${valid.length} certificates that were issued through ${subject}?`
  if (valid.length > 0 && !(await confirmed(context, flags.yes, question))) return exitCodes.refused
  const serials = valid.map(({ serial }) => serial)
  await revokeAll(context, workspace, serials)
  const after = await issuedThrough(workspace.store, subject)
  output.document({ ...after, revokedNow: serials }, () =>
    [
      reportText(output, after),
      '',
      `revoked ${serials.length} now. Devices learn of it with the next list: cordon apply PLANT`,
    ].join('\n'),
  )
  return exitCodes.ok
}

async function revokeAll(context: CommandContext, { authority }: Workspace, serials: readonly string[]): Promise<void> {
  await withProgress(context.output, [
    {
      title: `Revoke ${serials.length} certificates`,
      run: async (show) => {
        for (const [index, serial] of serials.entries()) {
          if (context.signal.aborted) {
            const left = `${index} of ${serials.length} are revoked; the same command goes on`
            throw new TransportError('aborted', `interrupted: ${left}`)
          }
          await authority.revoke(serial, 'privilegeWithdrawn')
          show(`${index + 1} of ${serials.length}`)
        }
      },
    },
  ])
}

function reportText(output: Output, { kind, credential, revoked, certificates }: IssuedReport): string {
  const name = kind === 'account' ? `account ${credential}` : `provisioning certificate ${short(credential)}`
  const rows = table(
    output,
    certificates,
    [
      { title: 'device', value: ({ device }) => device },
      { title: 'zone', value: ({ zone }) => zone ?? '-' },
      { title: 'address', value: ({ address }) => address },
      { title: 'state', value: ({ status }) => output.state(status === 'valid' ? 'good' : 'bad', status) },
      { title: 'through', value: ({ through }) => through },
      { title: 'not after', value: ({ notAfter }) => momentOf(notAfter), rank: 1 },
      { title: 'serial', value: ({ serial }) => serial },
      { title: 'enrollment', value: ({ enrollment }) => String(enrollment), rank: 2 },
    ],
    'nothing was issued through it',
  )
  return `${name}, ${revoked ? 'revoked' : 'in force'}\n\n${rows}`
}
