import { describe, expect, it } from 'vitest'
import { together } from '../src/together.ts'

const turn = () => new Promise((done) => setImmediate(done))

describe('work done together', () => {
  it('gives results in the order of the items, never more at once than said', async () => {
    let running = 0
    let most = 0
    const results = await together([5, 4, 3, 2, 1, 0], 3, async (item) => {
      running++
      most = Math.max(most, running)
      for (let i = 0; i < item; i++) await turn()
      running--
      return item * 10
    })
    expect(results).toEqual([50, 40, 30, 20, 10, 0])
    expect(most).toBe(3)
  })

  it('fails with the first error, begins nothing more and leaves nothing running', async () => {
    const begun: number[] = []
    let ended = 0
    const work = together([1, 2, 3, 4, 5, 6], 2, async (item) => {
      begun.push(item)
      await turn()
      if (item === 2) throw new Error('two')
      await turn()
      ended++
    })
    await expect(work).rejects.toThrow('two')
    expect(begun.length).toBeLessThan(6)
    expect(ended).toBe(begun.length - 1)
  })

  it('has nothing to do with nothing', async () => {
    expect(await together([], 4, async () => 1)).toEqual([])
  })
})
