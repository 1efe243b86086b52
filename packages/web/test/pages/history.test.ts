import { expect, test } from 'vitest'
import { historyOf } from '../../src/pages/device/history.ts'
import { securityTable } from '../../src/pages/device/security-table.ts'

test('the history of a device is one list, the newest first, with drift that came and went', () => {
  const finding = {
    id: 1,
    device: 'a',
    kind: 'attribute',
    weight: 'drift',
    text: 'port',
    explanation: 'nobody known',
    foundAt: '2026-11-02T00:00:00Z',
    goneAt: '2026-11-04T00:00:00Z',
  }
  const entries = historyOf(
    { id: 'd', at: '2026-11-03T00:00:00Z', outcome: 'complete', messages: [] },
    [finding, { ...finding, id: 2, goneAt: null, foundAt: '2026-11-01T00:00:00Z' }],
    [],
  )
  expect(entries.map(({ kind }) => kind)).toEqual(['drift-gone', 'deployment', 'drift-found', 'drift-found'])
})

test('what is no security table is told as none', () => {
  const lists = { suites: [], originatorSuites: [], certificates: [], ports: [], refusals: [] }
  expect(securityTable(lists)).toBe(lists)
  expect(securityTable({ data: lists })).toBe(lists)
  for (const none of [null, undefined, 3, [], {}, { ...lists, ports: {} }]) expect(securityTable(none)).toBeUndefined()
})
