import { deviceContents, issuingContents, rootContents, signCertificate } from '@cordon/core/authority'
import {
  type AttributeValue,
  type EPath,
  generalStatus,
  internationalText,
  type MessageRouterReply,
  messageRouterReply,
  messageRouterRequest,
  type ObjectClass,
  path,
  type ServiceReply,
  type ServiceRequest,
} from '@cordon/core/cip'
import type { PrivateKey } from '@cordon/core/crypto'
import {
  createDefaultCredentials,
  createDevice,
  createVendorPki,
  type DefaultCredentials,
  type Device,
  type DeviceAction,
  type DeviceOptions,
  type Link,
  type LinkSecurity,
  type SecurityOptions,
} from '@cordon/core/device'
import { certificateManagement, file, fileChecksum } from '@cordon/core/objects'
import { cipherSuites } from '@cordon/core/security'
import { decode, encode } from '@cordon/core/wire'
import {
  buildRevocationList,
  type Certificate,
  decodeCertificate,
  decodePem,
  decodeRequest,
  encodePem,
  isProven,
  keyIdentifier,
} from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'
import { expect } from 'vitest'

/** A made-up moment: certificates of these tests do not expire. */
export const moment = Date.UTC(2026, 0, 15)

/** Who the test devices are. */
export const testIdentity = {
  vendorId: 1,
  deviceType: 14,
  productCode: 166,
  majorRevision: 33,
  minorRevision: 11,
  serialNumber: 0x00e17387,
  productName: '1756-L85E/B',
} as const

/** Every suite that OpenSSL has. */
export const allSuites = cipherSuites.map(({ id }) => id).filter((id) => id !== 0xd001)

let shared: Promise<DefaultCredentials> | undefined

/** Vendor-issued credentials, made once. */
export async function testCredentials(): Promise<DefaultCredentials> {
  shared ??= createVendorPki(nodeCrypto, { vendorName: 'Example Automation', country: 'US', now: moment }).then(
    (vendor) => createDefaultCredentials(nodeCrypto, { identity: testIdentity, vendor, now: moment }),
  )
  return await shared
}

/** A device with CIP Security, factory default. */
export async function secureDevice(
  security: Partial<SecurityOptions> = {},
  options: Partial<DeviceOptions> = {},
): Promise<Device> {
  return createDevice({
    address: '192.0.2.10',
    identity: testIdentity,
    crypto: nodeCrypto,
    security: { credentials: await testCredentials(), suites: allSuites, pskSlots: 2, ...security },
    ...options,
  })
}

/** A device without CIP Security. */
export function plainDevice(options: Partial<DeviceOptions> = {}): Device {
  return createDevice({ address: '192.0.2.20', identity: testIdentity, crypto: nodeCrypto, ...options })
}

const tlsSuite: LinkSecurity = { suite: 0xc02c, encrypts: true, authenticated: 'certificate' }

/** A plain TCP link. */
export function tcpLink(address = '192.0.2.1', port = 50_000): Link {
  return { transport: 'tcp', localPort: 44818, peer: { address, port } }
}

/** A TLS link; by default its peer was authenticated by a certificate. */
export function tlsLink(security: Partial<LinkSecurity> = {}, address = '192.0.2.1'): Link {
  return { transport: 'tls', localPort: 2221, peer: { address, port: 50_001 }, security: { ...tlsSuite, ...security } }
}

/** A DTLS association. */
export function dtlsLink(security: Partial<LinkSecurity> = {}, address = '192.0.2.1'): Link {
  return { transport: 'dtls', localPort: 2221, peer: { address, port: 2221 }, security: { ...tlsSuite, ...security } }
}

/** A plain datagram's way: 2222/udp. */
export function udpLink(address = '192.0.2.1'): Link {
  return { transport: 'udp', localPort: 2222, peer: { address, port: 2222 } }
}

/** A client of one device over one link, in virtual time. */
export class TestClient {
  readonly device: Device
  readonly link: Link
  now: number

