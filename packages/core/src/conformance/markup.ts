/** Text inside XML or HTML: nothing in it is markup, and no character that XML forbids is left. */
export function escapeMarkup(text: string): string {
  let safe = ''
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0
    if (character === '&') safe += '&amp;'
    else if (character === '<') safe += '&lt;'
    else if (character === '>') safe += '&gt;'
    else if (character === '"') safe += '&quot;'
    else if (character === "'") safe += '&#39;'
    else if (isForbidden(code)) safe += '\u{fffd}'
    else safe += character
  }
  return safe
}

/** Characters that XML 1.0 does not have (section 2.2). */
function isForbidden(code: number): boolean {
  return (
    (code < 0x20 && code !== 0x09 && code !== 0x0a && code !== 0x0d) ||
    (code >= 0xd800 && code <= 0xdfff) ||
    code === 0xfffe ||
    code === 0xffff
  )
}
