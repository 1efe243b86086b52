import type { ActiveSecurity, Device, DeviceSecrets, DeviceState, HostedDevice } from '@cordon/core/device'
import { generalStatus } from '@cordon/core/cip'
import { type CheckId, checkIds, checkTable, type VerificationResult } from '@cordon/core/verification'
import { createDefaultCredentials, createDevice } from '@cordon/core/device'
import { decodeBase64, encodeBase64, encodePem } from '@cordon/core/x509'
import type { ContextOptions } from '@cordon/tls'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { nodeCrypto } from '../../src/crypto.ts'
import type { StoredCredential, VerificationRequest } from '../../src/verify/request.ts'
import { verifyPlant } from '../../src/verify/verify.ts'
import { testAddress } from '../addresses.ts'
import { quick, smallPlant } from './small-plant.ts'
import { type PlantOptions, type RunningPlant, type Spoiling, startTestPlant } from './test-plant.ts'

/** What no option of a device can bring about is done to the (D)TLS contexts of the run. */
const tampering = vi.hoisted((): { context: ((options: ContextOptions) => ContextOptions) | undefined } => ({
  context: undefined,
}))

vi.mock('@cordon/tls', async (original) => {
  const real = await original<typeof import('@cordon/tls')>()
  class Context extends real.Context {
    constructor(options: ContextOptions) {
      super(tampering.context === undefined ? options : tampering.context(options))
    }
  }
  return { ...real, Context }
})

/** One way to spoil a plant: the check that must notice it, and what else must then fail. */
interface Sabotage {
  readonly id: CheckId
  /** What was done, in words. */
  readonly what: string
  readonly spoiling?: Spoiling
  readonly options?: PlantOptions
  readonly text?: (text: string) => string
  readonly context?: (options: ContextOptions) => ContextOptions
  /** Checks that cannot hold either, once this one does not. */
  readonly consequences?: readonly CheckId[]
  /** The devices that are verified; the first is the spoiled one. */
  readonly only?: readonly string[] | 'all'
  readonly openssl?: (directory: string) => Promise<string>
}

const target = 'Green_1'
const address = (host: number) => testAddress(40 + host)
const addresses = {
  Green_1: address(1),
  Green_2: address(2),
  Red_1: address(3),
  Red_2: address(4),
  Panel: address(5),
  Manager: address(6),
}

/** A device with some of its methods replaced, as its host sees it. */
function override(device: Device, methods: Partial<HostedDevice>): HostedDevice {
  return new Proxy(device, {
    get(own, name) {
      // A method that is replaced is taken from the replacement, everything else from the device.
      const replaced: unknown = Reflect.get(methods, name)
      if (replaced !== undefined) return replaced
      const value: unknown = Reflect.get(own, name, own)
      return typeof value === 'function' ? value.bind(own) : value
    },
  })
}

/** Only the spoiled device is touched. */
function hosted(change: (device: Device) => Partial<HostedDevice>, name = target): Spoiling {
  return { hosted: (own, device) => (own === name ? override(device, change(device)) : device) }
}

function secured(change: (security: ActiveSecurity) => Partial<ActiveSecurity>, name = target): Spoiling {
  return hosted((device) => {
    // The host builds its contexts by generation: one object for each.
    let known: { readonly from: ActiveSecurity; readonly to: ActiveSecurity } | undefined
    return {
      security: () => {
        const from = device.security()
        if (known?.from !== from) known = { from, to: { ...from, ...change(from) } }
        return known.to
      },
    }
  }, name)
}

function holding(change: Spoiling['unit'] & object, name = target): Spoiling {
  return { unit: (unit) => (unit.name === name ? change(unit) : undefined) }
}

function admitting(
  peer: string,
  port: number,
  protocol: 'tcp' | 'udp',
  admission: (device: Device) => ReturnType<Device['admit']>,
): Spoiling {
  return hosted((device) => ({
    admit: (from, at, over) =>
      from === peer && at === port && over === protocol ? admission(device) : device.admit(from, at, over),
  }))
}

const readBacks = checkIds.filter((id) => checkTable[id].kind === 'read-back')

function storedOf({ chain, key }: { chain: readonly Uint8Array[]; key: Uint8Array }): StoredCredential {
  return { chain: chain.map((der) => encodeBase64(der)), key: encodeBase64(key) }
}

