import type { Authority, IssuedCertificate } from '../authority/authority.ts'
import { addressOf, describePath, type EPath, path } from '../cip/epath.ts'
import { generalStatus } from '../cip/general-status.ts'
import { storeFile, upload } from '../client/file-transfer.ts'
import type { ObjectClient } from '../client/object-client.ts'
import { isStatus } from '../client/reply-status.ts'
import type { Crypto } from '../crypto/provider.ts'
import { MalformedMessage } from '../errors.ts'
import { certificateManagement, verificationFailedStatus, verifyTargets } from '../objects/certificate-management.ts'
import { cipSecurity } from '../objects/cip-security.ts'
import {
  applyFailedStatus,
  applyFailures,
  applyFlags,
  ethernetIpSecurity,
  ethernetIpSecurityRevision7,
  type PreSharedKey,
} from '../objects/ethernet-ip-security.ts'
import { file } from '../objects/file.ts'
import { findSuite } from '../security/cipher-suites.ts'
import { latin1, latin1Bytes } from '../wire/text.ts'
import { fingerprint } from '../x509/certificate.ts'
import { hex, sameBytes } from '../x509/der.ts'
import { decodePem, encodePem } from '../x509/pem.ts'
import { type CertificateRequest, decodeRequest, isProven } from '../x509/request.ts'
import { effectiveSettings, wantedTrust } from './assess.ts'
import type { Clock, ManagerCredential } from './device-port.ts'
import type { JournalDetail, StepName } from './journal.ts'
import type { Keeper } from './keeper.ts'
import type { Materials } from './materials.ts'
import type { MessageCode } from './messages.ts'
import { type DeviceReading, ifPresent, listRevision, readSecurity, type SecurityAttributes } from './observe.ts'
import { type DeviceTarget, needsCertificate } from './target.ts'

/** A step that failed for a reason of its own, with the message that says so. */
export class StepFailure extends Error {
  readonly code: MessageCode

  constructor(code: MessageCode, evidence: string, cause?: unknown) {
    super(evidence, cause === undefined ? undefined : { cause })
    this.name = 'StepFailure'
    this.code = code
  }
}

/** What the steps of one configuration work on: the device as it was, what it is to become, and what was made so far. */
export interface Work {
  readonly client: ObjectClient
  /** Keeps both configuration timers alive. */
  readonly keeper: Keeper
  readonly clock: Clock
  readonly crypto: Crypto
  readonly authority: Pick<Authority, 'issueDevice'>
  readonly materials: Materials
  readonly manager: ManagerCredential | undefined
  readonly target: DeviceTarget
  /** The device before anything was changed. */
  readonly before: DeviceReading
  /** IANA number of the suite of our own session. */
  readonly suite: number | undefined
  /** A pre-shared key may be sent: the device is proven. */
  readonly maySendSecrets: boolean
  /** Keys to be written, with those of before that stay for an overlap; undefined: attribute 5 is not touched. */
  readonly preSharedKeys: readonly PreSharedKey[] | undefined
  /** Identities of before that stay for an overlap. */
  readonly keptIdentities: readonly EPath[]
  readonly apply: { readonly closeConnections: boolean; readonly closeDelayMs: number }
  /** The instance of class 0x5F that was made, when a new certificate is needed. */
  instance?: number
  /** PKCS#10, with its bytes. */
  request?: CertificateRequest
  issued?: IssuedCertificate
  /** Files made in this configuration. */
  readonly files: number[]
  /** Where certificates lie in the device, by their fingerprints. */
  readonly places: Map<string, EPath>
  lists?: readonly EPath[]
}

/** One change to a device: how it is made, how to see that it was, how it is taken back. */
export interface Step {
  readonly name: StepName
  /** Makes the change; gives what the journal must remember of it. @throws StepFailure, and what the device refuses */
  do(work: Work): Promise<JournalDetail>
  /** What is wrong with the result, or undefined. */
  check(work: Work): Promise<string | undefined>
  /** Takes the change back. It may be called after a change that failed half way, and more than once. */
  undo(work: Work): Promise<void>
}

