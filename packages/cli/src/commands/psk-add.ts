import { UsageError } from '@cordon/core/errors'
import { nodeCrypto } from '@cordon/node/crypto'
import type { CommandContext } from '../context.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { readSecret } from '../secret.ts'
import { openWorkspace } from '../workspace.ts'

/** Longest key and identity in bytes that a device takes (0x5E attribute 5, cip-security-wire 4.2). */
const longestKey = 64
const longestIdentity = 128
/** A key that is generated, and the shortest that is accepted: anything shorter can be guessed from one handshake. */
const generatedKey = 32
const shortestKey = 16

/** `cordon psk add NAME` */
export async function run(
  context: CommandContext,
  options: { readonly file?: string; readonly generate?: boolean; readonly identity?: string },
  name: string,
): Promise<ExitCode> {
  if (!/^[A-Za-z][A-Za-z0-9_-]{0,62}$/.test(name)) {
    throw new UsageError(
      'bad-option',
      `a key's name begins with a letter and has letters, digits, "_" and "-", got "${name}"`,
    )
  }
  if ((options.file === undefined) === (options.generate !== true)) {
    throw new UsageError('bad-option', 'give either --file FILE (- for standard input) or --generate')
  }
  const identity = options.identity ?? name
  if (Buffer.byteLength(identity) > longestIdentity)
    throw new UsageError('bad-option', `--identity: at most ${longestIdentity} bytes`)
  const key =
    options.file === undefined ? nodeCrypto.random(generatedKey) : parseKey(await readSecret(options.file, '--file'))
  await using workspace = await openWorkspace(context)
  const sealed = workspace.store.secrets.seal({ table: 'psks', name }, key)
  const added = await workspace.store.db
    .insertInto('psks')
    .values({ name, identity, sealed })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst()
  if (added.numInsertedOrUpdatedRows === 0n) {
    throw new UsageError(
      'bad-option',
      `there is a key "${name}" already; devices hold it. Give the new one another name, or remove the old one first`,
    )
  }
  context.output.document(
    { name, identity, bytes: key.length },
    () => `stored ${name}: ${key.length} bytes, identity "${identity}". The key itself is never shown.`,
  )
  return exitCodes.ok
}

function parseKey(text: string): Uint8Array {
  if (!/^(?:[0-9A-Fa-f]{2})+$/.test(text))
    throw new UsageError('bad-value', 'expected the key as hex digits, two per byte')
  const key = new Uint8Array(Buffer.from(text, 'hex'))
  if (key.length < shortestKey || key.length > longestKey) {
    throw new UsageError('bad-value', `expected a key of ${shortestKey} to ${longestKey} bytes, got ${key.length}`)
  }
  return key
}