async function vendorCredential({ vendor }: RunningPlant): Promise<StoredCredential> {
  const identity = {
    vendorId: 1,
    deviceType: 12,
    productCode: 65,
    majorRevision: 2,
    minorRevision: 1,
    serialNumber: 99,
    productName: 'Spare',
  }
  const { chain, key } = await createDefaultCredentials(nodeCrypto, { identity, vendor, now: Date.now() })
  return storedOf({ chain, key: key.export() ?? new Uint8Array(0) })
}

const day = 24 * 60 * 60_000

const pskKey = Uint8Array.from({ length: 32 }, (_, i) => i + 1)

/** Another plant on the same addresses: everybody holds one key. */
const pskPlant: Pick<Sabotage, 'text' | 'options' | 'only'> = {
  only: ['Cell_1'],
  options: { psk: { cell: pskKey } },
  text: () => `
version: 1
plant: cell
authority: { key: ecdsa-p256, subject: { organization: Test, country: US } }
nonSecure: allow
suites: [0xC037, 0xCCAC, 0xC03A]
manager: Manager
zones:
  cell: { authentication: psk, messaging: confidentiality, io: confidentiality, psk: cell, close: [tcp/44818, udp/2222] }
devices:
  Cell_1: { address: ${addresses.Green_1}, zone: cell }
  Cell_2: { address: ${addresses.Green_2}, zone: cell }
  Manager: { address: ${addresses.Manager}, zone: cell, role: originator, io: deny }
`,
}

/** As though the device took any key: what the prober shows is swapped for what is right. */
function anyKey(options: ContextOptions, identity: (text: string) => boolean): ContextOptions {
  const [entry] = options.psk ?? []
  if (options.role !== 'client' || entry === undefined || !identity(new TextDecoder().decode(entry.identity)))
    return options
  return { ...options, psk: [{ identity: new TextEncoder().encode('cell'), key: pskKey }] }
}

const withList: Spoiling['authority'] = async (authority) => {
  const { chain } = await authority.credential('former', 'green')
  await authority.revoke('green', chain[0] ?? new Uint8Array(0))
}

