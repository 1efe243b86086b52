import { parseRules } from '@cordon/core/policy'
import {
  type Attempt,
  type AttemptOutcome,
  type CheckResult,
  type ConnectCheck,
  concludeVerification,
  judgeConnect,
  judgeConnection,
  judgeReadBack,
  judgeRefusal,
  type RefusalCheck,
  resultOf,
  type Verdict,
} from '@cordon/core/verification'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

const source = { name: 'Manager', address: '192.0.2.9', credential: { kind: 'verifier' } } as const
const handshake: Attempt = {
  kind: 'handshake',
  transport: 'tls',
  target: '192.0.2.1',
  source,
  suites: [0xc02c, 0xc023],
}
const facts = { kind: 'connects', subject: 'A', device: 'A', expectation: 'something' } as const
const connects: ConnectCheck = { ...facts, id: 'suite-connects', method: 'connect', attempt: handshake }
const refusal: RefusalCheck = {
  ...facts,
  id: 'pair-refused',
  kind: 'refused',
  method: 'refusal',
  attempt: { ...handshake, source: { ...source, credential: { kind: 'foreign' } } },
  control: handshake,
}
const ok: AttemptOutcome = { kind: 'accepted', suite: 0xc02c, version: 'TLSv1.2' }
const refused: AttemptOutcome = { kind: 'refused', form: 'alert', detail: 'alert unknown_ca' }
const proven = { before: ok, after: ok }

describe('what must connect', () => {
  test('passes with a suite that was offered, in version 1.2', () => {
    expect(judgeConnect(connects, ok)).toMatchObject({ verdict: 'pass', reason: 'connected with C02C, TLSv1.2' })
  })

  test.each<[string, AttemptOutcome]>([
    ['another suite', { kind: 'accepted', suite: 0xc006, version: 'TLSv1.2' }],
    ['no suite', { kind: 'accepted', version: 'TLSv1.2' }],
    ['another version', { kind: 'accepted', suite: 0xc02c, version: 'TLSv1' }],
    ['a refusal', refused],
    ['a failing network', { kind: 'error', detail: 'no route' }],
  ])('fails with %s', (_, outcome) => {
    expect(judgeConnect(connects, outcome).verdict).toBe('fail')
  })

  test('and may be no doing of the device needs a control before and after', () => {
    const port: Attempt = { kind: 'port', protocol: 'udp', port: 2222, target: '192.0.2.1', source }
    const check: ConnectCheck = { ...connects, id: 'plain-port-open', attempt: port, control: handshake }
    const answers: AttemptOutcome = { kind: 'accepted' }
    expect(judgeConnect(check, answers, undefined, proven)).toEqual({ verdict: 'pass', reason: 'it answers' })
    const away: AttemptOutcome = { kind: 'error', detail: 'no answer' }
    for (const controls of [{ before: away, after: ok }, { before: ok, after: away }, undefined])
      expect(judgeConnect(check, answers, undefined, controls)).toMatchObject({
        verdict: 'fail',
        reason: expect.stringContaining('not proven: it answers'),
      })
  })

  test('is not tested without the means', () => {
    expect(judgeConnect(connects, { kind: 'no-means', detail: 'no key' })).toEqual({
      verdict: 'not-tested',
      reason: 'no key',
    })
  })

  test('over DTLS needs DTLS 1.2', () => {
    const check: ConnectCheck = { ...connects, attempt: { ...handshake, transport: 'dtls' } }
    expect(judgeConnect(check, ok).verdict).toBe('fail')
    expect(judgeConnect(check, { ...ok, version: 'DTLSv1.2' }).verdict).toBe('pass')
  })
})

