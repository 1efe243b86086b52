import { describe, expect, it } from 'vitest'
import { agentWords } from '../../src/pages/account/agent-words.ts'
import { gapWords, shownTargets, stepOf } from '../../src/pages/deployment/targets.ts'
import { byAddress, parseTargets, suggestedName } from '../../src/pages/discovery/targets.ts'
import { keepDraft, keptDraft } from '../../src/pages/editor/draft.ts'
import { addressPattern, networkPattern } from '../../src/pages/editor/plant-form.ts'
import { largestText, textOfFile } from '../../src/pages/editor/read-file.ts'
import { changedDevices, parseCompared } from '../../src/pages/new-plan/scope.ts'
import { alsoAffected, impactOf, shownDevices } from '../../src/pages/plan/impact.ts'
import { shownChecks } from '../../src/pages/verification/checks.ts'
import { jobPath, listed } from '../../src/words/states.ts'
import { checks, deployment, job, plan } from '../stub/answers.ts'

describe('targets of a search', () => {
  it('are addresses, ranges and networks within their limits', () => {
    expect(parseTargets(' 192.0.2.1, 192.0.2.9 - 192.0.2.20\n198.51.100.0/24')).toEqual({
      targets: ['192.0.2.1', '192.0.2.9-192.0.2.20', '198.51.100.0/24'],
    })
    for (const wrong of ['192.0.2', '192.0.2.300', '192.0.2.9-192.0.2.1', '10.0.0.0/8', '10.0.0.0/33', '<script>']) {
      expect(parseTargets(wrong).problem, wrong).toBeDefined()
    }
    expect(parseTargets(Array.from({ length: 65 }, (_, index) => `192.0.2.${index}`).join(' ')).problem).toContain('64')
  })

  it('are listed in the order of addresses', () => {
    expect(['192.0.2.100', '192.0.2.9'].sort(byAddress)).toEqual(['192.0.2.9', '192.0.2.100'])
  })

  it('get names that plant files take, each once', () => {
    expect(suggestedName('1756-EN4TR/A', '192.0.2.7', new Set())).toBe('D_1756_EN4TR_7')
    expect(suggestedName('', '192.0.2.7', new Set())).toBe('Device_7')
    expect(suggestedName('PLC', '192.0.2.7', new Set(['PLC_7', 'PLC_7_2']))).toBe('PLC_7_3')
  })
})

describe('a kept draft', () => {
  const store = (initial?: string) => {
    let value = initial
    return {
      getItem: () => value ?? null,
      setItem: (_: string, text: string) => {
        value = text
      },
      removeItem: () => {
        value = undefined
      },
    }
  }

  it('comes back as it was', () => {
    const kept = store()
    expect(keepDraft(kept, 'p', { base: 3, text: 'a: ü' })).toBe(true)
    expect(keptDraft(kept, 'p')).toEqual({ base: 3, text: 'a: ü' })
    keepDraft(kept, 'p', undefined)
    expect(keptDraft(kept, 'p')).toBeUndefined()
  })

  it('is none where the store holds something else or has no room', () => {
    for (const odd of ['', 'nonsense', '{"base":"3","text":""}', '{"base":0,"text":""}', '[]', 'null'])
      expect(keptDraft(store(odd), 'p')).toBeUndefined()
    const full = {
      ...store(),
      setItem: () => {
        throw new DOMException('full', 'QuotaExceededError')
      },
    }
    expect(keepDraft(full, 'p', { base: 1, text: '' })).toBe(false)
  })
})

describe('a file that a person chose', () => {
  it('is refused when it is too large or no text', async () => {
    const file = (size: number, bytes: Uint8Array) => ({
      name: 'x.yaml',
      size,
      arrayBuffer: async () => bytes.slice().buffer,
    })
    await expect(textOfFile(file(largestText + 1, new Uint8Array()))).rejects.toThrow('at most 8')
    await expect(textOfFile(file(2, Uint8Array.of(0xff, 0xfe)))).rejects.toThrow('UTF-8')
    expect(await textOfFile(file(2, new TextEncoder().encode('ok')))).toBe('ok')
  })
})

