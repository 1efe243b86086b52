import { internationalText } from '../../cip/data-types.ts'
import { type EPath, path } from '../../cip/epath.ts'
import type { PrivateKey } from '../../crypto/provider.ts'
import { vendorSubject } from '../../authority/vendor.ts'
import type { RequestTemplate, SubjectWish } from '../../enrollment/csr-attributes.ts'
import { type PullKept, pullReport, type PullState } from '../../enrollment/pull.ts'
import { NotTrusted, UsageError } from '../../errors.ts'
import { certificateManagement } from '../../objects/certificate-management.ts'
import { type PullStatus, pullStatuses } from '../../objects/ethernet-ip-security.ts'
import { file } from '../../objects/file.ts'
import { latin1Bytes } from '../../wire/text.ts'
import { decodeCertificate } from '../../x509/certificate.ts'
import { sameBytes } from '../../x509/der.ts'
import { type Extension, extensionTypes } from '../../x509/extensions.ts'
import { attributeTypes, encodeName, type NameAttribute } from '../../x509/name.ts'
import { encodePem } from '../../x509/pem.ts'
import { buildRequest, type RequestContents } from '../../x509/request.ts'
import type { DeviceContext } from '../context.ts'
import type { DevicePull, EarnedCertificate, PullCredential, PullNotice, PullRequestWishes } from '../device-pull.ts'
import { defaultCertificateInstance, defaultTransferTimeoutS, type FileData, type PullData } from '../data.ts'
import { certificateSlotsLeft, emptyRequestContents } from './certificate-management.ts'
import { completePull } from './cip-security.ts'
import { referencesInForce } from './cleanup.ts'
import { activeInstance, stepEthernetIpSecurity } from './ethernet-ip-security.ts'
import { allocateFile, fileLimitOf, fileSlotsLeft } from './files.ts'
import {
  authorityFile,
  certificatesIn,
  eraseCertificate,
  fileOf,
  freeInstance,
  loadedFile,
  readable,
} from './references.ts'

/** {@link DevicePull} on the objects of a device. */
export class PullModel implements DevicePull {
  readonly #device: DeviceContext
  #listener: ((notice: PullNotice) => void) | undefined

  constructor(device: DeviceContext) {
    this.#device = device
  }

