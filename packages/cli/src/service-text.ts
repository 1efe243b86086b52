import type { ServiceText } from '@cordon/core/discovery'

/** `key=value` pairs of a command line for the TXT record; a key alone is there without a value (RFC 6763 6.4). */
export function serviceText(given: readonly string[]): ServiceText | undefined {
  if (given.length === 0) return undefined
  return Object.fromEntries(
    given.map((pair) => {
      const at = pair.indexOf('=')
      return at < 0 ? [pair, true] : [pair.slice(0, at), pair.slice(at + 1)]
    }),
  )
}
