import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import * as x509 from '@peculiar/x509'

x509.cryptoProvider.set(webcrypto as unknown as Crypto) // Node's types and the DOM's differ in name only

export const { KeyUsageFlags } = x509
export type KeyUsageFlags = x509.KeyUsageFlags

export type KeyKind = 'P-256' | 'P-384' | 'P-521' | 'RSA-2048' | 'RSA-3072' | 'RSA-1024'

/** A certificate with its private key. */
export interface Issued {
  readonly certificate: x509.X509Certificate
  readonly der: Uint8Array
  readonly pem: string
  /** PKCS#8 DER. */
  readonly key: Uint8Array
  readonly keyPem: string
  readonly keys: CryptoKeyPair
}

export interface Contents {
  /** RFC 4514 text or RDNs; an RDN with several attributes is multi-valued. */
  readonly subject?: string | x509.JsonName
  readonly kind?: KeyKind
  readonly ca?: boolean
  readonly pathLength?: number
  readonly usage?: x509.KeyUsageFlags
  readonly extendedUsage?: readonly ('server' | 'client' | 'email')[]
  readonly ip?: readonly string[]
  readonly dns?: readonly string[]
  readonly notBefore?: string
  readonly notAfter?: string
  readonly serial?: string
  readonly keys?: CryptoKeyPair
}

const purposes = { server: '1.3.6.1.5.5.7.3.1', client: '1.3.6.1.5.5.7.3.2', email: '1.3.6.1.5.5.7.3.4' } as const

export async function makeKeys(kind: KeyKind): Promise<CryptoKeyPair> {
  const [family, size = ''] = kind.split('-')
  const algorithm =
    family === 'RSA'
      ? {
          name: 'RSASSA-PKCS1-v1_5',
          hash: 'SHA-256',
          modulusLength: Number(size),
          publicExponent: new Uint8Array([1, 0, 1]),
        }
      : { name: 'ECDSA', namedCurve: kind }
  const made = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  return made as unknown as CryptoKeyPair // as above
}

let counter = 0

/** Issues a certificate; without an issuer it signs itself. Valid 2020 to 2049 unless said otherwise. */
export async function issue(contents: Contents, issuer?: Issued): Promise<Issued> {
  const { subject = `CN=test ${++counter}`, kind = 'P-256', ca = false } = contents
  const keys = contents.keys ?? (await makeKeys(kind))
  const signer = issuer?.keys.privateKey ?? keys.privateKey
  const hash = kind === 'P-384' ? 'SHA-384' : kind === 'P-521' ? 'SHA-512' : 'SHA-256'
  const extensions: x509.Extension[] = [new x509.BasicConstraintsExtension(ca, contents.pathLength, true)]
  const usage = contents.usage ?? (ca ? x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign : undefined)
  if (usage !== undefined) extensions.push(new x509.KeyUsagesExtension(usage, true))
  if (contents.extendedUsage !== undefined) {
    extensions.push(new x509.ExtendedKeyUsageExtension(contents.extendedUsage.map((name) => purposes[name])))
  }
  const names = [
    ...(contents.ip ?? []).map((value) => ({ type: 'ip' as const, value })),
    ...(contents.dns ?? []).map((value) => ({ type: 'dns' as const, value })),
  ]
  if (names.length > 0) extensions.push(new x509.SubjectAlternativeNameExtension(names))
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: contents.serial ?? (0x10_0000 + ++counter).toString(16),
    subject,
    issuer: issuer === undefined ? subject : issuer.certificate.subjectName.toJSON(),
    publicKey: keys.publicKey,
    signingKey: signer,
    signingAlgorithm:
      signer.algorithm.name === 'ECDSA' ? { name: 'ECDSA', hash } : { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
    notBefore: new Date(contents.notBefore ?? '2020-01-01'),
    notAfter: new Date(contents.notAfter ?? '2049-01-01'),
    extensions,
  })
  const key = new Uint8Array(
    await webcrypto.subtle.exportKey('pkcs8', keys.privateKey as unknown as webcrypto.CryptoKey),
  )
  return {
    certificate,
    der: new Uint8Array(certificate.rawData),
    pem: certificate.toString('pem'),
    key,
    keyPem: x509.PemConverter.encode(key, 'PRIVATE KEY'),
    keys,
  }
}

/** A revocation list, in force from 2020 to 2049 unless said otherwise. */
export async function revoke(
  issuer: Issued,
  revoked: readonly Issued[],
  { notAfter = '2049-01-01', signer = issuer }: { notAfter?: string; signer?: Issued } = {},
): Promise<Uint8Array> {
  const list = await x509.X509CrlGenerator.create({
    issuer: issuer.certificate.subjectName.toJSON(),
    thisUpdate: new Date('2020-01-02'),
    nextUpdate: new Date(notAfter),
    entries: revoked.map(({ certificate }) => ({
      serialNumber: certificate.serialNumber,
      revocationDate: new Date('2020-01-02'),
    })),
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    signingKey: signer.keys.privateKey,
  })
  return new Uint8Array(list.rawData)
}
