import { decodeCertificate, decodeRequest, encodePem, formatName } from '@cordon/core/x509'
import { path } from '@cordon/core/cip'
import type { Link } from '@cordon/core/device'
import { ethernetIpSecurity } from '@cordon/core/objects'
import { nodeCrypto } from '@cordon/node/crypto'
import { advertise } from '@cordon/node/mdns'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import type { VirtualPlant } from '../src/plant.ts'
import { authority, issue, TestEstServer } from './est-server.ts'
import {
  device,
  files,
  freshAddress,
  freshDirectory,
  removeDirectories,
  security,
  startPlant,
  stopPlants,
  unit,
  until,
} from './small-plant.ts'

const servers: TestEstServer[] = []

afterEach(async () => {
  await stopPlants()
  for (const server of servers.splice(0)) await server.close()
  await removeDirectories()
})

const serve = async (...options: Parameters<typeof TestEstServer.open>): Promise<TestEstServer> => {
  const server = await TestEstServer.open(...options)
  servers.push(server)
  return server
}

const status = (plant: VirtualPlant, name = 'Unit') => plant.devices().find((each) => each.name === name)
const word = (plant: VirtualPlant, name = 'Unit') => status(plant, name)?.pull
const becomes = (plant: VirtualPlant, wanted: string, name = 'Unit') =>
  until(() => word(plant, name) === wanted, `${name} is ${wanted}, it is ${word(plant, name)}`)

/** A plant of one unit that pulls from a server. */
const onePlant = (address: string, est: TestEstServer, more = '', kinds = security) =>
  files(
    `devices:\n  Unit: { address: ${address}, zone: line }`,
    `devices:\n${unit('Unit', 'adapter', `${kinds}, pull: { servers: [{ host: ${est.address}, port: ${est.port} }]${more} }`)}`,
  )

const start = async (more = '', options: Parameters<typeof startPlant>[1] = {}) => {
  const est = await serve(freshAddress())
  const address = freshAddress()
  const written = onePlant(address, est, more)
  return { est, address, written, ...(await startPlant(written, options)) }
}