const nothing = (): Promise<void> => Promise.resolve()
const fine = (): Promise<undefined> => Promise.resolve(undefined)

/** Create_CSR may take that long: some devices need 8 s for a key. */
const keyTimeoutMs = 30_000
/** Largest signing request that is taken, bytes. */
const maximumRequest = 16_384

/** A key pair made by the device, which it never leaves, and the request for its certificate. */
export const keyStep: Step = {
  name: 'key',
  do: async (work) => {
    const name = `cordon-${hex(work.crypto.random(6))}`
    try {
      work.instance = await work.client.call(certificateManagement, 0, 'create', name)
    } catch (error) {
      if (!isStatus(error, generalStatus.resourceUnavailable)) throw error
      // A full store may hold what an earlier attempt left behind.
      await ifPresent(cleanUp(work.client))
      work.instance = await work.client.call(certificateManagement, 0, 'create', name)
    }
    const place = await work.client.call(certificateManagement, work.instance, 'createCsr', signingRequest(work), {
      timeoutMs: keyTimeoutMs,
    })
    const target = addressOf(place)
    if (target.class !== file.id || target.instance === undefined) {
      throw new StepFailure(
        'wrong-answer',
        `Create_CSR: expected the path of a File instance, got ${describePath(place)}`,
      )
    }
    work.files.push(target.instance)
    work.request = requestIn(await upload(work.client, target.instance, { maxSize: maximumRequest }), work.crypto)
    return { instance: work.instance, file: target.instance, name }
  },
  check: fine,
  undo: async (work) => {
    if (work.instance === undefined) return
    await tolerate(work.client.call(certificateManagement, work.instance, 'delete'))
    delete work.instance
    delete work.request
  },
}

function signingRequest({ target, before }: Work) {
  const { settings, certificate, dnsName } = target
  const { subject } = certificate
  const names = [`iPAddress=${settings.address}`, ...(dnsName === undefined ? [] : [`dNSName=${dnsName}`])]
  const request = {
    commonName: settings.device,
    organization: subject.organization ?? '',
    organizationalUnit: subject.organizationalUnit ?? '',
    city: subject.locality ?? '',
    state: subject.state ?? '',
    country: subject.country ?? '',
    email: '',
    serialNumber: '',
  }
  // Revision 1 of class 0x5F takes eight strings.
  const takesNine = (before.revisions.certificateManagement ?? 0) >= 2
  return takesNine ? { ...request, subjectAlternativeName: names.join('\n') } : request
}

function requestIn(bytes: Uint8Array, crypto: Crypto): CertificateRequest {
  try {
    const der =
      bytes[0] === 0x30
        ? bytes
        : decodePem(latin1(bytes)).find(({ label }) => label.endsWith('CERTIFICATE REQUEST'))?.bytes
    if (der === undefined)
      throw new StepFailure('csr-invalid', 'expected a PKCS#10 request as PEM or DER, got something else')
    const request = decodeRequest(der)
    if (isProven(crypto, request)) return request
  } catch (error) {
    if (error instanceof MalformedMessage) throw new StepFailure('csr-invalid', error.message, error)
    throw error
  }
  throw new StepFailure('csr-invalid', 'its signature does not prove possession of the key')
}

