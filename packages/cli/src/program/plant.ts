import { cipherSuites, suiteHex } from '@cordon/core/security'
import { Option } from 'commander'
import { type Declare, from, list } from './declare.ts'

/** The suites by number and name, as a plant file takes them. */
function suiteLines(): string {
  return cipherSuites.map(({ id, name }) => `  0x${suiteHex(id)}  ${name}`).join('\n')
}

/** The commands about a plant as a whole. */
export function addPlant({ program, add }: Declare): void {
  const demo = add(
    program,
    'demo',
    'bring up the demonstration plant, secure it while it runs, verify it',
    'demo --once --output json',
    async () => (await import('../commands/demo.ts')).run,
  )
    .option('--once', 'end when the verification is done')
    .addOption(new Option('--guided', 'leave the plant in plain, to be secured from the browser').conflicts('once'))
    .option('--key-log <file>', 'write TLS keys for a packet capture to this file: whoever reads it reads the traffic')
  add(
    demo,
    'pull',
    'the pull model: devices find the authority, earn certificates under six policies, one is replaced',
    'demo pull --once --output json',
    async () => (await import('../commands/demo-pull.ts')).run,
  ).option('--once', 'end when it was shown')
  add(
    program,
    'simulate <plant>',
    'run a virtual plant in the foreground',
    'simulate examples/cpwe/plant.yaml',
    async () => (await import('../commands/simulate.ts')).run,
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
    async () => (await import('../commands/validate.ts')).run,
  ).option('--simulation <file>', 'capabilities of the devices, from a simulation file')
  add(
    program,
    'discover [target...]',
    'find devices by ListIdentity, by broadcast or one by one',
    'discover 127.17.81.51',
    async () => (await import('../commands/discover.ts')).run,
    async () => (await import('../remote/deploy.ts')).discover,
  )
    .option('--broadcast <address>', 'where to ask when no target is given', '127.255.255.255')
    .option('--wait <seconds>', 'how long to collect answers', '2')
    .option('--into <name>', 'with --server: the plant whose inbox the answers go to')
    .addOption(from())
  const plan = add(
    program,
    'plan <plant>',
    'what a deployment would change, device by device',
    'plan plant.yaml',
    async () => (await import('../commands/plan.ts')).run,
    async () => (await import('../remote/deploy.ts')).plan,
  )
  const apply = add(
    program,
    'apply <plant>',
    'commission the plant: move every device to the policy',
    'apply plant.yaml --trust-vendor vendor.pem',
    async () => (await import('../commands/apply.ts')).run,
    async () => (await import('../remote/deploy.ts')).apply,
  )
    .option('--resume [deployment]', 'finish or undo what an interrupted deployment left')
    .option('--close-connections', 'end connections that were opened under the old settings, now')
    .addOption(
      new Option('--close-ports <when>', 'close plain ports at the end, or leave them for a later run')
        .choices(['now', 'later'])
        .default('now'),
    )
    .option('--dry-run', 'show the plan and stop')
    .option('--window <name>', 'with --server: wait for this maintenance window')
    .option('-m, --message <text>', 'with --server: why, for the audit')
    .option('-y, --yes', 'do not ask')
  for (const command of [plan, apply]) {
    command
      .option('--only <device>', 'this device only (may be given again)', list)
      .option('--zone <zone>', 'with --server: devices of this zone only (may be given again)', list)
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
      .addOption(from())
  }
  add(
    program,
    'rehearse <plant>',
    'run the whole deployment on a virtual twin of the plant, built from what is known of it',
    'rehearse plant.yaml --from-state',
    async () => (await import('../commands/rehearse.ts')).run,
    async () => (await import('../remote/deploy.ts')).rehearse,
  )
    .option('--from-state', 'what was read of the devices when they were last asked, from the state directory')
    .option('--known <file>', 'what is known besides: devices and connections, JSON or YAML; wins over the rest')
    .option(
      '--simulation <file>',
      'units of a plant that is virtual itself (default: simulation.yaml beside the plant file)',
    )
    .option(
      '--stage <zone=stage>',
      'put a zone in force as far as observe, protect or enforce (may be given again)',
      list,
    )
    .option('--no-verify', 'leave out the verification after the deployment')
    .option('--close-connections', 'as of apply: end connections that were opened under the old settings')
  add(
    program,
    'verify <plant>',
    'read back and probe the plant from a process of its own; exit 0 only if all holds',
    'verify plant.yaml',
    async () => (await import('../commands/verify.ts')).run,
    async () => (await import('../remote/deploy.ts')).verify,
  )
    .option('--only <device>', 'this device only (may be given again)', list)
    .option('--details', 'print every check, not only what did not pass')
    .addOption(from())
  add(
    program,
    'release <plant> <device...>',
    'take the policy off devices, with proof',
    'release plant.yaml Blue_Drive',
    async () => (await import('../commands/release.ts')).run,
    async () => (await import('../remote/deploy.ts')).release,
  )
    .option('-y, --yes', 'do not ask')
    .option('--forget', 'the unit is gone for good: forget it without touching what stands at its address')
    .addOption(from())
  add(
    program,
    'scan <target>',
    'what a target accepts over TLS and DTLS: versions, suites, chain, strength, weak spots',
    'scan 127.17.81.51 --plant plant.yaml',
    async () => (await import('../commands/scan.ts')).run,
  )
    .addOption(new Option('--transport <transport>', 'ask over this one only').choices(['tls', 'dtls']))
    .option('--timeout <seconds>', 'how long to wait for the answer to one question', '3')
    .option('--plant <file>', 'say whether the chain leads to an authority of this plant')
    .option(
      '--trust-vendor <file>',
      'PEM file with a vendor authority to judge the chain by (may be given again)',
      list,
    )
    .option('--details', 'print every link of the strength of every suite')
    .addOption(from())
    .addHelpText('after', () => `\nThe thirteen suites of CIP Security:\n${suiteLines()}`)
}