describe('A virtual device that pulls', () => {
  it('earns its identity from its own address, with its default certificate', async () => {
    const { est, plant, address, log } = await start()
    await becomes(plant, 'enrolled')
    expect(status(plant)).toMatchObject({ security: 'configured', pull: 'enrolled' })
    expect(est.seen).toHaveLength(1)
    expect(est.seen[0]?.from).toBe(address)
    const shown = decodeCertificate(est.seen[0]?.shown ?? new Uint8Array())
    expect(formatName(shown.issuer)).toBe('CN=Example Maker Manufacturing CA,O=Example Maker')
    expect(device(plant, 'Unit').device.security().anchors).toEqual([est.authority.certificate.der])
    expect(log.some(({ message }) => message.startsWith('pull-installed'))).toBe(true)
  })

  it('waits for an administrator and asks again with the same request', async () => {
    const est = await serve(freshAddress())
    est.decide = () => 'pending'
    const { plant } = await startPlant(onePlant(freshAddress(), est))
    await becomes(plant, 'waiting-for-approval')
    est.decide = () => 'grant'
    await becomes(plant, 'enrolled')
    expect(new Set(est.seen.map(({ request }) => String(request))).size).toBe(1)
  })

  it('says so when it is refused, and keeps nothing', async () => {
    const est = await serve(freshAddress())
    est.decide = () => 'refuse'
    const { plant, log } = await startPlant(onePlant(freshAddress(), est))
    await becomes(plant, 'request-rejected')
    expect(status(plant)?.security).toBe('factory-default')
    expect(log.some(({ message, severity }) => severity === 'warning' && message.includes('403'))).toBe(true)
  })

  it('keeps its key over a power cycle while it waits', async () => {
    const est = await serve(freshAddress())
    est.decide = () => 'pending'
    const { plant } = await startPlant(onePlant(freshAddress(), est))
    await becomes(plant, 'waiting-for-approval')
    await plant.fault('Unit', { kind: 'power-cycle', downMs: 1 })
    await becomes(plant, 'waiting-for-approval')
    est.decide = () => 'grant'
    await becomes(plant, 'enrolled')
    expect(new Set(est.seen.map(({ request }) => String(request))).size).toBe(1)
  })

  it('keeps its identity over power cycles and when the plant ends', async () => {
    const { est, plant, written, directory } = await start()
    await becomes(plant, 'enrolled')
    const before = device(plant, 'Unit').device.security().chain
    await plant.fault('Unit', { kind: 'power-cycle', downMs: 1 })
    expect(word(plant)).toBe('enrolled')
    await stopPlants()
    const { plant: again } = await startPlant(written, { directory })
    expect(word(again)).toBe('enrolled')
    expect(device(again, 'Unit').device.security().chain).toEqual(before)
    expect(est.seen).toHaveLength(1)
  })

  it('loses power while the server decides, and enrolls afterwards', async () => {
    const est = await serve(freshAddress())
    est.decide = () => 'hang'
    const { plant } = await startPlant(onePlant(freshAddress(), est))
    await until(() => est.seen.length > 0, 'a request')
    await plant.fault('Unit', { kind: 'power-cycle', downMs: 1 })
    expect(status(plant)?.security).toBe('factory-default')
    est.decide = () => 'grant'
    await becomes(plant, 'enrolled')
    expect(new Set(est.seen.map(({ request }) => String(request))).size).toBe(1)
  })

  it('exchanges nothing while its cable is pulled', async () => {
    const est = await serve(freshAddress())
    est.decide = () => 'pending'
    const { plant } = await startPlant(onePlant(freshAddress(), est))
    await becomes(plant, 'waiting-for-approval')
    plant.setCable('Unit', true)
    const { length } = est.seen
    est.decide = () => 'grant'
    // Longer than the second after which it would ask again.
    await new Promise((resume) => setTimeout(resume, 2_500))
    expect(est.seen).toHaveLength(length)
    plant.setCable('Unit', false)
    await becomes(plant, 'enrolled')
  })

  it('renews its identity with the one in force', async () => {
    const est = await serve(freshAddress())
    est.lifeMs = 10 * 24 * 3_600_000
    est.ageMs = 9 * 24 * 3_600_000
    est.decide = ({ operation }) => {
      if (operation === 'simplereenroll') est.lifeMs = 300 * 24 * 3_600_000
      return 'grant'
    }
    const { plant } = await startPlant(onePlant(freshAddress(), est))
    await until(() => est.seen.length > 1 && word(plant) === 'enrolled', 'a renewal')
    const [first, second] = est.seen
    expect(second?.operation).toBe('simplereenroll')
    const shown = decodeCertificate(second?.shown ?? new Uint8Array())
    expect(formatName(shown.subject)).toBe(formatName(first?.subject ?? shown.issuer))
    expect(shown.issuer.der).toEqual(est.authority.certificate.subject.der)
    await until(() => {
      const [leaf] = device(plant, 'Unit').device.security().chain
      return leaf !== undefined && decodeCertificate(leaf).notAfter > Date.now() + 100 * 24 * 3_600_000
    }, 'the renewed certificate in force')
  })

  it('does not install what its certificate store has no room for', async () => {
    const est = await serve(freshAddress())
    const kinds = security.replace('pskSlots: 2', 'pskSlots: 2, fileSlots: 1')
    const { plant, log } = await startPlant(onePlant(freshAddress(), est, '', kinds))
    await becomes(plant, 'certificate-invalid')
    expect(status(plant)?.security).toBe('factory-default')
    expect(log.some(({ message }) => message.includes('2 files are needed'))).toBe(true)
  })

  it('tells a password to a server that its fingerprint vouches for', async () => {
    const base = await freshDirectory()
    await writeFile(join(base, 'password'), 'secret word\n')
    const est = await serve(freshAddress())
    est.decide = ({ password }) => (password === undefined ? 'authenticate' : 'grant')
    const more = `, trust: { fingerprint: '${est.fingerprint}' }, basic: { user: unit, passwordFile: password }`
    const { plant, log } = await startPlant(onePlant(freshAddress(), est, more), { base })
    await becomes(plant, 'enrolled')
    expect(est.seen.map(({ password }) => password)).toEqual([undefined, 'secret word'])
    expect(JSON.stringify(log)).not.toContain('secret word')
  })

  it('shows a provisioning certificate where it has one', async () => {
    const base = await freshDirectory()
    const makers = await authority('Integrator')
    const key = await nodeCrypto.generateKey('ecdsa-p256')
    const certificate = await issue(makers, key.publicKey)
    await writeFile(join(base, 'once.pem'), encodePem('CERTIFICATE', certificate))
    await writeFile(join(base, 'once.key'), encodePem('PRIVATE KEY', key.export() ?? new Uint8Array()))
    const est = await serve(freshAddress())
    const { plant } = await startPlant(
      onePlant(freshAddress(), est, ', certificate: { chain: once.pem, key: once.key }'),
      { base },
    )
    await becomes(plant, 'enrolled')
    expect(est.seen[0]?.shown).toEqual(certificate)
  })

  it('does not start with files that are not there', async () => {
    const est = await serve(freshAddress())
    const written = onePlant(freshAddress(), est, ', certificate: { chain: nowhere.pem, key: nowhere.key }')
    await expect(startPlant(written, { base: await freshDirectory() })).rejects.toThrow(/pull: chain: there is no file/)
  })
})