  constructor(device: Device, link: Link, now = 1_000_000) {
    this.device = device
    this.link = link
    this.now = now
  }

  /** A request through its bytes and back, as a wire would carry it. */
  async raw(service: number, target: EPath, data: Uint8Array = new Uint8Array(0)): Promise<MessageRouterReply> {
    const request = decode(messageRouterRequest, encode(messageRouterRequest, { service, path: target, data }))
    const reply = await this.device.request(request, this.link, this.now)
    return decode(messageRouterReply, encode(messageRouterReply, reply))
  }

  async status(service: number, target: EPath, data?: Uint8Array): Promise<readonly number[]> {
    const reply = await this.raw(service, target, data)
    return [reply.status, ...reply.extended]
  }

  async get<O extends ObjectClass, N extends keyof O['attributes'] & string>(
    object: O,
    instance: number,
    name: N,
  ): Promise<AttributeValue<O, N>> {
    const attribute = object.attributes[name]
    if (attribute === undefined) throw new Error(`no attribute ${name}`)
    const reply = await this.raw(0x0e, path({ class: object.id, instance, attribute: attribute.id }))
    expect(reply.status, `get ${object.name} ${name}`).toBe(generalStatus.success)
    return decode(attribute.codec, reply.data) as AttributeValue<O, N>
  }

  async getClass<O extends ObjectClass>(object: O, name: keyof O['classAttributes'] & string): Promise<unknown> {
    const attribute = object.classAttributes[name as 'revision']
    const reply = await this.raw(0x0e, path({ class: object.id, instance: 0, attribute: attribute.id }))
    expect(reply.status, `get class ${object.name} ${name}`).toBe(generalStatus.success)
    return decode(attribute.codec, reply.data)
  }

  /** Sets an attribute and gives the status words. */
  async trySet<O extends ObjectClass, N extends keyof O['attributes'] & string>(
    object: O,
    instance: number,
    name: N,
    value: AttributeValue<O, N>,
  ): Promise<readonly number[]> {
    const attribute = object.attributes[name]
    if (attribute === undefined) throw new Error(`no attribute ${name}`)
    const target = path({ class: object.id, instance, attribute: attribute.id })
    return await this.status(0x10, target, encode(attribute.codec, value))
  }

  async set<O extends ObjectClass, N extends keyof O['attributes'] & string>(
    object: O,
    instance: number,
    name: N,
    value: AttributeValue<O, N>,
  ): Promise<void> {
    expect(await this.trySet(object, instance, name, value), `set ${object.name} ${name}`).toEqual([0])
  }

  /** Calls a service and gives the reply, whatever its status. */
  async tryCall<O extends ObjectClass, N extends keyof O['services'] & string>(
    object: O,
    instance: number,
    name: N,
    value: ServiceRequest<O, N>,
  ): Promise<MessageRouterReply> {
    const service = object.services[name]
    if (service === undefined) throw new Error(`no service ${name}`)
    return await this.raw(service.code, path({ class: object.id, instance }), encode(service.request, value))
  }

  /** Status words of a service. */
  async refused<O extends ObjectClass, N extends keyof O['services'] & string>(
    object: O,
    instance: number,
    name: N,
    value: ServiceRequest<O, N>,
  ): Promise<readonly number[]> {
    const reply = await this.tryCall(object, instance, name, value)
    return [reply.status, ...reply.extended]
  }

  async call<O extends ObjectClass, N extends keyof O['services'] & string>(
    object: O,
    instance: number,
    name: N,
    value: ServiceRequest<O, N>,
  ): Promise<ServiceReply<O, N>> {
    const reply = await this.tryCall(object, instance, name, value)
    expect([reply.status, ...reply.extended], `call ${object.name} ${name}`).toEqual([0])
    const service = object.services[name]
    return decode(service?.reply ?? { read: () => undefined, write: () => undefined }, reply.data) as ServiceReply<O, N>
  }

