import {
  type CaseResult,
  type ConformanceReport,
  disclaimer,
  htmlText,
  junitText,
  summarize,
} from '@cordon/core/conformance'
import { describe, expect, it } from 'vitest'

const hostile = `<script>alert("1")</script> & 'x' \u{0}\u{1b}[31m]]>`

function result(id: string, finding: CaseResult['finding'], basis: CaseResult['basis'] = 'public'): CaseResult {
  return {
    id,
    group: 'router',
    title: hostile,
    source: 'cip-security-wire 2.1',
    basis,
    kind: 'read',
    finding,
    tookMs: 12,
  }
}

const report: ConformanceReport = {
  target: '192.0.2.1',
  facts: {
    tcp: true,
    udp: true,
    tls: false,
    dtls: false,
    items: [],
    plainSession: true,
    session: 'tcp',
    noSession: '',
    classes: new Set([1]),
    cipSecurityState: undefined,
    ethernetIpSecurityState: undefined,
    own: 'none',
    io: undefined,
  },
  results: [
    result('router.a', { verdict: 'pass', evidence: hostile }),
    result('router.b', { verdict: 'fail', expected: hostile, got: hostile, bytes: Uint8Array.of(1, 2) }, 'ours'),
    result('router.c', { verdict: 'not applicable', reason: hostile }),
    result('router.d', { verdict: 'inconclusive', reason: 'no answer' }, 'inferred'),
    result('router.e', { verdict: 'error', reason: 'the case compared nothing' }),
  ],
  cancelled: false,
  disclaimer,
}

describe('a report', () => {
  it('counts by verdict and by what cases rest on', () => {
    const { verdicts, byBasis } = summarize(report.results)
    expect(verdicts).toEqual({ pass: 1, fail: 1, 'not applicable': 1, 'not run': 0, inconclusive: 1, error: 1 })
    expect(byBasis.ours.fail).toBe(1)
    expect(byBasis.public.fail).toBe(0)
    expect(byBasis.inferred.inconclusive).toBe(1)
  })

  it('as a page escapes what came from outside, loads nothing and says that it proves no conformance', () => {
    const page = htmlText(report, { at: '1970-01-01T00:00:00.000Z', version: '1.0.0' })
    expect(page).not.toContain('<script')
    expect(page).not.toMatch(/(?:src|href)=/)
    expect(page).toContain('&lt;script&gt;')
    expect(page).toContain('no ODVA conformance test')
    expect(page).toContain('prefers-color-scheme: dark')
    expect(page).toContain('@media print')
    expect(page).not.toContain('\u{1b}')
  })

  it('as JUnit has a suite per group, failures, errors and skipped cases with their reason', () => {
    const xml = junitText(report)
    expect(xml).toContain('<testsuite name="router" tests="5" failures="1" errors="1" skipped="2"')
    expect(xml).toContain('<skipped message="inconclusive: no answer"/>')
    expect(xml).toContain('bytes: 01 02')
    expect(xml).toContain('no ODVA conformance test')
    // Nothing unescaped: every < begins one of our tags.
    const tags = [...xml.matchAll(/<([^\s>/?]*)/g)].map(([, name]) => name)
    expect(new Set(tags)).toEqual(
      new Set(['', 'testsuites', 'testsuite', 'properties', 'property', 'testcase', 'failure', 'error', 'skipped']),
    )
    expect(xml).not.toMatch(/[^\P{Cc}\n]/u)
  })
})
