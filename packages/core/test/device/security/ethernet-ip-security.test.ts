import { type EPath, path } from '@cordon/core/cip'
import type { Device } from '@cordon/core/device'
import {
  certificateManagement,
  cipSecurity,
  ethernetIpSecurity,
  ethernetIpSecurityRevision7,
  file,
  type PreSharedKey,
} from '@cordon/core/objects'
import { beforeEach, describe, expect, it } from 'vitest'
import {
  actionKinds,
  allSuites,
  certificatePath,
  filePath,
  installCertificate,
  pem,
  secureDevice,
  TestClient,
  tcpLink,
  testAuthority,
  tlsLink,
} from '../fixture.ts'

let device: Device
let owner: TestClient
let other: TestClient

beforeEach(async () => {
  device = await secureDevice()
  owner = new TestClient(device, tlsLink())
  other = new TestClient(device, tlsLink({}, '192.0.2.2'))
})

const begin = async (client = owner) => await client.call(ethernetIpSecurity, 1, 'beginConfig', undefined)
const apply = async (client = owner) => await client.call(ethernetIpSecurity, 1, 'applyConfig', undefined)

const psk = (identity: string, length = 16, usage: PreSharedKey['usage'] = 'any'): PreSharedKey => ({
  identity: new TextEncoder().encode(identity),
  key: new Uint8Array(length).fill(7),
  usage,
})

describe('EtherNet/IP Security Object, from the factory', () => {
  it('has the defaults of the reference', async () => {
    expect(await owner.get(ethernetIpSecurity, 1, 'state')).toBe('factoryDefault')
    expect(await owner.get(ethernetIpSecurity, 1, 'capabilityFlags')).toBe(0)
    expect(await owner.get(ethernetIpSecurity, 1, 'availableSuites')).toEqual(allSuites)
    expect(await owner.get(ethernetIpSecurity, 1, 'allowedSuites')).toEqual([0xc02c, 0xc02b, 0xcca9, 0xc024, 0xc023])
    expect(await owner.get(ethernetIpSecurity, 1, 'preSharedKeys')).toEqual([])
    expect(await owner.get(ethernetIpSecurity, 1, 'activeCertificates')).toEqual([certificatePath(1)])
    expect(await owner.get(ethernetIpSecurity, 1, 'trustedAuthorities')).toEqual([])
    expect(await owner.get(ethernetIpSecurity, 1, 'revocationLists')).toEqual([])
    for (const name of ['verifyClient', 'sendChain', 'checkExpiration', 'checkName'] as const) {
      expect(await owner.get(ethernetIpSecurity, 1, name)).toBe(false)
    }
    expect(await owner.get(ethernetIpSecurity, 1, 'trustedIdentities')).toEqual([])
    expect(await owner.get(ethernetIpSecurity, 1, 'pullEnabled')).toBe(true)
    expect(await owner.get(ethernetIpSecurity, 1, 'pullStatus')).toBe(0)
    expect(await owner.get(ethernetIpSecurity, 1, 'dtlsTimeout')).toBe(12)
    expect(await owner.get(ethernetIpSecurity, 1, 'udpOnlyPolicy')).toBe(0)
    expect(await owner.get(ethernetIpSecurity, 1, 'ioAuthorizationPolicy')).toBe(0)
    expect(await owner.getClass(ethernetIpSecurity, 'revision')).toBe(9)
    expect(await owner.getClass(ethernetIpSecurity, 'pskSlots')).toBe(2)
    expect(await owner.getClass(ethernetIpSecurity, 'pskUsages')).toBe(7)
  })

  it('answers Get attribute 3 of a two-suite device with the bytes of the reference', async () => {
    const small = new TestClient(await secureDevice({ suites: [0xc02b, 0xc02c] }), tlsLink())
    const reply = await small.raw(0x0e, path({ class: 0x5e, instance: 1, attribute: 3 }))
    expect([...reply.data]).toEqual([0x02, 0xc0, 0x2b, 0xc0, 0x2c])
  })

  it('gives attributes 1 to 15 and 17 in Get_Attributes_All', async () => {
    const { data } = await owner.raw(0x01, path({ class: 0x5e, instance: 1 }))
    const singles: number[] = []
    for (const id of [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17]) {
      singles.push(...(await owner.raw(0x0e, path({ class: 0x5e, instance: 1, attribute: id }))).data)
    }
    expect([...data]).toEqual(singles)
  })

  it('has at object revision 7 one revocation list and none of the attributes 16, 18, 19, 20', async () => {
    const old = new TestClient(await secureDevice({ ethernetIpSecurityRevision: 7 }), tlsLink())
    expect(await old.getClass(ethernetIpSecurityRevision7, 'revision')).toBe(7)
    expect([...(await old.raw(0x0e, path({ class: 0x5e, instance: 1, attribute: 8 }))).data]).toEqual([0])
    for (const attribute of [16, 18, 19, 20]) {
      expect((await old.raw(0x0e, path({ class: 0x5e, instance: 1, attribute }))).status).toBe(0x14)
      await begin(old)
      expect((await old.raw(0x10, path({ class: 0x5e, instance: 1, attribute }), Uint8Array.of(0))).status).toBe(0x14)
      await old.call(ethernetIpSecurityRevision7, 1, 'abortConfig', undefined)
    }
    expect(await old.get(ethernetIpSecurityRevision7, 1, 'checkName')).toBe(false)
    expect(await old.getClass(ethernetIpSecurityRevision7, 'maxInstanceAttribute')).toBe(17)
    expect(await owner.getClass(ethernetIpSecurity, 'maxInstanceAttribute')).toBe(20)
  })
})

