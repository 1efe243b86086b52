import { memoryJournal, releaseDevice, type ReleaseRequest } from '@cordon/core/deployment'
import { parseRule } from '@cordon/core/policy'
import { describe, expect, test } from 'vitest'
import type { Device } from '../../src/device/device.ts'
import { certificateSettings, factoryDevice, Surroundings, targetOf } from './fixture.ts'
import { type Fault, MemoryPort, type RequestFact } from './memory-port.ts'

const settings = certificateSettings({
  enforcement: 'rules',
  rules: {
    ingress: [parseRule('allow ip=192.0.2.9 port=2221 proto=tcp')],
    egress: [parseRule('deny ip=192.0.2.30 proto=any')],
  },
  ports: [{ port: 44818, protocol: 'tcp', open: false }],
})

async function commissioned(): Promise<{ around: Surroundings; device: Device; port: MemoryPort }> {
  const around = await Surroundings.create()
  const device = await factoryDevice()
  const port = new MemoryPort(device, around.time)
  expect((await around.deploy(targetOf(settings), port))?.outcome).toBe('complete')
  expect(device.ports().find(({ port: number }) => number === 44818)?.open).toBe(false)
  return { around, device, port }
}

const request: ReleaseRequest = { device: 'Device_1', address: '192.0.2.20', psk: [] }

async function release(around: Surroundings, port: MemoryPort, change: Partial<ReleaseRequest> = {}) {
  const journal = memoryJournal()
  const means = await around.means(port, journal)
  const result = (await around.time.run(releaseDevice({ ...request, ...change }, means)))?.value
  return { result, journal }
}

const isReset = ({ classId, service }: RequestFact) => classId === 0x5d && service === 0x05

describe('a release', () => {
  test('takes rules, ports and settings off a device and leaves nothing of the plant in it', async () => {
    const { around, device, port } = await commissioned()
    const { result, journal } = await release(around, port)
    expect(result?.messages.map(({ code }) => code)).toEqual(['released'])
    const evidence = result?.messages[0]?.evidence
    for (const seen of [
      'showed its default certificate, serial number',
      'read back: 0x5D factoryDefault, 0x5E factoryDefault, no authorities, identities, keys or rules',
      'tcp/44818 answers in plain',
      'to the manager it shows no certificate of this plant: ',
    ])
      expect(evidence).toContain(seen)
    expect(result?.configuration).toBe('old')
    expect(device.isConfigured()).toBe(false)
    expect(device.ports().every(({ open }) => open)).toBe(true)
    expect(device.admit('192.0.2.200', 44818, 'tcp').allowed).toBe(true)
    const { anchors, trusted, psk } = device.security()
    expect([anchors, trusted, psk]).toEqual([[], [], []])
    const before = journal.entries.find(({ step, phase }) => step === 'release' && phase === 'begin')?.detail
    expect(before?.['rules']).toEqual({
      ingress: ['allow ip=192.0.2.9 port=2221 proto=tcp'],
      egress: ['deny ip=192.0.2.30 proto=any'],
    })
  })

  test('of a device that is free already proves that it is', async () => {
    const around = await Surroundings.create()
    const { result } = await release(around, new MemoryPort(await factoryDevice(), around.time))
    expect(result?.messages.map(({ code }) => code)).toEqual(['released'])
  })

  test('is not proven by a device that only says yes', async () => {
    const { around, device, port } = await commissioned()
    port.fault = (fact): Fault | undefined => (isReset(fact) ? { kind: 'status', status: 0 } : undefined)
    const { result } = await release(around, port)
    expect(result?.outcome).toBe('not-complete')
    expect(result?.messages.map(({ code }) => code)).toEqual(['release-not-proved'])
    expect(device.isConfigured()).toBe(true)
  })

  test('is not proven while a plain port stays closed', async () => {
    const { around, port } = await commissioned()
    port.fault = ({ classId, service }): Fault | undefined =>
      classId === 0xf5 && service === 0x4c ? { kind: 'status', status: 0 } : undefined
    const { result } = await release(around, port)
    expect(result?.messages.map(({ code }) => code)).toEqual(['release-not-proved'])
    expect(result?.messages[0]?.evidence).toContain('tcp/44818')
  })

  test('survives that the answer to the reset is lost', async () => {
    const { around, device, port } = await commissioned()
    port.fault = (fact): Fault | undefined => (isReset(fact) ? { kind: 'disconnect', when: 'after' } : undefined)
    const { result } = await release(around, port)
    expect(result?.messages.map(({ code }) => code)).toEqual(['released'])
    expect(device.isConfigured()).toBe(false)
  })

  test('does not touch another unit at the address, nor one in protection mode', async () => {
    const first = await commissioned()
    const wrong = await release(first.around, first.port, { knownUnit: { serialNumber: 0x9999 } })
    expect(wrong.result?.messages.map(({ code }) => code)).toEqual(['device-replaced'])
    first.device.setProtectionMode(1)
    const held = await release(first.around, first.port)
    expect(held.result?.messages.map(({ code }) => code)).toEqual(['protection-mode'])
    expect(first.device.isConfigured()).toBe(true)
  })

  test('of a device that is gone says so', async () => {
    const { around, port } = await commissioned()
    port.down = true
    const { result } = await release(around, port)
    expect(result?.messages.map(({ code }) => code)).toEqual(['unreachable'])
  })
})
