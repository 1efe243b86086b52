import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cipRequest, epath, frame, packet, readFrame, readPacket, readReply } from '../../src/conformance/frames.ts'
import { dtlsClientHello, FlightReader, tlsClientHello, tlsRecord } from '../../src/conformance/hello.ts'
import { Found, Judge } from '../../src/conformance/judge.ts'
import { list, path, shortString, stringI, uint, usint, upTo, word, wrongWith } from '../../src/conformance/layouts.ts'
import { runConformance } from '../../src/conformance/run.ts'
import type { ConformanceCase } from '../../src/conformance/case.ts'
import type { ConformancePort } from '../../src/conformance/port.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

describe('bytes written by hand', () => {
  it('are those of the reference', () => {
    // Vectors 2 and 4 of 8.1, and two of 8.2.
    expect(hex(frame({ command: 0x65, data: Uint8Array.of(1, 0, 0, 0) }))).toBe(
      '65000400000000000000000000000000000000000000000001000000',
    )
    expect(hex(frame({ command: 0x66, session: 0xaabbccdd }))).toBe('66000000ddccbbaa00000000000000000000000000000000')
    expect(hex(cipRequest(0x0e, epath(0x5e, 1, 3)))).toBe('0e03205e24013003')
    expect(hex(cipRequest(0x4b, epath(0x37, 0x110), Uint8Array.of(0xff)))).toBe('4b03203725001001ff')
  })

  it('are read back', () => {
    const items = [
      { type: 0, data: new Uint8Array(0) },
      { type: 0xb2, data: Uint8Array.of(1, 2, 3) },
    ]
    expect(readPacket(packet(...items))).toEqual(items)
    expect(readFrame(frame({ command: 4, session: 7, data: packet(...items) }))).toMatchObject({
      command: 4,
      session: 7,
    })
    expect(readReply(Uint8Array.of(0x8e, 0, 1, 1, 0x11, 0x03, 9))).toMatchObject({ status: 1, extended: [0x0311] })
  })
})

describe('what a target sends', () => {
  it('never breaks the reading, whatever it is', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        readFrame(bytes)
        readPacket(bytes)
        readReply(bytes)
        for (const protocol of ['tls', 'dtls'] as const) {
          const reader = new FlightReader(protocol)
          reader.push(bytes)
          reader.push(bytes)
          reader.flight('silence', 'nothing came', [])
        }
        for (const layout of [list('USINT', path(0x37)), stringI, shortString(), uint()]) wrongWith(layout, bytes)
      }),
    )
  })

  it('is read in whatever pieces a flight comes', () => {
    const body = Uint8Array.of(3, 3, ...new Uint8Array(32).fill(7), 0, 0xc0, 0x2c, 0, 0, 5, 0xff, 0x01, 0, 1, 0)
    const hello = Uint8Array.of(2, 0, 0, body.length, ...body)
    const whole = tlsRecord(22, Uint8Array.of(...hello, 14, 0, 0, 0))
    fc.assert(
      fc.property(fc.integer({ min: 1, max: whole.length - 1 }), (at) => {
        const reader = new FlightReader('tls')
        reader.push(whole.subarray(0, at))
        reader.push(whole.subarray(at))
        const flight = reader.flight('silence', '', [])
        expect(flight).toMatchObject({ outcome: 'hello', done: true, serverHello: { suite: 0xc02c, compression: 0 } })
        expect(flight.serverHello?.extensions.get(0xff01)).toEqual(Uint8Array.of(0))
      }),
    )
  })

  it('is bounded', () => {
    const reader = new FlightReader('tls')
    for (let i = 0; i < 20 && !reader.over; i++) reader.push(tlsRecord(22, new Uint8Array(16_000)))
    expect(reader.over).toBe(true)
  })
})

