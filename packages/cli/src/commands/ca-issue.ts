import { join, resolve } from 'node:path'
import { TransportError, UsageError } from '@cordon/core/errors'
import { encodePem } from '@cordon/core/x509'
import { privateDirectory, writeTogether } from '@cordon/node/files'
import { operationsZone } from '@cordon/server/authority'
import type { CommandContext } from '../context.ts'
import { moment } from '../dates.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { mayWrite } from '../new-files.ts'
import { openWorkspace } from '../workspace.ts'

const dayMs = 24 * 3_600_000

/** `cordon ca issue --client NAME` */
export async function run(
  context: CommandContext,
  options: {
    readonly client: string
    readonly zone?: string
    readonly directory: string
    readonly days: string
    readonly force?: boolean
  },
): Promise<ExitCode> {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(options.client)) {
    throw new UsageError(
      'bad-option',
      `--client expects up to 63 letters, digits, ".", "_" or "-", got "${options.client}": it names the files`,
    )
  }
  const days = Number(options.days)
  if (!Number.isInteger(days) || days < 1 || days > 3650) {
    throw new UsageError('bad-option', `--days expects 1 to 3650, got "${options.days}"`)
  }
  const directory = resolve(options.directory)
  const file = (suffix: string): string => join(directory, `${options.client}.${suffix}`)
  const files = { certificate: file('cert.pem'), chain: file('chain.pem'), key: file('key.pem') }
  await mayWrite(Object.values(files), options.force)
  await privateDirectory(directory)
  await using workspace = await openWorkspace(context)
  const zone = options.zone ?? operationsZone
  const issued = await workspace.authority.issueClient({ zone, name: options.client, validityMs: days * dayMs })
  const key = issued.key?.export()
  if (key === undefined) throw new TransportError('io', 'the authority made no key that can be written')
  // The key first: without it the others are worth nothing.
  await writeTogether([
    { path: files.key, bytes: encodePem('PRIVATE KEY', key) },
    {
      path: files.chain,
      bytes: [issued.certificate, ...issued.chain].map((der) => encodePem('CERTIFICATE', der)).join(''),
    },
    { path: files.certificate, bytes: encodePem('CERTIFICATE', issued.certificate) },
  ])
  context.output.document(
    { client: options.client, zone, serial: issued.serial, notAfter: moment(issued.notAfter), files },
    () =>
      [
        `certificate  ${files.certificate}`,
        `chain        ${files.chain}`,
        `key          ${files.key} (0600: whoever reads it is ${options.client})`,
        `valid until  ${moment(issued.notAfter)}, zone ${zone}, serial ${issued.serial}`,
        '',
        'Try it, from an address that the policy lets in:',
        `  openssl s_client -connect ADDRESS:2221 -cert ${files.certificate} -cert_chain ${files.chain} -key ${files.key} -tls1_2 -cipher ALL:COMPLEMENTOFALL:@SECLEVEL=0`,
      ].join('\n'),
  )
  return exitCodes.ok
}
