/** What somebody wrote and did not save yet. */
export interface Draft {
  /** Version that it began from. */
  readonly base: number
  readonly text: string
}

type Store = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>

const keyOf = (plant: string) => `cordon-draft:${plant}`

/** The draft that this browser tab kept; undefined for none and for anything else found there. */
export function keptDraft(store: Store, plant: string): Draft | undefined {
  try {
    const value: unknown = JSON.parse(store.getItem(keyOf(plant)) ?? 'null')
    if (typeof value !== 'object' || value === null || !('base' in value) || !('text' in value)) return undefined
    const { base, text } = value
    return typeof base === 'number' && Number.isInteger(base) && base > 0 && typeof text === 'string'
      ? { base, text }
      : undefined
  } catch {
    return undefined
  }
}

/** Keeps a draft over a reload; false where the browser has no room for it. */
export function keepDraft(store: Store, plant: string, draft: Draft | undefined): boolean {
  try {
    if (draft === undefined) store.removeItem(keyOf(plant))
    else store.setItem(keyOf(plant), JSON.stringify(draft))
    return true
  } catch {
    return false
  }
}
