/** Shortest password that the manager takes. */
export const shortestPassword = 12
/** Longest password that the manager takes. */
export const longestPassword = 256

/** How a password stands, for the person who types it. The manager judges again, more strictly. */
export interface PasswordHint {
  /** Whether it is worth sending. */
  readonly isAcceptable: boolean
  readonly tone: 'none' | 'bad' | 'warn' | 'good'
  readonly text: string
}

const easy = ['password', 'passwort', 'cordon', 'qwerty', 'asdf', 'letmein', 'welcome', 'admin', '12345', 'abcde']

/** What to do about a password; the name is the person's own. */
export function passwordHint(password: string, name = ''): PasswordHint {
  const characters = Array.from(password)
  const length = characters.length
  if (length === 0) {
    return {
      isAcceptable: false,
      tone: 'none',
      text: `At least ${shortestPassword} characters. A few unrelated words are good.`,
    }
  }
  if (length < shortestPassword) {
    const missing = shortestPassword - length
    return {
      isAcceptable: false,
      tone: 'bad',
      text: `${missing} more ${missing === 1 ? 'character' : 'characters'} needed.`,
    }
  }
  if (length > longestPassword) {
    return { isAcceptable: false, tone: 'bad', text: `At most ${longestPassword} characters.` }
  }
  const plain = password.toLowerCase()
  if (name.length >= 3 && plain.includes(name.toLowerCase())) {
    return {
      isAcceptable: plain !== name.toLowerCase(),
      tone: 'warn',
      text: 'It contains your name, which is guessed first.',
    }
  }
  const different = new Set(characters).size
  if (different < 5) return { isAcceptable: false, tone: 'bad', text: 'Too few different characters.' }
  const found = easy.find((word) => plain.includes(word))
  if (found !== undefined && length < 20) {
    return { isAcceptable: true, tone: 'warn', text: `It contains “${found}”, which is guessed first.` }
  }
  if (length < 16 && different < 9)
    return { isAcceptable: true, tone: 'warn', text: 'Long enough. A longer one is safer.' }
  return { isAcceptable: true, tone: 'good', text: 'Good length.' }
}
