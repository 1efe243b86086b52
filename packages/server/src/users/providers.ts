import { randomUUID } from 'node:crypto'
import { NotAllowed, UsageError } from '@cordon/core/errors'
import type { Kysely, Selectable } from 'kysely'
import { jsonText, type Schema } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import type { IdentityProviderTable } from '../store/users-tables.ts'
import { lockUsers } from './links.ts'
import { checkedName, nameKey } from './names.ts'
import { type Asker, recordChange } from './origin.ts'
import type { RoleMap } from './role-mapping.ts'
import type { Role } from './roles.ts'
import { dropSessions } from './sessions.ts'
import { checkedRoles, isId, lockedUser } from './user.ts'

/** An OpenID Connect provider, without its secret. */
export interface IdentityProvider {
  readonly id: string
  readonly name: string
  /** URL that discovery begins at. */
  readonly issuer: string
  readonly clientId: string
  /** Whether there is a client secret; a public client has none and relies on PKCE. */
  readonly hasSecret: boolean
  /** What is asked for; `openid` is always in it. */
  readonly scopes: readonly string[]
  /** Where roles are found in the claims; see `readClaim`. */
  readonly roleClaim: string
  readonly roleMap: RoleMap
  readonly enabled: boolean
  /** Whether a first sign-in makes a user. */
  readonly allowCreation: boolean
}

/** A provider as it is written. */
export interface ProviderEntry {
  readonly name: string
  readonly issuer: string
  readonly clientId: string
  /** Undefined keeps the one that is there, empty removes it: a public client. */
  readonly clientSecret?: string | undefined
  /** Undefined keeps those that are there; of a new provider `openid profile email`. */
  readonly scopes?: readonly string[] | undefined
  readonly roleClaim: string
  readonly roleMap: Readonly<Record<string, readonly string[]>>
  readonly enabled: boolean
  readonly allowCreation: boolean
}

/** What came of a sign-in through a provider. */
export interface ProviderResult {
  readonly at: Date
  /** The identity at the provider: `sub`, or empty where it did not come to that. */
  readonly sub: string
  readonly outcome: 'signed-in' | 'refused'
  readonly roles: readonly Role[]
  readonly explanation: string
}

const usualScopes = ['openid', 'profile', 'email']
/** Providers at once. */
const mostProviders = 50
/** Results that are kept of each provider. */
const mostResults = 50

/**
 * The URL of an issuer.
 * @throws UsageError `bad-value` for anything but https; http is for a provider on this machine only
 */
export function checkedIssuer(text: string): URL {
  const url = text.length <= 512 && URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw new UsageError('bad-value', 'expected the URL of an issuer, such as https://login.example/realms/plant')
  }
  if (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url))) return url
  throw new UsageError('bad-value', `an issuer is reached by https, http is for this machine only; got ${url.origin}`)
}

/** Whether a URL stays on this machine. */
export function isLoopback({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname)
}

function checkedEntry(entry: ProviderEntry, before: readonly string[] = usualScopes) {
  const name = checkedName(entry.name, 'name of the provider')
  const issuer = checkedIssuer(entry.issuer)
  if (!/^[\x20-\x7e]{1,256}$/.test(entry.clientId))
    throw new UsageError('bad-value', 'expected a client id of 1 to 256 ASCII characters')
  if (entry.clientSecret !== undefined && !/^[\x20-\x7e]{0,1024}$/.test(entry.clientSecret)) {
    throw new UsageError('bad-value', 'expected a client secret of at most 1024 ASCII characters')
  }
  const scopes = entry.scopes ?? before
  if (scopes.length > 20 || scopes.some((scope) => !/^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/.test(scope))) {
    throw new UsageError('bad-value', 'expected at most 20 scopes without spaces and quotes (RFC 6749, 3.3)')
  }
  if (entry.roleClaim === '' || entry.roleClaim.length > 256) {
    throw new UsageError('bad-value', 'expected the path of a claim, such as realm_access.roles')
  }
  const map = Object.entries(entry.roleMap)
  if (map.length > 500)
    throw new UsageError('bad-value', `expected at most 500 values in the map of roles, got ${map.length}`)
  const roleMap = Object.fromEntries(map.map(([value, roles]) => [value, checkedRoles(roles)]))
  return {
    name,
    name_key: nameKey(name),
    // A name like "constructor" is a value as any other.
    role_map: jsonText(roleMap),
    // Issuers are compared letter by letter (OpenID Connect Discovery 1.0, 4.3), so it is kept as it was written.
    issuer: issuer.href === `${entry.issuer}/` ? entry.issuer : issuer.href,
    client_id: entry.clientId,
    scopes: [...new Set(['openid', ...scopes])],
    role_claim: entry.roleClaim,
    enabled: entry.enabled,
    allow_creation: entry.allowCreation,
  }
}

