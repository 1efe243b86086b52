import { describe, expect, it } from 'vitest'
import { Turnstile } from '../src/turnstile.ts'

const forever = new AbortController().signal

describe('A turnstile', () => {
  it('lets as many at a time as it has places, in order', async () => {
    const turnstile = new Turnstile(2)
    const began: number[] = []
    const ends: (() => void)[] = []
    const work = (number: number) =>
      turnstile.pass(async () => {
        began.push(number)
        await new Promise<void>((resolve) => ends.push(resolve))
      }, forever)
    const all = [1, 2, 3, 4].map(work)
    await Promise.resolve()
    expect(began).toEqual([1, 2])
    ends.shift()?.()
    await all[0]
    await Promise.resolve()
    expect(began).toEqual([1, 2, 3])
    while (began.length < 4 || ends.length > 0) {
      ends.shift()?.()
      await new Promise((resume) => setImmediate(resume))
    }
    await Promise.all(all)
    expect(began).toEqual([1, 2, 3, 4])
  })

  it('forgets who gives up, and goes on after an error', async () => {
    const turnstile = new Turnstile(1)
    let end = (): void => {}
    const first = turnstile.pass(() => new Promise<void>((_, reject) => (end = () => reject(new Error('no')))), forever)
    const stop = new AbortController()
    const second = turnstile.pass(async () => 'second', stop.signal)
    const third = turnstile.pass(async () => 'third', forever)
    stop.abort()
    await expect(second).rejects.toMatchObject({ code: 'aborted' })
    end()
    await expect(first).rejects.toThrow('no')
    expect(await third).toBe('third')
    await expect(turnstile.pass(async () => 0, stop.signal)).rejects.toMatchObject({ code: 'aborted' })
  })
})
