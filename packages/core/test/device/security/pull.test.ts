import { generalStatus } from '@cordon/core/cip'
import { createDevice, type Device, type PullNotice, type SecurityOptions } from '@cordon/core/device'
import { deviceWishes, pullKept } from '@cordon/core/enrollment'
import {
  certificateManagement,
  cipSecurity,
  ethernetIpSecurity,
  identity as identityClass,
  pullStatuses,
} from '@cordon/core/objects'
import { profilesOf } from '@cordon/core/security'
import { decodeCertificate, decodeRequest, formatName } from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { certificatePath, installCertificate, secureDevice, TestClient, testAuthority, tlsLink } from '../fixture.ts'
import { Pulling, TestEst } from './pull-driver.ts'

let est: TestEst
let device: Device
let client: TestClient
let pulling: Pulling

const make = (security: Partial<SecurityOptions> = {}) => secureDevice({ pull: true, ...security })
const use = (made: Device) => {
  device = made
  client = new TestClient(device, tlsLink())
}
const state = () => client.get(ethernetIpSecurity, 1, 'state')
const status = () => client.get(ethernetIpSecurity, 1, 'pullStatus')
const enroll = async () => {
  pulling.give({ kind: 'enable' })
  await pulling.run()
}
/** The device as a power cycle leaves it. */
const powerCycle = () => {
  const { options } = device
  // Through text, as storage keeps it.
  use(createDevice(options, JSON.parse(JSON.stringify(device.persist())) as ReturnType<Device['persist']>))
  pulling.attach(device)
}

beforeAll(async () => {
  est = await TestEst.open()
})

beforeEach(async () => {
  est.decide = 'grant'
  est.wishes = undefined
  est.more = []
  est.requests.length = 0
  use(await make())
  pulling = new Pulling(device, est)
})

describe('A device that pulls', () => {
  it('says so: capability of 0x5F, profile of 0x5D, attribute 13', async () => {
    expect(await client.getClass(certificateManagement, 'capabilityFlags')).toEqual({ push: true, pull: true })
    const { profiles } = profilesOf(await client.get(cipSecurity, 1, 'profiles'))
    expect(profiles).toEqual(['confidentiality', 'pullModel'])
    expect(await client.get(ethernetIpSecurity, 1, 'pullEnabled')).toBe(true)
    const other = new TestClient(await secureDevice(), tlsLink())
    expect(await other.getClass(certificateManagement, 'capabilityFlags')).toEqual({ push: true, pull: false })
    expect(profilesOf(await other.get(cipSecurity, 1, 'profiles')).profiles).toEqual(['confidentiality'])
  })

  it('shows how far it is in attributes 1 and 14', async () => {
    pulling.give({ kind: 'enable' })
    expect([await state(), await status()]).toEqual(['factoryDefault', pullStatuses.searching])
    await pulling.run('/csrattrs')
    expect([await state(), await status()]).toEqual(['pullModelInProgress', pullStatuses.fetchingAuthorities])
    est.decide = 'pending'
    await pulling.run()
    expect([await state(), await status()]).toEqual(['pullModelInProgress', pullStatuses.waitingForApproval])
    est.decide = 'refuse'
    await pulling.wait()
    expect([await state(), await status()]).toEqual(['factoryDefault', pullStatuses.requestRejected])
    est.decide = 'grant'
    await pulling.wait()
    expect([await state(), await status()]).toEqual(['pullModelCompleted', pullStatuses.idle])
  })

  it('installs key, certificate and authorities, and is configured', async () => {
    const stranger = await testAuthority('green')
    est.more = [stranger.ca.der]
    await enroll()
    expect(await client.get(cipSecurity, 1, 'state')).toBe('configured')
    expect(profilesOf(await client.get(cipSecurity, 1, 'profilesConfigured')).profiles).toContain('pullModel')
    expect(await client.get(ethernetIpSecurity, 1, 'activeCertificates')).toEqual([certificatePath(2)])
    expect(await client.get(ethernetIpSecurity, 1, 'verifyClient')).toBe(true)
    expect(await client.get(ethernetIpSecurity, 1, 'sendChain')).toBe(false)
    expect(await client.get(certificateManagement, 2, 'name')).toBe('Pulled')
    expect(await client.get(certificateManagement, 2, 'state')).toBe('verified')
    const active = device.security()
    expect(active.anchors).toEqual([est.authority.ca.der, stranger.ca.der])
    expect(active.verifyPeer).toBe(true)
    expect(active.suites).toEqual([0xc02c, 0xc02b, 0xcca9, 0xc024, 0xc023])
    const [leaf] = active.chain
    expect(decodeCertificate(leaf ?? new Uint8Array()).publicKey).toEqual(
      decodeRequest(est.requests[0] ?? new Uint8Array()).publicKey,
    )
    expect(nodeCrypto.importKey(active.key).publicKey).toEqual(decodeCertificate(leaf ?? new Uint8Array()).publicKey)
    // The authority that signed it lies there once, for 0x5E and for 0x5F.
    const [first] = await client.get(ethernetIpSecurity, 1, 'trustedAuthorities')
    expect((await client.get(certificateManagement, 2, 'caCertificate')).path).toEqual(first)
  })

  it('tells the host of the new settings and asks for a save, once each', async () => {
    await enroll()
    const kinds = device.takeActions().map((action) => (action.kind === 'event' ? action.event.name : action.kind))
    expect(kinds).toEqual(['save', 'pull-started', 'security-changed', 'pull-installed'])
  })

  it('asks for a save for a key and an identity, not for each look at a server', async () => {
    pulling.est = undefined
    pulling.give({ kind: 'enable' })
    for (let search = 0; search < 5; search++) await pulling.wait()
    expect(device.takeActions().filter(({ kind }) => kind === 'save')).toEqual([])
  })

  it('is opened by nobody who is not authenticated, once it is done', async () => {
    await enroll()
    const stranger = new TestClient(device, tlsLink({ authenticated: 'none' }))
    expect(await stranger.refused(cipSecurity, 1, 'beginConfig', undefined)).toEqual([generalStatus.privilegeViolation])
  })

  it('keeps what the authority is that signed, and a chain that leads there', async () => {
    const root = await testAuthority('green')
    pulling.give({ kind: 'enable' })
    await pulling.run('install')
    const certificate = await est.authority.issueFor(decodeRequest(est.requests[0] ?? new Uint8Array()).publicKey)
    device.pull.install({ certificate, chain: [est.authority.ca.der], authorities: [root.ca.der] })
    const current = device.pull.credential('current')
    expect(current?.chain).toEqual([certificate, est.authority.ca.der])
    expect(device.security().anchors).toEqual([root.ca.der])
  })
})

