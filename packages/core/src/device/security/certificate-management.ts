import { internationalText } from '../../cip/data-types.ts'
import { type EPath, path } from '../../cip/epath.ts'
import { generalStatus } from '../../cip/general-status.ts'
import type { PrivateKey } from '../../crypto/provider.ts'
import { TransportError, UsageError } from '../../errors.ts'
import {
  type CertificateReference,
  type CertificateSigningRequest,
  type CertificateStateName,
  certificateManagement,
  certificateStates,
  maximumCertificateName,
  verificationFailedStatus,
  verifyTargets,
} from '../../objects/certificate-management.ts'
import { parseAddress } from '../../policy/address.ts'
import { latin1Bytes } from '../../wire/text.ts'
import { type Certificate, decodeCertificate } from '../../x509/certificate.ts'
import { subjectAlternativeName } from '../../x509/extensions.ts'
import { type AttributeLabel, encodeName, type NameAttribute, nameAttribute, nameValue } from '../../x509/name.ts'
import { encodePem } from '../../x509/pem.ts'
import { buildRequest, type RequestContents } from '../../x509/request.ts'
import { behaviour, type Call } from '../attributes.ts'
import { type DeviceContext, isConfigured, mayConfigure } from '../context.ts'
import {
  type CertificateData,
  type CertificatePlace,
  defaultCertificateInstance,
  defaultTransferTimeoutS,
  noPath,
} from '../data.ts'
import { done, type Outcome, type Refusal, refuse } from '../outcome.ts'
import { nextState, type StateMachine } from '../state-machine.ts'
import { referencesInForce } from './cleanup.ts'
import { allocateFile, fileSlotsLeft } from './files.ts'
import { certificatesIn, eraseCertificate, fileOf, freeInstance, loadedFile, readable } from './references.ts'

/** What can happen to a Certificate Management instance. */
type CertificateEvent =
  | 'create'
  | 'createCsr'
  | 'setCertificate'
  | 'oneVerified'
  | 'bothVerified'
  | 'verificationFailed'
  | 'delete'

/**
 * A Certificate Management instance as a table (Volume 8 via cip-security-wire 4.3).
 *
 * Deviation: that Set of attribute 3 or 4 leads to Configuring is ours.
 */
export const certificateMachine: StateMachine<CertificateStateName, CertificateEvent> = {
  name: 'Certificate Management instance (0x5F)',
  states: certificateStates,
  initial: 'nonexistent',
  refusal: generalStatus.objectStateConflict,
  transitions: [
    { from: ['nonexistent'], event: 'create', to: 'created' },
    {
      from: ['created', 'configuring', 'verified', 'invalid'],
      event: 'createCsr',
      when: 'not instance 1, not in force',
      to: 'configuring',
      effect: 'a fresh key pair; the request lies in a File instance',
    },
    {
      from: ['created', 'configuring', 'verified', 'invalid'],
      event: 'setCertificate',
      when: 'not instance 1, not in force',
      to: 'configuring',
      effect: 'its status is "not verified"',
    },
    { from: ['configuring', 'verified', 'invalid'], event: 'oneVerified', to: 'configuring' },
    { from: ['configuring', 'verified', 'invalid'], event: 'bothVerified', to: 'verified' },
    { from: ['created', 'configuring', 'verified', 'invalid'], event: 'verificationFailed', to: 'invalid' },
    {
      from: ['created', 'configuring', 'verified', 'invalid'],
      event: 'delete',
      when: 'not instance 1, not in force',
      to: 'nonexistent',
      effect: 'the key pair is erased',
    },
  ],
}

function step(data: CertificateData, event: CertificateEvent): void {
  data.state = nextState(certificateMachine, data.state, event) ?? data.state
}

const conflict = refuse(generalStatus.objectStateConflict)

/** Certificate Management instances besides instance 1, of a device whose options say nothing. */
const defaultCertificateSlots = 8

/** How many more instances can be created. */
export function certificateSlotsLeft({ options, data }: DeviceContext): number {
  return Math.max(0, (options.security?.certificateSlots ?? defaultCertificateSlots) + 1 - data.certificates.size)
}

