import { internationalText, path } from '@cordon/core/cip'
import { isStatus } from '@cordon/core/client'
import { assembly, certificateManagement, cipSecurity, ethernetIpSecurity, file, identity } from '@cordon/core/objects'
import type { FaultKind } from '@cordon/core/policy'
import { connect, openClass3, openIo, type Session } from '@cordon/node/originator'
import { afterEach, describe, expect, it } from 'vitest'
import type { VirtualPlant } from '../src/plant.ts'
import {
  allRun,
  device,
  files,
  freshAddress,
  linePlant,
  removeDirectories,
  row,
  security,
  startPlant,
  stopPlants,
  unit,
  until,
} from './small-plant.ts'

const sessions: Session[] = []

afterEach(async () => {
  for (const session of sessions.splice(0)) await session.close()
  await stopPlants()
  await removeDirectories()
})

/** One adapter with CIP Security. `faults` is the part of the simulation file. */
function oneUnit(faults = '') {
  const address = freshAddress()
  const written = files(
    `devices:\n  Unit: { address: ${address}, zone: line }`,
    `devices:\n${unit('Unit', 'adapter', `${security}, assemblies: { 1: { direction: input, size: 4 }, 2: { direction: output, size: 4 } }${faults === '' ? '' : `, faults: [${faults}]`}`)}`,
  )
  return { ...written, address, origin: freshAddress() }
}

type Unit = ReturnType<typeof oneUnit>

async function plain(written: Unit): Promise<Session> {
  const session = await connect({
    address: written.address,
    transport: 'tcp',
    localAddress: written.origin,
    connectTimeoutMs: 5000,
    requestTimeoutMs: 2000,
  })
  sessions.push(session)
  return session
}

async function secured(written: Unit, transport: 'tls' | 'dtls' = 'tls', connectTimeoutMs = 5000): Promise<Session> {
  const session = await connect({
    address: written.address,
    transport,
    commissioning: true,
    localAddress: written.origin,
    connectTimeoutMs,
    requestTimeoutMs: 2000,
  })
  sessions.push(session)
  return session
}

const vendor = (session: Session, timeoutMs = 2000) => session.objects.get(identity, 1, 'vendorId', { timeoutMs })

async function tookMs(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now()
  await work()
  return performance.now() - begun
}

const io = (written: Unit) =>
  openIo({
    target: written.address,
    localAddress: written.origin,
    class: 1,
    path: path({ class: assembly.id, connectionPoints: [2, 1] }),
    rpiMs: 10,
    outputSize: 10,
    inputSize: 6,
    timeoutMultiplier: 64,
  })

