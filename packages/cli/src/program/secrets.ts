import type { Declare } from './declare.ts'

/** The commands about stored secrets. */
export function addSecrets({ add, group }: Declare): void {
  const psk = group('psk', 'stored pre-shared keys, named by plant files', 'psk add cell3-2026 --generate')
  add(
    psk,
    'add <name>',
    'store a key from a file or standard input, or make one',
    'psk add cell3-2026 --generate',
    async () => (await import('../commands/psk-add.ts')).run,
  )
    .option('--file <file>', 'hex key; - for standard input')
    .option('--generate', 'make 32 random bytes')
    .option('--identity <text>', 'PSK identity that peers send (default: the name)')
  add(psk, 'list', 'names of the stored keys', 'psk list', async () => (await import('../commands/psk-list.ts')).run)
  add(
    psk,
    'remove <name>',
    'forget a key',
    'psk remove cell3-2026',
    async () => (await import('../commands/psk-remove.ts')).run,
  )

  const secret = group(
    'secret',
    'stored secrets, named by enrollment files',
    'secret add soc-webhook --file secret.txt',
  )
  add(
    secret,
    'add <name>',
    'store a secret from a file or standard input, in place of one of that name',
    'secret add soc-webhook --file secret.txt',
    async () => (await import('../commands/secret-add.ts')).run,
  ).requiredOption('--file <file>', 'the secret, without the last end of line; - for standard input')
  add(
    secret,
    'list',
    'names of the stored secrets',
    'secret list',
    async () => (await import('../commands/secret-list.ts')).run,
  )
  add(
    secret,
    'remove <name>',
    'forget a secret',
    'secret remove soc-webhook',
    async () => (await import('../commands/secret-remove.ts')).run,
  )
}
