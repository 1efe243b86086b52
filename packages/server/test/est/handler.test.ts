import {
  decodeAttributesBody,
  decodeCertificates,
  deviceWishes,
  encodeRequestWishes,
  linkingText,
  writeBasic,
} from '@cordon/core/enrollment'
import { TransportError } from '@cordon/core/errors'
import { encodeBase64, encodePem } from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'
import { type EstHandlerOptions, type EstHead, type EstPeer, handleEst } from '@cordon/server/est'
import * as fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { exported, issuedFor, makeAuthority, makeRequest, TestService, type TestAuthority } from './support.ts'

let authority: TestAuthority
let service: TestService
let sample: Awaited<ReturnType<typeof makeRequest>>

beforeAll(async () => {
  authority = await makeAuthority()
  sample = await makeRequest()
})

const nobody: EstPeer = { address: '192.0.2.7', certificates: [], bindings: {} }

interface Asked extends Partial<EstHead> {
  readonly body?: Uint8Array | string
  readonly peer?: Partial<EstPeer>
}

async function answer(path: string, asked: Asked = {}, options: Partial<EstHandlerOptions> = {}) {
  const { body, peer, headers, ...head } = asked
  const posted = body === undefined ? {} : { 'content-type': 'application/pkcs10' }
  const outcome = await handleEst(
    {
      method: body === undefined ? 'GET' : 'POST',
      path: `/.well-known/est${path}`,
      headers: { ...posted, ...headers },
      ...head,
      body: typeof body === 'string' ? Buffer.from(body) : (body ?? new Uint8Array()),
      peer: { ...nobody, ...peer },
    },
    { service, crypto: nodeCrypto, bodyBytes: 128 * 1024, ...options },
  )
  return { ...outcome.answer, error: outcome.error }
}

/** A fresh service for each test that changes it. */
function fresh(): TestService {
  service = new TestService(authority)
  return service
}

describe('cacerts and csrattrs', () => {
  test('give what the service gives, without authentication', async () => {
    fresh()
    const { status, headers, body } = await answer('/cacerts')
    expect(status).toBe(200)
    expect(headers['content-type']).toBe('application/pkcs7-mime')
    const certificates = decodeCertificates(headers['content-type'], Buffer.from(body))
    expect(certificates.map(({ der }) => der)).toEqual([authority.root, authority.issuing])
  })

  test('csrattrs is 204 without wishes, and carries both forms with them', async () => {
    const used = fresh()
    expect(await answer('/csrattrs')).toMatchObject({ status: 204, body: '' })
    used.wishes = encodeRequestWishes(deviceWishes('ecdsa-p256'))
    const { status, headers, body } = await answer('/green/csrattrs')
    expect(status).toBe(200)
    expect(decodeAttributesBody(headers['content-type'], Buffer.from(body))).toEqual(used.wishes)
  })

  test('HEAD is answered as GET', async () => {
    fresh()
    expect(await answer('/cacerts', { method: 'HEAD' })).toMatchObject({ status: 200 })
  })

  test('do not look at a client certificate that is broken', async () => {
    fresh()
    const peer = { certificates: [Uint8Array.of(0x30, 0x80, 0, 0)] }
    expect((await answer('/cacerts', { peer })).status).toBe(200)
  })
})

describe('what is not there', () => {
  test.each([
    ['fullcmc', '/fullcmc', { body: 'x' }],
    ['serverkeygen where it is off', '/serverkeygen', { body: 'x' }],
    ['an unknown label', '/red/cacerts', {}],
    ['an unknown operation', '/enroll', {}],
    ['a path below an operation', '/green/cacerts/more', {}],
    ['another place', '/../../etc/passwd', {}],
  ])('%s is 404', async (_, path, asked) => {
    fresh()
    expect(await answer(path, asked)).toMatchObject({ status: 404 })
  })

  test('a path that hides something behind percent signs is 400', async () => {
    fresh()
    expect(await answer('/a%2fb/cacerts')).toMatchObject({ status: 400 })
    expect(await answer('/a%zz/cacerts')).toMatchObject({ status: 400 })
  })
})

