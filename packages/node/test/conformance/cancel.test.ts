import { describe, expect, it } from 'vitest'
import { testAddress } from '../addresses.ts'
import { factoryStand, type Interference, run } from './targets.ts'

/** Aborts when a case begins to wait so long, and counts lines that are open. */
function interrupted(controller: AbortController, afterMs: number) {
  const count = { open: 0 }
  const interfere: Interference = (port) => ({
    ...port,
    wait: (ms) => {
      if (ms === afterMs) setTimeout(() => controller.abort(), 1)
      return port.wait(ms)
    },
    open: async (way) => {
      const opening = await port.open(way)
      if (opening.kind !== 'open') return opening
      count.open++
      const { line } = opening
      let isOpen = true
      const close = (): void => {
        if (isOpen) count.open--
        isOpen = false
        line.close()
      }
      return {
        kind: 'open',
        line: {
          boundaries: line.boundaries,
          security: line.security,
          localPort: line.localPort,
          send: (bytes) => line.send(bytes),
          receive: (withinMs) => line.receive(withinMs),
          close,
        },
      }
    },
  })
  return { interfere, count }
}

describe('a run that is cancelled during a case', () => {
  it('gives what was found until then, leaves no line open and no configuration begun', async () => {
    await using own = await factoryStand(testAddress(220))
    const controller = new AbortController()
    const { interfere, count } = interrupted(controller, 8500)
    const report = await run(
      { ...own.target, signal: controller.signal },
      ['services.5e-begin-abort', 'services.5e-timeout', 'services.5f-create-delete'],
      { longestMs: 60_000, cancelled: () => controller.signal.aborted },
      interfere,
    )
    expect(report.cancelled).toBe(true)
    expect(report.results.map(({ id, finding }) => [id, finding.verdict])).toEqual([
      ['services.5e-begin-abort', 'pass'],
    ])
    expect(count.open).toBe(0)
    const { results } = await run(own.target, ['services.5e-begin-abort'])
    expect(results[0]?.finding.verdict).toBe('pass')
  })
})