describe('The request of a device that pulls', () => {
  const subject = () => {
    const { subject, extensions } = decodeRequest(est.requests[0] ?? new Uint8Array())
    return { subject: formatName(subject), names: extensions.subjectAlternativeNames }
  }

  it('is as Create_CSR with every field empty', async () => {
    await enroll()
    expect(subject()).toEqual({
      subject: 'CN=1756-L85E/B (00e17387),serialNumber=0001-00E17387,O=Example Automation,C=US',
      names: [{ kind: 'ip', value: '192.0.2.10' }],
    })
  })

  it('has the key, the subject and the extensions that a template asks for', async () => {
    est.wishes = deviceWishes('ecdsa-p384')
    await enroll()
    expect(subject()).toEqual({
      subject: 'CN=1756-L85E/B (00e17387),serialNumber=0001-00E17387',
      names: [{ kind: 'ip', value: '192.0.2.10' }],
    })
    expect(decodeRequest(est.requests[0] ?? new Uint8Array()).key).toMatchObject({ algorithm: 'ecdsa-p384' })
  })

  it('leaves out of a template what nobody can fill in, and takes over what is prescribed', async () => {
    const wishes = deviceWishes('ecdsa-p256')
    const { template } = wishes
    if (template === undefined) throw new Error('no template')
    const unit = { type: '2.5.4.11', value: { type: '2.5.4.11', value: 'Cell 3', encoding: 'utf8' as const } }
    const subjectWishes = [[unit], [{ type: '2.5.4.12', value: undefined }], ...(template.subject ?? [])]
    est.wishes = { ...wishes, template: { ...template, subject: subjectWishes, extensions: [] } }
    await enroll()
    expect(subject()).toEqual({
      subject: 'CN=1756-L85E/B (00e17387),serialNumber=0001-00E17387,OU=Cell 3',
      names: undefined,
    })
  })
})

