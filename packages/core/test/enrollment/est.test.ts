import {
  attributesAnswer,
  certificatesAnswer,
  decodeAttributesBody,
  decodeCertificates,
  decodeEstRequest,
  dialectOf,
  encodeEstBody,
  estOperations,
  estPath,
  isMediaType,
  longestRequestBody,
  parseEstPath,
  pendingAnswer,
  readBasic,
  readRetryAfter,
  refusalAnswer,
  serverKeyAnswer,
  writeBasic,
} from '@cordon/core/enrollment'
import { MalformedMessage, UsageError } from '@cordon/core/errors'
import { buildRequest, decodeCertsOnly, decodeBase64, encodeBase64, encodePem, parseName } from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import { fc } from '../policy/properties.ts'
import { world } from './world.ts'

const latin = (text: string) => Uint8Array.from(text, (c) => c.charCodeAt(0))

/** Whatever the bytes, a value or MalformedMessage. */
function readsOrRefuses(read: () => unknown): void {
  try {
    read()
  } catch (error) {
    expect(error).toBeInstanceOf(MalformedMessage)
  }
}

describe('a path', () => {
  test.each(Object.keys(estOperations))('leads to %s, with a label and without', (operation) => {
    expect(parseEstPath(`/.well-known/est/${operation}`)).toEqual({ operation, label: undefined })
    expect(parseEstPath(`/.well-known/est/pc/${operation}`)).toEqual({ operation, label: 'pc' })
  })

  test.each([
    ['', 'no path'],
    ['/', 'the root'],
    ['/.well-known/est', 'no operation'],
    ['/.well-known/est/', 'an empty operation'],
    ['/.well-known/est/cacert', 'an unknown operation'],
    ['/.well-known/est/CACERTS', 'an operation in other letters'],
    ['/.well-known/est/cacerts/cacerts', 'a label that is an operation'],
    ['/.well-known/est//cacerts', 'an empty label'],
    ['/.well-known/est/../cacerts', 'a label that leads up'],
    ['/.well-known/est/a/b/cacerts', 'two labels'],
    [`/.well-known/est/${'a'.repeat(65)}/cacerts`, 'a label that is too long'],
    ['/well-known/est/cacerts', 'another place'],
  ])('"%s" is none of them: %s', (path) => expect(parseEstPath(path)).toBeUndefined())

  test.each(['%', '%2', '%zz', '%2f', '%00', '%5c', '%ff', '%0a', 'ä', 'a b'])(
    'with "%s" in a label is refused',
    (label) => {
      expect(() => parseEstPath(`/.well-known/est/${label}/cacerts`)).toThrow(MalformedMessage)
    },
  )

  test('reads back as it was written, whatever the label', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }), (label) => {
        let path: string
        try {
          path = estPath('simpleenroll', label)
        } catch (error) {
          expect(error).toBeInstanceOf(UsageError)
          return
        }
        expect(parseEstPath(path)).toEqual({ operation: 'simpleenroll', label })
      }),
    )
  })

  test('of any shape gives a target, nothing or a refusal', () => {
    fc.assert(fc.property(fc.string(), (text) => readsOrRefuses(() => parseEstPath(`/.well-known/est/${text}`))))
  })
})

