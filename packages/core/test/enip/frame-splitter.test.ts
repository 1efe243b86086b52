import { MalformedMessage } from '@cordon/core/errors'
import { encapsulate, FrameSplitter } from '@cordon/core/enip'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { holds } from '../wire/properties.ts'

function drain(splitter: FrameSplitter): Uint8Array[] {
  const frames: Uint8Array[] = []
  for (let frame = splitter.next(); frame !== undefined; frame = splitter.next()) frames.push(frame)
  return frames
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]))
}

/** Feeds a stream in chunks that the splitter may not keep: each is overwritten when its messages were taken. */
function feed(splitter: FrameSplitter, stream: Uint8Array, sizes: Iterable<number>): Uint8Array[] {
  const frames: Uint8Array[] = []
  let at = 0
  const give = (size: number) => {
    const chunk = stream.slice(at, at + size)
    at += size
    splitter.push(chunk)
    frames.push(...drain(splitter).map((frame) => frame.slice()))
    chunk.fill(0xdd)
  }
  for (const size of sizes) if (at < stream.length) give(size)
  if (at < stream.length) give(stream.length - at)
  return frames
}

const frames = fc
  .array(fc.uint8Array({ maxLength: 50 }), { maxLength: 12 })
  .map((list) => list.map((data) => encapsulate({ command: 'sendRRData', session: data.length, data })))

describe('a frame splitter', () => {
  it('gives the messages that went in, however the stream was cut', () => {
    holds(fc.tuple(frames, fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 60 })), ([list, sizes]) => {
      const splitter = new FrameSplitter()
      expect(feed(splitter, concat(list), sizes)).toEqual(list)
      expect(splitter.buffered).toBe(0)
    })
  })

  it('gives the same when nobody takes messages between chunks', () => {
    holds(fc.tuple(frames, fc.integer({ min: 1, max: 30 })), ([list, size]) => {
      const splitter = new FrameSplitter()
      const stream = concat(list)
      for (let at = 0; at < stream.length; at += size) splitter.push(stream.slice(at, at + size))
      expect(drain(splitter)).toEqual(list)
    })
  })

  it('keeps messages that were taken intact while more arrives', () => {
    const list = Array.from({ length: 40 }, (_, i) => encapsulate({ command: 'nop', data: new Uint8Array(7).fill(i) }))
    const stream = concat(list)
    const splitter = new FrameSplitter()
    const taken: Uint8Array[] = []
    for (let at = 0; at < stream.length; at += 13) {
      splitter.push(stream.slice(at, at + 13))
      taken.push(...drain(splitter))
    }
    expect(taken).toEqual(list)
  })

  it('passes whole messages on without copying them', () => {
    const splitter = new FrameSplitter()
    const chunk = concat([encapsulate({ command: 'nop' }), encapsulate({ command: 'nop' })])
    splitter.push(chunk)
    expect(drain(splitter).map((frame) => frame.buffer === chunk.buffer)).toEqual([true, true])
    expect(splitter.copied).toBe(0)
  })

  it('does work in proportion to the bytes when they come one by one', () => {
    const work = (length: number) => {
      const splitter = new FrameSplitter()
      const message = encapsulate({ command: 'sendRRData', data: new Uint8Array(length) })
      expect(feed(splitter, message, new Array<number>(message.length).fill(1))).toHaveLength(1)
      return splitter.copied
    }
    expect(work(10_000)).toBeLessThan(4 * 10_024)
    expect(work(40_000)).toBeLessThan(4 * 40_024)
  })

  it('does work in proportion to the bytes when chunks hold many messages and a piece of the next', () => {
    const message = encapsulate({ command: 'nop', data: new Uint8Array(30) })
    const stream = concat(new Array<Uint8Array>(600).fill(message))
    const splitter = new FrameSplitter()
    expect(feed(splitter, stream, new Array<number>(100).fill(1000))).toHaveLength(600)
    expect(splitter.copied).toBeLessThan(2 * stream.length)
  })

  it('takes memory for what arrived, not for what a header promises', () => {
    const splitter = new FrameSplitter()
    const promise = encapsulate({ command: 'sendRRData', data: new Uint8Array(65_511) }).subarray(0, 30)
    splitter.push(promise)
    expect(splitter.next()).toBeUndefined()
    expect(splitter.buffered).toBe(30)
    expect(splitter.copied).toBe(30)
  })

  it('refuses a header that promises too much as soon as its length is there, after the messages before it', () => {
    const good = encapsulate({ command: 'nop' })
    const splitter = new FrameSplitter()
    splitter.push(Uint8Array.of(...good, 0x6f, 0, 0xe8, 0xff))
    expect(splitter.next()).toEqual(good)
    expect(() => splitter.next()).toThrow(MalformedMessage)
    splitter.push(Uint8Array.of(1, 2, 3))
    expect(() => splitter.next()).toThrow('expected at most 65511 data bytes, got 65512')
  })

  it('keeps to a smaller maximum where it is given one', () => {
    const splitter = new FrameSplitter(600)
    splitter.push(encapsulate({ command: 'nop', data: new Uint8Array(600) }))
    expect(splitter.next()).toHaveLength(624)
    splitter.push(encapsulate({ command: 'nop', data: new Uint8Array(601) }))
    expect(() => splitter.next()).toThrow('expected at most 600 data bytes, got 601')
  })

  it('gives messages or MalformedMessage for any stream', () => {
    holds(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 80 }), { maxLength: 20 }),
      (chunks) => {
        const splitter = new FrameSplitter(200)
        let taken = 0
        try {
          for (const chunk of chunks) {
            splitter.push(chunk)
            taken += drain(splitter).reduce((sum, frame) => sum + frame.length, 0)
          }
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedMessage)
          return
        }
        expect(taken + splitter.buffered).toBe(chunks.reduce((sum, chunk) => sum + chunk.length, 0))
      },
      500,
    )
  })
})
