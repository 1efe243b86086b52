import { generalStatus, path } from '@cordon/core/cip'
import type { Device, DeviceAction } from '@cordon/core/device'
import { cipSecurity, ethernetIpSecurity, file } from '@cordon/core/objects'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  certificatePath,
  installCertificate,
  secureDevice,
  TestClient,
  tcpLink,
  testAuthority,
  tlsLink,
} from './fixture.ts'

/** Distinct bytes, so that finding them anywhere means that they leaked. */
const psk = Uint8Array.from({ length: 48 }, (_, i) => (i * 37 + 11) & 0xff)

async function deviceWithSecrets(): Promise<{ device: Device; client: TestClient; needles: readonly Buffer[] }> {
  const device = await secureDevice()
  const client = new TestClient(device, tlsLink())
  const { instance } = await installCertificate(client, await testAuthority())
  await client.call(cipSecurity, 1, 'beginConfig', undefined)
  await client.call(ethernetIpSecurity, 1, 'beginConfig', undefined)
  await client.set(ethernetIpSecurity, 1, 'preSharedKeys', [
    { identity: Uint8Array.of(1), key: psk.slice(), usage: 'any' },
  ])
  await client.set(ethernetIpSecurity, 1, 'activeCertificates', [certificatePath(instance)])
  await client.call(ethernetIpSecurity, 1, 'applyConfig', undefined)
  await client.call(cipSecurity, 1, 'endConfig', undefined)
  const { keys } = device.persist().secrets
  const privateKeys = keys.map(({ pkcs8 }) => scalarOf(Buffer.from(pkcs8, 'base64')))
  const factory = scalarOf(Buffer.from(device.options.security?.credentials.key.export() ?? []))
  return { device, client, needles: [Buffer.from(psk.subarray(0, 16)), factory, ...privateKeys] }
}

/** The secret number of a P-256 key in PKCS#8: 32 bytes behind the inner version. */
function scalarOf(pkcs8: Buffer): Buffer {
  const at = pkcs8.indexOf(Buffer.from([0x02, 0x01, 0x01, 0x04, 0x20]))
  expect(at).toBeGreaterThan(0)
  return pkcs8.subarray(at + 5, at + 37)
}

function expectClean(bytes: Uint8Array, needles: readonly Buffer[], where: unknown): void {
  const hay = Buffer.from(bytes)
  for (const needle of needles) expect([where, hay.includes(needle)]).toEqual([where, false])
}

function textOf(actions: readonly DeviceAction[]): string {
  return actions.map((action) => (action.kind === 'event' ? JSON.stringify(action.event) : '')).join('\n')
}

describe('private keys and pre-shared keys', () => {
  it('are in no attribute of any object, on any link', async () => {
    const { device, needles } = await deviceWithSecrets()
    for (const link of [tcpLink(), tlsLink()]) {
      const client = new TestClient(device, link)
      for (const classId of [0x01, 0x02, 0x06, 0x37, 0x48, 0x5d, 0x5e, 0x5f, 0x63, 0xf4, 0xf5, 0xf6]) {
        for (const instance of [0, 1, 2, 0x0101, 0x0102, 0x0110, 0x0111, 0x0112]) {
          expectClean((await client.raw(0x01, path({ class: classId, instance }))).data, needles, [classId, instance])
          for (let attribute = 1; attribute <= 40; attribute++) {
            const target = path({ class: classId, instance, attribute })
            expectClean((await client.raw(0x0e, target)).data, needles, [classId, instance, attribute])
          }
        }
      }
    }
  })

  it('are in no file', async () => {
    const { device, client, needles } = await deviceWithSecrets()
    let read = 0
    for (let instance = 1; instance < 0x0130; instance++) {
      const reply = await client.tryCall(file, instance, 'initiateUpload', 255)
      if (reply.status !== generalStatus.success) continue
      client.pass(60_000)
      const content = await client.upload(instance)
      expectClean(content, needles, instance)
      expect(new TextDecoder().decode(content)).not.toMatch(/PRIVATE KEY/)
      read++
    }
    expect(read).toBeGreaterThan(4)
    expect(device.persist().state.files.length).toBeGreaterThan(1)
  })

  it('are in no reply and no log line, whatever is asked', async () => {
    const { device, needles } = await deviceWithSecrets()
    const links = [tcpLink(), tlsLink()]
    const encoded = needles.flatMap((needle) => [needle.toString('hex'), needle.toString('base64').slice(0, 20)])
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(0x37, 0x5d, 0x5e, 0x5f),
        fc.constantFrom(0, 1, 2, 0x0110, 0x0111, 0x0112),
        fc.integer({ min: 1, max: 20 }),
        fc.constantFrom(0x01, 0x03, 0x0e, 0x10, 0x4b, 0x4c, 0x4d, 0x4f, 0x50),
        fc.uint8Array({ maxLength: 24 }),
        fc.constantFrom(...links),
        async (classId, instance, attribute, service, data, link) => {
          const reply = await device.request(
            { service, path: path({ class: classId, instance, attribute }), data },
            link,
            1,
          )
          expectClean(reply.data, needles, [classId, instance, attribute, service])
          const log = textOf(device.takeActions())
          for (const text of encoded) expect(log).not.toContain(text)
        },
      ),
      { numRuns: 800, seed: 31 },
    )
  })
})
