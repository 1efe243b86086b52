import {
  DeviceTransaction,
  type JournalEntry,
  lastEntry,
  memoryJournal,
  type MessageCode,
} from '@cordon/core/deployment'
import { NotAllowed } from '@cordon/core/errors'
import { parseRule, type RuleSet } from '@cordon/core/policy'
import { decodeCertificate, fingerprint } from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'
import { describe, expect, test } from 'vitest'
import type { Device } from '../../src/device/device.ts'
import {
  certificateSettings,
  factoryDevice,
  makeVendor,
  pskSettings,
  Surroundings,
  targetOf,
  testVendor,
} from './fixture.ts'
import { type Fault, MemoryPort, type RequestFact } from './memory-port.ts'

type Result = Awaited<ReturnType<Surroundings['deploy']>>

/** Codes of the messages that are more than information. */
function codes(result: Result): readonly MessageCode[] {
  return result?.messages.filter(({ severity }) => severity !== 'information').map(({ code }) => code) ?? []
}

function evidence(result: Result, code: MessageCode): string {
  return result?.messages.find((message) => message.code === code)?.evidence ?? 'no such message'
}

/** Dynamic instances that a device holds, of certificates and files. */
function holdings(device: Device): { readonly certificates: number; readonly files: number } {
  const { state } = device.persist()
  // The shape of stored state is the device's own matter; here only how much there is counts.
  const { certificates, files } = state as unknown as { certificates: readonly unknown[]; files: readonly unknown[] }
  return { certificates: certificates.length, files: files.length }
}

const isService = (fact: RequestFact, classId: number, service: number) =>
  fact.classId === classId && fact.service === service
const createCsr = (fact: RequestFact) => isService(fact, 0x5f, 0x4b)
const createCertificate = (fact: RequestFact) => isService(fact, 0x5f, 0x08)
const applyConfig = (fact: RequestFact) => isService(fact, 0x5e, 0x4d)
const endConfig = (fact: RequestFact) => isService(fact, 0x5d, 0x4d)