describe('a configuration of 0x5E', () => {
  it('refuses Set outside with 0x0C and read-only attributes with 0x0E', async () => {
    expect(await owner.trySet(ethernetIpSecurity, 1, 'sendChain', true)).toEqual([0x0c])
    await begin()
    for (const attribute of [1, 2, 3, 13, 14, 18]) {
      const target = path({ class: 0x5e, instance: 1, attribute })
      expect(await owner.status(0x10, target, Uint8Array.of(1))).toEqual([0x0e])
    }
    expect(await owner.status(0x10, path({ class: 0x5e, instance: 1, attribute: 99 }), Uint8Array.of(1))).toEqual([
      0x14,
    ])
  })

  it('shows pending values to its owner and those in force to everybody else', async () => {
    await begin()
    await owner.set(ethernetIpSecurity, 1, 'dtlsTimeout', 60)
    await owner.set(ethernetIpSecurity, 1, 'checkName', true)
    expect(await owner.get(ethernetIpSecurity, 1, 'dtlsTimeout')).toBe(60)
    expect(await other.get(ethernetIpSecurity, 1, 'dtlsTimeout')).toBe(12)
    expect(device.security().dtlsTimeoutS).toBe(12)
    await apply()
    expect(await other.get(ethernetIpSecurity, 1, 'dtlsTimeout')).toBe(60)
    expect(device.security()).toMatchObject({ dtlsTimeoutS: 60, checkName: true })
  })

  it('is one caller’s: others get 0x0F', async () => {
    await begin()
    expect(await other.trySet(ethernetIpSecurity, 1, 'sendChain', true)).toEqual([0x0f])
    expect(await other.refused(ethernetIpSecurity, 1, 'applyConfig', undefined)).toEqual([0x0f])
    expect(await other.refused(ethernetIpSecurity, 1, 'abortConfig', undefined)).toEqual([0x0f])
    expect(await other.refused(ethernetIpSecurity, 1, 'kickTimer', undefined)).toEqual([0x0f])
    expect(await other.refused(ethernetIpSecurity, 1, 'beginConfig', undefined)).toEqual([0x0c])
  })

  it('drops pending values on Abort_Config, timeout and loss of the link', async () => {
    for (const end of ['abort', 'timeout', 'link'] as const) {
      await begin()
      await owner.set(ethernetIpSecurity, 1, 'dtlsTimeout', 99)
      if (end === 'abort') await owner.call(ethernetIpSecurity, 1, 'abortConfig', undefined)
      else if (end === 'timeout') owner.pass(10_000)
      else device.linkClosed(owner.link, owner.now)
      expect(await owner.get(ethernetIpSecurity, 1, 'state')).toBe('factoryDefault')
      expect(await owner.get(ethernetIpSecurity, 1, 'dtlsTimeout')).toBe(12)
      expect(await owner.refused(ethernetIpSecurity, 1, 'abortConfig', undefined)).toEqual([0x0c])
    }
  })

  it('returns to Configured when a reconfiguration is given up', async () => {
    await begin()
    await apply()
    await begin()
    await owner.set(ethernetIpSecurity, 1, 'dtlsTimeout', 99)
    owner.pass(10_000)
    expect(await owner.get(ethernetIpSecurity, 1, 'state')).toBe('configured')
    expect(await owner.get(ethernetIpSecurity, 1, 'dtlsTimeout')).toBe(12)
  })

  it('wants a secure link for a reconfiguration, even before 0x5D has heard End_Config', async () => {
    await owner.call(cipSecurity, 1, 'beginConfig', undefined)
    await begin()
    await apply()
    owner.pass(10_000)
    expect(device.securityState()).toBe('incompleteConfiguration')
    for (const client of [
      new TestClient(device, tcpLink()),
      new TestClient(device, tlsLink({ authenticated: 'none' })),
    ]) {
      expect(await client.refused(ethernetIpSecurity, 1, 'beginConfig', undefined)).toEqual([0x0f])
      expect(await client.refused(cipSecurity, 1, 'beginConfig', undefined)).toEqual([0x0f])
      expect(await client.refused(ethernetIpSecurity, 1, 'reset', {})).toEqual([0x0f])
    }
    await other.call(cipSecurity, 1, 'beginConfig', undefined)
    await other.call(cipSecurity, 1, 'endConfig', undefined)
  })

  it('lets the link that began over default credentials finish after Apply_Config, and no other anonymous one', async () => {
    const anonymous = new TestClient(device, tlsLink({ authenticated: 'none' }))
    await anonymous.call(cipSecurity, 1, 'beginConfig', undefined)
    await begin(anonymous)
    await apply(anonymous)
    const second = new TestClient(device, tlsLink({ authenticated: 'none' }, '192.0.2.66'))
    expect(await second.refused(cipSecurity, 1, 'endConfig', undefined)).toEqual([0x0f])
    await anonymous.call(cipSecurity, 1, 'endConfig', undefined)
    expect(await anonymous.refused(cipSecurity, 1, 'beginConfig', undefined)).toEqual([0x0f])
  })

  it('takes suites from attribute 3 only, each once', async () => {
    await begin()
    expect(await owner.trySet(ethernetIpSecurity, 1, 'allowedSuites', [0x1301])).toEqual([0x09])
    expect(await owner.trySet(ethernetIpSecurity, 1, 'allowedSuites', [0xc02b, 0xc02b])).toEqual([0x09])
    expect(await owner.trySet(ethernetIpSecurity, 1, 'allowedOriginatorSuites', [0xd001])).toEqual([0x09])
    await owner.set(ethernetIpSecurity, 1, 'allowedSuites', [0xc023, 0xc02c])
    await owner.set(ethernetIpSecurity, 1, 'allowedOriginatorSuites', [0xc02c])
    await apply()
    expect(device.security()).toMatchObject({ suites: [0xc023, 0xc02c], originatorSuites: [0xc02c] })
  })

  it('refuses values out of range with 0x09, short ones with 0x13 and long ones with 0x15', async () => {
    await begin()
    expect(await owner.trySet(ethernetIpSecurity, 1, 'dtlsTimeout', 0)).toEqual([0x09])
    expect(await owner.trySet(ethernetIpSecurity, 1, 'dtlsTimeout', 3601)).toEqual([0x09])
    await owner.set(ethernetIpSecurity, 1, 'dtlsTimeout', 3600)
    expect(await owner.trySet(ethernetIpSecurity, 1, 'udpOnlyPolicy', 3)).toEqual([0x09])
    expect(await owner.trySet(ethernetIpSecurity, 1, 'ioAuthorizationPolicy', 1)).toEqual([0x09])
    const timeout = path({ class: 0x5e, instance: 1, attribute: 15 })
    expect(await owner.status(0x10, timeout, Uint8Array.of(5))).toEqual([0x13])
    expect(await owner.status(0x10, timeout, Uint8Array.of(5, 0, 0))).toEqual([0x15])
  })
})