describe('what must be refused', () => {
  test('passes by a refusal of the target with a control before and after', () => {
    expect(judgeRefusal(refusal, refused, proven)).toMatchObject({ verdict: 'pass' })
  })

  test('fails when it is let in', () => {
    expect(judgeRefusal(refusal, ok, proven)).toEqual({ verdict: 'fail', reason: 'it was let in with C02C, TLSv1.2' })
  })

  test('is what the policy says it is when nobody can refuse it', () => {
    const risky = { ...refusal, tolerated: 'not enforceable' } as const
    expect(judgeRefusal(risky, ok, proven)).toMatchObject({ verdict: 'risk' })
    expect(judgeRefusal(risky, refused, proven)).toMatchObject({ verdict: 'pass' })
  })

  test('is not proven by a network that failed', () => {
    expect(judgeRefusal(refusal, { kind: 'error', detail: 'no route' }, proven)).toEqual({
      verdict: 'fail',
      reason: 'not proven: no route',
    })
  })

  const anyForm = fc.constantFrom('alert', 'closed', 'silence', 'port-closed', 'rule')
  const notAccepted: fc.Arbitrary<AttemptOutcome> = fc.oneof(
    fc.record({ kind: fc.constant('refused' as const), form: anyForm, detail: fc.string() }),
    fc.record({ kind: fc.constant('error' as const), detail: fc.string() }),
    fc.record({ kind: fc.constant('undecided' as const), detail: fc.string() }),
    fc.record({ kind: fc.constant('no-means' as const), detail: fc.string() }),
    fc.record({ kind: fc.constant('no-address' as const), detail: fc.string() }),
  )

  test('never passes when a control did not connect, or none was made', () => {
    fc.assert(
      fc.property(notAccepted, notAccepted, fc.boolean(), (outcome, control, isBefore) => {
        const controls = isBefore ? { before: control, after: ok } : { before: ok, after: control }
        expect(judgeRefusal(refusal, outcome, controls).verdict).not.toBe('pass')
        expect(judgeRefusal(refusal, outcome, undefined).verdict).not.toBe('pass')
      }),
    )
  })

  test('never passes by anything but a refusal', () => {
    fc.assert(
      fc.property(notAccepted, (outcome) => {
        const { verdict } = judgeRefusal(refusal, outcome, proven)
        expect(verdict === 'pass').toBe(outcome.kind === 'refused')
      }),
    )
  })
})

describe('what cannot be tried from here', () => {
  const away: AttemptOutcome = { kind: 'no-address', detail: 'not our address' }
  const fallback = { from: 'Peer', ip: '192.0.2.7', port: 2221, protocol: 'tcp' } as const
  const rules = (...texts: string[]) => ({ ingress: parseRules(texts), egress: [] })

  test('is read back from the rules, and marked', () => {
    const allow = rules('allow ip=192.0.2.7 port=2221 proto=tcp cipher=C02C')
    expect(judgeConnect({ ...connects, fallback }, away, allow)).toMatchObject({ verdict: 'not-probed' })
    expect(judgeRefusal({ ...refusal, fallback }, away, proven, allow)).toMatchObject({ verdict: 'fail' })
    const other = rules('allow ip=192.0.2.8 port=2221 proto=tcp')
    expect(judgeConnect({ ...connects, fallback }, away, other)).toMatchObject({ verdict: 'fail' })
    expect(judgeRefusal({ ...refusal, fallback }, away, proven, other)).toMatchObject({ verdict: 'not-probed' })
  })

  test('is not tested where there is nothing to read', () => {
    expect(judgeRefusal({ ...refusal, fallback }, away, proven)).toMatchObject({ verdict: 'not-tested' })
    expect(judgeRefusal(refusal, away, proven, rules())).toMatchObject({ verdict: 'not-tested' })
  })

  test('and a refusal that would have met anybody is no proof: the rules that were read speak', () => {
    const undecided: AttemptOutcome = { kind: 'undecided', detail: 'out of connections' }
    expect(judgeRefusal({ ...refusal, fallback }, undecided, proven, rules('deny ip=192.0.2.7'))).toMatchObject({
      verdict: 'not-probed',
      reason: expect.stringContaining('out of connections; read back instead'),
    })
    expect(judgeRefusal({ ...refusal, fallback }, undecided, proven, rules('allow ip=192.0.2.7'))).toMatchObject({
      verdict: 'fail',
    })
    expect(judgeConnect({ ...connects, fallback }, undecided, rules('allow ip=192.0.2.7'))).toMatchObject({
      verdict: 'fail',
    })
  })

  test('a device without a single rule lets everybody in', () => {
    expect(judgeRefusal({ ...refusal, fallback }, away, proven, rules())).toMatchObject({ verdict: 'fail' })
  })
})

