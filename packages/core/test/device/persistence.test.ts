import { createDevice, type Device, type DeviceSecrets, type DeviceState } from '@cordon/core/device'
import { MalformedMessage } from '@cordon/core/errors'
import { cipSecurity, ethernetIpSecurity, identity, ingressEgress, qos, tcpIp } from '@cordon/core/objects'
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

function stored(device: Device): { readonly state: DeviceState; readonly secrets: DeviceSecrets } {
  return JSON.parse(JSON.stringify(device.persist())) as { state: DeviceState; secrets: DeviceSecrets }
}

const again = (device: Device) => createDevice(device.options, stored(device))

const secret = Uint8Array.from({ length: 32 }, (_, i) => 0xa0 + i)

async function fullyConfigured() {
  const device = await secureDevice()
  const client = new TestClient(device, tlsLink())
  const authority = await testAuthority()
  await client.call(cipSecurity, 1, 'beginConfig', undefined)
  await client.call(ethernetIpSecurity, 1, 'beginConfig', undefined)
  const { instance, caFile } = await installCertificate(client, authority)
  await client.set(ethernetIpSecurity, 1, 'activeCertificates', [certificatePath(instance)])
  await client.set(ethernetIpSecurity, 1, 'trustedAuthorities', [filePath(caFile)])
  await client.set(ethernetIpSecurity, 1, 'preSharedKeys', [{ identity: Uint8Array.of(1), key: secret, usage: 'any' }])
  await client.set(ethernetIpSecurity, 1, 'verifyClient', true)
  await client.call(ethernetIpSecurity, 1, 'applyConfig', { flags: 2, closeDelayMs: 0 })
  await client.call(cipSecurity, 1, 'endConfig', undefined)
  await client.call(ingressEgress, 0, 'setRules', {
    changeCount: 0,
    behaviour: 0,
    instances: [{ instance: 1, ingress: ['allow proto=any'], egress: ['allow proto=any'] }],
  })
  await client.call(tcpIp, 1, 'setPortAdminState', [{ port: 2222, protocol: 'udp', open: false }])
  await client.set(qos, 1, 'dscpLow', 1)
  await client.set(identity, 1, 'heartbeatInterval', 9)
  return { device, client, instance, caFile }
}

