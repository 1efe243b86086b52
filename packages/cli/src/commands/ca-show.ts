import type { CertificateRecord } from '@cordon/core/authority'
import type { CommandContext } from '../context.ts'
import { moment } from '../dates.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { generationTable } from '../generation-text.ts'
import { type Output, table } from '../output.ts'
import { openWorkspace } from '../workspace.ts'

/** Certificates for people. */
export function certificateTable(output: Output, records: readonly CertificateRecord[]): string {
  return table(
    output,
    records,
    [
      { title: 'name', value: (record) => record.name },
      { title: 'profile', value: (record) => record.profile },
      { title: 'zone', value: (record) => record.zone ?? '-' },
      {
        title: 'state',
        value: (record) =>
          record.status === 'revoked'
            ? output.state('bad', `revoked (${record.reason ?? 'unspecified'})`)
            : output.state('good', 'valid'),
      },
      { title: 'not after', value: (record) => moment(record.notAfter) },
      { title: 'serial', value: (record) => record.serial, rank: 1 },
      { title: 'SHA-256', value: (record) => `${record.fingerprint.slice(0, 16)}…`, rank: 2 },
    ],
    'no certificates; make the authority with "cordon ca init --plant plant.yaml"',
  )
}

/** `cordon ca show` */
export async function run(context: CommandContext): Promise<ExitCode> {
  await using workspace = await openWorkspace(context)
  const generations = await workspace.authority.generations()
  const records = await workspace.authority.list()
  const status = await workspace.store.status()
  context.output.document({ store: status, authorities: generations, certificates: records }, () =>
    [
      `store: ${status.kind} PostgreSQL ${status.version} in ${status.location}`,
      '',
      generationTable(context.output, generations),
      '',
      certificateTable(context.output, records),
    ].join('\n'),
  )
  return exitCodes.ok
}
