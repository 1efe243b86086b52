import { Option } from 'commander'
import { type Declare, from } from './declare.ts'

/** The command about all connections of a plant. */
export function addConnections({ program, add }: Declare): void {
  add(
    program,
    'connections <plant>',
    'the live tables of all devices, joined and judged: who talks to whom, how protected, whether the plant allows it',
    'connections plant.yaml --follow --verdict forbidden',
    async () => (await import('../commands/connections.ts')).run,
    async () => (await import('../remote/deploy.ts')).connections,
  )
    .option('--follow', 'go on: redrawn on a terminal, elsewhere a line for each change')
    .option('--interval <time>', 'how often every device is asked', '30s')
    .option('--zone <name>', 'only with an end in this zone')
    .option('--pair <a,b>', 'only between these two, names or addresses')
    .addOption(new Option('--protection <how>', 'only so protected').choices(['encrypted', 'authenticated', 'none']))
    .addOption(
      new Option('--verdict <verdict>', 'only so judged').choices(['allowed', 'forbidden', 'weaker', 'unknown-peer']),
    )
    .addOption(from())
}