describe('pre-shared keys', () => {
  it('are set by the bytes of the reference and read back without the key', async () => {
    await begin()
    const bytes = [1, 4, 0x69, 0x64, 0x30, 0x31, 16, ...Array.from({ length: 16 }, (_, i) => i), 2]
    const target = path({ class: 0x5e, instance: 1, attribute: 5 })
    expect(await owner.status(0x10, target, Uint8Array.from(bytes))).toEqual([0])
    expect([...(await owner.raw(0x0e, target)).data]).toEqual([1, 4, 0x69, 0x64, 0x30, 0x31, 0, 2])
    await owner.set(ethernetIpSecurity, 1, 'allowedSuites', [0xc037])
    await apply()
    expect([...(await other.raw(0x0e, target)).data]).toEqual([1, 4, 0x69, 0x64, 0x30, 0x31, 0, 2])
    const all = (await other.raw(0x01, path({ class: 0x5e, instance: 1 }))).data
    expect(Buffer.from(all).includes(Buffer.from(bytes.slice(7, 20)))).toBe(false)
    expect(device.security().psk[0]?.key).toEqual(Uint8Array.from(bytes.slice(7, 23)))
  })

  it('may leave out the usage byte, as old clients do', async () => {
    await begin()
    const bytes = Uint8Array.of(1, 1, 0x61, 1, 0x62)
    expect(await owner.status(0x10, path({ class: 0x5e, instance: 1, attribute: 5 }), bytes)).toEqual([0])
    expect((await owner.get(ethernetIpSecurity, 1, 'preSharedKeys'))[0]?.usage).toBe('any')
  })

  it('are refused with 0x0F over a link that does not encrypt', async () => {
    for (const link of [tcpLink(), tlsLink({ suite: 0xc006, encrypts: false })]) {
      const client = new TestClient(device, link)
      await begin(client)
      expect(await client.trySet(ethernetIpSecurity, 1, 'preSharedKeys', [psk('a')])).toEqual([0x0f])
      await client.call(ethernetIpSecurity, 1, 'abortConfig', undefined)
    }
  })

  it('are refused with 0x09 beyond 128 octets of identity, 64 of key, the slots, and when empty or double', async () => {
    await begin()
    const target = path({ class: 0x5e, instance: 1, attribute: 5 })
    const raw = (identity: number, key: number) =>
      Uint8Array.from([1, identity, ...Array(identity).fill(1), key, ...Array(key).fill(2), 2])
    expect(await owner.status(0x10, target, raw(129, 16))).toEqual([0x09])
    expect(await owner.status(0x10, target, raw(1, 65))).toEqual([0x09])
    expect(await owner.status(0x10, target, raw(1, 0))).toEqual([0x09])
    expect(await owner.status(0x10, target, raw(128, 64))).toEqual([0])
    expect(await owner.status(0x10, target, Uint8Array.of(1, 1, 0x61, 1, 0x62, 3))).toEqual([0x09])
    expect(await owner.trySet(ethernetIpSecurity, 1, 'preSharedKeys', [psk('a'), psk('a')])).toEqual([0x09])
    expect(await owner.trySet(ethernetIpSecurity, 1, 'preSharedKeys', [psk('a'), psk('b'), psk('c')])).toEqual([0x09])
    await owner.set(ethernetIpSecurity, 1, 'preSharedKeys', [psk('a', 16, 'server'), psk('b', 16, 'client')])
  })

  it('are overwritten in memory when they are replaced, dropped or reset', async () => {
    await begin()
    await owner.set(ethernetIpSecurity, 1, 'preSharedKeys', [psk('a')])
    await owner.set(ethernetIpSecurity, 1, 'allowedSuites', [0xc037])
    await apply()
    const held = device.security().psk[0]?.key
    expect(held?.every((byte) => byte === 7)).toBe(true)
    await owner.call(ethernetIpSecurity, 1, 'reset', {})
    expect(held?.every((byte) => byte === 0)).toBe(true)
    expect(device.security().psk).toEqual([])
  })

  it('keep working after an abort that never replaced them', async () => {
    await begin()
    await owner.set(ethernetIpSecurity, 1, 'preSharedKeys', [psk('a')])
    await owner.set(ethernetIpSecurity, 1, 'allowedSuites', [0xc037])
    await apply()
    await begin()
    await owner.set(ethernetIpSecurity, 1, 'dtlsTimeout', 20)
    await owner.call(ethernetIpSecurity, 1, 'abortConfig', undefined)
    expect(device.security().psk[0]?.key.every((byte) => byte === 7)).toBe(true)
  })
})

