import { storeSecret } from '@cordon/server/store'
import type { CommandContext } from '../context.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { readSecretText } from '../secret.ts'
import { openWorkspace } from '../workspace.ts'

/** `cordon secret add NAME` */
export async function run(
  context: CommandContext,
  options: { readonly file: string },
  name: string,
): Promise<ExitCode> {
  const text = await readSecretText(options.file, '--file')
  // What wrote the file ended its last line.
  const secret = new TextEncoder().encode(text.replace(/\r?\n$/, ''))
  await using workspace = await openWorkspace(context)
  await storeSecret(workspace.store, name, secret)
  context.output.document(
    { name, bytes: secret.length },
    () => `stored ${name}: ${secret.length} bytes. The secret itself is never shown.`,
  )
  return exitCodes.ok
}
