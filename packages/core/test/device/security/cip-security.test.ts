import { path } from '@cordon/core/cip'
import type { Device } from '@cordon/core/device'
import { certificateManagement, cipSecurity, ethernetIpSecurity, file } from '@cordon/core/objects'
import { beforeEach, describe, expect, it } from 'vitest'
import { actionKinds, dtlsLink, secureDevice, TestClient, tcpLink, tlsLink } from '../fixture.ts'

let device: Device
let owner: TestClient
let other: TestClient

beforeEach(async () => {
  device = await secureDevice()
  owner = new TestClient(device, tlsLink())
  other = new TestClient(device, tlsLink({}, '192.0.2.2'))
})

async function configure(client = owner): Promise<void> {
  await client.call(cipSecurity, 1, 'beginConfig', undefined)
  await client.call(cipSecurity, 1, 'endConfig', undefined)
}

describe('CIP Security Object', () => {
  it('begins in factory default with the confidentiality profile offered and none configured', async () => {
    expect(await owner.get(cipSecurity, 1, 'state')).toBe('factoryDefault')
    expect(await owner.get(cipSecurity, 1, 'profiles')).toBe(0x0002)
    expect(await owner.get(cipSecurity, 1, 'profilesConfigured')).toBe(0)
    expect(await owner.get(cipSecurity, 1, 'objectAuthorization')).toEqual([])
    expect(await owner.getClass(cipSecurity, 'revision')).toBe(4)
  })

  it('answers Begin_Config with the bytes of the reference', async () => {
    expect(await owner.raw(0x4b, path({ class: 0x5d, instance: 1 }))).toMatchObject({ service: 0x4b, status: 0 })
    const all = await owner.raw(0x01, path({ class: 0x5d, instance: 1 }))
    expect([...all.data]).toEqual([1, 2, 0])
    const ofClass = await owner.raw(0x01, path({ class: 0x5d, instance: 0 }))
    expect([...ofClass.data]).toEqual([4, 0, 1, 0, 7, 0, 4, 0])
  })

  it('reports object revision 3 where that is what the device has', async () => {
    const old = new TestClient(await secureDevice({ cipSecurityRevision: 3 }), tlsLink())
    expect(await old.getClass(cipSecurity, 'revision')).toBe(3)
  })

  it('refuses Kick_Timer and End_Config outside a configuration with 0x0C', async () => {
    expect(await owner.refused(cipSecurity, 1, 'kickTimer', undefined)).toEqual([0x0c])
    expect(await owner.refused(cipSecurity, 1, 'endConfig', undefined)).toEqual([0x0c])
  })

  it('refuses a second Begin_Config with 0x0C, whoever asks', async () => {
    await owner.call(cipSecurity, 1, 'beginConfig', undefined)
    expect(await owner.refused(cipSecurity, 1, 'beginConfig', undefined)).toEqual([0x0c])
    expect(await other.refused(cipSecurity, 1, 'beginConfig', undefined)).toEqual([0x0c])
  })

  it('lets only the owner kick and end: others get 0x0F', async () => {
    await owner.call(cipSecurity, 1, 'beginConfig', undefined)
    expect(await other.refused(cipSecurity, 1, 'kickTimer', undefined)).toEqual([0x0f])
    expect(await other.refused(cipSecurity, 1, 'endConfig', undefined)).toEqual([0x0f])
    await owner.call(cipSecurity, 1, 'kickTimer', undefined)
  })

  it('refuses data behind Reset and Begin_Config with 0x15', async () => {
    for (const service of [0x05, 0x4b, 0x4c, 0x4d]) {
      expect(await owner.status(service, path({ class: 0x5d, instance: 1 }), Uint8Array.of(0))).toEqual([0x15])
    }
  })

  it('falls into Incomplete Configuration 10 s after the last kick, and not before', async () => {
    await owner.call(cipSecurity, 1, 'beginConfig', undefined)
    owner.pass(9_999)
    expect(await owner.get(cipSecurity, 1, 'state')).toBe('configurationInProgress')
    await owner.call(cipSecurity, 1, 'kickTimer', undefined)
    owner.pass(9_999)
    expect(await owner.get(cipSecurity, 1, 'state')).toBe('configurationInProgress')
    owner.pass(1)
    expect(await owner.get(cipSecurity, 1, 'state')).toBe('incompleteConfiguration')
    expect(device.deadline()).toBeUndefined()
    const events = device.takeActions().flatMap((action) => (action.kind === 'event' ? [action.event.name] : []))
    expect(events).toContain('config-timeout')
  })

  it('falls into Incomplete Configuration when the link of the configurator is gone', async () => {
    await owner.call(cipSecurity, 1, 'beginConfig', undefined)
    device.linkClosed(other.link, owner.now)
    expect(device.securityState()).toBe('firstConfiguration')
    device.linkClosed(owner.link, owner.now)
    expect(device.securityState()).toBe('incompleteConfiguration')
    await other.call(cipSecurity, 1, 'beginConfig', undefined)
  })

  it('returns to Configured when a reconfiguration times out', async () => {
    await configure()
    await owner.call(cipSecurity, 1, 'beginConfig', undefined)
    expect(await other.get(cipSecurity, 1, 'state')).toBe('configurationInProgress')
    expect(await other.get(cipSecurity, 1, 'profilesConfigured')).toBe(0x0002)
    owner.pass(10_000)
    expect(device.securityState()).toBe('configured')
  })

  it('asks for a secure link once configured: plain and anonymous links get 0x0F', async () => {
    await configure()
    const plain = new TestClient(device, tcpLink())
    const anonymous = new TestClient(device, tlsLink({ authenticated: 'none' }))
    for (const client of [plain, anonymous]) {
      expect(await client.refused(cipSecurity, 1, 'beginConfig', undefined)).toEqual([0x0f])
      expect(await client.refused(cipSecurity, 1, 'reset', undefined)).toEqual([0x0f])
      expect(await client.refused(cipSecurity, 1, 'objectCleanup', undefined)).toEqual([0x0f])
      expect(await client.get(cipSecurity, 1, 'state')).toBe('configured')
    }
    const byPsk = new TestClient(device, dtlsLink({ authenticated: 'psk' }))
    await byPsk.call(cipSecurity, 1, 'beginConfig', undefined)
  })

  it('takes a first configuration over a plain link too: only default credentials exist', async () => {
    const plain = new TestClient(device, tcpLink())
    await plain.call(cipSecurity, 1, 'beginConfig', undefined)
  })

  it('resets itself and 0x5E, and closes secured links once the reply has left', async () => {
    await owner.call(cipSecurity, 1, 'beginConfig', undefined)
    await owner.call(ethernetIpSecurity, 1, 'beginConfig', undefined)
    await owner.call(ethernetIpSecurity, 1, 'applyConfig', undefined)
    await owner.call(cipSecurity, 1, 'endConfig', undefined)
    device.takeActions()
    await owner.call(cipSecurity, 1, 'reset', undefined)
    expect(await owner.get(cipSecurity, 1, 'state')).toBe('factoryDefault')
    expect(await owner.get(ethernetIpSecurity, 1, 'state')).toBe('factoryDefault')
    expect(actionKinds(device.takeActions())).toEqual(['save', 'security-changed', 'close-links'])
  })

  it('does not let Object Authorization be set', async () => {
    expect(await owner.trySet(cipSecurity, 1, 'objectAuthorization', [])).toEqual([0x0e])
  })

  it('refuses everything but reading in protection mode with 0x10', async () => {
    device.setProtectionMode(1)
    for (const name of ['beginConfig', 'reset', 'objectCleanup'] as const) {
      expect(await owner.refused(cipSecurity, 1, name, undefined)).toEqual([0x10])
    }
    expect(await owner.get(cipSecurity, 1, 'state')).toBe('factoryDefault')
  })
})