  /** Lets time pass, ticking the device at each of its deadlines. */
  pass(ms: number): void {
    const end = this.now + ms
    for (let steps = 0; steps < 100_000; steps++) {
      const next = this.device.deadline()
      if (next === undefined || next > end) break
      this.now = Math.max(this.now, next)
      this.device.tick(this.now)
    }
    this.now = end
  }

  /** A file from the device. */
  async upload(instance: number, transferSize = 255): Promise<Uint8Array> {
    const { size } = await this.call(file, instance, 'initiateUpload', transferSize)
    const bytes: number[] = []
    for (let number = 0; number < 4096; number++) {
      const packet = await this.call(file, instance, 'uploadTransfer', number & 0xff)
      const last = packet.type === 'last' || packet.type === 'firstAndLast'
      bytes.push(...(last ? packet.data.subarray(0, -2) : packet.data))
      if (!last) continue
      const checksum = new DataView(packet.data.slice(-2).buffer).getUint16(0, true)
      expect(checksum).toBe(fileChecksum(Uint8Array.from(bytes)))
      expect(bytes.length).toBe(size)
      return Uint8Array.from(bytes)
    }
    throw new Error('an upload that does not end')
  }

  /** A file to a new instance of the device. */
  async download(
    content: Uint8Array,
    encoding: 'pemCertificate' | 'pkcs7Certificate' | 'pemRevocationList' | 'binary' = 'pemCertificate',
    name = 'file',
  ): Promise<number> {
    const { instance } = await this.call(file, 0, 'create', { name: internationalText(name), encoding })
    await this.downloadTo(instance, content, name)
    return instance
  }

  async downloadTo(instance: number, content: Uint8Array, name = 'file'): Promise<void> {
    const { transferSize } = await this.call(file, instance, 'initiateDownload', {
      size: content.length,
      formatVersion: 1,
      majorRevision: 1,
      minorRevision: 1,
      fileName: internationalText(name),
    })
    for (let number = 0, at = 0; ; number++, at += transferSize) {
      const block = content.subarray(at, at + transferSize)
      const last = at + transferSize >= content.length
      const type = last ? (number === 0 ? 'firstAndLast' : 'last') : number === 0 ? 'first' : 'middle'
      const data = last ? withChecksum(block, content) : block
      await this.call(file, instance, 'downloadTransfer', { number: number & 0xff, type, data })
      if (last) return
    }
  }
}

/** A last packet's data: the block, then the checksum of the whole file. */
export function withChecksum(block: Uint8Array, content: Uint8Array): Uint8Array {
  const checksum = fileChecksum(content)
  return Uint8Array.from([...block, checksum & 0xff, checksum >> 8])
}

/** Kinds of the actions a device asks for. */
export function actionKinds(actions: readonly DeviceAction[]): string[] {
  return actions.filter(({ kind }) => kind !== 'event').map(({ kind }) => kind)
}

/** A zone's authority in memory. */
export interface TestAuthority {
  readonly ca: Certificate
  readonly key: PrivateKey
  issue(csr: Uint8Array, name?: string): Promise<Uint8Array>
  issueFor(publicKey: Uint8Array, name?: string): Promise<Uint8Array>
  revocationList(serials: readonly string[]): Promise<Uint8Array>
}

const subject = { organization: 'Example Works', country: 'US' } as const