/** The certificate, from the authority of the device's zone. Nothing is sent. */
export const certificateStep: Step = {
  name: 'certificate',
  do: async (work) => {
    const { request, target, materials } = work
    if (request === undefined) throw new StepFailure('csr-invalid', 'there is no signing request')
    const { settings, certificate, dnsName } = target
    work.issued = await work.authority.issueDevice({
      zone: settings.zone,
      device: settings.device,
      csr: request.der,
      addresses: [settings.address],
      ...(dnsName === undefined ? {} : { dnsNames: [dnsName] }),
      validityMs: certificate.validityMs,
    })
    materials.add(settings.device, settings.zone, work.issued, work.clock.date())
    return { serial: work.issued.serial, zone: settings.zone }
  },
  check: (work) => {
    const { issued, request, materials } = work
    const certificate = issued === undefined ? undefined : materials.certificates.read(issued.certificate)?.certificate
    if (certificate === undefined || request === undefined) return Promise.resolve('no certificate was issued')
    const fits = sameBytes(certificate.publicKey, request.publicKey)
    return Promise.resolve(fits ? undefined : 'the certificate is for another key than the request')
  },
  undo: nothing,
}

/** Begin_Config on both objects; from here on both timers are kicked. */
export const beginStep: Step = {
  name: 'begin-config',
  do: async (work) => {
    await work.client.call(cipSecurity, 1, 'beginConfig')
    work.keeper.keep('cipSecurity')
    await work.client.call(ethernetIpSecurity, 1, 'beginConfig')
    work.keeper.keep('ethernetIpSecurity')
    return {}
  },
  check: async (work) => {
    const [first, second] = await Promise.all([
      work.client.get(cipSecurity, 1, 'state'),
      work.client.get(ethernetIpSecurity, 1, 'state'),
    ])
    if (first === 'configurationInProgress' && second === first) return undefined
    return `expected both objects in configurationInProgress, found ${first} and ${second}`
  },
  undo: async (work) => {
    const { client, before, keeper } = work
    keeper.release('ethernetIpSecurity')
    await tolerate(client.call(ethernetIpSecurity, 1, 'abortConfig'))
    keeper.release('cipSecurity')
    const state = await ifPresent(client.get(cipSecurity, 1, 'state'))
    if (state !== 'configurationInProgress') return
    if (before.cipSecurityState === 'configured') await tolerate(client.call(cipSecurity, 1, 'endConfig'))
    // A device that was as it left the factory goes back to that; any other keeps its settings when the timer ends.
    else if (before.cipSecurityState === 'factoryDefault' && before.security.state === 'factoryDefault') {
      await tolerate(client.call(cipSecurity, 1, 'reset'))
    }
  },
}

/** Certificates and revocation lists as files; what lies in the device already is used where it is. */
export const filesStep: Step = {
  name: 'files',
  do: async (work) => {
    const { before, places, target, materials } = work
    for (const stored of [...before.authorities, ...before.identities]) {
      const [only, more] = stored.contents
      if (only !== undefined && more === undefined) places.set(fingerprint(work.crypto, only), stored.path)
    }
    const trust = wantedTrust(target.settings, materials)
    const own = work.issued === undefined ? [] : [work.issued.certificate, ...work.issued.chain.slice(0, 1)]
    for (const der of [...own, ...trust.authorities, ...trust.identities]) await keepCertificate(work, der)
    if (trust.lists.length > 0) work.lists = await keepLists(work, trust.lists)
    else work.lists = []
    return { files: [...work.files] }
  },
  check: fine,
  undo: async (work) => {
    for (const instance of work.files.splice(0)) await tolerate(work.client.call(file, instance, 'delete'))
    work.places.clear()
  },
}

async function keepCertificate(work: Work, der: Uint8Array): Promise<void> {
  const key = fingerprint(work.crypto, der)
  if (work.places.has(key)) return
  const pem = latin1Bytes(encodePem('CERTIFICATE', der))
  work.places.set(key, await store(work, 'pemCertificate', pem))
}