function sealedSecret(store: Pick<Store, 'secrets'>, id: string, secret: string): Uint8Array | null {
  if (secret === '') return null
  return store.secrets.seal({ table: 'identity_providers', id }, new TextEncoder().encode(secret))
}

/** The row of a provider as others see it. */
export function providerOf(row: Selectable<IdentityProviderTable>): IdentityProvider {
  return {
    id: row.id,
    name: row.name,
    issuer: row.issuer,
    clientId: row.client_id,
    hasSecret: row.sealed !== null,
    scopes: row.scopes,
    roleClaim: row.role_claim,
    // Written by checkedEntry alone.
    roleMap: row.role_map as RoleMap,
    enabled: row.enabled,
    allowCreation: row.allow_creation,
  }
}

/** All providers, by name. */
export async function listProviders(store: Pick<Store, 'db'>): Promise<readonly IdentityProvider[]> {
  const rows = await store.db.selectFrom('identity_providers').selectAll().orderBy('name_key').execute()
  return rows.map(providerOf)
}

/** A provider with its sealed secret. @throws UsageError `missing` where there is none */
export async function providerRow(db: Kysely<Schema>, id: string): Promise<Selectable<IdentityProviderTable>> {
  const row = isId(id)
    ? await db.selectFrom('identity_providers').selectAll().where('id', '=', id).executeTakeFirst()
    : undefined
  if (row === undefined) throw new UsageError('missing', 'there is no such identity provider; list them first')
  return row
}

/**
 * Adds a provider. It is not reached for that: `testProvider` does.
 * @throws UsageError `bad-value` for a wrong entry
 * @throws NotAllowed `refused` for a name that is taken
 */
export async function createProvider(
  store: Pick<Store, 'db' | 'secrets'>,
  entry: ProviderEntry,
  asker: Asker,
): Promise<IdentityProvider> {
  const values = checkedEntry(entry)
  const id = randomUUID()
  const sealed = sealedSecret(store, id, entry.clientSecret ?? '')
  return await store.db.transaction().execute(async (tx) => {
    await lockUsers(tx)
    const { n } = await tx
      .selectFrom('identity_providers')
      .select(({ fn }) => fn.countAll<number>().as('n'))
      .executeTakeFirstOrThrow()
    if (n >= mostProviders) throw new NotAllowed('refused', `there are ${n} providers already; remove one first`)
    await refuseTakenName(tx, values, id)
    const row = await tx
      .insertInto('identity_providers')
      .values({ ...values, id, sealed })
      .returningAll()
      .executeTakeFirstOrThrow()
    await recordChange(tx, asker, { action: 'providers.create', subject: row.name, detail: told(providerOf(row)) })
    return providerOf(row)
  })
}

async function refuseTakenName(
  db: Kysely<Schema>,
  { name, name_key: key }: { name: string; name_key: string },
  id: string,
): Promise<void> {
  const taken = await db
    .selectFrom('identity_providers')
    .select('id')
    .where('name_key', '=', key)
    .where('id', '<>', id)
    .executeTakeFirst()
  if (taken !== undefined) throw new NotAllowed('refused', `there is a provider ${name} already; choose another name`)
}

/** What the record tells of a provider. */
function told({ id: _, name: __, ...rest }: IdentityProvider): Record<string, unknown> {
  return rest
}

/**
 * Replaces the entry of a provider. Where it is disabled, sessions of its users end.
 * @throws UsageError `missing` where there is none, `bad-value` for a wrong entry
 * @throws NotAllowed `refused` for a name that is taken
 */
export async function changeProvider(
  store: Pick<Store, 'db' | 'secrets'>,
  id: string,
  entry: ProviderEntry,
  asker: Asker,
): Promise<IdentityProvider> {
  return await store.db.transaction().execute(async (tx) => {
    await lockUsers(tx)
    const before = await providerRow(tx, id)
    const values = checkedEntry(entry, before.scopes)
    await refuseTakenName(tx, values, id)
    const isElsewhere = before.issuer !== values.issuer
    if (isElsewhere && before.sealed !== null && entry.clientSecret === undefined) {
      // Else whoever may change the address could have the secret sent there.
      throw new UsageError('bad-value', 'with another issuer the client secret has to be given again')
    }
    const row = await tx
      .updateTable('identity_providers')
      .set({
        ...values,
        ...(entry.clientSecret === undefined ? {} : { sealed: sealedSecret(store, id, entry.clientSecret) }),
      })
      .where('id', '=', id)
      .returningAll()
      .executeTakeFirstOrThrow()
    if (before.enabled && !row.enabled) await dropSessionsOf(tx, id)
    const detail = { ...told(providerOf(row)), newSecret: entry.clientSecret !== undefined }
    await recordChange(tx, asker, { action: 'providers.change', subject: row.name, detail })
    return providerOf(row)
  })
}

