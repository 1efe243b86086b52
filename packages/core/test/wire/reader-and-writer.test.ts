import { MalformedMessage, UsageError } from '@cordon/core/errors'
import { Reader, Writer } from '@cordon/core/wire'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { holds } from './properties.ts'

describe('a reader', () => {
  it('sees nothing beyond its end', () => {
    const reader = new Reader(Uint8Array.of(1, 2, 3, 4), 0, 2)
    expect(reader.u16()).toBe(0x0201)
    expect(reader.remaining).toBe(0)
    expect(() => reader.u8()).toThrow(MalformedMessage)
  })

  it('names the field, the offset and what was missing', () => {
    const reader = new Reader(Uint8Array.of(0, 0))
    reader.enter('header')
    reader.u8()
    reader.enter('length')
    const failure = (() => {
      try {
        return reader.u32()
      } catch (error) {
        return error
      }
    })()
    expect(failure).toBeInstanceOf(MalformedMessage)
    expect(failure).toMatchObject({
      code: 'truncated',
      message: 'header.length at byte 1: expected 4 bytes, 1 left',
      details: { path: 'header.length', offset: 1 },
    })
  })

  it('forgets a field that was left', () => {
    const reader = new Reader(new Uint8Array(0))
    reader.enter('gone')
    reader.leave()
    expect(() => reader.u8()).toThrow('message at byte 0')
  })

  it('does not move when a read fails', () => {
    const reader = new Reader(Uint8Array.of(1, 2))
    expect(() => reader.u32()).toThrow(MalformedMessage)
    expect(reader.u16()).toBe(0x0201)
  })

  it('reads at the right place in a view of a larger buffer', () => {
    const whole = Uint8Array.of(9, 9, 1, 0, 2, 0)
    const reader = new Reader(whole.subarray(2))
    expect([reader.u16(), reader.u16()]).toEqual([1, 2])
  })

  it('gives sections that stay inside and moves behind them', () => {
    const reader = new Reader(Uint8Array.of(1, 2, 3, 4))
    const section = reader.section(2)
    expect(reader.u8()).toBe(3)
    expect(section.u16()).toBe(0x0201)
    expect(() => section.u8()).toThrow(MalformedMessage)
    expect(() => reader.section(2)).toThrow(MalformedMessage)
  })

  it('copies what is kept and shares what is looked at', () => {
    const bytes = Uint8Array.of(1, 2)
    const reader = new Reader(bytes)
    const view = reader.view(1)
    const copy = reader.copy(1)
    bytes.fill(7)
    expect([...view, ...copy]).toEqual([7, 2])
  })

  it('refuses bytes that nobody read', () => {
    const reader = new Reader(Uint8Array.of(1, 2))
    reader.u8()
    expect(() => reader.finish()).toThrow('1 bytes too many')
  })
})

describe('a writer', () => {
  it('keeps every byte however often it has to grow', () => {
    holds(fc.tuple(fc.nat({ max: 80 }), fc.array(fc.nat({ max: 6 }), { maxLength: 200 })), ([capacity, kinds]) => {
      const writer = new Writer(capacity)
      const expected: number[] = []
      for (const kind of kinds) {
        if (kind === 0) writer.u8(1)
        else if (kind === 1) writer.u16(0x0101)
        else if (kind === 2) writer.u32(0x0101_0101)
        else if (kind === 3) writer.u64(0x0101_0101_0101_0101n)
        else if (kind === 4) writer.bytes(new Uint8Array(5).fill(1))
        else if (kind === 5) writer.i32(0x0101_0101)
        else writer.zeros(3)
        expected.push(...new Array<number>([1, 2, 4, 8, 5, 4, 3][kind] ?? 0).fill(kind === 6 ? 0 : 1))
      }
      expect(writer.length).toBe(expected.length)
      expect([...writer.finish()]).toEqual(expected)
    })
  })

  it('writes every kind of number across the end of its buffer', () => {
    const writes: readonly ((w: Writer) => void)[] = [
      (w) => w.u8(1),
      (w) => w.u16(1),
      (w) => w.u32(1),
      (w) => w.u64(1n),
      (w) => w.i8(1),
      (w) => w.i16(1),
      (w) => w.i32(1),
      (w) => w.i64(1n),
      (w) => w.f32(0),
      (w) => w.f64(0),
      (w) => w.bytes(Uint8Array.of(1)),
      (w) => w.zeros(1),
    ]
    for (const write of writes) {
      const writer = new Writer(0)
      writer.u8(0xaa)
      for (let i = 0; i < 20; i++) write(writer)
      expect(writer.finish()[0]).toBe(0xaa)
      expect((writer.length - 1) % 20).toBe(0)
    }
  })

  it('patches lengths back, and refuses those that do not fit', () => {
    const writer = new Writer()
    writer.u8(0)
    writer.u16(0)
    writer.patch8(0, 255)
    writer.patch16(1, 0x1234)
    expect([...writer.finish()]).toEqual([255, 0x34, 0x12])
    expect(() => writer.patch8(0, 256)).toThrow(UsageError)
    expect(() => writer.patch16(1, 0x1_0000)).toThrow(UsageError)
  })
})
