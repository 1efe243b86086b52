/**
 * A real OpenID Connect provider as a process of its own: `oidc-provider` on the loopback, which signs in whomever the
 * request's login_hint names and asks nothing. Accounts come as JSON in the first argument; the issuer is printed.
 */
import { createServer } from 'node:http'
import Provider from 'oidc-provider'

const { accounts, clients, idTokenClaims } = JSON.parse(process.argv[2])
const server = createServer()
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`
  const provider = new Provider(issuer, {
    clients,
    claims: {
      openid: ['sub', 'realm_access', 'amr'],
      profile: ['preferred_username', 'name'],
      email: ['email'],
    },
    conformIdTokenClaims: !idTokenClaims,
    findAccount: (_, id) => {
      const account = accounts[id]
      return account === undefined ? undefined : { accountId: id, claims: () => ({ sub: id, ...account.claims }) }
    },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_, { uid }) => `/interaction/${uid}` },
    pkce: { required: () => true },
    ttl: { Interaction: 60, Session: 60, Grant: 60, AccessToken: 60, IdToken: 60, AuthorizationCode: 60 },
  })
  const answer = provider.callback()
  server.on('request', async (request, response) => {
    if (!request.url.startsWith('/interaction/')) return answer(request, response)
    const { params, session, grantId } = await provider.interactionDetails(request, response)
    const id = params.login_hint
    if (accounts[id] === undefined)
      return await provider.interactionFinished(request, response, {
        error: 'access_denied',
        error_description: 'no such person',
      })
    const grant =
      grantId === undefined
        ? new provider.Grant({ accountId: session?.accountId ?? id, clientId: params.client_id })
        : await provider.Grant.find(grantId)
    grant.addOIDCScope(params.scope)
    const login = { accountId: id, ...(accounts[id].amr === undefined ? {} : { amr: accounts[id].amr }) }
    await provider.interactionFinished(request, response, { login, consent: { grantId: await grant.save() } })
  })
  console.log(issuer)
})
