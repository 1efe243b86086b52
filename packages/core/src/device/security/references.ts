import { addressOf, type EPath } from '../../cip/epath.ts'
import { MalformedMessage, UsageError } from '../../errors.ts'
import { certificateManagement } from '../../objects/certificate-management.ts'
import { file } from '../../objects/file.ts'
import { latin1 } from '../../wire/text.ts'
import { type Certificate, decodeCertificate } from '../../x509/certificate.ts'
import { decodeCertsOnly } from '../../x509/certs-only.ts'
import { decodeRevocationList } from '../../x509/crl.ts'
import { decodePem, pemOrDer } from '../../x509/pem.ts'
import { checkDer, derBytes, derChildren, derExpect, derTags, revocationListLimits } from '../../x509/strict.ts'
import type { DeviceContext } from '../context.ts'
import type { CertificateData, FileData } from '../data.ts'

function instanceOf(path: EPath, classId: number): number | undefined {
  const address = addressOf(path)
  const plain = address.attribute === undefined && address.member === undefined && address.route.length === 0
  return plain && address.class === classId && address.instance !== undefined ? address.instance : undefined
}

/** The File instance a path names, or undefined. */
export function fileOf(path: EPath): number | undefined {
  return instanceOf(path, file.id)
}

/** The Certificate Management instance a path names, or undefined. */
export function certificateOf(path: EPath): number | undefined {
  return instanceOf(path, certificateManagement.id)
}

/** Forgets the private key of an instance. Where it lives is the provider's matter, and so is wiping it there. */
export function eraseCertificate(data: CertificateData): void {
  data.key = undefined
}

/** Most certificates in one file. */
const maximumCertificates = 16

/**
 * The certificates in a file, in order: PEM text, PKCS#7 certs-only or bare DER.
 * @throws MalformedMessage when it holds none or is not readable
 */
export function certificatesIn(data: FileData): readonly Certificate[] {
  const { content, read } = data
  if (read?.content === content) return read.certificates
  const found = readCertificates(data)
  if (found.length === 0 || found.length > maximumCertificates) {
    throw new MalformedMessage('out-of-range', `expected 1 to ${maximumCertificates} certificates, got ${found.length}`)
  }
  data.read = { content, certificates: found }
  return found
}

function readCertificates(data: FileData): readonly Certificate[] {
  const { content } = data
  if (data.encoding === 'pkcs7Certificate') return decodeCertsOnly(pemOrDer(content, 'PKCS7'))
  if (content[0] === derSequence) return [decodeCertificate(content)]
  return decodePem(latin1(content))
    .filter((block) => block.label === 'CERTIFICATE')
    .map((block) => decodeCertificate(block.bytes))
}

/** First byte of every DER structure that could lie in a file; PEM text never begins with it. */
const derSequence = 0x30

/**
 * The revocation lists in a file, DER: PEM text or bare DER.
 * @throws MalformedMessage when it holds none or is not readable
 */
export function revocationListsIn(data: FileData): readonly Uint8Array[] {
  const { content } = data
  const lists =
    data.encoding === 'pkcs7RevocationList'
      ? listsInPkcs7(pemOrDer(content, 'PKCS7'))
      : content[0] === derSequence
        ? [content]
        : decodePem(latin1(content))
            .filter((block) => block.label === 'X509 CRL')
            .map((block) => block.bytes)
  if (lists.length === 0) throw new MalformedMessage('truncated', 'expected a revocation list, the file holds none')
  return lists.map((der) => decodeRevocationList(der).der)
}

/** Tag of the revocation lists in PKCS#7 signed data. */
const pkcs7Lists = 0xa1

/** The lists in the degenerate PKCS#7 signed data that carries nothing else of interest (RFC 2315 section 9). */
function listsInPkcs7(der: Uint8Array): readonly Uint8Array[] {
  const what = 'PKCS#7 revocation lists'
  const [, wrapper] = derChildren(
    der,
    derExpect(checkDer(der, what, revocationListLimits), derTags.sequence, what),
    what,
  )
  const [body] = derChildren(der, derExpect(wrapper, 0xa0, what), what)
  const fields = derChildren(der, derExpect(body, derTags.sequence, what), what)
  const lists = fields.find((element) => element.tag === pkcs7Lists)
  return lists === undefined ? [] : derChildren(der, lists, what).map((element) => derBytes(der, element).slice())
}

/** A file that is loaded and not just being replaced, or undefined. */
export function loadedFile(device: DeviceContext, path: EPath): FileData | undefined {
  const instance = fileOf(path)
  const found = instance === undefined ? undefined : device.data.files.get(instance)
  return found !== undefined && found.content.length > 0 && !isDownloading(found) ? found : undefined
}

function isDownloading(data: FileData): boolean {
  return data.state === 'downloadInitiated' || data.state === 'downloading' || data.state === 'empty'
}

/** The file behind an authority's path: a File instance itself, or the CA certificate of a Certificate Management instance. */
export function authorityFile(device: DeviceContext, path: EPath): FileData | undefined {
  const certificate = certificateOf(path)
  if (certificate === undefined) return loadedFile(device, path)
  const data = device.data.certificates.get(certificate)
  return data === undefined ? undefined : loadedFile(device, data.ca.path)
}

/** Whether reading something succeeds: a malformed file is an answer, not an accident. */
export function readable<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof MalformedMessage) return undefined
    throw error
  }
}

/** The first free instance from `start` on, beginning again at `first` behind the last UINT. */
export function freeInstance(taken: ReadonlyMap<number, unknown>, start: number, first: number): number {
  let instance = start
  for (let tries = 0; tries <= taken.size; tries++, instance++) {
    if (instance > 0xffff) instance = first
    if (!taken.has(instance)) return instance
  }
  throw new UsageError('bad-value', `expected a free instance number, all of ${taken.size + 1} tried are taken`)
}