describe('commissioning by certificate', () => {
  test('follows the push sequence: key before Begin_Config, both objects begun, files, verification, settings, Apply, End', async () => {
    const around = await Surroundings.create()
    const port = new MemoryPort(await factoryDevice(), around.time)
    const result = await around.deploy(targetOf(certificateSettings()), port)
    expect(result?.outcome).toBe('complete')
    expect(result?.configuration).toBe('new')
    const writes = port.facts
      .filter(({ service }) => service !== 0x01 && service !== 0x0e && service !== 0x4f && service !== 0x50)
      .map(
        ({ classId, service, attribute }) =>
          `${classId?.toString(16)} ${service.toString(16)}${attribute === undefined ? '' : ` ${attribute}`}`,
      )
    expect(writes).toEqual([
      '5f 8', // Create
      '5f 4b', // Create_CSR
      '37 4b', // Initiate_Upload
      '5d 4b', // Begin_Config
      '5e 4b',
      '37 8', // own certificate
      '37 4c',
      '37 8', // authority of its zone
      '37 4c',
      '37 8', // authority of the manager
      '37 4c',
      '5f 10 4', // issuer, then certificate
      '5f 10 3',
      '5f 4c', // Verify_Certificate of both
      '5f 4c',
      '5e 10 6', // active certificate, trusted authorities, suites, flags
      '5e 10 7',
      '5e 10 4',
      '5e 10 19',
      '5e 10 9',
      '5e 4d', // Apply_Config
      '5d 4d', // End_Config
      '37 4b', // files read back
      '37 4b',
      '37 4b',
      '5d 4e', // Object_Cleanup
    ])
  })

  test('leaves the device with its own certificate, its authorities, and the manager let in', async () => {
    const around = await Surroundings.create()
    const device = await factoryDevice()
    const port = new MemoryPort(device, around.time)
    await around.deploy(targetOf(certificateSettings()), port)
    const security = device.security()
    const [leaf] = security.chain
    expect(leaf === undefined ? '' : decodeCertificate(leaf).extensions.subjectAlternativeNames).toEqual([
      { kind: 'ip', value: '192.0.2.20' },
    ])
    expect(security.suites).toEqual([0xc023, 0xc024, 0xc006])
    expect(security.verifyPeer).toBe(true)
    const anchors = [...(await around.authority.anchors('green')), ...(await around.authority.anchors('operations'))]
    expect(security.anchors.map((der) => fingerprint(nodeCrypto, der))).toEqual(
      anchors.map((der) => fingerprint(nodeCrypto, der)),
    )
    // Static default certificate and its file, one instance, and three files: certificate and two authorities.
    expect(holdings(device).certificates).toBe(1)
    expect(holdings(device).files).toBe(3)
  })

  test('of a device that has its settings already writes nothing and says so', async () => {
    const around = await Surroundings.create()
    const device = await factoryDevice()
    await around.deploy(targetOf(certificateSettings()), new MemoryPort(device, around.time))
    const generation = device.security().generation
    const port = new MemoryPort(device, around.time)
    const journal = memoryJournal()
    const again = await around.deploy(targetOf(certificateSettings()), port, { journal, options: { configured: true } })
    expect(again?.messages.map(({ code }) => code)).toEqual(['nothing-to-do'])
    expect(again?.configuration).toBe('unchanged')
    expect(device.security().generation).toBe(generation)
    expect(port.facts.every(({ service }) => [0x01, 0x0e, 0x4b, 0x4f].includes(service))).toBe(true)
    expect(journal.entries.filter(({ step }) => step !== 'read')).toEqual([])
  })

  test('replaces a certificate that is due, without touching anything else, and removes the old one', async () => {
    const around = await Surroundings.create()
    const device = await factoryDevice()
    const target = targetOf(certificateSettings())
    await around.deploy(target, new MemoryPort(device, around.time))
    const first = device.security().chain[0]
    const due = { ...target, certificate: { ...target.certificate, renewAt: 0 } }
    const port = new MemoryPort(device, around.time)
    const result = await around.deploy(due, port, { options: { configured: true } })
    // A certificate that is due the moment it is made stays due, which the read-back says.
    expect(codes(result)).toContain('read-back-differs')
    expect(device.security().chain[0]).toEqual(first)
    expect(codes(result)).toContain('undone')
    const settled = await around.deploy(target, new MemoryPort(device, around.time), { options: { configured: true } })
    expect(settled?.outcome).toBe('complete')
    expect(holdings(device)).toEqual({ certificates: 1, files: 3 })
  })

  for (const [name, options, target] of [
    [
      'of object revision 7, which has one revocation list',
      { ethernetIpSecurityRevision: 7 },
      targetOf(certificateSettings()),
    ],
    [
      'whose certificate object takes eight strings',
      { certificateManagementRevision: 1, csrStrings: 8 },
      targetOf(certificateSettings()),
    ],
    ['that has a DNS name', {}, targetOf(certificateSettings(), { dnsName: 'device-1.example.com' })],
  ] as const) {
    test(`works with a device ${name}`, async () => {
      const around = await Surroundings.create()
      const device = await factoryDevice(options)
      const result = await around.deploy(target, new MemoryPort(device, around.time))
      expect(codes(result)).toEqual([])
      expect(result?.configuration).toBe('new')
    })
  }

  test('brings revocation lists to object revisions 7 and 9, and the device refuses who is on them', async () => {
    for (const revision of [7, 9] as const) {
      const around = await Surroundings.create()
      const device = await factoryDevice({ ethernetIpSecurityRevision: revision })
      const stranger = await around.authority.manager('green', 'stranger')
      const settings = certificateSettings()
      const port = new MemoryPort(device, around.time)
      await around.deploy(targetOf(settings), port)
      const anchors = await around.authority.anchors('green')
      const open = () => around.time.run(port.open({ kind: 'certificate', credential: stranger, anchors }))
      await expect(open()).resolves.toBeDefined()
      await around.authority.revoke('stranger')
      const result = await around.deploy(targetOf(settings), port, { options: { configured: true } })
      expect(codes(result), `revision ${revision}`).toEqual([])
      expect(device.security().crls).toHaveLength(1)
      await expect(open()).rejects.toThrow('revoked')
    }
  })
})

describe('the timers of a configuration', () => {
  test('are kicked on both objects every three seconds while a key takes thirteen seconds, longer than a device waits', async () => {
    const around = await Surroundings.create()
    const port = new MemoryPort(await factoryDevice(), around.time)
    let refused = false
    port.fault = (fact): Fault | undefined => {
      // This device makes keys only while it is being configured, and slowly.
      if (createCertificate(fact) && !refused) {
        refused = true
        return { kind: 'status', status: 0x0c }
      }
      return createCsr(fact) ? { kind: 'slow', ms: 13_000 } : undefined
    }
    const started = around.time.now()
    const result = await around.deploy(targetOf(certificateSettings()), port)
    expect(codes(result)).toEqual([])
    expect(around.time.now() - started).toBeGreaterThan(13_000)
    const kicks = (classId: number) => port.facts.filter((fact) => isService(fact, classId, 0x4c)).length
    expect(kicks(0x5d)).toBe(4)
    expect(kicks(0x5e)).toBe(4)
  })

  test('run out when nobody kicks them: the device keeps its old settings', async () => {
    const around = await Surroundings.create()
    const device = await factoryDevice()
    const port = new MemoryPort(device, around.time)
    port.fault = (fact) =>
      isService(fact, 0x5d, 0x4c) || isService(fact, 0x5e, 0x4c)
        ? { kind: 'timeout' }
        : isService(fact, 0x5f, 0x4c)
          ? { kind: 'slow', ms: 9000 }
          : undefined
    const result = await around.deploy(targetOf(certificateSettings()), port)
    expect(result?.outcome).toBe('not-complete')
    expect(result?.configuration).toBe('old')
    await around.time.pass(20_000)
    expect(device.isConfigured()).toBe(false)
  })
})

