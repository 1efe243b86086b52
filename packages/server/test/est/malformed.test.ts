import { generateKeyPairSync, sign } from 'node:crypto'
import { buildRequest, encodeBase64, parseName, signStructure, subjectAlternativeName } from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { derBitString, derEncode, derOid } from '../../../core/src/x509/der.ts'
import { checkDer, derBytes, derChildren } from '../../../core/src/x509/strict.ts'
import { hasOpenssl, OpensslDirectory } from '../../../core/test/x509/openssl.ts'
import { ask, makeRequest, makeWorld, type World } from './support.ts'

let world: World

beforeAll(async () => {
  world = await makeWorld({ limits: { requestsPerSecond: 1000, requestBurst: 1000, connectBurst: 1000 } })
})

afterAll(async () => {
  await world[Symbol.asyncDispose]()
})

const name = parseName('CN=device').der
const zero = derEncode(0x02, Uint8Array.of(0))

async function good(): Promise<Uint8Array> {
  return (await makeRequest()).csr
}

/** The three parts of a request, to be put together wrongly. */
function parts(der: Uint8Array): Uint8Array[] {
  return derChildren(der, checkDer(der, 'x'), 'x').map((each) => derBytes(der, each).slice())
}

/** A request with given attributes, truly signed. */
async function withAttributes(...attributes: Uint8Array[]): Promise<Uint8Array> {
  const key = await nodeCrypto.generateKey('ecdsa-p256')
  return await signStructure(derEncode(0x30, zero, name, key.publicKey, derEncode(0xa0, ...attributes)), key)
}

/** A request for any key, truly signed by it with SHA-256. */
function forKey(publicKey: Uint8Array, privateKey: Parameters<typeof sign>[2], algorithm: Uint8Array): Uint8Array {
  const tbs = derEncode(0x30, zero, name, publicKey, derEncode(0xa0))
  return derEncode(0x30, tbs, algorithm, derBitString(new Uint8Array(sign('sha256', tbs, privateKey))))
}

const withRsa = derEncode(0x30, derOid('1.2.840.113549.1.1.11'), derEncode(0x05))
const withEcdsa = derEncode(0x30, derOid('1.2.840.10045.4.3.2'))

function rsa(bits: number, exponent: number): Uint8Array {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: bits, publicExponent: exponent })
  return forKey(new Uint8Array(publicKey.export({ format: 'der', type: 'spki' })), privateKey, withRsa)
}

/** OpenSSL makes no key with an even exponent, so one is written over an odd one. */
function evenExponent(): Uint8Array {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const spki = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }))
  spki[spki.length - 1] = 2
  return forKey(spki, privateKey, withRsa)
}

function onCurve(namedCurve: string, paramEncoding: 'named' | 'explicit' = 'named'): Uint8Array {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve, paramEncoding })
  return forKey(new Uint8Array(publicKey.export({ format: 'der', type: 'spki' })), privateKey, withEcdsa)
}

async function indefinite(): Promise<Uint8Array> {
  const body = derEncode(0x30, ...parts(await good()))
  return Uint8Array.from([0x30, 0x80, ...body.subarray(body[1] === 0x82 ? 4 : 3), 0, 0])
}

async function otherSignature(): Promise<Uint8Array> {
  const [[tbs = zero], [, algorithm = zero, signature = zero]] = [parts(await good()), parts(await good())]
  return derEncode(0x30, tbs, algorithm, signature)
}

async function extensionTwice(): Promise<Uint8Array> {
  const key = await nodeCrypto.generateKey('ecdsa-p256')
  const names = subjectAlternativeName(['127.0.0.1'])
  return await buildRequest(key, { subject: parseName('CN=x'), extensions: [names, names] })
}

const challenge = (...values: Uint8Array[]) =>
  derEncode(0x30, derOid('1.2.840.113549.1.9.7'), derEncode(0x31, ...values))
const word = derEncode(0x0c, Buffer.from('x'))

