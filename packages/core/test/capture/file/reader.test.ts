import {
  type CapturedPacket,
  type CaptureFileReport,
  captureReader,
  maxProblems,
  pcapngWriter,
  pcapWriter,
} from '@cordon/core/capture'
import { MalformedMessage, UsageError } from '@cordon/core/errors'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { damaged, holds } from '../../wire/properties.ts'
import { ascii, big, concat, pattern } from '../packets.ts'

interface Read {
  readonly packets: readonly (Omit<CapturedPacket, 'bytes' | 'start' | 'end'> & { readonly data: Uint8Array })[]
  readonly secrets: readonly string[]
  readonly report: CaptureFileReport
}

/** Reads a file in pieces of these sizes, the last one as often as needed. */
function read(file: Uint8Array, sizes: readonly number[] = [file.length]): Read {
  const packets: Read['packets'][number][] = []
  const secrets: string[] = []
  const reader = captureReader({
    packet: ({ bytes, start, end, ...rest }) => packets.push({ ...rest, data: bytes.slice(start, end) }),
    secrets: (text) => secrets.push(text),
  })
  let at = 0
  for (let i = 0; at < file.length; i++) {
    const size = Math.max(1, sizes[Math.min(i, sizes.length - 1)] ?? file.length)
    // A buffer of its own that is spoilt afterwards, as a caller that reuses it would.
    const chunk = file.slice(at, at + size)
    reader.push(chunk)
    chunk.fill(0xee)
    at += size
  }
  return { packets, secrets, report: reader.end() }
}

const packets = [
  { timeUs: 1_700_000_000_000_000, data: pattern(60) },
  { timeUs: 1_700_000_000_000_001 + 0.25, data: pattern(61, 7), originalLength: 1500 },
  { timeUs: 1_700_000_001_999_999, data: pattern(0) },
]

function pcapFile(nanoseconds = false): Uint8Array {
  const writer = pcapWriter({ linkType: 1, nanoseconds, snapLength: 96 })
  return concat(writer.header(), ...packets.map(writer.packet))
}

function pcapngFile(nanoseconds = false, keyLog?: string): Uint8Array {
  const writer = pcapngWriter({
    interfaces: [
      { linkType: 1, name: 'eth0' },
      { linkType: 113, snapLength: 64 },
    ],
    nanoseconds,
    ...(keyLog === undefined ? {} : { keyLog }),
  })
  return concat(writer.header(), ...packets.map((packet, i) => writer.packet({ ...packet, interface: i % 2 })))
}

/** The same file in the other byte order: every number of its headers reversed. */
function bigEndianPcap(): Uint8Array {
  const header = concat(big(0xa1b2_c3d4, 4), big(2, 2), big(4, 2), big(0, 8), big(262_144, 4), big(0xf400_0001, 4))
  return concat(header, big(1_700_000_000, 4), big(25, 4), big(3, 4), big(9, 4), Uint8Array.of(1, 2, 3))
}

function bigEndianBlock(type: number, body: Uint8Array): Uint8Array {
  const padded = concat(body, new Uint8Array((4 - (body.length % 4)) % 4))
  return concat(big(type, 4), big(padded.length + 12, 4), padded, big(padded.length + 12, 4))
}

const bigEndianSection = bigEndianBlock(
  0x0a0d_0d0a,
  concat(big(0x1a2b_3c4d, 4), big(1, 2), big(0, 2), big(0xffff_ffff, 8)),
)

