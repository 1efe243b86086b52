import { judgeLinking, linkingText, readChallenges, requestAttributes } from '@cordon/core/enrollment'
import { MalformedMessage } from '@cordon/core/errors'
import { type CertificateRequest, decodeRequest, encodeBase64, isProven, parseName } from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'
import { describe, expect, test } from 'vitest'
import { signStructure } from '../../src/x509/certificate.ts'
import { derEncode, derOid } from '../../src/x509/der.ts'

const latin = (text: string) => Uint8Array.from(text, (c) => c.charCodeAt(0))

/** A signed request with attributes of its own, which the builder does not write. */
async function requestWith(
  attributes: readonly (readonly [type: string, ...values: Uint8Array[]])[],
): Promise<CertificateRequest> {
  const key = await nodeCrypto.generateKey('ecdsa-p256')
  const list = attributes.map(([type, ...values]) => derEncode(0x30, derOid(type), derEncode(0x31, ...values)))
  const info = derEncode(0x30, Uint8Array.of(2, 1, 0), parseName('CN=pc').der, key.publicKey, derEncode(0xa0, ...list))
  const request = decodeRequest(await signStructure(info, key))
  expect(isProven(nodeCrypto, request)).toBe(true)
  return request
}

const challenge = requestAttributes.challengePassword
const identityLinking = '1.2.840.113549.1.9.16.2.58'
const tlsUnique = Uint8Array.from({ length: 12 }, (_, i) => i)
const tlsExporter = new Uint8Array(32).fill(9)
const text = (tag: number, value: string) => derEncode(tag, latin(value))

describe('a request', () => {
  test.each([
    ['tls-unique', tlsUnique],
    ['tls-exporter', tlsExporter],
  ])('with %s of its connection is linked', async (_, binding) => {
    for (const tag of [0x0c, 0x13, 0x16]) {
      const request = await requestWith([[challenge, text(tag, linkingText(binding))]])
      expect(judgeLinking(nodeCrypto, request, { tlsUnique, tlsExporter })).toMatchObject({ state: 'linked' })
    }
  })

  test('with the binding of another connection is wrong, and never merely absent', async () => {
    const request = await requestWith([[challenge, text(0x0c, encodeBase64(new Uint8Array(12)))]])
    expect(judgeLinking(nodeCrypto, request, { tlsUnique })).toMatchObject({ state: 'wrong' })
    expect(judgeLinking(nodeCrypto, request, {})).toMatchObject({ state: 'wrong' })
  })

  test('with an empty binding at the server is wrong', async () => {
    const request = await requestWith([[challenge, text(0x0c, '')]])
    expect(judgeLinking(nodeCrypto, request, { tlsUnique: new Uint8Array() })).toMatchObject({ state: 'wrong' })
  })

  test('without an attribute is absent', async () => {
    expect(judgeLinking(nodeCrypto, await requestWith([]), { tlsUnique })).toMatchObject({ state: 'absent' })
  })

  test('with the attribute of RFC 7894 leaves the challenge password to be one', async () => {
    const request = await requestWith([
      [challenge, text(0x0c, 'secret')],
      [identityLinking, text(0x0c, linkingText(tlsUnique))],
    ])
    expect(judgeLinking(nodeCrypto, request, { tlsUnique })).toMatchObject({ state: 'linked' })
    expect(readChallenges(request)).toEqual({
      challengePassword: 'secret',
      otpChallenge: undefined,
      identityLinking: linkingText(tlsUnique),
    })
  })

  test('with two values, or a number for a text, is refused', async () => {
    const two = await requestWith([[challenge, text(0x0c, 'a'), text(0x0c, 'b')]])
    const number = await requestWith([[challenge, Uint8Array.of(2, 1, 1)]])
    for (const request of [two, number]) expect(() => readChallenges(request)).toThrow(MalformedMessage)
  })
})