describe('a device that must not be changed', () => {
  test('is left alone in protection mode', async () => {
    const around = await Surroundings.create()
    const device = await factoryDevice()
    device.setProtectionMode(1)
    const port = new MemoryPort(device, around.time)
    expect(codes(await around.deploy(targetOf(certificateSettings()), port))).toEqual(['protection-mode'])
    expect(port.facts.every(({ service }) => service === 0x01 || service === 0x0e)).toBe(true)
  })

  test('is left alone when the plant file expects another unit', async () => {
    const around = await Surroundings.create()
    const port = new MemoryPort(await factoryDevice(), around.time)
    const result = await around.deploy(targetOf(certificateSettings(), { expect: { vendor: 1, serial: 0x7777 } }), port)
    expect(codes(result)).toEqual(['wrong-device'])
    expect(evidence(result, 'wrong-device')).toContain(`serial: expected ${0x7777}, found ${0x1001}`)
  })

  test('is left alone when another unit was commissioned under its name', async () => {
    const around = await Surroundings.create()
    const port = new MemoryPort(await factoryDevice(), around.time)
    const result = await around.deploy(targetOf(certificateSettings()), port, {
      options: { knownUnit: { serialNumber: 0x2002 } },
    })
    expect(codes(result)).toEqual(['device-replaced'])
    expect(result?.messages[0]?.next).toContain('cordon release PLANT Device_1 --forget')
  })

  test('is left alone when it changed after the plan was made', async () => {
    const around = await Surroundings.create()
    const port = new MemoryPort(await factoryDevice(), around.time)
    const result = await around.deploy(targetOf(certificateSettings()), port, {
      options: { plannedDigest: '00'.repeat(32) },
    })
    expect(codes(result)).toEqual(['changed-since-plan'])
    expect(result?.configuration).toBe('old')
  })

  test('is left alone while somebody else configures it, and done once that one has gone', async () => {
    const around = await Surroundings.create()
    const device = await factoryDevice()
    const other = new MemoryPort(device, around.time)
    const stranger = await around.time.run(other.open({ kind: 'commissioning' }))
    const begin = {
      service: 0x4b,
      path: [
        { kind: 'class', value: 0x5d },
        { kind: 'instance', value: 1 },
      ],
      data: new Uint8Array(),
    } as const
    await around.time.run(stranger?.value.request(begin) ?? Promise.reject(new Error('not open')))
    // The stranger never kicks: after its ten seconds the device is free, and is commissioned.
    const result = await around.deploy(targetOf(certificateSettings()), new MemoryPort(device, around.time))
    expect(codes(result)).toEqual([])
    expect(around.time.now()).toBeGreaterThan(10_000)
  })

  test('says so when it lacks suites, key places or rules that the policy needs', async () => {
    const around = await Surroundings.create()
    const device = await factoryDevice({ suites: [0xc02b], ingressEgress: false })
    const rules: RuleSet = { ingress: [parseRule('allow ip=192.0.2.9 port=2221 proto=tcp')], egress: [] }
    const result = await around.deploy(targetOf(certificateSettings({ rules })), new MemoryPort(device, around.time))
    expect(codes(result)).toEqual(['settings-not-possible'])
    expect(evidence(result, 'settings-not-possible')).toMatch(
      /suites .*C023|suites TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256/,
    )
    expect(evidence(result, 'settings-not-possible')).toContain('0x63')
  })

  test('that does not answer, or hangs up, says so in its result', async () => {
    const around = await Surroundings.create()
    const port = new MemoryPort(await factoryDevice(), around.time)
    port.down = true
    expect(codes(await around.deploy(targetOf(certificateSettings()), port))).toEqual(['unreachable'])
  })
})

