import { answered } from '@cordon/client'
import { UsageError } from '@cordon/core/errors'
import { readFile } from 'node:fs/promises'
import type { CommandContext } from '../context.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { table } from '../output.ts'
import { managerClient } from './manager.ts'

/** `cordon audit` */
export async function audit(
  context: CommandContext,
  flags: {
    readonly actor?: string
    readonly action?: string
    readonly of?: string
    readonly from?: string
    readonly limit: string
  },
): Promise<ExitCode> {
  const { output } = context
  const { actor, action, of: plant, from } = flags
  const limit = Number(flags.limit)
  if (!Number.isInteger(limit) || limit < 1 || limit > 200)
    throw new UsageError('bad-option', `--limit expects 1 to 200, got "${flags.limit}"`)
  const client = await managerClient(context)
  const query = {
    limit,
    ...(actor === undefined ? {} : { actor }),
    ...(action === undefined ? {} : { action }),
    ...(plant === undefined ? {} : { plant }),
    ...(from === undefined ? {} : { from }),
  }
  const page = await answered(client.GET('/api/v1/audit', { params: { query } }))
  output.document(page, () =>
    table(
      output,
      page.items,
      [
        { title: 'when', value: ({ at }) => at },
        { title: 'who', value: (entry) => entry.actor },
        { title: 'did', value: (entry) => entry.action },
        { title: 'to', value: ({ subject }) => subject },
        { title: 'outcome', value: ({ outcome }) => output.state(outcome === 'done' ? 'good' : 'bad', outcome) },
        { title: 'from', value: ({ address }) => address ?? '-', rank: 1 },
      ],
      'no entries',
    ),
  )
  return exitCodes.ok
}

/** `cordon token list` */
export async function tokens(context: CommandContext, { all }: { readonly all?: boolean }): Promise<ExitCode> {
  const { output } = context
  const client = await managerClient(context)
  const found = await answered(client.GET('/api/v1/tokens', { params: { query: all === undefined ? {} : { all } } }))
  output.document(found, () =>
    table(
      output,
      found.items,
      [
        { title: 'id', value: ({ id }) => id },
        { title: 'name', value: ({ name }) => name },
        { title: 'owner', value: ({ owner }) => owner },
        { title: 'roles', value: ({ roles }) => roles.join(', ') },
        {
          title: 'ends',
          value: ({ expiresAt, revokedAt }) => (revokedAt === null ? expiresAt : `revoked ${revokedAt}`),
        },
        { title: 'used', value: ({ usedAt }) => usedAt ?? 'never', rank: 1 },
      ],
      'no tokens',
    ),
  )
  return exitCodes.ok
}

/** `cordon token revoke ID` */
export async function revokeToken(context: CommandContext, _: unknown, id: string): Promise<ExitCode> {
  const client = await managerClient(context)
  await answered(client.DELETE('/api/v1/tokens/{id}', { params: { path: { id } } }))
  context.output.document({ id, revoked: true }, () => `token ${id} is revoked`)
  return exitCodes.ok
}

/** `cordon vendor list` */
export async function vendors(context: CommandContext): Promise<ExitCode> {
  const { output } = context
  const client = await managerClient(context)
  const found = await answered(client.GET('/api/v1/vendor-anchors', {}))
  output.document(found, () =>
    table(
      output,
      found.items,
      [
        { title: 'subject', value: ({ subject }) => subject },
        { title: 'SHA-256', value: ({ fingerprint }) => fingerprint },
        { title: 'ends', value: ({ notAfter }) => notAfter, rank: 1 },
        { title: 'added', value: ({ addedAt, addedBy }) => `${addedAt} by ${addedBy}`, rank: 1 },
      ],
      'no vendor is believed; add one with "cordon vendor add FILE"',
    ),
  )
  return exitCodes.ok
}

/** `cordon vendor add FILE` */
export async function addVendor(context: CommandContext, _: unknown, file: string): Promise<ExitCode> {
  const pem = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new UsageError('missing', `cannot read ${file}`, { cause })
  })
  const client = await managerClient(context)
  const found = await answered(client.POST('/api/v1/vendor-anchors', { body: { pem } }))
  context.output.document(found, () => `${found.items.length} vendor authorities are believed at first contact`)
  return exitCodes.ok
}

/** `cordon vendor remove SHA256` */
export async function removeVendor(context: CommandContext, _: unknown, fingerprint: string): Promise<ExitCode> {
  const client = await managerClient(context)
  const path = { fingerprint: fingerprint.replaceAll(':', '').toLowerCase() }
  await answered(client.DELETE('/api/v1/vendor-anchors/{fingerprint}', { params: { path } }))
  context.output.document({ ...path, removed: true }, () => `${path.fingerprint} is believed no more`)
  return exitCodes.ok
}
