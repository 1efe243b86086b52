import { memoryJournal } from '@cordon/core/deployment'
import { parseRule } from '@cordon/core/policy'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { certificateSettings, factoryDevice, Surroundings, targetOf } from './fixture.ts'
import { type Fault, MemoryPort } from './memory-port.ts'

const rules = (peer: string) => ({
  ingress: [
    parseRule('allow ip=192.0.2.9 port=2221 proto=tcp'),
    parseRule(`allow ip=${peer} port=2221 proto=udp cipher=C006`),
  ],
  egress: [parseRule(`require-secure ip=${peer} port=2221 proto=udp cipher=C006`)],
})

/** Settings that a plant goes through: each attempt wants one of them. */
const targets = [
  targetOf(certificateSettings()),
  targetOf(certificateSettings({ zone: 'blue', authorities: ['blue', 'operations'] })),
  targetOf(
    certificateSettings({
      enforcement: 'rules',
      rules: rules('192.0.2.30'),
      ports: [{ port: 44818, protocol: 'tcp', open: false }],
    }),
  ),
  targetOf(
    certificateSettings({
      zone: 'blue',
      authorities: ['blue'],
      enforcement: 'rules',
      rules: rules('192.0.2.31'),
      dtlsTimeoutS: 30,
    }),
  ),
]

const fault: fc.Arbitrary<Fault> = fc.oneof(
  fc.constantFrom(0x0c, 0x02, 0x10, 0x1f, 0xd0).map((status): Fault => ({ kind: 'status', status })),
  fc.constantFrom<Fault>({ kind: 'timeout' }, { kind: 'lost-answer' }, { kind: 'garbage' }, { kind: 'slow', ms: 4000 }),
  fc.constantFrom<Fault>({ kind: 'disconnect', when: 'before' }, { kind: 'disconnect', when: 'after' }),
  fc.constantFrom<Fault>({ kind: 'crash', when: 'before' }, { kind: 'crash', when: 'after' }),
)

/** One attempt: what it wants, and what goes wrong at which request; power is cut between attempts now and then. */
const attempt = fc.record({
  target: fc.nat({ max: targets.length - 1 }),
  faults: fc.array(fc.tuple(fc.integer({ min: 1, max: 110 }), fault), { minLength: 1, maxLength: 4 }),
  powerCycle: fc.boolean(),
})

test('whatever goes wrong in whatever order, the device opens and the next quiet attempt brings it to its settings', {
  timeout: 300_000,
}, async () => {
  const numRuns = process.env['CORDON_THOROUGH'] === undefined ? 25 : 300
  await fc.assert(
    fc.asyncProperty(fc.array(attempt, { minLength: 1, maxLength: 4 }), async (attempts) => {
      const around = await Surroundings.create()
      const device = await factoryDevice()
      const journal = memoryJournal()
      const configured = () => device.isConfigured()
      for (const { target, faults, powerCycle } of attempts) {
        const port = new MemoryPort(device, around.time)
        const at = new Map(faults)
        port.fault = ({ count }) => at.get(count)
        const wanted = targets[target] ?? targets[0]
        if (wanted === undefined) continue
        await around.deploy(wanted, port, { journal, options: { configured: configured() } })
        port.fault = undefined
        if (powerCycle) port.powerCycle()
        await around.time.pass(15_000)
        // Whatever the device holds is one whole set of settings: the manager gets in by it, or nobody needs a credential.
        const { suites, verifyPeer } = device.security()
        expect(suites.length).toBeGreaterThan(0)
        expect(verifyPeer).toBe(configured())
      }
      const [last] = targets
      if (last === undefined) return
      const result = await around.deploy(last, new MemoryPort(device, around.time), {
        journal,
        options: { configured: configured() },
      })
      expect(result?.messages.filter(({ severity }) => severity === 'error')).toEqual([])
      expect(device.persist().state.cipSecurity).toBe('configured')
      expect(device.security().suites).toEqual(last.settings.allowedSuites)
    }),
    { numRuns, seed: 20_260_605 },
  )
})
