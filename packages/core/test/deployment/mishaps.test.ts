import { type DeviceTarget, lastEntry, memoryJournal } from '@cordon/core/deployment'
import type { DeviceSettings } from '@cordon/core/policy'
import { describe, expect, test } from 'vitest'
import type { Device } from '../../src/device/device.ts'
import { certificateSettings, factoryDevice, pskSettings, Surroundings, targetOf } from './fixture.ts'
import { type Fault, MemoryPort } from './memory-port.ts'

/** One situation in which a device is configured. */
interface Situation {
  readonly name: string
  readonly target: DeviceTarget
  /** Settings the device has before, when it is not new. */
  readonly before?: DeviceTarget
}

const situations: readonly Situation[] = [
  { name: 'a new device that gets a certificate', target: targetOf(certificateSettings()) },
  { name: 'a new device that gets a pre-shared key', target: targetOf(pskSettings()) },
  {
    name: 'a device that changes its zone',
    before: targetOf(certificateSettings()),
    target: targetOf(
      certificateSettings({ zone: 'blue', authorities: ['blue', 'operations'], allowedSuites: [0xc024, 0xc023] }),
    ),
  },
]

interface Scene {
  readonly around: Surroundings
  readonly device: Device
  readonly before: string
}

async function scene(situation: Situation): Promise<Scene> {
  const around = await Surroundings.create()
  around.keys.set('cell3-2026', new Uint8Array(32).fill(7))
  const device = await factoryDevice()
  if (situation.before !== undefined) {
    const result = await around.deploy(situation.before, new MemoryPort(device, around.time))
    expect(result?.outcome).toBe('complete')
  }
  return { around, device, before: face(device) }
}

/** What peers see of a device: by this it is told whether the old or the new settings are in force. */
function face(device: Device): string {
  const { suites, verifyPeer, anchors, psk } = device.security()
  return JSON.stringify([suites, verifyPeer, anchors.length, psk.map(({ identity }) => [...identity])])
}

function faceOf(settings: DeviceSettings): { suites: readonly number[]; verifyPeer: boolean } {
  return { suites: settings.allowedSuites, verifyPeer: settings.verifyClient }
}

/** The device must have its old or its new settings, whole, and must open. */
async function expectOldOrNew(at: string, { around, device, before }: Scene, situation: Situation): Promise<void> {
  await around.time.pass(15_000)
  const { suites, verifyPeer } = device.security()
  const isNew = JSON.stringify({ suites, verifyPeer }) === JSON.stringify(faceOf(situation.target.settings))
  if (!isNew) expect(face(device), at).toBe(before)
}

async function requestsOf(situation: Situation): Promise<number> {
  const { around, device } = await scene(situation)
  const port = new MemoryPort(device, around.time)
  expect(
    (await around.deploy(situation.target, port, { options: { configured: situation.before !== undefined } }))?.outcome,
  ).toBe('complete')
  return port.facts.length
}

const faults: readonly (readonly [string, Fault])[] = [
  ['is refused', { kind: 'status', status: 0x1f }],
  ['is not answered', { kind: 'timeout' }],
  ['is done and its answer is lost', { kind: 'lost-answer' }],
  ['meets a connection that breaks before it', { kind: 'disconnect', when: 'before' }],
  ['meets a connection that breaks after it', { kind: 'disconnect', when: 'after' }],
  ['is answered with nonsense', { kind: 'garbage' }],
]

/** Every request is too many for each run of the tests: by default each fault meets every fifth, all of them all. */
const stride = process.env['CORDON_THOROUGH'] === undefined ? 5 : 1

for (const [place, situation] of situations.entries()) {
  describe(`${situation.name}, one request goes wrong`, () => {
    for (const [offset, [name, fault]] of faults.entries()) {
      test(`and when it ${name}, the device ends in its old or new settings and the next attempt completes`, {
        timeout: 300_000,
      }, async () => {
        const requests = await requestsOf(situation)
        for (let count = 1 + ((offset + place) % stride); count <= requests; count += stride) {
          const at = `request ${count} of ${requests} ${name}`
          const stage = await scene(situation)
          const port = new MemoryPort(stage.device, stage.around.time)
          port.fault = (fact) => (fact.count === count ? fault : undefined)
          const journal = memoryJournal()
          const configured = situation.before !== undefined
          const result = await stage.around.deploy(situation.target, port, { journal, options: { configured } })
          expect(result, at).toBeDefined()
          await expectOldOrNew(at, stage, situation)
          if (result?.outcome === 'not-complete')
            expect(
              result.messages.some(({ severity }) => severity === 'error'),
              at,
            ).toBe(true)
          port.fault = undefined
          const again = await stage.around.deploy(situation.target, port, { journal, options: { configured } })
          expect([again?.outcome, again?.messages.filter(({ severity }) => severity === 'error')], at).toEqual([
            'complete',
            [],
          ])
        }
      })
    }
  })

  describe(`${situation.name}, the process dies`, () => {
    for (const [offset, when] of (['before', 'after'] as const).entries()) {
      test(`${when} any request is done: the device opens, and resume completes it`, { timeout: 300_000 }, async () => {
        const requests = await requestsOf(situation)
        for (let count = 1 + ((offset * 2 + place) % stride); count <= requests; count += stride) {
          const at = `died ${when} request ${count} of ${requests}`
          const stage = await scene(situation)
          const first = new MemoryPort(stage.device, stage.around.time)
          first.fault = (fact) => (fact.count === count ? { kind: 'crash', when } : undefined)
          const journal = memoryJournal()
          const configured = situation.before !== undefined
          const dead = await stage.around.deploy(situation.target, first, { journal, options: { configured } })
          expect(dead, at).toBeUndefined()
          await expectOldOrNew(at, stage, situation)
          const second = new MemoryPort(stage.device, stage.around.time)
          const result = await stage.around.deploy(situation.target, second, { journal, options: { configured } })
          expect([result?.outcome, result?.messages.filter(({ severity }) => severity === 'error')], at).toEqual([
            'complete',
            [],
          ])
          expect(lastEntry(journal.entries, 'complete')?.phase, at).toBe('done')
        }
      })
    }
  })
}