/** What is sent, the status and the reason that the client is told. */
const table: readonly [string, () => Uint8Array | string | Promise<Uint8Array | string>, number, RegExp][] = [
  ['explicit curve parameters', () => onCurve('prime256v1', 'explicit'), 400, /explicit curve parameters/],
  ['P-224', () => onCurve('secp224r1'), 400, /1\.3\.132\.0\.33/],
  ['secp256k1', () => onCurve('secp256k1'), 400, /1\.3\.132\.0\.10/],
  ['trailing bytes', async () => Uint8Array.from([...(await good()), 0]), 400, /1 bytes follow/],
  ['BER of indefinite length', indefinite, 400, /indefinite length/],
  ['another signature: the key is not proven', otherSignature, 400, /not signed by the key/],
  ['RSA of 1024 bits', () => rsa(1024, 65_537), 400, /1024 bits/],
  ['RSA with exponent 3', () => rsa(2048, 3), 400, /exponent/],
  ['RSA with an even exponent', evenExponent, 400, /exponent/],
  ['an extension that occurs twice', extensionTwice, 400, /occurs twice/],
  ['an attribute that occurs twice', () => withAttributes(challenge(word), challenge(word)), 400, /occurs twice/],
  ['a challenge of two values', () => withAttributes(challenge(word, word)), 400, /one value/],
  ['a challenge that is no text', () => withAttributes(challenge(zero)), 400, /expected a text/],
  ['an empty body', () => '', 400, /empty/],
  ['white space', () => ' \r\n\t', 400, /empty/],
  ['a certificate', () => world.authority.root, 400, /certificate request/],
  ['a number', () => zero, 400, /base64/],
  ['an empty sequence', () => derEncode(0x30), 400, /missing/],
  ['text', () => 'please', 400, /base64/],
  ['base64 of text', () => encodeBase64(Buffer.from('please')), 400, /certificate request/],
  [
    'PEM of something else',
    () => '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n',
    400,
    /one PEM block/,
  ],
  ['PEM without an end', () => '-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n', 400, /has no end/],
  ['100 kB of zeros in base64', () => 'A'.repeat(100_000), 400, /certificate request/],
  ['a DER of 100 kB', () => derEncode(0x30, new Uint8Array(100_000)), 400, /at most 65536/],
  ['sequences a thousand deep', () => nested(1000), 400, /inside one another/],
  ['1 MB of garbage', () => Buffer.alloc(1_000_000, 0x5a), 413, /at most 131072/],
]

function nested(depth: number): Uint8Array {
  let der = derEncode(0x30)
  for (let i = 0; i < depth; i++) der = derEncode(0x30, der)
  return der
}

describe('a malformed request is refused with a reason, and the service never hears of it', () => {
  test.each(table)('%s', async (_, make, status, reason) => {
    for (const operation of ['simpleenroll', 'simplereenroll']) {
      const reply = await ask(world, `/${operation}`, { body: await make() })
      expect(reply.status).toBe(status)
      expect(reply.headers['content-type']).toBe('text/plain; charset=utf-8')
      expect(reply.body).toMatch(reason)
      expect(reply.body.length).toBeLessThan(260)
    }
    expect(world.service.asked).toEqual([])
  })

  test.skipIf(!hasOpenssl).each([
    ['SHA-1', ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-sha1'], /ecdsa-with-SHA1 is not allowed/],
    ['RSA with SHA-1', ['rsa:2048', '-sha1'], /sha1WithRSAEncryption is not allowed/],
    ['RSA-PSS', ['rsa:2048', '-sigopt', 'rsa_padding_mode:pss'], /RSASSA-PSS is not allowed/],
    ['Ed25519', ['ed25519'], /Ed25519/],
  ])('%s, made by OpenSSL', async (_, args, reason) => {
    using directory = new OpensslDirectory()
    const files = ['-nodes', '-keyout', 'key.pem', '-out', 'csr.pem', '-subj', '/CN=device']
    directory.run('req', '-new', '-newkey', ...args, ...files)
    const reply = await ask(world, '/simpleenroll', { body: directory.read('csr.pem') })
    expect(reply).toMatchObject({ status: 400, body: expect.stringMatching(reason) })
    expect(world.service.asked).toEqual([])
  })
})
