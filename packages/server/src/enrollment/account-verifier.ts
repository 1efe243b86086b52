import { createHmac, randomBytes } from 'node:crypto'
import { availableParallelism } from 'node:os'
import type { Store } from '../store/store.ts'
import type { VerifyAccount } from './enrollment.ts'
import { GuessLimits } from './guess-limits.ts'
import { isTooLong, loadPasswordHasher, makePassword, type PasswordHasher } from '../users/passwords.ts'
import { currentHash } from './people.ts'

/** How accounts are verified; for tests. */
export interface AccountVerifierOptions {
  /** Hashes at once; default one less than the machine has cores. */
  readonly atOnce?: number
  /** Requests that wait for a hash; default 256. */
  readonly waiting?: number
  /** Milliseconds of a clock that only goes forward. */
  readonly now?: () => number
  readonly hasher?: PasswordHasher
}

/** How long a password that was right is remembered, milliseconds: a plant that re-enrolls hashes it once a minute. */
const rememberedMs = 60_000
const mostRemembered = 1000

interface Remembered {
  /** The hash that it fitted: another password for the account, or its revocation, ends it at once. */
  readonly hash: string
  readonly until: number
}

/**
 * A verifier of accounts. Unknown and revoked names take as long as wrong passwords; a limited number is hashed at once,
 * the same password for one name only once however many ask with it. It answers `later` after too many wrong passwords of
 * an address or for an account, and while too many wait.
 * Deviation: what was guessed and what was right is remembered by this process alone.
 */
export function verifyAccount(store: Pick<Store, 'db'>, options: AccountVerifierOptions = {}): VerifyAccount {
  const { now = () => performance.now() } = options
  const limits = new GuessLimits()
  const slots = new Slots(options.atOnce ?? Math.max(1, availableParallelism() - 1), options.waiting ?? 256)
  const remembered = new Map<string, Remembered>()
  const underWay = new Map<string, Promise<string | false | 'later'>>()
  // Names and passwords are looked up by what this key makes of them; they themselves are not kept.
  const secret = randomBytes(32)
  const digest = (text: string): string => createHmac('sha256', secret).update(text).digest('base64')
  let tools: Promise<{ hasher: PasswordHasher; nobody: string }> | undefined

  async function load(): Promise<{ hasher: PasswordHasher; nobody: string }> {
    const hasher = options.hasher ?? (await loadPasswordHasher())
    // What unknown names are compared with: it costs the same and fits nothing.
    return { hasher, nobody: await hasher.hash(makePassword()) }
  }

  async function compare(password: string, hash: string | undefined): Promise<string | false | 'later'> {
    tools ??= load().catch((error: unknown) => {
      tools = undefined
      throw error
    })
    const { hasher, nobody } = await tools
    const release = await slots.take()
    if (release === undefined) return 'later'
    try {
      const fits = await hasher.verify(hash ?? nobody, password)
      return fits && hash !== undefined ? hash : false
    } finally {
      release()
    }
  }

  return async ({ name, password }, address) => {
    const account = digest(`account\0${name}`)
    if (limits.mustWait(address, account, now())) return 'later'
    if (isTooLong(password)) {
      limits.failed(address, account, now())
      return 'refused'
    }
    const hash = await currentHash(store.db, 'account', name)
    const key = digest(`password\0${name}\0${password}`)
    const known = remembered.get(key)
    if (known !== undefined && hash === known.hash && now() < known.until) {
      limits.succeeded(address, account, now())
      return 'accepted'
    }
    const asked = `${key}\0${hash ?? ''}`
    const comparing = underWay.get(asked) ?? compare(password, hash).finally(() => underWay.delete(asked))
    underWay.set(asked, comparing)
    const fitted = await comparing
    if (fitted === 'later') return 'later'
    if (fitted === false) {
      limits.failed(address, account, now())
      return 'refused'
    }
    remembered.delete(key)
    remembered.set(key, { hash: fitted, until: now() + rememberedMs })
    const [oldest] = remembered.keys()
    if (remembered.size > mostRemembered && oldest !== undefined) remembered.delete(oldest)
    limits.succeeded(address, account, now())
    return 'accepted'
  }
}

/** Places for work that may go on at once, with a queue of limited length. */
class Slots {
  #free: number
  readonly #waiting: (() => void)[] = []
  readonly #most: number

  constructor(free: number, most: number) {
    this.#free = free
    this.#most = most
  }

  /** Takes a place when there is one; gives what frees it, or undefined when the queue is full. */
  async take(): Promise<(() => void) | undefined> {
    if (this.#free > 0) this.#free--
    else if (this.#waiting.length >= this.#most) return undefined
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    return () => {
      const next = this.#waiting.shift()
      if (next === undefined) this.#free++
      else next()
    }
  }
}