describe('a unit that fails', () => {
  it('answers later with `delay`, connected messages included', async () => {
    const written = oneUnit()
    const { plant } = await startPlant(written)
    const session = await plain(written)
    await using connection = await openClass3(session)
    await plant.fault('Unit', { kind: 'delay', delayMs: 300 })
    expect(await tookMs(() => vendor(session))).toBeGreaterThanOrEqual(295)
    expect(await tookMs(() => connection.objects.get(identity, 1, 'vendorId'))).toBeGreaterThanOrEqual(295)
    expect(plant.devices()[0]?.faults).toEqual(['delay'])
    await plant.fault('Unit', null)
    expect(plant.devices()[0]?.faults).toEqual([])
    expect(await vendor(session)).toBe(77)
  })

  it('answers every request with the status of `wrong-answer`, and does nothing of what it was asked', async () => {
    const written = oneUnit()
    const { plant } = await startPlant(written)
    const session = await secured(written)
    await plant.fault('Unit', { kind: 'wrong-answer', status: 0x10 })
    const created = session.objects.call(certificateManagement, 0, 'create', 'x')
    await expect(created).rejects.toSatisfy((error) => isStatus(error, 0x10))
    await plant.fault('Unit', null)
    await using connection = await openClass3(session)
    await plant.fault('Unit', { kind: 'wrong-answer', status: 0x11 })
    await expect(connection.objects.call(certificateManagement, 0, 'create', 'y')).rejects.toSatisfy((error) =>
      isStatus(error, 0x11),
    )
    await plant.fault('Unit', null)
    expect(await session.objects.getClass(certificateManagement, 'certificateList')).toHaveLength(1)
  })

  it('has no room for certificates and files with `full-certificate-store`, everything else works', async () => {
    const written = oneUnit()
    const { plant } = await startPlant(written)
    const session = await secured(written)
    await plant.fault('Unit', { kind: 'full-certificate-store' })
    const full = (error: unknown) => isStatus(error, 0x02)
    await expect(session.objects.call(certificateManagement, 0, 'create', 'x')).rejects.toSatisfy(full)
    const newFile = { name: internationalText('f'), encoding: 'pemCertificate' } as const
    await expect(session.objects.call(file, 0, 'create', newFile)).rejects.toSatisfy(full)
    expect(await vendor(session)).toBe(77)
    await plant.fault('Unit', null)
    expect(await session.objects.call(certificateManagement, 0, 'create', 'x')).toBeGreaterThan(1)
  })

  it('refuses to be configured with `protection-mode` and says so in its Identity object', async () => {
    const written = oneUnit()
    const first = await startPlant(written)
    const session = await secured(written)
    await first.plant.fault('Unit', { kind: 'protection-mode' })
    expect(await session.objects.get(identity, 1, 'protectionMode')).not.toBe(0)
    await expect(session.objects.call(cipSecurity, 1, 'beginConfig', undefined)).rejects.toSatisfy((error) =>
      isStatus(error, 0x10),
    )
    expect(await session.objects.get(cipSecurity, 1, 'state')).toBe('factoryDefault')
    await first.plant.stop()
    // The switch is the fault, and a plant that is started without the fault has it in its normal place.
    const second = await startPlant(written, { directory: first.directory })
    const again = await secured(written)
    expect(await again.objects.get(identity, 1, 'protectionMode')).toBe(0)
    await second.plant.fault('Unit', { kind: 'protection-mode' })
    await second.plant.fault('Unit', null)
    await again.objects.call(cipSecurity, 1, 'beginConfig', undefined)
  })

  it('takes its time over Create_CSR with `slow-csr` and answers others meanwhile', async () => {
    const written = oneUnit()
    const { plant } = await startPlant(written)
    const session = await secured(written)
    const instance = await session.objects.call(certificateManagement, 0, 'create', 'x')
    await plant.fault('Unit', { kind: 'slow-csr', delayMs: 800 })
    const subject = {
      commonName: 'unit',
      organization: '',
      organizationalUnit: '',
      city: '',
      state: '',
      country: '',
      email: '',
      serialNumber: '',
    }
    const order: string[] = []
    const csr = tookMs(async () => {
      await session.objects.call(certificateManagement, instance, 'createCsr', subject)
      order.push('csr')
    })
    await vendor(session)
    order.push('identity')
    expect(await csr).toBeGreaterThanOrEqual(795)
    expect(order).toEqual(['identity', 'csr'])
  })

  it.each(['tls', 'dtls'] as const)(
    'takes its time over a %s handshake with `slow-handshake`, plain traffic does not wait',
    async (transport) => {
      const written = oneUnit()
      const { plant } = await startPlant(written)
      await plant.fault('Unit', { kind: 'slow-handshake', delayMs: 700 })
      const order: string[] = []
      const slow = tookMs(async () => {
        await secured(written, transport, 10_000)
        order.push(transport)
      })
      await vendor(await plain(written))
      order.push('tcp')
      expect(await slow).toBeGreaterThanOrEqual(695)
      expect(order).toEqual(['tcp', transport])
    },
  )

  it('keeps its sockets and answers nothing with `hang`, then goes on', async () => {
    const written = oneUnit()
    const { plant } = await startPlant(written)
    const session = await plain(written)
    await plant.fault('Unit', { kind: 'hang' })
    await expect(vendor(session, 300)).rejects.toMatchObject({ code: 'timeout' })
    await expect(
      connect({ address: written.address, transport: 'tcp', localAddress: written.origin, connectTimeoutMs: 300 }),
    ).rejects.toMatchObject({ code: 'timeout' })
    await expect(secured(written, 'tls', 500)).rejects.toMatchObject({ code: 'timeout' })
    await expect(secured(written, 'dtls', 500)).rejects.toMatchObject({ code: 'timeout' })
    expect(session.state).toBe('open')
    await plant.fault('Unit', null)
    expect(await vendor(session)).toBe(77)
  })

  it('loses its share of datagrams with `drop`, messages arrive', async () => {
    const written = oneUnit()
    const { plant } = await startPlant(written)
    await using connection = await io(written)
    await until(() => connection.statistics.received > 5, 'data flows')
    expect(connection.statistics.missed).toBe(0)
    await plant.fault('Unit', { kind: 'drop', share: 0.5 })
    await until(() => connection.statistics.missed > 10, 'some are lost')
    expect(connection.state).toBe('open')
    const before = connection.statistics.received
    await until(() => connection.statistics.received > before + 10, 'others arrive')
    await plant.fault('Unit', { kind: 'drop', share: 1 })
    await expect(plain(written)).rejects.toThrow()
    const silent = device(plant, 'Unit').device.connections(0)[0]?.received
    await plant.fault('Unit', null)
    const session = await plain(written)
    expect(await vendor(session)).toBe(77)
    await until(
      () => (device(plant, 'Unit').device.connections(0)[0]?.received ?? 0) > (silent ?? 0) + 3,
      'outputs arrive again',
    )
  })
})

