import type { DeploymentEvent } from '@cordon/core/deployment'
import { describe, expect, test } from 'vitest'
import { PlantInMemory, problems } from './plant-fixture.ts'

const head = `
version: 1
plant: line
nonSecure: deny
suites: [0xC023, 0xC024, 0xC006]
manager: Manager
`
const zones = `
zones:
  green: { authentication: certificate, messaging: confidentiality, io: integrity, close: [tcp/44818, udp/2222] }
  operations: { authentication: certificate, messaging: confidentiality, io: deny }
`
const line = `${head}${zones}
devices:
  PLC:     { address: 192.0.2.20, zone: green }
  Drive:   { address: 192.0.2.21, zone: green, role: target }
  Valve:   { address: 192.0.2.22, zone: green, role: target }
  Manager: { address: 192.0.2.9, zone: operations, role: originator, io: deny }
connections:
  - { name: PLC_Drive, from: PLC, to: Drive, opens: { assembly: { output: 2, input: 1 } }, class: 1, rpi: 20ms, outputSize: 10, inputSize: 6 }
  - { name: PLC_Drive_asks, from: PLC, to: Drive, class: 3, rpi: 1s, outputSize: 502, inputSize: 502 }
  - { name: PLC_Valve, from: PLC, to: Valve, opens: { assembly: { output: 2, input: 1 } }, class: 1, rpi: 20ms, outputSize: 10, inputSize: 6 }
`

/** The originator of the plant: reports each connection when its rules send it the secured way. */
function originate(
  plant: PlantInMemory,
  connections: Readonly<Record<string, readonly [string, 'tcp' | 'udp']>>,
): void {
  const moved = new Set<string>()
  let next = plant.time.now()
  plant.time.add({
    deadline: () => (moved.size === Object.keys(connections).length || next > 200_000 ? undefined : next),
    tick: () => {
      next += 10
      for (const [connection, [ip, protocol]] of Object.entries(connections)) {
        if (moved.has(connection) || !plant.device('PLC').egress(ip, protocol).secure) continue
        moved.add(connection)
        plant.moves.report({
          connection,
          movedAt: plant.time.date(),
          gapMs: 12,
          from: 'tcp',
          to: protocol === 'tcp' ? 'tls' : 'dtls',
          suite: 0xc006,
        })
      }
    },
  })
}

const all = {
  PLC_Drive: ['192.0.2.21', 'udp'],
  PLC_Drive_asks: ['192.0.2.21', 'tcp'],
  PLC_Valve: ['192.0.2.22', 'udp'],
} as const

test('a deployment that finishes what an earlier one began does not ask to finish it', async () => {
  const plant = await PlantInMemory.create(line)
  originate(plant, all)
  const plan = await plant.plan({ unfinished: new Set(['Drive']) })
  expect(plan.devices.find(({ device }) => device === 'Drive')?.messages.map(({ code }) => code)).toContain(
    'unfinished',
  )
  const report = await plant.deploy({ plan })
  const drive = report?.devices.find(({ device }) => device === 'Drive')
  expect(drive?.outcome).toBe('complete')
  expect(drive?.messages.map(({ code }) => code)).not.toContain('unfinished')
})

