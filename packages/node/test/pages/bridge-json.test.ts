import type { BridgeDirection, BridgeEnd, BridgeRow } from '@cordon/core/tables'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bridgeJson } from '../../src/pages/bridge-json.ts'

/** Few values of each kind, so that rows which follow each other are often alike in some of them. */
const text = fc.constantFrom('', 'Active', 'Pumpe Süd "泵"', '\\\u0000\u2028\ud800')
const number = fc.constantFrom(0, 1, 65_535)
const end: fc.Arbitrary<BridgeEnd> = fc.record({ port: number, link: text, name: fc.option(text, { nil: undefined }) })
const direction: fc.Arbitrary<BridgeDirection> = fc.record({
  size: number,
  variable: fc.boolean(),
  rpiUs: number,
  multicast: fc.boolean(),
})

const rows: fc.Arbitrary<readonly BridgeRow[]> = fc.array(end, { minLength: 1, maxLength: 2 }).chain((ends) =>
  fc.array(
    fc.record<BridgeRow>({
      class: fc.constantFrom(0, 1, 3),
      state: text,
      uptimeS: number,
      originator: fc.constantFrom(...ends),
      target: fc.constantFrom(...ends),
      originatorToTarget: direction,
      targetToOriginator: direction,
      missed: number,
      serial: number,
      confidentiality: fc.constantFrom('None', 'Authenticated', 'Encrypted'),
      transport: fc.constantFrom('tcp', 'udp', 'tls', 'dtls'),
      side: fc.constantFrom('originator', 'target'),
    }),
  ),
)

const written = (of: Iterable<BridgeRow>): string => Buffer.concat(bridgeJson(of)).toString()

describe('bridge connections as JSON', () => {
  it('are written as JSON.stringify writes them, to the letter', () => {
    fc.assert(
      fc.property(rows, (some) => {
        expect(written(some)).toBe(JSON.stringify(some))
      }),
    )
  })

  it('come in several pieces where they are many, and are the same text', () => {
    const [row] = fc.sample(rows, { numRuns: 50, seed: 1 }).find((some) => some.length > 0) ?? []
    if (row === undefined) throw new Error('no rows were made')
    const many = Array.from({ length: 1000 }, (_, serial) => ({ ...row, serial, missed: serial % 3 }))
    expect(bridgeJson(many).length).toBeGreaterThan(3)
    expect(written(many)).toBe(JSON.stringify(many))
  })
})
