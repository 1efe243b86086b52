import { UsageError } from '@cordon/core/errors'

/** Most characters of a user's name. */
export const longestName = 64

/** Letters, marks, digits, punctuation and signs, with single spaces between them: nothing that cannot be seen. */
const printable = /^[\p{L}\p{M}\p{N}\p{P}\p{S}]+(?: [\p{L}\p{M}\p{N}\p{P}\p{S}]+)*$/u

/**
 * A name for showing, in one spelling of what looks the same.
 * @throws UsageError `bad-value` for one that is empty, longer than 64 characters or not printable
 */
export function checkedName(name: string, what = 'name'): string {
  // Its length first: normalization of what is never a name costs time.
  const text = name.length > 4 * longestName ? '' : name.normalize('NFC').trim()
  if (text === '' || Array.from(text).length > longestName || !printable.test(text)) {
    throw new UsageError(
      'bad-value',
      `expected a ${what} of 1 to ${longestName} printable characters, with single spaces at most`,
    )
  }
  return text
}

/** A name as it is compared: `Anna` and `anna` are one user (Unicode NFKC, lower case). */
export function nameKey(name: string): string {
  return name.normalize('NFKC').toLowerCase()
}

/** The key of what somebody typed; undefined for what is nobody's name. */
export function typedNameKey(name: string): string | undefined {
  if (name.length > 4 * longestName) return undefined
  const text = name.normalize('NFC').trim()
  return text !== '' && Array.from(text).length <= longestName && printable.test(text) ? nameKey(text) : undefined
}

/** A stranger's text for a record: bounded, one line, nothing unprintable. */
export function recordable(text: string, most = longestName): string {
  return text.slice(0, most).replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, '\ufffd')
}