describe('a deployment over a plant', () => {
  test('goes in phases: identities of all, then connections one by one, then final rules, plain ports last', async () => {
    const plant = await PlantInMemory.create(line)
    originate(plant, all)
    const events: DeploymentEvent[] = []
    const report = await plant.deploy({ emit: (event) => events.push(event) })
    expect(problems(report)).toEqual({})
    expect(events.flatMap((event) => (event.kind === 'phase' ? [event.phase] : []))).toEqual([
      'identities',
      'final rules',
      'plain ports',
    ])
    const steps = plant.journal.entries
      .filter(({ phase }) => phase === 'begin')
      .map(({ device, step }) => `${device} ${step}`)
    const first = (step: string) => steps.findIndex((entry) => entry.endsWith(` ${step}`))
    const last = (step: string) => steps.findLastIndex((entry) => entry.endsWith(` ${step}`))
    expect(last('overlap-rules')).toBeLessThan(first('switch'))
    expect(last('switch')).toBeLessThan(first('final-rules'))
    expect(last('final-rules')).toBeLessThan(first('ports'))
    expect(steps.filter((entry) => entry.endsWith(' switch'))).toHaveLength(3)
    for (const device of plant.devices.values()) {
      expect(device.ports().filter(({ open }) => !open)).toHaveLength(2)
      expect(device.isConfigured()).toBe(true)
    }
  })

  test('measures the gap of every connection', async () => {
    const plant = await PlantInMemory.create(line)
    originate(plant, all)
    const report = await plant.deploy()
    expect(
      report?.connections.map(({ connection, gapMs, after, outcome }) => [
        connection,
        gapMs,
        after?.transport,
        outcome,
      ]),
    ).toEqual([
      ['PLC_Drive', 12, 'dtls', 'complete'],
      ['PLC_Drive_asks', 12, 'tls', 'complete'],
      ['PLC_Valve', 12, 'dtls', 'complete'],
    ])
  })

  test('keeps plain open at both ends of a connection that does not move, and closes the rest', async () => {
    const plant = await PlantInMemory.create(line)
    const { PLC_Drive, PLC_Drive_asks } = all
    originate(plant, { PLC_Drive, PLC_Drive_asks })
    const report = await plant.deploy()
    expect(report?.outcome).toBe('not-complete')
    expect(
      report?.connections.find(({ connection }) => connection === 'PLC_Valve')?.messages.map(({ code }) => code),
    ).toEqual(['connection-not-moved'])
    expect(problems(report)).toEqual({ PLC: ['ports-left-open'], Valve: ['ports-left-open'] })
    const open = (name: string) =>
      plant
        .device(name)
        .ports()
        .every((port) => port.open)
    expect([open('PLC'), open('Valve'), open('Drive')]).toEqual([true, true, false])
    expect(plant.device('Valve').admit('192.0.2.20', 44818, 'tcp').allowed).toBe(true)
    // Later the cable is mended: the same plan again brings the rest.
    originate(plant, { PLC_Valve: all.PLC_Valve })
    const again = await plant.deploy()
    expect(problems(again)).toEqual({})
    expect([open('PLC'), open('Valve')]).toEqual([false, false])
  })

  test('never switches a connection to a target that was not configured', async () => {
    const plant = await PlantInMemory.create(line)
    originate(plant, all)
    plant.device('Valve').setProtectionMode(1)
    const report = await plant.deploy()
    expect(problems(report)['Valve']).toEqual(['protection-mode'])
    expect(report?.connections.find(({ connection }) => connection === 'PLC_Valve')?.messages[0]?.evidence).toBe(
      'Valve was refused, see there',
    )
    expect(plant.device('PLC').egress('192.0.2.22', 'udp').secure).toBe(false)
    expect(plant.device('PLC').egress('192.0.2.21', 'udp').secure).toBe(true)
  })

  test('goes on where nobody reports moves, and says that they were not measured', async () => {
    const plant = await PlantInMemory.create(line)
    const report = await plant.deploy({ moves: undefined })
    expect(report?.outcome).toBe('complete-with-warnings')
    expect(report?.connections.flatMap(({ messages }) => messages.map(({ code }) => code))).toEqual(
      Array(3).fill('connection-not-measured'),
    )
    expect(
      plant
        .device('Valve')
        .ports()
        .filter(({ open }) => !open),
    ).toHaveLength(2)
  })

  test('of which nothing is left to do finds every device as wanted', async () => {
    const plant = await PlantInMemory.create(line)
    originate(plant, all)
    await plant.deploy()
    const plan = await plant.plan()
    expect(plan.devices.map(({ action }) => action)).toEqual(['nothing', 'nothing', 'nothing'])
    expect(plan.connections.some(({ moves }) => moves)).toBe(false)
    const again = await plant.deploy({ plan })
    expect(again?.devices.map(({ configuration }) => configuration)).toEqual(['unchanged', 'unchanged', 'unchanged'])
  })

  test('survives a device that loses its power in the middle, and finishes it at the next attempt', async () => {
    const plant = await PlantInMemory.create(line)
    originate(plant, all)
    const port = plant.port('Drive')
    let cut = false
    port.fault = ({ classId, service }) => {
      if (cut || classId !== 0x5e || service !== 0x10) return undefined
      cut = true
      port.powerCycle()
      return undefined
    }
    const report = await plant.deploy()
    expect(problems(report)['Drive']?.length).toBeGreaterThan(0)
    expect(report?.devices.find(({ device }) => device === 'Drive')?.configuration).toBe('old')
    port.fault = undefined
    const again = await plant.deploy()
    expect(problems(again)).toEqual({})
  })

  test('works on no more than so many devices at a time', async () => {
    for (const concurrency of [1, 2]) {
      const plant = await PlantInMemory.create(line)
      originate(plant, all)
      const busy = new Set<string>()
      let most = 0
      plant.heard = (event) => {
        if (event.kind !== 'step') return
        if (event.step === 'begin-config' && event.state === 'begin') busy.add(event.device)
        most = Math.max(most, busy.size)
        if (event.step === 'clean-up' && event.state === 'done') busy.delete(event.device)
      }
      await plant.deploy({ concurrency })
      expect(most).toBe(concurrency)
    }
  })
})

