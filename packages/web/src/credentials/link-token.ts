/** Most characters of a token in a link. */
const longest = 128

/** The token that a link carries behind `#`; undefined for anything else. It never reaches a server's log. */
export function linkToken(hash: string): string | undefined {
  const token = hash.startsWith('#') ? hash.slice(1) : hash
  return token !== '' && token.length <= longest && /^[A-Za-z0-9_.~-]+$/.test(token) ? token : undefined
}

let taken: { readonly path: string; readonly token: string } | undefined

/** Takes the token out of the address bar, so that neither history nor a screen picture keeps it. */
export function takeLinkToken(): string | undefined {
  const { hash, pathname, search } = window.location
  const token = linkToken(hash)
  if (hash !== '') window.history.replaceState(window.history.state, '', pathname + search)
  if (token !== undefined) taken = { path: pathname, token }
  return taken?.path === pathname ? taken.token : undefined
}
