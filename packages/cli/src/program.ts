import { isIPv4 } from 'node:net'
import { cipherSuites, suiteHex } from '@cordon/core/security'
import { Command, InvalidArgumentError, Option } from 'commander'
import { shells } from './completion.ts'
import type { CommandContext } from './context.ts'
import { type ExitCode, exitCodeMeanings } from './exit-codes.ts'

/** What a command module offers: its work, given its options and positional arguments, of types that it knows best. */
export type Run = (context: CommandContext, options: never, ...args: never[]) => Promise<ExitCode>

/** Gives a loaded command its context and records how it ended. */
export type Start = (
  load: () => Promise<Run>,
  options: Record<string, unknown>,
  args: readonly unknown[],
) => Promise<void>

/** The suites by number and name, as a plant file takes them. */
function suiteLines(): string {
  return cipherSuites.map(({ id, name }) => `  0x${suiteHex(id)}  ${name}`).join('\n')
}

/** What the arguments mean, by name: the same word means the same in every command. */
const argumentMeanings: Readonly<Record<string, string>> = {
  plant: 'the plant file, or the directory with its plant.yaml',
  target: 'address of the device, with a port where it is not the usual one: 127.17.81.51:2221',
  class: 'class code, decimal or hexadecimal: 0x5E',
  instance: 'instance number; 0 is the class itself',
  attribute: 'attribute number',
  service: 'service code, decimal or hexadecimal: 0x4B',
  hex: 'bytes as hex digits in the order of the wire, lowest byte of a number first',
  tag: 'symbolic name: Program:Main.Motor[3].Speed',
  device: 'name of the device in the plant file',
  channel: 'name of the channel in the enrollment file',
  zone: 'name of the zone in the plant file',
  name: 'a letter, then letters, digits, _ and -',
  file: 'file of the backup',
  server: 'host, host:port or https://host:port/.well-known/est/label; without it, one that is announced',
  id: 'number of the request, as "cordon enrollment list" shows it',
  subject: 'name of the device, or serial number of a certificate',
  credential: 'name of the account, or fingerprint of the provisioning certificate',
  certificate: 'its name, or its SHA-256 fingerprint or the first 8 digits of it',
  rules: 'the enrollment file, e.g. enrollment.yaml',
  csv: 'the inventory: CSV with a heading of vendor, serial, mac, note',
  type: '0 power cycle, 1 factory default, 2 factory default except communication',
}

const examples = new WeakMap<Command, string>()
const runnable = new WeakSet<Command>()

/** The example of a command as it is typed. */
export function exampleOf(command: Command): string {
  return examples.get(command) ?? ''
}

/** Whether a command does something itself; some of those have others below them. */
export function isRunnable(command: Command): boolean {
  return runnable.has(command)
}

function withExample(command: Command, example: string): Command {
  examples.set(command, `cordon ${example}`)
  return command.addHelpText('after', `\nExample:\n  $ cordon ${example}`)
}

function describeArguments(command: Command): void {
  for (const argument of command.registeredArguments) {
    if (argument.description === '') argument.description = argumentMeanings[argument.name()] ?? ''
  }
  for (const child of command.commands) describeArguments(child)
}

/** How commands end, for scripts. */
function exitCodeLines(): string {
  return Object.entries(exitCodeMeanings)
    .map(([code, meaning]) => `  ${code.padEnd(5)}${meaning}`)
    .join('\n')
}

/** @throws InvalidArgumentError for anything but a dotted IPv4 address */
function ipv4(text: string): string {
  if (!isIPv4(text)) throw new InvalidArgumentError('expected an IPv4 address of this machine, such as 127.18.2.75')
  return text
}

/** How {@link createProgram} declares commands. */
interface Declare {
  readonly add: (
    parent: Command,
    usage: string,
    description: string,
    example: string,
    load: () => Promise<Run>,
  ) => Command
  readonly group: (name: string, description: string, example: string, parent?: Command) => Command
  readonly list: (value: string, previous?: string[]) => string[]
}

