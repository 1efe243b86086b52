import { path } from '@cordon/core/cip'
import type { Crypto } from '@cordon/core/crypto'
import type { Device } from '@cordon/core/device'
import { TransportError } from '@cordon/core/errors'
import { certificateManagement, cipSecurity, file } from '@cordon/core/objects'
import { decodeRequest, encodeCertsOnly, isProven, nameValue } from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'
import { beforeEach, describe, expect, it } from 'vitest'
import {
  csrRequest,
  filePath,
  installCertificate,
  pem,
  secureDevice,
  TestClient,
  tcpLink,
  testAuthority,
  tlsLink,
  uploadCsr,
} from '../fixture.ts'

let device: Device
let client: TestClient

beforeEach(async () => {
  device = await secureDevice()
  client = new TestClient(device, tlsLink())
})

const place = (instance: number) => ({ status: 'notVerified' as const, path: filePath(instance) })

describe('Certificate Management Object', () => {
  it('lists the default certificate as verified instance 1', async () => {
    expect(await client.get(certificateManagement, 1, 'state')).toBe('verified')
    expect(await client.get(certificateManagement, 1, 'deviceCertificate')).toEqual({
      status: 'verified',
      path: filePath(0x0101),
    })
    expect(await client.get(certificateManagement, 1, 'caCertificate')).toEqual({
      status: 'verified',
      path: filePath(0x0102),
    })
    expect(await client.getClass(certificateManagement, 'certificateList')).toEqual([
      { name: 'Default', path: path({ class: 0x5f, instance: 1 }) },
    ])
    expect(await client.getClass(certificateManagement, 'revision')).toBe(3)
    expect(await client.getClass(certificateManagement, 'capabilityFlags')).toMatchObject({ push: true })
    expect(await client.getClass(certificateManagement, 'encodings')).toMatchObject({ pem: true, pkcs7: true })
  })

  it('creates instances by the bytes of the reference', async () => {
    const reply = await client.raw(0x08, path({ class: 0x5f, instance: 0 }), Uint8Array.of(4, 0x6f, 0x70, 0x73, 0x31))
    expect([...reply.data]).toEqual([2, 0])
    expect(await client.get(certificateManagement, 2, 'name')).toBe('ops1')
    expect(await client.get(certificateManagement, 2, 'state')).toBe('created')
    expect(await client.get(certificateManagement, 2, 'deviceCertificate')).toEqual({ status: 'notVerified', path: [] })
  })

  it('refuses names that are missing, too long or taken', async () => {
    expect(await client.status(0x08, path({ class: 0x5f, instance: 0 }))).toEqual([0x13])
    expect(await client.refused(certificateManagement, 0, 'create', '')).toEqual([0x13])
    expect(await client.refused(certificateManagement, 0, 'create', 'x'.repeat(33))).toEqual([0x15])
    await client.call(certificateManagement, 0, 'create', 'x'.repeat(32))
    expect(await client.refused(certificateManagement, 0, 'create', 'x'.repeat(32))).toEqual([0x0d])
    expect(await client.refused(certificateManagement, 0, 'create', 'Default')).toEqual([0x0d])
  })

  it('says 0x02 when every slot is taken, and finds room again after Delete', async () => {
    const small = new TestClient(await secureDevice({ certificateSlots: 2 }), tlsLink())
    const first = await small.call(certificateManagement, 0, 'create', 'a')
    await small.call(certificateManagement, 0, 'create', 'b')
    expect(await small.refused(certificateManagement, 0, 'create', 'c')).toEqual([0x02])
    await small.call(certificateManagement, first, 'delete', undefined)
    expect(await small.call(certificateManagement, 0, 'create', 'c')).toBe(4)
  })

  it('keeps instance 1 as it is: 0x2D, 0x0C', async () => {
    expect(await client.refused(certificateManagement, 1, 'delete', undefined)).toEqual([0x2d])
    expect(await client.refused(certificateManagement, 1, 'createCsr', csrRequest)).toEqual([0x0c])
    expect(await client.trySet(certificateManagement, 1, 'deviceCertificate', place(0x0101))).toEqual([0x0c])
    await client.call(certificateManagement, 1, 'verifyCertificate', 3)
  })
})