describe('what a device stores', () => {
  it('comes back whole, as JSON, and serves the same credentials', async () => {
    const { device } = await fullyConfigured()
    const copy = again(device)
    expect(copy.persist()).toEqual(device.persist())
    expect(copy.security()).toEqual(device.security())
    expect(copy.ports()).toEqual(device.ports())
    expect(copy.listIdentity()).toEqual(device.listIdentity())
    expect(copy.dscp().low).toBe(1)
    expect(copy.admit('192.0.2.1', 2221, 'tcp').allowed).toBe(true)
  })

  it('has its secrets in their own part and nowhere else', async () => {
    const { device } = await fullyConfigured()
    const { state, secrets } = stored(device)
    const text = JSON.stringify(state)
    expect(secrets.keys).toHaveLength(1)
    expect(secrets.preSharedKeys).toEqual([Buffer.from(secret).toString('base64')])
    for (const held of [...secrets.preSharedKeys, ...secrets.keys.map(({ pkcs8 }) => pkcs8)]) {
      expect(text).not.toContain(held)
      expect(text).not.toContain(Buffer.from(held, 'base64').toString('hex'))
    }
  })

  it('is a begun configuration as power loss leaves it', async () => {
    const fresh = await secureDevice()
    const first = new TestClient(fresh, tlsLink())
    await first.call(cipSecurity, 1, 'beginConfig', undefined)
    await first.call(ethernetIpSecurity, 1, 'beginConfig', undefined)
    await first.set(ethernetIpSecurity, 1, 'dtlsTimeout', 99)
    const afterLoss = new TestClient(again(fresh), tlsLink())
    expect(await afterLoss.get(cipSecurity, 1, 'state')).toBe('incompleteConfiguration')
    expect(await afterLoss.get(ethernetIpSecurity, 1, 'state')).toBe('factoryDefault')
    expect(await afterLoss.get(ethernetIpSecurity, 1, 'dtlsTimeout')).toBe(12)

    const { device, client } = await fullyConfigured()
    await client.call(cipSecurity, 1, 'beginConfig', undefined)
    await client.call(ethernetIpSecurity, 1, 'beginConfig', undefined)
    await client.set(ethernetIpSecurity, 1, 'preSharedKeys', [])
    const restored = again(device)
    expect(restored.securityState()).toBe('configured')
    expect(restored.security().psk).toHaveLength(1)
  })

  it('keeps "applied but not ended": incomplete, and open to the new identity only', async () => {
    const device = await secureDevice()
    const client = new TestClient(device, tlsLink())
    await client.call(cipSecurity, 1, 'beginConfig', undefined)
    await client.call(ethernetIpSecurity, 1, 'beginConfig', undefined)
    await client.call(ethernetIpSecurity, 1, 'applyConfig', undefined)
    const restored = again(device)
    expect(restored.securityState()).toBe('incompleteConfiguration')
    expect(restored.isConfigured()).toBe(true)
    const stranger = new TestClient(restored, tlsLink({ authenticated: 'none' }))
    expect(await stranger.refused(cipSecurity, 1, 'beginConfig', undefined)).toEqual([0x0f])
  })

  it('is refused when it is of another version or its secrets are not its own', async () => {
    const { device } = await fullyConfigured()
    const { state, secrets } = stored(device)
    const broken: readonly { state: unknown; secrets: unknown }[] = [
      { state: { ...state, version: 2 }, secrets },
      { state, secrets: { ...secrets, version: 2 } },
      { state, secrets: { ...secrets, preSharedKeys: [] } },
      { state: { ...state, cipSecurity: 'whatever' }, secrets },
      { state: { ...state, ethernetIpSecurity: { ...state.ethernetIpSecurity, state: 'x' } }, secrets },
      { state: { ...state, certificates: [{ ...state.certificates[0], state: 'x' }] }, secrets },
      { state, secrets: { ...secrets, keys: [{ instance: 2, pkcs8: 'AAAA' }] } },
    ]
    for (const what of broken) {
      // Not what the types allow: a file from disk need not be.
      const as = what as { state: DeviceState; secrets: DeviceSecrets }
      expect(() => createDevice(device.options, as)).toThrow(MalformedMessage)
    }
  })
})

describe('when a device asks to be stored', () => {
  it('at once for changes outside a configuration, with Apply_Config for what is staged within one', async () => {
    const device = await secureDevice()
    const client = new TestClient(device, tlsLink())
    const kinds = () => actionKinds(device.takeActions())
    await client.raw(0x08, certificatePath(0), Uint8Array.of(1, 0x61))
    expect(kinds()).toEqual(['save'])
    await client.call(cipSecurity, 1, 'beginConfig', undefined)
    expect(kinds()).toEqual(['save'])
    await client.call(ethernetIpSecurity, 1, 'beginConfig', undefined)
    const file = await client.download(Uint8Array.of(1, 2, 3), 'binary')
    await client.set(ethernetIpSecurity, 1, 'dtlsTimeout', 20)
    expect(kinds()).toEqual([])
    await client.call(ethernetIpSecurity, 1, 'applyConfig', undefined)
    expect(kinds()).toEqual(['save', 'security-changed'])
    expect(stored(device).state.files.map(({ instance }) => instance)).toContain(file)
    await client.call(cipSecurity, 1, 'endConfig', undefined)
    expect(kinds()).toEqual(['save'])
  })

  it('not for reading, kicking and connections', async () => {
    const device = await secureDevice()
    const client = new TestClient(device, tlsLink())
    await client.call(cipSecurity, 1, 'beginConfig', undefined)
    device.takeActions()
    await client.call(cipSecurity, 1, 'kickTimer', undefined)
    await client.get(cipSecurity, 1, 'state')
    await client.upload(0x0101)
    expect(device.takeActions()).toEqual([])
  })
})