describe('what is asked wrongly', () => {
  test.each([
    ['POST cacerts', '/cacerts', { body: 'x' }, 'GET, HEAD'],
    ['GET simpleenroll', '/simpleenroll', {}, 'POST'],
    ['HEAD simpleenroll', '/simpleenroll', { method: 'HEAD' }, 'POST'],
    ['PUT simplereenroll', '/simplereenroll', { method: 'PUT' }, 'POST'],
    ['DELETE csrattrs', '/csrattrs', { method: 'DELETE' }, 'GET, HEAD'],
  ])('%s is 405 and says what is allowed', async (_, path, asked, allow) => {
    fresh()
    expect(await answer(path, asked)).toMatchObject({ status: 405, headers: { allow } })
  })

  test.each(['text/plain', 'application/pkcs7-mime', 'application/x-pkcs10', ''])(
    'content of type "%s" is 415',
    async (type) => {
      fresh()
      expect(await answer('/simpleenroll', { body: 'x', headers: { 'content-type': type } })).toMatchObject({
        status: 415,
      })
    },
  )

  test('a media type in other letters, with parameters, is taken', async () => {
    fresh()
    const headers = { 'content-type': 'Application/PKCS10; charset=x' }
    expect(await answer('/simpleenroll', { body: sample.csr, headers })).toMatchObject({ status: 200 })
  })

  test('a body over the limit is 413, by its header or by itself', async () => {
    fresh()
    const headers = { 'content-length': '131073' }
    expect(await answer('/simpleenroll', { body: 'x', headers })).toMatchObject({ status: 413 })
    expect(await answer('/simpleenroll', { body: new Uint8Array(131_073) })).toMatchObject({ status: 413 })
  })

  test('another scheme than Basic is 401 with a challenge, and the service is not asked', async () => {
    const used = fresh()
    for (const authorization of ['Digest username="a"', 'Basic ???', 'Basic', 'Bearer abc']) {
      const got = await answer('/simpleenroll', { body: sample.csr, headers: { authorization } })
      expect(got).toMatchObject({ status: 401, headers: { 'www-authenticate': expect.stringMatching(/^Basic/) } })
    }
    expect(used.asked).toEqual([])
  })
})

describe('an enrollment', () => {
  test('gives the service all that was shown, and the client its certificate', async () => {
    const used = fresh()
    const device = await makeRequest()
    const shown = await authority.issue(device.key.publicKey, 'shown')
    const { status, headers, body } = await answer('/green/simpleenroll', {
      body: encodeBase64(sample.csr),
      headers: { authorization: writeBasic({ name: 'line3', password: 'correct horse' }) },
      peer: { certificates: [shown, authority.issuing] },
    })
    expect(status).toBe(200)
    expect(headers['content-type']).toBe('application/pkcs7-mime; smime-type=certs-only')
    expect(issuedFor(sample.key, decodeCertificates(headers['content-type'], Buffer.from(body)))).toBeDefined()
    expect(used.asked).toMatchObject([
      {
        operation: 'simpleenroll',
        label: 'green',
        address: '192.0.2.7',
        basic: { name: 'line3', password: 'correct horse' },
        linking: { state: 'absent' },
        shown: { intermediates: [authority.issuing] },
      },
    ])
    expect(used.asked[0]?.shown?.leaf.der).toEqual(shown)
  })

  test.each([
    ['pending', { kind: 'pending', retryAfterS: 29.2, reason: 'waits' }, 202, { 'retry-after': '30' }],
    ['pending for ever', { kind: 'pending', retryAfterS: 1e9, reason: 'waits' }, 202, { 'retry-after': '86400' }],
    ['pending for nothing', { kind: 'pending', retryAfterS: 0, reason: 'waits' }, 202, { 'retry-after': '1' }],
    ['malformed', { kind: 'malformed', reason: 'no serial number' }, 400, {}],
    ['authenticate', { kind: 'authenticate', reason: 'who?' }, 401, { 'www-authenticate': /^Basic/ }],
    ['denied', { kind: 'denied', reason: 'no' }, 403, {}],
    ['tooMany', { kind: 'tooMany', retryAfterS: 5, reason: 'slowly' }, 429, { 'retry-after': '5' }],
    ['unavailable', { kind: 'unavailable', retryAfterS: 9, reason: 'later' }, 503, { 'retry-after': '9' }],
  ] as const)('that is %s has its status', async (_, decision, status, headers) => {
    const used = fresh()
    used.decide = () => decision
    const got = await answer('/simpleenroll', { body: sample.csr })
    expect(got.status).toBe(status)
    expect(got.headers['content-type']).toBe('text/plain; charset=utf-8')
    expect(got.body).toBe(`${decision.reason}\n`)
    for (const [name, value] of Object.entries(headers)) expect(got.headers[name]).toMatch(value)
  })

  test('whose service fails is 500, and only the log hears why', async () => {
    const used = fresh()
    used.decide = () => {
      throw new Error('the database at 10.1.2.3 is gone')
    }
    const got = await answer('/simpleenroll', { body: sample.csr })
    expect(got.status).toBe(500)
    expect(got.body).not.toContain('10.1.2.3')
    expect(got.error).toBeInstanceOf(Error)
  })

  test('whose store does not answer is 503, to be asked again', async () => {
    const used = fresh()
    used.decide = () => {
      throw new TransportError('unreachable', 'the database at 10.1.2.3 does not answer')
    }
    const got = await answer('/simpleenroll', { body: sample.csr })
    expect(got.status).toBe(503)
    expect(got.headers['retry-after']).toMatch(/^\d+$/)
    expect(got.body).not.toContain('10.1.2.3')
  })

  test('has a reason of one line, whatever the service says', async () => {
    const used = fresh()
    used.decide = () => ({ kind: 'denied', reason: `a\r\nSet-Cookie: x\u0000${'b'.repeat(2000)}` })
    const { body } = await answer('/simpleenroll', { body: sample.csr })
    expect(body).toMatch(/^a Set-Cookie: x b+…\n$/)
    expect(body.length).toBeLessThan(260)
  })

  test('with a client certificate that the gate refuses is 403', async () => {
    const used = fresh()
    for (const der of [Uint8Array.of(0x30, 0x80, 0, 0), new Uint8Array(), Uint8Array.from([...authority.root, 0])]) {
      const got = await answer('/simpleenroll', { body: sample.csr, peer: { certificates: [der] } })
      expect(got.status).toBe(403)
      expect(got.body).toMatch(/^the client certificate of the TLS handshake is refused/)
    }
    expect(used.asked).toEqual([])
  })

  test('whose key is not proven is 400', async () => {
    fresh()
    const forged = sample.csr.slice()
    forged[forged.length - 3] = (forged[forged.length - 3] ?? 0) ^ 1
    const got = await answer('/simpleenroll', { body: forged })
    expect(got).toMatchObject({ status: 400, body: expect.stringMatching(/not signed by the key/) })
  })

  test('with a server-made key gives key and certificate where it is switched on', async () => {
    fresh()
    const got = await answer('/serverkeygen', { body: sample.csr }, { serverKeyGeneration: true })
    expect(got.status).toBe(200)
    expect(got.headers['content-type']).toMatch(/^multipart\/mixed; boundary=/)
    expect(got.body).toContain('Content-Type: application/pkcs8')
    expect(got.body).toContain('Content-Type: application/pkcs7-mime; smime-type=certs-only')
  })
})