/** The commands about requests for certificates: the queue, the rules, and the credentials that are handed out. */
function addEnrollment({ add, group, list }: Declare): void {
  const enrollment = group('enrollment', 'devices that ask for a certificate, and who approves', 'enrollment list')
  const byPerson = (command: Command): Command =>
    command
      .option('--as <name>', 'administrator who answers for it, once there is one')
      .option('--password-file <file>', 'the administrator’s password, its first line; - for standard input')
  const reasoned = (command: Command): Command =>
    byPerson(command.requiredOption('--reason <text>', 'why, for the record'))

  add(
    enrollment,
    'list',
    'who waits for a certificate, or what became of others',
    'enrollment list --all --since 2026-11-01',
    async () => (await import('./commands/enrollment-list.ts')).run,
  )
    .addOption(
      new Option('--in <state>', 'only these (may be given again; default: pending)')
        .choices(['pending', 'granted', 'denied', 'expired'])
        .argParser(list),
    )
    .option('--all', 'in every state')
    .option('--device <name>', 'for this device of the plant file')
    .option('--label <label>', 'under this label of the server; default is the path without one')
    .option('--address <address>', 'from this address')
    .option('--since <time>', 'changed since')
    .option('--text <text>', 'with this text in subject, requester, reason, key or serial number')
    .option('--limit <count>', 'this many at most', '1000')
    .option('--follow', 'go on telling what changes, until Ctrl-C')
  add(
    enrollment,
    'show <id>',
    'all that is known of a request, and what approving it would do',
    'enrollment show 7 --policy enrollment.yaml',
    async () => (await import('./commands/enrollment-show.ts')).run,
  ).option('--policy <file>', 'the enrollment file, to say what approving would do')
  byPerson(
    add(
      enrollment,
      'approve <id...>',
      'approve requests; each device gets its certificate when it asks again',
      'enrollment approve 7 8 --reason installed',
      async () => (await import('./commands/enrollment-decide.ts')).approve,
    ).option('--reason <text>', 'why, for the record'),
  )
  reasoned(
    add(
      enrollment,
      'deny <id...>',
      'deny requests, until whoever denied them takes that back',
      'enrollment deny 9 --reason unknown',
      async () => (await import('./commands/enrollment-decide.ts')).deny,
    ),
  )
  byPerson(
    add(
      enrollment,
      'withdraw <id...>',
      'take back what you said, until the certificate is issued',
      'enrollment withdraw 7',
      async () => (await import('./commands/enrollment-decide.ts')).withdraw,
    ).option('--reason <text>', 'why, for the record'),
  )
  reasoned(
    add(
      enrollment,
      'clear <id>',
      'declare a clone alarm harmless: its key may have been seen elsewhere',
      'enrollment clear 7 --reason moved',
      async () => (await import('./commands/enrollment-clear.ts')).run,
    ).option('--address <address>', 'where the key belongs (default: where it asked from last)'),
  )
  add(
    enrollment,
    'history [subject]',
    'who asked, who decided and what was issued, of a device or a certificate’s serial number',
    'enrollment history Blue_Drive',
    async () => (await import('./commands/enrollment-history.ts')).run,
  )
  addEnrollmentPolicy({ add, group, list }, enrollment)
  addEnrollmentNotices({ add }, enrollment)
  for (const kind of ['account', 'administrator'] as const) {
    const people = group(
      kind,
      kind === 'account' ? 'accounts whose holders may enroll' : 'people who approve',
      `enrollment ${kind} list`,
      enrollment,
    )
    byPerson(
      add(
        people,
        'set <name>',
        `register ${kind === 'account' ? 'an account' : 'an administrator'}, or give another password`,
        `enrollment ${kind} set line3 --generate`,
        async () => (await import('./commands/enrollment-people.ts'))[kind].set,
      )
        .option(
          '--new-password-file <file>',
          'its first line is the new password, 12 characters at least; - for standard input',
        )
        .option('--generate', 'make a password and print it this once'),
    )
    add(
      people,
      'list',
      `registered ${kind}s`,
      `enrollment ${kind} list`,
      async () => (await import('./commands/enrollment-people.ts'))[kind].list,
    )
    reasoned(
      add(
        people,
        'revoke <name>',
        `revoke ${kind === 'account' ? 'an account' : 'an administrator'} for good`,
        `enrollment ${kind} revoke line3 --reason done`,
        async () => (await import('./commands/enrollment-people.ts'))[kind].revoke,
      ).option('-y, --yes', 'do not ask'),
    )
  }
  const provisioning = group(
    'provisioning',
    'certificates with which devices are commissioned',
    'enrollment provisioning list',
    enrollment,
  )
  byPerson(
    add(
      provisioning,
      'issue <name...>',
      'write provisioning certificates and their keys (0600)',
      'enrollment provisioning issue card1 card2 --directory cards',
      async () => (await import('./commands/enrollment-provisioning.ts')).issue,
    )
      .option('--directory <directory>', 'where the files go', '.')
      .option('--days <days>', 'lifetime', '90')
      .option('--authority <name>', 'provisioning authority that issues them, made when first used')
      .option('--force', 'replace files of that name'),
  )
  add(
    provisioning,
    'anchor',
    'print the provisioning authority’s certificate, for the folder anchors beside the enrollment file',
    'enrollment provisioning anchor > anchors/cards.pem',
    async () => (await import('./commands/enrollment-provisioning.ts')).anchor,
  ).option('--authority <name>', 'one with a name')
  add(
    provisioning,
    'list',
    'provisioning certificates, and what they were used for',
    'enrollment provisioning list',
    async () => (await import('./commands/enrollment-provisioning.ts')).list,
  )
  reasoned(
    add(
      provisioning,
      'revoke <certificate>',
      'let a provisioning certificate enroll nobody any more',
      'enrollment provisioning revoke card1 --reason lost',
      async () => (await import('./commands/enrollment-provisioning.ts')).revoke,
    ).option('-y, --yes', 'do not ask'),
  )
  byPerson(
    add(
      enrollment,
      'issued <credential>',
      'everything that was issued through an account or a provisioning certificate',
      'enrollment issued line3 --revoke-issued',
      async () => (await import('./commands/enrollment-issued.ts')).run,
    )
      .option('--revoke-issued', 'revoke all of it')
      .option('-y, --yes', 'do not ask'),
  )
  const inventory = group(
    'inventory',
    'lists of units that are expected',
    'enrollment inventory check spares.csv',
    enrollment,
  )
  add(
    inventory,
    'check <csv>',
    'check an inventory: every error at once, with line and column',
    'enrollment inventory check spares.csv',
    async () => (await import('./commands/enrollment-inventory.ts')).check,
  )
}

