import type { Static } from 'typebox'
import { testProvider } from '../../users/provider-sign-in.ts'
import {
  changeProvider,
  createProvider,
  type IdentityProvider,
  listProviders,
  type ProviderEntry,
  removeProvider,
} from '../../users/providers.ts'
import { askerOf } from '../browser.ts'
import type { userRoutes } from '../contract/users.ts'
import type { Handlers } from '../handler.ts'

type ProviderBody = Static<(typeof userRoutes)['providers.create']['response']>
type ProviderInput = Static<(typeof userRoutes)['providers.create']['body']>

function providerBody(provider: IdentityProvider): ProviderBody {
  const { id, name, issuer, clientId, hasSecret, roleClaim, roleMap, enabled, allowCreation } = provider
  return {
    id,
    name,
    issuer,
    clientId,
    hasSecret,
    rolePath: roleClaim,
    roleMap: Object.fromEntries(Object.entries(roleMap).map(([value, roles]) => [value, [...roles]])),
    enabled,
    creates: allowCreation,
  }
}

function entryOf({
  name,
  issuer,
  clientId,
  clientSecret,
  rolePath,
  roleMap,
  enabled,
  creates,
}: ProviderInput): ProviderEntry {
  return { name, issuer, clientId, clientSecret, roleClaim: rolePath, roleMap, enabled, allowCreation: creates }
}

/** Identity providers. */
export const providerHandlers = {
  'providers.list': async ({ services: { store } }) => ({ items: (await listProviders(store)).map(providerBody) }),
  'providers.create': async (call) => {
    return providerBody(await createProvider(call.services.store, entryOf(call.body), askerOf(call)))
  },
  'providers.change': async (call) => {
    return providerBody(await changeProvider(call.services.store, call.params.id, entryOf(call.body), askerOf(call)))
  },
  'providers.remove': async (call) => {
    await removeProvider(call.services.store, call.params.id, askerOf(call))
    return undefined
  },
  'providers.test': async ({ services: { store }, params }) => {
    const { reachable, explanation, results } = await testProvider(store, params.id, Date.now())
    return {
      reachable,
      explanation,
      attempts: results.map((result) => ({
        at: result.at.toISOString(),
        subject: result.sub,
        outcome: result.outcome,
        roles: [...result.roles],
        explanation: result.explanation,
      })),
    }
  },
} satisfies Partial<Handlers<typeof userRoutes>>