describe('The renewal of a pulled identity', () => {
  it('puts another key and certificate in force and erases the old ones', async () => {
    await enroll()
    const old = device.security()
    await pulling.wait()
    const fresh = device.security()
    expect(fresh.generation).toBeGreaterThan(old.generation)
    expect(fresh.key).not.toEqual(old.key)
    expect(await client.get(ethernetIpSecurity, 1, 'activeCertificates')).toEqual([certificatePath(3)])
    expect(device.persist().state.certificates.map(({ instance }) => instance)).toEqual([3])
    expect(device.persist().state.files).toHaveLength(2)
    expect(device.persist().secrets.keys.map(({ instance }) => instance)).toEqual([3])
    expect(await state()).toBe('pullModelCompleted')
  })

  it('asks with the subject and names of the certificate', async () => {
    await enroll()
    const [leaf] = device.security().chain
    await pulling.wait()
    const renewal = decodeRequest(est.requests[1] ?? new Uint8Array())
    const before = decodeCertificate(leaf ?? new Uint8Array())
    expect(formatName(renewal.subject)).toBe(formatName(before.subject))
    expect(renewal.extensions.subjectAlternativeNames).toEqual(before.extensions.subjectAlternativeNames)
  })

  it('shows the identity in force while it asks, and keeps it when it is refused', async () => {
    await enroll()
    const [leaf] = device.security().chain
    est.decide = 'refuse'
    await pulling.wait()
    expect(device.security().chain).toEqual([leaf])
    expect(device.pull.credential('current')?.chain[0]).toEqual(leaf)
    expect([await state(), await status()]).toEqual(['pullModelCompleted', pullStatuses.requestRejected])
  })

  it('fits into a device that has room for one identity', async () => {
    use(await make({ certificateSlots: 1, fileSlots: 2 }))
    pulling = new Pulling(device, est)
    await enroll()
    await pulling.wait()
    expect(await client.get(ethernetIpSecurity, 1, 'activeCertificates')).toEqual([certificatePath(3)])
  })
})

describe('An identity that does not fit', () => {
  const untouched = async () => {
    expect([await state(), await status()]).toEqual(['factoryDefault', pullStatuses.certificateInvalid])
    expect(await client.get(cipSecurity, 1, 'state')).toBe('factoryDefault')
    expect(device.persist().state.certificates).toEqual([])
    expect(device.persist().state.files).toEqual([])
    expect(device.security().anchors).toEqual([])
  }

  it.each([
    ['files are too few', { fileSlots: 1 }, /2 files are needed, there is room for 1/],
    ['files are too small', { fileLimit: 300 }, /a certificate has \d+ bytes, a file holds 300/],
    ['there is no instance left', { certificateSlots: 0 }, /no Certificate Management instance left/],
  ] as const)('is not half installed: %s', async (_, security, reason) => {
    use(await make(security))
    pulling = new Pulling(device, est)
    await enroll()
    expect(pulling.state).toMatchObject({ kind: 'waiting', why: 'failure', reason: expect.stringMatching(reason) })
    await untouched()
  })

  it('is not installed for another key', async () => {
    pulling.give({ kind: 'enable' })
    await pulling.run('install')
    const { publicKey } = await nodeCrypto.generateKey('ecdsa-p256')
    const certificate = await est.authority.issueFor(publicKey)
    const { der } = est.authority.ca
    expect(() => device.pull.install({ certificate, chain: [der], authorities: [der] })).toThrow(/the key of the last/)
    expect(await client.get(cipSecurity, 1, 'state')).toBe('factoryDefault')
  })
})

