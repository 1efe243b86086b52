/**
 * Names for what has none yet: unique, and such as a plant file takes.
 * @module
 */

/** Longest text of a product that becomes part of a name: room is left for what tells units apart. */
const longestBase = 36

/** The beginning of a name where no product is known. */
export const unnamed = 'Device'

/** A product name as the beginning of a device name: `1756-EN4TR/A` becomes `EN4TR_A`. */
export function baseName(product: string | undefined): string {
  const words = (product ?? '')
    .replace(/[^A-Za-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '')
    .replace(/^(?:\d+_)+(?=[A-Za-z])/, '')
    .slice(0, longestBase)
    .replace(/_+$/, '')
  if (words === '') return unnamed
  return isName(words) ? words : `${unnamed}_${words}`
}

/** Words that YAML, in one of its versions, reads as something else than text: a device that is called so is not. */
const yamlWords = /^(?:null|true|false|yes|no|on|off|y|n|~)$/i

/** Whether YAML reads a text as text although it stands without quotes; for texts of letters, digits, `_`, `-` and `.`. */
export function isPlainText(text: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_.-]*$/.test(text) && !yamlWords.test(text)
}

/** Whether a text is a name as it stands. */
export function isName(text: string): boolean {
  return /^[A-Za-z][A-Za-z0-9_-]{0,62}$/.test(text) && isPlainText(text)
}

/** Gives out names, each once. A name that is taken gets as many octets of its address as it takes, then a number. */
export class NameList {
  readonly #taken = new Set<string>()

  has(name: string): boolean {
    return this.#taken.has(name)
  }

  /** Takes the first name that is free. */
  take(...wishes: readonly [string, ...string[]]): string {
    const [first] = wishes
    let name = wishes.find((wish) => !this.#taken.has(wish))
    for (let number = 2; name === undefined; number++) {
      const next = `${first.slice(0, 58)}_${number}`
      if (!this.#taken.has(next)) name = next
    }
    this.#taken.add(name)
    return name
  }
}

/**
 * A suffix for each address, of the fewest octets from the end that tell them all apart: `_81_51`. Empty for a single
 * address.
 */
export function suffixes(addresses: readonly string[]): ReadonlyMap<string, string> {
  if (addresses.length < 2) return new Map(addresses.map((address) => [address, '']))
  for (let octets = 1; ; octets++) {
    const ends = addresses.map((address) => `_${address.split('.').slice(-octets).join('_')}`)
    if (octets === 4 || new Set(ends).size === addresses.length)
      return new Map(addresses.map((address, place) => [address, ends[place] ?? '']))
  }
}

/** Text of a stranger as part of a comment: one line, nothing invisible, at most `most` characters. */
export function commentText(text: string, most = 120): string {
  const line = text.replace(/[\p{C}\p{Zl}\p{Zp}\u0085]+/gu, ' ').trim()
  const characters = Array.from(line)
  return characters.length <= most ? line : `${characters.slice(0, most - 1).join('')}…`
}