describe('the first contact', () => {
  const settings = certificateSettings()

  test('with a device of a trusted vendor is verified', async () => {
    const around = await Surroundings.create()
    const result = await around.deploy(targetOf(settings), new MemoryPort(await factoryDevice(), around.time))
    expect(result?.messages.map(({ code }) => code)).toEqual(['vendor-certificate-verified'])
  })

  test('with a device of no trusted vendor needs an explicit yes, which leaves a warning that names the device', async () => {
    const around = await Surroundings.create()
    const device = await factoryDevice({ selfSigned: true })
    const refused = await around.deploy(targetOf(settings), new MemoryPort(device, around.time))
    expect(codes(refused)).toEqual(['self-signed-not-accepted'])
    expect(refused?.messages[0]?.next).toContain('--accept-self-signed Device_1')
    const contact = { vendorAnchors: [], acceptUnproven: true }
    const accepted = await around.deploy(targetOf(settings), new MemoryPort(device, around.time), {
      options: { contact },
    })
    expect(codes(accepted)).toEqual(['self-signed-first-contact'])
    expect(accepted?.outcome).toBe('complete-with-warnings')
    expect(accepted?.messages[0]?.text).toContain('Device_1')
  })

  test('stops when the fingerprint is another than the one given, whatever a vendor anchor would say', async () => {
    const around = await Surroundings.create()
    const result = await around.deploy(
      targetOf(settings, { fingerprint: 'ab'.repeat(32) }),
      new MemoryPort(await factoryDevice(), around.time),
    )
    expect(codes(result)).toEqual(['fingerprint-mismatch'])
  })

  test('stops when the fingerprint is another than at an earlier contact', async () => {
    const around = await Surroundings.create()
    const contact = {
      vendorAnchors: [(await testVendor()).certificate.der],
      seenBefore: 'cd'.repeat(32),
      acceptUnproven: true,
    }
    const result = await around.deploy(targetOf(settings), new MemoryPort(await factoryDevice(), around.time), {
      options: { contact },
    })
    expect(codes(result)).toEqual(['fingerprint-mismatch'])
  })

  test('stops when the vendor certificate is for another unit', async () => {
    const around = await Surroundings.create()
    const result = await around.deploy(
      targetOf(settings),
      new MemoryPort(await factoryDevice({ certificateSerial: 0x9999 }), around.time),
    )
    expect(codes(result)).toEqual(['vendor-certificate-mismatch'])
    expect(evidence(result, 'vendor-certificate-mismatch')).toContain('0x9999')
  })

  test('with a device that somebody else configured ends there', async () => {
    const around = await Surroundings.create()
    const device = await factoryDevice()
    await around.deploy(targetOf(settings), new MemoryPort(device, around.time))
    const others = await Surroundings.create()
    // Another plant with another authority: its manager has no credential for this device.
    const { MemoryAuthority } = await import('./memory-authority.ts')
    const authority = await MemoryAuthority.create(['elsewhere'], () => around.time.date())
    const manager = await authority.manager('elsewhere')
    const result = await others.deploy(targetOf(settings), new MemoryPort(device, others.time), { means: { manager } })
    expect(codes(result)).toEqual(['already-configured-elsewhere'])
  })
})

