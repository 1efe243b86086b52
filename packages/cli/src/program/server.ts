import { Option } from 'commander'
import { type Declare, list } from './declare.ts'

/** The manager, and the users that it has on this machine. */
export function addServer({ program, add, group }: Declare): void {
  add(
    program,
    'server [plants...]',
    'the manager: API and web interface over this state, and the work that it is asked for',
    'server plant.yaml --listen 192.0.2.10:8443 --host manager.plant.example',
    async () => (await import('../commands/server.ts')).run,
  )
    .option('--listen <address[:port]>', 'where to listen (may be given again; default: 127.0.0.1:8443)', list)
    .option('--certificate <file>', 'PEM file with the certificate chain to show (default: one of its own making)')
    .option('--key <file>', 'PEM file with the key of --certificate; both are taken up again when they change')
    .option('--host <name>', 'a name that it is reached under (may be given again; default: this machine’s)', list)
    .option('--trust-proxy <address>', 'reverse proxy whose x-forwarded headers count (may be given again)', list)
    .option('--metrics <address:port>', 'serve /metrics there too, plain and to anybody: on the loopback')
    .addOption(
      new Option('--log-format <format>', 'how the log on standard error is written')
        .choices(['json', 'pretty'])
        .default('json'),
    )
    .addOption(
      new Option('--log-level <level>', 'least level that is logged')
        .choices(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
        .default('info'),
    )
  const user = group('user', 'people who use the manager on this state', 'user list')
  add(
    user,
    'list',
    'everybody, with roles and state',
    'user list',
    async () => (await import('../commands/user.ts')).list,
  )
  add(
    user,
    'add <user>',
    'a new user, with a link that sets the password',
    'user add anna --role engineer --role deployer',
    async () => (await import('../commands/user.ts')).add,
  )
    .requiredOption('--role <role>', 'what the user may do (may be given again)', list)
    .option('--display <name>', 'how the user is shown')
    .addOption(site())
  add(
    user,
    'reset <user>',
    'a link that sets a new password',
    'user reset anna',
    async () => (await import('../commands/user.ts')).reset,
  ).addOption(site())
  add(
    user,
    'unlock <user>',
    'end a wait after failed attempts',
    'user unlock anna',
    async () => (await import('../commands/user.ts')).unlock,
  )
  add(
    user,
    'disable <user>',
    'let a user in no more; sessions end at once',
    'user disable anna',
    async () => (await import('../commands/user.ts')).disable,
  )
}

function site(): Option {
  return new Option('--url <url>', 'where the manager is reached, for the link').default('https://127.0.0.1:8443')
}
