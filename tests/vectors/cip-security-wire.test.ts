import { readFileSync } from 'node:fs'
import { type EPath, linkAddressText } from '@cordon/core/cip'
import { maxResponseDelayMs } from '@cordon/core/enip'
import { MalformedMessage } from '@cordon/core/errors'
import { decode, encode } from '@cordon/core/wire'
import { describe, expect, it } from 'vitest'
import { formats, type Vector } from './formats.ts'
import { fromHex, numbers, plain, toHex } from './hex.ts'

// The shape of our own file; every field that a test uses is asserted by that test.
const file = JSON.parse(readFileSync(new URL('./cip-security-wire.json', import.meta.url), 'utf8')) as {
  readonly vectors: readonly Vector[]
}

function formatOf(vector: Vector) {
  const format = formats[vector.format]
  if (format === undefined) throw new Error(`vector ${vector.number} names the unknown format "${vector.format}"`)
  return format
}

function codeOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    if (error instanceof MalformedMessage) return error.code
    throw error
  }
  return 'none'
}

describe('vectors of the wire reference', () => {
  it('are complete: 41 known answers and 23 messages of the constructed examples', () => {
    const known = file.vectors.filter(({ number }) => typeof number === 'number').map(({ number }) => number)
    expect(known).toEqual(Array.from({ length: 41 }, (_, i) => i + 1))
    expect(file.vectors.filter(({ number }) => typeof number === 'string')).toHaveLength(23)
  })

  it('that are refused or not canonical are these, each for its reason', () => {
    expect(file.vectors.filter(({ canonical }) => !canonical).map(({ number }) => number)).toEqual([32, 33, 34, 38])
  })

  for (const vector of file.vectors) {
    const name = `${vector.number} (${vector.source}): ${vector.meaning}`
    if (vector.error !== undefined) {
      it(`${name} is refused as ${vector.error}`, () => {
        expect(codeOf(() => decode(formatOf(vector), fromHex(vector.hex)))).toBe(vector.error)
      })
    }
    if (vector.value !== undefined) {
      const hex = vector.hex + (vector.completedBy ?? '')
      it(`${name} means what is stated`, () => {
        expect(plain(decode(formatOf(vector), fromHex(hex)))).toEqual(numbers(vector.value))
      })
      it(`${name} is written byte for byte`, () => {
        expect(toHex(encode(formatOf(vector), decode(formatOf(vector), fromHex(hex))))).toBe(hex)
      })
    }
  }

  it('have a value or an error each', () => {
    for (const vector of file.vectors) expect(vector.value ?? vector.error, `vector ${vector.number}`).toBeDefined()
  })

  it('of ListIdentity requests carry their response delay', () => {
    const asking = file.vectors.filter((vector) => vector.maxResponseDelayMs !== undefined)
    expect(asking).toHaveLength(1)
    for (const vector of asking) {
      const { senderContext } = decode(formatOf(vector), fromHex(vector.hex))
      expect(maxResponseDelayMs(senderContext)).toBe(vector.maxResponseDelayMs)
    }
  })

  it('of hops by address read as the address', () => {
    const hops = file.vectors.filter((vector) => vector.linkAddressText !== undefined)
    expect(hops).toHaveLength(1)
    for (const vector of hops) {
      const [segment] = decode(formatOf(vector), fromHex(vector.hex)) as EPath
      expect(segment?.kind === 'port' ? linkAddressText(segment) : undefined).toBe(vector.linkAddressText)
    }
  })

  it('of full frames carry the length of what follows the header', () => {
    for (const vector of file.vectors.filter(({ format }) => format.startsWith('frame '))) {
      const bytes = fromHex(vector.hex)
      expect((bytes[2] ?? 0) | ((bytes[3] ?? 0) << 8)).toBe(bytes.length - 24)
    }
  })
})
