import type { KeptComparison } from '@cordon/server/drift'
import { describe, expect, it } from 'vitest'
import { comparisonText } from '../src/drift-text.ts'
import { testOutput } from './test-output.ts'

const clean: KeptComparison = {
  plant: 'line',
  startedAt: '2026-11-28T12:00:00.000Z',
  durationMs: 1500,
  findings: [],
  risks: [],
  compared: ['Line_PLC', 'Line_IO'],
  unread: [],
  whole: true,
  searched: true,
  searchedNetworks: ['192.0.2.0/24'],
  unjudged: [],
  digests: {},
  open: [],
  appeared: [],
  gone: [],
}
const text = (change: Partial<KeptComparison>) => comparisonText(testOutput().output, { ...clean, ...change })

describe('a comparison without a difference', () => {
  it('is said of the plant where all was read', () => {
    expect(text({})).toBe('✔ line is as its model says; 2 devices compared in 1.5 s')
  })

  it('is said of what could be read alone', () => {
    const some = text({ compared: ['Line_PLC'], unread: ['Line_IO'] })
    expect(some).toContain('! no difference on the 1 device that could be read; 1 not read: Line_IO')
    expect(some).not.toContain('as its model says')
    expect(text({ compared: [], unread: ['Line_IO'] })).toContain('! no device could be read; 1 not read: Line_IO')
  })

  it('is said of the devices that were named', () => {
    const only = { whole: false, searched: false, searchedNetworks: [] }
    expect(text({ ...only, compared: ['Line_IO'] })).toContain('✔ Line_IO is as the model says')
    expect(text(only)).toContain('✔ Line_PLC, Line_IO are as the model says')
    expect(text(only)).not.toContain('line is')
  })

  it('says what was not judged and where nobody was looked for', () => {
    const unjudged = [{ device: 'Line_IO', peers: ['Line_Old'], settings: ['ingress'] as const }]
    const said = text({ unjudged, searched: false })
    expect(said).toContain('! suites and rules of Line_IO were not judged: nothing is known of what Line_Old can do')
    expect(said).toContain('! no difference in what could be judged')
    expect(said).toContain('new devices were looked for in 192.0.2.0/24 only')
    expect(text({ searched: false, searchedNetworks: [] })).toContain('new devices were not looked for')
  })
})
