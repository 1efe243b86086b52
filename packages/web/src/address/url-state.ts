/** What a view shows, as the query of its address has it: texts by name. */
export type UrlState = Readonly<Record<string, string>>

/** Most characters of a value: an address is typed and shared by people. */
const longest = 500

/** The texts of a parsed query; anything else in it is dropped. */
export function searchValues(search: Readonly<Record<string, unknown>>): UrlState {
  const values: Record<string, string> = {}
  for (const [name, value] of Object.entries(search)) {
    if (typeof value === 'string' && value !== '') values[name] = value.slice(0, longest)
    else if (typeof value === 'number' || typeof value === 'boolean') values[name] = String(value)
  }
  return values
}

/** The query of an address, with names in a fixed order so that one view has one address. */
export function searchText(search: Readonly<Record<string, unknown>>): string {
  const given = new URLSearchParams()
  for (const [name, value] of Object.entries(searchValues(search)).sort(([a], [b]) => (a < b ? -1 : 1)))
    given.set(name, value)
  const text = given.toString()
  return text === '' ? '' : `?${text}`
}

/** The state after a change: an empty or undefined value removes its name. */
export function changed(state: UrlState, change: Readonly<Record<string, string | undefined>>): UrlState {
  return searchValues({ ...state, ...change })
}

/** A value if it is one of those that are known, else the first of them. */
export function oneOf<const Word extends string>(value: string | undefined, words: readonly [Word, ...Word[]]): Word {
  return words.find((word) => word === value) ?? words[0]
}

/** Names that are listed in one value, without repetition. */
export function listOf(value: string | undefined): readonly string[] {
  return value === undefined ? [] : [...new Set(value.split(',').filter((name) => name !== ''))]
}