describe('pcap', () => {
  it('reads back what was written, with microseconds or nanoseconds', () => {
    for (const nanoseconds of [false, true]) {
      const { packets: seen, report } = read(pcapFile(nanoseconds))
      expect(seen.map(({ data }) => data)).toEqual(packets.map(({ data }) => data))
      expect(seen.map(({ number }) => number)).toEqual([1, 2, 3])
      expect(seen.map(({ originalLength }) => originalLength)).toEqual([60, 1500, 0])
      expect(seen[1]?.timeUs).toBe(nanoseconds ? packets[1]?.timeUs : 1_700_000_000_000_001)
      expect(report).toMatchObject({ format: 'pcap', packets: 3, problemCount: 0, lostBytes: 0, stopped: false })
      expect(report.interfaces).toEqual([{ linkType: 1, snapLength: 96, name: undefined }])
    }
  })

  it('is read in the other byte order, and without the bits about the frame check sequence', () => {
    const { packets: seen } = read(bigEndianPcap())
    expect(seen).toEqual([
      {
        number: 1,
        timeUs: 1_700_000_000_000_025,
        linkType: 1,
        originalLength: 9,
        interface: 0,
        data: Uint8Array.of(1, 2, 3),
      },
    ])
  })

  it('is read with the longer record headers of the modified format', () => {
    const header = concat(big(0xa1b2_cd34, 4), big(2, 2), big(4, 2), big(0, 8), big(65_535, 4), big(1, 4))
    const record = concat(big(1, 4), big(2, 4), big(2, 4), big(2, 4), new Uint8Array(8), Uint8Array.of(8, 9))
    expect(read(concat(header, record, record)).packets.map(({ data }) => data)).toEqual([
      Uint8Array.of(8, 9),
      Uint8Array.of(8, 9),
    ])
  })

  it('that is cut off keeps its packets, and says where and what is missing', () => {
    const file = pcapFile()
    const { report } = read(file.subarray(0, file.length - 20))
    expect(report).toMatchObject({ packets: 1, unreadable: 1, problemCount: 1, stopped: false })
    expect(report.problems[0]?.offset).toBe(24 + 16 + 60)
    expect(report.problems[0]?.message).toContain('expected a packet record of 77 bytes')
  })

  it('with a length that cannot be is read up to there, and the rest counts as lost', () => {
    const file = pcapFile()
    file.set([0xff, 0xff, 0xff, 0x7f], 24 + 16 + 60 + 8)
    for (const sizes of [[file.length], [1], [90]]) {
      const { report } = read(file, sizes)
      expect(report).toMatchObject({ packets: 1, stopped: true, lostBytes: file.length - 100 })
      expect(report.problems).toEqual([
        { offset: 100, message: expect.stringContaining('at byte 100: expected a packet') },
      ])
    }
  })
})

