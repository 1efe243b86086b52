import { type ApiClient, apiClient, type components } from '@cordon/client'
import { UsageError } from '@cordon/core/errors'
import { readFile } from 'node:fs/promises'
import type { CommandContext } from '../context.ts'
import { readSecret } from '../secret.ts'
import type { ServerFlags } from './server-flags.ts'
import { pinnedFetch, type ServerTrust } from './pinned-fetch.ts'
import { knownServer } from './servers.ts'

/** Schemas of the manager's API by name. */
export type Api = components['schemas']

/**
 * The origin of a manager.
 * @throws UsageError `bad-option` for anything but an https origin
 */
export function originOf(text: string): string {
  let url: URL | undefined
  try {
    url = new URL(text.includes('://') ? text : `https://${text}`)
  } catch {
    url = undefined
  }
  if (url === undefined || url.protocol !== 'https:' || url.username !== '' || !['', '/'].includes(url.pathname))
    throw new UsageError(
      'bad-option',
      `--server expects an origin such as https://127.0.0.1:8443, got "${text.slice(0, 100)}"`,
    )
  return url.port === '' && !/:443$/.test(text) ? `https://${url.hostname}:8443` : url.origin
}

/** @throws UsageError `bad-option`, `missing` */
export async function trustOf({ fingerprint, ca }: ServerFlags): Promise<ServerTrust> {
  const print = fingerprint?.replaceAll(':', '').toLowerCase()
  if (print !== undefined && !/^[0-9a-f]{64}$/.test(print))
    throw new UsageError(
      'bad-option',
      `--server-fingerprint expects a SHA-256 of 64 hex digits, got "${fingerprint?.slice(0, 80)}"`,
    )
  let authorities: string | undefined
  if (ca !== undefined) {
    authorities = await readFile(ca, 'utf8').catch((cause: unknown) => {
      throw new UsageError('missing', `--server-ca: cannot read ${ca}`, { cause })
    })
  }
  return {
    ...(print === undefined ? {} : { fingerprint: print }),
    ...(authorities === undefined ? {} : { authorities }),
  }
}

/**
 * The API of the manager that `--server` names, as who signed in with `cordon login`, or by the token of a file.
 * @throws UsageError `missing` where nobody signed in
 */
export async function managerClient(context: CommandContext): Promise<ApiClient> {
  const { remote, signal } = context
  if (remote?.server === undefined) throw new UsageError('missing', 'say which manager: --server https://HOST:8443')
  const server = originOf(remote.server)
  const given = await trustOf(remote)
  const known = await knownServer(server)
  const token = remote.tokenFile === undefined ? known?.token : await readSecret(remote.tokenFile, '--token-file')
  if (token === undefined)
    throw new UsageError(
      'missing',
      `nobody signed in to ${server} from here: run \`cordon --server ${server} login\`, or give an API token with --token-file`,
    )
  const trust = Object.keys(given).length > 0 ? given : (known ?? {})
  return apiClient({ server, token, fetch: pinnedFetch(trust, signal) })
}