describe('Create_CSR', () => {
  it('is refused with 0x02 while the device can make no key, and the certificate stays as it was', async () => {
    let isPoor = true
    const crypto: Crypto = {
      ...nodeCrypto,
      generateKey: async (kind) => {
        if (isPoor) throw new TransportError('io', 'no entropy source is left')
        return await nodeCrypto.generateKey(kind)
      },
    }
    const poor = new TestClient(await secureDevice({}, { crypto }), tlsLink())
    const instance = await poor.call(certificateManagement, 0, 'create', 'ops')
    expect(await poor.refused(certificateManagement, instance, 'createCsr', csrRequest)).toEqual([0x02])
    isPoor = false
    expect(await poor.call(certificateManagement, instance, 'createCsr', csrRequest)).toEqual(filePath(0x0110))
  })

  it('makes a proven request with the subject asked for, and names the file', async () => {
    const instance = await client.call(certificateManagement, 0, 'create', 'ops')
    const target = await client.call(certificateManagement, instance, 'createCsr', {
      ...csrRequest,
      commonName: 'dev-1',
      organization: 'Acme',
      organizationalUnit: 'Line 3',
      city: 'Mayfield Heights',
      state: 'OHIO',
      country: 'US',
      email: 'ot@example.com',
      serialNumber: '77',
      subjectAlternativeName: 'iPAddress=192.0.2.10\ndNSName=dev-1.example',
    })
    expect(target).toEqual(filePath(0x0110))
    expect(await client.get(certificateManagement, instance, 'state')).toBe('configuring')
    expect(await client.get(file, 0x0110, 'encoding')).toBe('text')
    expect(await client.get(file, 0x0110, 'accessRule')).toBe('readOnly')
    const request = decodeRequest(await uploadCsr(client, target))
    expect(isProven(nodeCrypto, request)).toBe(true)
    expect(request.key.family).toBe('ecdsa')
    const values = (['CN', 'O', 'OU', 'L', 'ST', 'C', 'emailAddress', 'serialNumber'] as const).map((label) =>
      nameValue(request.subject, label),
    )
    expect(values).toEqual(['dev-1', 'Acme', 'Line 3', 'Mayfield Heights', 'OHIO', 'US', 'ot@example.com', '77'])
    expect(request.extensions.subjectAlternativeNames).toEqual([
      { kind: 'ip', value: '192.0.2.10' },
      { kind: 'dns', value: 'dev-1.example' },
    ])
  })

  it('takes what is empty from the default certificate, and the names from the TCP/IP Interface object', async () => {
    const named = new TestClient(await secureDevice({}, { hostName: 'mixer', domain: 'plant.example' }), tlsLink())
    const instance = await named.call(certificateManagement, 0, 'create', 'ops')
    const empty = { ...csrRequest, commonName: '' }
    const request = decodeRequest(
      await uploadCsr(named, await named.call(certificateManagement, instance, 'createCsr', empty)),
    )
    expect(nameValue(request.subject, 'CN')).toBe('1756-L85E/B (00e17387)')
    expect(nameValue(request.subject, 'O')).toBe('Example Automation')
    expect(nameValue(request.subject, 'serialNumber')).toBe('0001-00E17387')
    expect(request.extensions.subjectAlternativeNames).toEqual([
      { kind: 'ip', value: '192.0.2.10' },
      { kind: 'dns', value: 'mixer.plant.example' },
    ])
  })

  it('accepts eight strings and, from object revision 2 on, nine', async () => {
    const eight = Uint8Array.from([2, 0x64, 0x31, 0, 0, 0, 0, 0, 0, 0])
    const instance = await client.call(certificateManagement, 0, 'create', 'ops')
    expect(await client.status(0x4b, path({ class: 0x5f, instance }), eight)).toEqual([0])
    expect(await client.status(0x4b, path({ class: 0x5f, instance }), eight.subarray(0, 9))).toEqual([0x13])
    for (const options of [{ certificateManagementRevision: 1 }, { csrStrings: 8 }] as const) {
      const old = new TestClient(await secureDevice(options), tlsLink())
      await old.call(certificateManagement, 0, 'create', 'ops')
      expect(await old.status(0x4b, path({ class: 0x5f, instance: 2 }), eight)).toEqual([0])
      expect(await old.refused(certificateManagement, 2, 'createCsr', csrRequest)).toEqual([0x15])
    }
    expect(
      await new TestClient(await secureDevice({ certificateManagementRevision: 2 }), tlsLink()).getClass(
        certificateManagement,
        'revision',
      ),
    ).toBe(2)
  })

  it('refuses countries of other than two letters and names it cannot read with 0x20', async () => {
    const instance = await client.call(certificateManagement, 0, 'create', 'ops')
    for (const request of [
      { ...csrRequest, country: 'U' },
      { ...csrRequest, country: 'USA' },
      { ...csrRequest, subjectAlternativeName: 'address 192.0.2.1' },
      { ...csrRequest, subjectAlternativeName: 'dNSName=*.example' },
      { ...csrRequest, subjectAlternativeName: 'iPAddress=1.2.3' },
    ]) {
      expect(await client.refused(certificateManagement, instance, 'createCsr', request)).toEqual([0x20])
    }
    expect(await client.get(certificateManagement, instance, 'state')).toBe('created')
    const many = { ...csrRequest, subjectAlternativeName: 'IP:192.0.2.1;DNS:a.example, URI=urn:x' }
    await client.call(certificateManagement, instance, 'createCsr', many)
  })

  it('uses the file of the request before again, and makes another key each time', async () => {
    const instance = await client.call(certificateManagement, 0, 'create', 'ops')
    const first = await client.call(certificateManagement, instance, 'createCsr', csrRequest)
    const one = decodeRequest(await uploadCsr(client, first)).publicKey
    const second = await client.call(certificateManagement, instance, 'createCsr', csrRequest)
    expect(second).toEqual(first)
    expect(decodeRequest(await uploadCsr(client, second)).publicKey).not.toEqual(one)
  })

  it('says 0x02 when no file can be created, before it makes a key', async () => {
    const full = new TestClient(await secureDevice({ fileSlots: 0 }), tlsLink())
    const instance = await full.call(certificateManagement, 0, 'create', 'ops')
    expect(await full.refused(certificateManagement, instance, 'createCsr', csrRequest)).toEqual([0x02])
  })

  it('leaves other requests going on, refuses a second one meanwhile, and dies with a reset', async () => {
    let release: () => void = () => undefined
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const slowCrypto: Crypto = {
      ...nodeCrypto,
      generateKey: async (kind) => {
        await held
        return await nodeCrypto.generateKey(kind)
      },
    }
    const slow = await secureDevice({}, { crypto: slowCrypto })
    const slowClient = new TestClient(slow, tlsLink())
    const instance = await slowClient.call(certificateManagement, 0, 'create', 'ops')
    await slowClient.call(cipSecurity, 1, 'beginConfig', undefined)
    const pending = slowClient.tryCall(certificateManagement, instance, 'createCsr', csrRequest)
    await slowClient.call(cipSecurity, 1, 'kickTimer', undefined)
    expect(await slowClient.refused(certificateManagement, instance, 'createCsr', csrRequest)).toEqual([0x0c])
    expect(await slowClient.refused(certificateManagement, instance, 'delete', undefined)).toEqual([0x0c])
    expect(await slowClient.status(0x05, path({ class: 1, instance: 1 }), Uint8Array.of(1))).toEqual([0])
    release()
    expect((await pending).status).toBe(0x0c)
    expect(await slowClient.getClass(certificateManagement, 'numberOfInstances')).toBe(1)
  })

  it('makes the kind of key that the device has', async () => {
    const rsa = new TestClient(await secureDevice({ keyKind: 'rsa-2048' }), tlsLink())
    const instance = await rsa.call(certificateManagement, 0, 'create', 'ops')
    const request = decodeRequest(
      await uploadCsr(rsa, await rsa.call(certificateManagement, instance, 'createCsr', csrRequest)),
    )
    expect(request.key.family).toBe('rsa')
  })
})

