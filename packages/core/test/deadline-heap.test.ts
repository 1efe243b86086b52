import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DeadlineHeap, type Waiting } from '../src/deadline-heap.ts'

describe('the heap of deadlines', () => {
  it('always has the earliest at hand, through any puts, moves and removals', () => {
    const command = fc.record({
      what: fc.constantFrom('put', 'move', 'remove', 'pop', 'clear'),
      which: fc.nat(30),
      when: fc.integer({ min: 0, max: 50 }),
    })
    fc.assert(
      fc.property(fc.array(command, { maxLength: 120 }), (commands) => {
        const heap = new DeadlineHeap<Waiting>()
        const all: Waiting[] = Array.from({ length: 31 }, () => ({ when: 0, heapIndex: -1 }))
        const model = new Set<Waiting>()
        for (const { what, which, when } of commands) {
          const entry = all[which]
          if (entry === undefined) throw new Error('31 entries were made')
          if (what === 'put' || (what === 'move' && model.has(entry))) {
            entry.when = when
            heap.put(entry)
            model.add(entry)
          } else if (what === 'remove') {
            heap.remove(entry)
            model.delete(entry)
          } else if (what === 'pop') {
            const first = heap.peek()
            if (first !== undefined) {
              heap.remove(first)
              model.delete(first)
            }
          } else if (what === 'clear') {
            heap.clear()
            model.clear()
          }
          expect(heap.size).toBe(model.size)
          for (const waiting of all) expect(waiting.heapIndex >= 0).toBe(model.has(waiting))
          const earliest = Math.min(...[...model].map((waiting) => waiting.when))
          expect(heap.peek()?.when ?? Number.POSITIVE_INFINITY).toBe(earliest)
        }
      }),
      { numRuns: 300, seed: 4 },
    )
  })
})
