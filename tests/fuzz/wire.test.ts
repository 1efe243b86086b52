import { readFileSync } from 'node:fs'
import {
  connectionFailure,
  dataTypes,
  forwardCloseRequest,
  forwardOpenReply,
  forwardOpenRequest,
  largeForwardOpenRequest,
  logixString,
  longSizedEPath,
  multipleServicePacket,
  packedEPath,
  sizedEPath,
  stringI,
  stringN,
  tagData,
  tagListReply,
  unconnectedSend,
  writeTagRequest,
} from '@cordon/core/cip'
import {
  commonPacket,
  encapsulationMessage,
  FrameSplitter,
  identityItem,
  ioFrame,
  ioFrameView,
  listServicesItem,
  parseIoFrame,
  securityInformationItem,
  sendData,
  unconnectedDtlsItem,
} from '@cordon/core/enip'
import { MalformedMessage } from '@cordon/core/errors'
import { type Codec, decode, encode, Reader } from '@cordon/core/wire'
import { describe, expect, it, vi } from 'vitest'
import { formats, type Vector } from '../vectors/formats.ts'
import { fromHex, toHex } from '../vectors/hex.ts'
import { mutate, randomOf } from './mutate.ts'

/** Inputs per format. Longer runs: `CORDON_FUZZ=100000 CORDON_FUZZ_SEED=7 npx vitest run tests/fuzz`. */
const iterations = Number(process.env['CORDON_FUZZ'] ?? 1500)
const seed = Number(process.env['CORDON_FUZZ_SEED'] ?? 20_260_301)

// biome-ignore lint/suspicious/noExplicitAny: a table of formats of every type
const targets: Readonly<Record<string, Codec<any>>> = {
  ...formats,
  ...Object.fromEntries(Object.entries(dataTypes).map(([name, { codec }]) => [name, codec])),
  commonPacket,
  connectionFailure,
  encapsulationMessage,
  forwardCloseRequest,
  forwardOpenReply,
  forwardOpenRequest,
  identityItem,
  ioFrame,
  largeForwardOpenRequest,
  listServicesItem,
  logixString,
  longSizedEPath,
  multipleServicePacket,
  packedEPath,
  securityInformationItem,
  sendData,
  sizedEPath,
  stringI,
  stringN,
  tagData,
  tagListReply,
  unconnectedDtlsItem,
  unconnectedSend,
  writeTagRequest,
}

interface Entry {
  readonly format: string
  readonly hex: string
}

function load<T>(name: string): T {
  // Files of our own, whose entries the tests below use field by field.
  return JSON.parse(readFileSync(new URL(name, import.meta.url), 'utf8')) as T
}

const { vectors } = load<{ readonly vectors: readonly Vector[] }>('../vectors/cip-security-wire.json')
const { entries } = load<{ readonly entries: readonly Entry[] }>('./corpus/wire.json')
const corpus = [...vectors, ...entries].map(({ format, hex }) => ({ format, bytes: fromHex(hex) }))

/** Every message of the corpus, and its tails: where the inner formats begin. */
const material = corpus.flatMap(({ bytes }) =>
  [0, 2, 4, 6, 24, 30, 40].filter((at) => at < bytes.length).map((at) => bytes.subarray(at)),
)

/** Reads untrusted bytes: a value that can be written and reads the same, or MalformedMessage; steps stay linear. */
function survives(name: string, codec: Codec<unknown>, bytes: Uint8Array, steps: () => number): void {
  const before = steps()
  let value: unknown
  try {
    value = decode(codec, bytes)
  } catch (error) {
    if (error instanceof MalformedMessage) return
    throw new Error(`${name} threw ${String(error)} for ${toHex(bytes)}`, { cause: error })
  } finally {
    expect(steps() - before, `steps of ${name} for ${toHex(bytes)}`).toBeLessThanOrEqual(40 + 6 * bytes.length)
  }
  expect(decode(codec, encode(codec, value)), `${name} for ${toHex(bytes)}`).toEqual(value)
}

describe('decoders under mutated messages', () => {
  const random = randomOf(seed)
  const pick = <T>(list: readonly T[]): T => {
    const item = list[random(list.length)]
    if (item === undefined) throw new Error('nothing to pick from')
    return item
  }

  it('have a corpus entry for formats that exist', () => {
    for (const { format } of corpus) expect(targets[format], format).toBeDefined()
  })

  for (const [name, codec] of Object.entries(targets)) {
    it(`${name} holds`, () => {
      const take = vi.spyOn(Reader.prototype, 'take')
      try {
        const steps = () => take.mock.calls.length
        const own = corpus.filter(({ format }) => format === name).map(({ bytes }) => bytes)
        for (const bytes of own) survives(name, codec, bytes, steps)
        for (let i = 0; i < iterations; i++) {
          const base = own.length > 0 && random(4) > 0 ? pick(own) : pick(material)
          survives(name, codec, mutate(base, pick(material), random), steps)
          if (i % 200 === 0) take.mockClear()
        }
      } finally {
        take.mockRestore()
      }
    })
  }

  it('the fast path of class 0/1 datagrams agrees with the codec', () => {
    const view = ioFrameView()
    const base = encode(ioFrame, { connectionId: 1, sequence: 2, data: Uint8Array.of(1, 0, 1, 0, 0, 0, 9) })
    for (let i = 0; i < iterations * 4; i++) {
      const bytes = mutate(base, pick(material), random)
      let read = true
      try {
        decode(ioFrame, bytes)
      } catch {
        read = false
      }
      expect(parseIoFrame(bytes, view), toHex(bytes)).toBe(read)
    }
  })

  it('the frame splitter gives frames or ends the stream, and loses no byte', () => {
    for (let i = 0; i < iterations; i++) {
      const stream = mutate(
        Uint8Array.from([...pick(corpus).bytes, ...pick(corpus).bytes, ...pick(corpus).bytes]),
        pick(material),
        random,
      )
      const splitter = new FrameSplitter()
      let taken = 0
      let at = 0
      try {
        while (at < stream.length) {
          const size = 1 + random(40)
          splitter.push(stream.slice(at, at + size))
          at += size
          for (let frame = splitter.next(); frame !== undefined; frame = splitter.next()) {
            expect(toHex(frame)).toBe(toHex(stream.subarray(taken, taken + frame.length)))
            taken += frame.length
          }
        }
        expect(taken + splitter.buffered).toBe(stream.length)
      } catch (error) {
        if (!(error instanceof MalformedMessage)) throw error
      }
    }
  })
})