describe('a posted request', () => {
  let der: Uint8Array
  beforeAll(async () => {
    const key = await nodeCrypto.generateKey('rsa-2048')
    der = await buildRequest(key, { subject: parseName('CN=Green_EN4TR') })
  })

  // The dialects of est-pki section 4: libest, strongSwan, GlobalSign, and what people send.
  test.each([
    ['lines of 64 with LF', (b: string) => b.replace(/.{64}/g, '$&\n')],
    ['one line without a newline', (b: string) => b],
    ['lines of 76 with CR LF', (b: string) => b.replace(/.{76}/g, '$&\r\n')],
    ['a line for each character', (b: string) => b.replace(/./g, '$& \t\r\n')],
    ['one line and a newline', (b: string) => `${b}\n`],
  ])('is read from base64 in %s', (_, dress) => {
    expect(decodeEstRequest(latin(dress(encodeBase64(der)))).der).toEqual(der)
  })

  test.each(['CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST'] as const)('is read from PEM with %s', (label) => {
    expect(decodeEstRequest(latin(`Certificate Request:\n${encodePem(label, der)}`)).der).toEqual(der)
  })

  test('is read from bare DER', () => expect(decodeEstRequest(der).der).toEqual(der))

  test.each([
    ['nothing', () => new Uint8Array()],
    ['white space', () => latin(' \r\n')],
    ['another PEM block', () => latin(encodePem('CERTIFICATE', der))],
    ['two PEM blocks', () => latin(encodePem('CERTIFICATE REQUEST', der).repeat(2))],
    ['base64 without its padding', () => latin(encodeBase64(der.subarray(0, 100)).replace(/=+$/, ''))],
    ['base64 of the web', () => latin(encodeBase64(der).replaceAll('+', '-').replaceAll('/', '_').replace('A', '-'))],
    ['DER with a byte behind it', () => Uint8Array.of(...der, 0)],
    ['base64 of DER with a byte behind it', () => latin(encodeBase64(Uint8Array.of(...der, 0)))],
    ['more than fits', () => new Uint8Array(longestRequestBody + 1).fill(0x41)],
  ])('is refused when it is %s', (_, body) => expect(() => decodeEstRequest(body())).toThrow(MalformedMessage))

  test('of any bytes is read or refused', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => readsOrRefuses(() => decodeEstRequest(bytes))))
  })

  test('of the largest size is refused in linear time', () => {
    const time = (length: number) => {
      const body = new Uint8Array(length).fill(0x0a)
      const start = performance.now()
      for (let run = 0; run < 20; run++) readsOrRefuses(() => decodeEstRequest(body))
      return performance.now() - start
    }
    time(longestRequestBody)
    // Sixteen times the bytes: a quadratic reader would take 256 times as long.
    expect(time(longestRequestBody) / Math.max(time(longestRequestBody / 16), 0.5)).toBeLessThan(100)
  })
})