describe('a pre-shared key', () => {
  const key = new Uint8Array(32).fill(0x5a)

  async function cell() {
    const around = await Surroundings.create()
    around.keys.set('cell3-2026', key)
    around.keys.set('cell3-2027', new Uint8Array(32).fill(0x5b))
    return around
  }

  const renewed = pskSettings({ psk: [{ name: 'cell3-2027', identity: 'cell3-b', usage: 'any' }] })
  const earlierKeys = [{ name: 'cell3-2026', identity: 'cell3' }]

  test('is sent to a proven device, which opens by it and by nothing else', async () => {
    const around = await cell()
    const device = await factoryDevice()
    const port = new MemoryPort(device, around.time)
    const result = await around.deploy(targetOf(pskSettings()), port)
    expect(codes(result)).toEqual([])
    expect(device.security().psk.map(({ usage }) => usage)).toEqual(['any'])
    expect(device.security().psk.map((psk) => [...psk.key])).toEqual([[...key]])
    await expect(around.time.run(port.open({ kind: 'commissioning' }))).rejects.toThrow('no common suite')
    expect(port.facts.filter(createCsr)).toEqual([])
  })

  test('is never sent to a device that was only accepted, not even after a yes', async () => {
    const around = await cell()
    const device = await factoryDevice({ selfSigned: true })
    const port = new MemoryPort(device, around.time)
    const contact = { vendorAnchors: [], acceptUnproven: true }
    const result = await around.deploy(targetOf(pskSettings()), port, { options: { contact } })
    expect(codes(result)).toEqual(['self-signed-first-contact', 'psk-not-sent'])
    expect(
      port.facts.some(({ classId, attribute, service }) => classId === 0x5e && attribute === 5 && service === 0x10),
    ).toBe(false)
    expect(device.security().psk).toEqual([])
  })

  test('is sent to the units of several trusted vendors, each proven by its own anchor, and to no unit of another', async () => {
    const around = await cell()
    const [first, second, third] = await Promise.all([
      makeVendor(1, 'First Works'),
      makeVendor(2, 'Second Works'),
      makeVendor(3, 'Third Works'),
    ])
    const deploy = async (maker: typeof first, trusted: readonly (typeof first)[], acceptUnproven = false) => {
      const device = await factoryDevice({ maker })
      const port = new MemoryPort(device, around.time)
      const contact = { vendorAnchors: trusted.map(({ certificate }) => certificate.der), acceptUnproven }
      const result = await around.deploy(targetOf(pskSettings()), port, { options: { contact } })
      const isSent = port.facts.some((fact) => isService(fact, 0x5e, 0x10) && fact.attribute === 5)
      return { result, isSent, held: device.security().psk.length }
    }
    for (const maker of [first, second]) {
      const { result, isSent, held } = await deploy(maker, [first, second])
      expect(result?.messages.map(({ code }) => code)).toEqual(['vendor-certificate-verified'])
      expect(evidence(result, 'vendor-certificate-verified')).toContain(`O=${maker.name}`)
      expect([isSent, held]).toEqual([true, 1])
    }
    // The anchor of one vendor proves nothing about the units of another.
    for (const [maker, trusted] of [
      [second, [first]],
      [third, [first, second]],
    ] as const) {
      const stopped = await deploy(maker, trusted)
      expect(codes(stopped.result)).toEqual(['self-signed-not-accepted'])
      expect([stopped.isSent, stopped.held]).toEqual([false, 0])
    }
    const accepted = await deploy(third, [first, second], true)
    expect(codes(accepted.result)).toEqual(['unknown-vendor', 'psk-not-sent'])
    expect([accepted.isSent, accepted.held]).toEqual([false, 0])
  })

  test('is sent to a self-signed device whose fingerprint was given beforehand', async () => {
    const around = await cell()
    const device = await factoryDevice({ selfSigned: true })
    const [leaf] = device.security().chain
    const print = leaf === undefined ? '' : fingerprint(nodeCrypto, leaf)
    const contact = { vendorAnchors: [], acceptUnproven: false }
    const result = await around.deploy(
      targetOf(pskSettings(), { fingerprint: print }),
      new MemoryPort(device, around.time),
      { options: { contact } },
    )
    expect(codes(result)).toEqual(['self-signed-first-contact'])
    expect(device.security().psk).toHaveLength(1)
  })

  test('that is not stored stops the device before anything is applied', async () => {
    const around = await Surroundings.create()
    const device = await factoryDevice()
    const result = await around.deploy(targetOf(pskSettings()), new MemoryPort(device, around.time))
    expect(codes(result)).toEqual(['psk-missing'])
    expect(device.isConfigured()).toBe(false)
  })

  test('changes without interruption where the device has room for two: both at first, the new one alone in the end', async () => {
    const around = await cell()
    const device = await factoryDevice({ pskSlots: 2 })
    const port = new MemoryPort(device, around.time)
    await around.deploy(targetOf(pskSettings()), port)
    const seen: number[] = []
    port.fault = (fact) => {
      if (fact.classId === 0x5d && fact.service === 0x4d) seen.push(device.security().psk.length)
      return undefined
    }
    const result = await around.deploy(targetOf(renewed), port, { options: { configured: true, earlierKeys } })
    expect(codes(result)).toEqual([])
    expect(seen).toEqual([2, 1])
    expect(device.security().psk.map(({ identity }) => new TextDecoder().decode(identity))).toEqual(['cell3-b'])
  })

  test('that cannot overlap needs --close-connections, and then the old one is gone at once', async () => {
    const around = await cell()
    const device = await factoryDevice({ pskSlots: 1 })
    const port = new MemoryPort(device, around.time)
    await around.deploy(targetOf(pskSettings()), port)
    const refused = await around.deploy(targetOf(renewed), port, { options: { configured: true, earlierKeys } })
    expect(codes(refused)).toEqual(['psk-needs-close-connections'])
    expect(device.security().psk.map(({ identity }) => new TextDecoder().decode(identity))).toEqual(['cell3'])
    const options = { configured: true, earlierKeys, closeConnections: true, closeDelayMs: 3000 }
    const done = await around.deploy(targetOf(renewed), port, { options })
    expect(codes(done)).toEqual(['psk-interrupts'])
    expect(done?.configuration).toBe('new')
    expect(device.security().psk.map(({ identity }) => new TextDecoder().decode(identity))).toEqual(['cell3-b'])
  })

  test('that was stored anew under its name reaches the device too', async () => {
    const around = await cell()
    const device = await factoryDevice()
    const port = new MemoryPort(device, around.time)
    await around.deploy(targetOf(pskSettings()), port)
    // The identity is the same, so that by the device's own answers nothing changed; the old key still opens it.
    const fresh = new Uint8Array(32).fill(0x11)
    const secrets = { psk: (name: string) => Promise.resolve(name === 'cell3-2026' ? fresh : key) }
    const options = {
      configured: true,
      changedKeys: ['cell3-2026'],
      earlierKeys: [{ name: 'before', identity: 'cell3' }],
      closeConnections: true,
      closeDelayMs: 1000,
    }
    const done = await around.deploy(targetOf(pskSettings()), port, { options, means: { secrets } })
    expect(codes(done)).toEqual(['psk-interrupts'])
    expect(device.security().psk.map((psk) => [...psk.key])).toEqual([[...fresh]])
  })

  test('appears in no journal entry, no event and no message', async () => {
    const around = await cell()
    const journal = memoryJournal()
    const result = await around.deploy(targetOf(pskSettings()), new MemoryPort(await factoryDevice(), around.time), {
      journal,
    })
    const everything = JSON.stringify([journal.entries, around.events, result])
    expect(everything).toContain('cell3-2026')
    for (const spelled of [Buffer.from(key).toString('hex'), Buffer.from(key).toString('base64'), [...key].join(',')]) {
      expect(everything).not.toContain(spelled)
    }
  })
})

