import { NotAllowed, PeerError } from '@cordon/core/errors'
import type { Selectable } from 'kysely'
import {
  allowInsecureRequests,
  AuthorizationResponseError,
  ClientSecretBasic,
  ClientSecretPost,
  type ClientAuth,
  type Configuration,
  customFetch,
  type CustomFetch,
  discovery,
  None,
  ResponseBodyError,
} from 'openid-client'
import type { Store } from '../store/store.ts'
import type { IdentityProviderTable } from '../store/users-tables.ts'
import { checkedIssuer, isLoopback } from './providers.ts'

/** Longest answer of a provider that is read, bytes. */
const longestAnswer = 1024 * 1024
/** How long one answer may take, seconds. */
const answerSeconds = 10
/** How long what discovery told is believed, milliseconds: strangers must not make us ask at every click. */
const believedMs = 5 * 60_000

/** What discovery told, by what it depends on. */
const known = new Map<string, { readonly at: number; readonly configuration: Configuration }>()

/**
 * Client of a provider after discovery.
 * @throws PeerError `unexpected-reply` when the provider is out of reach or does not conform
 */
export async function providerClient(
  store: Pick<Store, 'secrets'>,
  row: Selectable<IdentityProviderTable>,
  { now, fresh = false }: { readonly now: number; readonly fresh?: boolean },
): Promise<Configuration> {
  const secret =
    row.sealed === null
      ? undefined
      : new TextDecoder().decode(store.secrets.open({ table: 'identity_providers', id: row.id }, row.sealed))
  const key = JSON.stringify([
    row.id,
    row.issuer,
    row.client_id,
    row.sealed === null ? '' : Buffer.from(row.sealed).toString('base64'),
  ])
  const before = known.get(key)
  if (!fresh && before !== undefined && now - before.at < believedMs && now >= before.at) return before.configuration
  const issuer = checkedIssuer(row.issuer)
  const configuration = await discovery(issuer, row.client_id, undefined, clientAuthentication(secret), {
    timeout: answerSeconds,
    [customFetch]: boundedFetch,
    execute: issuer.protocol === 'http:' ? [allowInsecureRequests] : [],
  }).catch((cause: unknown) => {
    throw new PeerError(
      'unexpected-reply',
      `the identity provider ${row.name} did not answer discovery at ${row.issuer}: ${plainReason(cause)}`,
      { cause },
    )
  })
  // An entry that was changed leaves its old key behind: few, and no more than this.
  if (known.size >= 100) known.clear()
  known.set(key, { at: now, configuration })
  return configuration
}

/** How the client proves itself: in the header where the provider takes that, which is the default (RFC 6749, 2.3.1). */
function clientAuthentication(secret: string | undefined): ClientAuth {
  if (secret === undefined) return None()
  const basic = ClientSecretBasic(secret)
  const post = ClientSecretPost(secret)
  return (server, client, body, headers) => {
    const methods = server.token_endpoint_auth_methods_supported
    const isBasic = methods === undefined || methods.includes('client_secret_basic')
    ;(isBasic ? basic : post)(server, client, body, headers)
  }
}

/** The platform's fetch that leaves the machine by TLS only, follows nothing, and reads so much and no more. */
const boundedFetch: CustomFetch = async (address, options) => {
  const url = new URL(address)
  if (url.protocol !== 'https:' && !isLoopback(url)) {
    throw new NotAllowed('insecure-link', `the identity provider names ${url.origin}, which is not https`)
  }
  const { body, ...rest } = options
  // The library's own type of a body is wider in its buffers than the platform's; both are the bytes of a form.
  const sent = body === undefined ? {} : { body: body as NonNullable<RequestInit['body']> | null }
  const response = await fetch(url, { ...rest, ...sent, redirect: 'manual' })
  const parts: Uint8Array[] = []
  let length = 0
  if (response.body !== null) {
    for await (const part of response.body) {
      // Of a body that fetch read.
      const bytes = part as Uint8Array
      length += bytes.length
      if (length > longestAnswer)
        throw new NotAllowed('refused', `the identity provider sent more than ${longestAnswer} bytes`)
      parts.push(bytes)
    }
  }
  const isEmpty = [101, 204, 205, 304].includes(response.status)
  return new Response(isEmpty ? null : Buffer.concat(parts), { status: response.status, headers: response.headers })
}

/** Why a library or the network failed, in one line; its causes name hosts and statuses, never secrets. */
export function plainReason(error: unknown): string {
  const parts: string[] = []
  for (let cause = error; cause instanceof Error && parts.length < 3; cause = cause.cause) {
    // What the provider itself said (RFC 6749, 4.1.2.1 and 5.2).
    const said = cause instanceof AuthorizationResponseError || cause instanceof ResponseBodyError ? cause : undefined
    const answer = said === undefined ? '' : ` (${said.error}: ${said.error_description ?? 'no description'})`
    if (cause.message !== '') parts.push(cause.message + answer)
  }
  return parts.join(': ').slice(0, 400) || 'unknown'
}