describe('devices that know single certificates', () => {
  const named = `${head}
zones:
  green: { authentication: certificate, messaging: confidentiality, io: integrity }
  blue: { authentication: certificate, messaging: confidentiality, io: integrity }
  operations: { authentication: certificate, messaging: confidentiality, io: deny }
devices:
  PLC:     { address: 192.0.2.20, zone: green }
  Drive:   { address: 192.0.2.21, zone: blue }
  Manager: { address: 192.0.2.9, zone: operations, role: originator, io: deny }
conduits:
  - { between: [PLC, Drive], authentication: certificate, messaging: confidentiality, io: integrity }
`

  test('get theirs before any of them is configured, so that each can be told of the others', async () => {
    const plant = await PlantInMemory.create(named)
    const targets = plant.targets()
    expect(targets.get('PLC')?.settings.identities).toContain('Drive')
    const report = await plant.deploy()
    expect(problems(report)).toEqual({})
    const trusted = (name: string) => plant.device(name).security().trusted.length
    expect(trusted('PLC')).toBeGreaterThan(0)
    expect(trusted('Drive')).toBeGreaterThan(0)
    const begins = plant.journal.entries.filter(({ phase }) => phase === 'begin')
    expect(begins.findLastIndex(({ step }) => step === 'key')).toBeLessThan(
      begins.findIndex(({ step }) => step === 'begin-config'),
    )
    expect((await plant.plan()).devices.map(({ action }) => action)).toEqual(['nothing', 'nothing'])
  })

  test('wait for peers whose certificate could not be made, and say for whom', async () => {
    const plant = await PlantInMemory.create(named)
    plant.device('Drive').setProtectionMode(1)
    const plan = await plant.plan()
    expect(plan.devices.find(({ device }) => device === 'Drive')?.action).toBe('refused')
    const report = await plant.deploy({ plan })
    expect(problems(report)['PLC']).toEqual(['waiting-for-peers'])
    expect(
      report?.devices.find(({ device }) => device === 'PLC')?.messages.find(({ code }) => code === 'waiting-for-peers')
        ?.evidence,
    ).toBe('Drive')
    expect(plant.device('PLC').isConfigured()).toBe(false)
  })
})