describe('dialects', () => {
  const lines = (body: string) => body.split('\n').length - 1

  test.each([
    ['base64 on one line', (csr: Uint8Array) => encodeBase64(csr)],
    ['base64 in lines of 64', (csr: Uint8Array) => encodeBase64(csr).replace(/.{64}/g, '$&\n')],
    ['base64 with CRLF every 76', (csr: Uint8Array) => encodeBase64(csr).replace(/.{76}/g, '$&\r\n')],
    ['PEM', (csr: Uint8Array) => encodePem('CERTIFICATE REQUEST', csr)],
    ['old PEM', (csr: Uint8Array) => encodePem('NEW CERTIFICATE REQUEST', csr)],
    ['DER', (csr: Uint8Array) => csr],
  ])('a request as %s is read', async (_, dress) => {
    fresh()
    expect(await answer('/simpleenroll', { body: dress(sample.csr) })).toMatchObject({ status: 200 })
  })

  test('the answer is one line, for libest in lines, and as a label wants it', async () => {
    const used = fresh()
    used.labels = ['green', 'old']
    const libest = { 'user-agent': 'libest 1.0' }
    expect(lines((await answer('/cacerts')).body)).toBe(1)
    expect(lines((await answer('/cacerts', { headers: libest })).body)).toBeGreaterThan(5)
    const dialects = { old: 'wrapped', '': 'line' } as const
    expect(lines((await answer('/old/cacerts', {}, { dialects })).body)).toBeGreaterThan(5)
    expect(lines((await answer('/cacerts', { headers: libest }, { dialects })).body)).toBe(1)
  })
})

describe('whatever is sent', () => {
  test('is answered, with a status of the protocol', async () => {
    fresh()
    const words = ['cacerts', 'simpleenroll', 'serverkeygen', 'green', '..', '%', '%00', '', 'x']
    const path = fc.array(fc.constantFrom(...words), { maxLength: 4 }).map((segments) => `/${segments.join('/')}`)
    const body = fc.oneof(fc.uint8Array({ maxLength: 400 }), fc.string({ maxLength: 400 }))
    const authorization = fc.option(fc.string({ maxLength: 40 }), { nil: undefined })
    await fc.assert(
      fc.asyncProperty(path, body, authorization, fc.uint8Array({ maxLength: 64 }), async (to, bytes, auth, shown) => {
        const headers = auth === undefined ? {} : { authorization: auth }
        const { status, error } = await answer(to, { body: bytes, headers, peer: { certificates: [shown] } })
        expect([400, 401, 404, 405]).toContain(status)
        expect(error).toBeUndefined()
      }),
      { numRuns: 500 },
    )
  })
})

describe('linking', () => {
  test('is told to the service', async () => {
    const used = fresh()
    const binding = Uint8Array.of(1, 2, 3)
    expect(linkingText(binding)).toBe('AQID')
    await answer('/simpleenroll', { body: sample.csr, peer: { bindings: { tlsUnique: binding } } })
    expect(used.asked[0]?.linking.state).toBe('absent')
    expect(exported(sample.key).length).toBeGreaterThan(0)
  })
})
