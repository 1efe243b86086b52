/** Wrong passwords from one address before it has to wait. */
const freeGuesses = 5
/** Longest wait of an address, milliseconds. */
const longestWaitMs = 5 * 60_000
/** After this long without a wrong password all is forgotten, milliseconds. */
const forgottenMs = 15 * 60_000
/** Wrong passwords for one account, from all strange addresses together, before they are rationed. */
const freeAccountGuesses = 50
/** Then one attempt in this time, milliseconds. */
const rationMs = 1000
/** How long an address is known to an account that it had the password of, milliseconds. */
const knownMs = 24 * 3_600_000
/** What is remembered of each kind: an attacker with many addresses must not fill the memory. */
const mostKept = 20_000

interface Guesses {
  readonly count: number
  /** Nothing is looked at before. */
  readonly until: number
  readonly last: number
}

/**
 * Who has to wait with the next password. An address waits longer with each wrong one, up to five minutes. An account is
 * rationed, never locked: whoever had its password from an address before is not held up by what strangers guess.
 */
export class GuessLimits {
  readonly #addresses = new Map<string, Guesses>()
  readonly #accounts = new Map<string, Guesses>()
  readonly #known = new Map<string, number>()

  /** Whether an attempt must not be looked at. Times in milliseconds of one clock. */
  mustWait(address: string, account: string, now: number): boolean {
    if (now < (this.#addresses.get(address)?.until ?? 0)) return true
    const guesses = this.#accounts.get(account)
    if (guesses === undefined || guesses.count < freeAccountGuesses || now - guesses.last >= forgottenMs) return false
    if ((this.#known.get(pair(address, account)) ?? 0) > now) return false
    if (now < guesses.until) return true
    // The attempt that is let through takes the ration, whatever comes of it.
    keep(this.#accounts, account, { ...guesses, until: now + rationMs })
    return false
  }

  failed(address: string, account: string, now: number): void {
    const before = current(this.#addresses.get(address), now)
    const count = before + 1
    const wait = count < freeGuesses ? 0 : Math.min(longestWaitMs, 1000 * 2 ** Math.min(count - freeGuesses, 20))
    keep(this.#addresses, address, { count, until: now + wait, last: now })
    const of = current(this.#accounts.get(account), now) + 1
    keep(this.#accounts, account, { count: of, until: of < freeAccountGuesses ? 0 : now + rationMs, last: now })
  }

  /** A right password: the address is known now. It stays counted for other accounts it may be guessing. */
  succeeded(address: string, account: string, now: number): void {
    keep(this.#known, pair(address, account), now + knownMs)
  }
}

function pair(address: string, account: string): string {
  return `${address} ${account}`
}

function current(guesses: Guesses | undefined, now: number): number {
  return guesses === undefined || now - guesses.last >= forgottenMs ? 0 : guesses.count
}

/** Keeps the newest: what was touched longest ago goes first. */
function keep<Value>(map: Map<string, Value>, key: string, value: Value): void {
  map.delete(key)
  map.set(key, value)
  const [oldest] = map.keys()
  if (map.size > mostKept && oldest !== undefined) map.delete(oldest)
}
