import { Option } from 'commander'
import { type Declare, from, list } from './declare.ts'

/** The commands about EST. */
export function addEst({ add, group }: Declare): void {
  const est = group('est', 'certificates by EST: the service, and programs that ask it', 'est discover')
  add(
    est,
    'serve <plant>',
    'run the enrollment service: devices find it, earn certificates and get the policy',
    'est serve plant.yaml --rules enrollment.yaml',
    async () => (await import('../commands/est-serve.ts')).run,
  )
    .requiredOption('--rules <file>', 'the enrollment file: who gets a certificate')
    .option(
      '--listen <address[:port]>',
      'where to listen (may be given again; default: the manager’s address of the plant file, port 8444)',
      list,
    )
    .option('--no-announce', 'do not announce it by DNS-SD')
    .option('--instance <name>', 'name under which it is announced (default: the plant’s)')
    .option('--service-type <type>', 'type under which it is announced (default: _est._tcp)')
    .option('--subtype <subtype>', 'announce it under this subtype too (may be given again)', list)
    .option('--text <key=value>', 'one more key of its TXT record (may be given again)', list)
    .option('--no-push', 'leave the rest of the configuration to `cordon apply`')
    .option('--trust-vendor <file>', 'PEM file with a vendor authority, for the push (may be given again)', list)
    .option('--server-keys', 'make keys for clients that ask for one (serverkeygen)')
  add(
    est,
    'status',
    'enrollment services that run on this state: where they listen, what they are announced as',
    'est status',
    async () => (await import('../commands/est-status.ts')).run,
  )
  add(
    est,
    'zone <plant>',
    'lines for a DNS server, by which devices beyond a router find the service',
    'est zone plant.yaml --domain plant.example --rules enrollment.yaml',
    async () => (await import('../commands/est-zone.ts')).run,
  )
    .requiredOption('--domain <domain>', 'the domain in which devices search')
    .option('--host <name>', 'full name of the server, which the zone resolves (default: cordon-PLANT in the domain)')
    .option('--port <port>', 'port of the service', '8444')
    .option('--rules <file>', 'the enrollment file: one service for each of its labels')
    .addOption(new Option('--label <label>', 'this label only (may be given again)').argParser(list).conflicts('rules'))
    .option('--instance <name>', 'name under which it is announced (default: the plant’s)')
    .option('--service-type <type>', 'type under which it is announced (default: _est._tcp)')
    .option('--subtype <subtype>', 'announce it under this subtype too (may be given again)', list)
    .option('--text <key=value>', 'one more key of its TXT record (may be given again)', list)
  add(
    est,
    'foreign <plant>',
    'devices and servers of foreign authorities; takes devices back; exit 3 when something is foreign',
    'est foreign plant.yaml --take-back Blue_Drive',
    async () => (await import('../commands/est-foreign.ts')).run,
  )
    .option('--take-back <device>', 'reset this device to its factory default (may be given again)', list)
    .option('--trust-vendor <file>', 'PEM file with a vendor authority (may be given again)', list)
    .option('--wait <seconds>', 'how long to listen for servers that are announced', '3')
    .option('--interface <interface>', 'where to listen (may be given again; default: all)', list)
    .option('--type <type>', 'service type of the servers (default: _est._tcp)')
    .addOption(from())
    .option('--force', 'take back although a foreign server is announced')
    .option('-y, --yes', 'do not ask')
  add(
    est,
    'enroll [server]',
    'get a certificate from an EST server and write it with its chain and key (0600)',
    'est enroll est.plant.example:8444 --name panel --trust root.pem',
    async () => (await import('../commands/est-enroll.ts')).run,
  )
    .requiredOption('--name <name>', 'common name to ask for; it names the files too')
    .option('--directory <directory>', 'where the files go', '.')
    .option('--address <address>', 'IP address that the certificate should name (may be given again)', list)
    .option('--label <label>', 'label of the server’s rules that are to apply')
    .option('--user <name>', 'user name, for a server that asks for one')
    .option('--password-file <file>', 'first line is the password; - for standard input')
    .option('--certificate <file>', 'PEM file with a provisioning or vendor certificate and its chain, to show')
    .option('--key <file>', 'PEM file with the key of that certificate')
    .addOption(
      new Option('--pkcs11 <uri>', 'where that key is on a card, such as pkcs11:token=card;object=key').conflicts([
        'key',
        'provisional',
      ]),
    )
    .addOption(
      new Option('--trust <file>', 'PEM file with authorities that the server must lead to').conflicts([
        'fingerprint',
        'provisional',
      ]),
    )
    .addOption(
      new Option('--fingerprint <sha256>', 'fingerprint of an authority that the server must lead to').conflicts(
        'provisional',
      ),
    )
    .option('--provisional', 'believe whoever answers, and its authority from then on')
    .option('--renew', 'get a new certificate now, in place of one that is still good')
    .option('--wait <seconds>', 'how long to wait for an approval; the same command goes on later', '0')
    .option('--keep', 'stay in the foreground and renew it before it ends')
    .option('--interface <interface>', 'where to look for servers (may be given again; default: all)', list)
    .option('--domain <domain>', 'domain whose DNS is asked for servers too')
    .option('--type <type>', 'service type of the servers (default: _est._tcp)')
    .option('--subtype <subtype>', 'only servers of this subtype, such as _cip')
    .addOption(from())
    .option('--force', 'replace files of that name that another command wrote')
  add(
    est,
    'discover',
    'EST servers that are announced, on the link and in a domain',
    'est discover --wait 5',
    async () => (await import('../commands/est-discover.ts')).run,
  )
    .option('--wait <seconds>', 'how long to collect answers', '3')
    .option('--interface <interface>', 'where to ask (may be given again; default: all)', list)
    .option('--domain <domain>', 'domain whose DNS is asked too')
    .option('--type <type>', 'service type to ask for (default: _est._tcp)')
    .option('--subtype <subtype>', 'only servers of this subtype, such as _cip')
}
