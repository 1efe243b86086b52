import 'reflect-metadata'
import * as x509 from '@peculiar/x509'
import { webcrypto } from 'node:crypto'
import type { Credentials } from '../src/transports/credentials.ts'

// The library takes the standard's types, Node's own are declared apart.
x509.cryptoProvider.set(webcrypto as unknown as Crypto)

const ecdsa = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const notBefore = new Date('2020-01-01')
const notAfter = new Date('2049-12-31')

/** A certificate with its key, DER. */
export interface Identity {
  readonly certificate: Uint8Array
  readonly key: Uint8Array
}

/** An authority made for one test run. */
export interface TestAuthority {
  readonly certificate: Uint8Array
  /** An end-entity certificate for both roles; `address` goes into the subject alternative name. */
  issue(name: string, address?: string): Promise<Identity>
  /** A revocation list with these certificates. */
  revoke(...certificates: Uint8Array[]): Promise<Uint8Array>
}

/** Makes an authority (ECDSA P-256). */
export async function makeAuthority(name: string): Promise<TestAuthority> {
  const keys = await webcrypto.subtle.generateKey(ecdsa, true, ['sign', 'verify'])
  let serial = 1
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    name: `CN=${name}`,
    notBefore,
    notAfter,
    keys,
    signingAlgorithm: ecdsa,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    ],
  })
  return {
    certificate: new Uint8Array(certificate.rawData),
    async issue(subject, address) {
      serial++
      const own = await webcrypto.subtle.generateKey(ecdsa, true, ['sign', 'verify'])
      const issued = await x509.X509CertificateGenerator.create({
        serialNumber: serial.toString(16).padStart(2, '0'),
        subject: `CN=${subject}`,
        issuer: certificate.subject,
        notBefore,
        notAfter,
        publicKey: own.publicKey,
        signingKey: keys.privateKey,
        signingAlgorithm: ecdsa,
        extensions: [
          new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
          ...(address === undefined
            ? []
            : [new x509.SubjectAlternativeNameExtension([{ type: 'ip', value: address }])]),
        ],
      })
      return {
        certificate: new Uint8Array(issued.rawData),
        key: new Uint8Array(await webcrypto.subtle.exportKey('pkcs8', own.privateKey)),
      }
    },
    async revoke(...certificates) {
      const list = await x509.X509CrlGenerator.create({
        issuer: certificate.subject,
        thisUpdate: new Date('2024-01-01'),
        nextUpdate: notAfter,
        signingKey: keys.privateKey,
        signingAlgorithm: ecdsa,
        entries: certificates.map((der) => ({
          serialNumber: new x509.X509Certificate(new Uint8Array(der)).serialNumber,
          revocationDate: new Date('2024-01-01'),
        })),
      })
      return new Uint8Array(list.rawData)
    },
  }
}

/** What one end needs to prove itself by a certificate and believe those of an authority. */
export function credentialsOf(
  identity: Identity,
  authority: TestAuthority,
  more: Partial<Credentials> = {},
): Credentials {
  return { chain: [identity.certificate], key: identity.key, anchors: [authority.certificate], ...more }
}
