import { dataTypes, path, tagValues } from '@cordon/core/cip'
import { upload } from '@cordon/core/client'
import { UsageError } from '@cordon/core/errors'
import { EntropyPool, type NoiseSource } from '@cordon/node/entropy'
import { connect, discover, openIo } from '@cordon/node/originator'
import { assembly, certificateManagement, fileInstances } from '@cordon/core/objects'
import { randomBytes } from 'node:crypto'
import { Controller } from 'st-ethernet-ip'
import { afterEach, describe, expect, it } from 'vitest'
import { VirtualPlant } from '../src/plant.ts'
import {
  allRun,
  device,
  files,
  freshAddress,
  freshDirectory,
  linePlant,
  removeDirectories,
  row,
  sealingKey,
  security,
  startPlant,
  stopPlants,
  testAddress,
  unit,
  until,
} from './small-plant.ts'

afterEach(async () => {
  await stopPlants()
  await removeDirectories()
})

const int32 = (data: Uint8Array | undefined): number =>
  Number(
    tagValues({
      type: { kind: 'elementary', code: dataTypes.DINT.code },
      data: (data ?? new Uint8Array(4)).slice(0, 4),
    })[0],
  )

describe('a virtual plant', () => {
  it('runs the connections of its plant file in plain, with their sizes, intervals and serial numbers', async () => {
    const { plant } = await startPlant(linePlant())
    await allRun(plant)
    expect(plant.connections().map(({ name }) => name)).toEqual([
      'consumes',
      'keepalive',
      'io',
      'messages',
      'reads',
      'back',
    ])
    expect(row(plant, 'consumes')).toMatchObject({
      from: 'Left_Module',
      to: 'Right_Module',
      class: 1,
      state: 'open',
      transport: 'tcp',
      suite: undefined,
      protection: 'None',
      serial: 101,
      sizes: [2, 42],
      rpiMs: 20,
      missed: 0,
      opens: 1,
      losses: 0,
      problem: undefined,
    })
    expect(row(plant, 'io')).toMatchObject({ class: 0, serial: 103, sizes: [12, 16] })
    expect(row(plant, 'messages')).toMatchObject({ class: 3, serial: 104, sizes: [502, 502], rpiMs: 100 })
    expect(Date.parse(row(plant, 'consumes').lastDataAt ?? '')).toBeGreaterThan(Date.now() - 60_000)
  })

  it('carries a produced tag of a controller behind a module to its consumer, as it changes', async () => {
    const { plant } = await startPlant(linePlant())
    await allRun(plant, 'consumes', 'back')
    const first = int32(plant.received('consumes'))
    await until(() => int32(plant.received('consumes')) > first + 3, 'the consumed tag counts')
    expect(plant.received('consumes')).toHaveLength(40)
    expect(int32(plant.received('back'))).toBe(42)
    device(plant, 'Left_PLC').device.setTag('Answer', [-7], plant.now())
    await until(() => int32(plant.received('back')) === -7, 'the new value arrives')
  })

  it('carries outputs to an adapter and its inputs back', async () => {
    const { plant } = await startPlant(linePlant())
    await allRun(plant, 'io')
    const adapter = device(plant, 'Remote_IO').device
    const output = int32(adapter.assembly(100))
    await until(() => int32(adapter.assembly(100)) > output, 'output data moves')
    const input = int32(plant.received('io'))
    await until(() => int32(plant.received('io')) > input, 'input data moves')
    expect(plant.received('io')).toHaveLength(16)
  })

  it('reads a tag over class 3 through a module', async () => {
    const { plant } = await startPlant(linePlant())
    await allRun(plant, 'reads')
    expect(new TextDecoder().decode(plant.received('reads'))).toContain('Hello')
  })

  it('shares one session per pair of addresses among the connections of one originator', async () => {
    const { plant } = await startPlant(linePlant())
    await allRun(plant)
    const peers = device(plant, 'Right_Module')
      .host?.associations()
      .map(({ transport, peer }) => `${transport} ${peer.address}`)
    expect(peers?.sort()).toEqual(
      [`tcp ${testAddressOf(plant, 'Left_Module')}`, `tcp ${testAddressOf(plant, 'Panel')}`].sort(),
    )
  })

  it('binds what it opens to the own address of the device that opens it', async () => {
    const { plant } = await startPlant(linePlant())
    await allRun(plant)
    const rows = device(plant, 'Right_Module').device.connections(plant.now())
    expect(rows.find(({ triad }) => triad.connectionSerialNumber === 101)?.peer.address).toBe(
      testAddressOf(plant, 'Left_Module'),
    )
    const own = new Set(plant.plant.devices.map(({ address }) => address))
    for (const { peer } of rows) expect(own).toContain(peer.address)
  })

  it('begins what is for later when it is told, and only once', async () => {
    const { plant } = await startPlant(linePlant())
    expect(plant.connections().some(({ name }) => name === 'later')).toBe(false)
    expect(await plant.startLater()).toEqual(['later'])
    expect(await plant.startLater()).toEqual([])
    await allRun(plant, 'later')
  })

  it('begins everything at once when asked to', async () => {
    const { plant } = await startPlant(linePlant(), { all: true })
    await allRun(plant, 'later')
  })

  it('sets outputs to zero, or holds them, when their connection is lost', async () => {
    const [zero, hold, origin] = [freshAddress(), freshAddress(), freshAddress()]
    const written = files(
      `devices:
  Zero: { address: ${zero}, zone: line }
  Hold: { address: ${hold}, zone: line }`,
      `devices:
${unit('Zero', 'adapter', 'security: none, assemblies: { 1: { direction: input, size: 2 }, 2: { direction: output, size: 4, onLoss: zero } }')}
${unit('Hold', 'adapter', 'security: none, assemblies: { 1: { direction: input, size: 2 }, 2: { direction: output, size: 4, onLoss: hold } }')}`,
    )
    const { plant, log } = await startPlant(written)
    const open = (target: string) =>
      openIo({
        target,
        localAddress: origin,
        class: 1,
        path: path({ class: assembly.id, connectionPoints: [2, 1] }),
        rpiMs: 20,
        outputSize: 10,
        inputSize: 4,
        produce: (output) => output.fill(9),
      })
    const sessions = [await open(zero), await open(hold)]
    const outputs = () => [zero, hold].map((_, i) => [...device(plant, i === 0 ? 'Zero' : 'Hold').device.assembly(2)])
    for (const session of sessions) session.run = true
    await until(
      () =>
        outputs()
          .flat()
          .every((byte) => byte === 9),
      'outputs arrive',
    )
    // Nothing is said: the adapters hear their originator no more and notice by their watchdogs.
    for (const name of ['Zero', 'Hold']) plant.setCable(name, true)
    await until(() => outputs()[0]?.every((byte) => byte === 0) === true, 'outputs go to zero')
    await until(() => log.filter(({ message }) => message.includes('timed out')).length >= 2, 'both noticed')
    expect(outputs()).toEqual([
      [0, 0, 0, 0],
      [9, 9, 9, 9],
    ])
    await Promise.all(sessions.map((session) => session.close()))
  })

  it('answers ListIdentity to all from the own address of each device', async () => {
    const written = linePlant()
    const broadcast = freshAddress()
    await startPlant(written, { broadcast })
    const found = await discover({ broadcast: [broadcast], localAddress: written.panel })
    expect(found.map(({ address }) => address).sort()).toEqual([written.a, written.b, written.io].sort())
    const second = startPlant(linePlant(), { broadcast })
    await expect(second).rejects.toThrow(/another plant .* answers discovery .*--no-broadcast/)
  })

  it('goes on with the entropy that is left, and refuses sessions and keys when none is', async () => {
    const address = freshAddress()
    const written = files(
      `devices:\n  Small: { address: ${address}, zone: line }`,
      `devices:\n${unit('Small', 'adapter', security)}`,
    )
    const spoilt = new Set<string>()
    const source = (name: string): NoiseSource => ({
      name,
      width: 8,
      entropy: 8,
      read: (count) => (spoilt.has(name) ? new Uint8Array(count) : randomBytes(count)),
    })
    await using entropy = new EntropyPool({ sources: [source('first'), source('second')] })
    const { plant, log, directory } = await startPlant(written, { entropy })
    const open = () =>
      connect({ address, transport: 'tls', commissioning: true, localAddress: freshAddress(), connectTimeoutMs: 2000 })
    spoilt.add('first')
    await entropy.refresh()
    expect(plant.entropy.state).toBe('degraded')
    expect(log.at(-1)).toMatchObject({
      severity: 'warning',
      message: expect.stringMatching(/first failed.*with second$/),
    })
    const session = await open()
    spoilt.add('second')
    await entropy.refresh()
    expect(plant.entropy.state).toBe('failed')
    expect(log.at(-1)).toMatchObject({ severity: 'error', message: expect.stringContaining('no keys and no sessions') })
    await expect(open()).rejects.toThrow()
    expect(log.at(-1)?.message).toMatch(/^no-entropy .*no entropy source is left/)
    // What was open stays open, but no key is made over it.
    const instance = await session.objects.call(certificateManagement, 0, 'create', 'ops')
    await expect(
      session.objects.call(certificateManagement, instance, 'createCsr', {
        commonName: 'small',
        organization: '',
        organizationalUnit: '',
        city: '',
        state: '',
        country: '',
        email: '',
        serialNumber: '',
        subjectAlternativeName: '',
      }),
    ).rejects.toMatchObject({ details: { status: 0x02 } })
    await session.close()
    await plant.stop()
    // A plant that is there comes back without keys; one that has to make some does not.
    await (await startPlant(written, { entropy, directory })).plant.stop()
    await expect(startPlant(written, { entropy })).rejects.toThrow(/keys are refused: no entropy source is left/)
  })

  it('enforces the stated number of TLS sessions and DTLS associations', async () => {
    const address = freshAddress()
    const written = files(
      `devices:\n  Small: { address: ${address}, zone: line }`,
      `devices:\n${unit('Small', 'adapter', `${security}, capacity: { connections: 4, sessions: 8, tls: 2, dtls: 1 }`)}`,
    )
    const { log } = await startPlant(written)
    const open = (transport: 'tls' | 'dtls') =>
      connect({ address, transport, commissioning: true, localAddress: freshAddress(), connectTimeoutMs: 2000 })
    const sessions = [await open('tls'), await open('tls'), await open('dtls')]
    await expect(open('tls')).rejects.toThrow()
    await expect(open('dtls')).rejects.toThrow()
    expect(log.some(({ message }) => message.includes('TLS sessions is used up'))).toBe(true)
    await sessions[0]?.close()
    const again = await open('tls')
    for (const session of [...sessions, again]) await session.close()
  })

  it('states in the data sheet that it serves the capacity that it keeps', async () => {
    const address = freshAddress()
    const capacity = 'capacity: { connections: 12, sessions: 5, tls: 3, dtls: 2, minimumRpi: 4ms }'
    const written = files(
      `devices:\n  Small: { address: ${address}, zone: line }`,
      `devices:\n${unit('Small', 'adapter', `security: none, ${capacity}`)}`,
    )
    await startPlant(written)
    await using session = await connect({ address, transport: 'tcp', localAddress: freshAddress() })
    const sheet = new TextDecoder().decode(await upload(session.objects, fileInstances.eds))
    expect(sheet).toContain('VendCode = 77;')
    expect(sheet).toContain('ProdName = "Test adapter";')
    const stated = [
      'MaxIOConnections = 12;',
      'TSpec1 = TxRx, 511, 250;',
      'Max_TLS_Sessions = 3;',
      'Max_DTLS_Associations = 2;',
    ]
    for (const line of stated) expect(sheet).toContain(line)
  })

  it('ends all that was started when something cannot start', async () => {
    const written = linePlant()
    const blocked = await startPlant(written)
    await expect(
      VirtualPlant.start({ ...written, directory: await freshDirectory(), sealingKey, broadcast: null }),
    ).rejects.toMatchObject({ code: 'address-in-use' })
    await blocked.plant.stop()
    const { plant } = await startPlant(written)
    await allRun(plant, 'io')
  })

  it('puts another unit in a device’s place, which stays there over a restart of the plant', async () => {
    const written = linePlant()
    const { plant, directory } = await startPlant(written)
    await allRun(plant, 'io')
    const before = row(plant, 'io').losses
    await plant.exchange('Remote_IO', { serial: 0x4711, major: 3, minor: 0 })
    await until(
      () => row(plant, 'io').losses > before && row(plant, 'io').state === 'open',
      'io runs with the new unit',
    )
    const asked = async () => {
      const [reply] = await discover({ targets: [written.io], localAddress: freshAddress() })
      return [reply?.identity.serialNumber, reply?.identity.revision]
    }
    expect(await asked()).toEqual([0x4711, { major: 3, minor: 0 }])
    await expect(plant.exchange('Right_Module', { serial: 1, major: 1, minor: 1 })).rejects.toThrow('chassis')
    await plant.stop()
    await startPlant(written, { directory })
    expect(await asked()).toEqual([0x4711, { major: 3, minor: 0 }])
  })

  it('refuses a device that the simulation file does not describe', async () => {
    const { plant, simulation } = linePlant()
    const without = { ...simulation, devices: simulation.devices.slice(1) }
    const started = VirtualPlant.start({
      plant,
      simulation: without,
      directory: await freshDirectory(),
      sealingKey,
      broadcast: null,
    })
    await expect(started).rejects.toThrow(UsageError)
    await expect(started).rejects.toThrow('Left_Module')
  })

  it('comes up a second time with the state it had, its certificates among it', async () => {
    const written = linePlant()
    const first = await startPlant(written)
    const shown = async () => {
      await using session = await connect({
        address: written.b,
        transport: 'tls',
        commissioning: true,
        localAddress: written.panel,
      })
      return Buffer.from(session.peer.security?.peerChain[0] ?? []).toString('hex')
    }
    const certificate = await shown()
    await first.plant.stop()
    expect(first.plant.devices().every(({ running }) => !running)).toBe(true)
    const second = await startPlant(written, { directory: first.directory })
    await allRun(second.plant)
    expect(await shown()).toBe(certificate)
  })
})

describe('an unmodified st-ethernet-ip client', () => {
  const read = async (address: string, name: string): Promise<string> => {
    const controller = new Controller()
    await controller.connect(address, 0)
    try {
      const tag = controller.newTag(name)
      await controller.readTag(tag)
      return String(tag.value)
    } finally {
      await controller.disconnect()
    }
  }

  it('reads tags of a controller behind a module, by the route through it', async () => {
    const written = linePlant()
    await startPlant(written)
    expect(await read(written.b, 'Greeting')).toBe('Hello')
    expect(await read(written.b, 'Level')).toBe('1.5')
  })

  it('reads tags of a controller through its own port', async () => {
    const address = freshAddress()
    const written = files(
      `chassis:\n  rack: { slots: { 0: PLC } }\ndevices:\n  PLC: { address: ${address}, zone: line }`,
      `devices:\n${unit('PLC', 'controller', `${security}, tags: { Greeting: { type: STRING, value: Own port } }`)}`,
    )
    await startPlant(written)
    expect(await read(address, 'Greeting')).toBe('Own port')
  })
})

function testAddressOf(plant: VirtualPlant, name: string): string {
  return plant.plant.devices.find((entry) => entry.name === name)?.address ?? testAddress(254)
}
