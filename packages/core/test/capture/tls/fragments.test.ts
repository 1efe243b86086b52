import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FragmentBuffer } from '../../../src/capture/tls/fragments.ts'
import { WaitingFragments } from '../../../src/capture/tls/waiting-fragments.ts'
import { big, concat, pattern } from '../packets.ts'

/** A fragment of the message `number` of type 11: so many bytes of `body` from `offset` on. */
function fragment(number: number, body: Uint8Array, offset: number, length: number, total = body.length): Uint8Array {
  const header = concat(Uint8Array.of(11), big(total, 3), big(number, 2), big(offset, 3), big(length, 3))
  return concat(header, body.subarray(offset, offset + length))
}

describe('the fragments of a handshake message', () => {
  test('give the message in whatever order and however often their parts come', () => {
    const cuts = fc.array(fc.tuple(fc.nat({ max: 300 }), fc.nat({ max: 100 })), { maxLength: 20 })
    fc.assert(
      fc.property(fc.nat({ max: 300 }), cuts, (total, parts) => {
        const shared = new WaitingFragments()
        const buffer = new FragmentBuffer(shared)
        const body = pattern(total)
        for (const [offset, length] of parts) {
          if (offset + length < total) buffer.add(fragment(0, body, offset, length), 0)
        }
        expect(buffer.take()).toBeUndefined()
        expect(buffer.add(fragment(0, body, 0, total), 0)).toEqual({ kind: 'taken' })
        expect(buffer.take()).toEqual({ type: 11, body, raw: fragment(0, body, 0, total) })
        expect([shared.total, shared.holders.size]).toEqual([0, 0])
      }),
      { numRuns: 200 },
    )
  })

  test('take the memory of what has come, not of what they state', () => {
    const before = process.memoryUsage().arrayBuffers
    const buffers = Array.from({ length: 1000 }, () => {
      const buffer = new FragmentBuffer()
      expect(buffer.add(fragment(0, pattern(1), 0, 1, 65_536), 0)).toEqual({ kind: 'taken' })
      return buffer
    })
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * 1024 * 1024)
    expect(buffers.every((buffer) => buffer.take() === undefined)).toBe(true)
  })

  test('wait within one limit for a whole capture: who waits longest gives up', () => {
    const most = 100_000
    const shared = new WaitingFragments(most)
    const buffers = Array.from({ length: 100 }, () => new FragmentBuffer(shared))
    for (const buffer of buffers) {
      buffer.add(fragment(0, pattern(2000), 0, 1999), 0)
      expect(shared.total).toBeLessThanOrEqual(most)
    }
    const given = buffers.map(({ hasForgotten }) => hasForgotten)
    expect([given[0], given.at(-1)]).toEqual([true, false])
    expect(given.indexOf(false)).toBe(given.lastIndexOf(true) + 1)
    for (const buffer of buffers) buffer.clear()
    expect([shared.total, shared.holders.size]).toEqual([0, 0])
  })

  test('of very small size are refused before they fill the memory of a side', () => {
    const shared = new WaitingFragments()
    const buffer = new FragmentBuffer(shared)
    const body = pattern(60_000)
    const results = new Set<string>()
    for (let offset = 0; offset < body.length; offset += 2)
      results.add(buffer.add(fragment(0, body, offset, 1), 0).kind)
    expect(results).toEqual(new Set(['taken', 'refused']))
    expect(shared.total).toBeLessThanOrEqual(129 * 1024)
  })
})