describe('a lock-out', () => {
  test('is prevented: without a credential for afterwards nothing is applied', async () => {
    const around = await Surroundings.create()
    const device = await factoryDevice()
    const port = new MemoryPort(device, around.time)
    const result = await around.deploy(targetOf(certificateSettings()), port, { means: { manager: undefined } })
    expect(codes(result)).toEqual(['credential-missing'])
    expect(port.facts.some(applyConfig)).toBe(false)
    expect(holdings(device)).toEqual(holdings(await factoryDevice()))
  })

  test('is prevented: settings that would refuse the manager are not applied', async () => {
    const around = await Surroundings.create()
    const device = await factoryDevice()
    const port = new MemoryPort(device, around.time)
    // Its certificate was revoked, and the list that says so would go to the device.
    await around.authority.revoke('manager')
    const result = await around.deploy(targetOf(certificateSettings()), port)
    expect(codes(result)).toEqual(['lock-out-prevented'])
    expect(port.facts.some(applyConfig)).toBe(false)
    expect(device.isConfigured()).toBe(false)
  })

  test('is prevented: rules that do not let the manager in are not set', async () => {
    const around = await Surroundings.create()
    const device = await factoryDevice()
    const rules: RuleSet = { ingress: [parseRule('allow ip=192.0.2.77 port=2221 proto=tcp')], egress: [] }
    const result = await around.deploy(
      targetOf(certificateSettings({ enforcement: 'rules', rules })),
      new MemoryPort(device, around.time),
    )
    expect(codes(result)).toEqual(['rules-without-manager'])
    expect(device.admit('192.0.2.9', 2221, 'tcp').allowed).toBe(true)
  })
})

const managerRule = 'allow ip=192.0.2.9 port=2221 proto=tcp cipher=C023,C024'
const finalRules: RuleSet = {
  ingress: [managerRule, 'allow ip=192.0.2.30 port=2221 proto=udp cipher=C006'].map(parseRule),
  egress: [parseRule('require-secure ip=192.0.2.30 port=2221 proto=udp cipher=C006')],
}
const ruled = certificateSettings({
  enforcement: 'rules',
  rules: finalRules,
  ports: [
    { port: 44818, protocol: 'tcp', open: false },
    { port: 2222, protocol: 'udp', open: false },
  ],
})

describe('rules and ports', () => {
  test('come after the new identity is proven: first old and new, then new alone, plain ports last', async () => {
    const around = await Surroundings.create()
    const device = await factoryDevice()
    const port = new MemoryPort(device, around.time)
    const transaction = new DeviceTransaction(targetOf(ruled), await around.means(port), around.options())
    const step = (work: Promise<boolean>) => around.time.run(work)
    await step(transaction.read())
    await step(transaction.configure())
    expect(device.admit('192.0.2.30', 44818, 'tcp').allowed).toBe(true)
    expect(device.admit('192.0.2.30', 2221, 'udp').suites).toEqual([0xc006])
    expect(device.egress('192.0.2.30', 'udp').secure).toBe(false)
    await step(transaction.switchOver([{ ip: '192.0.2.30', protocol: 'udp' }]))
    expect(device.egress('192.0.2.30', 'udp').secure).toBe(true)
    expect(device.admit('192.0.2.30', 44818, 'tcp').allowed).toBe(true)
    await step(transaction.finalRules())
    expect(device.admit('192.0.2.30', 44818, 'tcp').allowed).toBe(false)
    expect(device.ports().every(({ open }) => open)).toBe(true)
    await step(transaction.closePorts())
    expect(
      device
        .ports()
        .filter(({ open }) => !open)
        .map(({ port: number }) => number),
    ).toEqual([44818, 2222])
    await step(transaction.complete())
    expect(transaction.result().messages.filter(({ severity }) => severity !== 'information')).toEqual([])
  })

  test('are journaled with what to put back', async () => {
    const around = await Surroundings.create()
    const journal = memoryJournal()
    await around.deploy(targetOf(ruled), new MemoryPort(await factoryDevice(), around.time), { journal })
    const begun = (name: string) =>
      journal.entries.find(({ step, phase }) => step === name && phase === 'begin')?.detail['before']
    expect(begun('overlap-rules')).toEqual({ ingress: [], egress: [], changeCount: 0 })
    expect(begun('ports')).toEqual([
      { port: 44818, protocol: 'tcp', open: true },
      { port: 2222, protocol: 'udp', open: true },
    ])
  })

  test('may stay open until later, which the result says', async () => {
    const around = await Surroundings.create()
    const device = await factoryDevice()
    const result = await around.deploy(targetOf(ruled), new MemoryPort(device, around.time), {
      options: { closePorts: 'later' },
    })
    expect(codes(result)).toEqual(['ports-left-open'])
    expect(device.ports().every(({ open }) => open)).toBe(true)
    const later = await around.deploy(targetOf(ruled), new MemoryPort(device, around.time), {
      options: { configured: true },
    })
    expect(codes(later)).toEqual([])
    expect(device.ports().filter(({ open }) => !open)).toHaveLength(2)
  })

  test('that somebody else changed meanwhile are not overwritten', async () => {
    const around = await Surroundings.create()
    const port = new MemoryPort(await factoryDevice(), around.time)
    port.fault = (fact) => (isService(fact, 0x63, 0x4b) ? { kind: 'status', status: 0x0c } : undefined)
    const result = await around.deploy(targetOf(ruled), port)
    expect(codes(result)).toEqual(['changed-since-plan'])
  })

  test('change only what differs when the device is deployed again', async () => {
    const around = await Surroundings.create()
    const device = await factoryDevice()
    await around.deploy(targetOf(ruled), new MemoryPort(device, around.time))
    const more: RuleSet = {
      ...finalRules,
      ingress: [...finalRules.ingress, parseRule('allow ip=192.0.2.31 port=2221 proto=tcp cipher=C023')],
    }
    const port = new MemoryPort(device, around.time)
    const result = await around.deploy(targetOf({ ...ruled, rules: more }), port, { options: { configured: true } })
    expect(codes(result)).toEqual([])
    expect(port.facts.some(applyConfig)).toBe(false)
    expect(device.admit('192.0.2.31', 2221, 'tcp').allowed).toBe(true)
    expect(device.admit('192.0.2.31', 44818, 'tcp').allowed).toBe(false)
  })
})