describe('a power cycle', () => {
  it('ends every link, comes back with what the storage holds, and keeps the rest of the plant running', async () => {
    const written = linePlant()
    const { plant } = await startPlant(written)
    await allRun(plant)
    const before = { reads: row(plant, 'reads').received, io: row(plant, 'io') }
    const old = device(plant, 'Right_Module').device
    const cycle = plant.fault('Right_Module', { kind: 'power-cycle', downMs: 300 })
    await until(() => !plant.devices().some(({ name, running }) => name === 'Right_Module' && running), 'it is dark')
    expect(
      plant
        .devices()
        .filter(({ faults }) => faults.includes('power-cycle'))
        .map(({ name }) => name),
    ).toEqual(['Right_Module', 'Right_PLC'])
    expect(row(plant, 'back')).toMatchObject({ state: 'stopped', problem: 'Right_Module is switched off' })
    await cycle
    expect(device(plant, 'Right_Module').device).not.toBe(old)
    await until(() => plant.connections().every(({ state }) => state === 'open'), 'everything runs again')
    await until(() => row(plant, 'reads').received > before.reads, 'data flows')
    expect(row(plant, 'reads')).toMatchObject({ losses: 1, opens: 2 })
    expect(row(plant, 'back')).toMatchObject({ losses: 1, opens: 2 })
    expect(row(plant, 'io')).toMatchObject({ losses: 0, opens: 1 })
    expect(plant.devices().flatMap(({ faults }) => faults)).toEqual([])
  })

  it('makes the connections that a unit opens use the unit that came back', async () => {
    const written = linePlant()
    const { plant } = await startPlant(written)
    await allRun(plant)
    await plant.fault('Left_Module', { kind: 'power-cycle', downMs: 50 })
    await until(() => plant.connections().every(({ state }) => state === 'open'), 'everything runs again')
    const count = row(plant, 'io').received
    await until(() => row(plant, 'io').received > count + 5, 'data flows through the new sockets')
    expect(row(plant, 'io').transport).toBe('tcp')
  })

  it('takes back what was confirmed as stored, and nothing that was not applied', async () => {
    const written = oneUnit()
    const { plant } = await startPlant(written)
    const session = await secured(written)
    await session.objects.call(certificateManagement, 0, 'create', 'kept')
    await session.objects.call(ethernetIpSecurity, 1, 'beginConfig', undefined)
    await session.objects.set(ethernetIpSecurity, 1, 'checkExpiration', true)
    await plant.fault('Unit', { kind: 'power-cycle', downMs: 20 })
    await session.closed
    const again = await secured(written)
    const list = await again.objects.getClass(certificateManagement, 'certificateList')
    expect(list.map(({ name }) => name)).toContain('kept')
    expect(await again.objects.get(ethernetIpSecurity, 1, 'state')).toBe('factoryDefault')
    expect(await again.objects.get(ethernetIpSecurity, 1, 'checkExpiration')).toBe(false)
  })

  it('can be asked for twice at once: the second waits for the first', async () => {
    const written = oneUnit()
    const { plant } = await startPlant(written)
    const fault: FaultKind = { kind: 'power-cycle', downMs: 50 }
    await Promise.all([plant.fault('Unit', fault), plant.fault('Unit', fault)])
    expect(await vendor(await plain(written))).toBe(77)
  })

  it('that is under way does not keep a plant from ending', async () => {
    const { plant } = await startPlant(oneUnit())
    const cycle = plant.fault('Unit', { kind: 'power-cycle', downMs: 600_000 })
    const refused = expect(cycle).rejects.toMatchObject({ code: 'aborted' })
    await plant.stop()
    await refused
  })

  it('happens when a Reset of the Identity object asks for it', async () => {
    const written = linePlant()
    const { plant } = await startPlant(written)
    await allRun(plant)
    const session = await connect({ address: written.b, transport: 'tcp', localAddress: written.panel })
    sessions.push(session)
    await session.objects.call(identity, 1, 'reset', 0)
    await session.closed
    await until(
      () => row(plant, 'reads').opens === 2 && row(plant, 'back').opens === 2,
      'connections in both directions begin anew',
    )
    await until(() => plant.connections().every(({ state }) => state === 'open'), 'everything runs again')
  })
})

