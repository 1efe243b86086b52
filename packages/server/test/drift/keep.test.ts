import type { Finding } from '@cordon/core/drift'
import type { PlantComparison } from '@cordon/server/drift'
import type { Store } from '@cordon/server/store'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { keepComparison } from '../../src/drift/keep.ts'
import { Turn } from '../../src/drift/turn.ts'
import { TemporaryState } from '../store/support.ts'

let place: TemporaryState
let store: Store

beforeAll(async () => {
  place = new TemporaryState()
  store = await place.open()
})

afterAll(async () => {
  await store[Symbol.asyncDispose]()
  await place[Symbol.asyncDispose]()
})

/** Keeps a comparison of a plant with these findings. */
async function keep(plant: string, findings: readonly Finding[], change: Partial<PlantComparison> = {}) {
  const taken = await Turn.take(store, plant, false)
  if (!(taken instanceof Turn)) throw new Error('another one has the turn')
  await using turn = taken
  const unread = findings.filter(({ kind }) => kind === 'unreadable').map(({ device }) => device)
  const comparison: PlantComparison = {
    plant,
    startedAt: new Date().toISOString(),
    durationMs: 1,
    findings,
    risks: [],
    compared: ['Blue_1'].filter((name) => !unread.includes(name)),
    unread,
    whole: true,
    searched: false,
    searchedNetworks: [],
    unjudged: [],
    digests: {},
    ...change,
  }
  return await keepComparison(store, comparison, turn.owner, undefined)
}

const about = {
  device: 'Blue_1',
  address: '192.0.2.7',
  place: undefined,
  setting: undefined,
  aim: undefined,
  weight: 'drift',
} as const
const stranger: Finding = {
  ...about,
  device: '198.51.100.7',
  address: '198.51.100.7',
  kind: 'new',
  expected: 'no device',
  found: 'Drive 0x00000001',
}
const suites: Finding = { ...about, kind: 'attribute', setting: 'allowedSuites', expected: 'C023', found: 'C006' }
const timeout: Finding = { ...about, kind: 'attribute', setting: 'dtlsTimeout', expected: '12 s', found: '77 s' }

async function notices(plant: string): Promise<readonly string[]> {
  const rows = await store.db.selectFrom('notifications').select(['kind', 'detail']).orderBy('id').execute()
  return rows.filter(({ detail }) => JSON.stringify(detail).includes(`"${plant}"`)).map(({ kind }) => kind)
}

describe('a new device', () => {
  it('is gone only when its own network was searched', async () => {
    const found = await keep('new', [stranger])
    expect(found.appeared).toHaveLength(1)
    expect((await keep('new', [])).gone).toEqual([])
    const elsewhere = await keep('new', [], { searchedNetworks: ['192.0.2.0/24', '198.51.100.128/25'] })
    expect(elsewhere.gone).toEqual([])
    expect(elsewhere.open).toHaveLength(1)
    const there = await keep('new', [], { searchedNetworks: ['198.51.100.0/25'] })
    expect(there.gone.map(({ finding }) => finding.device)).toEqual(['198.51.100.7'])
    expect(await notices('new')).toEqual(['drift-found', 'drift-gone'])
  })
})

describe('people', () => {
  it('are told that a device is well again when its last difference is gone', async () => {
    await keep('steps', [timeout, { ...timeout, found: '78 s' }])
    await keep('steps', [timeout])
    expect(await notices('steps')).toEqual(['drift-found'])
    await keep('steps', [{ ...timeout, weight: 'warning', kind: 'certificate' }])
    expect(await notices('steps')).toEqual(['drift-found', 'drift-gone'])
  })

  it('are not told so of one that cannot be read now, nor of one that was not judged as a whole', async () => {
    const missing: Finding = { ...about, kind: 'missing', expected: 'it answers', found: 'no answer' }
    await keep('unread', [missing])
    const unread = await keep('unread', [{ ...missing, kind: 'unreadable', weight: 'unread' }])
    expect(unread.gone.map(({ finding }) => finding.kind)).toEqual(['missing'])
    const unjudged = [{ device: 'Blue_1', peers: ['Green_1'], settings: ['allowedSuites'] as const }]
    await keep('unread', [], { unjudged })
    expect(await notices('unread')).toEqual(['drift-found'])
    await keep('unread', [])
    expect(await notices('unread')).toEqual(['drift-found', 'drift-gone'])
  })
})

describe('a difference', () => {
  it('stays while the setting cannot be judged', async () => {
    await keep('judged', [suites, timeout])
    const unjudged = [{ device: 'Blue_1', peers: ['Green_1'], settings: ['allowedSuites'] as const }]
    const { gone, open } = await keep('judged', [], { unjudged })
    expect(gone.map(({ finding }) => finding.setting)).toEqual(['dtlsTimeout'])
    expect(open.map(({ finding }) => finding.setting)).toEqual(['allowedSuites'])
  })

  it('of a device that fails in another way is the same, in its newest words', async () => {
    const missing: Finding = { ...about, kind: 'missing', expected: 'it answers', found: 'connect ECONNREFUSED' }
    const [first] = (await keep('away', [missing])).open
    const { appeared, gone, open } = await keep('away', [{ ...missing, found: 'timed out' }])
    expect([appeared, gone]).toEqual([[], []])
    expect(open.map(({ id, finding }) => [id, finding.found])).toEqual([[first?.id, 'timed out']])
  })

  it('with characters that jsonb does not know is kept, and is the same the next time', async () => {
    const odd = { ...stranger, found: 'Dri\u0000ve \ud800' }
    const { appeared } = await keep('odd', [odd])
    expect(appeared.map(({ finding }) => finding.found)).toEqual(['Dri\ufffdve \ufffd'])
    expect(await keep('odd', [odd])).toMatchObject({ appeared: [], gone: [] })
  })
})