describe('pcapng', () => {
  it('reads back what was written, on several interfaces, with microseconds or nanoseconds', () => {
    for (const nanoseconds of [false, true]) {
      const { packets: seen, report } = read(pcapngFile(nanoseconds))
      expect(seen.map(({ data }) => data)).toEqual(packets.map(({ data }) => data))
      expect(seen.map((packet) => packet.interface)).toEqual([0, 1, 0])
      expect(seen.map(({ linkType }) => linkType)).toEqual([1, 113, 1])
      expect(seen[1]?.timeUs).toBe(nanoseconds ? packets[1]?.timeUs : 1_700_000_000_000_001)
      expect(report).toMatchObject({ format: 'pcapng', packets: 3, problemCount: 0, lostBytes: 0 })
      expect(report.interfaces.map(({ name }) => name)).toEqual(['eth0', undefined])
    }
  })

  it('hands on the key log of its secrets, and no other secrets', () => {
    const text = 'CLIENT_RANDOM 00 11\n'
    expect(read(pcapngFile(false, text)).secrets).toEqual([text])
    const foreign = bigEndianBlock(10, concat(big(0x57474b4c, 4), big(2, 4), ascii('ab')))
    const overlong = bigEndianBlock(10, concat(big(0x544c_534b, 4), big(2000, 4), ascii('ab')))
    const { secrets, report } = read(concat(bigEndianSection, foreign, overlong))
    expect(secrets).toEqual([])
    expect(report).toMatchObject({ otherBlocks: 1, problemCount: 1 })
  })

  it('is read in the other byte order with the resolution and the offset of an interface', () => {
    const options = (resolution: number) =>
      concat(
        big(9, 2),
        big(1, 2),
        Uint8Array.of(resolution, 0, 0, 0),
        big(14, 2),
        big(8, 2),
        big(0, 4),
        big(100, 4),
        big(0, 4),
      )
    const described = (resolution: number) =>
      bigEndianBlock(1, concat(big(1, 2), big(0, 2), big(0, 4), options(resolution)))
    const packet = (place: number, high: number, low: number) =>
      bigEndianBlock(6, concat(big(place, 4), big(high, 4), big(low, 4), big(1, 4), big(1, 4), Uint8Array.of(1)))
    const file = concat(
      bigEndianSection,
      described(9),
      described(3),
      described(0x80 | 20),
      packet(0, 395_812_500, 1500),
      packet(1, 0, 5000),
      packet(2, 0, 3 * 2 ** 20),
    )
    expect(read(file).packets.map(({ timeUs }) => timeUs)).toEqual([
      // 395812500 · 2^32 + 1500 nanoseconds, counted in whole numbers.
      Number((395_812_500n * 2n ** 32n + 1500n) / 250n) / 4 + 100_000_000,
      105_000_000,
      103_000_000,
    ])
  })

  it('reads Simple Packet Blocks and obsolete Packet Blocks, and passes over others', () => {
    const described = bigEndianBlock(1, concat(big(101, 2), big(0, 2), big(4, 4)))
    const simple = bigEndianBlock(3, concat(big(9, 4), pattern(4)))
    const obsolete = bigEndianBlock(
      2,
      concat(big(0, 2), big(3, 2), big(0, 4), big(77, 4), big(2, 4), big(5, 4), pattern(2)),
    )
    const other = bigEndianBlock(0xbad, pattern(40))
    const { packets: seen, report } = read(concat(bigEndianSection, described, obsolete, other, simple))
    expect(seen.map(({ data, originalLength, timeUs }) => [data, originalLength, timeUs])).toEqual([
      [pattern(2), 5, 77],
      [pattern(4), 9, 77],
    ])
    expect(report).toMatchObject({ otherBlocks: 1, untimed: 1, problemCount: 0 })
  })

  it('says what the capturing machine lost', () => {
    const described = bigEndianBlock(1, concat(big(1, 2), big(0, 2), big(0, 4)))
    const statistics = (drops: number) =>
      bigEndianBlock(5, concat(big(0, 4), big(0, 8), big(5, 2), big(8, 2), big(0, 4), big(drops, 4), big(0, 4)))
    expect(read(concat(bigEndianSection, described, statistics(3), statistics(8))).report.dropped).toBe(8)
  })

  it('leaves out packets that contradict their block, and reads on', () => {
    const described = bigEndianBlock(1, concat(big(1, 2), big(0, 2), big(0, 4)))
    const packet = (place: number, captured: number) =>
      bigEndianBlock(6, concat(big(place, 4), big(0, 8), big(captured, 4), big(captured, 4), pattern(4)))
    const { packets: seen, report } = read(
      concat(bigEndianSection, described, packet(1, 4), packet(0, 5000), bigEndianBlock(6, pattern(4)), packet(0, 4)),
    )
    expect(seen.map(({ number }) => number)).toEqual([4])
    expect(report).toMatchObject({ packets: 1, unreadable: 3, problemCount: 3 })
  })

  it('with a damaged block is read on from the next whole one', () => {
    const writer = pcapngWriter({ interfaces: [{ linkType: 1 }] })
    const blocks = Array.from({ length: 5 }, (_, i) => writer.packet({ timeUs: i, data: pattern(40 + i, i) }))
    const header = writer.header()
    const at = header.length + (blocks[0]?.length ?? 0)
    for (const [offset, bytes] of [
      [4, [7]],
      [4, [0xfc, 0xff, 0xff, 0x0f]],
      [4, [0, 0, 2, 0]],
      [(blocks[1]?.length ?? 0) - 4, [1]],
    ] as const) {
      const file = concat(header, ...blocks)
      file.set(bytes, at + offset)
      for (const sizes of [[file.length], [1], [33]]) {
        const { packets: seen, report } = read(file, sizes)
        expect(seen.map(({ timeUs }) => timeUs)).toEqual([0, 2, 3, 4])
        expect(report).toMatchObject({ unreadable: 1, lostBytes: blocks[1]?.length, problemCount: 1 })
        expect(report.problems[0]?.offset).toBe(at)
      }
    }
  })

  it('passes over a foreign block of any length', () => {
    const described = bigEndianBlock(1, concat(big(1, 2), big(0, 2), big(0, 4)))
    const packet = bigEndianBlock(3, concat(big(2, 4), pattern(2)))
    const file = concat(bigEndianSection, described, bigEndianBlock(0xbad, new Uint8Array(5_000_000)), packet)
    for (const sizes of [[file.length], [65_536]]) {
      expect(read(file, sizes).report).toMatchObject({
        packets: 1,
        lostBytes: 5_000_012,
        unreadable: 0,
        problemCount: 1,
      })
      const cut = read(file.subarray(0, 1_000_000), sizes).report
      expect(cut.lostBytes).toBe(1_000_000 - bigEndianSection.length - described.length)
    }
  })

  it('counts all problems and describes the first', () => {
    const broken = bigEndianBlock(6, pattern(4))
    const { report } = read(concat(bigEndianSection, ...Array.from({ length: 50 }, () => broken)))
    expect(report.problemCount).toBe(50)
    expect(report.problems).toHaveLength(maxProblems)
  })

  it('takes linear time for damage that promises much', () => {
    // Every fourth byte may begin a block that is as long as one may be.
    const bait = concat(big(0x0600_0000, 4), big(0x0400_0700, 4))
    const baits = new Uint8Array(1_600_000).map((_, i) => bait[i % 8] ?? 0)
    const file = concat(pcapngFile(), new Uint8Array(4).fill(9), baits)
    const { report } = read(file, [4096])
    expect(report.packets).toBe(3)
    expect(report.lostBytes).toBe(1_600_004)
  })
})