describe('a pulled cable', () => {
  it('silences a unit for both ends of its connections, and what comes after needs no help', async () => {
    const written = linePlant()
    const { plant, log } = await startPlant(written)
    await allRun(plant)
    plant.setCable('Remote_IO', true)
    expect(plant.devices().find(({ name }) => name === 'Remote_IO')?.cablePulled).toBe(true)
    await until(() => row(plant, 'io').losses === 1, 'the originator notices')
    expect(row(plant, 'io').problem).toMatch(/no data|no answer|timeout|not answer/)
    plant.setCable('Remote_IO', false)
    await until(() => row(plant, 'io').state === 'open', 'it runs again')
    expect(row(plant, 'consumes').losses).toBe(0)
    expect(log.filter(({ message }) => message.includes('cable')).map(({ message }) => message)).toEqual([
      'its cable is pulled out',
      'its cable is in again',
    ])
  })
})

describe('a pulled cable of a unit that opens connections', () => {
  it('cuts those too, also where the unit does not listen, and all comes back by itself', async () => {
    const { plant } = await startPlant(linePlant())
    await allRun(plant)
    const units = ['Left_Module', 'Panel']
    const mine = () => plant.connections().filter(({ from }) => units.includes(from))
    expect(new Set(mine().map(({ class: each }) => each))).toEqual(new Set([0, 1, 3]))
    for (const name of units) plant.setCable(name, true)
    await until(() => mine().every(({ losses }) => losses > 0), 'its own ends notice')
    const during = mine().map(({ received }) => received)
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(mine().map(({ received }) => received)).toEqual(during)
    expect(mine().every(({ state }) => state !== 'open')).toBe(true)
    for (const name of units) plant.setCable(name, false)
    await until(
      () => mine().every(({ state, received }, i) => state === 'open' && received > (during[i] ?? 0)),
      'everything runs again',
    )
  })

  it('differs from datagrams that are lost by chance, which it takes again when the fault is over', async () => {
    const { plant } = await startPlant(linePlant())
    await allRun(plant)
    await plant.fault('Panel', { kind: 'drop', share: 1 })
    await plant.fault('Left_Module', { kind: 'drop', share: 1 })
    await until(() => row(plant, 'io').losses > 0, 'all plain I/O of the originator is lost')
    await device(plant, 'Panel').heal('drop')
    await device(plant, 'Left_Module').heal('drop')
    await until(() => plant.connections().every(({ state }) => state === 'open'), 'everything runs again')
  })

  it('keeps a unit from neither ending nor restarting', async () => {
    const { plant } = await startPlant(linePlant())
    await allRun(plant)
    for (const name of ['Left_Module', 'Panel']) plant.setCable(name, true)
    await plant.fault('Left_Module', { kind: 'power-cycle', downMs: 10 })
    await plant.stop()
  })
})

