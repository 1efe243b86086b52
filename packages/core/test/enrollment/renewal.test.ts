import { judgeRenewal } from '@cordon/core/enrollment'
import { MalformedMessage } from '@cordon/core/errors'
import {
  buildRequest,
  type CertificateRequest,
  decodeRequest,
  type Extension,
  formatName,
  type Name,
  parseName,
  subjectAlternativeName,
} from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'
import { describe, expect, test } from 'vitest'
import { derEncode } from '../../src/x509/der.ts'
import { encodeName } from '../../src/x509/name.ts'

async function request(subject: Name, ...extensions: readonly Extension[]): Promise<CertificateRequest> {
  return decodeRequest(await buildRequest(await nodeCrypto.generateKey('ecdsa-p256'), { subject, extensions }))
}

const subject = parseName('CN=Green_EN4TR,O=Example Works')
const names = subjectAlternativeName(['127.17.83.31', '2001:db8::1'], ['green.example'])
const change = '1.3.6.1.5.5.7.7.36'

describe('a request for renewal', () => {
  test('for the same identity is the same', async () => {
    const held = await request(subject, names)
    expect(judgeRenewal(await request(subject, names), held)).toEqual({
      same: true,
      differences: [],
      change: undefined,
    })
  })

  test('may write the same names in other string types, cases, spaces and order', async () => {
    const other = encodeName([
      { type: '2.5.4.10', value: 'EXAMPLE  works', encoding: 'printable' },
      { type: '2.5.4.3', value: 'green_en4tr', encoding: 'bmp' },
    ])
    const mixed = subjectAlternativeName(['2001:DB8:0:0:0:0:0:1', '127.17.83.31'], ['GREEN.example'])
    expect(judgeRenewal(await request(other, mixed), await request(subject, names))).toMatchObject({ same: true })
  })

  test.each([
    ['another subject', parseName('CN=Blue_EN4TR,O=Example Works'), names, /^subject CN=Blue_EN4TR/],
    ['a part more', parseName('CN=Green_EN4TR,OU=x,O=Example Works'), names, /^subject/],
    [
      'another address',
      subject,
      subjectAlternativeName(['127.17.83.32', '2001:db8::1'], ['green.example']),
      /does not have: ip:127\.17\.83\.32; .*missing: ip:127\.17\.83\.31/,
    ],
    ['a name less', subject, subjectAlternativeName(['127.17.83.31', '2001:db8::1']), /missing: dns:green/],
  ])('for %s differs', async (_, wished, extension, reason) => {
    const { same, differences } = judgeRenewal(await request(wished, extension), await request(subject, names))
    expect(same).toBe(false)
    expect(differences.join('; ')).toMatch(reason)
  })

  test('says which name it wants to change to', async () => {
    const plain = await request(subject)
    const wished = parseName('CN=Blue')
    const [implicit, tagged] = [0x30, 0xa1].map((tag) =>
      derEncode(0x30, wished.der, derEncode(tag, derEncode(0x82, Uint8Array.of(0x62)))),
    )
    for (const value of [implicit, tagged]) {
      const asked = { ...plain, attributes: new Map([[change, [value ?? new Uint8Array()]]]) }
      const { change: found } = judgeRenewal(asked, plain)
      expect(found?.subject && formatName(found.subject)).toBe('CN=Blue')
      expect(found?.alternativeNames).toEqual([{ kind: 'dns', value: 'b' }])
    }
  })

  test.each([
    ['nothing', '3000'],
    ['a number', '3003020101'],
    ['a name twice', '300430003000'],
    ['no sequence', '020101'],
  ])('with %s for a changed name is refused', async (_, hex) => {
    const plain = await request(subject)
    const value = Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
    expect(() => judgeRenewal({ ...plain, attributes: new Map([[change, [value]]]) }, plain)).toThrow(MalformedMessage)
  })
})
