import { Option } from 'commander'
import type { Declare } from './declare.ts'

const message = () => new Option('-m, --message <text>', 'why, for the history').makeOptionMandatory()

/** The commands that only a manager knows: `--server` names it. */
export function addManager({ program, add, group }: Declare): void {
  add(
    program,
    'login [link]',
    'sign in to a manager and keep an API token; with its one-time link become the first administrator',
    'login https://127.0.0.1:8443/first-run#… --as anna --password-file -',
    undefined,
    async () => (await import('../remote/login.ts')).login,
  )
    .option('--as <name>', 'who you are')
    .option('--password-file <file>', 'file with the password; - for standard input')
    .option('--code <digits>', 'code of the second factor')
    .option('--days <days>', 'how long the token is good for', '30')
  add(
    program,
    'logout',
    'revoke the token that "cordon login" kept',
    'logout --server https://127.0.0.1:8443',
    undefined,
    async () => (await import('../remote/login.ts')).logout,
  )
  const plant = group(
    'plant',
    'plants, their versions and their inbox at a manager',
    'plant list --server https://127.0.0.1:8443',
  )
  add(plant, 'list', 'all plants', 'plant list', undefined, async () => (await import('../remote/plants.ts')).list)
  add(
    plant,
    'show <plant-name>',
    'zones and conduits of a plant and how they stand',
    'plant show cpwe',
    undefined,
    async () => (await import('../remote/plants.ts')).show,
  )
  add(
    plant,
    'save <plant>',
    'a plant file as a new plant or a new version',
    'plant save plant.yaml -m enlarged',
    undefined,
    async () => (await import('../remote/plants.ts')).save,
  )
    .addOption(message())
    .option('--base <version>', 'the version that it was made from (default: the newest)')
  add(
    plant,
    'text <plant-name> [version]',
    'the plant file of a version',
    'plant text cpwe 3',
    undefined,
    async () => (await import('../remote/plants.ts')).text,
  ).option('--file <file>', 'write it there instead')
  add(
    plant,
    'versions <plant-name>',
    'who saved what, and why',
    'plant versions cpwe',
    undefined,
    async () => (await import('../remote/plants.ts')).versions,
  )
  add(
    plant,
    'diff <plant-name> <from> <to>',
    'what two versions differ in',
    'plant diff cpwe 2 3',
    undefined,
    async () => (await import('../remote/plants.ts')).diff,
  )
  add(
    plant,
    'restore <plant-name> <version>',
    'a new version with the text of an old one',
    'plant restore cpwe 2 -m back',
    undefined,
    async () => (await import('../remote/plants.ts')).restore,
  ).addOption(message())
  add(
    plant,
    'stage <plant-name> [setting...]',
    'how far zones are enforced: ZONE=observe, protect or enforce',
    'plant stage cpwe green=protect',
    undefined,
    async () => (await import('../remote/plants.ts')).stage,
  ).option('-m, --message <text>', 'why, for the history')
  add(
    plant,
    'dry-run <plant-name>',
    'which observed connections the newest version would break',
    'plant dry-run cpwe',
    undefined,
    async () => (await import('../remote/plants.ts')).dryRun,
  ).option('--file <file>', 'judge this plant file instead')
  add(
    plant,
    'propose <plant-name>',
    'zones and conduits from what was observed, as a plant file',
    'plant propose cpwe',
    undefined,
    async () => (await import('../remote/plants.ts')).propose,
  )
  add(
    plant,
    'discovered <plant-name>',
    'devices that answered',
    'plant discovered cpwe',
    undefined,
    async () => (await import('../remote/plants.ts')).discovered,
  )
  add(
    plant,
    'adopt <plant-name> <device...>',
    'take devices that answered into a zone: NAME=ADDRESS',
    'plant adopt cpwe Press_1=192.0.2.7 --zone green -m new',
    undefined,
    async () => (await import('../remote/plants.ts')).adopt,
  )
    .addOption(new Option('--zone <zone>', 'the zone').makeOptionMandatory())
    .option('--new-zone', 'make the zone, with certificates, encrypted messaging and authenticated I/O')
    .addOption(message())
  const job = group('job', 'what a manager is doing', 'job list --active --server https://127.0.0.1:8443')
  add(
    job,
    'list',
    'jobs, newest first',
    'job list --active',
    undefined,
    async () => (await import('../remote/jobs.ts')).list,
  )
    .option('--of <name>', 'of this plant')
    .option('--kind <kind>', 'of this kind, such as deploy')
    .option('--active', 'that are not over')
  add(job, 'show <id>', 'one job', 'job show 7d0c…', undefined, async () => (await import('../remote/jobs.ts')).show)
  add(
    job,
    'cancel <id>',
    'stop a job: each device keeps its old or gets its new settings',
    'job cancel 7d0c…',
    undefined,
    async () => (await import('../remote/jobs.ts')).cancel,
  )
  add(
    program,
    'audit',
    'who did what at a manager, newest first',
    'audit --actor anna --server https://127.0.0.1:8443',
    undefined,
    async () => (await import('../remote/admin.ts')).audit,
  )
    .option('--actor <name>', 'by this user')
    .option('--action <action>', 'this operation; with a dot at its end all of a resource: deployments.')
    .option('--of <name>', 'at this plant')
    .option('--from <time>', 'since this moment: 2026-01-31T12:00:00Z')
    .option('--limit <entries>', 'how many', '50')
  const token = group('token', 'API tokens at a manager', 'token list --server https://127.0.0.1:8443')
  add(
    token,
    'list',
    'API tokens',
    'token list',
    undefined,
    async () => (await import('../remote/admin.ts')).tokens,
  ).option('--all', 'of everybody')
  add(
    token,
    'revoke <id>',
    'revoke an API token',
    'token revoke 5f1e…',
    undefined,
    async () => (await import('../remote/admin.ts')).revokeToken,
  )
  const vendor = group(
    'vendor',
    'vendors that a manager believes at first contact with a device',
    'vendor list --server https://127.0.0.1:8443',
  )
  add(
    vendor,
    'list',
    'vendor authorities',
    'vendor list',
    undefined,
    async () => (await import('../remote/admin.ts')).vendors,
  )
  add(
    vendor,
    'add <pem>',
    'believe the vendor authorities of a PEM file',
    'vendor add vendor.pem',
    undefined,
    async () => (await import('../remote/admin.ts')).addVendor,
  )
  add(
    vendor,
    'remove <sha256>',
    'believe a vendor authority no more',
    'vendor remove 9f2c…',
    undefined,
    async () => (await import('../remote/admin.ts')).removeVendor,
  )
}