describe('Object_Cleanup', () => {
  it('says 0xD0 when there is nothing to clean, on class and instance level', async () => {
    expect(await owner.refused(cipSecurity, 0, 'objectCleanup', undefined)).toEqual([0xd0])
    expect(await owner.refused(cipSecurity, 1, 'objectCleanup', undefined)).toEqual([0xd0])
  })

  it('removes dynamic certificates and files that nothing refers to, and never static ones', async () => {
    const instance = await owner.call(certificateManagement, 0, 'create', 'left over')
    const kept = await owner.download(Uint8Array.of(1, 2, 3), 'binary')
    await owner.call(cipSecurity, 0, 'objectCleanup', undefined)
    expect((await owner.raw(0x0e, path({ class: 0x5f, instance, attribute: 2 }))).status).toBe(0x16)
    expect((await owner.raw(0x0e, path({ class: 0x37, instance: kept, attribute: 1 }))).status).toBe(0x16)
    expect(await owner.get(certificateManagement, 1, 'state')).toBe('verified')
    expect(await owner.get(file, 0x0101, 'state')).toBe('loaded')
  })

  it('keeps a file whose transfer is under way', async () => {
    const instance = await owner.download(Uint8Array.of(1, 2, 3), 'binary')
    await owner.call(file, instance, 'initiateUpload', 255)
    expect(await owner.refused(cipSecurity, 0, 'objectCleanup', undefined)).toEqual([0xd0])
  })

  it('is refused to strangers while somebody configures', async () => {
    await owner.call(certificateManagement, 0, 'create', 'in the making')
    await owner.call(cipSecurity, 1, 'beginConfig', undefined)
    expect(await other.refused(cipSecurity, 0, 'objectCleanup', undefined)).toEqual([0x0f])
  })
})