describe('the order of a plan', () => {
  test('puts modules in front of a chassis, and the device that others are reached through, last', async () => {
    const plant = await PlantInMemory.create(`${head}${zones}
chassis:
  rack: { slots: { 0: Controller, 1: Module } }
devices:
  Module:     { address: 192.0.2.20, zone: green }
  Controller: { zone: green }
  Drive:      { address: 192.0.2.21, zone: green, role: target }
  Gateway:    { address: 192.0.2.22, zone: green }
  Manager:    { address: 192.0.2.9, zone: operations, role: originator, io: deny }
`)
    const plan = await plant.plan({ routes: new Map([['Drive', 'Gateway']]) })
    const rank = new Map(plan.devices.map((device) => [device.device, device.rank]))
    expect(rank.get('Module')).toBeGreaterThan(0)
    expect(rank.get('Gateway')).toBeGreaterThan(rank.get('Drive') ?? 99)
    expect(plan.devices.map(({ device }) => device)[0]).toBe('Drive')
  })

  test('names each device’s changes, steps and fingerprint, survives JSON, and is the same when made again', async () => {
    const plant = await PlantInMemory.create(line)
    const plan = await plant.plan()
    const drive = plan.devices.find(({ device }) => device === 'Drive')
    expect(drive?.action).toBe('commission')
    expect(drive?.steps).toEqual([
      'read',
      'key',
      'certificate',
      'begin-config',
      'files',
      'install',
      'settings',
      'review',
      'apply',
      'identity',
      'end-config',
      'read-back',
      'clean-up',
      'overlap-rules',
      'final-rules',
      'ports',
      'complete',
    ])
    expect(drive?.changes.map(({ what }) => what)).toContain('certificate')
    expect(drive?.fingerprint).toMatch(/^[0-9a-f]{64}$/)
    expect(JSON.parse(JSON.stringify(plan))).toEqual(JSON.parse(JSON.stringify(await plant.plan())))
    expect((await plant.plan()).digest).toBe(plan.digest)
  })

  test('lists devices under policy that the plant file does not name, with the choice', async () => {
    const plant = await PlantInMemory.create(line)
    const plan = await plant.plan({ former: [{ device: 'Old_PLC', address: '192.0.2.99' }] })
    expect(plan.messages.map(({ code, next }) => [code, next.includes('cordon release PLANT Old_PLC')])).toEqual([
      ['orphan-in-force', true],
    ])
    expect(plan.outcome).toBe('complete-with-warnings')
  })

  test('says which promises nobody can enforce, and that a device without CIP Security is left', async () => {
    const plant = await PlantInMemory.create(`${head.replace('deny', 'allow')}
zones:
  green: { authentication: certificate, messaging: confidentiality, io: integrity, nonSecure: allow }
  operations: { authentication: certificate, messaging: confidentiality, io: deny }
devices:
  PLC:     { address: 192.0.2.20, zone: green }
  Old_IO:  { address: 192.0.2.40, zone: green, capability: none }
  Manager: { address: 192.0.2.9, zone: operations, role: originator, io: deny }
conduits:
  - { between: [PLC, Old_IO], authentication: trusted-ip }
`)
    const plan = await plant.plan()
    const old = plan.devices.find(({ device }) => device === 'Old_IO')
    expect(old?.action).toBe('leave')
    expect(old?.messages.map(({ code }) => code)).toContain('capability-none')
    expect(plan.devices.flatMap(({ messages }) => messages.map(({ code }) => code))).toContain('not-enforceable')
    const report = await plant.deploy({ plan })
    expect(report?.outcome).toBe('complete-with-warnings')
    const unit = {
      vendorId: 1,
      deviceType: 12,
      productCode: 7,
      major: 1,
      minor: 1,
      serialNumber: 0x40,
      productName: 'Old IO',
    }
    const asked = (capable: boolean) => plant.plan({ discovered: new Map([['Old_IO', { unit, capable }]]) })
    const codes = async (capable: boolean) =>
      (await asked(capable)).devices.find(({ device }) => device === 'Old_IO')?.messages.map(({ code }) => code)
    expect(await codes(false)).toContain('capability-none')
    expect(await codes(true)).toContain('capable-after-all')
  })
})

describe('a deployment that died after certificates were made', () => {
  test('tells devices of the certificates that their peers get at the next attempt', async () => {
    const plant = await PlantInMemory.create(`${head}
zones:
  green: { authentication: certificate, messaging: confidentiality, io: integrity }
  blue: { authentication: certificate, messaging: confidentiality, io: integrity }
  operations: { authentication: certificate, messaging: confidentiality, io: deny }
devices:
  PLC:     { address: 192.0.2.20, zone: green }
  Drive:   { address: 192.0.2.21, zone: blue }
  Manager: { address: 192.0.2.9, zone: operations, role: originator, io: deny }
conduits:
  - { between: [PLC, Drive], authentication: certificate, messaging: confidentiality, io: integrity }
`)
    // The PLC is configured and waits for End_Config; the Drive has a key that nobody remembers.
    plant.port('PLC').fault = ({ classId, service }) =>
      classId === 0x5d && service === 0x4d ? { kind: 'crash', when: 'before' } : undefined
    plant.port('Drive').fault = ({ classId, service }) =>
      classId === 0x5d && service === 0x4b ? { kind: 'crash', when: 'before' } : undefined
    expect(await plant.deploy({ moves: undefined })).toBeUndefined()
    expect(plant.device('PLC').persist().state.cipSecurity).toBe('incompleteConfiguration')
    await plant.time.pass(15_000)
    plant.revive()
    const report = await plant.deploy({ moves: undefined })
    expect(problems(report)).toEqual({})
    expect((await plant.plan()).devices.map(({ action }) => action)).toEqual(['nothing', 'nothing'])
  })
})
