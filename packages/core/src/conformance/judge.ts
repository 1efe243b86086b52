import { hexadecimal } from '../wire/text.ts'

/** How a case ended. */
export type Verdict = 'pass' | 'fail' | 'not applicable' | 'not run' | 'inconclusive' | 'error'

/** What a case found out. */
export type Finding =
  | { readonly verdict: 'pass'; readonly evidence: string }
  | {
      readonly verdict: 'fail'
      readonly expected: string
      readonly got: string
      /** The bytes that show it. */
      readonly bytes?: Uint8Array
    }
  /** `error`: the case is at fault, not the target. */
  | { readonly verdict: 'not applicable' | 'not run' | 'inconclusive' | 'error'; readonly reason: string }

/** A finding in one line. */
export function describeFinding(finding: Finding): string {
  switch (finding.verdict) {
    case 'pass':
      return finding.evidence
    case 'fail':
      return `expected ${finding.expected}, got ${finding.got}`
    case 'not applicable':
    case 'not run':
    case 'inconclusive':
    case 'error':
      return finding.reason
  }
}

/** @internal Ends a case early with what it found; an error only so that it can be thrown. */
export class Found extends Error {
  readonly finding: Finding

  /** Carries a finding. */
  constructor(finding: Finding) {
    super(finding.verdict)
    this.finding = finding
  }
}

/** What a comparison is made with; numbers are printed in hex where `digits` says so. */
export type Comparable = number | string | boolean | bigint

/**
 * Compares what came with what the reference says. The first comparison that does not hold ends the case; a case that
 * compared nothing proved nothing, and is an error instead of a pass.
 */
export class Judge {
  #comparisons = 0
  #evidence: string[] = []

  /** Comparisons made until now. */
  get comparisons(): number {
    return this.#comparisons
  }

  /** What was seen, for the report of a pass. */
  get evidence(): string {
    return this.#evidence.slice(0, 3).join('; ')
  }

  /** It must hold. `got` says what was there, in words. */
  holds(condition: boolean, expected: string, got: string, bytes?: Uint8Array): void {
    this.#comparisons++
    if (!condition)
      throw new Found({
        verdict: 'fail',
        expected,
        got,
        ...(bytes === undefined ? {} : { bytes: bytes.slice(0, 512) }),
      })
    if (this.#evidence.length < 3) this.#evidence.push(got)
  }

  /** Both must be the same. */
  equal(what: string, expected: Comparable, got: Comparable, bytes?: Uint8Array): void {
    this.holds(expected === got, `${what} ${String(expected)}`, `${what} ${String(got)}`, bytes)
  }

  /** A code must be one of those; printed in hex. */
  code(what: string, expected: number | readonly number[], got: number, digits = 2, bytes?: Uint8Array): void {
    const allowed = typeof expected === 'number' ? [expected] : expected
    const words = allowed.map((each) => hexadecimal(each, digits)).join(' or ')
    this.holds(allowed.includes(got), `${what} ${words}`, `${what} ${hexadecimal(got, digits)}`, bytes)
  }

  /** Bytes must be the same. */
  sameBytes(what: string, expected: Uint8Array, got: Uint8Array): void {
    this.holds(equalBytes(expected, got), `${what} ${hexText(expected)}`, `${what} ${hexText(got)}`, got)
  }

  /** The question does not arise for this target. */
  notApplicable(reason: string): never {
    throw new Found({ verdict: 'not applicable', reason })
  }

  /** The target gave nothing to judge. */
  inconclusive(reason: string): never {
    throw new Found({ verdict: 'inconclusive', reason })
  }
}

/** Are they the same? */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}

/** Bytes as people compare them, cut where they are many. */
export function hexText(bytes: Uint8Array, most = 48): string {
  if (bytes.length === 0) return '(no bytes)'
  const shown = Array.from(bytes.subarray(0, most), (byte) => byte.toString(16).padStart(2, '0')).join(' ')
  return bytes.length > most ? `${shown} … (${bytes.length} bytes)` : shown
}
