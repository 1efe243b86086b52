import { TransportError } from '@cordon/core/errors'
import { describe, expect, it } from 'vitest'
import { ReceiveQueue } from '../../src/transports/receive-queue.ts'

function listener() {
  const heard: unknown[] = []
  return {
    heard,
    handlers: {
      data: (bytes: Uint8Array) => heard.push([...bytes]),
      closed: (error?: unknown) => heard.push(error ?? 'end'),
    },
  }
}
const turn = () => new Promise<void>((resolve) => queueMicrotask(resolve))

describe('what waits for a listener', () => {
  it('is delivered in order, and the end comes last', async () => {
    const queue = new ReceiveQueue()
    const { heard, handlers } = listener()
    queue.push(Uint8Array.of(1))
    queue.push(Uint8Array.of(2))
    queue.end(undefined)
    queue.attach(handlers)
    expect(heard).toEqual([])
    await turn()
    await turn()
    expect(heard).toEqual([[1], [2], 'end'])
  })

  it('is bounded', () => {
    const queue = new ReceiveQueue(10)
    expect(queue.push(new Uint8Array(8))).toBe(true)
    expect(queue.push(new Uint8Array(8))).toBe(false)
    expect(queue.size).toBe(8)
  })

  it('keeps its order when the listener pauses in the middle of a delivery', async () => {
    const queue = new ReceiveQueue()
    const heard: number[] = []
    queue.attach({
      data: (bytes) => {
        heard.push(bytes[0] ?? 0)
        if (bytes[0] === 1) queue.pause()
      },
      closed: () => heard.push(-1),
    })
    await turn()
    for (const value of [1, 2, 3]) queue.push(Uint8Array.of(value))
    queue.end(undefined)
    await turn()
    expect(heard).toEqual([1])
    queue.resume()
    expect(heard).toEqual([1, 2, 3, -1])
  })

  it('keeps its order when a delivery brings more', async () => {
    const queue = new ReceiveQueue()
    const heard: number[] = []
    queue.attach({
      data: (bytes) => {
        heard.push(bytes[0] ?? 0)
        if (bytes[0] === 1) {
          queue.push(Uint8Array.of(2))
          queue.push(Uint8Array.of(3))
        }
      },
      closed: () => {},
    })
    await turn()
    queue.push(Uint8Array.of(1))
    expect(heard).toEqual([1, 2, 3])
  })

  it('is thrown away by an end that discards, and the reason is told once', async () => {
    const queue = new ReceiveQueue()
    const { heard, handlers } = listener()
    const reason = new TransportError('closed', 'gone')
    queue.push(Uint8Array.of(1))
    queue.end(reason, true)
    queue.end(undefined)
    queue.attach(handlers)
    await turn()
    await turn()
    expect(heard).toEqual([reason])
    expect(queue.push(Uint8Array.of(2))).toBe(false)
  })
})
