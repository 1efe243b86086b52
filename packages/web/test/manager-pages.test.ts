import { describe, expect, it } from 'vitest'
import { exportPath } from '../src/data/audit.ts'
import { limits } from '../src/pages/audit/range.ts'
import { changesOf, draftOf, isSound, numberFields, numberProblem } from '../src/pages/settings/draft.ts'
import { sizeText } from '../src/pages/settings/size-text.ts'
import { newWindow, ruleText, windowBody, windowProblem } from '../src/pages/settings/window-draft.ts'
import { newProvider, providerBody, providerProblem } from '../src/pages/users/provider-draft.ts'
import { rolesWith } from '../src/words/permissions.ts'

const settings = {
  notice: 'For staff only',
  sessionIdleMinutes: 30,
  sessionHours: 12,
  secondFactor: ['administrator' as const],
  driftMinutes: 60,
  observeMinutes: 0,
  renewDays: 30,
  retention: { auditDays: 365, eventDays: 7, jobDays: 90, versionDays: 3650 },
}

describe('settings', () => {
  it('sends only what differs', () => {
    const draft = draftOf(settings)
    expect(changesOf(settings, draft)).toEqual({})
    expect(
      changesOf(settings, {
        ...draft,
        notice: '',
        secondFactor: [],
        numbers: { ...draft.numbers, driftMinutes: '0', jobDays: '30' },
      }),
    ).toEqual({
      notice: '',
      secondFactor: [],
      driftMinutes: 0,
      retention: { ...settings.retention, jobDays: 30 },
    })
  })

  it('refuses what is no number within its limits', () => {
    const [idle] = numberFields.sessions
    if (idle === undefined) throw new Error('there is a first field')
    for (const text of ['', '0', '1441', '1.5', '-3', '1e3', 'ten'])
      expect(numberProblem(idle, text), text).toContain('1 to 1,440')
    expect(numberProblem(idle, ' 1440 ')).toBeUndefined()
    const draft = draftOf(settings)
    expect(isSound(draft)).toBe(true)
    expect(isSound({ ...draft, numbers: { ...draft.numbers, auditDays: '29' } })).toBe(false)
  })
})

describe('the time of the audit', () => {
  const now = Date.parse('2026-03-08T12:00:00Z')

  it('is relative to one now', () => {
    expect(limits('week', now, { from: 'ignored' })).toEqual({ from: '2026-03-01T12:00:00.000Z' })
    expect(limits('all', now, {})).toEqual({})
  })

  it('is exact, and what is no moment is no limit', () => {
    expect(limits('exact', now, { from: '2026-03-01T00:00Z', to: 'soon' })).toEqual({
      from: '2026-03-01T00:00:00.000Z',
    })
  })

  it('is part of the address of an export', () => {
    expect(exportPath({ actor: 'a b&c', outcome: 'failed' }, 'csv')).toBe(
      '/api/v1/audit/export?actor=a+b%26c&outcome=failed&format=csv',
    )
  })
})

describe('maintenance windows', () => {
  it('are sent as the manager takes them', () => {
    const draft = { ...newWindow('Europe/Berlin'), name: ' Night ', days: [7, 1], zone: 'blue' }
    expect(windowProblem(draft)).toBeUndefined()
    expect(windowBody(draft)).toEqual({
      name: 'Night',
      zone: 'blue',
      rule: { kind: 'weekly', days: [1, 7], from: '06:00', to: '10:00', zone: 'Europe/Berlin' },
    })
    const once = { ...draft, kind: 'once' as const, start: '2026-03-01T10:00Z', end: '2026-03-01T12:00Z' }
    expect(windowBody(once).rule).toEqual({
      kind: 'once',
      from: '2026-03-01T10:00:00.000Z',
      to: '2026-03-01T12:00:00.000Z',
    })
  })

  it('are not sent while something is missing', () => {
    const draft = { ...newWindow('UTC'), name: 'Night' }
    expect(windowProblem({ ...draft, name: ' ' })).toContain('name')
    expect(windowProblem({ ...draft, days: [] })).toContain('day')
    expect(windowProblem({ ...draft, to: draft.from })).toContain('different')
    expect(windowProblem({ ...draft, kind: 'once', start: '2026-03-01T10:00Z', end: '2026-03-01T10:00Z' })).toContain(
      'after',
    )
  })

  it('are told in words', () => {
    expect(ruleText({ kind: 'weekly', days: [6, 7], from: '22:00', to: '04:00', zone: 'UTC' })).toBe(
      'Sat and Sun, 22:00 to 04:00 of the next day (UTC)',
    )
  })
})

it('sends an identity provider once nothing is missing, without empty lines and without a secret that stays', () => {
  expect(providerProblem(newProvider)).toContain('name')
  const draft = {
    ...newProvider,
    name: 'Works',
    issuer: 'https://id.example',
    clientId: 'cordon',
    map: [
      { theirs: ' ops ', roles: ['operator' as const] },
      { theirs: '', roles: ['observer' as const] },
    ],
  }
  expect(providerProblem(draft)).toBeUndefined()
  expect(providerProblem({ ...draft, issuer: 'id.example' })).toContain('https://')
  expect(providerProblem({ ...draft, map: [] })).toContain('role')
  expect(providerBody(draft)).toEqual({
    name: 'Works',
    issuer: 'https://id.example',
    clientId: 'cordon',
    rolePath: 'roles',
    roleMap: { ops: ['operator'] },
    enabled: true,
    creates: true,
  })
})

it('says sizes and who may', () => {
  expect([0, 1023, 1536, 20 * 1024 ** 3].map(sizeText)).toEqual(['0 bytes', '1023 bytes', '1.5 KiB', '20 GiB'])
  expect(rolesWith('backup')).toBe('administrators')
  expect(rolesWith('operate')).toBe('operators, engineers, deployers and administrators')
})