/** Makes a root and an issuing authority under it. */
export async function testAuthority(zone = 'blue'): Promise<TestAuthority> {
  const rootKey = await nodeCrypto.generateKey('ecdsa-p256')
  const context = { now: moment }
  const root = decodeCertificate(
    await signCertificate(
      nodeCrypto,
      rootContents(nodeCrypto, { plant: 'test', subject, publicKey: rootKey.publicKey, now: moment }),
      rootKey,
      { ...context, profile: 'root', issuer: undefined },
    ),
  )
  const key = await nodeCrypto.generateKey('ecdsa-p256')
  const ca = decodeCertificate(
    await signCertificate(
      nodeCrypto,
      issuingContents(nodeCrypto, {
        plant: 'test',
        zone,
        subject,
        publicKey: key.publicKey,
        now: moment,
        issuer: root,
      }),
      rootKey,
      { ...context, profile: 'issuing', issuer: root },
    ),
  )
  const issueFor = async (publicKey: Uint8Array, name = 'device') =>
    await signCertificate(
      nodeCrypto,
      deviceContents(nodeCrypto, {
        zone,
        name,
        subject,
        publicKey,
        now: moment,
        issuer: ca,
        addresses: ['192.0.2.10'],
      }),
      key,
      { ...context, profile: 'device', issuer: ca },
    )
  return {
    ca,
    key,
    issueFor,
    issue: async (csr, name) => {
      const request = decodeRequest(csr)
      expect(isProven(nodeCrypto, request)).toBe(true)
      return await issueFor(request.publicKey, name)
    },
    revocationList: async (serials) =>
      await buildRevocationList(
        {
          issuer: ca.subject,
          issuerKey: keyIdentifier(nodeCrypto, ca.publicKey),
          number: 1,
          thisUpdate: moment,
          nextUpdate: moment + 1e9,
          entries: serials.map((serial) => ({ serial, revokedAt: moment })),
        },
        key,
      ),
  }
}

/** PEM text as bytes. */
export function pem(label: 'CERTIFICATE' | 'X509 CRL', ...ders: readonly Uint8Array[]): Uint8Array {
  return new TextEncoder().encode(ders.map((der) => encodePem(label, der)).join(''))
}

/** Path of a File instance. */
export const filePath = (instance: number): EPath => path({ class: file.id, instance })

/** Path of a Certificate Management instance. */
export const certificatePath = (instance: number): EPath => path({ class: certificateManagement.id, instance })

const emptyRequest = {
  commonName: '',
  organization: '',
  organizationalUnit: '',
  city: '',
  state: '',
  country: '',
  email: '',
  serialNumber: '',
} as const

/** Create_CSR with nothing but a common name. */
export const csrRequest = { ...emptyRequest, commonName: 'dev-1', subjectAlternativeName: '' } as const

/** The request in a file that Create_CSR names. */
export async function uploadCsr(client: TestClient, target: EPath): Promise<Uint8Array> {
  const instance = target.find(({ kind }) => kind === 'instance')
  if (instance?.kind !== 'instance') throw new Error('Create_CSR gave no file')
  const [block] = decodePem(new TextDecoder().decode(await client.upload(instance.value)))
  expect(block?.label).toBe('CERTIFICATE REQUEST')
  return block?.bytes ?? new Uint8Array(0)
}

/** Create, Create_CSR, sign, download, set and verify: a verified instance and its CA file. */
export async function installCertificate(
  client: TestClient,
  authority: TestAuthority,
  name = 'ops',
): Promise<{ readonly instance: number; readonly caFile: number; readonly certificate: Uint8Array }> {
  const instance = await client.call(certificateManagement, 0, 'create', name)
  const target = await client.call(certificateManagement, instance, 'createCsr', csrRequest)
  const certificate = await authority.issue(await uploadCsr(client, target))
  const caFile = await client.download(pem('CERTIFICATE', authority.ca.der), 'pemCertificate', 'ca.pem')
  const leafFile = await client.download(pem('CERTIFICATE', certificate), 'pemCertificate', 'leaf.pem')
  const place = (file: number) => ({ status: 'notVerified' as const, path: filePath(file) })
  await client.set(certificateManagement, instance, 'caCertificate', place(caFile))
  await client.set(certificateManagement, instance, 'deviceCertificate', place(leafFile))
  await client.call(certificateManagement, instance, 'verifyCertificate', 4)
  await client.call(certificateManagement, instance, 'verifyCertificate', 3)
  return { instance, caFile, certificate }
}
