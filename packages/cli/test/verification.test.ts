import { type CheckResult, concludeVerification, type Verdict } from '@cordon/core/verification'
import { expect, test } from 'vitest'
import { verificationText } from '../src/verification.ts'
import { testOutput } from './test-output.ts'

const check = (id: CheckResult['id'], subject: string, verdict: Verdict, reason: string): CheckResult => ({
  id,
  kind: 'refused',
  subject,
  device: subject,
  expectation: 'something',
  verdict,
  reason,
})

function textOf(checks: readonly CheckResult[], details = false): readonly string[] {
  const result = concludeVerification({
    plant: 'small',
    startedAt: '2026-01-01T00:00:00.000Z',
    durationMs: 1500,
    checks,
    risks: ['A', 'B', 'C'].map((subject) => ({ subject, reason: 'not enforceable: everyone else over tcp' })),
  })
  return verificationText(testOutput().output, result, details).split('\n')
}

const checks = [
  check('suite-refused', 'A', 'pass', 'refused'),
  check('vendor-certificate-refused', 'A', 'not-probed', 'no credential of the maker'),
  check('vendor-certificate-refused', 'B', 'not-probed', 'no credential of the maker'),
  check('pair-refused', 'C', 'risk', 'let in; the promise rests on the peer alone'),
]

test('a verification never counts as passed what was not made, and names it as a limit', () => {
  const text = textOf(checks)
  expect(text.at(-1)).toBe('✔ small: pass, 1 of 4 checks pass, 2 not probed, 1 at risk, in 1.5 s')
  const at = text.indexOf('Limits: what this verification cannot say')
  expect(text.slice(at + 1, at + 3)).toEqual([
    '! vendor-certificate-refused: 2 of 2 not probed',
    '    no credential of the maker',
  ])
  expect(text).not.toContain('Failed')
})

test('a verification puts together what failed at one device for the same reason, and all of it with details', () => {
  const failed = [
    check('session-opens', 'A', 'fail', 'no answer'),
    check('allowed-suites', 'A', 'fail', 'no answer'),
    check('allowed-suites', 'B', 'fail', 'no answer'),
  ]
  const text = textOf(failed)
  const at = text.indexOf('Failed')
  expect(text.slice(at + 1, at + 5)).toEqual([
    '✖ fail  session-opens, allowed-suites  A',
    '    no answer',
    '✖ fail  allowed-suites  B',
    '    no answer',
  ])
  expect(
    textOf([...checks, ...failed], true).filter((line) => /^. (pass|fail|not-probed|risk) {2}/.test(line)),
  ).toHaveLength(7)
})

test('a verification lists risks once for all whom they are about', () => {
  const text = textOf(checks)
  const at = text.indexOf('Risks that the policy accepts')
  expect(text.slice(at + 1, at + 3)).toEqual([
    '! A, B, C: not enforceable: everyone else over tcp',
    '! C: let in; the promise rests on the peer alone',
  ])
})

test('a verification says on which stretch of its way a connection is protected', () => {
  const hops = [
    { from: 'A', to: 'B', medium: 'network', protection: 'integrity' },
    { from: 'B', to: 'B_PLC', medium: 'backplane', protection: 'none' },
  ] as const
  const text = textOf([{ ...check('connection-protected', 'reads', 'pass', 'it runs'), hops }])
  const at = text.indexOf('Protection ends at the module')
  expect(text[at + 1]).toBe('protected from A to B; the backplane behind it is plain: B to B_PLC')
})