async function usersOf(db: Kysely<Schema>, providerId: string): Promise<readonly string[]> {
  const rows = await db.selectFrom('users').select('id').where('provider_id', '=', providerId).execute()
  return rows.map(({ id }) => id)
}

async function dropSessionsOf(db: Kysely<Schema>, providerId: string): Promise<void> {
  for (const id of await usersOf(db, providerId)) await dropSessions(db, id)
}

/**
 * Removes a provider. Users that it made are disabled, so that their sessions and tokens end too; enabled and invited
 * anew they go on as users of this manager.
 * @throws UsageError `missing` where there is none
 */
export async function removeProvider(store: Pick<Store, 'db'>, id: string, asker: Asker): Promise<void> {
  await store.db.transaction().execute(async (tx) => {
    await lockUsers(tx)
    const { name, issuer } = await providerRow(tx, id)
    await dropSessionsOf(tx, id)
    const { numUpdatedRows } = await tx
      .updateTable('users')
      .set(({ fn, val }) => ({ disabled_at: fn.coalesce('disabled_at', val(new Date(asker.now))) }))
      .where('provider_id', '=', id)
      .executeTakeFirst()
    await tx.deleteFrom('identity_providers').where('id', '=', id).execute()
    const other = await tx.selectFrom('identity_providers').select('id').where('issuer', '=', issuer).executeTakeFirst()
    if (other === undefined) await tx.deleteFrom('user_identities').where('issuer', '=', issuer).execute()
    const detail = { issuer, disabledUsers: Number(numUpdatedRows) }
    await recordChange(tx, asker, { action: 'providers.remove', subject: name, detail })
  })
}

/**
 * Says which user an identity of a provider is, such as one whose name was taken at its first sign-in. The user keeps
 * the roles that are given here.
 * @param sub the identity as results of sign-ins name it
 * @throws UsageError `missing` for no such user or provider, `bad-value` for no identity
 * @throws NotAllowed `refused` for one that is another user's
 */
export async function linkIdentity(
  store: Pick<Store, 'db'>,
  userId: string,
  { providerId, sub }: { readonly providerId: string; readonly sub: string },
  asker: Asker,
): Promise<void> {
  if (sub === '' || sub.length > 255)
    throw new UsageError('bad-value', 'expected the identity (sub) of 1 to 255 characters')
  await store.db.transaction().execute(async (tx) => {
    const { name, issuer } = await providerRow(tx, providerId)
    const user = await lockedUser(tx, userId)
    const row = await tx
      .insertInto('user_identities')
      .values({ issuer, sub, user_id: userId })
      .onConflict((conflict) => conflict.doNothing())
      .returning('sub')
      .executeTakeFirst()
    if (row === undefined)
      throw new NotAllowed('refused', `the identity is linked already, with ${user.name} or another user`)
    await recordChange(tx, asker, {
      action: 'users.link-identity',
      subject: user.name,
      detail: { provider: name, issuer, sub },
    })
  })
}

/** Keeps what came of a sign-in, and the last 50 of the provider. */
export async function keepResult(db: Kysely<Schema>, providerId: string, result: ProviderResult): Promise<void> {
  await db
    .insertInto('identity_provider_results')
    .values({ ...result, provider_id: providerId })
    .execute()
  await db
    .deleteFrom('identity_provider_results')
    .where('provider_id', '=', providerId)
    .where('id', '<=', ({ selectFrom }) =>
      selectFrom('identity_provider_results')
        .select('id')
        .where('provider_id', '=', providerId)
        .orderBy('id', 'desc')
        .offset(mostResults)
        .limit(1),
    )
    .execute()
}

/** What came of the last sign-ins through a provider, the newest first. */
export async function listResults(store: Pick<Store, 'db'>, providerId: string): Promise<readonly ProviderResult[]> {
  const rows = await store.db
    .selectFrom('identity_provider_results')
    .select(['at', 'sub', 'outcome', 'roles', 'explanation'])
    .where('provider_id', '=', providerId)
    .orderBy('id', 'desc')
    .execute()
  // Role names that were written by a sign-in.
  return rows.map((row) => ({ ...row, roles: row.roles as readonly Role[] }))
}
