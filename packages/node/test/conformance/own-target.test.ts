import { conformanceCases, summarize } from '@cordon/core/conformance'
import { describe, expect, it } from 'vitest'
import { testAddress } from '../addresses.ts'
import { configuredStand, factoryStand, lines, plainStand, run } from './targets.ts'

const closedPorts = [
  { port: 44818, protocol: 'tcp' },
  { port: 44818, protocol: 'udp' },
  { port: 2222, protocol: 'udp' },
] as const

describe('every case that can be asked is passed by', () => {
  it('a device without CIP Security', async () => {
    await using own = await plainStand(testAddress(200))
    const { results } = await run(own.target)
    expect(lines(results, 'fail', 'error', 'inconclusive', 'not run')).toEqual([])
    expect(summarize(results).verdicts.pass).toBeGreaterThan(200)
  }, 60_000)

  it('a factory-new device', async () => {
    await using own = await factoryStand(testAddress(201))
    const { results, facts } = await run(own.target)
    expect(facts).toMatchObject({ session: 'tls', cipSecurityState: 0 })
    expect(lines(results, 'fail', 'error', 'inconclusive')).toEqual([])
    expect(summarize(results).verdicts.pass).toBeGreaterThan(550)
  }, 60_000)

  it('a configured device whose plain ports are open', async () => {
    await using own = await configuredStand(testAddress(202), { psk: true })
    const { results, facts } = await run(own.target)
    expect(facts).toMatchObject({ session: 'tls', plainSession: true, cipSecurityState: 2 })
    expect(lines(results, 'fail', 'error', 'inconclusive')).toEqual([])
    expect(summarize(results).verdicts.pass).toBeGreaterThan(500)
  }, 60_000)

  it('a configured device whose plain ports are closed', async () => {
    await using own = await configuredStand(testAddress(203), { closed: closedPorts })
    const { results, facts } = await run(own.target, ['listing', 'packets', 'credentials', 'ports', 'tls', 'datagrams'])
    expect(facts).toMatchObject({ session: 'tls', tcp: false, udp: false })
    expect(lines(results, 'fail', 'error', 'inconclusive')).toEqual([])
    expect(lines(results, 'pass').length).toBeGreaterThan(80)
  }, 60_000)
})

describe('without permission', () => {
  it('nothing that changes or resets the target is run', async () => {
    await using own = await factoryStand(testAddress(204))
    const before = JSON.stringify(own.device.persist())
    const { results } = await run(own.target, ['services', 'access', 'files'], {
      allowWrites: false,
      allowReset: false,
    })
    const changing = new Set(conformanceCases.filter(({ kind }) => kind !== 'read').map(({ id }) => id))
    const run_ = results.filter(({ id, finding }) => changing.has(id) && ['pass', 'fail'].includes(finding.verdict))
    expect(run_).toEqual([])
    expect(JSON.stringify(own.device.persist())).toBe(before)
  })
})
