import { certificateManagement, cipSecurity, ethernetIpSecurity } from '@cordon/core/objects'
import { describe, expect, it } from 'vitest'
import {
  actionKinds,
  certificatePath,
  filePath,
  installCertificate,
  secureDevice,
  TestClient,
  testAuthority,
  tlsLink,
} from './fixture.ts'

describe('the push model', () => {
  it('takes a device from the factory to its plant over one anonymous TLS link', async () => {
    const device = await secureDevice()
    const client = new TestClient(device, tlsLink({ authenticated: 'none' }))
    const authority = await testAuthority()
    expect(device.security().verifyPeer).toBe(false)
    expect(device.security().chain).toHaveLength(2)

    await client.call(cipSecurity, 1, 'beginConfig', undefined)
    await client.call(ethernetIpSecurity, 1, 'beginConfig', undefined)
    const { instance, caFile, certificate } = await installCertificate(client, authority)
    expect(await client.get(certificateManagement, instance, 'state')).toBe('verified')
    await client.set(ethernetIpSecurity, 1, 'activeCertificates', [certificatePath(instance)])
    await client.set(ethernetIpSecurity, 1, 'trustedAuthorities', [filePath(caFile)])
    await client.set(ethernetIpSecurity, 1, 'allowedSuites', [0xc02c, 0xc006])
    await client.set(ethernetIpSecurity, 1, 'verifyClient', true)
    await client.set(ethernetIpSecurity, 1, 'dtlsTimeout', 30)
    device.takeActions()
    const before = device.security()
    await client.call(ethernetIpSecurity, 1, 'applyConfig', { flags: 3, closeDelayMs: 3000 })
    expect(actionKinds(device.takeActions())).toEqual(['save', 'security-changed', 'close-links'])
    await client.call(cipSecurity, 1, 'endConfig', undefined)

    expect(await client.get(cipSecurity, 1, 'state')).toBe('configured')
    expect(await client.get(ethernetIpSecurity, 1, 'state')).toBe('configured')
    expect(await client.get(cipSecurity, 1, 'profilesConfigured')).toBe(0x0002)
    const after = device.security()
    expect(after.generation).toBeGreaterThan(before.generation)
    expect(after.suites).toEqual([0xc02c, 0xc006])
    expect(after.chain).toEqual([certificate])
    expect(after.anchors).toEqual([authority.ca.der])
    expect(after.verifyPeer).toBe(true)
    expect(after.dtlsTimeoutS).toBe(30)
    expect(device.isConfigured()).toBe(true)
  })

  it('survives a power cycle with what was applied, secrets apart', async () => {
    const device = await secureDevice()
    const client = new TestClient(device, tlsLink({ authenticated: 'none' }))
    const authority = await testAuthority()
    await client.call(cipSecurity, 1, 'beginConfig', undefined)
    await client.call(ethernetIpSecurity, 1, 'beginConfig', undefined)
    const { instance, caFile } = await installCertificate(client, authority)
    await client.set(ethernetIpSecurity, 1, 'activeCertificates', [certificatePath(instance)])
    await client.set(ethernetIpSecurity, 1, 'trustedAuthorities', [filePath(caFile)])
    await client.call(ethernetIpSecurity, 1, 'applyConfig', undefined)
    await client.call(cipSecurity, 1, 'endConfig', undefined)
    const { state, secrets } = device.persist()
    const stored = JSON.parse(JSON.stringify({ state, secrets })) as { state: typeof state; secrets: typeof secrets }
    const { createDevice } = await import('@cordon/core/device')
    const again = createDevice(device.options, stored)
    expect(again.security()).toEqual({ ...device.security() })
    expect(again.persist()).toEqual({ state, secrets })
    expect(JSON.stringify(state)).not.toContain(secrets.keys[0]?.pkcs8.slice(10, 60) ?? '?')
  })
})
