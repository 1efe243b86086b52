import { readFile } from 'node:fs/promises'
import { MalformedMessage, UsageError } from '@cordon/core/errors'
import { restoreAuthority } from '@cordon/server/authority'
import type { CommandContext } from '../context.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { readSecret } from '../secret.ts'
import { openWorkspace } from '../workspace.ts'

/** `cordon ca restore FILE` */
export async function run(
  context: CommandContext,
  options: { readonly passphraseFile: string },
  file: string,
): Promise<ExitCode> {
  const passphrase = await readSecret(options.passphraseFile, '--passphrase-file')
  let backup: Uint8Array
  try {
    backup = new Uint8Array(await readFile(file))
  } catch (cause) {
    throw new UsageError('missing', `cannot read the backup ${file}`, { cause })
  }
  await using workspace = await openWorkspace(context)
  const summary = await restoreAuthority(workspace.store, backup, passphrase).catch((cause: unknown) => {
    if (cause instanceof MalformedMessage) throw new UsageError('bad-value', `${file}: ${cause.message}`, { cause })
    throw cause
  })
  context.output.document(
    summary,
    () =>
      `restored and proven: the issuing authorities of ${summary.zones.join(', ')} open, fit their certificates and chain to the root`,
  )
  for (const { id, uri } of summary.hardware) {
    context.output.note(
      `the key of ${id} lies in hardware and is not in the backup: this machine needs the token ${uri}`,
    )
  }
  return exitCodes.ok
}