describe('A power cycle', () => {
  it('keeps the key that a certificate was asked for', async () => {
    est.decide = 'pending'
    await enroll()
    const since = pullKept(pulling.state).pending?.since
    powerCycle()
    expect([await state(), await status()]).toEqual(['factoryDefault', pullStatuses.idle])
    expect(device.pull.kept().pending).toEqual({ request: est.requests[0], renewal: false, since })
    est.decide = 'grant'
    pulling.give({ kind: 'resume', ...device.pull.kept() })
    await pulling.run()
    expect(est.requests[1]).toEqual(est.requests[0])
    expect(await state()).toBe('pullModelCompleted')
  })

  it('keeps the identity that was earned, where it was and since when', async () => {
    await enroll()
    const before = device.security()
    const { identity } = pullKept(pulling.state)
    powerCycle()
    expect(device.security()).toEqual({ ...before, generation: expect.any(Number) })
    expect(device.pull.kept()).toEqual({ identity, pending: undefined })
    pulling.give({ kind: 'resume', ...device.pull.kept() })
    expect(pulling.state.kind).toBe('enrolled')
    expect(await state()).toBe('pullModelCompleted')
  })

  it('goes on with a renewal that waits', async () => {
    await enroll()
    est.decide = 'pending'
    await pulling.wait()
    powerCycle()
    expect(device.pull.kept().pending).toMatchObject({ renewal: true, request: est.requests[1] })
    est.decide = 'grant'
    pulling.give({ kind: 'resume', ...device.pull.kept() })
    await pulling.run()
    expect(est.requests[2]).toEqual(est.requests[1])
    expect(await client.get(ethernetIpSecurity, 1, 'activeCertificates')).toEqual([certificatePath(3)])
  })

  it.each(['search', '/cacerts', '/csrattrs', 'makeRequest', '/simpleenroll', 'install'] as const)(
    'before %s leaves a device that enrolls',
    async (step) => {
      pulling.give({ kind: 'enable' })
      await pulling.run(step)
      powerCycle()
      expect(await state()).toBe('factoryDefault')
      expect(device.persist().state.files).toEqual([])
      pulling.give({ kind: 'resume', ...device.pull.kept() })
      await pulling.run()
      expect(await state()).toBe('pullModelCompleted')
      expect(new Set(est.requests.map(String)).size).toBe(1)
    },
  )
})

describe('A push and the pull model', () => {
  let notices: PullNotice[]
  const listen = () => {
    notices = []
    device.pull.onNotice((notice) => notices.push(notice))
  }

  it('cannot begin while the pull model is in progress', async () => {
    est.decide = 'pending'
    await enroll()
    for (const object of [cipSecurity, ethernetIpSecurity]) {
      expect(await client.refused(object, 1, 'beginConfig', undefined)).toEqual([generalStatus.objectStateConflict])
    }
  })

  it('stops the pull while it lasts, and for good once it has configured', async () => {
    listen()
    await client.call(cipSecurity, 1, 'beginConfig', undefined)
    await client.call(ethernetIpSecurity, 1, 'beginConfig', undefined)
    await client.call(ethernetIpSecurity, 1, 'abortConfig', undefined)
    expect(notices).toEqual([{ kind: 'pushBegan' }])
    client.pass(11_000)
    expect(notices).toEqual([{ kind: 'pushBegan' }, { kind: 'pushEnded', configured: false }])
    notices.length = 0
    await client.call(cipSecurity, 1, 'beginConfig', undefined)
    await client.call(ethernetIpSecurity, 1, 'beginConfig', undefined)
    await client.call(ethernetIpSecurity, 1, 'applyConfig', undefined)
    await client.call(cipSecurity, 1, 'endConfig', undefined)
    expect(notices).toEqual([{ kind: 'pushBegan' }, { kind: 'pushEnded', configured: true }])
  })

  it('ends with the configurator', async () => {
    listen()
    await client.call(ethernetIpSecurity, 1, 'beginConfig', undefined)
    device.linkClosed(client.link, client.now)
    expect(notices).toEqual([{ kind: 'pushBegan' }, { kind: 'pushEnded', configured: false }])
  })

  it('goes over the pulled identity, and takes it over', async () => {
    await enroll()
    await client.call(cipSecurity, 1, 'beginConfig', undefined)
    expect(pulling.state.kind).toBe('stopped')
    await client.call(ethernetIpSecurity, 1, 'beginConfig', undefined)
    const { instance } = await installCertificate(client, est.authority)
    await client.set(ethernetIpSecurity, 1, 'activeCertificates', [certificatePath(instance)])
    await client.call(ethernetIpSecurity, 1, 'applyConfig', { flags: 2, closeDelayMs: 0 })
    await client.call(cipSecurity, 1, 'endConfig', undefined)
    expect([await state(), await client.get(cipSecurity, 1, 'state')]).toEqual(['configured', 'configured'])
    expect(pulling.state).toMatchObject({ kind: 'stopped' })
    expect(device.pull.kept()).toEqual({ identity: undefined, pending: undefined })
    expect(device.pull.isOpen).toBe(false)
  })

  it('that is given up leaves the pulled identity in force, and its renewal due', async () => {
    await enroll()
    const before = device.security()
    await client.call(ethernetIpSecurity, 1, 'beginConfig', undefined)
    await client.call(ethernetIpSecurity, 1, 'abortConfig', undefined)
    expect(await state()).toBe('pullModelCompleted')
    expect(device.security()).toBe(before)
    expect(pulling.state.kind).toBe('enrolled')
  })

  it('that begins while a key is made ends that round', async () => {
    pulling.give({ kind: 'enable' })
    const request = device.pull.makeRequest({ keyKind: 'ecdsa-p256', template: undefined, renews: undefined })
    await client.call(ethernetIpSecurity, 1, 'beginConfig', undefined)
    await expect(request).rejects.toThrow(/a configuration or a reset came first/)
    expect(device.pull.kept().pending).toBeUndefined()
  })
})

