import { answered, apiClient } from '@cordon/client'
import { UsageError } from '@cordon/core/errors'
import { hostname } from 'node:os'
import type { CommandContext } from '../context.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { pairs } from '../output.ts'
import { readSecret } from '../secret.ts'
import { type Api, managerClient, originOf, trustOf } from './manager.ts'
import { pinnedFetch } from './pinned-fetch.ts'
import { keepServer, knownServer } from './servers.ts'

interface LoginFlags {
  readonly as?: string
  readonly passwordFile?: string
  readonly code?: string
  readonly days: string
}

/** `cordon login [LINK]` */
export async function login(context: CommandContext, flags: LoginFlags, link?: string): Promise<ExitCode> {
  const { output, signal, remote = {} } = context
  const one = link === undefined ? undefined : oneTimeLink(link)
  const server = one?.origin ?? (remote.server === undefined ? undefined : originOf(remote.server))
  if (server === undefined)
    throw new UsageError(
      'missing',
      'say which manager: --server https://HOST:8443, or the one-time link that it printed',
    )
  if (flags.passwordFile === undefined)
    throw new UsageError('missing', 'give the password with --password-file FILE (- for standard input)')
  if (flags.as === undefined && one?.kind !== 'invitation')
    throw new UsageError('missing', 'say who you are with --as NAME')
  const days = Number(flags.days)
  if (!Number.isInteger(days) || days < 1 || days > 730)
    throw new UsageError('bad-option', `--days expects 1 to 730, got "${flags.days}"`)
  const trust = await trustOf(remote)
  const password = await readSecret(flags.passwordFile, '--password-file')
  const jar = new CookieJar(pinnedFetch(trust, signal))
  let csrf: string | undefined
  const client = apiClient({ server, fetch: (request) => jar.fetch(request), csrf: () => csrf })
  const name = flags.as ?? ''
  const post = async (): Promise<Api['Session']> => {
    if (one?.kind === 'first-run')
      return await answered(client.POST('/api/v1/first-run', { body: { token: one.token, name, password } }))
    if (one?.kind === 'invitation')
      return await answered(client.POST('/api/v1/invitation', { body: { token: one.token, password } }))
    return await answered(client.POST('/api/v1/session', { body: { name, password } }))
  }
  let session = await post()
  csrf = session.csrf
  if (session.state === 'second-factor') {
    if (flags.code === undefined)
      throw new UsageError('missing', 'a second factor is wanted: give the code of your app with --code')
    session = await answered(client.POST('/api/v1/session/totp', { body: { code: flags.code } }))
    csrf = session.csrf
  }
  if (session.state === 'must-enroll')
    throw new UsageError(
      'missing',
      `your role needs a second factor: set one up in the browser at ${server}/account first`,
    )
  const { token, secret } = await answered(
    client.POST('/api/v1/tokens', { body: { name: `cordon on ${hostname()}`.slice(0, 64), days } }),
  )
  const user = session.user.name
  const place = await keepServer(server, { ...trust, token: secret, user, tokenId: token.id })
  // The token is what goes on; the session was only for making it.
  await answered(client.DELETE('/api/v1/session', {}))
  const result = { server, user, roles: session.roles, tokenExpiresAt: token.expiresAt, kept: place }
  output.document(result, () =>
    pairs(output, [
      ['signed in to', server],
      ['as', `${user} (${session.roles.join(', ')})`],
      ['until', token.expiresAt],
      ['token kept in', place],
    ]),
  )
  return exitCodes.ok
}

/** `cordon logout` */
export async function logout(context: CommandContext): Promise<ExitCode> {
  const { remote, output } = context
  const server = originOf(remote?.server ?? '')
  const known = await knownServer(server)
  if (known === undefined) throw new UsageError('missing', `nobody signed in to ${server} from here`)
  const client = await managerClient(context)
  await answered(client.DELETE('/api/v1/tokens/{id}', { params: { path: { id: known.tokenId } } }))
  await keepServer(server, undefined)
  output.document({ server, user: known.user, signedOut: true }, () => `signed out of ${server}; the token is revoked`)
  return exitCodes.ok
}

/** @throws UsageError `bad-option` for anything but a link that a manager printed */
function oneTimeLink(link: string): { origin: string; kind: 'first-run' | 'invitation'; token: string } {
  const [, origin, kind, token] =
    /^(https:\/\/[^/#?]+)\/(first-run|invitation)#([A-Za-z0-9_-]{20,128})$/.exec(link) ?? []
  if (origin === undefined || token === undefined || (kind !== 'first-run' && kind !== 'invitation'))
    throw new UsageError(
      'bad-option',
      'expected a one-time link as the manager prints it: https://HOST:8443/first-run#…',
    )
  return { origin: originOf(origin), kind, token }
}

/** Cookies of one sign-in; the manager sets one. */
class CookieJar {
  readonly #fetch: (request: Request) => Promise<Response>
  readonly #cookies = new Map<string, string>()

  constructor(fetch: (request: Request) => Promise<Response>) {
    this.#fetch = fetch
  }

  async fetch(request: Request): Promise<Response> {
    const cookies = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    if (cookies !== '') request.headers.set('cookie', cookies)
    const answer = await this.#fetch(request)
    for (const line of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=;]+)=([^;]*)/.exec(line) ?? []
      if (name === undefined || value === undefined) continue
      if (value === '') this.#cookies.delete(name)
      else this.#cookies.set(name, value)
    }
    return answer
  }
}
