import { path } from '@cordon/core/cip'
import type { Device } from '@cordon/core/device'
import { cipSecurity, ingressEgress } from '@cordon/core/objects'
import { beforeEach, describe, expect, it } from 'vitest'
import { actionKinds, plainDevice, secureDevice, TestClient, tcpLink, tlsLink } from '../fixture.ts'

let device: Device
let client: TestClient

beforeEach(async () => {
  device = await secureDevice()
  client = new TestClient(device, tlsLink())
})

const rules = (changeCount: number, ingress: readonly string[], egress: readonly string[] = [], behaviour = 0) => ({
  changeCount,
  behaviour,
  instances: [{ instance: 1, ingress, egress }],
})

describe('Ingress Egress Object', () => {
  it('has no rules and lets everybody in from the factory', async () => {
    expect(await client.get(ingressEgress, 1, 'ingressRules')).toEqual([])
    expect(await client.getClass(ingressEgress, 'changeCount')).toBe(0)
    expect(device.admit('192.0.2.99', 44818, 'tcp')).toMatchObject({ allowed: true })
    expect(device.egress('192.0.2.99', 'tcp')).toMatchObject({ allowed: true, secure: false })
  })

  it('replaces all rules, counts the change and tells the host', async () => {
    const ingress = ['allow ip=192.0.2.1 port=2221 proto=tcp cipher=C02C', 'deny ip=192.0.2.0/24 proto=any']
    const egress = ['require-secure ip=192.0.2.50 proto=tcp cipher=C02C', 'allow ip=192.0.2.51 proto=udp']
    await client.call(ingressEgress, 0, 'setRules', rules(0, ingress, egress))
    expect(await client.get(ingressEgress, 1, 'ingressRules')).toEqual(ingress)
    expect(await client.get(ingressEgress, 1, 'egressRules')).toEqual(egress)
    expect(await client.getClass(ingressEgress, 'changeCount')).toBe(1)
    expect(actionKinds(device.takeActions())).toEqual(['save', 'security-changed'])
    expect(device.admit('192.0.2.1', 2221, 'tcp')).toMatchObject({ allowed: true, suites: [0xc02c] })
    expect(device.admit('192.0.2.1', 44818, 'tcp').allowed).toBe(false)
    expect(device.admit('192.0.2.2', 2221, 'tcp').allowed).toBe(false)
    expect(device.egress('192.0.2.50', 'tcp')).toMatchObject({ allowed: true, secure: true, suites: [0xc02c] })
    expect(device.egress('192.0.2.51', 'udp')).toMatchObject({ allowed: true, secure: false })
    expect(device.egress('192.0.2.52', 'udp').allowed).toBe(false)
  })

  it('gives a peer no suite that the device itself does not allow', async () => {
    await client.call(ingressEgress, 0, 'setRules', rules(0, ['allow ip=192.0.2.1 proto=tcp cipher=C006,C02C']))
    expect(device.admit('192.0.2.1', 2221, 'tcp').suites).toEqual([0xc02c])
  })

  it('refuses another change count with 0x0C and changes nothing', async () => {
    await client.call(ingressEgress, 0, 'setRules', rules(0, ['allow proto=any']))
    expect(await client.refused(ingressEgress, 0, 'setRules', rules(0, []))).toEqual([0x0c])
    expect(await client.get(ingressEgress, 1, 'ingressRules')).toEqual(['allow proto=any'])
  })

  it('names the instance and rule that are wrong, and takes none of the others', async () => {
    const wrong = rules(0, ['allow proto=any', 'permit everything'])
    expect(await client.refused(ingressEgress, 0, 'setRules', wrong)).toEqual([0x20, 0, 1])
    expect(await client.refused(ingressEgress, 0, 'setRules', rules(0, ['allow proto=any'], ['x']))).toEqual([
      0x20, 0, 1,
    ])
    const elsewhere = { changeCount: 0, behaviour: 0, instances: [{ instance: 2, ingress: [], egress: [] }] }
    expect(await client.refused(ingressEgress, 0, 'setRules', elsewhere)).toEqual([0x20, 0, 0])
    const { instances } = rules(0, [])
    const twice = { changeCount: 0, behaviour: 0, instances: [...instances, ...instances] }
    expect(await client.refused(ingressEgress, 0, 'setRules', twice)).toEqual([0x20, 1, 0])
    expect(await client.get(ingressEgress, 1, 'ingressRules')).toEqual([])
    expect(await client.getClass(ingressEgress, 'changeCount')).toBe(0)
  })

  it('keeps to its buffer', async () => {
    const many = Array.from({ length: 2000 }, (_, i) => `allow ip=10.0.${i >> 8}.${i & 255} port=2221 proto=tcp`)
    expect(await client.refused(ingressEgress, 0, 'setRules', rules(0, many))).toEqual([0x02])
  })

  it('breaks the links that the new rules forbid only when told to', async () => {
    const stranger = new TestClient(device, tcpLink('192.0.2.77'))
    await stranger.get(ingressEgress, 1, 'ingressRules')
    const only = ['allow ip=192.0.2.1 port=2221 proto=tcp']
    await client.call(ingressEgress, 0, 'setRules', rules(0, only))
    expect(actionKinds(device.takeActions())).not.toContain('close-links')
    await client.call(ingressEgress, 0, 'setRules', rules(1, only, [], 1))
    const closed = device.takeActions().find(({ kind }) => kind === 'close-links')
    expect(closed).toMatchObject({ which: [stranger.link] })
  })

  it('is not set over an insecure link once configured, nor in protection mode', async () => {
    await client.call(cipSecurity, 1, 'beginConfig', undefined)
    await client.call(cipSecurity, 1, 'endConfig', undefined)
    const plain = new TestClient(device, tcpLink())
    expect(await plain.refused(ingressEgress, 0, 'setRules', rules(0, []))).toEqual([0x0f])
    device.setProtectionMode(1)
    expect(await client.refused(ingressEgress, 0, 'setRules', rules(0, []))).toEqual([0x10])
  })

  it('does not exist on devices without it; those go out secured once configured', async () => {
    const without = await secureDevice({ ingressEgress: false })
    const plain = plainDevice()
    for (const target of [without, plain]) {
      const reply = await new TestClient(target, tlsLink()).raw(0x0e, path({ class: 0x63, instance: 1, attribute: 1 }))
      expect(reply.status).toBe(0x05)
      expect(target.egress('192.0.2.1', 'tcp')).toMatchObject({ allowed: true, secure: false })
    }
    const owner = new TestClient(without, tlsLink())
    await owner.call(cipSecurity, 1, 'beginConfig', undefined)
    await owner.call(cipSecurity, 1, 'endConfig', undefined)
    expect(without.egress('192.0.2.1', 'tcp')).toMatchObject({ allowed: true, secure: true })
  })
})