describe('A reset', () => {
  const erased = () => {
    const { state: stored, secrets } = device.persist()
    expect([stored.certificates, stored.files, secrets.keys, secrets.pullKey]).toEqual([[], [], [], undefined])
    expect(device.pull.kept()).toEqual({ identity: undefined, pending: undefined })
    expect(device.security().anchors).toEqual([])
  }
  let notices: PullNotice[]
  beforeEach(async () => {
    await enroll()
    notices = []
    device.pull.onNotice((notice) => notices.push(notice))
  })

  it('of 0x5E with pull erases everything pulled, and pull begins again', async () => {
    await client.call(ethernetIpSecurity, 1, 'reset', { enablePull: true })
    expect(notices).toEqual([{ kind: 'reset', enabled: true }])
    expect([await state(), await status()]).toEqual(['factoryDefault', pullStatuses.idle])
    expect(device.pull.isEnabled).toBe(true)
    erased()
  })

  it('of 0x5E without pull turns it off, over power cycles', async () => {
    await client.call(ethernetIpSecurity, 1, 'reset', { enablePull: false })
    expect(notices).toEqual([{ kind: 'reset', enabled: false }])
    powerCycle()
    expect([await state(), await status()]).toEqual(['pullModelDisabled', pullStatuses.disabled])
    expect(await client.get(ethernetIpSecurity, 1, 'pullEnabled')).toBe(false)
    expect(device.pull.isEnabled).toBe(false)
    device.pull.follow({ kind: 'idle', nextId: 1 })
    expect([await state(), await status()]).toEqual(['pullModelDisabled', pullStatuses.disabled])
    erased()
    await client.call(ethernetIpSecurity, 1, 'reset', { enablePull: true })
    expect(device.pull.isEnabled).toBe(true)
  })

  it('of 0x5D begins anew', async () => {
    await client.call(cipSecurity, 1, 'reset', undefined)
    expect(notices).toEqual([{ kind: 'reset', enabled: true }])
    expect([await state(), await client.get(cipSecurity, 1, 'state')]).toEqual(['factoryDefault', 'factoryDefault'])
    erased()
  })

  it('of the Identity object to the factory state begins anew', async () => {
    await client.call(identityClass, 1, 'reset', { type: 'factoryDefault' })
    expect(notices).toEqual([{ kind: 'reset', enabled: true }])
    expect(await state()).toBe('factoryDefault')
    erased()
  })

  it('takes a certificate that comes after it to be nobody’s', async () => {
    await client.call(ethernetIpSecurity, 1, 'reset', { enablePull: true })
    const [leaf] = est.requests
    const certificate = await est.authority.issueFor(decodeRequest(leaf ?? new Uint8Array()).publicKey)
    const { der } = est.authority.ca
    expect(() => device.pull.install({ certificate, chain: [der], authorities: [der] })).toThrow(/expected a client/)
    erased()
  })
})

describe('What a device that pulls keeps to itself', () => {
  it('is the key: it is in no file and no state', async () => {
    await enroll()
    const { key } = device.security()
    const text = JSON.stringify(device.persist().state)
    expect(text).not.toContain(Buffer.from(key).toString('base64'))
  })
})