describe('Apply_Config', () => {
  it('fails with 0xD0 and 4 when no suite is allowed', async () => {
    await begin()
    await owner.set(ethernetIpSecurity, 1, 'allowedSuites', [])
    expect(await owner.refused(ethernetIpSecurity, 1, 'applyConfig', undefined)).toEqual([0xd0, 4])
    expect(await owner.get(ethernetIpSecurity, 1, 'state')).toBe('configurationInProgress')
  })

  it('fails with 0xD0 and 1 when only PSK suites are allowed and there is no PSK', async () => {
    await begin()
    await owner.set(ethernetIpSecurity, 1, 'allowedSuites', [0xc037, 0xc03a])
    expect(await owner.refused(ethernetIpSecurity, 1, 'applyConfig', undefined)).toEqual([0xd0, 1])
    await owner.set(ethernetIpSecurity, 1, 'preSharedKeys', [psk('a')])
    await apply()
    expect(device.security()).toMatchObject({ chain: [], suites: [0xc037, 0xc03a] })
    expect(device.security().key).toHaveLength(0)
  })

  it('fails with 0xD0 and 2 when only certificate suites are allowed and no certificate is usable', async () => {
    await begin()
    await owner.set(ethernetIpSecurity, 1, 'activeCertificates', [])
    expect(await owner.refused(ethernetIpSecurity, 1, 'applyConfig', undefined)).toEqual([0xd0, 2])
    const instance = await owner.call(certificateManagement, 0, 'create', 'not yet')
    await owner.set(ethernetIpSecurity, 1, 'activeCertificates', [certificatePath(instance)])
    expect(await owner.refused(ethernetIpSecurity, 1, 'applyConfig', undefined)).toEqual([0xd0, 2])
  })

  it('fails with 0xD0 and 3 when no certificate suite fits the kind of the private key', async () => {
    await begin()
    await owner.set(ethernetIpSecurity, 1, 'allowedSuites', [0x003c, 0x003d])
    expect(await owner.refused(ethernetIpSecurity, 1, 'applyConfig', undefined)).toEqual([0xd0, 3])
    await owner.set(ethernetIpSecurity, 1, 'allowedSuites', [0x003c, 0xc02c])
    await apply()
  })

  it('takes mixed suites without a certificate when there is a PSK', async () => {
    await begin()
    await owner.set(ethernetIpSecurity, 1, 'activeCertificates', [])
    await owner.set(ethernetIpSecurity, 1, 'allowedSuites', [0xc037, 0xc02c])
    expect(await owner.refused(ethernetIpSecurity, 1, 'applyConfig', undefined)).toEqual([0xd0, 2])
    await owner.set(ethernetIpSecurity, 1, 'preSharedKeys', [psk('a')])
    await apply()
  })

  it('refuses 1 to 3 bytes of data with 0x13 and more than 4 with 0x15', async () => {
    await begin()
    const target = path({ class: 0x5e, instance: 1 })
    for (const length of [1, 2, 3]) expect(await owner.status(0x4d, target, new Uint8Array(length))).toEqual([0x13])
    expect(await owner.status(0x4d, target, new Uint8Array(5))).toEqual([0x15])
    expect(await owner.status(0x4d, target)).toEqual([0])
  })

  it('closes secured links after the delay only when flag 0 says so, and cleans up with flag 1', async () => {
    const dead = await owner.download(Uint8Array.of(1), 'binary')
    await begin()
    device.takeActions()
    await owner.call(ethernetIpSecurity, 1, 'applyConfig', { flags: 0, closeDelayMs: 3000 })
    expect(actionKinds(device.takeActions())).toEqual(['save', 'security-changed'])
    expect(await owner.get(file, dead, 'state')).toBe('loaded')
    await begin()
    device.takeActions()
    await owner.call(ethernetIpSecurity, 1, 'applyConfig', { flags: 3, closeDelayMs: 3000 })
    const actions = device.takeActions()
    expect(actions.find(({ kind }) => kind === 'close-links')).toMatchObject({ which: 'all-secure', afterMs: 3000 })
    expect((await owner.raw(0x0e, path({ class: 0x37, instance: dead, attribute: 1 }))).status).toBe(0x16)
  })

  it('counts a new generation and builds new settings, the old object staying as it was', async () => {
    const before = device.security()
    expect(device.security()).toBe(before)
    await begin()
    await owner.set(ethernetIpSecurity, 1, 'verifyClient', true)
    expect(device.security()).toBe(before)
    await apply()
    expect(device.security().generation).toBe(before.generation + 1)
    expect(before.verifyPeer).toBe(false)
  })
})