describe('Verify_Certificate', () => {
  it('verifies authority and device certificate and moves to Verified', async () => {
    const authority = await testAuthority()
    const { instance } = await installCertificate(client, authority)
    expect(await client.get(certificateManagement, instance, 'state')).toBe('verified')
    expect((await client.get(certificateManagement, instance, 'deviceCertificate')).status).toBe('verified')
    expect((await client.get(certificateManagement, instance, 'caCertificate')).status).toBe('verified')
  })

  it('takes PKCS#7 as well as PEM and reports the encoding', async () => {
    const authority = await testAuthority()
    const instance = await client.call(certificateManagement, 0, 'create', 'ops')
    const csr = await uploadCsr(client, await client.call(certificateManagement, instance, 'createCsr', csrRequest))
    const leaf = await authority.issue(csr)
    const ca = await client.download(encodeCertsOnly([authority.ca.der]), 'pkcs7Certificate')
    const own = await client.download(encodeCertsOnly([leaf]), 'pkcs7Certificate')
    await client.set(certificateManagement, instance, 'caCertificate', place(ca))
    await client.set(certificateManagement, instance, 'deviceCertificate', place(own))
    await client.call(certificateManagement, instance, 'verifyCertificate', 4)
    expect(await client.get(certificateManagement, instance, 'state')).toBe('configuring')
    await client.call(certificateManagement, instance, 'verifyCertificate', 3)
    expect(await client.get(certificateManagement, instance, 'state')).toBe('verified')
    expect(await client.get(certificateManagement, instance, 'encoding')).toBe('pkcs7')
  })

  it('fails with 0xD0 and moves to Invalid for every certificate that cannot stand', async () => {
    const authority = await testAuthority()
    const stranger = await testAuthority('red')
    const instance = await client.call(certificateManagement, 0, 'create', 'ops')
    const csr = await uploadCsr(client, await client.call(certificateManagement, instance, 'createCsr', csrRequest))
    const good = await authority.issue(csr)
    const foreignKey = await authority.issueFor((await nodeCrypto.generateKey('ecdsa-p256')).publicKey)
    const foreignCa = await stranger.issue(csr)
    const ca = await client.download(pem('CERTIFICATE', authority.ca.der))
    await client.set(certificateManagement, instance, 'caCertificate', place(ca))
    for (const content of [pem('CERTIFICATE', foreignKey), pem('CERTIFICATE', foreignCa), Uint8Array.of(1, 2, 3)]) {
      const bad = await client.download(content)
      await client.set(certificateManagement, instance, 'deviceCertificate', place(bad))
      expect(await client.refused(certificateManagement, instance, 'verifyCertificate', 3)).toEqual([0xd0])
      expect(await client.get(certificateManagement, instance, 'state')).toBe('invalid')
      expect((await client.get(certificateManagement, instance, 'deviceCertificate')).status).toBe('invalid')
    }
    const notCa = await client.download(pem('CERTIFICATE', good))
    await client.set(certificateManagement, instance, 'caCertificate', place(notCa))
    expect(await client.refused(certificateManagement, instance, 'verifyCertificate', 4)).toEqual([0xd0])
    const leaf = await client.download(pem('CERTIFICATE', good))
    await client.set(certificateManagement, instance, 'caCertificate', place(ca))
    await client.set(certificateManagement, instance, 'deviceCertificate', place(leaf))
    await client.call(certificateManagement, instance, 'verifyCertificate', 4)
    await client.call(certificateManagement, instance, 'verifyCertificate', 3)
    expect(await client.get(certificateManagement, instance, 'state')).toBe('verified')
  })

  it('fails without an authority, and refuses parameters other than 3 and 4 with 0x20', async () => {
    const authority = await testAuthority()
    const instance = await client.call(certificateManagement, 0, 'create', 'ops')
    const csr = await uploadCsr(client, await client.call(certificateManagement, instance, 'createCsr', csrRequest))
    const leaf = await client.download(pem('CERTIFICATE', await authority.issue(csr)))
    await client.set(certificateManagement, instance, 'deviceCertificate', place(leaf))
    expect(await client.refused(certificateManagement, instance, 'verifyCertificate', 3)).toEqual([0xd0])
    expect(await client.refused(certificateManagement, instance, 'verifyCertificate', 4)).toEqual([0xd0])
    for (const which of [0, 1, 2, 5]) {
      expect(await client.refused(certificateManagement, instance, 'verifyCertificate', which)).toEqual([0x20])
    }
  })

  it('is undone by setting a certificate again, whatever status byte is written', async () => {
    const authority = await testAuthority()
    const { instance, caFile } = await installCertificate(client, authority)
    await client.set(certificateManagement, instance, 'caCertificate', { status: 'verified', path: filePath(caFile) })
    expect(await client.get(certificateManagement, instance, 'state')).toBe('configuring')
    expect((await client.get(certificateManagement, instance, 'caCertificate')).status).toBe('notVerified')
  })

  it('refuses places that are no files with 0x09', async () => {
    const instance = await client.call(certificateManagement, 0, 'create', 'ops')
    expect(await client.trySet(certificateManagement, instance, 'caCertificate', place(0x999))).toEqual([0x09])
    const elsewhere = { status: 'notVerified' as const, path: path({ class: 1, instance: 1 }) }
    expect(await client.trySet(certificateManagement, instance, 'caCertificate', elsewhere)).toEqual([0x09])
  })
})

describe('a configured device', () => {
  it('lets nobody change certificates over a link that is not secure', async () => {
    await client.call(cipSecurity, 1, 'beginConfig', undefined)
    await client.call(cipSecurity, 1, 'endConfig', undefined)
    const plain = new TestClient(device, tcpLink())
    expect(await plain.refused(certificateManagement, 0, 'create', 'x')).toEqual([0x0f])
    expect(await plain.refused(certificateManagement, 1, 'delete', undefined)).toEqual([0x0f])
    expect(await plain.get(certificateManagement, 1, 'state')).toBe('verified')
  })
})
