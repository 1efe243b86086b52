import { parsePlant, parseSimulation, type Plant, type Simulation } from '@cordon/core/policy'
import { checkAddresses, lockAddresses, type PlantLogEntry, VirtualPlant } from '@cordon/simulator'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Controller } from 'st-ethernet-ip'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

/** The module whose pages the tables show. */
const local = '127.17.81.51'

/**
 * The connections that the local module's page lists before a deployment: transport class, peer, who opens it, O->T and
 * T->O size, packet interval in milliseconds, serial number (demonstration plant, section 4, rows marked "both").
 */
const bridged = [
  ['Green_to_Blue_messages', 3, '127.17.83.31', 'peer', 502, 502, 750, 34405],
  ['Blue_to_Yellow_keepalive', 1, '127.17.81.31', 'local', 2, 2, 500, 771],
  ['Blue_to_Compact_41', 0, '127.17.81.41', 'local', 82, 154, 500, 795],
  ['Data_Server_to_Blue', 3, '127.18.2.76', 'peer', 502, 502, 750, 4097],
  ['Blue_to_Red_messages', 3, '127.17.80.31', 'local', 502, 502, 750, 772],
  ['Blue_to_Green_keepalive', 1, '127.17.83.31', 'local', 2, 2, 500, 769],
  ['Blue_to_Red_keepalive', 1, '127.17.80.31', 'local', 2, 2, 500, 770],
  ['Blue_consumes_Green', 1, '127.17.83.31', 'local', 2, 42, 20, 773],
  ['Blue_consumes_Red', 1, '127.17.80.31', 'local', 2, 42, 20, 774],
  ['Blue_consumes_Yellow', 1, '127.17.81.31', 'local', 2, 42, 20, 775],
  ['Green_consumes_Blue', 1, '127.17.83.31', 'peer', 2, 42, 20, 34406],
  ['Red_consumes_Blue', 1, '127.17.80.31', 'peer', 2, 42, 20, 12289],
  ['Yellow_consumes_Blue', 1, '127.17.81.31', 'peer', 2, 42, 20, 16385],
  ['Blue_to_Compact_40', 0, '127.17.81.40', 'local', 82, 154, 500, 796],
  ['Blue_consumes_Legacy', 1, '127.60.3.150', 'local', 2, 42, 100, 777],
  ['Legacy_consumes_Blue', 1, '127.60.3.150', 'peer', 2, 42, 100, 20481],
  ['Panel_to_Blue', 3, '127.17.81.70', 'peer', 502, 502, 750, 24577],
] as const

/** Rows 14, 19 and 20, and the controllers' own ports. */
const later = ['Blue_to_Drive', 'Engineering_to_Blue', 'Maintenance_to_Blue']
const ownPorts = [
  ['Blue_reads_Green', 3, 502, 502, 750],
  ['Blue_port_to_Red_keepalive', 1, 2, 2, 500],
  ['Blue_port_consumes_Red', 1, 2, 42, 20],
] as const

const example = (name: string) => fileURLToPath(new URL(`../../examples/cpwe/${name}`, import.meta.url))

let files: { plant: Plant; simulation: Simulation }
let plant: VirtualPlant
let directory: string
const log: PlantLogEntry[] = []
let release: () => PromiseLike<void> = async () => {}

async function wait(ms: number): Promise<void> {
  await new Promise((resume) => setTimeout(resume, ms))
}

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let i = 0; i < 600; i++) {
    if (condition()) return
    await wait(50)
  }
  throw new Error(`never came about: ${what}`)
}

const row = (name: string) => {
  const found = plant.connections().find((connection) => connection.name === name)
  if (found === undefined) throw new Error(`no connection ${name}`)
  return found
}

/** The addresses are this machine's: another plant on them, of another test or a person, is waited for. */
async function takeAddresses(): Promise<() => PromiseLike<void>> {
  for (let i = 0; ; i++) {
    try {
      const lock = await lockAddresses(files.plant, 'the tests of the demonstration plant')
      return () => lock[Symbol.asyncDispose]()
    } catch (error) {
      if (i === 100) throw error
      await wait(1000)
    }
  }
}