describe('what fails after Apply_Config', () => {
  test('is taken back over the old session when the new identity does not open', async () => {
    const around = await Surroundings.create()
    const device = await factoryDevice()
    const port = new MemoryPort(device, around.time)
    const open = port.open.bind(port)
    port.open = (access) => {
      if (access.kind === 'certificate') return around.time.wait(1).then(() => Promise.reject(new NotTrustedByTest()))
      return open(access)
    }
    const journal = memoryJournal()
    const result = await around.deploy(targetOf(certificateSettings()), port, { journal })
    expect(codes(result)).toEqual(['undone', 'not-reachable-afterwards'])
    expect(result?.configuration).toBe('old')
    expect(device.isConfigured()).toBe(false)
    expect(lastEntry(journal.entries, 'apply')?.phase).toBe('undone')
  })

  test('is finished when only End_Config was lost', async () => {
    const around = await Surroundings.create()
    const device = await factoryDevice()
    const port = new MemoryPort(device, around.time)
    let lost = false
    port.fault = (fact): Fault | undefined => {
      if (!endConfig(fact) || lost) return undefined
      lost = true
      return { kind: 'disconnect', when: 'before' }
    }
    const result = await around.deploy(targetOf(certificateSettings()), port)
    expect(codes(result)).toEqual([])
    expect(device.persist().state.cipSecurity).toBe('configured')
  })

  test('is finished by resume when the process died between Apply_Config and End_Config', async () => {
    const around = await Surroundings.create()
    const device = await factoryDevice()
    const first = new MemoryPort(device, around.time)
    first.fault = (fact) => (endConfig(fact) ? { kind: 'crash', when: 'before' } : undefined)
    const journal = memoryJournal()
    await around.deploy(targetOf(certificateSettings()), first, { journal })
    expect(device.persist().state.cipSecurity).toBe('incompleteConfiguration')
    const port = new MemoryPort(device, around.time)
    const result = await around.deploy(targetOf(certificateSettings()), port, { journal })
    expect(codes(result)).toEqual([])
    // Finished, not done anew: no second key, no second Apply_Config.
    expect(port.facts.some(createCsr)).toBe(false)
    expect(port.facts.some(applyConfig)).toBe(false)
    expect(device.persist().state.cipSecurity).toBe('configured')
  })

  test('ends within the close delay when connections are closed', async () => {
    const around = await Surroundings.create()
    const device = await factoryDevice()
    const options = { closeConnections: true, closeDelayMs: 3000 }
    const result = await around.deploy(targetOf(certificateSettings()), new MemoryPort(device, around.time), {
      options,
    })
    expect(codes(result)).toEqual([])
    expect(around.time.now()).toBeGreaterThan(3000)
  })

  test('works with a close delay of nothing, where the session ends before End_Config can be sent', async () => {
    const around = await Surroundings.create()
    const device = await factoryDevice()
    const options = { closeConnections: true, closeDelayMs: 0 }
    const result = await around.deploy(targetOf(certificateSettings()), new MemoryPort(device, around.time), {
      options,
    })
    expect(codes(result)).toEqual([])
    expect(device.persist().state.cipSecurity).toBe('configured')
  })
})

class NotTrustedByTest extends (await import('@cordon/core/errors')).NotTrusted {
  constructor() {
    super('unknown-authority', 'the certificate is not trusted')
  }
}