const sabotages: readonly Sabotage[] = [
  {
    id: 'session-opens',
    what: 'a device that has lost its CIP Security Object',
    spoiling: hosted((device) => ({
      request: (request, link, now, context) => {
        const isLost = request.path.some((segment) => segment.kind === 'class' && segment.value === 0x5d)
        if (isLost)
          return {
            service: request.service,
            status: generalStatus.pathDestinationUnknown,
            extended: [],
            data: new Uint8Array(0),
          }
        return device.request(request, link, now, context)
      },
    })),
    consequences: [...readBacks, 'certificate-active', 'vendor-certificate-refused'],
  },
  {
    id: 'unit-as-expected',
    what: 'another unit than the plant file names',
    spoiling: {
      request: (request) => withDevice(request, target, { expect: { vendor: 1, serial: 4712 } }),
    },
  },
  {
    id: 'state-configured',
    what: 'a configuration that was not ended',
    spoiling: holding((unit) => {
      unit.state.cipSecurity = 'incompleteConfiguration'
    }),
  },
  {
    id: 'state-secured',
    what: 'a state of 0x5E that no push leaves behind',
    spoiling: holding((unit) => {
      unit.state.ethernetIpSecurity.state = 'pullModelCompleted'
    }),
  },
  {
    id: 'allowed-suites',
    what: 'a suite too many in attribute 4, which the rules still refuse',
    spoiling: holding((unit) => {
      unit.state.ethernetIpSecurity.settings.allowedSuites.push(0xc02b)
    }),
  },
  {
    id: 'originator-suites',
    what: 'a suite too many in attribute 19',
    spoiling: holding((unit) => {
      unit.state.ethernetIpSecurity.settings.allowedOriginatorSuites.push(0xc02b)
    }),
  },
  {
    id: 'verify-client',
    what: 'attribute 9 off in what the device says, although it verifies',
    spoiling: {
      ...holding((unit) => {
        unit.state.ethernetIpSecurity.settings.verifyClient = false
      }),
      ...secured(() => ({ verifyPeer: true })),
    },
  },
  {
    id: 'send-chain',
    what: 'attribute 10 on',
    spoiling: holding((unit) => {
      unit.state.ethernetIpSecurity.settings.sendChain = true
    }),
  },
  {
    id: 'check-expiration',
    what: 'attribute 11 on',
    spoiling: holding((unit) => {
      unit.state.ethernetIpSecurity.settings.checkExpiration = true
    }),
  },
  {
    id: 'check-name',
    what: 'attribute 17 on in what the device says',
    spoiling: {
      ...holding((unit) => {
        unit.state.ethernetIpSecurity.settings.checkName = true
      }),
      ...secured(() => ({ checkName: false })),
    },
  },
  {
    id: 'dtls-timeout',
    what: 'a second more in attribute 15',
    spoiling: holding((unit) => {
      unit.state.ethernetIpSecurity.settings.dtlsTimeout++
    }),
  },
  {
    id: 'trusted-authorities',
    what: 'the authority of another zone too many',
    spoiling: holding((unit) => {
      const der = unit.authority.issuer('red').certificate.der
      unit.state.ethernetIpSecurity.settings.trustedAuthorities.push(
        unit.file(encodePem('CERTIFICATE', der), 'pemCertificate'),
      )
    }),
  },
  {
    id: 'trusted-identities',
    what: 'the certificate of a peer too many',
    spoiling: holding(async (unit) => {
      const { chain } = await unit.authority.credential('stranger', 'red')
      const file = unit.file(encodePem('CERTIFICATE', chain[0] ?? new Uint8Array(0)), 'pemCertificate')
      unit.state.ethernetIpSecurity.settings.trustedIdentities.push(file)
    }),
  },
  {
    id: 'pre-shared-keys',
    what: 'a key too many',
    spoiling: holding((unit) => {
      unit.state.ethernetIpSecurity.settings.preSharedKeys.push({ identity: encodeBase64(pskKey), usage: 'any' })
      unit.secrets.preSharedKeys.push(encodeBase64(pskKey))
    }),
  },
  {
    id: 'revocation-lists',
    what: 'no revocation list, although its zone has one',
    spoiling: {
      authority: withList,
      ...holding((unit) => {
        unit.state.ethernetIpSecurity.settings.revocationLists = []
      }),
    },
  },
  {
    id: 'ingress-rules',
    what: 'an ingress rule too many, for nobody here',
    spoiling: holding((unit) => {
      unit.state.rules.ingress.push('allow ip=192.0.2.1 port=44818 proto=tcp')
    }),
  },
  {
    id: 'egress-rules',
    what: 'an egress rule less',
    spoiling: holding((unit) => {
      unit.state.rules.egress.pop()
    }),
  },
  {
    id: 'port-states',
    what: 'a port that is closed and said to be open',
    spoiling: {
      ...holding((unit) => {
        unit.state.tcpIp.closed = []
      }),
      ...hosted((device) => ({
        ports: () => device.ports().map((port) => (port.port === 2222 ? { ...port, open: false } : port)),
      })),
    },
  },
  {
    id: 'certificate-chain',
    what: 'a certificate of another zone',
    spoiling: { certificate: (name) => (name === target ? { zone: 'red' } : undefined) },
  },
  {
    id: 'certificate-name',
    what: "a certificate for another device's address",
    spoiling: { certificate: (name) => (name === target ? { addresses: [addresses.Red_1] } : undefined) },
  },
  {
    id: 'certificate-dates',
    what: 'a certificate that has expired',
    spoiling: { certificate: (name) => (name === target ? { at: Date.now() - 30 * day, validityMs: day } : undefined) },
  },
  {
    id: 'certificate-not-revoked',
    what: 'a certificate on the revocation list',
    spoiling: holding(async (unit) => {
      const [record] = (await unit.authority.list()).filter(({ name }) => name === target)
      const list = await unit.authority.revoke('green', record?.certificate ?? new Uint8Array(0))
      unit.state.ethernetIpSecurity.settings.revocationLists = [
        unit.file(encodePem('X509 CRL', list), 'pemRevocationList'),
      ]
    }),
  },
  {
    id: 'certificate-not-default',
    what: 'the certificate of the factory, still shown',
    spoiling: hosted((device) => {
      const { credentials } = (device.options.security ?? undefined) as NonNullable<Device['options']['security']>
      const key = credentials.key.export() ?? new Uint8Array(0)
      const security = { ...device.security(), chain: credentials.chain, key }
      return { security: () => security }
    }),
    consequences: ['certificate-chain', 'certificate-name', 'certificate-active'],
  },
  {
    id: 'certificate-active',
    what: 'an active certificate other than the one it shows',
    spoiling: {
      unit: (unit) => {
        if (unit.name !== target) return
        // The reference to the plant certificate goes away; the host shows it all the same.
        unit.state.ethernetIpSecurity.settings.activeCertificates = [...factoryActive]
      },
      hosted: (name, device, unit) => {
        if (name !== target) return device
        const leaf = unit.state.files[0]?.content ?? ''
        const text = new TextDecoder().decode(decodeBase64(leaf, 'test'))
        const chain = [decodeBase64(text.replace(/-----[^-]+-----|\s/g, ''), 'test')]
        const key = decodeBase64(unit.secrets.keys[0]?.pkcs8 ?? '', 'test')
        const security = { ...device.security(), chain, key }
        return override(device, { security: () => security })
      },
    },
  },
  {
    id: 'suite-connects',
    what: 'a device that does not do one of its suites',
    spoiling: secured(({ suites }) => ({ suites: suites.filter((id) => id !== 0xc023) })),
  },
  {
    id: 'suite-refused',
    what: 'a device that takes another suite from the manager',
    spoiling: {
      hosted: (name, device) => {
        if (name !== target) return device
        const security = { ...device.security(), suites: [...device.security().suites, 0xc024] }
        return override(device, {
          security: () => security,
          admit: (from, port, protocol) => {
            const admission = device.admit(from, port, protocol)
            const isManager = from === addresses.Manager && port === 2221 && protocol === 'tcp'
            return isManager ? { ...admission, suites: [...(admission.suites ?? []), 0xc024] } : admission
          },
        })
      },
    },
  },
  {
    id: 'version-refused',
    what: 'a device that still speaks TLS 1.0',
    // 0xC009 is a suite of that version, and none of CIP Security.
    context: (options) =>
      options.role === 'server' && options.protocol === 'tls'
        ? { ...options, suites: [...options.suites, 0xc009], versions: { min: 'TLSv1', max: 'TLSv1.2' } }
        : options,
  },
  {
    id: 'version-refused',
    what: 'a device that still speaks DTLS 1.0',
    context: (options) =>
      options.role === 'server' && options.protocol === 'dtls'
        ? { ...options, suites: [...options.suites, 0xc009], versions: { min: 'DTLSv1', max: 'DTLSv1.2' } }
        : options,
  },
  {
    id: 'version-refused',
    what: 'a device that speaks TLS 1.3',
    context: (options) =>
      options.role === 'server' && options.protocol === 'tls'
        ? { ...options, suites: [...options.suites, 0x1301, 0x1302], versions: { min: 'TLSv1.2', max: 'TLSv1.3' } }
        : options,
  },
  {
    id: 'no-certificate-refused',
    what: 'a device that asks for a certificate and does not insist',
    context: (options) =>
      options.role === 'server' ? { ...options, verify: { ...options.verify, peer: 'request' } } : options,
  },
  {
    id: 'foreign-certificate-refused',
    what: 'a device that does not ask who comes',
    spoiling: secured(() => ({ verifyPeer: false })),
    consequences: ['no-certificate-refused'],
  },
  {
    id: 'vendor-certificate-refused',
    what: 'a device that still trusts its maker',
    spoiling: {
      hosted: (name, device, unit) => {
        if (name !== target) return device
        const security = { ...device.security(), anchors: [...device.security().anchors, unit.vendor.issuer.der] }
        return override(device, { security: () => security })
      },
      request: async (request, plant) => ({ ...request, vendor: await vendorCredential(plant) }),
    },
  },
  {
    id: 'vendor-certificate-refused',
    what: 'a device that holds the authority of its maker, with no credential of the maker at hand',
    spoiling: holding((unit) => {
      const file = unit.file(encodePem('CERTIFICATE', unit.vendor.issuer.der), 'pemCertificate')
      unit.state.ethernetIpSecurity.settings.trustedAuthorities.push(file)
    }),
    consequences: ['trusted-authorities'],
  },
  {
    id: 'revoked-certificate-refused',
    what: 'a device that holds the revocation list and does not look into it',
    spoiling: {
      authority: withList,
      ...secured(() => ({ crls: [] })),
      request: async (request, { authority }) => {
        const credential = await authority.credential('removed', 'green', { addresses: [addresses.Manager] })
        // The devices have an older list by now, so the one that counts for them stays in the request.
        await authority.revoke('green', credential.chain[0] ?? new Uint8Array(0))
        return { ...request, revoked: { green: storedOf(credential) } }
      },
    },
  },
  {
    id: 'expired-certificate-refused',
    what: 'a device that is told to look at dates and does not',
    text: (text) => text.replace('green: {', 'green: { checkExpiration: true,'),
    spoiling: {
      ...secured(() => ({ checkExpiration: false })),
      request: async (request, { authority }) => {
        const credential = await authority.credential('late', 'green', { at: Date.now() - 30 * day, validityMs: day })
        return { ...request, expired: { green: storedOf(credential) } }
      },
    },
  },
  {
    id: 'misnamed-certificate-refused',
    what: 'a device that is told to look at names and does not',
    text: (text) => text.replace('green: {', 'green: { checkName: true,'),
    spoiling: secured(() => ({ checkName: false })),
  },
  {
    id: 'unknown-psk-refused',
    what: 'a device that takes any identity',
    ...pskPlant,
    context: (options) => anyKey(options, (text) => text.startsWith('unknown')),
  },
  {
    id: 'wrong-psk-refused',
    what: 'a device that takes any key',
    ...pskPlant,
    context: (options) => anyKey(options, (text) => text === 'cell'),
  },
  {
    id: 'plain-port-closed',
    what: 'a closed port that listens',
    spoiling: hosted((device) => ({
      ports: () => device.ports().map((port) => (port.port === 2222 ? { ...port, open: true } : port)),
    })),
  },
  {
    id: 'plain-port-open',
    what: 'a port that should listen and does not',
    spoiling: hosted((device) => ({
      ports: () =>
        device
          .ports()
          .map((port) => (port.port === 44818 && port.protocol === 'udp' ? { ...port, open: false } : port)),
    })),
  },
  {
    id: 'pair-connects',
    what: 'a device that lets a permitted peer not in',
    spoiling: admitting(addresses.Green_2, 2221, 'tcp', () => ({ allowed: false, reason: 'spoiled' })),
    // Without a way in for this peer nothing proves that its other suites are refused.
    consequences: ['pair-suites-refused'],
  },
  {
    id: 'pair-suites-refused',
    what: 'a device that takes another suite from a permitted peer',
    spoiling: {
      hosted: (name, device) => {
        if (name !== target) return device
        const security = { ...device.security(), suites: [...device.security().suites, 0xc024] }
        return override(device, {
          security: () => security,
          admit: (from, port, protocol) => {
            const admission = device.admit(from, port, protocol)
            const isPeer = from === addresses.Green_2 && port === 2221 && protocol === 'tcp'
            if (isPeer) return { ...admission, suites: [...(admission.suites ?? []), 0xc024] }
            return admission.suites === undefined
              ? admission
              : { ...admission, suites: admission.suites.filter((id) => id !== 0xc024) }
          },
        })
      },
    },
  },
  {
    id: 'pair-refused',
    what: 'a device without the rule that keeps a peer out',
    spoiling: admitting(addresses.Panel, 2221, 'tcp', () => ({ allowed: true, reason: 'spoiled' })),
  },
  {
    id: 'pair-refused',
    what: 'a device that lets a forbidden peer in over DTLS',
    spoiling: admitting(addresses.Panel, 2221, 'udp', () => ({ allowed: true, reason: 'spoiled' })),
  },
  {
    id: 'pair-plain-connects',
    what: 'a device that refuses a permitted plain peer',
    spoiling: admitting(addresses.Panel, 44818, 'tcp', () => ({ allowed: false, reason: 'spoiled' })),
  },
  {
    id: 'pair-plain-refused',
    what: 'a device that lets another peer in in plain',
    spoiling: admitting(addresses.Red_1, 44818, 'tcp', () => ({ allowed: true, reason: 'spoiled' })),
  },
  {
    id: 'pair-plain-io-refused',
    what: 'a Connection Manager that does not look at the rules',
    text: (text) => text.replace('close: [udp/2222]', 'close: []'),
    spoiling: {
      hosted: (name, device, { state, secrets }) => {
        if (name !== target) return device
        const lenient = structuredClone(state)
        lenient.rules.ingress.unshift(`allow ip=${addresses.Panel} port=2222 proto=udp`)
        const lax = createDevice(device.options, {
          state: lenient as DeviceState,
          secrets: secrets as DeviceSecrets,
        })
        return override(device, {
          request: (request, link, now, context) => {
            const isOpening = request.path.some((segment) => segment.kind === 'class' && segment.value === 0x06)
            return (isOpening ? lax : device).request(request, link, now, context)
          },
        })
      },
    },
  },
  {
    id: 'connection-protected',
    what: 'a connection left in plain',
    spoiling: {
      request: (request) => ({
        ...request,
        live: [
          { name: 'Green_reads', state: 'open', transport: 'tcp' },
          { name: 'Panel_reads', state: 'open', transport: 'tcp' },
        ],
      }),
    },
  },
  {
    id: 'policy-test',
    what: 'a statement that does not hold',
    only: 'all',
    spoiling: {
      request: (request) => ({
        ...request,
        plant: { ...request.plant, tests: request.plant.tests.map((one) => ({ ...one, access: 'secure' as const })) },
      }),
    },
  },
  {
    id: 'openssl-agrees',
    what: 'a second opinion that is another',
    openssl: async (directory) => {
      const path = join(directory, 'openssl')
      const script =
        '#!/bin/sh\n[ "$1" = version ] && { echo "OpenSSL test"; exit 0; }\necho "New, TLSv1.2, Cipher is ECDHE-ECDSA-AES256-GCM-SHA384"\n'
      await writeFile(path, script)
      await chmod(path, 0o700)
      return path
    },
  },
]

