import { resolve } from 'node:path'
import { writeDurably } from '@cordon/node/files'
import type { CommandContext } from '../context.ts'
import { directoryOf, mayWrite } from '../new-files.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { readSecret } from '../secret.ts'
import { openWorkspace } from '../workspace.ts'

/** `cordon ca backup FILE` */
export async function run(
  context: CommandContext,
  options: { readonly passphraseFile: string; readonly force?: boolean },
  file: string,
): Promise<ExitCode> {
  const passphrase = await readSecret(options.passphraseFile, '--passphrase-file')
  const path = resolve(file)
  await mayWrite([path], options.force)
  await directoryOf(path)
  await using workspace = await openWorkspace(context)
  const backup = await workspace.authority.backup(passphrase)
  await writeDurably(path, backup)
  context.output.document(
    { file: path, bytes: backup.length },
    () =>
      `${path}: ${backup.length} bytes, encrypted. Rehearse the restore: cordon ca restore ${path} --state EMPTY_DIRECTORY --passphrase-file …`,
  )
  const inHardware = (await workspace.authority.generations()).filter(
    (one) => one.inHardware && one.state !== 'retired',
  )
  if (inHardware.length > 0) {
    const ids = inHardware.map(({ id }) => id).join(', ')
    context.output.note(`keys in hardware are named in the backup and not held by it: ${ids}; keep a copy of the token`)
  }
  return exitCodes.ok
}