beforeAll(async () => {
  const parsedPlant = parsePlant(await readFile(example('plant.yaml'), 'utf8'), 'plant.yaml')
  const parsedSimulation = parseSimulation(await readFile(example('simulation.yaml'), 'utf8'), 'simulation.yaml')
  expect([...parsedPlant.problems, ...parsedSimulation.problems]).toEqual([])
  if (parsedPlant.plant === undefined || parsedSimulation.simulation === undefined) return
  files = { plant: parsedPlant.plant, simulation: parsedSimulation.simulation }
  await checkAddresses(files.plant)
  release = await takeAddresses()
  directory = await mkdtemp(join(tmpdir(), 'cordon-cpwe-'))
  plant = await VirtualPlant.start({
    ...files,
    directory,
    sealingKey: new Uint8Array(32).fill(1),
    log: (entry) => log.push(entry),
  })
  await until(
    () => plant.connections().every(({ state, received }) => state === 'open' && received > 1),
    'all connections run',
  )
}, 180_000)

afterAll(async () => {
  await plant?.stop()
  await release()
  if (directory !== undefined) await rm(directory, { recursive: true, force: true })
})

describe('the demonstration plant in plain', () => {
  it('runs exactly the connections that exist before a deployment', () => {
    const names = plant.connections().map(({ name }) => name)
    expect(names.sort()).toEqual([...bridged, ...ownPorts].map(([name]) => name).sort())
    for (const name of later) expect(names).not.toContain(name)
  })

  it.each(bridged)(
    'has %s with the values of its page',
    (name, transportClass, peer, opener, output, input, rpiMs, serial) => {
      expect(row(name)).toMatchObject({
        class: transportClass,
        state: 'open',
        transport: 'tcp',
        suite: undefined,
        protection: 'None',
        sizes: [output, input],
        rpiMs,
        serial,
      })
      const page = plant.device('Blue_EN4TR')?.device.connections(plant.now()) ?? []
      const listed = page.find(({ triad }) => triad.connectionSerialNumber === serial)
      if (opener === 'local') {
        expect(plant.plant.connections.find((connection) => connection.name === name)?.from).toBe('Blue_EN4TR')
        expect(plant.plant.devices.find((device) => device.name === row(name).to)?.address).toBe(peer)
        return
      }
      expect(listed).toMatchObject({
        transportClass,
        originatorPort: 2,
        slot: 0,
        peer: { address: peer },
        protection: 'none',
        outputSize: output,
        inputSize: input,
        outputApiUs: rpiMs * 1000,
        inputApiUs: rpiMs * 1000,
        multicast: false,
        missed: 0,
      })
    },
  )

  it.each(ownPorts)('has %s on the own port of Blue_L85E', (name, transportClass, output, input, rpiMs) => {
    expect(row(name)).toMatchObject({
      from: 'Blue_L85E',
      class: transportClass,
      state: 'open',
      sizes: [output, input],
      rpiMs,
      protection: 'None',
    })
  })

  it('misses no packet over some seconds, and no connection is lost', async () => {
    const before = plant.connections()
    await wait(4000)
    const after = plant.connections()
    expect(after.map(({ name, missed, losses, opens }) => [name, missed, losses, opens])).toEqual(
      after.map(({ name }) => [name, 0, 0, 1]),
    )
    const still = after.filter(
      ({ name, received }) => received === before.find((entry) => entry.name === name)?.received,
    )
    // One tag is read each 7.5 s.
    expect(still.map(({ name }) => name).filter((name) => name !== 'Blue_reads_Green')).toEqual([])
    const warnings = log.filter(({ severity }) => severity === 'warning' || severity === 'error')
    expect(warnings).toEqual([])
  })

  it('carries values that move, and the text that Blue reads of Green', async () => {
    expect(new TextDecoder().decode(plant.received('Blue_reads_Green'))).toContain('Hello from Green_L85E')
    for (const name of ['Blue_consumes_Red', 'Green_consumes_Blue', 'Blue_consumes_Legacy', 'Blue_to_Compact_41']) {
      const first = Buffer.from(plant.received(name) ?? [])
      await until(() => !first.equals(Buffer.from(plant.received(name) ?? [])), `${name} moves`)
    }
  })

  it.skipIf(!existsSync('/proc/net/tcp'))('shows the TCP page of the local module', () => {
    const sockets = tcpSockets(local)
    const listening = sockets.filter(({ state }) => state === 'LISTEN').map(({ localPort }) => localPort)
    // Its own pages: 80, or 8080 where that may not be bound.
    const pages = plant.devices().find(({ address }) => address === local)?.pages ?? 0
    expect([80, 8080]).toContain(pages)
    expect(listening.sort((a, b) => a - b)).toEqual([pages, 2221, 44818].sort((a, b) => a - b))
    const established = sockets.filter(({ state }) => state === 'ESTABLISHED')
    const asClient = established.filter(({ localPort }) => localPort !== 44818 && localPort !== 2221)
    const asServer = established.filter(({ localPort }) => localPort === 44818)
    expect(asClient.map(({ remote, remotePort }) => `${remote}:${remotePort}`).sort()).toEqual(
      ['127.17.80.31', '127.17.81.31', '127.17.81.40', '127.17.81.41', '127.17.83.31', '127.60.3.150'].map(
        (address) => `${address}:44818`,
      ),
    )
    expect(asServer.map(({ remote }) => remote).sort()).toEqual([
      '127.17.80.31',
      '127.17.81.31',
      '127.17.81.70',
      '127.17.83.31',
      '127.18.2.76',
      '127.60.3.150',
    ])
    expect(established.filter(({ localPort }) => localPort === 2221)).toEqual([])
  })

  it('lets an unmodified client read Read_L8_String through the controller’s port and through the module', async () => {
    for (const address of ['127.17.83.30', '127.17.83.31']) {
      const controller = new Controller()
      await controller.connect(address, 0)
      const tag = controller.newTag('Read_L8_String')
      await controller.readTag(tag)
      expect(String(tag.value)).toBe('Hello from Green_L85E')
      await controller.disconnect()
    }
  })

  it('leaves Blue_Drive in its factory state until it is its turn', async () => {
    expect(plant.devices().find(({ name }) => name === 'Blue_Drive')).toMatchObject({
      running: true,
      security: 'factory-default',
    })
    expect((await plant.startLater()).sort()).toEqual([...later].sort())
    await until(() => later.every((name) => row(name).state === 'open' && row(name).received > 0), 'they run')
    expect(row('Blue_to_Drive')).toMatchObject({ class: 1, sizes: [26, 22], rpiMs: 20, serial: 776 })
    expect(row('Engineering_to_Blue')).toMatchObject({ class: 3, sizes: [502, 502], rpiMs: 750, serial: 28673 })
    expect(row('Maintenance_to_Blue')).toMatchObject({ class: 3, sizes: [502, 502], rpiMs: 750, serial: 29697 })
  })

  it('survives a power cycle of its local module', async () => {
    await plant.fault('Blue_EN4TR', { kind: 'power-cycle', downMs: 200 })
    await until(() => plant.connections().every(({ state }) => state === 'open'), 'everything runs again')
    expect(row('Panel_to_Blue').losses).toBe(1)
    expect(row('Blue_port_consumes_Red').opens).toBe(2)
  })
})

interface TcpSocket {
  readonly state: string
  readonly localPort: number
  readonly remote: string
  readonly remotePort: number
}

/** The TCP sockets of this machine that are bound to an address, as the kernel lists them. */
function tcpSockets(address: string): TcpSocket[] {
  const lines = readFileSync('/proc/net/tcp', 'latin1').split('\n').slice(1)
  return lines.flatMap((line) => {
    const [, own = '', other = '', code = ''] = line.trim().split(/\s+/)
    const [localAddress, localPort] = endpoint(own)
    if (localAddress !== address) return []
    const [remote, remotePort] = endpoint(other)
    const state = code === '0A' ? 'LISTEN' : code === '01' ? 'ESTABLISHED' : code
    return [{ state, localPort, remote, remotePort }]
  })
}

/** `3351117F:AF12`: address in the machine's byte order, port in network order. */
function endpoint(text: string): readonly [address: string, port: number] {
  const [address = '', port = ''] = text.split(':')
  const bytes = address.match(/../g)?.map((byte) => Number.parseInt(byte, 16)) ?? []
  return [bytes.reverse().join('.'), Number.parseInt(port, 16)]
}
