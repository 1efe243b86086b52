/** Begins every sequence that a terminal obeys. */
export const introducer = String.fromCharCode(0x1b)

/** The colour sequences that {@link Output} itself writes. */
const colourSequence = new RegExp(`${introducer}\\[(?:0|1|2|31|32|33)m`, 'y')

/** Characters that turn the direction of text around: a name could be made to read as another. */
export const bidirectional = /[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]/

/**
 * Text that came from a device or a file, made safe for a terminal: control characters and those that turn the direction
 * of writing become visible. Line ends stay, and so do the few colour sequences that {@link Output} itself writes.
 */
export function printable(text: string): string {
  let safe = ''
  for (let i = 0; i < text.length; ) {
    colourSequence.lastIndex = i
    const [sequence] = colourSequence.exec(text) ?? []
    const character = sequence ?? String.fromCodePoint(text.codePointAt(i) ?? 0)
    safe += sequence ?? visibleCharacter(character)
    i += character.length
  }
  return safe
}

function visibleCharacter(character: string): string {
  const code = character.codePointAt(0) ?? 0
  const isControl = (code < 0x20 && character !== '\n' && character !== '\t') || (code >= 0x7f && code < 0xa0)
  if (isControl) return `\\x${code.toString(16).padStart(2, '0')}`
  const isMisleading =
    bidirectional.test(character) || code === 0x2028 || code === 0x2029 || (code >= 0xd800 && code < 0xe000)
  return isMisleading ? `\\u${code.toString(16).padStart(4, '0')}` : character
}