describe('references of 0x5E', () => {
  it('must lead to what exists and can be read', async () => {
    await begin()
    const garbage = await owner.download(Uint8Array.of(1, 2, 3))
    const wrong: readonly EPath[] = [filePath(0x999), path({ class: 1, instance: 1 }), filePath(garbage), []]
    for (const target of wrong) {
      expect(await owner.trySet(ethernetIpSecurity, 1, 'trustedAuthorities', [target])).toEqual([0x09])
      expect(await owner.trySet(ethernetIpSecurity, 1, 'trustedIdentities', [target])).toEqual([0x09])
      expect(await owner.trySet(ethernetIpSecurity, 1, 'revocationLists', [target])).toEqual([0x09])
      expect(await owner.trySet(ethernetIpSecurity, 1, 'activeCertificates', [target])).toEqual([0x09])
    }
    expect(
      await owner.trySet(ethernetIpSecurity, 1, 'activeCertificates', [certificatePath(1), certificatePath(1)]),
    ).toEqual([0x09])
  })

  it('serve authorities, identities and revocation lists from files to the host', async () => {
    const authority = await testAuthority()
    const peer = await authority.issueFor((await installKey()).publicKey, 'peer')
    const list = await authority.revocationList(['01'])
    await begin()
    const ca = await owner.download(pem('CERTIFICATE', authority.ca.der))
    const identity = await owner.download(pem('CERTIFICATE', peer))
    const crl = await owner.download(pem('X509 CRL', list), 'pemRevocationList')
    await owner.set(ethernetIpSecurity, 1, 'trustedAuthorities', [filePath(ca)])
    await owner.set(ethernetIpSecurity, 1, 'trustedIdentities', [filePath(identity)])
    await owner.set(ethernetIpSecurity, 1, 'revocationLists', [filePath(crl)])
    await apply()
    expect(device.security()).toMatchObject({ anchors: [authority.ca.der], trusted: [peer], crls: [list] })
  })

  it('take an authority from a Certificate Management instance too', async () => {
    const authority = await testAuthority()
    const { instance } = await installCertificate(owner, authority)
    await begin()
    await owner.set(ethernetIpSecurity, 1, 'trustedAuthorities', [certificatePath(instance)])
    await apply()
    expect(device.security().anchors).toEqual([authority.ca.der])
  })

  it('take one revocation list at object revision 7', async () => {
    const old = await secureDevice({ ethernetIpSecurityRevision: 7 })
    const client = new TestClient(old, tlsLink())
    const authority = await testAuthority()
    const crl = await client.download(pem('X509 CRL', await authority.revocationList([])), 'pemRevocationList')
    await begin(client)
    const target = path({ class: 0x5e, instance: 1, attribute: 8 })
    const file16 = [0x25, 0x00, crl & 0xff, crl >> 8]
    expect(await client.status(0x10, target, Uint8Array.from([3, 0x20, 0x37, ...file16]))).toEqual([0])
    await apply(client)
    expect(old.security().crls).toHaveLength(1)
    expect(old.security().originatorSuites).toEqual(old.security().suites)
  })

  it('refuse trusted identities where the device does not have them', async () => {
    const poor = new TestClient(await secureDevice({ trustedIdentities: false }), tlsLink())
    await begin(poor)
    expect(await poor.trySet(ethernetIpSecurity, 1, 'trustedIdentities', [filePath(0x0101)])).toEqual([0x09])
    await poor.set(ethernetIpSecurity, 1, 'trustedIdentities', [])
  })

  it('send the chain only when attribute 10 says so', async () => {
    const authority = await testAuthority()
    const { instance, certificate } = await installCertificate(owner, authority)
    for (const [sendChain, chain] of [
      [false, [certificate]],
      [true, [certificate, authority.ca.der]],
    ] as const) {
      await begin()
      await owner.set(ethernetIpSecurity, 1, 'activeCertificates', [certificatePath(instance)])
      await owner.set(ethernetIpSecurity, 1, 'sendChain', sendChain)
      await apply()
      expect(device.security().chain).toEqual(chain)
    }
  })

  it('cannot be changed or deleted under settings in force or begun', async () => {
    const authority = await testAuthority()
    const { instance, caFile } = await installCertificate(owner, authority)
    await begin()
    await owner.set(ethernetIpSecurity, 1, 'activeCertificates', [certificatePath(instance)])
    await owner.set(ethernetIpSecurity, 1, 'trustedAuthorities', [filePath(caFile)])
    const check = async () => {
      expect(await owner.refused(certificateManagement, instance, 'delete', undefined)).toEqual([0x0c])
      expect(await owner.refused(file, caFile, 'delete', undefined)).toEqual([0x0c, 2])
      expect(await owner.refused(file, caFile, 'clearFile', undefined)).toEqual([0x0c, 2])
      expect(
        await owner.trySet(certificateManagement, instance, 'caCertificate', { status: 'verified', path: [] }),
      ).toEqual([0x0c])
    }
    await check()
    await apply()
    await check()
    await begin()
    await owner.set(ethernetIpSecurity, 1, 'activeCertificates', [certificatePath(1)])
    await owner.set(ethernetIpSecurity, 1, 'trustedAuthorities', [])
    await apply()
    await owner.call(certificateManagement, instance, 'delete', undefined)
    await owner.call(file, caFile, 'delete', undefined)
  })
})

