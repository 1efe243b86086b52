import { UsageError } from '@cordon/core/errors'
import {
  commonPacket,
  type IoData,
  type IoFormat,
  IoFrameTemplate,
  ioData,
  ioFrame,
  ioFrameHeaderLength,
  ioFrameView,
  ioOverhead,
  parseIoFrame,
  type RunIdle,
  writeIoFrame,
} from '@cordon/core/enip'
import { decode, encode } from '@cordon/core/wire'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { attempt, behavesAsCodec, damaged, holds, unsigned } from '../wire/properties.ts'

const frames = fc.record({
  connectionId: unsigned(32),
  sequence: unsigned(32),
  data: fc.uint8Array({ maxLength: 60 }),
})

const runIdles: fc.Arbitrary<RunIdle> = fc.record({ run: fc.boolean() })
const formats: readonly IoFormat[] = [
  { transportClass: 0, runIdleHeader: false },
  { transportClass: 0, runIdleHeader: true },
  { transportClass: 1, runIdleHeader: false },
  { transportClass: 1, runIdleHeader: true },
]

function dataOf(format: IoFormat): fc.Arbitrary<IoData> {
  return fc.record({
    data: fc.uint8Array({ maxLength: 40 }),
    ...(format.transportClass === 1 ? { sequenceCount: unsigned(16) } : {}),
    ...(format.runIdleHeader ? { runIdle: runIdles } : {}),
  })
}

describe('a class 0/1 datagram', () => {
  behavesAsCodec('ioFrame', ioFrame, { values: frames })

  it('is a common packet of two items', () => {
    holds(frames, (frame) => {
      expect(decode(commonPacket, encode(ioFrame, frame))).toEqual([
        { kind: 'sequencedAddress', connectionId: frame.connectionId, sequence: frame.sequence },
        { kind: 'connectedData', data: frame.data },
      ])
    })
  })

  it('is parsed without allocation exactly where the codec reads it, and to the same parts', () => {
    const view = ioFrameView()
    const any = fc.oneof(fc.uint8Array({ maxLength: 60 }), damaged(frames.map((frame) => encode(ioFrame, frame))))
    holds(
      any,
      (bytes) => {
        const result = attempt(ioFrame, bytes)
        expect(parseIoFrame(bytes, view)).toBe('value' in result)
        if (!('value' in result)) return
        expect(view.connectionId).toBe(result.value.connectionId)
        expect(view.sequence).toBe(result.value.sequence)
        expect(bytes.subarray(view.dataOffset, view.dataOffset + view.dataLength)).toEqual(result.value.data)
      },
      2000,
    )
  })

  it('is written into a buffer as the codec writes it, anywhere in it', () => {
    holds(fc.tuple(frames, fc.nat({ max: 20 })), ([frame, offset]) => {
      const target = new Uint8Array(200).fill(0xee)
      const length = writeIoFrame(target, offset, frame.connectionId, frame.sequence, frame.data)
      expect(target.subarray(offset, offset + length)).toEqual(encode(ioFrame, frame))
      expect(target.subarray(0, offset).every((byte) => byte === 0xee)).toBe(true)
      expect(target.subarray(offset + length).every((byte) => byte === 0xee)).toBe(true)
    })
  })

  it('is not written where it does not fit', () => {
    const data = new Uint8Array(10)
    expect(() => writeIoFrame(new Uint8Array(27), 0, 1, 1, data)).toThrow(UsageError)
    expect(() => writeIoFrame(new Uint8Array(30), 3, 1, 1, data)).toThrow(UsageError)
    expect(writeIoFrame(new Uint8Array(28), 0, 1, 1, data)).toBe(28)
    expect(() => writeIoFrame(new Uint8Array(70_000), 0, 1, 1, new Uint8Array(0x1_0000))).toThrow(UsageError)
  })
})

describe('the data of a class 0/1 datagram', () => {
  for (const format of formats) {
    const name = `class ${format.transportClass}${format.runIdleHeader ? ' with run/idle' : ''}`
    behavesAsCodec(name, ioData(format), { values: dataOf(format) })

    it(`of ${name} comes from a template as the codec writes it`, () => {
      const parts = fc.tuple(unsigned(32), unsigned(32), dataOf(format))
      holds(parts, ([connectionId, sequence, value]) => {
        if (value.data.length === 0) return
        const template = new IoFrameTemplate(connectionId, format, value.data.length)
        template.setSequence(sequence)
        template.setSequenceCount(value.sequenceCount ?? 0)
        template.setRunIdle(value.runIdle ?? { run: false })
        template.data.set(value.data)
        expect(template.bytes).toEqual(encode(ioFrame, { connectionId, sequence, data: encode(ioData(format), value) }))
        expect(template.bytes).toHaveLength(ioFrameHeaderLength + ioOverhead(format) + value.data.length)
      })
    })
  }

  it('has the sequence count before the run/idle header', () => {
    const format: IoFormat = { transportClass: 1, runIdleHeader: true }
    const bytes = encode(ioData(format), { sequenceCount: 2, runIdle: { run: true }, data: Uint8Array.of(9) })
    expect([...bytes]).toEqual([2, 0, 1, 0, 0, 0, 9])
  })

  it('carries the bits of redundant owners', () => {
    const format: IoFormat = { transportClass: 0, runIdleHeader: true }
    const runIdle = { run: false, claimOwnership: true, readyForOwnership: 2 }
    const bytes = encode(ioData(format), { runIdle, data: Uint8Array.of(1) })
    expect([...bytes]).toEqual([0b1010, 0, 0, 0, 1])
    expect(decode(ioData(format), bytes).runIdle).toEqual(runIdle)
  })

  it('is a heartbeat without header or data', () => {
    const format: IoFormat = { transportClass: 1, runIdleHeader: true }
    expect(decode(ioData(format), Uint8Array.of(5, 0))).toEqual({ sequenceCount: 5, data: new Uint8Array(0) })
    const template = new IoFrameTemplate(1, format, 0)
    template.setRunIdle({ run: true })
    expect(template.bytes).toHaveLength(ioFrameHeaderLength + 2)
    expect(() => encode(ioData(format), { sequenceCount: 1, data: Uint8Array.of(1) })).toThrow(UsageError)
  })
})

describe('a template', () => {
  it('changes in place: the sender always has the same bytes', () => {
    const template = new IoFrameTemplate(7, { transportClass: 1, runIdleHeader: false }, 2)
    const { bytes } = template
    template.setSequence(0xffff_ffff)
    template.setSequenceCount(0xffff)
    expect(decode(ioFrame, bytes)).toMatchObject({ connectionId: 7, sequence: 0xffff_ffff })
    template.setSequence(2 ** 32)
    expect(decode(ioFrame, bytes).sequence).toBe(0)
    expect(template.bytes).toBe(bytes)
  })

  it('is refused for data that no item holds', () => {
    expect(() => new IoFrameTemplate(1, { transportClass: 1, runIdleHeader: true }, 65_530)).toThrow(UsageError)
    expect(new IoFrameTemplate(1, { transportClass: 1, runIdleHeader: true }, 65_529).data).toHaveLength(65_529)
    expect(() => new IoFrameTemplate(1, { transportClass: 0, runIdleHeader: false }, -1)).toThrow(UsageError)
  })
})