async function keepLists(work: Work, lists: readonly Uint8Array[]): Promise<readonly EPath[]> {
  const { before } = work
  const held = before.revocationLists
  const isHeld =
    held.length === lists.length &&
    lists.every((list) =>
      held.some(({ contents }) => contents.length === 1 && contents[0] !== undefined && sameBytes(contents[0], list)),
    )
  if (isHeld) return held.map((stored) => stored.path)
  const texts = lists.map((list) => encodePem('X509 CRL', list))
  const isList = (before.revisions.ethernetIpSecurity ?? 0) >= listRevision
  const files = isList ? texts : [texts.join('')]
  const places: EPath[] = []
  for (const text of files) places.push(await store(work, 'pemRevocationList', latin1Bytes(text)))
  return places
}

async function store(work: Work, encoding: 'pemCertificate' | 'pemRevocationList', data: Uint8Array): Promise<EPath> {
  const name = `cordon-${hex(work.crypto.random(6))}`
  const instance = await storeFile(work.client, name, encoding, data)
  work.files.push(instance)
  return path({ class: file.id, instance })
}

/** Certificate and issuer tied to the key pair, and verified by the device itself. */
export const installStep: Step = {
  name: 'install',
  do: async (work) => {
    const { client, instance, issued } = work
    if (instance === undefined || issued === undefined) return {}
    const [issuer] = issued.chain
    const issuerPath = issuer === undefined ? [] : placeOf(work, issuer)
    await client.set(certificateManagement, instance, 'caCertificate', { status: 'notVerified', path: issuerPath })
    const own = { status: 'notVerified', path: placeOf(work, issued.certificate) } as const
    await client.set(certificateManagement, instance, 'deviceCertificate', own)
    try {
      await client.call(certificateManagement, instance, 'verifyCertificate', verifyTargets.caCertificate)
      await client.call(certificateManagement, instance, 'verifyCertificate', verifyTargets.deviceCertificate)
    } catch (error) {
      if (!isStatus(error, verificationFailedStatus)) throw error
      throw new StepFailure('certificate-refused', messageOf(error), error)
    }
    return {}
  },
  check: async ({ client, instance }) => {
    if (instance === undefined) return undefined
    const state = await client.get(certificateManagement, instance, 'state')
    return state === 'verified'
      ? undefined
      : `expected certificate instance ${instance} in state verified, found ${state}`
  },
  undo: nothing,
}

function placeOf(work: Work, der: Uint8Array): EPath {
  const found = work.places.get(fingerprint(work.crypto, der))
  if (found === undefined)
    throw new StepFailure('unexpected', 'a certificate that is needed was not put into the device')
  return found
}

/** The values that class 0x5E is to hold, with paths of this device. */
export type SecurityValues = Pick<
  SecurityAttributes,
  | 'activeCertificates'
  | 'trustedAuthorities'
  | 'allowedSuites'
  | 'verifyClient'
  | 'sendChain'
  | 'checkExpiration'
  | 'checkName'
  | 'dtlsTimeout'
  | 'trustedIdentities'
  | 'revocationLists'
> & { readonly allowedOriginatorSuites: readonly number[] | undefined }

/** What the attributes of class 0x5E are to be. */
export function securityValues(work: Work): SecurityValues {
  const { target, before, materials } = work
  const settings = effectiveSettings(target.settings, materials)
  const trust = wantedTrust(settings, materials)
  const own =
    work.instance === undefined
      ? before.security.activeCertificates
      : [path({ class: certificateManagement.id, instance: work.instance })]
  const hasOriginator = before.security.allowedOriginatorSuites !== undefined
  return {
    activeCertificates: needsCertificate(settings) ? own : before.security.activeCertificates,
    trustedAuthorities: trust.authorities.map((der) => placeOf(work, der)),
    trustedIdentities: [...trust.identities.map((der) => placeOf(work, der)), ...work.keptIdentities],
    revocationLists: work.lists ?? [],
    allowedSuites: settings.allowedSuites,
    allowedOriginatorSuites: hasOriginator ? settings.originatorSuites : undefined,
    verifyClient: settings.verifyClient,
    sendChain: settings.sendChain,
    checkExpiration: settings.checkExpiration,
    checkName: settings.checkName,
    dtlsTimeout: settings.dtlsTimeoutS,
  }
}