describe('what a plan comes to', () => {
  it('counts actions and names who is interrupted', () => {
    const impact = impactOf(plan)
    expect(impact.counts).toMatchObject({ refused: 1, reconfigure: 1, commission: 126, nothing: 14 })
    expect(impact.touched).toBe(127)
    expect(impact.interrupted).toContain('Line_PLC')
    expect(impact.interrupted).not.toContain('Cell_PLC')
    expect(impact.moving).toBe(1)
  })

  it('lists refused devices first and finds by name, address and zone', () => {
    expect(shownDevices(plan.devices, '', '')[0]?.device).toBe('Cell_PLC')
    expect(shownDevices(plan.devices, 'reconfigure', '').map(({ device }) => device)).toEqual(['Line_PLC'])
    expect(shownDevices(plan.devices, '', 'station_14').map(({ device }) => device)).toEqual(['Station_140'])
  })

  it('tells devices that nobody changed in the model', () => {
    const also = alsoAffected(plan.devices, [{ kind: 'changed', what: 'device', name: 'Line_PLC', fields: [] }])
    expect(also.has('Line_PLC')).toBe(false)
    expect(also.has('Station_001')).toBe(true)
    expect(also.has('Station_010')).toBe(false)
  })

  it('takes changed zones, conduits and standings into a plan of what changed', () => {
    const devices = [
      { name: 'A', zone: 'x', standing: 'ok' },
      { name: 'B', zone: 'y', standing: 'ok' },
      { name: 'C', zone: 'z', standing: 'drift' },
    ] as const
    const change = (what: 'zone' | 'conduit' | 'device' | 'plant', name: string) => [
      { kind: 'changed' as const, what, name, fields: [] },
    ]
    expect(changedDevices([], devices)).toEqual(['C'])
    expect(changedDevices(change('zone', 'x'), devices)).toEqual(['A', 'C'])
    expect(changedDevices(change('conduit', 'x - B'), devices)).toEqual(['A', 'B', 'C'])
    expect(changedDevices(change('plant', 'p'), devices)).toEqual(['A', 'B', 'C'])
  })

  it('takes only whole fingerprints from an address', () => {
    const print = 'ab'.repeat(32)
    expect(parseCompared(`A:${print},B:${print.slice(1)},<x>:${print}`)).toEqual({ A: print })
    expect(parseCompared(undefined)).toEqual({})
  })
})

describe('a deployment and a verification', () => {
  it('show what failed first', () => {
    expect(shownTargets(deployment.targets, '', '')[0]?.device).toBe('Line_IO')
    expect(shownTargets(deployment.targets, 'complete', 'line')[0]?.device).toBe('Line_PLC')
    expect(shownChecks(checks, '', '')[0]?.verdict).toBe('fail')
    expect(shownChecks(checks, 'risk', '')).toHaveLength(2)
  })

  it('say on what is worked now', () => {
    const [target] = deployment.targets
    if (target === undefined) throw new Error('no target')
    const running = { ...target, state: 'running' as const }
    expect(stepOf(running, job('j', 'deploy', { current: [{ device: 'Line_PLC', step: 'Create_CSR' }] }))).toBe(
      'Create_CSR',
    )
    expect(stepOf(target, undefined)).toBe('Apply_Config')
    expect([gapWords(null), gapWords(0), gapWords(1500)]).toEqual(['–', 'none', '1.5 s'])
  })

  it('lead to the page of their job', () => {
    expect(jobPath(job('a/b', 'plan'))).toBe('/plans/a%2Fb')
    expect(jobPath(job('a', 'deploy', { deployment: 'd' }))).toBe('/deployments/d')
    expect(jobPath(job('a', 'deploy'))).toBe('/jobs/a')
  })
})

describe('words', () => {
  it('list names up to a number', () => {
    expect([listed([]), listed(['a']), listed(['a', 'b']), listed(['a', 'b', 'c', 'd', 'e'], 2)]).toEqual([
      '',
      'a',
      'a and b',
      'a, b and 3 more',
    ])
  })

  it('name a browser in two words', () => {
    expect(agentWords('Mozilla/5.0 (Windows NT 10.0) Gecko Firefox/140.0')).toBe('Firefox on Windows')
    expect(agentWords('')).toBe('Unknown')
  })

  it('know addresses and networks', () => {
    expect(['192.0.2.1', '255.255.255.255'].every((text) => addressPattern.test(text))).toBe(true)
    expect(['192.0.2', '256.0.0.1', '1.2.3.4.5', '1.2.3.4.'].some((text) => addressPattern.test(text))).toBe(false)
    expect([networkPattern.test('192.0.2.0/28'), networkPattern.test('192.0.2.0/33')]).toEqual([true, false])
  })
})
