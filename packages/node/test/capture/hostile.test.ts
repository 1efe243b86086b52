import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { mutate, randomOf } from '../../../../tests/fuzz/mutate.ts'
import { contexts, protocols, record, rsaServer, secretsWith, type Sent, slices, text, watch } from './conversations.ts'

const said = ['one', 'two', 'three'].map(text)

const conversations = protocols.flatMap((protocol) =>
  [0xc006, 0xc02b, 0x003c, 0xc037].map((suite) => {
    const { server, client } = contexts(protocol, suite, suite !== 0xc037)
    return record(server, client, said)
  }),
)

describe('a watcher', () => {
  test.each(protocols)('takes any bytes in any pieces as %s', (protocol) => {
    const piece: fc.Arbitrary<Sent> = fc.record({
      side: fc.constantFrom('client', 'server'),
      bytes: fc.oneof(
        fc.uint8Array({ maxLength: 200 }),
        // Something that begins like a record.
        fc
          .tuple(fc.integer({ min: 19, max: 26 }), fc.uint8Array({ maxLength: 80 }))
          .map(([type, rest]) =>
            protocol === 'tls'
              ? Uint8Array.from([type, 3, 3, 0, rest.length, ...rest])
              : Uint8Array.from([type, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 1, 0, rest.length, ...rest]),
          ),
      ),
    })
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), (wire) => {
        const seen = watch(protocol, wire, { keyLog: 'x', lose: (i) => i % 7 === 6 })
        expect(seen.report.problems.length).toBeLessThanOrEqual(16)
      }),
      { numRuns: 300 },
    )
  })

  test('takes real conversations that were altered, and mostly goes on reading', () => {
    const random = randomOf(20_261_128)
    let steps = 0
    let read = 0
    for (let round = 0; round < 500; round++) {
      const { protocol, wire, keyLog } = conversations[random(conversations.length)] ?? { protocol: 'tls', wire: [] }
      const victim = random(wire.length)
      const other = wire[random(wire.length)]?.bytes ?? new Uint8Array()
      const altered = wire.map((sent, i) =>
        i === victim ? { side: sent.side, bytes: Uint8Array.from(mutate(sent.bytes, other, random)) } : sent,
      )
      const secrets = secretsWith(random(2) === 0 ? (keyLog ?? '') : '', random(2) === 0 ? [rsaServer.key] : [])
      const lost = random(20)
      const seen = watch(protocol, altered, { secrets, slice: slices(), lose: (i) => i === lost })
      steps += seen.steps.length
      read += seen.application.filter(({ bytes }) => bytes !== undefined).length
      // What was opened under keys is what was sent, or it is not handed on.
      if (seen.report.protection === 'Encrypted') {
        for (const { bytes } of seen.application) {
          if (bytes !== undefined) expect(['one', 'two', 'three']).toContain(new TextDecoder().decode(bytes))
        }
      }
    }
    expect(steps).toBeGreaterThan(500 * 4)
    expect(read).toBeGreaterThan(250)
  })

  test('keeps little of a conversation that never gets anywhere', () => {
    // Fragments of messages that are never completed, each of another number.
    const fragment = (number: number, total: number) =>
      Uint8Array.from([
        22,
        0xfe,
        0xfd,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        number & 0xff,
        0,
        13,
        11,
        0,
        (total >> 8) & 0xff,
        total & 0xff,
        number >> 8,
        number & 0xff,
        0,
        0,
        0,
        0,
        0,
        1,
        7,
      ])
    const wire = Array.from({ length: 5000 }, (_, i): Sent => ({ side: 'client', bytes: fragment(i, 65_000) }))
    const before = process.memoryUsage().arrayBuffers
    const seen = watch('dtls', wire)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20 * 1024 * 1024)
    expect(seen.report.problems).toContain('a handshake message far ahead is not read')
  })

  test('reads a stream of garbage in time that grows with its length only', () => {
    // Every seventh byte begins what could be a record, and is followed by what is none.
    const bytes = Uint8Array.from({ length: 200_000 }, (_, i) => [23, 3, 3, 0, 1, 9, 9][i % 7] ?? 0)
    const seen = watch('tls', [{ side: 'client', bytes }], { slice: () => 40_000 })
    expect(seen.steps).toEqual([])
  })
})
