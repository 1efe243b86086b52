import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type CaseResult, conformanceCases, type ConformanceReport, disclaimer } from '@cordon/core/conformance'
import { UsageError } from '@cordon/core/errors'
import { describe, expect, it } from 'vitest'
import { exitCodeOf, parseIo, reportText, run } from '../src/commands/conformance.ts'
import { createProgram } from '../src/program.ts'
import { testAddress } from '../../node/test/addresses.ts'
import { replying } from '../../node/test/conformance/defects.ts'
import { plainStand } from '../../node/test/conformance/targets.ts'
import { testOutput } from './test-output.ts'

function result(finding: CaseResult['finding'], id = 'router.unknown-class'): CaseResult {
  return {
    id,
    group: 'router',
    title: 'an unknown class is refused',
    source: 'cip-security-wire 2.3 [Wh]',
    basis: 'public',
    kind: 'read',
    finding,
    tookMs: 1,
  }
}

function report(...results: CaseResult[]): ConformanceReport {
  return {
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
    results,
    cancelled: false,
    disclaimer,
  }
}

const pass = result({ verdict: 'pass', evidence: 'status 0x05' })
const fail = result({ verdict: 'fail', expected: 'status 0x05', got: 'status 0x08' })
const silent = result({ verdict: 'inconclusive', reason: 'nothing came' }, 'router.no-path')
const skipped = result({ verdict: 'not run', reason: 'give --allow-writes' })

describe('cordon conformance ends with', () => {
  it.each([
    ['0 where nothing failed', [pass, skipped], 0],
    ['1 where a case failed', [pass, fail, silent], 1],
    ['1 where a case is in error', [result({ verdict: 'error', reason: 'compared nothing' })], 1],
    ['3 where only answers are missing', [pass, silent], 3],
  ] as const)('%s', (_, results, code) => expect(exitCodeOf(report(...results))).toBe(code))

  it('3 where it was ended early', () => expect(exitCodeOf({ ...report(pass), cancelled: true })).toBe(3))
})

describe('its table', () => {
  it('begins with what it rests on, then what failed, then what was not run and why', () => {
    const { output } = testOutput({ width: 120 })
    const text = reportText(output, report(pass, skipped, silent, fail))
    expect(text).toMatch(/^This is no ODVA conformance test and proves no conformance/)
    expect(text).toContain('expected status 0x05, got status 0x08')
    expect(text.indexOf('Failed')).toBeLessThan(text.indexOf('No answer'))
    expect(text.indexOf('No answer')).toBeLessThan(text.indexOf('Not run'))
    expect(text).toContain('give --allow-writes')
    expect(text).toMatch(/public +1 +1 +1 +1/)
  })
})

describe('cancelled during a case', () => {
  // What a shell sees is 130: see main.ts.
  it('it writes the page and the XML of what was found, and ends with 3', async () => {
    const controller = new AbortController()
    // What is surveyed is read; the first request that is more than that comes from a case.
    const hosting = replying((reply, { service }) => {
      if (service !== 0x0e) controller.abort()
      return reply
    })
    await using own = await plainStand(testAddress(230), hosting)
    const directory = await mkdtemp(join(tmpdir(), 'conformance-'))
    try {
      const [html, junit] = [join(directory, 'found.html'), join(directory, 'found.xml')]
      const out = testOutput({ format: 'json' })
      const whole = {
        output: out.output,
        settings: {},
        state: '/nonexistent',
        program: createProgram(() => Promise.resolve(), '1'),
        signal: controller.signal,
      }
      const flags = { longest: '1', timeout: '2', only: ['router'], html, junit }
      expect(await run(whole, flags, own.target.address)).toBe(3)
      const found = JSON.parse(out.stdout()) as ConformanceReport
      expect(found.cancelled).toBe(true)
      expect(found.results.length).toBeGreaterThan(0)
      expect(found.results.length).toBeLessThan(conformanceCases.filter(({ group }) => group === 'router').length)
      expect(await readFile(html, 'utf8')).toContain('router.unknown-attribute')
      expect(await readFile(junit, 'utf8')).toContain('router.unknown-attribute')
    } finally {
      await rm(directory, { recursive: true })
    }
  })
})

describe('a class 1 connection', () => {
  it('is described by points and sizes', () => {
    expect(parseIo('101:8,100:40,102')).toEqual({
      output: { point: 101, size: 8 },
      input: { point: 100, size: 40 },
      configuration: 102,
    })
    expect(parseIo('101:8,100:40').configuration).toBeUndefined()
  })

  it.each(['101,100', '101:8', '101:8,100:9999', '1:1,2:2,x'])('is not described by %s', (text) => {
    expect(() => parseIo(text)).toThrow(UsageError)
  })
})

describe('before anything is asked', () => {
  const context = (format: 'table' | 'json' = 'table') => {
    const out = testOutput({ format, width: 200 })
    const whole = {
      output: out.output,
      settings: {},
      state: '/nonexistent',
      program: createProgram(() => Promise.resolve(), '1'),
      signal: new AbortController().signal,
    }
    return { out, whole }
  }
  const flags = { longest: '60', timeout: '2' }

  it('cases are listed without a target', async () => {
    const { out, whole } = context('json')
    expect(await run(whole, { ...flags, list: true, only: ['packets'], basis: ['public'] }, undefined)).toBe(0)
    const list = JSON.parse(out.stdout()) as { readonly group: string }[]
    expect(list.length).toBeGreaterThan(5)
    expect(new Set(list.map(({ group }) => group))).toEqual(new Set(['packets']))
  })

  it.each([
    ['a target must be named', {}, undefined],
    ['a case must be there', { only: ['nonsense'] }, '192.0.2.1'],
    ['a fingerprint must be one', { pin: 'abc' }, '192.0.2.1'],
    ['all ports are asked', {}, '192.0.2.1:2221'],
    ['files that are there are not replaced', { html: import.meta.filename }, '192.0.2.1'],
  ])('%s', async (_, more, target) => {
    const { whole } = context()
    await expect(run(whole, { ...flags, ...more }, target)).rejects.toBeInstanceOf(UsageError)
  })
})
