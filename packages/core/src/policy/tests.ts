import type { Decision } from './decide.ts'
import { decide } from './decide.ts'
import type { PolicyTest } from './model.ts'
import type { PlantIndex } from './plant-index.ts'

/** The outcome of one statement of the plant file's `tests`. */
export interface PolicyTestResult {
  readonly test: PolicyTest
  /** Its place in the plant file: `tests[3]`. */
  readonly path: string
  readonly verdict: 'pass' | 'fail'
  /** What the policy says, and on which conduit or zone it rests. */
  readonly reason: string
}

/** Runs the statements of the plant file against the policy. */
export function runTests(index: PlantIndex): readonly PolicyTestResult[] {
  return index.plant.tests.map((test) => {
    const tcp = decide(index, { from: test.from, to: test.to, transport: 'tcp' })
    const udp = decide(index, { from: test.from, to: test.to, transport: 'udp' })
    const failures = judge(test, tcp, udp)
    const found = `messages ${spell(tcp)}; I/O ${spell(udp)}`
    return {
      test,
      path: `tests[${test.entry}]`,
      verdict: failures.length === 0 ? 'pass' : 'fail',
      reason: failures.length === 0 ? found : `${failures.join(', ')}; found: ${found}`,
    }
  })
}

function judge(test: PolicyTest, tcp: Decision, udp: Decision): readonly string[] {
  const failures: string[] = []
  // A name that does not exist is denied everywhere: a statement about it would always hold.
  const unknown = [tcp, udp].find((decision) => decision.denial === 'unknown-name' || decision.denial === 'no-address')
  if (unknown !== undefined) return [unknown.reason]
  if (test.messaging !== undefined && tcp.protection !== test.messaging)
    failures.push(`expected messages with ${test.messaging}`)
  if (test.io !== undefined && udp.protection !== test.io) failures.push(`expected I/O with ${test.io}`)
  const open = [tcp, udp].filter((decision) => decision.verdict !== 'denied')
  if (test.access === 'denied' && open.length > 0) failures.push('expected no access')
  if (test.access === 'plain' || test.access === 'secure') {
    const other = open.some((decision) => decision.verdict !== test.access)
    if (open.length === 0 || other) failures.push(`expected ${test.access} access`)
  }
  if (test.authentication !== undefined) {
    const differs = open.some((decision) => decision.authentication !== test.authentication)
    if (open.length === 0 || differs) failures.push(`expected authentication by ${test.authentication}`)
  }
  return failures
}

function spell(decision: Decision): string {
  return `${decision.verdict === 'denied' ? 'denied' : decision.protection === 'none' ? 'plain' : `with ${decision.protection}`} (${decision.reason})`
}
