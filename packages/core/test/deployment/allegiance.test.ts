import { signVendorCertificate, vendorContents } from '@cordon/core/authority'
import { type DeviceOutside, judgeAllegiance, Materials } from '@cordon/core/deployment'
import { decodeCertificate, fingerprint } from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import { authority, type Authority, issue } from '../enrollment/world.ts'

let vendor: Authority
let plant: Authority
let other: Authority
let publicKey: Uint8Array
const leaves = new Map<string, Uint8Array>()

beforeAll(async () => {
  ;[vendor, plant, other] = await Promise.all([authority('vendor'), authority('plant'), authority('other')])
  const key = await nodeCrypto.generateKey('ecdsa-p256')
  publicKey = key.publicKey
  for (const [name, issuer] of [
    ['vendor', vendor],
    ['plant', plant],
    ['other', other],
  ] as const)
    leaves.set(name, (await issue(issuer, publicKey)).der)
  const { subject } = decodeCertificate(leaf('vendor'))
  const contents = vendorContents(nodeCrypto, { subject, publicKey, now: Date.now() })
  leaves.set('self', await signVendorCertificate(contents, key))
})

function leaf(name: string): Uint8Array {
  const found = leaves.get(name)
  if (found === undefined) throw new Error(name)
  return found
}

function judge(shown: string | undefined, outside: Partial<DeviceOutside> = {}, revoked = false) {
  const record = {
    profile: 'device',
    fingerprint: fingerprint(nodeCrypto, leaf('plant')),
    name: 'Green_1',
    status: revoked ? 'revoked' : 'issued',
    notAfter: 0,
  }
  const materials = new Materials(nodeCrypto, {
    managerZone: 'operations',
    manager: undefined,
    anchors: new Map([['green', [plant.certificate.der]]]),
    lists: new Map(),
    // Of a record only these fields are looked at.
    records: [record as never],
    date: 0,
  })
  return judgeAllegiance(
    { crypto: nodeCrypto, materials, vendorAnchors: [vendor.certificate.der] },
    { presented: shown === undefined ? [] : [leaf(shown)], isOpen: false, ...outside },
  )
}

const fresh = { isOpen: true, cipSecurityState: 'factoryDefault', ethernetIpSecurityState: 'factoryDefault' } as const
const pulled = { cipSecurityState: 'configured', ethernetIpSecurityState: 'pullModelCompleted' } as const

describe('to whom a device answers', () => {
  test.each([
    ['the certificate of a trusted vendor', 'vendor', {}, 'factory'],
    ['a self-signed certificate', 'self', {}, 'factory'],
    ['a certificate of this plant', 'plant', pulled, 'ours'],
    ['a certificate of somebody else', 'other', {}, 'foreign'],
    ['a certificate of an unknown vendor, open and unconfigured by its word', 'other', fresh, 'factory'],
    ['the same, but it lets nobody in', 'other', { ...fresh, isOpen: false }, 'foreign'],
    ['the same, but configured by its word', 'other', { ...fresh, ...pulled }, 'foreign'],
    ['the same, and it says nothing', 'other', { isOpen: true }, 'foreign'],
    ['a default certificate of a configured device', 'vendor', pulled, 'foreign'],
    ['a self-signed certificate of a configured device', 'self', pulled, 'foreign'],
    ['no certificate', undefined, {}, 'foreign'],
  ] as const)('%s', (_, shown, outside, allegiance) => {
    expect(judge(shown, outside).allegiance).toBe(allegiance)
  })

  test('is said with the certificate that a person compares', () => {
    const { certificate, reason } = judge('other', pulled)
    expect(certificate).toMatchObject({
      issuer: 'CN=other,O=Example',
      fingerprint: fingerprint(nodeCrypto, leaf('other')),
      selfSigned: false,
    })
    expect(reason).toBe('its certificate is of CN=other,O=Example')
  })

  test('of this plant: for whom, signed by which CA, and whether it was revoked', () => {
    expect(judge('plant')).toMatchObject({
      holder: 'Green_1',
      signedBy: fingerprint(nodeCrypto, plant.certificate.der),
      reason: 'this plant signed it for Green_1',
    })
    expect(judge('plant', {}, true).reason).toBe('this plant signed it for Green_1, and revoked it')
  })

  test('what is no certificate is foreign', () => {
    const { allegiance, reason } = judge(undefined, { presented: [new Uint8Array([0x30, 0x00])] })
    expect([allegiance, reason]).toEqual(['foreign', expect.stringContaining('no valid certificate')])
  })
})
