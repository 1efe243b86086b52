import { type Command, Option } from 'commander'
import { type Declare, list, withExample } from './declare.ts'

/** The commands about requests for certificates: the queue, the rules, and the credentials that are handed out. */
export function addEnrollment({ add, group }: Declare): void {
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
    async () => (await import('../commands/enrollment-list.ts')).run,
    async () => (await import('../remote/trust.ts')).enrollments,
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
    async () => (await import('../commands/enrollment-show.ts')).run,
    async () => (await import('../remote/trust.ts')).showEnrollment,
  ).option('--policy <file>', 'the enrollment file, to say what approving would do')
  byPerson(
    add(
      enrollment,
      'approve <id...>',
      'approve requests; each device gets its certificate when it asks again',
      'enrollment approve 7 8 --reason installed',
      async () => (await import('../commands/enrollment-decide.ts')).approve,
      async () => (await import('../remote/trust.ts')).approve,
    ).option('--reason <text>', 'why, for the record'),
  )
  reasoned(
    add(
      enrollment,
      'deny <id...>',
      'deny requests, until whoever denied them takes that back',
      'enrollment deny 9 --reason unknown',
      async () => (await import('../commands/enrollment-decide.ts')).deny,
      async () => (await import('../remote/trust.ts')).deny,
    ),
  )
  byPerson(
    add(
      enrollment,
      'withdraw <id...>',
      'take back what you said, until the certificate is issued',
      'enrollment withdraw 7',
      async () => (await import('../commands/enrollment-decide.ts')).withdraw,
      async () => (await import('../remote/trust.ts')).withdraw,
    ).option('--reason <text>', 'why, for the record'),
  )
  reasoned(
    add(
      enrollment,
      'clear <id>',
      'declare a clone alarm harmless: its key may have been seen elsewhere',
      'enrollment clear 7 --reason moved',
      async () => (await import('../commands/enrollment-clear.ts')).run,
    ).option('--address <address>', 'where the key belongs (default: where it asked from last)'),
  )
  add(
    enrollment,
    'history [subject]',
    'who asked, who decided and what was issued, of a device or a certificate’s serial number',
    'enrollment history Blue_Drive',
    async () => (await import('../commands/enrollment-history.ts')).run,
  )
  addEnrollmentPolicy({ add, group }, enrollment)
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
        async () => (await import('../commands/enrollment-people.ts'))[kind].set,
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
      async () => (await import('../commands/enrollment-people.ts'))[kind].list,
    )
    reasoned(
      add(
        people,
        'revoke <name>',
        `revoke ${kind === 'account' ? 'an account' : 'an administrator'} for good`,
        `enrollment ${kind} revoke line3 --reason done`,
        async () => (await import('../commands/enrollment-people.ts'))[kind].revoke,
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
      async () => (await import('../commands/enrollment-provisioning.ts')).issue,
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
    async () => (await import('../commands/enrollment-provisioning.ts')).anchor,
  ).option('--authority <name>', 'one with a name')
  add(
    provisioning,
    'list',
    'provisioning certificates, and what they were used for',
    'enrollment provisioning list',
    async () => (await import('../commands/enrollment-provisioning.ts')).list,
  )
  reasoned(
    add(
      provisioning,
      'revoke <certificate>',
      'let a provisioning certificate enroll nobody any more',
      'enrollment provisioning revoke card1 --reason lost',
      async () => (await import('../commands/enrollment-provisioning.ts')).revoke,
    ).option('-y, --yes', 'do not ask'),
  )
  byPerson(
    add(
      enrollment,
      'issued <credential>',
      'everything that was issued through an account or a provisioning certificate',
      'enrollment issued line3 --revoke-issued',
      async () => (await import('../commands/enrollment-issued.ts')).run,
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
    async () => (await import('../commands/enrollment-inventory.ts')).check,
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
      async () => (await import('../commands/enrollment-notify.ts')).runTest,
    ),
  )
  byRules(
    add(
      notify,
      'status',
      'what waits, was sent and was given up, by channel',
      'enrollment notify status --rules enrollment.yaml',
      async () => (await import('../commands/enrollment-notify.ts')).runStatus,
    ),
  )
}

/** The commands about the enrollment file. */
function addEnrollmentPolicy({ add, group }: Pick<Declare, 'add' | 'group'>, enrollment: Command): void {
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
    async () => (await import('../commands/enrollment-policy.ts')).check,
  )
  add(
    policy,
    'explain <rules>',
    'what the rules mean, and what each policy is good for and risks',
    'enrollment policy explain enrollment.yaml',
    async () => (await import('../commands/enrollment-policy.ts')).explain,
  ).option('--label <label>', 'this label only; default is the path without one')
  add(
    policy,
    'try <rules>',
    'what the rules would say of a request; exit 4 when they would deny it',
    'enrollment policy try enrollment.yaml --vendor rockwell --unit 1:0x00E17388',
    async () => (await import('../commands/enrollment-policy.ts')).tryFacts,
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