describe('faults of the simulation file', () => {
  const kinds = (plant: VirtualPlant) => plant.devices()[0]?.faults

  it('strike at once, or after a time, and end when they are to', async () => {
    const written = oneUnit(
      '{ kind: delay, delay: 10ms }, { kind: wrong-answer, status: 8, after: 200ms, lasts: 300ms }',
    )
    const { plant, log } = await startPlant(written)
    expect(kinds(plant)).toEqual(['delay'])
    await until(() => kinds(plant)?.includes('wrong-answer') === true, 'it strikes')
    const session = await plain(written)
    await until(() => kinds(plant)?.includes('wrong-answer') === false, 'it ends')
    expect(await vendor(session)).toBe(77)
    expect(kinds(plant)).toEqual(['delay'])
    expect(log.filter(({ severity }) => severity === 'notice').map(({ message }) => message)).toEqual([
      'fault: delay',
      'fault: wrong-answer',
      'fault is over: wrong-answer',
    ])
  })

  it('strike at the n-th request of a service, which meets them already', async () => {
    const written = oneUnit('{ kind: wrong-answer, status: 8, request: { class: 0x5F, service: 0x08, occurrence: 2 } }')
    await startPlant(written)
    const session = await secured(written)
    expect(await session.objects.call(certificateManagement, 0, 'create', 'one')).toBe(2)
    await expect(session.objects.call(certificateManagement, 0, 'create', 'two')).rejects.toSatisfy((error) =>
      isStatus(error, 0x08),
    )
  })

  it('power-cycle a unit in the middle of a request, which is then neither done nor answered', async () => {
    const written = oneUnit('{ kind: power-cycle, down: 100ms, request: { class: 0x5F, service: 0x08 } }')
    const { plant } = await startPlant(written)
    const session = await secured(written)
    await expect(session.objects.call(certificateManagement, 0, 'create', 'lost')).rejects.toMatchObject({
      name: 'TransportError',
    })
    await until(() => plant.devices()[0]?.running === true && kinds(plant)?.length === 0, 'it is back')
    const again = await secured(written)
    const list = await again.objects.getClass(certificateManagement, 'certificateList')
    expect(list.map(({ name }) => name)).not.toContain('lost')
    // It strikes once.
    expect(await again.objects.call(certificateManagement, 0, 'create', 'second')).toBe(2)
  })

  it('see services inside a Multiple_Service_Packet', async () => {
    const written = oneUnit('{ kind: hang, request: { class: 1, service: 0x0E }, lasts: 200ms }')
    const { plant } = await startPlant(written)
    const session = await plain(written)
    const inner = [0x0e, 0x03, 0x20, 0x01, 0x24, 0x01, 0x30, 0x01]
    const packet = Uint8Array.of(1, 0, 4, 0, ...inner)
    const asked = session.request(
      { service: 0x0a, path: path({ class: 2, instance: 1 }), data: packet },
      { timeoutMs: 600 },
    )
    await until(() => kinds(plant)?.includes('hang') === true, 'it hangs')
    // What it was asked before it hung is lost.
    await expect(Promise.race([asked, session.closed])).rejects.toThrow()
  })

  it('are refused by name when they strike at nobody', async () => {
    const { plant } = await startPlant(oneUnit())
    await expect(plant.fault('Nobody', { kind: 'hang' })).rejects.toMatchObject({
      code: 'missing',
      message: expect.stringContaining('Unit'),
    })
  })
})

describe('faults of a controller behind a module', () => {
  it('concern it alone, whichever way it is asked', async () => {
    const written = linePlant()
    const { plant } = await startPlant(written)
    await allRun(plant)
    await plant.fault('Right_PLC', { kind: 'wrong-answer', status: 0x08 })
    const reads = row(plant, 'reads').received
    await until(() => row(plant, 'reads').received > reads + 3, 'the connection goes on')
    await using session = await connect({ address: written.b, transport: 'tcp', localAddress: written.panel })
    expect(await session.objects.get(identity, 1, 'vendorId')).toBe(77)
    await plant.fault('Right_PLC', null)
  })
})