/** Who is told what happens to requests. */
function addEnrollmentNotices({ add }: Pick<Declare, 'add'>, enrollment: Command): void {
  const notify = withExample(
    enrollment.command('notify').description('who is told what happens').helpCommand(false),
    'enrollment notify test --rules enrollment.yaml',
  )
  const byRules = (command: Command): Command => command.requiredOption('--rules <file>', 'the enrollment file')
  byRules(
    add(
      notify,
      'test [channel]',
      'send a test message through each channel, or one',
      'enrollment notify test --rules enrollment.yaml',
      async () => (await import('./commands/enrollment-notify.ts')).runTest,
    ),
  )
  byRules(
    add(
      notify,
      'status',
      'what waits, was sent and was given up, by channel',
      'enrollment notify status --rules enrollment.yaml',
      async () => (await import('./commands/enrollment-notify.ts')).runStatus,
    ),
  )
}

/** The commands about the enrollment file. */
function addEnrollmentPolicy({ add, group, list }: Declare, enrollment: Command): void {
  const policy = group(
    'policy',
    'the rules for who gets a certificate',
    'enrollment policy check enrollment.yaml',
    enrollment,
  )
  add(
    policy,
    'check <rules>',
    'check an enrollment file and all that it names: every error at once, with line and column',
    'enrollment policy check enrollment.yaml',
    async () => (await import('./commands/enrollment-policy.ts')).check,
  )
  add(
    policy,
    'explain <rules>',
    'what the rules mean, and what each policy is good for and risks',
    'enrollment policy explain enrollment.yaml',
    async () => (await import('./commands/enrollment-policy.ts')).explain,
  ).option('--label <label>', 'this label only; default is the path without one')
  add(
    policy,
    'try <rules>',
    'what the rules would say of a request; exit 4 when they would deny it',
    'enrollment policy try enrollment.yaml --vendor rockwell --unit 1:0x00E17388',
    async () => (await import('./commands/enrollment-policy.ts')).tryFacts,
  )
    .option('--facts <file>', 'facts as "enrollment show --output json" has them; options come on top')
    .option('--label <label>', 'under this label; default is the path without one')
    .option('--address <address>', 'from this address')
    .option('--subject <name>', 'for this subject: CN=PC-12,O=Example')
    .option('--unit <vendor:serial>', 'of this unit: 1:0x00E17388')
    .option('--mac <address>', 'with this MAC address')
    .addOption(
      new Option('--assurance <assurance>', 'how well unit and MAC address are known')
        .choices(['proven', 'observed', 'claimed'])
        .default('claimed'),
    )
    .option('--vendor <name>', 'with a certificate of this vendor, which proves the unit')
    .option('--account <name>', 'with the password of this account')
    .option('--provisioning <authority>', 'with a provisioning certificate of this authority')
    .option('--approved-by <name>', 'approved by this administrator (may be given again)', list)
    .option('--at <time>', 'at this time (default: now)')
}

