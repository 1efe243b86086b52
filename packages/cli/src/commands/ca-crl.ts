import { encodePem } from '@cordon/core/x509'
import type { CommandContext } from '../context.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { openWorkspace } from '../workspace.ts'

/** `cordon ca crl ZONE` */
export async function run(context: CommandContext, _options: unknown, zone: string): Promise<ExitCode> {
  await using workspace = await openWorkspace(context)
  const crl = await workspace.authority.crl(zone)
  if (crl === undefined) context.output.note(`nothing was ever revoked in zone ${zone}: there is no list`)
  context.output.document({ zone, crl: crl === undefined ? null : encodePem('X509 CRL', crl) }, () =>
    crl === undefined ? '' : encodePem('X509 CRL', crl),
  )
  return exitCodes.ok
}
