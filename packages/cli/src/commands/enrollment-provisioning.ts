import { join, resolve } from 'node:path'
import { TransportError, UsageError } from '@cordon/core/errors'
import { encodePem } from '@cordon/core/x509'
import { privateDirectory, writeTogether } from '@cordon/node/files'
import { listProvisioning, type ProvisioningCertificate, revokeProvisioning } from '@cordon/server/enrollment'
import { actingPerson, type PersonFlags } from '../acting-person.ts'
import { confirmed } from '../confirm.ts'
import type { CommandContext } from '../context.ts'
import { moment } from '../dates.ts'
import { momentOf, short } from '../enrollment-text.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { mayWrite } from '../new-files.ts'
import { type Output, table } from '../output.ts'
import { withProgress } from '../progress.ts'
import { openWorkspace, type Workspace } from '../workspace.ts'

const dayMs = 24 * 3_600_000

interface IssueFlags extends PersonFlags {
  readonly days: string
  readonly directory: string
  readonly authority?: string
  readonly force?: boolean
}

interface Files {
  readonly name: string
  readonly certificate: string
  readonly chain: string
  readonly key: string
}

interface Issued extends Files {
  readonly serial: string
  readonly notAfter: string
}

/** `cordon enrollment provisioning issue NAME…` */
export async function issue(context: CommandContext, flags: IssueFlags, names: readonly string[]): Promise<ExitCode> {
  const days = Number(flags.days)
  if (!Number.isInteger(days) || days < 1 || days > 3650)
    throw new UsageError('bad-option', `--days expects 1 to 3650, got "${flags.days}"`)
  const directory = resolve(flags.directory)
  const files = [...new Set(names)].map((name) => filesOf(name, directory))
  await mayWrite(
    files.flatMap(({ certificate, chain, key }) => [certificate, chain, key]),
    flags.force,
  )
  await privateDirectory(directory)
  await using workspace = await openWorkspace(context)
  await actingPerson(workspace.store, flags)
  const issued: Issued[] = []
  const wish = { validityMs: days * dayMs, ...(flags.authority === undefined ? {} : { authority: flags.authority }) }
  const issueAll = async (show: (text: string) => void): Promise<void> => {
    for (const each of files) {
      if (context.signal.aborted) return
      issued.push(await issueOne(workspace, each, wish))
      show(`${issued.length} of ${files.length}: ${each.name}`)
    }
  }
  if (files.length === 1) await issueAll(() => {})
  else await withProgress(context.output, [{ title: `Issue ${files.length} certificates`, run: issueAll }])
  context.output.document({ issued }, () => issuedText(context.output, issued))
  return issued.length === files.length ? exitCodes.ok : exitCodes.partly
}

function filesOf(name: string, directory: string): Files {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(name)) {
    const form = 'up to 63 letters, digits, ".", "_" or "-"'
    throw new UsageError('bad-option', `expected ${form}, got "${name}": it names the files`)
  }
  const file = (suffix: string): string => join(directory, `${name}.${suffix}`)
  return { name, certificate: file('cert.pem'), chain: file('chain.pem'), key: file('key.pem') }
}

async function issueOne(
  { authority }: Workspace,
  files: Files,
  wish: { readonly validityMs: number; readonly authority?: string },
): Promise<Issued> {
  const made = await authority.issueProvisioning({ name: files.name, ...wish })
  const key = made.key?.export()
  if (key === undefined) throw new TransportError('io', 'the authority made no key that can be written')
  // The key first: without it the others are worth nothing.
  await writeTogether([
    { path: files.key, bytes: encodePem('PRIVATE KEY', key) },
    {
      path: files.chain,
      bytes: [made.certificate, ...made.chain].map((der) => encodePem('CERTIFICATE', der)).join(''),
    },
    { path: files.certificate, bytes: encodePem('CERTIFICATE', made.certificate) },
  ])
  return { ...files, serial: made.serial, notAfter: moment(made.notAfter) }
}

function issuedText(output: Output, issued: readonly Issued[]): string {
  const rows = table(output, issued, [
    { title: 'name', value: ({ name }) => name },
    { title: 'certificate', value: ({ certificate }) => certificate, rank: 1 },
    { title: 'key', value: ({ key }) => key },
    { title: 'until', value: ({ notAfter }) => notAfter },
    { title: 'serial', value: ({ serial }) => serial, rank: 1 },
  ])
  return `${rows}\n\nWhoever reads a key (0600) may enroll with it: bring it to its device and delete it here.`
}

/** `cordon enrollment provisioning anchor` */
export async function anchor(
  context: CommandContext,
  { authority: name }: { readonly authority?: string },
): Promise<ExitCode> {
  await using workspace = await openWorkspace(context)
  const certificate = encodePem('CERTIFICATE', await workspace.authority.provisioningAnchor(name))
  context.output.document({ authority: name ?? null, certificate }, () => certificate)
  return exitCodes.ok
}

/** `cordon enrollment provisioning list` */
export async function list(context: CommandContext): Promise<ExitCode> {
  const { output } = context
  await using workspace = await openWorkspace(context)
  const certificates = await listProvisioning(workspace.store)
  output.document({ certificates }, () =>
    table(
      output,
      certificates,
      [
        { title: 'name', value: ({ name }) => name },
        { title: 'state', value: (each) => stateText(output, each) },
        { title: 'used for', value: ({ uses }) => uses.map(useText).join('; '), rank: 1 },
        { title: 'not after', value: ({ notAfter }) => momentOf(notAfter) },
        { title: 'SHA-256', value: ({ fingerprint }) => short(fingerprint) },
        { title: 'why revoked', value: ({ revoked }) => revoked?.reason ?? '', rank: 2 },
      ],
      'none; issue one with "cordon enrollment provisioning issue NAME"',
    ),
  )
  return exitCodes.ok
}

function stateText(output: Output, { state }: ProvisioningCertificate): string {
  const kinds = { unused: 'good', used: 'neutral', revoked: 'bad', expired: 'neutral' } as const
  return output.state(kinds[state], state)
}

function useText({ device, key, enrollment }: ProvisioningCertificate['uses'][number]): string {
  return `${device ?? `key ${short(key)}`} (enrollment ${enrollment})`
}

interface RevokeFlags extends PersonFlags {
  readonly reason: string
  readonly yes?: boolean
}

/** `cordon enrollment provisioning revoke NAME|FINGERPRINT` */
export async function revoke(context: CommandContext, flags: RevokeFlags, subject: string): Promise<ExitCode> {
  await using workspace = await openWorkspace(context)
  const by = await actingPerson(workspace.store, flags)
  if (!(await confirmed(context, flags.yes, `Revoke provisioning certificate ${subject} for good?`)))
    return exitCodes.refused
  const revoked = await revokeProvisioning(workspace.store, subject, { by, reason: flags.reason })
  context.output.document({ revoked, by }, () =>
    revoked.length === 0
      ? `${subject} was revoked before`
      : `revoked ${revoked.map(short).join(', ')}. What was issued through it is still valid: cordon enrollment issued ${revoked[0]}`,
  )
  return exitCodes.ok
}
