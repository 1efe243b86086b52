import { InvalidArgumentError, Option } from 'commander'
import { type Declare, from, list } from './declare.ts'

/** The command that holds a target against the wire reference. */
export function addConformance({ program, add }: Declare): void {
  add(
    program,
    'conformance [target]',
    'ask a target every rule of the wire reference; only reads unless told otherwise',
    'conformance 127.17.81.51 --plant plant.yaml --junit conformance.xml',
    async () => (await import('../commands/conformance.ts')).run,
  )
    .addOption(
      new Option('--plant <file>', 'open it as the manager of this plant, once it is commissioned').conflicts([
        'plain',
        'pin',
      ]),
    )
    .addOption(new Option('--plain', 'open it in plain on 44818 only').conflicts('pin'))
    .option('--pin <sha256>', 'open it over TLS by the certificate that it must show, while it is factory-new')
    .option('--only <name>', 'a group, a case, or the beginning of cases with *; may be given again', list)
    .addOption(new Option('--basis <basis>', 'only cases that rest on this; may be given again').argParser(basis))
    .option('--list', 'list the cases and ask nothing')
    .option('--allow-writes', 'also cases that change something and put it back')
    .option('--allow-reset', 'also cases that reset a factory-new target, or that a wrong target would take as a reset')
    .option(
      '--io <points>',
      'a class 1 connection of the target, as OUTPUT:SIZE,INPUT:SIZE[,CONFIGURATION]: 101:8,100:40,102',
    )
    .option('--longest <seconds>', 'leave out cases that wait longer than this', '60')
    .option('--timeout <seconds>', 'how long an answer may take', '2')
    .option('--html <file>', 'write the results as a page')
    .option('--junit <file>', 'write the results as JUnit XML')
    .option('--force', 'replace files that are there')
    .addOption(from())
}

const bases = ['public', 'inferred', 'ours']

function basis(value: string, previous: string[] = []): string[] {
  if (!bases.includes(value)) throw new InvalidArgumentError(`expected ${bases.join(', ')}`)
  return [...previous, value]
}
