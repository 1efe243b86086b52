import { UsageError } from '@cordon/core/errors'
import { nodeCrypto } from '@cordon/node/crypto'

/**
 * Passwords as argon2id hashes in PHC strings (RFC 9106). The work is done off the event loop, by a library.
 * @module
 */

/** Memory in KiB, passes and lanes: 19 MiB and two passes, the least that OWASP recommends; about 11 ms of one core. */
const cost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const

/** Shortest password, in characters. */
export const shortestPassword = 12

/** Longest password in bytes of UTF-8: nobody types more, and what is hashed stays bounded. */
const longestPassword = 512

/** Makes and checks hashes. */
export interface PasswordHasher {
  /** PHC string of a password. */
  hash(password: string): Promise<string>
  /** Whether a password is the one of a PHC string. */
  verify(hash: string, password: string): Promise<boolean>
}

/**
 * Loads the hasher.
 * @throws UsageError `not-supported` on a platform that the library has no binary for
 */
export async function loadPasswordHasher(
  load: () => Promise<typeof import('@node-rs/argon2')> = () => import('@node-rs/argon2'),
): Promise<PasswordHasher> {
  const library = await load().catch((cause: unknown) => {
    const place = `${process.platform}-${process.arch}`
    throw new UsageError(
      'not-supported',
      `passwords need the package @node-rs/argon2, whose binary for ${place} does not load here; install with optional packages (npm ci --include=optional), or keep accounts and administrators on a platform that has one`,
      { cause },
    )
  })
  return {
    // Argon2id is the library's default; its enum is one of constants, which are not there when modules are compiled alone.
    hash: async (password) => await library.hash(prepared(password), cost),
    verify: async (hash, password) => await library.verify(hash, prepared(password)),
  }
}

/** One spelling of what looks the same (RFC 8265 4.2.2, OpaqueString). */
function prepared(password: string): string {
  return password.replaceAll(/\p{Zs}/gu, ' ').normalize('NFC')
}

/**
 * Refuses a password that is too short, too long or no more than the name.
 * @throws UsageError `bad-value`
 */
export function checkPassword(password: string, name: string): void {
  const { length } = Array.from(password.normalize('NFC'))
  if (length < shortestPassword)
    throw new UsageError('bad-value', `the password has ${length} characters, expected at least ${shortestPassword}`)
  if (isTooLong(password))
    throw new UsageError('bad-value', `the password is longer than ${longestPassword} bytes; choose a shorter one`)
  if (password.toLowerCase() === name.toLowerCase())
    throw new UsageError('bad-value', 'the password is the name; choose another')
}

/** Whether a password is longer than any that was set. */
export function isTooLong(password: string): boolean {
  return Buffer.byteLength(password) > longestPassword
}

/** Letters and digits that are not taken for one another when a person copies them. */
const alphabet = 'abcdefghjkmnpqrstuvwxyz23456789'

/** A password of 24 random signs in groups of six, 118 bits. */
export function makePassword(): string {
  return makeSigns(24).replaceAll(/.{6}(?=.)/g, '$&-')
}

/** Random signs that a person can copy, almost five bits each. */
export function makeSigns(count: number): string {
  let signs = ''
  while (signs.length < count) {
    for (const byte of nodeCrypto.random(32)) {
      // A multiple of 31 below 256, so that every sign is as likely as the others.
      if (byte < 248 && signs.length < count) signs += alphabet[byte % alphabet.length] ?? ''
    }
  }
  return signs
}
