import { createRequire } from 'node:module'
import { Worker } from 'node:worker_threads'
import { TransportError, UsageError } from '@cordon/core/errors'
import type { ZXCVBNFeedback, ZXCVBNResult } from 'zxcvbn'
import { checkPassword, isTooLong, loadPasswordHasher } from './passwords.ts'

/** Longest password of a user, in characters. */
export const longestUserPassword = 256

/** zxcvbn's score from 0 to 4: "safely unguessable, moderate protection from offline attacks". */
const leastScore = 3

/**
 * Characters that are scored. zxcvbn's time grows with the cube of the length where signs stand for letters: 0.4 s for 24
 * such characters, 20 s for 128. What begins well enough is good enough.
 */
const scored = 40

/** How hard a password is to guess, and what would make it harder. */
export interface PasswordStrength {
  /** 0 to 4; 3 is accepted. */
  readonly score: number
  readonly accepted: boolean
  /** In words; empty for a good one. */
  readonly advice: string
}

/** What a thread runs to score a text: whatever somebody typed, the manager goes on meanwhile. */
const program = `
  const { parentPort, workerData } = require('node:worker_threads')
  const { score, feedback } = require(workerData.library)(workerData.text, workerData.words)
  parentPort.postMessage({ score, warning: feedback.warning, suggestions: feedback.suggestions })`

type Scored = Pick<ZXCVBNResult, 'score'> & ZXCVBNFeedback

async function scoreInThread(text: string, words: readonly string[]): Promise<Scored> {
  const library = createRequire(import.meta.url).resolve('zxcvbn')
  const worker = new Worker(program, { eval: true, workerData: { library, text, words } })
  try {
    return await new Promise<Scored>((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('error', reject)
      worker.once('exit', () => reject(new TransportError('closed', 'the password could not be scored; try again')))
    })
  } finally {
    await worker.terminate()
  }
}

/** Scores a password by what people choose, with the user's own names as words that are easy to guess. */
export async function passwordStrength(password: string, names: readonly string[]): Promise<PasswordStrength> {
  const text = Array.from(password.slice(0, 4 * scored).normalize('NFC'))
    .slice(0, scored)
    .join('')
  const words = names.flatMap((name) => [name.slice(0, scored), ...name.slice(0, scored).split(/[\s@._-]+/)])
  const { score, warning, suggestions } = await scoreInThread(text, [...words, 'cordon'])
  const advice = [warning, ...suggestions].filter((part) => part !== '').join('; ')
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
      `the password is longer than ${longestUserPassword} characters or 512 bytes; choose a shorter one`,
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