/** The attributes of class 0x5E. What is as wanted already is not written. */
export const settingsStep: Step = {
  name: 'settings',
  do: async (work) => {
    const written = await writeSecurity(work.client, securityValues(work), work.before)
    if (work.preSharedKeys !== undefined) {
      if (work.preSharedKeys.length > 0) {
        if (!work.maySendSecrets) throw new StepFailure('psk-not-sent', 'its default certificate was not verified')
        const suite = work.suite === undefined ? undefined : findSuite(work.suite)
        if (suite?.encrypts !== true) {
          throw new StepFailure(
            'psk-over-integrity',
            `the session uses ${suite?.name ?? 'no suite that is known to encrypt'}`,
          )
        }
      }
      await work.client.set(ethernetIpSecurity, 1, 'preSharedKeys', work.preSharedKeys)
      written.push('preSharedKeys')
    }
    return { written }
  },
  check: fine,
  undo: nothing,
}

/** Writes what differs, in the order of cip-security-wire 6.1 step 13. Gives the names that were written. */
export async function writeSecurity(
  client: ObjectClient,
  values: SecurityValues,
  before: DeviceReading,
): Promise<string[]> {
  const held = before.security
  const isList = (before.revisions.ethernetIpSecurity ?? 0) >= listRevision
  const written: string[] = []
  const write = async (name: string, same: boolean, set: () => Promise<void>): Promise<void> => {
    if (same) return
    await set()
    written.push(name)
  }
  const object = ethernetIpSecurity
  await write('activeCertificates', samePaths(held.activeCertificates, values.activeCertificates), () =>
    client.set(object, 1, 'activeCertificates', values.activeCertificates),
  )
  await write('trustedAuthorities', samePaths(held.trustedAuthorities, values.trustedAuthorities), () =>
    client.set(object, 1, 'trustedAuthorities', values.trustedAuthorities),
  )
  await write('trustedIdentities', samePaths(held.trustedIdentities, values.trustedIdentities), () =>
    client.set(object, 1, 'trustedIdentities', values.trustedIdentities),
  )
  await write('revocationLists', samePaths(held.revocationLists, values.revocationLists), () =>
    isList
      ? client.set(object, 1, 'revocationLists', values.revocationLists)
      : client.set(ethernetIpSecurityRevision7, 1, 'revocationLists', values.revocationLists),
  )
  await write('allowedSuites', sameNumbers(held.allowedSuites, values.allowedSuites), () =>
    client.set(object, 1, 'allowedSuites', values.allowedSuites),
  )
  const originator = values.allowedOriginatorSuites
  if (originator !== undefined) {
    await write('allowedOriginatorSuites', sameNumbers(held.allowedOriginatorSuites ?? [], originator), () =>
      client.set(object, 1, 'allowedOriginatorSuites', originator),
    )
  }
  for (const name of ['verifyClient', 'sendChain', 'checkExpiration', 'checkName'] as const) {
    await write(name, held[name] === values[name], () => client.set(object, 1, name, values[name]))
  }
  await write('dtlsTimeout', held.dtlsTimeout === values.dtlsTimeout, () =>
    client.set(object, 1, 'dtlsTimeout', values.dtlsTimeout),
  )
  return written
}

/** The pending values, read back over the link of the configurator. */
export const reviewStep: Step = {
  name: 'review',
  do: () => Promise.resolve({}),
  check: async (work) => {
    const found = await readSecurity(work.client, work.before.revisions.ethernetIpSecurity ?? 0)
    return differenceOf(securityValues(work), found) ?? keyDifference(work.preSharedKeys, found)
  },
  undo: nothing,
}