function create(call: Call, name: string): Outcome<number> {
  const { device } = call
  const { certificates } = device.data
  if (name.length === 0) return refuse(generalStatus.notEnoughData)
  if (name.length > maximumCertificateName) return refuse(generalStatus.tooMuchData)
  for (const existing of certificates.values()) {
    if (existing.name === name) return refuse(generalStatus.objectAlreadyExists)
  }
  if (certificateSlotsLeft(device) === 0) return refuse(generalStatus.resourceUnavailable)
  const instance = freeInstance(certificates, device.data.nextCertificate, defaultCertificateInstance + 1)
  device.data.nextCertificate = instance + 1
  const data: CertificateData = {
    name,
    state: 'nonexistent',
    device: { status: 'notVerified', path: noPath },
    ca: { status: 'notVerified', path: noPath },
    key: undefined,
    csrFile: 0,
    busy: false,
  }
  step(data, 'create')
  certificates.set(instance, data)
  device.staged()
  return { value: instance }
}

/** Is this instance, or the file behind it, part of settings in force or just begun? */
function inForce(device: DeviceContext, instance: number): boolean {
  return referencesInForce(device).certificates.has(instance)
}

function findDynamic(call: Call): CertificateData | Refusal {
  const data = call.device.data.certificates.get(call.instance)
  if (data === undefined) return refuse(generalStatus.objectDoesNotExist)
  // What is in force stays as it is: another key under the same certificate would lock everybody out.
  const fixed = call.instance === defaultCertificateInstance || inForce(call.device, call.instance)
  return fixed || data.busy ? conflict : data
}

function isData(found: CertificateData | Refusal): found is CertificateData {
  return 'name' in found
}

function remove(call: Call): Outcome<undefined> {
  if (call.instance === defaultCertificateInstance) return refuse(generalStatus.instanceNotDeletable)
  const data = findDynamic(call)
  if (!isData(data)) return data
  eraseCertificate(data)
  step(data, 'delete')
  call.device.data.certificates.delete(call.instance)
  call.device.staged()
  return done
}

function setPlace(call: Call, which: 'device' | 'ca', value: CertificateReference): Refusal | undefined {
  const data = findDynamic(call)
  if (!isData(data)) return data
  if (value.path.length > 0) {
    const instance = fileOf(value.path)
    if (instance === undefined || !call.device.data.files.has(instance)) {
      return refuse(generalStatus.invalidAttributeValue)
    }
  }
  data[which] = { status: 'notVerified', path: value.path }
  step(data, 'setCertificate')
  call.device.staged()
  return undefined
}

async function createCsr(call: Call, request: CertificateSigningRequest): Promise<Outcome<EPath>> {
  const { device } = call
  const data = findDynamic(call)
  if (!isData(data)) return data
  if (request.subjectAlternativeName !== undefined && csrStrings(device) < 9) return refuse(generalStatus.tooMuchData)
  if (request.country.length !== 0 && request.country.length !== 2) return refuse(generalStatus.invalidParameter)
  const names = alternativeNames(device, request.subjectAlternativeName ?? '')
  if (names === undefined) return refuse(generalStatus.invalidParameter)
  // The file of the request before is used again, so that retries do not fill the store.
  const previous = device.data.files.get(data.csrFile)
  if (previous?.transfer !== undefined) return conflict
  if (previous === undefined && fileSlotsLeft(device) === 0) return refuse(generalStatus.resourceUnavailable)
  data.busy = true
  try {
    const key = await device.options.crypto.generateKey(device.options.security?.keyKind ?? 'ecdsa-p256')
    const contents = contentsOf(device, request, names)
    if (contents === undefined) return refuse(generalStatus.invalidParameter)
    const der = await buildRequest(key, contents)
    return finishCsr(call, data, key, der)
  } catch (error) {
    // Deviation: the machine makes no keys, as its entropy sources have failed: the device says so, and why stands in its log.
    if (error instanceof TransportError) return refuse(generalStatus.resourceUnavailable)
    throw error
  } finally {
    data.busy = false
  }
}

/** Strings that Create_CSR takes at most: the ninth came with object revision 2. */
function csrStrings(device: DeviceContext): number {
  const { security } = device.options
  return security?.csrStrings ?? ((security?.certificateManagementRevision ?? 3) < 2 ? 8 : 9)
}

function finishCsr(call: Call, data: CertificateData, key: PrivateKey, der: Uint8Array): Outcome<EPath> {
  const { device, instance } = call
  // A reset or a power cycle came meanwhile: the key dies with the instance.
  if (device.data.certificates.get(instance) !== data) return refuse(generalStatus.objectStateConflict)
  const file = allocateFile(device, data.csrFile, {
    instanceName: internationalText(`${data.name}.csr`),
    fileName: internationalText(`${data.name}.csr`),
    content: latin1Bytes(encodePem('CERTIFICATE REQUEST', der)),
    state: 'loaded',
    // Deviation: the encoding of a request is not public.
    encoding: 'text',
    major: 1,
    minor: 1,
    readOnly: true,
    isStatic: false,
    timeoutS: defaultTransferTimeoutS,
    transfer: undefined,
  })
  if (file === undefined) return refuse(generalStatus.resourceUnavailable)
  data.key = key
  data.csrFile = file
  data.device = { status: 'notVerified', path: data.device.path }
  step(data, 'createCsr')
  device.staged()
  return { value: path({ class: 0x37, instance: file }) }
}

