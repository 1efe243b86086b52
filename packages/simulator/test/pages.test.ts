import { ObjectClient } from '@cordon/core/client'
import { tcpIp } from '@cordon/core/objects'
import { connect } from '@cordon/node/originator'
import { openPageClient } from '@cordon/node/pages'
import { createServer } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import {
  allRun,
  device,
  files,
  freshAddress,
  linePlant,
  removeDirectories,
  security,
  startPlant,
  stopPlants,
  unit,
  until,
} from './small-plant.ts'

afterEach(async () => {
  await stopPlants()
  await removeDirectories()
})

function onePlant(more: string) {
  const address = freshAddress()
  return {
    address,
    ...files(`devices:\n  Unit: { address: ${address}, zone: line }\n`, `devices:\n${unit('Unit', 'adapter', more)}\n`),
  }
}

/** Where pages are served here: port 80 may not be bound by everybody. */
const webPort = await new Promise<number>((done) => {
  const probe = createServer()
  probe.once('error', () => done(8080))
  probe.listen(80, freshAddress(), () => probe.close(() => done(80)))
})

async function setPort80(address: string, open: boolean): Promise<void> {
  await using session = await connect({ address, transport: 'tcp' })
  await new ObjectClient(session).call(tcpIp, 1, 'setPortAdminState', [{ port: 80, protocol: 'tcp', open }])
}

describe('the pages of virtual devices', () => {
  it('show both ends of a connection, and the slots behind modules', async () => {
    const { a, b, io, ...written } = linePlant()
    const { plant } = await startPlant(written)
    await allRun(plant)
    const left = openPageClient({ address: a })
    const right = openPageClient({ address: b })
    const ours = (await left.read('bridge')).data.find(({ serial }) => serial === 104)
    const theirs = (await right.read('bridge')).data.find(({ serial }) => serial === 104)
    expect(ours).toMatchObject({
      side: 'originator',
      originator: { port: 1, link: '0', name: 'Left_PLC' },
      target: { port: 2, link: b, name: 'Right_Module' },
    })
    expect(theirs).toMatchObject({
      side: 'target',
      originator: { port: 2, link: a, name: 'Left_Module' },
      target: { port: 1, link: '0', name: 'Right_PLC' },
    })
    const plain = { confidentiality: 'None', transport: 'tcp', originatorToTarget: { size: 502, rpiUs: 100_000 } }
    for (const row of [ours, theirs]) expect(row).toMatchObject(plain)
    // What the module itself answers ends at its own address.
    expect((await right.read('bridge')).data.find(({ serial }) => serial === 102)?.target).toMatchObject({ link: b })
    const tcp = (await left.read('tcp')).data
    expect(tcp).toContainEqual(expect.objectContaining({ state: 'ESTABLISHED', remoteAddress: io, side: 'client' }))
    left.close()
    right.close()
  })

  it('end with the port when it is closed over CIP, and come back with it', async () => {
    const { address, ...written } = onePlant(security)
    const { plant } = await startPlant(written)
    const client = openPageClient({ address })
    expect((await client.read('security')).data.ports).toContainEqual(
      expect.objectContaining({ port: 80, protocol: 'tcp', open: true }),
    )
    await setPort80(address, false)
    await until(() => device(plant, 'Unit').status().pages === undefined, 'the pages end')
    await expect(client.read('tcp')).rejects.toMatchObject({ code: 'refused' })
    await setPort80(address, true)
    await until(() => device(plant, 'Unit').status().pages === webPort, 'the pages are back')
    expect((await client.read('identity')).data.name).toBe('Unit')
    client.close()
  })

  it('are not there, and the port is not listed, where the simulation says so', async () => {
    const { address, ...written } = onePlant('security: none, web: false')
    const { plant } = await startPlant(written)
    expect(device(plant, 'Unit').status().pages).toBeUndefined()
    expect(
      device(plant, 'Unit')
        .device.ports()
        .some(({ port }) => port === 80),
    ).toBe(false)
    await expect(openPageClient({ address }).read('tcp')).rejects.toMatchObject({ code: 'refused' })
  })

  it.skipIf(webPort !== 80)('take 8080 where 80 is taken, and say so', async () => {
    const { address, ...written } = onePlant(security)
    const other = createServer()
    await new Promise<void>((done) => other.listen(80, address, done))
    const { plant, log } = await startPlant(written)
    expect(device(plant, 'Unit').status()).toMatchObject({ running: true, pages: 8080 })
    expect(log.some(({ message }) => message.includes(`http://${address}:8080/`))).toBe(true)
    const client = openPageClient({ address, ports: [8080] })
    expect((await client.read('tcp')).data).toContainEqual(
      expect.objectContaining({ state: 'LISTEN', localPort: 8080 }),
    )
    expect((await client.read('security')).data.ports).toContainEqual({
      port: 80,
      protocol: 'tcp',
      open: true,
      instead: 8080,
    })
    client.close()
    other.close()
  })

  it.skipIf(webPort !== 80)('are no reason for a device not to start', async () => {
    const { address, ...written } = onePlant(security)
    const others = [80, 8080].map((port) => createServer().listen(port, address))
    await Promise.all(others.map((server) => new Promise((done) => server.once('listening', done))))
    const { plant, log } = await startPlant(written)
    expect(device(plant, 'Unit').status()).toMatchObject({ running: true, pages: undefined })
    expect(log.some(({ message }) => message.includes('it has no pages'))).toBe(true)
    for (const server of others) server.close()
  })

  it('answer nothing while the cable is out', async () => {
    const { address, ...written } = onePlant(security)
    const { plant } = await startPlant(written)
    plant.setCable('Unit', true)
    const client = openPageClient({ address, timeoutMs: 150 })
    await expect(client.read('tcp')).rejects.toMatchObject({ code: 'timeout' })
    client.close()
    plant.setCable('Unit', false)
    expect((await openPageClient({ address }).read('identity')).total).toBe(1)
  })
})