const plantHelp = 'the plant file, e.g. plant.yaml'

/**
 * The tree of commands. Declarations only: the work behind a command is loaded when it is called, so that `--help` and
 * completion stay fast.
 */
export function createProgram(start: Start, version: string): Command {
  const program = new Command('cordon')
    .description('CIP Security for EtherNet/IP: zones and conduits, enforced and proven')
    .version(version, '-V, --version', 'the version of Cordon and of the running OpenSSL')
    .option('-o, --output <format>', 'table, json or yaml')
    .option('--state <directory>', 'where Cordon keeps its state')
    .option('--no-color', 'no colour, as NO_COLOR=1 in the environment')
    .helpCommand(false)
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    // One voice for all errors; commander's own begin with "error:".
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'cordon: ')) })
    .showHelpAfterError('(see --help)')
    .addHelpText('after', () => `\nExit codes:\n${exitCodeLines()}`)

  const add = (
    parent: Command,
    usage: string,
    description: string,
    example: string,
    load: () => Promise<Run>,
  ): Command => {
    const command = withExample(parent.command(usage).description(description).helpCommand(false), example)
    runnable.add(command)
    command.action(async (...given: unknown[]) => {
      // commander passes positional arguments, then the options, then the command itself.
      const args = given.slice(0, -2)
      await start(load, command.optsWithGlobals(), args)
    })
    return command
  }
  const group = (name: string, description: string, example: string, parent = program): Command =>
    withExample(parent.command(name).description(description).helpCommand(false), example)
  const list = (value: string, previous: string[] = []): string[] => [...previous, value]
  const from = new Option('--from <address>', 'local address to connect from').argParser(ipv4)

  const demo = add(
    program,
    'demo',
    'bring up the demonstration plant, secure it while it runs, verify it',
    'demo --once --output json',
    async () => (await import('./commands/demo.ts')).run,
  )
    .option('--once', 'end when the verification is done')
    .option('--key-log <file>', 'write TLS keys for a packet capture to this file: whoever reads it reads the traffic')
  add(
    demo,
    'pull',
    'the pull model: devices find the authority, earn certificates under six policies, one is replaced',
    'demo pull --once --output json',
    async () => (await import('./commands/demo-pull.ts')).run,
  ).option('--once', 'end when it was shown')
  add(
    program,
    'simulate <plant>',
    'run a virtual plant in the foreground',
    'simulate examples/cpwe/plant.yaml',
    async () => (await import('./commands/simulate.ts')).run,
  )
    .option('--simulation <file>', 'what only a virtual plant needs (default: simulation.yaml beside the plant file)')
    .option('--directory <directory>', 'where the devices keep their state (default: in the state directory)')
    .option('--all', 'start what begins after a deployment too')
    .option('--no-broadcast', 'leave discovery by broadcast to another plant on this machine')
    .option('--key-log <file>', 'write TLS keys for a packet capture to this file')
  add(
    program,
    'validate <plant>',
    'check a plant file: every error at once, with line and column',
    'validate plant.yaml',
    async () => (await import('./commands/validate.ts')).run,
  ).option('--simulation <file>', 'capabilities of the devices, from a simulation file')
  add(
    program,
    'discover [target...]',
    'find devices by ListIdentity, by broadcast or one by one',
    'discover 127.17.81.51',
    async () => (await import('./commands/discover.ts')).run,
  )
    .option('--broadcast <address>', 'where to ask when no target is given', '127.255.255.255')
    .option('--wait <seconds>', 'how long to collect answers', '2')
    .addOption(from)
  const plan = add(
    program,
    'plan <plant>',
    'what a deployment would change, device by device',
    'plan plant.yaml',
    async () => (await import('./commands/plan.ts')).run,
  )
  const apply = add(
    program,
    'apply <plant>',
    'commission the plant: move every device to the policy',
    'apply plant.yaml --trust-vendor vendor.pem',
    async () => (await import('./commands/apply.ts')).run,
  )
    .option('--resume [deployment]', 'finish or undo what an interrupted deployment left')
    .option('--close-connections', 'end connections that were opened under the old settings, now')
    .addOption(
      new Option('--close-ports <when>', 'close plain ports at the end, or leave them for a later run')
        .choices(['now', 'later'])
        .default('now'),
    )
    .option('--dry-run', 'show the plan and stop')
    .option('-y, --yes', 'do not ask')
  for (const command of [plan, apply]) {
    command
      .option('--only <device>', 'this device only (may be given again)', list)
      .option('--trust-vendor <file>', 'PEM file with a vendor authority (may be given again)', list)
      .option(
        '--fingerprint <device=sha256>',
        'the default certificate that this device must show (may be given again)',
        list,
      )
      .option(
        '--accept-self-signed <device>',
        'accept this device on its word at first contact (may be given again)',
        list,
      )
      .option('--concurrency <devices>', 'devices at a time', '64')
      .addOption(from)
  }
  add(
    program,
    'verify <plant>',
    'read back and probe the plant from a process of its own; exit 0 only if all holds',
    'verify plant.yaml',
    async () => (await import('./commands/verify.ts')).run,
  )
    .option('--only <device>', 'this device only (may be given again)', list)
    .option('--details', 'print every check, not only what did not pass')
    .addOption(from)
  add(
    program,
    'release <plant> <device...>',
    'take the policy off devices, with proof',
    'release plant.yaml Blue_Drive',
    async () => (await import('./commands/release.ts')).run,
  )
    .option('-y, --yes', 'do not ask')
    .option('--forget', 'the unit is gone for good: forget it without touching what stands at its address')
    .addOption(from)
  add(
    program,
    'scan <target>',
    'TLS and DTLS versions and suites that a target accepts',
    'scan 127.17.81.51',
    async () => (await import('./commands/scan.ts')).run,
  )
    .addOption(new Option('--transport <transport>', 'ask over this one only').choices(['tls', 'dtls']))
    .option('--timeout <seconds>', 'how long to wait for the answer to one question', '3')
    .addOption(from)
    .addHelpText('after', () => `\nThe thirteen suites of CIP Security:\n${suiteLines()}`)

  const device = group('device', 'look at one device and change it', 'device show 127.17.81.51 --plain')
  const reach = (command: Command): Command =>
    command
      .addOption(
        new Option('--plant <file>', 'open it as the manager of this plant, once it is commissioned').conflicts([
          'plain',
          'pin',
        ]),
      )
      .addOption(new Option('--plain', 'open it in plain on 44818').conflicts('pin'))
      .option('--pin <sha256>', 'open it over TLS by the certificate that it must show, while it is factory-new')
      .option('--route <path>', 'to a device behind it, as port and slot: 1,0')
      .addOption(from)
  reach(
    add(
      device,
      'show <target>',
      'identity, security objects and ports',
      'device show 127.17.81.51 --plain',
      async () => (await import('./commands/device-show.ts')).run,
    ),
  )
  reach(
    add(
      device,
      'get <target> <class> <instance> [attribute]',
      'read an attribute, or all of an instance',
      'device get 127.17.81.51 0x5E 1 4 --plant plant.yaml',
      async () => (await import('./commands/device-get.ts')).run,
    ),
  )
  reach(
    add(
      device,
      'set <target> <class> <instance> <attribute> <hex>',
      'write an attribute as hex bytes',
      'device set 127.17.81.51 0xF5 1 13 7800 --plant plant.yaml',
      async () => (await import('./commands/device-set.ts')).run,
    ),
  )
  reach(
    add(
      device,
      'call <target> <class> <instance> <service> [hex]',
      'call a service with hex data',
      'device call 127.17.81.51 0x01 1 0x4B 05 --plain',
      async () => (await import('./commands/device-call.ts')).run,
    ),
  )
  reach(
    add(
      device,
      'read-tag <target> <tag>',
      'read a tag of a controller',
      'device read-tag 127.17.83.30 Read_L8_String --plain',
      async () => (await import('./commands/device-read-tag.ts')).run,
    ),
  ).option('--elements <count>', 'how many elements of an array', '1')
  reach(
    add(
      device,
      'reset <target> <type>',
      'Identity reset: 0 power cycle, 1 factory, 2 factory except communication',
      'device reset 127.17.81.60 0 --plain',
      async () => (await import('./commands/device-reset.ts')).run,
    ),
  ).option('-y, --yes', 'do not ask')
  add(
    device,
    'connections',
    'what the running virtual plant has open, connection by connection',
    'device connections',
    async () => (await import('./commands/device-connections.ts')).run,
  ).option('--directory <directory>', 'state of the virtual plant')

  const ca = group('ca', 'the certificate authority of a plant', 'ca init --plant plant.yaml')
  const ofPlant = (command: Command): Command => command.requiredOption('--plant <file>', plantHelp)
  ofPlant(
    add(
      ca,
      'init',
      'make the root and one issuing authority per zone',
      'ca init --plant plant.yaml',
      async () => (await import('./commands/ca-init.ts')).run,
    ),
  )
  add(
    ca,
    'show',
    'authorities and the certificates they issued',
    'ca show',
    async () => (await import('./commands/ca-show.ts')).run,
  )
  add(
    ca,
    'issue',
    'write a client certificate, its chain and its key (0600)',
    'ca issue --client panel',
    async () => (await import('./commands/ca-issue.ts')).run,
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
      async () => (await import('./commands/ca-revoke.ts')).run,
    ),
  )
    .option('--reason <reason>', 'reason code of RFC 5280', 'unspecified')
    .option('-y, --yes', 'do not ask')
    .addOption(from)
  ofPlant(
    add(
      ca,
      'renew <device...>',
      'give devices new certificates before the old ones end',
      'ca renew Blue_Drive --plant plant.yaml',
      async () => (await import('./commands/ca-renew.ts')).run,
    ),
  ).addOption(from)
  add(
    ca,
    'rollover [zone]',
    'bring an issuing authority or the root to its next generation, step by step',
    'ca rollover blue --prepare',
    async () => (await import('./commands/ca-rollover.ts')).run,
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
    async () => (await import('./commands/ca-expiring.ts')).run,
  ).option('--within <time>', 'such as 90d, 12w or 1y', '90d')
  add(
    ca,
    'crl [zone...]',
    'print the revocation lists of zones as PEM, or push them to the devices',
    'ca crl --push --plant plant.yaml blue',
    async () => (await import('./commands/ca-crl.ts')).run,
  )
    .option('--push', 'bring them to every device that trusts their zones; those past half of their life are made anew')
    .option('--plant <file>', plantHelp)
    .option('--force', 'make every list anew before it is pushed')
    .addOption(from)
  add(
    ca,
    'backup <file>',
    'write everything the authority needs, encrypted',
    'ca backup authority.cordon --passphrase-file secret',
    async () => (await import('./commands/ca-backup.ts')).run,
  )
    .requiredOption('--passphrase-file <file>', 'first line is the passphrase; - for standard input')
    .option('--force', 'replace a file of that name')
  add(
    ca,
    'restore <file>',
    'restore into an empty state and rehearse an issue',
    'ca restore authority.cordon --passphrase-file secret',
    async () => (await import('./commands/ca-restore.ts')).run,
  ).requiredOption('--passphrase-file <file>', 'first line is the passphrase; - for standard input')

  const est = group('est', 'certificates by EST: the service, and programs that ask it', 'est discover')
  add(
    est,
    'serve <plant>',
    'run the enrollment service: devices find it, earn certificates and get the policy',
    'est serve plant.yaml --rules enrollment.yaml',
    async () => (await import('./commands/est-serve.ts')).run,
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
    async () => (await import('./commands/est-status.ts')).run,
  )
  add(
    est,
    'zone <plant>',
    'lines for a DNS server, by which devices beyond a router find the service',
    'est zone plant.yaml --domain plant.example --rules enrollment.yaml',
    async () => (await import('./commands/est-zone.ts')).run,
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
    async () => (await import('./commands/est-foreign.ts')).run,
  )
    .option('--take-back <device>', 'reset this device to its factory default (may be given again)', list)
    .option('--trust-vendor <file>', 'PEM file with a vendor authority (may be given again)', list)
    .option('--wait <seconds>', 'how long to listen for servers that are announced', '3')
    .option('--interface <interface>', 'where to listen (may be given again; default: all)', list)
    .option('--type <type>', 'service type of the servers (default: _est._tcp)')
    .addOption(from)
    .option('--force', 'take back although a foreign server is announced')
    .option('-y, --yes', 'do not ask')
  add(
    est,
    'enroll [server]',
    'get a certificate from an EST server and write it with its chain and key (0600)',
    'est enroll est.plant.example:8444 --name panel --trust root.pem',
    async () => (await import('./commands/est-enroll.ts')).run,
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
    .addOption(from)
    .option('--force', 'replace files of that name that another command wrote')
  add(
    est,
    'discover',
    'EST servers that are announced, on the link and in a domain',
    'est discover --wait 5',
    async () => (await import('./commands/est-discover.ts')).run,
  )
    .option('--wait <seconds>', 'how long to collect answers', '3')
    .option('--interface <interface>', 'where to ask (may be given again; default: all)', list)
    .option('--domain <domain>', 'domain whose DNS is asked too')
    .option('--type <type>', 'service type to ask for (default: _est._tcp)')
    .option('--subtype <subtype>', 'only servers of this subtype, such as _cip')

  const psk = group('psk', 'stored pre-shared keys, named by plant files', 'psk add cell3-2026 --generate')
  add(
    psk,
    'add <name>',
    'store a key from a file or standard input, or make one',
    'psk add cell3-2026 --generate',
    async () => (await import('./commands/psk-add.ts')).run,
  )
    .option('--file <file>', 'hex key; - for standard input')
    .option('--generate', 'make 32 random bytes')
    .option('--identity <text>', 'PSK identity that peers send (default: the name)')
  add(psk, 'list', 'names of the stored keys', 'psk list', async () => (await import('./commands/psk-list.ts')).run)
  add(
    psk,
    'remove <name>',
    'forget a key',
    'psk remove cell3-2026',
    async () => (await import('./commands/psk-remove.ts')).run,
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
    async () => (await import('./commands/secret-add.ts')).run,
  ).requiredOption('--file <file>', 'the secret, without the last end of line; - for standard input')
  add(
    secret,
    'list',
    'names of the stored secrets',
    'secret list',
    async () => (await import('./commands/secret-list.ts')).run,
  )
  add(
    secret,
    'remove <name>',
    'forget a secret',
    'secret remove soc-webhook',
    async () => (await import('./commands/secret-remove.ts')).run,
  )

  addEnrollment({ add, group, list })

  add(
    program,
    'completion <shell>',
    'a script that completes commands, options and files in your shell',
    'completion bash > ~/.local/share/bash-completion/completions/cordon',
    async () => (await import('./commands/completion.ts')).run,
  ).registeredArguments[0]?.choices(shells)
  describeArguments(program)
  return withExample(program, 'demo')
}