const subjectFields: readonly (readonly [AttributeLabel, keyof CertificateSigningRequest])[] = [
  ['C', 'country'],
  ['ST', 'state'],
  ['L', 'city'],
  ['O', 'organization'],
  ['OU', 'organizationalUnit'],
  ['serialNumber', 'serialNumber'],
  ['CN', 'commonName'],
  ['emailAddress', 'email'],
]

/** Subject and wished-for names; what the request leaves empty is as in the default certificate. */
function contentsOf(
  device: DeviceContext,
  request: CertificateSigningRequest,
  names: AlternativeNames,
): RequestContents | undefined {
  const [leaf] = device.options.security?.credentials.chain ?? []
  const defaults = leaf === undefined ? undefined : decodeCertificate(leaf).subject
  try {
    const parts: NameAttribute[] = []
    for (const [label, field] of subjectFields) {
      const wanted = request[field] ?? ''
      const value = wanted === '' ? (defaults === undefined ? undefined : nameValue(defaults, label)) : wanted
      if (value !== undefined && value !== '') parts.push(nameAttribute(label, value))
    }
    const named = names.addresses.length + names.dnsNames.length > 0
    return {
      subject: encodeName(parts),
      extensions: named ? [subjectAlternativeName(names.addresses, names.dnsNames)] : [],
    }
  } catch (error) {
    // Text that a certificate cannot carry is the caller's mistake.
    if (error instanceof UsageError) return undefined
    throw error
  }
}

/** What a request holds that Create_CSR makes with every field empty (cip-security-wire 6.2, step 6). */
export function emptyRequestContents(device: DeviceContext): RequestContents {
  const empty = ''
  const contents = contentsOf(
    device,
    {
      commonName: empty,
      organization: empty,
      organizationalUnit: empty,
      city: empty,
      state: empty,
      country: empty,
      email: empty,
      serialNumber: empty,
      subjectAlternativeName: empty,
    },
    alternativeNames(device, empty) ?? { addresses: [], dnsNames: [] },
  )
  if (contents === undefined) {
    throw new UsageError('bad-value', `device ${device.options.address}: its host name cannot stand in a certificate`)
  }
  return contents
}

interface AlternativeNames {
  readonly addresses: readonly string[]
  readonly dnsNames: readonly string[]
}

/**
 * Reads the ninth string of Create_CSR; empty means address and host name of the TCP/IP Interface object.
 *
 * Deviation: its syntax is ours. Entries `key=value` or `key:value`, separated by newline, comma or semicolon, with the
 * keys iPAddress or IP, dNSName or DNS, and URI (read and left out: certificates of a device name no URI).
 */
function alternativeNames(device: DeviceContext, text: string): AlternativeNames | undefined {
  const addresses: string[] = []
  const dnsNames: string[] = []
  const entries = text
    .split(/[\n,;]/)
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')
  for (const entry of entries) {
    const match = /^([A-Za-z]+)\s*[=:]\s*(\S+)$/.exec(entry)
    const value = match?.[2] ?? ''
    switch (match?.[1]?.toLowerCase()) {
      case 'ipaddress':
      case 'ip':
        addresses.push(value)
        break
      case 'dnsname':
      case 'dns':
        dnsNames.push(value)
        break
      case 'uri':
        break
      default:
        return undefined
    }
  }
  if (entries.length > 0) return { addresses, dnsNames }
  const { hostName } = device.data.tcpIp
  const domain = device.options.domain ?? ''
  const name = hostName === '' ? [] : [domain === '' ? hostName : `${hostName}.${domain}`]
  // A device behind a backplane has no address of its own.
  const { address } = device.options
  return { addresses: parseAddress(address) === undefined ? [] : [address], dnsNames: name }
}