describe('a cancellation', () => {
  const cancelAt = async (match: (fact: RequestFact) => boolean) => {
    const around = await Surroundings.create()
    const device = await factoryDevice()
    const port = new MemoryPort(device, around.time)
    const controller = new AbortController()
    port.fault = (fact) => {
      if (match(fact)) controller.abort()
      return undefined
    }
    const result = await around.deploy(targetOf(ruled), port, { means: { signal: controller.signal } })
    return { around, device, result, port }
  }

  test('before Apply_Config leaves the old settings and nothing behind', async () => {
    const { device, result, port } = await cancelAt(createCsr)
    expect(codes(result)).toEqual(['cancelled'])
    expect(result?.configuration).toBe('old')
    expect(port.facts.some(applyConfig)).toBe(false)
    expect(device.isConfigured()).toBe(false)
    expect(holdings(device)).toEqual(holdings(await factoryDevice()))
  })

  test('after Apply_Config lets the device come to its new settings, and stops there', async () => {
    const { device, result } = await cancelAt(applyConfig)
    expect(codes(result)).toEqual(['cancelled'])
    expect(result?.configuration).toBe('new')
    expect(device.persist().state.cipSecurity).toBe('configured')
    expect(device.ports().every(({ open }) => open)).toBe(true)
  })
})

describe('the journal', () => {
  test('holds the beginning of every change before it is sent', async () => {
    const around = await Surroundings.create()
    const device = await factoryDevice()
    const port = new MemoryPort(device, around.time)
    const journal = memoryJournal()
    const begun = (step: JournalEntry['step']) =>
      journal.entries.some((entry) => entry.step === step && entry.phase === 'begin')
    const needs: [(fact: RequestFact) => boolean, JournalEntry['step']][] = [
      [createCertificate, 'key'],
      [(fact) => isService(fact, 0x5d, 0x4b), 'begin-config'],
      [(fact) => isService(fact, 0x37, 0x08), 'files'],
      [(fact) => fact.classId === 0x5f && fact.service === 0x10, 'install'],
      [(fact) => fact.classId === 0x5e && fact.service === 0x10, 'settings'],
      [applyConfig, 'apply'],
      [endConfig, 'end-config'],
      [(fact) => isService(fact, 0x5d, 0x4e), 'clean-up'],
      [(fact) => isService(fact, 0x63, 0x4b), 'overlap-rules'],
      [(fact) => isService(fact, 0xf5, 0x4c), 'ports'],
    ]
    const early: string[] = []
    const met = new Set<string>()
    port.fault = (fact) => {
      for (const [match, step] of needs) {
        if (!match(fact)) continue
        met.add(step)
        if (!begun(step)) early.push(step)
      }
      return undefined
    }
    const result = await around.deploy(targetOf(ruled), port, { journal })
    expect(result?.outcome).toBe('complete')
    expect(early).toEqual([])
    expect([...met].sort()).toEqual(needs.map(([, step]) => step).sort())
    expect(lastEntry(journal.entries, 'apply')?.phase).toBe('done')
    expect(journal.entries.find(({ step, phase }) => step === 'apply' && phase === 'begin')?.detail['manager']).toBe(
      around.manager.serial,
    )
  })

  test('that refuses because another process took over stops the work without undoing its steps', async () => {
    const around = await Surroundings.create()
    const device = await factoryDevice()
    const port = new MemoryPort(device, around.time)
    const memory = memoryJournal()
    const journal = {
      ...memory,
      record: (entries: readonly JournalEntry[]) =>
        entries.some(({ step }) => step === 'settings')
          ? Promise.reject(new NotAllowed('refused', 'the claim went to another process'))
          : memory.record(entries),
    }
    const result = await around.deploy(targetOf(certificateSettings()), port, { journal })
    expect(codes(result)).toEqual(['taken-over'])
    expect(port.facts.some(({ classId, service }) => classId === 0x5e && (service === 0x4e || service === 0x10))).toBe(
      false,
    )
  })
})

describe('an authority that fails', () => {
  test('leaves the device as it was', async () => {
    const around = await Surroundings.create()
    const device = await factoryDevice()
    around.authority.failure = new NotAllowed('refused', 'the key was revoked as compromised')
    const result = await around.deploy(targetOf(certificateSettings()), new MemoryPort(device, around.time))
    expect(codes(result)).toEqual(['authority-refused'])
    expect(evidence(result, 'authority-refused')).toContain('compromised')
    expect(holdings(device)).toEqual(holdings(await factoryDevice()))
  })
})

describe('a full certificate store', () => {
  test('is cleaned of what nothing refers to before it is called full', async () => {
    const around = await Surroundings.create()
    const device = await factoryDevice({ certificateSlots: 1 })
    const target = targetOf(certificateSettings())
    const port = new MemoryPort(device, around.time)
    // Two attempts that died left two key pairs behind.
    for (let attempt = 0; attempt < 2; attempt++) {
      const dying = new MemoryPort(device, around.time)
      dying.fault = (fact) => (createCsr(fact) ? { kind: 'crash', when: 'after' } : undefined)
      await around.deploy(target, dying)
    }
    const result = await around.deploy(target, port)
    expect(codes(result)).toEqual([])
  })

  test('that nothing can be removed from is said to be full', async () => {
    const around = await Surroundings.create()
    const port = new MemoryPort(await factoryDevice(), around.time)
    port.fault = (fact) => (createCertificate(fact) ? { kind: 'status', status: 0x02 } : undefined)
    expect(codes(await around.deploy(targetOf(certificateSettings()), port))).toEqual(['device-full'])
  })
})
