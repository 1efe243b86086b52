import { describe, expect, it } from 'vitest'
import { doneSteps, type Known, nextStep } from '../../src/pages/start/steps.ts'
import { plantSummary } from '../stub/answers.ts'

const nothing: Known = {
  plant: undefined,
  answered: 0,
  unassigned: 0,
  observations: [],
  plans: [],
  deployments: [],
  verifications: [],
  stages: [],
}
const fresh = { ...plantSummary, version: 1, devices: 1, zones: 1, conduits: 0 }

describe('the first hour', () => {
  it('begins with a plant', () => {
    expect(nextStep(doneSteps(nothing))).toBe('plant')
  })

  it('goes on with discovery, grouping, learning, dry run, deployment and verification as the manager knows of them', () => {
    const walk: Partial<Known>[] = [
      { plant: fresh },
      { answered: 4, unassigned: 4 },
      { plant: { ...fresh, version: 2, devices: 5, zones: 2 }, unassigned: 0 },
      {
        plant: { ...fresh, version: 3, devices: 5, zones: 2, conduits: 1 },
        observations: [{ state: 'complete', finishedAt: '1' }],
      },
      { plans: [{ state: 'complete', version: 3, finishedAt: '2' }] },
      { deployments: [{ kind: 'apply', status: 'complete', finishedAt: '2026-03-02T08:00:00Z' }] },
      { verifications: [{ state: 'complete', finishedAt: '2026-03-02T08:05:00Z' }] },
    ]
    let known = nothing
    const steps = walk.map((more) => {
      known = { ...known, ...more }
      return nextStep(doneSteps(known))
    })
    expect(steps).toEqual(['discover', 'group', 'learn', 'dry-run', 'deploy', 'verify', 'go-on'])
  })

  it('counts no plan of an older version and no verification from before the deployment', () => {
    const plant = { ...fresh, version: 3, devices: 5 }
    expect(doneSteps({ ...nothing, plant, plans: [{ state: 'complete', version: 2, finishedAt: '1' }] })).not.toContain(
      'dry-run',
    )
    const done = doneSteps({
      ...nothing,
      plant,
      deployments: [{ kind: 'apply', status: 'complete', finishedAt: '2026-03-02T08:00:00Z' }],
      verifications: [{ state: 'complete', finishedAt: '2026-03-02T07:00:00Z' }],
    })
    expect(done).toContain('deploy')
    expect(done).not.toContain('verify')
  })

  it('takes no failed deployment for a deployed zone', () => {
    const done = doneSteps({
      ...nothing,
      plant: fresh,
      deployments: [{ kind: 'apply', status: 'not-complete', finishedAt: '1' }],
    })
    expect(done).not.toContain('deploy')
  })
})