describe('a ClientHello', () => {
  it('carries its lengths right', () => {
    const random = new Uint8Array(32)
    const message = tlsClientHello({ suites: [0xc02c], random })
    expect(message[0]).toBe(1)
    expect(((message[2] ?? 0) << 8) | (message[3] ?? 0)).toBe(message.length - 4)
    const datagram = dtlsClientHello({ suites: [0xc02c], random, cookie: Uint8Array.of(1, 2) })
    expect(((datagram[11] ?? 0) << 8) | (datagram[12] ?? 0)).toBe(datagram.length - 13)
  })
})

describe('a layout', () => {
  it('says what is wrong', () => {
    expect(wrongWith(usint('0..3', upTo(3)), Uint8Array.of(2))).toBeUndefined()
    expect(wrongWith(usint('0..3', upTo(3)), Uint8Array.of(9))).toBe('value 9, expected 0..3')
    expect(wrongWith(uint(), Uint8Array.of(1))).toMatch(/too few/)
    expect(wrongWith(uint(), Uint8Array.of(1, 2, 3))).toBe('1 bytes too many for UINT')
    expect(wrongWith(word(0x00ff), Uint8Array.of(0, 1))).toMatch(/with no bits but 0xff/)
    expect(wrongWith(list('USINT', path(0x5f)), Uint8Array.of(1, 2, 0x20, 0x37, 0x24, 1))).toBe(
      'entry 1: a path to class 0x37',
    )
  })
})

describe('the judge', () => {
  it('ends a case with the first comparison that does not hold', () => {
    const judge = new Judge()
    judge.equal('value', 1, 1)
    expect(() => judge.code('status', [0x05, 0x16], 0x08)).toThrowError()
    try {
      judge.code('status', [0x05, 0x16], 0x08)
    } catch (error) {
      expect(error).toBeInstanceOf(Found)
      expect((error as Found).finding).toMatchObject({ expected: 'status 0x05 or 0x16', got: 'status 0x08' })
    }
    expect(judge.comparisons).toBe(3)
  })
})

/** A port to nobody. */
const nobody: ConformancePort = {
  target: '192.0.2.1',
  own: 'none',
  open: () => Promise.resolve({ kind: 'unanswered', reason: 'no answer' }),
  renegotiate: () => Promise.resolve({ kind: 'unanswered', reason: 'no answer' }),
  random: (length) => new Uint8Array(length),
  wait: () => Promise.resolve(),
  hold: () => () => undefined,
  now: () => 0,
}

describe('a run', () => {
  const base = { group: 'router', title: 't', source: 's', basis: 'public', needs: [] } as const

  it('says of a case that compared nothing that it is in error, because it could not have failed', async () => {
    const idle: ConformanceCase = { ...base, id: 'router.idle', kind: 'read', run: () => Promise.resolve() }
    const { results } = await runConformance(nobody, [idle], { recoveryMs: 0 })
    // The target does not answer: that is what is said first.
    expect(results[0]?.finding.verdict).toBe('fail')
  })

  it('asks nobody for what needs a session, a permission or an identity', async () => {
    const needy = (id: string, more: Partial<ConformanceCase>): ConformanceCase => ({
      ...base,
      id,
      kind: 'read',
      run: () => Promise.reject(new Error('must not run')),
      ...more,
    })
    const cases = [
      needy('router.session', { needs: ['session'] }),
      needy('router.write', { kind: 'write' }),
      needy('router.reset', { kind: 'reset' }),
      needy('router.certificate', { needs: ['certificate'] }),
      needy('router.tls', { needs: ['tls'] }),
      needy('router.slow', { slowMs: 60_000 }),
    ]
    const { results } = await runConformance(nobody, cases, { longestMs: 1000 })
    expect(results.map(({ finding }) => finding.verdict)).toEqual([
      'not run',
      'not run',
      'not run',
      'not run',
      'not applicable',
      'not run',
    ])
  })

  it('can be ended between two cases', async () => {
    const never: ConformanceCase = { ...base, id: 'router.never', kind: 'read', run: () => Promise.reject(new Error()) }
    const report = await runConformance(nobody, [never], { cancelled: () => true })
    expect(report).toMatchObject({ cancelled: true, results: [] })
  })
})
