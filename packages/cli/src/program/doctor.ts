import { type Declare, from } from './declare.ts'

/** What tells why something does not work. */
export function addDoctor({ program, add }: Declare): void {
  add(
    program,
    'doctor <target>',
    'why a device cannot be used: route, ports, TLS, session, objects, certificate, clock, policy',
    'doctor Blue_Drive --plant plant.yaml',
    async () => (await import('../commands/doctor.ts')).run,
  )
    .option('--plant <file>', 'open it as the manager of this plant and compare; the target may then be a name')
    .option('--timeout <seconds>', 'how long to wait for the answer to one question', '3')
    .addOption(from())
    .addHelpText(
      'after',
      '\nIt stops at the first rung that is broken, and changes nothing. Exit code 0: every rung holds; 1: one is broken;\n3: something could not be tried. docs/messages.md explains every message.',
    )
}