/** The first value that is not as wanted, in words. */
export function differenceOf(wanted: SecurityValues, found: SecurityAttributes): string | undefined {
  for (const name of ['activeCertificates', 'trustedAuthorities', 'trustedIdentities', 'revocationLists'] as const) {
    if (samePaths(wanted[name], found[name])) continue
    const spell = (paths: readonly EPath[]) => paths.map(describePath).join('; ') || 'nothing'
    return `${name}: expected ${spell(wanted[name])}, found ${spell(found[name])}`
  }
  for (const name of ['allowedSuites', 'allowedOriginatorSuites'] as const) {
    const list = wanted[name]
    if (list === undefined || sameNumbers(list, found[name] ?? [])) continue
    const spell = (suites: readonly number[]) =>
      suites.map((id) => id.toString(16).toUpperCase()).join(' ') || 'nothing'
    return `${name}: expected ${spell(list)}, found ${spell(found[name] ?? [])}`
  }
  for (const name of ['verifyClient', 'sendChain', 'checkExpiration', 'checkName', 'dtlsTimeout'] as const) {
    if (wanted[name] !== found[name]) return `${name}: expected ${wanted[name]}, found ${found[name]}`
  }
  return undefined
}

function keyDifference(wanted: readonly PreSharedKey[] | undefined, found: SecurityAttributes): string | undefined {
  if (wanted === undefined) return undefined
  const spell = (keys: readonly PreSharedKey[]) =>
    keys
      .map(({ identity, usage }) => `${hex(identity)} ${usage}`)
      .sort()
      .join(', ')
  const [expected, held] = [spell(wanted), spell(found.preSharedKeys)]
  return expected === held
    ? undefined
    : `preSharedKeys: expected the identities ${expected || 'none'}, found ${held || 'none'}`
}

/** Apply_Config: from its reply on the device lets nobody in by its old settings. */
export const applyStep: Step = {
  name: 'apply',
  do: async (work) => {
    const { closeConnections, closeDelayMs } = work.apply
    work.keeper.release('ethernetIpSecurity')
    try {
      if (closeConnections) {
        const request = { flags: applyFlags.closeConnections, closeDelayMs }
        await work.client.call(ethernetIpSecurity, 1, 'applyConfig', request)
      } else await work.client.call(ethernetIpSecurity, 1, 'applyConfig', undefined)
    } catch (error) {
      if (!isStatus(error, applyFailedStatus)) throw error
      const reason = Object.entries(applyFailures).find(([, word]) => isStatus(error, applyFailedStatus, word))?.[0]
      throw new StepFailure('apply-refused', `${messageOf(error)}${reason === undefined ? '' : `: ${reason}`}`, error)
    }
    return {}
  },
  check: fine,
  undo: nothing,
}

/** Object_Cleanup: instances and files that nothing refers to. True when there were any. */
export async function cleanUp(client: ObjectClient): Promise<boolean> {
  try {
    await client.call(cipSecurity, 0, 'objectCleanup')
    return true
  } catch (error) {
    if (isStatus(error, nothingToClean)) return false
    throw error
  }
}

/** General status of Object_Cleanup that found nothing (Volume 8 via cip-security-wire 4.1). */
const nothingToClean = 0xd0

/** Waits for something that may fail without harm: undoing what the device has undone itself. */
async function tolerate(work: Promise<unknown>): Promise<void> {
  try {
    await work
  } catch (error) {
    if (refusals.some((status) => isStatus(error, status))) return
    throw error
  }
}

const refusals: readonly number[] = [
  generalStatus.pathDestinationUnknown,
  generalStatus.objectStateConflict,
  generalStatus.privilegeViolation,
  generalStatus.objectDoesNotExist,
  generalStatus.serviceNotSupported,
  generalStatus.instanceNotDeletable,
]

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Whether two lists of paths are the same, in order. */
export function samePaths(a: readonly EPath[], b: readonly EPath[]): boolean {
  return a.length === b.length && a.every((one, place) => describePath(one) === describePath(b[place] ?? []))
}

function sameNumbers(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((one, place) => one === b[place])
}
