/**
 * Regular expressions out of a configuration, to be run against what strangers write. A subset that cannot backtrack
 * far: every repetition has an end, and the number of ways in which a whole expression can be tried is counted before it
 * is accepted. It always matches a whole text.
 * @module
 */

/** A compiled pattern, or what is wrong with it and at which character. */
export type PatternResult =
  | { readonly pattern: RegExp; readonly problem?: undefined }
  | { readonly pattern?: undefined; readonly problem: string; readonly at: number }

/** Longest pattern in characters. */
export const longestPattern = 200

/** Most ways in which a pattern may be tried; each costs at most a few hundred steps. */
const mostWays = 10_000
/** Longest text that a pattern may stand for, and with it the cost of one way. */
const longestMatch = 512
const deepestGroup = 8

/** Thrown and caught in this file alone. */
class PatternFault extends Error {
  readonly at: number

  constructor(message: string, at: number) {
    super(message)
    this.at = at
  }
}

/** How many ways a part can be tried, and how many characters it can take. */
interface Cost {
  readonly ways: number
  readonly length: number
}

/**
 * Compiles a pattern: literals, `.`, `\d` `\w` `\s`, classes, `(?<name>…)`, `(?:…)`, `|`, and the repetitions `?`, `{n}`
 * and `{m,n}`. `*` and `+` have no end, and references and look-around no bound: they are refused. `^` and `$` may stand
 * at the ends and change nothing.
 */
export function compilePattern(source: string): PatternResult {
  if (source.length > longestPattern) {
    return { problem: `${source.length} characters, at most ${longestPattern} are read`, at: longestPattern }
  }
  const begin = source.startsWith('^') ? 1 : 0
  const end = source.endsWith('$') && !source.endsWith('\\$') ? source.length - 1 : source.length
  const body = source.slice(begin, end)
  try {
    new PatternReader(body).check()
    return { pattern: new RegExp(`^(?:${body})$`, 'u') }
  } catch (error) {
    if (error instanceof PatternFault) return { problem: error.message, at: begin + error.at }
    if (error instanceof SyntaxError) return { problem: 'not a regular expression', at: begin }
    throw error
  }
}

class PatternReader {
  readonly #source: string
  #at = 0
  #depth = 0

  constructor(source: string) {
    this.#source = source
  }

  check(): void {
    const cost = this.#choice()
    if (this.#at < this.#source.length) throw this.#fault('a closing bracket without an opening one')
    this.#bounded(cost)
  }

  #fault(message: string): PatternFault {
    return new PatternFault(message, this.#at)
  }

  #bounded(cost: Cost): Cost {
    if (cost.ways > mostWays) throw this.#fault('too many ways to match; repeat less, or fewer things')
    if (cost.length > longestMatch) throw this.#fault(`may match more than ${longestMatch} characters`)
    return cost
  }

  #choice(): Cost {
    let { ways, length } = this.#sequence()
    while (this.#source[this.#at] === '|') {
      this.#at++
      const branch = this.#sequence()
      ways += branch.ways
      length = Math.max(length, branch.length)
    }
    return { ways, length }
  }

  #sequence(): Cost {
    let cost: Cost = { ways: 1, length: 0 }
    for (let next = this.#source[this.#at]; next !== undefined && next !== '|' && next !== ')'; ) {
      const part = this.#repeated(this.#atom(next))
      cost = this.#bounded({ ways: cost.ways * part.ways, length: cost.length + part.length })
      next = this.#source[this.#at]
    }
    return cost
  }

  #atom(first: string): Cost {
    switch (first) {
      case '(':
        return this.#group()
      case '[':
        return this.#class()
      case '\\':
        return this.#escape()
      case '*':
      case '+':
      case '?':
      case '{':
        throw this.#fault(`"${first}" repeats nothing`)
      case '^':
      case '$':
        throw this.#fault(`"${first}" may stand at the ends only; a pattern matches a whole text`)
      default:
        // A character beyond the basic plane is two units and one character.
        this.#at += (this.#source.codePointAt(this.#at) ?? 0) > 0xffff ? 2 : 1
        return { ways: 1, length: 1 }
    }
  }

  #group(): Cost {
    const head = /^\((?:\?:|\?<[A-Za-z][A-Za-z0-9]{0,31}>)?(?!\?)/.exec(this.#source.slice(this.#at))
    if (head === null) throw this.#fault('only (…), (?:…) and (?<name>…) are read; look-around is not')
    if (++this.#depth > deepestGroup) throw this.#fault(`more than ${deepestGroup} groups inside one another`)
    this.#at += head[0].length
    const cost = this.#choice()
    if (this.#source[this.#at] !== ')') throw this.#fault('a group without its closing bracket')
    this.#at++
    this.#depth--
    return cost
  }

  #class(): Cost {
    const found = /^\[\^?(?:[^\]\\[]|\\[dws\]\\[^.$|?*+(){}/-])+\]/.exec(this.#source.slice(this.#at))
    if (found === null) throw this.#fault('expected a class of characters such as [0-9A-F]')
    this.#at += found[0].length
    return { ways: 1, length: 1 }
  }

  #escape(): Cost {
    if (!/^\\[dws.^$|?*+(){}[\]\\/]/.test(this.#source.slice(this.#at))) {
      throw this.#fault('only \\d, \\w, \\s and escaped punctuation are read; references are not')
    }
    this.#at += 2
    return { ways: 1, length: 1 }
  }

  #repeated(part: Cost): Cost {
    const rest = this.#source.slice(this.#at)
    if (/^[*+]/.test(rest)) throw this.#fault(`"${rest[0]}" has no end; write {0,40} or {1,40}`)
    const found = /^(?:\?|\{(\d{1,3})(?:,(\d{1,3}))?\})/.exec(rest)
    if (found === null) {
      if (rest.startsWith('{')) throw this.#fault('expected a repetition with an end, such as {8} or {1,40}')
      return part
    }
    const least = found[1] === undefined ? 0 : Number(found[1])
    const most = found[1] === undefined ? 1 : Number(found[2] ?? found[1])
    if (most < least) throw this.#fault('a repetition that ends before it begins')
    let ways = 0
    for (let count = least; count <= most && ways <= mostWays; count++) ways += part.ways ** count
    const cost = this.#bounded({ ways, length: part.length * most })
    this.#at += found[0].length
    if (/^[?*+{]/.test(this.#source.slice(this.#at))) throw this.#fault('a repetition of a repetition')
    return cost
  }
}
