import { utf8 } from '../../wire/text.ts'
import { hex } from '../../x509/der.ts'

/** Longest text from the wire that is kept; longer ones are cut and say so. */
const longestText = 256

/**
 * Text that a stranger sent, fit for a terminal: UTF-8 with its control and direction characters spelled out, else hex
 * behind `0x`.
 */
export function foreignText(bytes: Uint8Array): string {
  const cut = bytes.length > longestText
  const text = cut ? undefined : utf8(bytes)
  if (text === undefined) return `0x${hex(bytes.subarray(0, longestText))}${cut ? '…' : ''}`
  return visible(text)
}

/** Text with its control, format and direction characters spelled out: a stranger must not move the cursor. */
export function visible(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  )
}