/** 0x5E attribute 6 from the factory: `20 5F 24 01`. */
const factoryActive = [encodeBase64(Uint8Array.of(0x20, 0x5f, 0x24, 0x01))]

function withDevice(request: VerificationRequest, name: string, change: object): VerificationRequest {
  const devices = request.plant.devices.map((device) => (device.name === name ? { ...device, ...change } : device))
  return { ...request, plant: { ...request.plant, devices } }
}

async function run(sabotage: Sabotage, directory: string): Promise<VerificationResult> {
  const text = sabotage.text?.(smallPlant(1)) ?? smallPlant(1)
  await using plant = await startTestPlant(text, { ...sabotage.options, spoiling: sabotage.spoiling })
  const request = await plant.request()
  const only = sabotage.only === 'all' ? undefined : (sabotage.only ?? [target])
  const openssl = sabotage.openssl === undefined ? (false as const) : await sabotage.openssl(directory)
  tampering.context = sabotage.context
  return await verifyPlant(only === undefined ? request : { ...request, only }, { limits: quick, openssl })
}

describe('a sabotaged plant', () => {
  let directory = ''

  afterEach(async () => {
    tampering.context = undefined
    if (directory !== '') await rm(directory, { recursive: true, force: true })
    directory = ''
  })

  test.each(sabotages)('$id notices $what, and nothing else fails', async (sabotage) => {
    directory = await mkdtemp(join(tmpdir(), 'cordon-sabotage-'))
    const { checks, verdict } = await run(sabotage, directory)
    const failed = checks.filter((check) => check.verdict === 'fail')
    const shown = failed.map(({ id, subject, reason }) => `${id} ${subject}: ${reason}`)
    const allowed = new Set<CheckId>([sabotage.id, ...(sabotage.consequences ?? [])])
    expect(
      failed.filter(({ id }) => !allowed.has(id)),
      shown.join('\n'),
    ).toEqual([])
    expect(new Set(failed.map(({ id }) => id)), shown.join('\n')).toContain(sabotage.id)
    expect(verdict).toBe('fail')
  })

  test('exists for every check', () => {
    expect(new Set(sabotages.map(({ id }) => id))).toEqual(new Set(checkIds))
  })
})
