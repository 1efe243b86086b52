import { useEffect, useState } from 'react'

/** Most characters of a token in a link. */
const longest = 128

/** The token that a link carries behind `#`; undefined for anything else. It never reaches a server's log. */
export function linkToken(hash: string): string | undefined {
  const token = hash.startsWith('#') ? hash.slice(1) : hash
  return token !== '' && token.length <= longest && /^[A-Za-z0-9_.~-]+$/.test(token) ? token : undefined
}

/** The token of the link that was opened; it is taken out of the address bar, so that neither history nor a picture keeps it. */
export function useLinkToken(): string | undefined {
  const [token] = useState(() => linkToken(window.location.hash))
  useEffect(() => {
    const { hash, pathname, search } = window.location
    if (hash !== '') window.history.replaceState(window.history.state, '', pathname + search)
  }, [])
  return token
}
