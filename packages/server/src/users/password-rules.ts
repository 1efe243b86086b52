import { UsageError } from '@cordon/core/errors'
import { checkPassword, isTooLong, loadPasswordHasher } from './passwords.ts'

/** Longest password of a user, in characters. */
export const longestUserPassword = 256

/** zxcvbn's score from 0 to 4: "safely unguessable, moderate protection from offline attacks". */
const leastScore = 3

/** What is scored of a long password: the time grows faster than its length, and 128 good characters are enough. */
const scored = 128

/** How hard a password is to guess, and what would make it harder. */
export interface PasswordStrength {
  /** 0 to 4; 3 is accepted. */
  readonly score: number
  readonly accepted: boolean
  /** In words; empty for a good one. */
  readonly advice: string
}

/** Scores a password by what people choose, with the user's own names as words that are easy to guess. */
export async function passwordStrength(password: string, names: readonly string[]): Promise<PasswordStrength> {
  const { default: zxcvbn } = await import('zxcvbn')
  const text = Array.from(password.normalize('NFC').slice(0, 4 * scored))
    .slice(0, scored)
    .join('')
  const { score, feedback } = zxcvbn(text, [...names.map((name) => name.slice(0, scored)), 'cordon'])
  const advice = [feedback.warning, ...feedback.suggestions].filter((part) => part !== '').join('; ')
  return { score, accepted: score >= leastScore, advice }
}

/**
 * The hash of a password that a user chose.
 * @param names the user's name and display name
 * @throws UsageError `bad-value` for one that is shorter than 12 or longer than 256 characters, or easy to guess
 */
export async function hashNewPassword(password: string, names: readonly string[]): Promise<string> {
  if (Array.from(password.slice(0, 4 * longestUserPassword)).length > longestUserPassword || isTooLong(password)) {
    throw new UsageError(
      'bad-value',
      `the password is longer than ${longestUserPassword} characters; choose a shorter one`,
    )
  }
  checkPassword(password, names[0] ?? '')
  const { accepted, advice } = await passwordStrength(password, names)
  if (!accepted) {
    const reason = advice === '' ? 'a few words that do not belong together make a good one' : advice
    throw new UsageError('bad-value', `the password is easy to guess: ${reason}`)
  }
  return await (await loadPasswordHasher()).hash(password)
}
