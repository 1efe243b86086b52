import { describe, expect, it } from 'vitest'
import { LimitedLog, type TargetLogEntry } from '../../src/target/target-log.ts'

const line: TargetLogEntry = { severity: 'warning', event: 'refused', peer: '192.0.2.1:5', message: 'no' }

describe('the log of a target', () => {
  it('leaves lines out beyond its rate and says how many', () => {
    const lines: TargetLogEntry[] = []
    const log = new LimitedLog((entry) => lines.push(entry), 5)
    for (let i = 0; i < 100; i++) log.writeLimited(line, 0)
    expect(lines).toHaveLength(5)
    log.writeLimited(line, 1000)
    expect(lines.slice(5)).toEqual([
      { severity: 'warning', event: 'log-limited', message: '95 lines about peers were left out' },
      line,
    ])
  })

  it('always writes what no peer can cause', () => {
    const lines: TargetLogEntry[] = []
    const log = new LimitedLog((entry) => lines.push(entry), 1)
    for (let i = 0; i < 20; i++) log.write({ severity: 'notice', event: 'port-closed', message: 'x' })
    expect(lines).toHaveLength(20)
  })
})
