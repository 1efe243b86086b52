import { groupCommit } from '@cordon/server/store'
import { describe, expect, test } from 'vitest'

describe('group commit', () => {
  test('joins what arrives together, and waits for the commit', async () => {
    const batches: number[][] = []
    let release: () => void = () => undefined
    const commits = groupCommit<number>(async (records) => {
      batches.push([...records])
      await new Promise<void>((resume) => {
        release = resume
      })
    })
    let done = 0
    const all = [1, 2, 3].map((n) => commits.add(n).then(() => done++))
    await Promise.resolve()
    await Promise.resolve()
    const later = [4, 5].map((n) => commits.add(n).then(() => done++))
    expect([batches, done]).toEqual([[[1, 2, 3]], 0])
    release()
    await Promise.all(all)
    expect([batches, done]).toEqual([
      [
        [1, 2, 3],
        [4, 5],
      ],
      3,
    ])
    release()
    await Promise.all(later)
    expect(done).toBe(5)
  })

  test('never writes more than a batch may hold', async () => {
    const sizes: number[] = []
    const commits = groupCommit<number>(async (records) => {
      sizes.push(records.length)
    }, 4)
    await Promise.all(Array.from({ length: 10 }, (_, i) => commits.add(i)))
    expect(sizes).toEqual([4, 4, 2])
  })

  test('lets a bad record fail alone, and keeps the order', async () => {
    const written: number[] = []
    const commits = groupCommit<number>(async (records) => {
      if (records.includes(2)) throw new Error(`bad ${records.length}`)
      written.push(...records)
    })
    const results = await Promise.allSettled([1, 2, 3].map((n) => commits.add(n)))
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(written).toEqual([1, 3])
    await commits.add(4)
    expect(written).toEqual([1, 3, 4])
  })
})