  get isEnabled(): boolean {
    return isEnabled(this.#device)
  }

  get isOpen(): boolean {
    return isOpen(this.#device)
  }

  report(): ReturnType<DevicePull['report']> {
    return reportOf(this.#device)
  }

  kept(): PullKept {
    return keptPull(this.#device)
  }

  follow(state: PullState): void {
    followPull(this.#device, state)
  }

  makeRequest(wished: PullRequestWishes): Promise<Uint8Array> {
    return makePullRequest(this.#device, wished)
  }

  install(earned: EarnedCertificate): void {
    installPulled(this.#device, earned)
  }

  credential(which: 'default' | 'current'): PullCredential | undefined {
    return which === 'default' ? defaultCredential(this.#device) : pulledCredential(this.#device)
  }

  onNotice(listener: ((notice: PullNotice) => void) | undefined): void {
    this.#listener = listener
  }

  /** Tells the listener. */
  tell(notice: PullNotice): void {
    this.#listener?.(notice)
  }
}

function reportOf({ data }: DeviceContext): ReturnType<DevicePull['report']> {
  const { pullStatus, state } = data.ethernetIpSecurity
  return { status: statusNames.get(pullStatus) ?? 'idle', state }
}

const statusNames: ReadonlyMap<number, PullStatus> = new Map(
  // The names are the keys of a constant of ours, which Object.entries widens.
  Object.entries(pullStatuses).map(([name, value]) => [value, name as PullStatus]),
)

function isEnabled({ options, data }: DeviceContext): boolean {
  return options.security?.pull === true && data.ethernetIpSecurity.pullEnabled
}

/** Is the identity in force, or the one under a configuration that has begun, a pulled one? */
function isPulled(device: DeviceContext): boolean {
  const { state, previous, pull } = device.data.ethernetIpSecurity
  const settled = state === 'configurationInProgress' ? previous : state
  return settled === 'pullModelCompleted' && pull.origin !== undefined
}

function keptPull(device: DeviceContext): PullKept {
  const { origin, pending } = device.data.ethernetIpSecurity.pull
  const [certificate] = pulledChain(device)
  const authorities = device.data.ethernetIpSecurity.settings.trustedAuthorities.flatMap((each) =>
    certificatesOf(authorityFile(device, each)),
  )
  const identity = origin && certificate && { certificate, authorities, ...origin }
  if (pending === undefined) return { identity, pending: undefined }
  const { request, renews, since } = pending
  return { identity, pending: { request, renewal: renews !== undefined, since } }
}

function certificatesOf(found: FileData | undefined): readonly Uint8Array[] {
  if (found === undefined) return []
  return (readable(() => certificatesIn(found)) ?? []).map(({ der }) => der)
}

function pulledInstance(device: DeviceContext): number | undefined {
  return isPulled(device) ? activeInstance(device.data.ethernetIpSecurity.settings) : undefined
}

function pulledChain(device: DeviceContext): readonly Uint8Array[] {
  const instance = pulledInstance(device)
  const found = instance === undefined ? undefined : device.data.certificates.get(instance)
  if (found === undefined) return []
  return [found.device.path, found.ca.path].flatMap((each) => certificatesOf(loadedFile(device, each)))
}

function pulledCredential(device: DeviceContext): PullCredential | undefined {
  const instance = pulledInstance(device)
  const key = instance === undefined ? undefined : device.data.certificates.get(instance)?.key?.export()
  const chain = pulledChain(device)
  return key === undefined || chain.length === 0 ? undefined : { chain, key }
}

function defaultCredential({ options }: DeviceContext): PullCredential | undefined {
  const credentials = options.security?.credentials
  const key = credentials?.key.export()
  return credentials === undefined || key === undefined ? undefined : { chain: credentials.chain, key }
}

function followPull(device: DeviceContext, client: PullState): void {
  const { status, state } = pullReport(client)
  // Whether pull is off, attribute 13 says, not whoever drives it.
  if (!isEnabled(device) || status === 'disabled') return
  const data = device.data.ethernetIpSecurity
  data.pullStatus = pullStatuses[status]
  if (state === 'pullModelInProgress' && data.state === 'factoryDefault') {
    stepEthernetIpSecurity(device, 'pullStarted')
    device.report('pull-started', 'info', 'pull model: an enrollment server was found')
  } else if (state === 'factoryDefault' && data.state === 'pullModelInProgress') {
    stepEthernetIpSecurity(device, 'pullGaveUp')
    device.report('pull-gave-up', 'info', `pull model: this round is over (${status}); it is tried again`)
  }
  rememberProgress(device, client)
}

function rememberProgress(device: DeviceContext, client: PullState): void {
  const { pull } = device.data.ethernetIpSecurity
  const earned = client.kind === 'working' ? client.earned : undefined
  pull.next = earned && { server: earned.server, installedAt: earned.installedAt }
  if (client.kind !== 'working' && client.kind !== 'waiting') return
  const { request, pendingSince } = client.round
  const { pending } = pull
  if (pending === undefined || request === undefined || pending.since === pendingSince) return
  if (!sameBytes(pending.request, request)) return
  pending.since = pendingSince
  device.changed()
}

/** A power cycle: whoever pulls begins again. */
export function restartPull(device: DeviceContext): void {
  const data = device.data.ethernetIpSecurity
  if (data.state === 'pullModelInProgress') stepEthernetIpSecurity(device, 'powerUp')
  data.pullStatus = data.pullEnabled ? pullStatuses.idle : pullStatuses.disabled
}

async function makePullRequest(device: DeviceContext, wished: PullRequestWishes): Promise<Uint8Array> {
  refuseUnlessOpen(device)
  const { pull } = device.data.ethernetIpSecurity
  const key = await device.options.crypto.generateKey(wished.keyKind)
  const request = await buildRequest(key, requestContents(device, wished))
  refuseUnlessOpen(device, pull)
  pull.pending = { key, request, renews: wished.renews?.slice(), since: undefined }
  device.changed()
  return request
}

function isOpen({ data }: DeviceContext): boolean {
  const { state } = data.ethernetIpSecurity
  const open = state === 'factoryDefault' || state === 'pullModelInProgress' || state === 'pullModelCompleted'
  return open && data.cipSecurity.session === undefined
}

/** Pulling goes on only in the states of the pull model, and after a reset with nothing from before it. */
function refuseUnlessOpen(device: DeviceContext, before?: PullData): void {
  const { state, pull } = device.data.ethernetIpSecurity
  if (isEnabled(device) && isOpen(device) && (before === undefined || before === pull)) return
  throw new UsageError(
    'not-open',
    `pull model: expected a device that pulls, 0x5E is in ${state}; a configuration or a reset came first`,
  )
}

// The request

function requestContents(device: DeviceContext, { template, renews }: PullRequestWishes): RequestContents {
  if (renews !== undefined) {
    const { subject, extensions } = decodeCertificate(renews)
    return { subject, extensions: extensions.all.filter(({ type }) => type === extensionTypes.subjectAlternativeName) }
  }
  const own = emptyRequestContents(device)
  if (template === undefined) return own
  return {
    subject: template.subject === undefined ? own.subject : subjectAs(device, template.subject, own.subject),
    extensions: extensionsAs(template, own.extensions ?? []),
  }
}

/** A subject as the server's template has it: what it leaves open is filled in, what is not known is left out. */
function subjectAs(
  device: DeviceContext,
  wished: readonly (readonly SubjectWish[])[],
  own: RequestContents['subject'],
): RequestContents['subject'] {
  const { vendorId, serialNumber, productName } = device.options.identity
  const product = productName.slice(0, longestProduct)
  const unit = vendorSubject({ vendorId, serialNumber, product, vendorName: `Vendor ${vendorId}` })
  const find = (name: RequestContents['subject'], type: string) => name.parts.flat().find((each) => each.type === type)
  // Which unit it is, the Identity object says; everything else is as in the maker's certificate.
  const fill = (type: string): NameAttribute | undefined =>
    type === attributeTypes.serialNumber ? find(unit, type) : (find(own, type) ?? find(unit, type))
  const parts = wished.map((part) => part.flatMap(({ type, value }) => value ?? fill(type) ?? []))
  return encodeName(parts.filter((part) => part.length > 0))
}

/** Characters of a product name that fit into a common name beside the serial number. */
const longestProduct = 40

function extensionsAs(template: RequestTemplate, own: readonly Extension[]): readonly Extension[] {
  return template.extensions.flatMap(({ type, critical, value }) =>
    value === undefined ? own.filter((each) => each.type === type) : [{ type, critical, value }],
  )
}

// The installation

function installPulled(device: DeviceContext, earned: EarnedCertificate): void {
  refuseUnlessOpen(device)
  const security = device.data.ethernetIpSecurity
  const { pending, next: origin } = security.pull
  if (origin === undefined) throw new UsageError('not-open', 'pull model: expected a client that is installing')
  const { publicKey } = decodeCertificate(earned.certificate)
  if (pending === undefined || !device.options.crypto.equal(publicKey, pending.key.publicKey)) {
    throw new NotTrusted('wrong-identity', 'pull model: expected a certificate for the key of the last request')
  }
  const files = filesOf(earned)
  const old = pulledInstance(device)
  const leaving = old === undefined ? [] : filesThatLeave(device, old)
  refuseUnlessFits(device, files, { certificates: old === undefined ? 0 : 1, files: leaving.length })
  if (old !== undefined) eraseOld(device, old, leaving)
  putInForce(device, pending.key, files)
  security.pull = { pending: undefined, origin, next: undefined }
  if (security.state === 'factoryDefault') stepEthernetIpSecurity(device, 'pullStarted')
  stepEthernetIpSecurity(device, 'pullSucceeded')
  completePull(device)
  security.pullStatus = pullStatuses.idle
  device.changed()
  device.securityChanged()
  const { host, port } = origin.server
  const what = old === undefined ? 'identity earned' : 'identity renewed'
  device.report(
    old === undefined ? 'pull-installed' : 'pull-renewed',
    'notice',
    `pull model: ${what} from ${host}:${port}`,
  )
}

/** The files of an identity. */
interface PulledFiles {
  readonly leaf: FileData
  readonly authorities: readonly FileData[]
  /** What leads from the leaf to an authority, or the authority that signed it. */
  readonly issuers: FileData
}

function filesOf({ certificate, chain, authorities }: EarnedCertificate): PulledFiles {
  const trusted = authorities.filter((der, at) => authorities.findIndex((each) => sameBytes(each, der)) === at)
  const files = trusted.map((der, at) => certificateFile(`pulled-ca-${at + 1}.pem`, [der]))
  // A self-signed end of the chain is nothing to send along.
  const between = chain.filter((der) => !isSelfSigned(der))
  const issuers = between.length > 0 ? between : chain.slice(0, 1)
  const [only, ...more] = issuers
  const shared = only === undefined || more.length > 0 ? -1 : trusted.findIndex((der) => sameBytes(der, only))
  return {
    leaf: certificateFile('pulled.pem', [certificate]),
    authorities: files,
    issuers: files[shared] ?? certificateFile('pulled-chain.pem', issuers.length > 0 ? issuers : trusted),
  }
}

function isSelfSigned(der: Uint8Array): boolean {
  const { issuer, subject } = decodeCertificate(der)
  return sameBytes(issuer.der, subject.der)
}

function certificateFile(name: string, certificates: readonly Uint8Array[]): FileData {
  return {
    instanceName: internationalText(name),
    fileName: internationalText(name),
    content: latin1Bytes(certificates.map((der) => encodePem('CERTIFICATE', der)).join('')),
    state: 'loaded',
    encoding: 'pemCertificate',
    major: 1,
    minor: 1,
    readOnly: false,
    isStatic: false,
    timeoutS: defaultTransferTimeoutS,
    transfer: undefined,
  }
}

function allFiles({ leaf, authorities, issuers }: PulledFiles): readonly FileData[] {
  return [...new Set([leaf, ...authorities, issuers])]
}

function refuseUnlessFits(
  device: DeviceContext,
  files: PulledFiles,
  freed: { readonly certificates: number; readonly files: number },
): void {
  const limit = fileLimitOf(device)
  const all = allFiles(files)
  const room = fileSlotsLeft(device) + freed.files
  const tooLarge = all.find(({ content }) => content.length > limit)
  const why =
    tooLarge !== undefined
      ? `a certificate has ${tooLarge.content.length} bytes, a file holds ${limit}`
      : all.length > room
        ? `${all.length} files are needed, there is room for ${room}`
        : certificateSlotsLeft(device) + freed.certificates === 0
          ? 'there is no Certificate Management instance left'
          : undefined
  if (why === undefined) return
  throw new UsageError('not-supported', `pull model: the identity does not fit into the device: ${why}`)
}

/** Dynamic files that only the old identity needs. */
function filesThatLeave(device: DeviceContext, old: number): readonly number[] {
  const { files, certificates, ethernetIpSecurity } = device.data
  const kept = new Set<number>()
  for (const [instance, { device: leaf, ca, csrFile }] of certificates) {
    if (instance === old) continue
    kept.add(csrFile)
    for (const each of [leaf.path, ca.path]) kept.add(addressedFile(each))
  }
  const { revocationLists, trustedIdentities } = ethernetIpSecurity.settings
  for (const each of [...revocationLists, ...trustedIdentities]) kept.add(addressedFile(each))
  return [...referencesInForce(device).files].filter(
    (instance) => files.get(instance)?.isStatic === false && !kept.has(instance),
  )
}

function addressedFile(each: EPath): number {
  return fileOf(each) ?? 0
}

function eraseOld(device: DeviceContext, old: number, files: readonly number[]): void {
  const { certificates } = device.data
  const data = certificates.get(old)
  if (data !== undefined) eraseCertificate(data)
  certificates.delete(old)
  for (const instance of files) device.data.files.delete(instance)
}

function putInForce(device: DeviceContext, key: PrivateKey, files: PulledFiles): void {
  const places = new Map(allFiles(files).map((each) => [each, pathOf(device, each)]))
  const placeOf = (each: FileData): EPath => places.get(each) ?? []
  const { certificates, ethernetIpSecurity } = device.data
  const instance = freeInstance(certificates, device.data.nextCertificate, defaultCertificateInstance + 1)
  device.data.nextCertificate = instance + 1
  certificates.set(instance, {
    name: freeName(device),
    state: 'verified',
    device: { status: 'verified', path: placeOf(files.leaf) },
    ca: { status: 'verified', path: placeOf(files.issuers) },
    key,
    csrFile: 0,
    busy: false,
  })
  ethernetIpSecurity.settings = {
    ...ethernetIpSecurity.settings,
    activeCertificates: [path({ class: certificateManagement.id, instance })],
    trustedAuthorities: files.authorities.map(placeOf),
    verifyClient: true,
  }
}

function pathOf(device: DeviceContext, data: FileData): EPath {
  const instance = allocateFile(device, 0, data)
  // The room was counted just before.
  if (instance === undefined) throw new UsageError('not-supported', 'pull model: expected room for a file')
  return path({ class: file.id, instance })
}

function freeName(device: DeviceContext): string {
  const taken = new Set([...device.data.certificates.values()].map(({ name }) => name))
  let name = 'Pulled'
  for (let number = 2; taken.has(name); number++) name = `Pulled ${number}`
  return name
}
