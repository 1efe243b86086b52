import { encapsulate, FrameSplitter } from '@cordon/core/enip'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MessageProgress } from '../../src/target/conversation.ts'

describe('progress in a stream of messages', () => {
  it('agrees with the splitter about every stream and every way to cut it', () => {
    const message = fc.uint8Array({ maxLength: 60 }).map((data) => encapsulate({ command: 'nop', data }))
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 8 }),
        fc.nat(90),
        fc.integer({ min: 1, max: 50 }),
        (messages, cut, size) => {
          const whole = Buffer.concat(messages)
          const stream = whole.subarray(0, Math.max(0, whole.length - cut))
          const progress = new MessageProgress()
          const splitter = new FrameSplitter()
          let frames = 0
          for (let at = 0; at < stream.length; at += size) {
            const chunk = stream.subarray(at, at + size)
            progress.receive(chunk)
            splitter.push(chunk)
            while (splitter.next() !== undefined) frames++
          }
          expect(progress.messages).toBe(frames)
          expect(progress.isInside).toBe(splitter.buffered > 0)
        },
      ),
    )
  })
})
