import { isIPv4 } from 'node:net'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { type Declare, from, list, plantHelp } from './declare.ts'

function address(text: string): string {
  if (!isIPv4(text)) throw new InvalidArgumentError('expected an IPv4 address')
  return text
}

/** What every command that learns takes. */
function learning(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--plant <file>',
        `dry run: what this plant file would break of what is seen (${plantHelp})`,
      ).conflicts('write'),
    )
    .option('-w, --write <file>', 'write the proposed plant file here instead of showing it')
    .option('--force', 'replace the file')
    .option('--name <name>', 'name of the proposed plant', 'learned')
    .addOption(
      new Option('--manager <address>', 'address of the computer that Cordon will work from').argParser(address),
    )
    .option('--assume-capable', 'count on CIP Security where nobody knows whether a device speaks it')
}

/** The commands that propose a plant file from what is seen; one of them is below `capture`. */
export function addLearn({ program, add }: Declare, capture: Command): void {
  learning(
    add(
      program,
      'learn [target...]',
      "propose a plant file from the devices' own tables, or say what a plant file would break",
      'learn --discover -w draft.yaml',
      async () => (await import('../commands/learn.ts')).run,
    ),
  )
    .option('--discover', 'ask whoever answers ListIdentity too')
    .option('--broadcast <address>', 'where to ask with --discover', '127.255.255.255')
    .option('--wait <seconds>', 'how long to collect answers', '2')
    .addOption(from())
  learning(
    add(
      capture,
      'learn <capture...>',
      'propose a plant file from packet captures, or say what a plant file would break',
      'capture learn before.pcapng -w draft.yaml',
      async () => (await import('../commands/capture-learn.ts')).run,
    ),
  )
    .option('--key-log <file>', 'secrets of TLS and DTLS sessions (NSS key log format); the file is only read')
    .option(
      '--key <file>',
      'private RSA key of a server in PEM, for sessions with RSA key exchange (may be given again)',
      list,
    )
}
