import { Option } from 'commander'
import { type Declare, from, list } from './declare.ts'

/** The command about drift. */
export function addDrift({ program, add }: Declare): void {
  add(
    program,
    'drift <plant>',
    'compare every device with the model, attribute by attribute: exit 1 when something differs',
    'drift plant.yaml --watch --interval 15m',
    async () => (await import('../commands/drift.ts')).run,
    async () => (await import('../remote/deploy.ts')).drift,
  )
    .addOption(new Option('--once', 'compare once (the default)').conflicts('watch'))
    .option('--watch', 'compare every interval until Ctrl-C; of several that watch a plant one compares')
    .option('--interval <time>', 'with --watch: how often', '15m')
    .option('--only <device>', 'this device only (may be given again)', list)
    .addOption(new Option('--history', 'show what was found before, and compare nothing').conflicts(['watch', 'once']))
    .option('--since <time>', 'with --history: since this time ago (7d, 12h) or this date', '30d')
    .option('--near <days>', 'a certificate that ends within so many days is a warning', '30')
    .addOption(
      new Option('--search <how>', 'how to look for devices that the model does not know')
        .choices(['broadcast', 'sweep', 'none'])
        .default('broadcast'),
    )
    .addOption(from())
}