describe('A reset of a virtual device', () => {
  const link: Link = {
    transport: 'tls',
    localPort: 2221,
    peer: { address: '127.0.0.1', port: 50_000 },
    security: { suite: 0xc02b, encrypts: true, authenticated: 'certificate' },
  }
  /** Reset of 0x5E, as a configurator would send it. */
  const reset = async (plant: VirtualPlant, enablePull: boolean) => {
    const { hosted, host } = device(plant, 'Unit')
    const target = path({ class: ethernetIpSecurity.id, instance: 1 })
    const service = ethernetIpSecurity.services.reset.code
    const data = Uint8Array.of(enablePull ? 1 : 0)
    const reply = await hosted.request({ service, path: target, data }, link, plant.now())
    host?.deviceChanged()
    expect(reply.status).toBe(0)
  }

  it('without pull turns it off, over a power cycle', async () => {
    const { est, plant } = await start()
    await becomes(plant, 'enrolled')
    await reset(plant, false)
    expect(word(plant)).toBe('off')
    await plant.fault('Unit', { kind: 'power-cycle', downMs: 1 })
    expect(status(plant)).toMatchObject({ pull: 'off' })
    expect(est.seen).toHaveLength(1)
  })

  it('with pull takes it back from a foreign authority', async () => {
    const foreign = await serve(freshAddress())
    const address = freshAddress()
    const { plant, directory } = await startPlant(onePlant(address, foreign))
    await becomes(plant, 'enrolled')
    await stopPlants()
    const own = await serve(freshAddress())
    const { plant: again } = await startPlant(onePlant(address, own), { directory })
    expect(word(again)).toBe('enrolled')
    expect(device(again, 'Unit').device.security().anchors).toEqual([foreign.authority.certificate.der])
    await reset(again, true)
    await until(() => own.seen.length > 0 && word(again) === 'enrolled', 'an identity of the own authority')
    expect(device(again, 'Unit').device.security().anchors).toEqual([own.authority.certificate.der])
    const keys = [...foreign.seen, ...own.seen].map(({ request }) => String(decodeRequest(request).publicKey))
    expect(new Set(keys).size).toBe(2)
  })

  it('is heard while the server decides', async () => {
    const est = await serve(freshAddress())
    est.decide = () => 'pending'
    const { plant } = await startPlant(onePlant(freshAddress(), est))
    await becomes(plant, 'waiting-for-approval')
    await reset(plant, true)
    est.decide = () => 'grant'
    await becomes(plant, 'enrolled')
    const keys = est.seen.map(({ request }) => String(decodeRequest(request).publicKey))
    expect(keys.at(-1)).not.toBe(keys[0])
  })
})

describe('Devices that look for their server', () => {
  it('find it by multicast DNS on the loopback, all with one browser', async () => {
    // On the loopback the address that is announced is the system's own.
    const est = await serve('127.0.0.1')
    const subtype = `_t${process.pid}`
    await using announced = advertise({
      interfaces: ['lo'],
      host: `est-${process.pid}`,
      services: [{ instance: `EST ${process.pid}`, subtypes: [subtype], port: est.port }],
    })
    await until(() => announced.status().some(({ isEstablished }) => isEstablished), 'the announcement')
    const names = ['A', 'B', 'C']
    const { plant } = await startPlant(
      files(
        `devices:\n${names.map((name) => `  ${name}: { address: ${freshAddress()}, zone: line }`).join('\n')}`,
        `discovery: { subtype: ${subtype} }\nmodels:\n  pulls: { pull: {} }\ndevices:\n${names
          .map((name) => unit(name, 'adapter', `model: pulls, ${security}`))
          .join('\n')}`,
      ),
    )
    for (const name of names) await becomes(plant, 'enrolled', name)
    expect(new Set(est.seen.map(({ from }) => from)).size).toBe(3)
  })
})

describe('Default certificates as they are met in plants', () => {
  it('are expired, revoked, of a maker nobody trusts, or cloned', async () => {
    const est = await serve(freshAddress())
    const names = ['Good', 'Expired', 'Revoked', 'Clone', 'Stranger']
    const credentials = [
      '{ vendor: maker }',
      '{ vendor: maker, condition: expired }',
      '{ vendor: maker, condition: revoked }',
      '{ cloneOf: Good }',
      '{ vendor: stranger }',
    ]
    const written = files(
      `devices:\n${names.map((name) => `  ${name}: { address: ${freshAddress()}, zone: line }`).join('\n')}`,
      `  stranger: { vendor: 78, organization: Stranger, country: US, trusted: false }\nmodels:\n  pulls: { pull: { servers: [{ host: ${est.address}, port: ${est.port} }] } }\ndevices:\n${names
        .map((name, at) => unit(name, 'adapter', `model: pulls, security: { credential: ${credentials[at]} }`))
        .join('\n')}`,
    )
    const { plant } = await startPlant(written)
    for (const name of names) await becomes(plant, 'enrolled', name)
    const shown = new Map(est.seen.map(({ from, shown: der }) => [from, decodeCertificate(der ?? new Uint8Array())]))
    const of = (name: string) => {
      const found = shown.get(device(plant, name).device.address)
      if (found === undefined) throw new Error(`nothing of ${name}`)
      return found
    }
    expect(of('Good').notAfter).toBeGreaterThan(Date.now())
    expect(of('Expired').notAfter).toBeLessThan(Date.now())
    expect(of('Clone').der).toEqual(of('Good').der)
    const roots = await readFile(plant.vendorRoots, 'utf8')
    expect(roots.match(/BEGIN CERTIFICATE/g)).toHaveLength(1)
    expect(await readFile(plant.vendorRevocations, 'utf8')).toMatch(/BEGIN X509 CRL/)
  })
})