describe('any file', () => {
  it.each([
    [[0x1f, 0x8b, 8, 0], 'packed with gzip'],
    [[0x28, 0xb5, 0x2f, 0xfd], 'packed with Zstandard'],
    [[0x50, 0x4b, 3, 4], 'zip archive'],
    [[...ascii('# a text file')], 'begins with 23 20 61 20'],
    [[0xd4, 0xc3, 0xb2, 0xa1, 9, 0], 'version 2, got 9.0'],
  ])('that is no capture is refused with a sentence: %j', (begins, sentence) => {
    const file = concat(Uint8Array.from(begins), new Uint8Array(40))
    for (const sizes of [[64], [1], [13]]) {
      let refused: unknown
      try {
        read(file, sizes)
      } catch (error) {
        refused = error
      }
      expect(refused).toBeInstanceOf(MalformedMessage)
      expect(refused).toMatchObject({ code: 'unknown-value', message: expect.stringContaining(sentence) })
    }
  })

  it('that is empty or too short is refused', () => {
    expect(() => read(new Uint8Array(0))).toThrow('an empty file')
    expect(() => read(pcapFile().subarray(0, 9))).toThrow('got 9 bytes')
  })

  it('gives the same however it is cut', () => {
    for (const file of [pcapFile(true), pcapngFile(true, 'CLIENT_RANDOM 1 2\n'), bigEndianPcap()]) {
      const whole = read(file)
      holds(fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 30 }), (sizes) => {
        expect(read(file, sizes)).toEqual(whole)
      })
    }
  })

  it('that is damaged gives packets, a report or a refusal, the same however it is cut', () => {
    const files = fc.constantFrom(pcapFile(), pcapngFile(), bigEndianPcap())
    holds(
      fc.tuple(damaged(files), fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 9 })),
      ([file, sizes]) => {
        const outcome = (cut: readonly number[]): Read | string => {
          try {
            return read(file, cut)
          } catch (error) {
            if (error instanceof MalformedMessage) return error.message
            throw error
          }
        }
        const whole = outcome([Math.max(1, file.length)])
        expect(outcome(sizes)).toEqual(whole)
        if (typeof whole !== 'string') expect(whole.report.bytes).toBe(file.length)
      },
      1000,
    )
  })
})

describe('a writer', () => {
  it('refuses what its format cannot say', () => {
    const writer = pcapWriter({ linkType: 1 })
    expect(() => writer.packet({ timeUs: -1, data: pattern(1) })).toThrow(UsageError)
    expect(() => writer.packet({ timeUs: Number.NaN, data: pattern(1) })).toThrow(UsageError)
    expect(() => writer.packet({ timeUs: 0, data: new Uint8Array(300_000) })).toThrow('at most 262144')
    expect(() => pcapngWriter({ interfaces: [] }).packet({ timeUs: 0, data: pattern(1) })).toThrow(
      'described interface',
    )
  })
})
