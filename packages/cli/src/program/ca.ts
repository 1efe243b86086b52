import type { Command } from 'commander'
import { type Declare, from, plantHelp } from './declare.ts'

/** The commands about the certificate authority. */
export function addAuthority({ add, group }: Declare): void {
  const ca = group('ca', 'the certificate authority of a plant', 'ca init --plant plant.yaml')
  const ofPlant = (command: Command): Command => command.requiredOption('--plant <file>', plantHelp)
  ofPlant(
    add(
      ca,
      'init',
      'make the root and one issuing authority per zone',
      'ca init --plant plant.yaml',
      async () => (await import('../commands/ca-init.ts')).run,
    ),
  )
  add(
    ca,
    'show',
    'authorities and the certificates they issued',
    'ca show',
    async () => (await import('../commands/ca-show.ts')).run,
  )
  add(
    ca,
    'issue',
    'write a client certificate, its chain and its key (0600)',
    'ca issue --client panel',
    async () => (await import('../commands/ca-issue.ts')).run,
  )
    .requiredOption('--client <name>', 'common name of the certificate')
    .option('--zone <zone>', 'zone whose authority issues it (default: the manager’s)')
    .option('--directory <directory>', 'where the files go', '.')
    .option('--days <days>', 'lifetime', '30')
    .option('--force', 'replace files of that name')
  ofPlant(
    add(
      ca,
      'revoke <device>',
      'revoke a certificate, push the list, end its associations, prove it',
      'ca revoke Blue_Drive --plant plant.yaml',
      async () => (await import('../commands/ca-revoke.ts')).run,
    ),
  )
    .option('--reason <reason>', 'reason code of RFC 5280', 'unspecified')
    .option('-y, --yes', 'do not ask')
    .addOption(from())
  ofPlant(
    add(
      ca,
      'renew <device...>',
      'give devices new certificates before the old ones end',
      'ca renew Blue_Drive --plant plant.yaml',
      async () => (await import('../commands/ca-renew.ts')).run,
    ),
  ).addOption(from())
  add(
    ca,
    'rollover [zone]',
    'bring an issuing authority or the root to its next generation, step by step',
    'ca rollover blue --prepare',
    async () => (await import('../commands/ca-rollover.ts')).run,
  )
    .option('--root', 'the root, in place of a zone')
    .option('--prepare', 'make the next generation; the next apply brings it to the devices')
    .option('--activate', 'let it sign, once every device that trusts the zone holds it')
    .option('--retire', 'trust the one before no more, once nobody uses its certificates')
    .option('--abandon', 'take a prepared generation back that does not sign yet')
    .option('--dry-run', 'say what stands in the way and change nothing')
    .option('--force', 'go on in spite of what stands in the way')
    .option('-y, --yes', 'do not ask')
  add(
    ca,
    'expiring',
    'everything that ends soon, and what renews it; exit 1 when that is nothing',
    'ca expiring --within 90d',
    async () => (await import('../commands/ca-expiring.ts')).run,
    async () => (await import('../remote/trust.ts')).expiring,
  ).option('--within <time>', 'such as 90d, 12w or 1y', '90d')
  add(
    ca,
    'crl [zone...]',
    'print the revocation lists of zones as PEM, or push them to the devices',
    'ca crl --push --plant plant.yaml blue',
    async () => (await import('../commands/ca-crl.ts')).run,
  )
    .option('--push', 'bring them to every device that trusts their zones; those past half of their life are made anew')
    .option('--plant <file>', plantHelp)
    .option('--force', 'make every list anew before it is pushed')
    .addOption(from())
  add(
    ca,
    'backup <file>',
    'write everything the authority needs, encrypted',
    'ca backup authority.cordon --passphrase-file secret',
    async () => (await import('../commands/ca-backup.ts')).run,
  )
    .requiredOption('--passphrase-file <file>', 'first line is the passphrase; - for standard input')
    .option('--force', 'replace a file of that name')
  add(
    ca,
    'restore <file>',
    'restore into an empty state and rehearse an issue',
    'ca restore authority.cordon --passphrase-file secret',
    async () => (await import('../commands/ca-restore.ts')).run,
  ).requiredOption('--passphrase-file <file>', 'first line is the passphrase; - for standard input')
}