function verify(call: Call, target: number): Outcome<undefined> {
  const { device, instance } = call
  const data = device.data.certificates.get(instance)
  if (data === undefined) return refuse(generalStatus.objectDoesNotExist)
  if (target !== verifyTargets.deviceCertificate && target !== verifyTargets.caCertificate) {
    return refuse(generalStatus.invalidParameter)
  }
  // The default certificate was verified where it was made.
  if (instance === defaultCertificateInstance) return done
  if (data.busy) return conflict
  const which = target === verifyTargets.deviceCertificate ? 'device' : 'ca'
  const reason = which === 'device' ? whyDeviceFails(device, data) : whyCaFails(device, data.ca)
  const place = { path: data[which].path, status: reason === undefined ? ('verified' as const) : ('invalid' as const) }
  data[which] = place
  if (reason !== undefined) step(data, 'verificationFailed')
  else if (data.device.status === 'verified' && data.ca.status === 'verified') step(data, 'bothVerified')
  else if (data.device.status !== 'invalid' && data.ca.status !== 'invalid') step(data, 'oneVerified')
  device.staged()
  if (reason === undefined) return done
  device.report('certificate-refused', 'warning', `${data.name}: ${reason}`, call.link)
  return refuse(verificationFailedStatus)
}

function certificatesAt(device: DeviceContext, place: CertificatePlace): readonly Certificate[] | undefined {
  const found = loadedFile(device, place.path)
  return found === undefined ? undefined : readable(() => certificatesIn(found))
}

function whyCaFails(device: DeviceContext, place: CertificatePlace): string | undefined {
  const certificates = certificatesAt(device, place)
  if (certificates === undefined) return 'the CA certificate is missing or not readable'
  for (const { extensions } of certificates) {
    if (extensions.basicConstraints?.ca !== true) return 'the CA certificate is not one of an authority'
    if (extensions.keyUsage?.includes('keyCertSign') === false) return 'the CA certificate may not sign certificates'
    if (extensions.unknownCritical.length > 0) return 'the CA certificate has an unknown critical extension'
  }
  return undefined
}

function whyDeviceFails(device: DeviceContext, data: CertificateData): string | undefined {
  const [leaf, ...more] = certificatesAt(device, data.device) ?? []
  if (leaf === undefined) return 'the device certificate is missing or not readable'
  const { crypto } = device.options
  if (data.key === undefined || !crypto.equal(leaf.publicKey, data.key.publicKey)) {
    return 'the device certificate is not for the key pair of this instance'
  }
  const anchors = certificatesAt(device, data.ca)
  if (anchors === undefined) return 'the CA certificate is missing or not readable'
  // Dates are not judged: a device without a clock could not.
  const verdict = crypto.verifyChain({
    leaf: leaf.der,
    intermediates: more.map(({ der }) => der),
    anchors: anchors.map(({ der }) => der),
  })
  return verdict.ok ? undefined : verdict.reason
}

function instances(device: DeviceContext): readonly number[] {
  return [...device.data.certificates.keys()].sort((a, b) => a - b)
}

const placeOf = (which: 'device' | 'ca') => (call: Call) => call.device.data.certificates.get(call.instance)?.[which]

/** How a device behaves as Certificate Management Object. */
const certificateManagementBehaviour = behaviour(certificateManagement, {
  revision: 3,
  instances,
  has: (device, instance) => device.data.certificates.has(instance),
  getClass: {
    capabilityFlags: ({ device }) => ({ push: true, pull: device.options.security?.pull === true }),
    certificateList: ({ device }) =>
      instances(device).map((instance) => ({
        name: device.data.certificates.get(instance)?.name ?? '',
        path: path({ class: certificateManagement.id, instance }),
      })),
    encodings: () => ({ pem: true, pkcs7: true }),
  },
  get: {
    name: ({ device, instance }) => device.data.certificates.get(instance)?.name,
    state: ({ device, instance }) => device.data.certificates.get(instance)?.state,
    deviceCertificate: placeOf('device'),
    caCertificate: placeOf('ca'),
    encoding: ({ device, instance }) => {
      const place = device.data.certificates.get(instance)?.device
      const file = place === undefined ? undefined : loadedFile(device, place.path)
      return file?.encoding === 'pkcs7Certificate' ? 'pkcs7' : 'pem'
    },
  },
  set: {
    deviceCertificate: (call, value) => setPlace(call, 'device', value),
    caCertificate: (call, value) => setPlace(call, 'ca', value),
  },
  services: {
    create,
    delete: remove,
    createCsr,
    verifyCertificate: verify,
  },
  guard: ({ device, link }) => {
    if (device.data.identity.protectionMode !== 0) return refuse(generalStatus.deviceStateConflict)
    return isConfigured(device) && !mayConfigure(device, link) ? refuse(generalStatus.privilegeViolation) : undefined
  },
})

/** The same at another object revision. */
export function certificateManagementBehaviourOf(revision: 1 | 2 | 3): typeof certificateManagementBehaviour {
  return revision === 3 ? certificateManagementBehaviour : { ...certificateManagementBehaviour, revision }
}