describe('an answer', () => {
  test('is on one line with one newline, and in lines of 64 for libest', () => {
    const der = new Uint8Array(100).fill(7)
    expect(encodeEstBody(der)).toMatch(/^[A-Za-z0-9+/=]+\n$/)
    const lines = encodeEstBody(der, 'wrapped').split('\n')
    expect(lines.map(({ length }) => length)).toEqual([64, 64, 8, 0])
    expect(decodeBase64(encodeEstBody(der, 'wrapped'))).toEqual(der)
  })

  test.each([
    ['libest', undefined, 'wrapped'],
    ['libest-3.2.0p', undefined, 'wrapped'],
    ['LibEST 3', undefined, 'wrapped'],
    [undefined, undefined, 'line'],
    ['curl/8.0 libest', undefined, 'line'],
    ['libest', 'line', 'line'],
    [undefined, 'wrapped', 'wrapped'],
  ] as const)('to user agent %s, with label setting %s, is in dialect %s', (agent, label, dialect) => {
    expect(dialectOf(agent, label)).toBe(dialect)
  })

  test('carries certificates that the client reads back', async () => {
    const { root } = await world()
    for (const dialect of ['line', 'wrapped'] as const) {
      const answer = certificatesAnswer('simpleenroll', [root.certificate.der], dialect)
      expect(answer.status).toBe(200)
      expect(answer.headers['content-type']).toBe('application/pkcs7-mime; smime-type=certs-only')
      expect(decodeCertificates(answer.headers['content-type'], latin(answer.body)).map(({ der }) => der)).toEqual([
        root.certificate.der,
      ])
    }
    expect(certificatesAnswer('cacerts', []).headers['content-type']).toBe('application/pkcs7-mime')
  })

  test('with another type is not read', () => {
    expect(() => decodeCertificates('text/html', latin('MAA='))).toThrow(
      /expected content of type application\/pkcs7-mime/,
    )
    expect(() => decodeAttributesBody(undefined, latin('MAA='))).toThrow(MalformedMessage)
  })

  test('without wishes is 204', () => {
    expect(attributesAnswer(undefined)).toEqual({ status: 204, headers: {}, body: '' })
    expect(attributesAnswer(Uint8Array.of(0x30, 0)).body).toBe('MAA=\n')
  })

  test('that puts off says seconds', () => {
    expect(pendingAnswer(60, 'waits')).toMatchObject({ status: 202, headers: { 'retry-after': '60' }, body: 'waits\n' })
    for (const seconds of [0, -1, 1.5, 86_401, Number.NaN]) expect(() => pendingAnswer(seconds, '')).toThrow(UsageError)
  })

  test('that refuses has a status for each reason, and asks for a password with 401 alone', () => {
    expect(refusalAnswer('authenticate', 'who?').headers['www-authenticate']).toContain('Basic')
    expect(refusalAnswer('forbidden', 'no')).toEqual({
      status: 403,
      headers: { 'content-type': 'text/plain; charset=utf-8' },
      body: 'no\n',
    })
    expect(refusalAnswer('tooMany', 'slower', 30).headers['retry-after']).toBe('30')
  })

  test('with a key made at the server has two parts, the key first', async () => {
    const { root } = await world()
    const pkcs8 = latin('not a real key')
    const answer = serverKeyAnswer(pkcs8, [root.certificate.der], 'b0undary', 'wrapped')
    expect(answer.headers['content-type']).toBe('multipart/mixed; boundary=b0undary')
    const [before, key = '', certificate = '', end] = answer.body.split('--b0undary')
    expect([before, end]).toEqual(['', '--\r\n'])
    const part = (text: string) => text.split('\r\n\r\n')
    expect(part(key)[0]).toContain('Content-Type: application/pkcs8')
    expect(decodeBase64(part(key)[1] ?? '')).toEqual(pkcs8)
    expect(part(certificate)[0]).toContain('smime-type=certs-only')
    expect(decodeCertsOnly(decodeBase64(part(certificate)[1] ?? ''))).toHaveLength(1)
    for (const boundary of ['', 'a b', 'a\r\n', 'x'.repeat(71)])
      expect(() => serverKeyAnswer(pkcs8, [], boundary)).toThrow(UsageError)
  })
})

describe('a content type', () => {
  test.each([
    ['application/pkcs7-mime', true],
    ['Application/PKCS7-MIME; smime-type=certs-only', true],
    [' application/pkcs7-mime;', true],
    ['application/pkcs7-mimetic', false],
    ['application/pkcs10', false],
    [undefined, false],
  ])('%s is certificates: %s', (header, expected) =>
    expect(isMediaType(header, 'application/pkcs7-mime')).toBe(expected),
  )
})

describe('Retry-After', () => {
  const now = Date.UTC(2026, 0, 1)
  test.each([
    ['120', 120],
    [' 5 ', 5],
    ['0', 1],
    ['1.5', 2],
    ['999999999', 86_400],
    ['Thu, 01 Jan 2026 00:02:00 GMT', 120],
    ['Wed, 31 Dec 2025 23:59:59 GMT', 1],
    ['Thu, 32 Jan 2026 00:02:00 GMT', undefined],
    ['soon', undefined],
    ['-5', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('%s means %s seconds', (header, expected) => expect(readRetryAfter(header, now)).toBe(expected))
})

describe('Basic credentials', () => {
  test('read back as they were written', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.string(), (name, password) => {
        if (name.includes(':')) expect(() => writeBasic({ name, password })).toThrow(UsageError)
        else expect(readBasic(writeBasic({ name, password }))).toEqual({ name, password })
      }),
    )
  })

  test.each([undefined, '', 'Digest abc', 'Basic', 'Basic !!!!', 'Basic Og==', 'Basic QUJD', 'Basic /w=='])(
    '%s holds none',
    (header) => expect(readBasic(header)).toBeUndefined(),
  )
})
