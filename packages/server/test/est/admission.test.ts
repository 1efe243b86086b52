import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { addressKey } from '../../src/enrollment/address-key.ts'
import { Admission, type Admitted, type ConnectionPhase } from '../../src/est/admission.ts'
import { TokenBuckets } from '../../src/enrollment/token-buckets.ts'

class Fake implements Admitted {
  readonly key: string
  phase: ConnectionPhase
  constructor(key: string, phase: ConnectionPhase = 'handshake') {
    this.key = key
    this.phase = phase
  }
  drop(): void {}
}

describe('admission', () => {
  const limits = { connections: 10, connectionsPerAddress: 8, handshakes: 6 }

  test('lets no address hold more than its limit', () => {
    const admission = new Admission<Fake>(limits)
    for (let i = 0; i < 8; i++) expect(admission.admit(new Fake('a', 'waiting')).admitted).toBe(true)
    expect(admission.admit(new Fake('a', 'waiting'))).toEqual({ admitted: false, evicted: undefined })
  })

  test('takes a place from who holds most, oldest first, for another address', () => {
    const admission = new Admission<Fake>(limits)
    const flood = Array.from({ length: 8 }, () => new Fake('flood', 'waiting'))
    for (const connection of flood) admission.admit(connection)
    for (const key of ['b', 'c']) admission.admit(new Fake(key, 'waiting'))
    expect(admission.admit(new Fake('good'))).toEqual({ admitted: true, evicted: flood[0] })
    expect(admission.size).toBe(10)
  })

  test('never breaks off a request, and refuses when all hold the same', () => {
    const busy = new Admission<Fake>(limits)
    for (let i = 0; i < 8; i++) busy.admit(new Fake('flood', 'request'))
    for (const key of ['b', 'c']) busy.admit(new Fake(key, 'waiting'))
    expect(busy.admit(new Fake('good')).admitted).toBe(false)
    const even = new Admission<Fake>(limits)
    for (let i = 0; i < 10; i++) even.admit(new Fake(`a${i}`, 'waiting'))
    expect(even.admit(new Fake('good')).admitted).toBe(false)
  })

  test('shares handshakes in the same way', () => {
    const admission = new Admission<Fake>(limits)
    const flood = Array.from({ length: 6 }, () => new Fake('flood'))
    for (const connection of flood) admission.admit(connection)
    expect(admission.admit(new Fake('flood')).admitted).toBe(false)
    expect(admission.admit(new Fake('good'))).toEqual({ admitted: true, evicted: flood[0] })
    expect(admission.handshakes).toBe(6)
  })

  test('is never above its limits, and lets in an address that holds nothing beside one that floods', () => {
    const keys = fc.constantFrom('a', 'b', 'c', 'd')
    const phases = fc.constantFrom<ConnectionPhase>('handshake', 'waiting')
    fc.assert(
      fc.property(fc.array(fc.tuple(keys, phases), { maxLength: 80 }), (arrivals) => {
        const admission = new Admission<Fake>(limits)
        for (const [key, phase] of arrivals) {
          admission.admit(new Fake(key, phase))
          expect(admission.size).toBeLessThanOrEqual(limits.connections)
          expect(admission.handshakes).toBeLessThanOrEqual(limits.handshakes)
          expect([...admission].filter((each) => each.key === key).length).toBeLessThanOrEqual(8)
        }
        // Four addresses share ten places, so one of them holds three or there is room.
        expect(admission.admit(new Fake('newcomer', 'waiting')).admitted).toBe(true)
      }),
    )
  })
})

describe('token buckets', () => {
  test('give their burst, then their rate, and say when the next is there', () => {
    const buckets = new TokenBuckets(2, 3, 10)
    expect([0, 0, 0, 0].map(() => buckets.take('a', 1000))).toEqual([0, 0, 0, 1])
    expect(buckets.take('a', 1499)).toBe(1)
    expect(buckets.take('a', 1500)).toBe(0)
    expect(buckets.take('b', 1500)).toBe(0)
  })

  test('remember a bounded number of keys', () => {
    const buckets = new TokenBuckets(1, 1, 100)
    for (let i = 0; i < 10_000; i++) buckets.take(`k${i}`, i)
    expect(buckets.size).toBe(100)
  })
})

describe('what counts as one address', () => {
  test.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::9', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['::', '0:0:0:0::/64'],
  ])('%s is %s', (address, key) => {
    expect(addressKey(address)).toBe(key)
  })
})