async function installKey() {
  const { nodeCrypto } = await import('@cordon/node/crypto')
  return await nodeCrypto.generateKey('ecdsa-p256')
}

describe('Reset of 0x5E', () => {
  it('enables pull without data and disables it with FALSE', async () => {
    await owner.call(ethernetIpSecurity, 1, 'reset', { enablePull: false })
    expect(await owner.get(ethernetIpSecurity, 1, 'state')).toBe('pullModelDisabled')
    expect(await owner.get(ethernetIpSecurity, 1, 'pullStatus')).toBe(0xffff)
    expect(await owner.get(ethernetIpSecurity, 1, 'pullEnabled')).toBe(false)
    await begin()
    await owner.call(ethernetIpSecurity, 1, 'abortConfig', undefined)
    expect(await owner.get(ethernetIpSecurity, 1, 'state')).toBe('pullModelDisabled')
    await owner.call(ethernetIpSecurity, 1, 'reset', {})
    expect(await owner.get(ethernetIpSecurity, 1, 'state')).toBe('factoryDefault')
    expect(await owner.get(ethernetIpSecurity, 1, 'pullStatus')).toBe(0)
  })

  it('ends a configuration of another link', async () => {
    await begin()
    await other.call(ethernetIpSecurity, 1, 'reset', {})
    expect(await owner.refused(ethernetIpSecurity, 1, 'applyConfig', undefined)).toEqual([0x0c])
  })
})
