import { namedSuites } from '@cordon/core/security'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { clientHello } from '../../src/scan/client-hello.ts'
import { groupId, groupName } from '../../src/scan/named-groups.ts'
import { FlightReader } from '../../src/scan/server-flight.ts'

const random = new Uint8Array(32).fill(7)
const u16 = (value: number) => [value >> 8, value & 0xff]
const u24 = (value: number) => [value >> 16, ...u16(value & 0xffff)]

/** A ServerHello of version 1.2 that chose 0xC02B, and a ServerHelloDone. */
const hello = [3, 3, ...random, 0, 0xc0, 0x2b, 0, ...u16(0)]
const messages = [
  [2, hello],
  [11, [...u24(4), ...u24(1), 0x30]],
  [12, [3, ...u16(23), 1, 4, 4, 3, ...u16(1), 0]],
  [13, [1, 64, ...u16(0), ...u16(0)]],
  [14, []],
] as const

const stream = Uint8Array.from([
  22,
  3,
  3,
  ...u16(messages.reduce((sum, [, body]) => sum + 4 + body.length, 0)),
  ...messages.flatMap(([type, body]) => [type, ...u24(body.length), ...body]),
])

/** The same as fragments of at most `size` bytes, a datagram each. */
function datagrams(size: number): Uint8Array[] {
  return messages.flatMap(([type, body], sequence) => {
    const parts = Math.max(1, Math.ceil(body.length / size))
    return Array.from({ length: parts }, (_, i) => {
      const part = body.slice(i * size, (i + 1) * size)
      const fragment = [type, ...u24(body.length), ...u16(sequence), ...u24(i * size), ...u24(part.length), ...part]
      return Uint8Array.from([22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, sequence, ...u16(fragment.length), ...fragment])
    })
  })
}

const expected = {
  kind: 'flight',
  flight: {
    version: 'TLSv1.2',
    suite: 0xc02b,
    group: { curve: 'secp256r1' },
    signatureHash: 'SHA-256',
    certificateRequest: { types: [64], authorities: [] },
    chain: [Uint8Array.of(0x30)],
    complete: true,
  },
}

describe('the first flight of a server', () => {
  it('is read out of a stream, however it is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }), (cuts) => {
        const reader = new FlightReader('tls')
        let offset = 0
        for (let i = 0; offset < stream.length; i++) {
          const size = cuts[i % cuts.length] ?? 1
          reader.receive(stream.subarray(offset, offset + size))
          offset += size
        }
        expect(reader.state()).toMatchObject(expected)
      }),
    )
  })

  it('is read out of fragments in any order, some of them twice', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.infiniteStream(fc.nat()), (size, order) => {
        const all = datagrams(size)
        const shuffled = [...all, ...all]
          .map((bytes) => ({ bytes, rank: order.next().value ?? 0 }))
          .sort((a, b) => a.rank - b.rank)
        const reader = new FlightReader('dtls')
        for (const { bytes } of shuffled) reader.receive(bytes)
        const { version: _, ...rest } = expected.flight
        expect(reader.state()).toMatchObject({ kind: 'flight', flight: rest })
      }),
    )
  })

  it.each(['tls', 'dtls'] as const)('of any bytes is a state and never an error, over %s', (protocol) => {
    const start = protocol === 'tls' ? stream : (datagrams(500)[0] ?? stream)
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 8 }),
        fc.array(fc.tuple(fc.nat({ max: start.length - 1 }), fc.nat({ max: 255 })), { maxLength: 6 }),
        (noise, flips) => {
          const bent = start.slice()
          for (const [place, value] of flips) bent[place] = value
          const reader = new FlightReader(protocol)
          for (const bytes of [bent, ...noise]) {
            const { kind } = reader.receive(bytes)
            expect(['waiting', 'alert', 'hello-verify', 'not-tls', 'flight']).toContain(kind)
          }
        },
      ),
    )
  })

  it('keeps no more than its bound of a stream that never ends', () => {
    const reader = new FlightReader('tls')
    const record = Uint8Array.from([22, 3, 3, 0x3f, 0xff, ...new Uint8Array(0x3fff)])
    for (let i = 0; i < 40; i++) reader.receive(record)
    expect(reader.state()).toEqual({ kind: 'not-tls' })
  })
})

describe('a ClientHello', () => {
  it('carries its lengths right, for every version and any offer', () => {
    const suites = fc.uniqueArray(fc.constantFrom(...namedSuites.map(([id]) => id)), { minLength: 1, maxLength: 190 })
    const versions = fc.constantFrom('TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3', 'DTLSv1', 'DTLSv1.2')
    fc.assert(
      fc.property(versions, suites, fc.boolean(), fc.boolean(), (version, offered, compression, fallback) => {
        const protocol = version.startsWith('DTLS') ? 'dtls' : 'tls'
        const bytes = clientHello(protocol, { version, suites: offered, compression, fallback }, random)
        const header = protocol === 'dtls' ? 13 : 5
        const at = (offset: number) => ((bytes[offset] ?? 0) << 8) | (bytes[offset + 1] ?? 0)
        expect(at(header - 2)).toBe(bytes.length - header)
        expect(at(header + 2)).toBe(bytes.length - header - (protocol === 'dtls' ? 12 : 4))
      }),
    )
  })

  it('without a suite, or with more than a target would read, is refused', () => {
    expect(() => clientHello('tls', { version: 'TLSv1.2', suites: [] }, random)).toThrow(/1 to 512 suites/)
  })
})

describe('groups', () => {
  it('are found by any of their names', () => {
    expect(groupId('prime256v1')).toBe(23)
    expect(groupId('P-384')).toBe(24)
    expect(groupName(29)).toBe('x25519')
    expect(groupName(4711)).toBe('group 4711')
    expect(groupId('nothing')).toBeUndefined()
  })
})
