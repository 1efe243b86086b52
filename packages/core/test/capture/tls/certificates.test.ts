import type { CertificateFacts, ProtectedStep } from '@cordon/core/capture'
import type { PrivateKey } from '@cordon/core/crypto'
import { encodeName, encodeTbs, extensionTypes, type Name, nameAttribute, signStructure } from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'
import { describe, expect, test } from 'vitest'
import { derEncode, derOid, hex } from '../../../src/x509/der.ts'
import { decodeName } from '../../../src/x509/name.ts'
import { certificateRecord, counted, message, read, tlsRecord } from './messages.ts'

const key = await nodeCrypto.generateKey('ecdsa-p256')
const vendorKey = await nodeCrypto.generateKey('ecdsa-p256')
const plantKey = await nodeCrypto.generateKey('ecdsa-p256')

const notBefore = Date.UTC(2020, 0, 1)
const notAfter = Date.UTC(2049, 0, 1)

async function certificate(
  subject: Name,
  issuer: Name,
  signer: PrivateKey,
  holder: PrivateKey = key,
  ca = false,
): Promise<Uint8Array> {
  const tbs = encodeTbs(
    {
      serial: Uint8Array.of(156),
      issuer,
      subject,
      notBefore,
      notAfter,
      publicKey: holder.publicKey,
      extensions: [
        {
          type: extensionTypes.basicConstraints,
          critical: true,
          value: ca ? Uint8Array.of(0x30, 3, 1, 1, 0xff) : Uint8Array.of(0x30, 0),
        },
      ],
    },
    signer.kind,
  )
  return await signStructure(tbs, signer)
}

const name = (value: string) => encodeName([nameAttribute('CN', value)])

/** The issuer of figure 4-9: one relative name of seven attributes in the order of a form, two of them blank. */
const figure49 = (() => {
  const attributes: readonly [oid: string, tag: number, value: string][] = [
    ['2.5.4.3', 0x0c, '{AB70540E-198C-90B4-6C85-84FCFAF4E3C8}'],
    ['2.5.4.6', 0x13, 'US'],
    ['1.2.840.113549.1.9.1', 0x16, ' '],
    ['2.5.4.7', 0x0c, 'MAYFIELD HEIGHTS'],
    ['2.5.4.10', 0x0c, 'CPWE-RA-CISCO'],
    ['2.5.4.11', 0x0c, ' '],
    ['2.5.4.8', 0x0c, 'OHIO'],
  ]
  const set = derEncode(
    0x31,
    ...attributes.map(([oid, tag, value]) =>
      derEncode(0x30, derOid(oid), derEncode(tag, new TextEncoder().encode(value))),
    ),
  )
  return decodeName(derEncode(0x30, set))
})()

function certificatesOf(step: ProtectedStep | undefined): readonly CertificateFacts[] {
  if (step?.detail.kind !== 'certificate') throw new Error('no Certificate')
  return step.detail.certificates
}

const shown = (records: readonly Uint8Array[], anchors = {}): readonly CertificateFacts[] => {
  const { steps } = read(records, anchors)
  expect(steps.map((step) => step.name)).toEqual(['Certificate'])
  return certificatesOf(steps[0])
}

describe('the certificates of a watched handshake', () => {
  test('show the issuer of figure 4-9, one relative name of seven attributes', async () => {
    const der = await certificate(name('{AB70540E-198C-90B4-6C85-84FCFAF4E3C8}/4-L8_03'), figure49, plantKey)
    const [facts] = shown([certificateRecord(der)])
    expect(facts).toMatchObject({
      subject: 'CN={AB70540E-198C-90B4-6C85-84FCFAF4E3C8}/4-L8_03',
      issuer:
        'CN={AB70540E-198C-90B4-6C85-84FCFAF4E3C8}+C=US+emailAddress=\\ +L=MAYFIELD HEIGHTS+O=CPWE-RA-CISCO+OU=\\ +ST=OHIO',
      serial: '9c',
      key: 'ecdsa-p256',
      notBefore,
      notAfter,
      length: der.length,
      fingerprint: hex(nodeCrypto.digest('SHA-256', der)),
      origin: 'unknown',
    })
    expect(facts).not.toHaveProperty('problem')
  })

  test('are of the vendor, of the plant, self-signed or unknown, by the anchors at hand', async () => {
    const vendor = await certificate(name('vendor'), name('vendor'), vendorKey, vendorKey, true)
    const plant = await certificate(name('plant'), name('plant'), plantKey, plantKey, true)
    const bornOn = await certificate(name('1756-L85E/B (00e17387)'), name('vendor'), vendorKey)
    const issued = await certificate(name('Green_L85E'), name('plant'), plantKey)
    const own = await certificate(name('device'), name('device'), key)
    const anchors = { vendorAnchors: [vendor], plantAnchors: [plant] }
    const origins = [bornOn, issued, own].map((der) => shown([certificateRecord(der)], anchors)[0]?.origin)
    expect(origins).toEqual(['vendor', 'plant', 'self-signed'])
    expect(shown([certificateRecord(bornOn)])[0]?.origin).toBe('unknown')
    // A name proves nothing: the signature does.
    const forged = await certificate(name('Green_L85E'), name('plant'), vendorKey)
    expect(shown([certificateRecord(forged)], anchors)[0]?.origin).toBe('unknown')
  })

  test('find their origin through those that came along', async () => {
    const middleKey = await nodeCrypto.generateKey('ecdsa-p256')
    const vendor = await certificate(name('vendor'), name('vendor'), vendorKey, vendorKey, true)
    const middle = await certificate(name('middle'), name('vendor'), vendorKey, middleKey, true)
    const leaf = await certificate(name('device'), name('middle'), middleKey)
    const chain = shown([certificateRecord(leaf, middle)], { vendorAnchors: [vendor] })
    expect(chain.map(({ origin }) => origin)).toEqual(['vendor', 'vendor'])
  })

  test('that Cordon would not accept are shown as far as they can be read, and do not stop the reading', async () => {
    const der = await certificate(name('device'), figure49, key)
    // Another signature algorithm outside than inside.
    const broken = der.slice()
    const at = broken.findLastIndex((byte, i) => byte === 0x04 && broken[i + 1] === 0x03 && broken[i + 2] === 0x02)
    broken[at + 2] = 0x03
    const records = [certificateRecord(broken, Uint8Array.of(1, 2, 3), new Uint8Array()), tlsRecord(22, message(14))]
    const { steps, report } = read(records)
    expect(steps.map((step) => step.name)).toEqual(['Certificate', 'Server Hello Done'])
    const certificates = certificatesOf(steps[0])
    expect(certificates[0]).toMatchObject({
      subject: 'CN=device',
      origin: 'unknown',
      notBefore,
      problem: expect.stringContaining('signature algorithm inside and outside differ'),
    })
    expect(certificates[0]?.issuer).toContain('O=CPWE-RA-CISCO')
    expect(certificates.slice(1).map(({ problem }) => problem !== undefined)).toEqual([true, true])
    expect(report.problems.length).toBeGreaterThan(0)
  })

  test('in a list that is cut off are shown up to there', async () => {
    const der = await certificate(name('device'), name('device'), key)
    const cut = tlsRecord(22, message(11, counted(3, counted(3, der), [0, 9, 9, 1])))
    const { steps } = read([cut])
    expect(steps[0]?.detail).toMatchObject({
      kind: 'certificate',
      certificates: [{ subject: 'CN=device', origin: 'self-signed' }],
      problem: expect.stringContaining('Certificate'),
    })
  })

  test('are none where a client has none to show', () => {
    expect(shown([certificateRecord()])).toEqual([])
  })
})
