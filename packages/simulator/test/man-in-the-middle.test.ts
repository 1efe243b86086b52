import { path, readTagRequest, stringTagType, tagPath, tagServices, tagValues } from '@cordon/core/cip'
import { assembly, ethernetIpSecurity, identity } from '@cordon/core/objects'
import { decode, encode } from '@cordon/core/wire'
import { decodeCertificate, decodePem, fingerprint } from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'
import { connect, openClass3, openIo, type PeerInfo, type Session, type SessionOptions } from '@cordon/node/originator'
import { readFile } from 'node:fs/promises'
import { connect as connectSocket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { commission, makeCommissioner } from '../../../bench/commission.ts'
import { insideAddress } from '../src/front-place.ts'
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

const suites = [0xc02b, 0xc023, 0xc006]

/** A controller with a port of its own and something to read and to exchange. */
function controller() {
  const address = freshAddress()
  const written = files(
    `devices:\n  Victim_1: { address: ${address}, zone: line }`,
    `devices:\n${unit('Victim_1', 'controller', `${security}, tags: { Recipe: { type: STRING, value: Secret blend }, Level: { type: DINT, value: 7 } }, assemblies: { 1: { direction: input, size: 8 }, 2: { direction: output, size: 8 } }`)}`,
  )
  return { ...written, address, client: freshAddress() }
}

type Victim = ReturnType<typeof controller>

async function open(victim: Victim, options: Partial<SessionOptions>): Promise<Session> {
  const session = await connect({
    address: victim.address,
    localAddress: victim.client,
    connectTimeoutMs: 4000,
    ...options,
  })
  sessions.push(session)
  return session
}

const ask = (name: string) => ({
  service: tagServices.readTag,
  path: tagPath(name),
  data: encode(readTagRequest, { elements: 1 }),
})

const recipe = async (session: Pick<Session, 'request'>): Promise<unknown> =>
  tagValues({ type: stringTagType, data: (await session.request(ask('Recipe'))).data.subarray(4) })[0]

const vendorRoot = async (file: string): Promise<Uint8Array> =>
  decodePem(await readFile(file, 'utf8'))[0]?.bytes ?? new Uint8Array(0)

describe('a man in the middle of a unit that speaks in plain', () => {
  it('reads and alters what is read from it, over unconnected and connected messages', async () => {
    const victim = controller()
    const { plant } = await startPlant(victim)
    expect(await recipe(await open(victim, { transport: 'tcp' }))).toBe('Secret blend')
    await plant.fault('Victim_1', { kind: 'man-in-the-middle' })
    const session = await open(victim, { transport: 'tcp' })
    expect(await recipe(session)).toBe('XXXXXXXXXXXX')
    await using connection = await openClass3(session)
    expect(await recipe(connection)).toBe('XXXXXXXXXXXX')
    const level = decode(
      { read: (r) => [r.u16(), r.i32()] as const, write: () => {} },
      (await session.request(ask('Level'))).data,
    )
    expect(level[1]).not.toBe(7)
    // What he has no use for passes unchanged.
    expect(await session.objects.get(identity, 1, 'vendorId')).toBe(77)
    const [first] = plant.interceptions('Victim_1')
    expect(first).toMatchObject({ port: '44818/tcp', outcome: 'relayed', altered: 3, reason: undefined })
    expect(first?.peer.startsWith(`${victim.client}:`)).toBe(true)
    expect(first?.messages).toBeGreaterThan(8)
  })

  it('is what everybody meets, while the unit answers elsewhere and sees the true addresses of its peers', async () => {
    const victim = controller()
    const { plant } = await startPlant(victim)
    await plant.fault('Victim_1', { kind: 'man-in-the-middle' })
    await open(victim, { transport: 'tcp' })
    const rows = device(plant, 'Victim_1').host?.associations() ?? []
    expect(rows.map(({ peer }) => peer.address)).toEqual([victim.client])
    const inside = await connect({
      address: insideAddress(victim.address),
      transport: 'tcp',
      localAddress: victim.client,
    })
    sessions.push(inside)
    expect(await recipe(inside)).toBe('Secret blend')
  })

  it('alters its I/O data in both directions and nobody notices by the protocol', async () => {
    const victim = controller()
    const { plant } = await startPlant(victim)
    await plant.fault('Victim_1', { kind: 'man-in-the-middle' })
    await using io = await openIo({
      target: victim.address,
      localAddress: victim.client,
      class: 1,
      path: path({ class: assembly.id, connectionPoints: [2, 1] }),
      rpiMs: 20,
      outputSize: 14,
      inputSize: 10,
      produce: (output) => output.fill(1),
    })
    io.run = true
    const { device: unitItself } = device(plant, 'Victim_1')
    await until(() => unitItself.assembly(2)[0] === 1, 'outputs arrive')
    await io.firstData
    expect([...unitItself.assembly(2)]).toEqual([1, 1, 1, 1, 1, 1, 1, 0xfe])
    expect([...io.input]).toEqual([0, 0, 0, 0, 0, 0, 0, 0xff])
    expect(io.statistics.missed).toBe(0)
    await plant.fault('Victim_1', null)
    await using again = await openIo({
      target: victim.address,
      localAddress: victim.client,
      class: 1,
      path: path({ class: assembly.id, connectionPoints: [198, 1] }),
      rpiMs: 20,
      outputSize: 2,
      inputSize: 10,
    })
    await again.firstData
    expect([...again.input]).toEqual([0, 0, 0, 0, 0, 0, 0, 0])
  })

  it('comes and goes while the plant runs: connections come back by themselves', async () => {
    const { plant } = await startPlant(linePlant())
    await allRun(plant)
    await plant.fault('Right_Module', { kind: 'man-in-the-middle' })
    await until(() => row(plant, 'reads').opens >= 2 && row(plant, 'consumes').opens >= 2, 'they come back through him')
    await until(() => new TextDecoder().decode(plant.received('reads')).includes('XXXXX'), 'he alters what is read')
    const before = row(plant, 'reads').opens
    await plant.fault('Right_Module', null)
    await until(() => row(plant, 'reads').opens > before, 'they come back without him')
    await until(() => new TextDecoder().decode(plant.received('reads')).includes('Hello'), 'the truth is read again')
    expect(plant.interceptions('Right_Module').some(({ altered }) => altered > 0)).toBe(true)
  })

  it('gives the ports back when he goes, and takes them again after a power cycle', async () => {
    const victim = controller()
    const { plant } = await startPlant(victim)
    await plant.fault('Victim_1', { kind: 'man-in-the-middle' })
    await plant.fault('Victim_1', { kind: 'power-cycle', downMs: 20 })
    expect(await recipe(await open(victim, { transport: 'tcp' }))).toBe('XXXXXXXXXXXX')
    await plant.fault('Victim_1', null)
    expect(await recipe(await open(victim, { transport: 'tcp' }))).toBe('Secret blend')
    const refused = new Promise((done) =>
      connectSocket(44818, insideAddress(victim.address)).once('error', (error) => done(error.message)),
    )
    expect(await refused).toContain('ECONNREFUSED')
  })
})

describe('a man in the middle of a factory-fresh unit (certificate interception)', () => {
  it('is believed by whoever accepts any certificate, and reads what was meant to be secret', async () => {
    const victim = controller()
    const { plant } = await startPlant(victim)
    await plant.fault('Victim_1', { kind: 'man-in-the-middle' })
    const shown: PeerInfo[] = []
    const session = await open(victim, {
      transport: 'tls',
      commissioning: { inspect: (peer) => void shown.push(peer) },
    })
    expect(await recipe(session)).toBe('XXXXXXXXXXXX')
    const leaf = decodeCertificate(shown[0]?.security?.peerChain[0] ?? new Uint8Array(0))
    // It carries the name and the serial number of the unit: only who signed it, and its fingerprint, tell.
    expect(
      leaf.subject.parts
        .flat()
        .map(({ value }) => value)
        .join(' '),
    ).toContain('Test controller')
    expect(Buffer.from(leaf.der).equals(Buffer.from(device(plant, 'Victim_1').intruderCertificate ?? []))).toBe(true)
    expect(plant.interceptions('Victim_1')).toMatchObject([{ port: '2221/tcp', outcome: 'relayed', altered: 1 }])
  })

  it.each(['tls', 'dtls'] as const)('is refused over %s by whoever trusts the maker of the unit', async (transport) => {
    const victim = controller()
    const { plant } = await startPlant(victim)
    const credentials = { anchors: [await vendorRoot(plant.vendorRoots)] }
    const honest = await open(victim, { transport, credentials })
    expect(await honest.objects.get(identity, 1, 'vendorId')).toBe(77)
    await plant.fault('Victim_1', { kind: 'man-in-the-middle' })
    await expect(open(victim, { transport, credentials })).rejects.toMatchObject({ name: 'NotTrusted' })
    await until(
      () => plant.interceptions('Victim_1').some(({ outcome }) => outcome === 'refused-by-peer'),
      'he notices',
    )
    expect(plant.interceptions('Victim_1').every(({ messages }) => messages === 0)).toBe(true)
  })

  it('is refused by whoever compares the fingerprint that was written down before', async () => {
    const victim = controller()
    const { plant } = await startPlant(victim)
    const leafOf = (peer: PeerInfo) => peer.security?.peerChain[0] ?? new Uint8Array(0)
    let written = ''
    const writeDown = (peer: PeerInfo) => {
      written = fingerprint(nodeCrypto, leafOf(peer))
    }
    await open(victim, { transport: 'tls', commissioning: { inspect: writeDown } })
    const compare = (peer: PeerInfo) => {
      if (fingerprint(nodeCrypto, leafOf(peer)) !== written) throw new Error('another fingerprint')
    }
    await open(victim, { transport: 'tls', commissioning: { inspect: compare } })
    await plant.fault('Victim_1', { kind: 'man-in-the-middle' })
    await expect(open(victim, { transport: 'tls', commissioning: { inspect: compare } })).rejects.toThrow(
      'another fingerprint',
    )
  })
})

describe('a man in the middle of a commissioned unit', () => {
  const commissioned = async () => {
    const victim = controller()
    const running = await startPlant(victim)
    const commissioner = await makeCommissioner()
    const session = await connect({
      address: victim.address,
      transport: 'tls',
      commissioning: true,
      localAddress: victim.client,
    })
    await commission(session.objects, commissioner, { name: 'Victim_1', address: victim.address, suites })
    await session.close()
    const credentials = { ...commissioner.client, anchors: [commissioner.anchor], suites }
    return { victim, ...running, credentials }
  }

  it.each(['tls', 'dtls'] as const)('convinces neither end over %s', async (transport) => {
    const { victim, plant, credentials } = await commissioned()
    expect(plant.devices()[0]?.security).toBe('configured')
    const honest = await open(victim, { transport, credentials })
    expect(await honest.objects.get(ethernetIpSecurity, 1, 'state')).toBe('configured')
    await plant.fault('Victim_1', { kind: 'man-in-the-middle' })
    await expect(open(victim, { transport, credentials })).rejects.toMatchObject({ name: 'NotTrusted' })
    // A careless peer believes him; the unit itself does not.
    const careless = open(victim, { transport, commissioning: true, requestTimeoutMs: 1000 })
    await expect(careless.then((session) => session.objects.get(identity, 1, 'vendorId'))).rejects.toThrow()
    await until(
      () => plant.interceptions('Victim_1').some(({ outcome }) => outcome === 'refused-by-unit'),
      'the unit refused him',
    )
    const outcomes = plant.interceptions('Victim_1').map(({ outcome }) => outcome)
    expect(outcomes).toContain('refused-by-peer')
    expect(outcomes).not.toContain('relayed')
  })

  it('is gone without a trace when he gives up', async () => {
    const { victim, plant, credentials } = await commissioned()
    await plant.fault('Victim_1', { kind: 'man-in-the-middle' })
    await plant.fault('Victim_1', null)
    const session = await open(victim, { transport: 'tls', credentials })
    expect(await recipe(session)).toBe('Secret blend')
  })
})

describe('the address where a unit answers meanwhile', () => {
  it('is another one of the loopback, and comes back when asked again', () => {
    expect(insideAddress('127.17.81.51')).toBe('127.145.81.51')
    expect(insideAddress(insideAddress('127.17.81.51'))).toBe('127.17.81.51')
  })

  it('does not exist outside the loopback', () => {
    for (const address of ['192.0.2.1', 'nonsense', '10.17.81.51'])
      expect(() => insideAddress(address)).toThrow('loopback')
  })
})