describe('a connection of the plant', () => {
  const check = {
    ...facts,
    id: 'connection-protected',
    kind: 'live',
    method: 'connection',
    connection: 'reads',
    transport: 'dtls',
    suites: [0xc006],
    hops: [{ from: 'A', to: 'B', medium: 'network', protection: 'integrity' }],
  } as const

  test('says where its protection ends, in words and as data', () => {
    const hops = [
      { from: 'A_PLC', to: 'A', medium: 'backplane', protection: 'none' },
      ...check.hops,
      { from: 'B', to: 'B_PLC', medium: 'backplane', protection: 'none' },
    ] as const
    const behind = { ...check, hops }
    const judged = judgeConnection(behind, [{ name: 'reads', state: 'open', transport: 'dtls', suite: 0xc006 }])
    expect(judged).toEqual({
      verdict: 'pass',
      reason:
        'it runs over dtls with C006; protected from A to B; the backplane behind it is plain: A to A_PLC, B to B_PLC',
    })
    expect(resultOf(behind, judged)).toMatchObject({ hops })
    expect(resultOf(refusal, judged)).not.toHaveProperty('hops')
  })

  test('passes over the promised transport with a promised suite', () => {
    expect(judgeConnection(check, [{ name: 'reads', state: 'open', transport: 'dtls', suite: 0xc006 }])).toMatchObject({
      verdict: 'pass',
    })
  })

  test.each([
    ['is not there', []],
    ['does not run', [{ name: 'reads', state: 'waiting', problem: 'refused' }]],
    ['was left in plain', [{ name: 'reads', state: 'open', transport: 'tcp' as const }]],
    ['has another suite', [{ name: 'reads', state: 'open', transport: 'dtls' as const, suite: 0xc02c }]],
    ['hides its suite', [{ name: 'reads', state: 'open', transport: 'dtls' as const }]],
  ])('fails when it %s', (_, live) => {
    expect(judgeConnection(check, live)).toMatchObject({ verdict: 'fail' })
  })
})

test('a device that could not be read fails every read-back check with the reason', () => {
  const expectation = { settings: {} as Parameters<typeof judgeReadBack>[2]['settings'], expect: undefined, lists: [] }
  for (const id of ['session-opens', 'allowed-suites', 'port-states'] as const)
    expect(judgeReadBack(id, 'no answer', expectation)).toEqual({
      verdict: 'fail',
      reason: 'the device could not be read: no answer',
    })
})

describe('the whole', () => {
  const result = (verdict: Verdict): CheckResult => ({
    id: 'suite-connects',
    kind: 'connects',
    subject: 'A',
    device: 'A',
    expectation: '',
    verdict,
    reason: 'why',
  })
  const conclude = (...verdicts: Verdict[]) =>
    concludeVerification({
      plant: 'p',
      startedAt: '2026-01-01T00:00:00.000Z',
      durationMs: 1,
      checks: verdicts.map(result),
      risks: [],
    })

  test('passes when nothing failed, and is complete when everything was made', () => {
    expect(conclude('pass', 'pass')).toMatchObject({ verdict: 'pass', complete: true })
    expect(conclude('pass', 'not-probed')).toMatchObject({ verdict: 'pass', complete: false })
    expect(conclude('pass', 'not-tested')).toMatchObject({ verdict: 'pass', complete: false })
    expect(conclude('pass', 'fail')).toMatchObject({ verdict: 'fail' })
  })

  test('names what was not made, by check, with how many and why, and counts none of it as passed', () => {
    const { limits, counts } = conclude('pass', 'not-probed', 'not-probed', 'not-tested', 'risk')
    expect(limits).toEqual([
      { id: 'suite-connects', verdict: 'not-probed', count: 2, of: 5, reasons: ['why'] },
      { id: 'suite-connects', verdict: 'not-tested', count: 1, of: 5, reasons: ['why'] },
    ])
    expect(counts.pass).toBe(1)
    expect(conclude('pass', 'risk', 'fail').limits).toEqual([])
  })

  test('does not pass for want of checks', () => {
    expect(conclude().verdict).toBe('fail')
    expect(conclude('not-tested', 'not-probed').verdict).toBe('fail')
  })

  test('lists what nobody can enforce as a risk', () => {
    expect(conclude('pass', 'risk').risks).toEqual([{ subject: 'A', reason: 'why' }])
  })
})
