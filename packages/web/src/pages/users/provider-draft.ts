import type { Shapes } from '../../api-types.ts'

type Provider = Shapes['IdentityProvider']
type Role = Shapes['User']['roles'][number]

/** A line of the map from what a provider calls a role to the roles here. */
export interface RoleLine {
  readonly theirs: string
  readonly roles: readonly Role[]
}

/** An identity provider as the form has it. */
export interface ProviderDraft {
  readonly name: string
  readonly issuer: string
  readonly clientId: string
  /** Empty: the one that is kept stays. */
  readonly clientSecret: string
  readonly rolePath: string
  readonly map: readonly RoleLine[]
  readonly enabled: boolean
  readonly creates: boolean
}

/** What a new one begins with. */
export const newProvider: ProviderDraft = {
  name: '',
  issuer: 'https://',
  clientId: '',
  clientSecret: '',
  rolePath: 'roles',
  map: [{ theirs: '', roles: [] }],
  enabled: true,
  creates: true,
}

/** The form of one that there is. */
export function draftOf({ name, issuer, clientId, rolePath, roleMap, enabled, creates }: Provider): ProviderDraft {
  const map = Object.entries(roleMap).map(([theirs, roles]) => ({ theirs, roles }))
  return {
    name,
    issuer,
    clientId,
    clientSecret: '',
    rolePath,
    map: map.length === 0 ? newProvider.map : map,
    enabled,
    creates,
  }
}

/** What is sent; lines without a name or role say nothing and are left out. */
export function providerBody({ map, clientSecret, ...draft }: ProviderDraft) {
  return {
    name: draft.name.trim(),
    issuer: draft.issuer.trim(),
    clientId: draft.clientId.trim(),
    rolePath: draft.rolePath.trim(),
    enabled: draft.enabled,
    creates: draft.creates,
    roleMap: Object.fromEntries(
      map.flatMap(({ theirs, roles }) =>
        theirs.trim() === '' || roles.length === 0 ? [] : [[theirs.trim(), [...roles]]],
      ),
    ),
    ...(clientSecret === '' ? {} : { clientSecret }),
  }
}

/** What is still missing, as a sentence; undefined where it can be sent. */
export function providerProblem(draft: ProviderDraft): string | undefined {
  const { name, issuer, clientId, roleMap } = providerBody(draft)
  if (name === '') return 'Give it a name: it stands on the button of the sign-in page.'
  if (!/^https?:\/\/[^/\s]+/.test(issuer)) return 'The issuer is an address, such as https://id.example/realms/plant.'
  if (clientId === '') return 'Say under which client id the provider knows this manager.'
  if (Object.keys(roleMap).length === 0)
    return 'Map at least one role: without one nobody who signs in may do anything.'
  return undefined
}
