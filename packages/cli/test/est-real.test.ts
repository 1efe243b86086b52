import { decodeCertificates, encodeEstBody, estMediaTypes, estPath } from '@cordon/core/enrollment'
import { buildRequest, decodeCertificate, decodePem, encodePem, parseName } from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'
import { exchange } from '@cordon/node/est'
import { generatePkcs11Key, Signers } from '@cordon/node/pkcs11'
import { decide, listEnrollments } from '@cordon/server/enrollment'
import { type EstServer, serveEst } from '@cordon/server/est'
import type { Store } from '@cordon/server/store'
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { issue } from '../../core/test/enrollment/world.ts'
import { makeSoftToken, noSoftToken, type SoftToken } from '../../node/test/keys/pkcs11/soft-token.ts'
import {
  type Bench,
  files,
  initialize,
  makeWorld,
  openBench,
  type World,
} from '../../server/test/enrollment/support.ts'
import { TemporaryState } from '../../server/test/store/support.ts'
import { run as enroll } from '../src/commands/est-enroll.ts'
import { exitCodes } from '../src/exit-codes.ts'
import { testOutput } from './test-output.ts'
import { testProgram } from './tree.ts'

const host = '127.72.0.2'
const rules = `version: 1
accounts:
  crew: { most: 2 }
provisioning:
  cards: { anchors: [cards], use: once }
labels:
  default: { administrator: {} }
  crew: { password: { accounts: [crew] } }
  cards: { provisioningCertificate: {} }
unlisted: { default: operations, crew: operations, cards: operations }
`

let place: TemporaryState
let store: Store
let bench: Bench
let server: EstServer
let world: World

beforeAll(async () => {
  place = new TemporaryState()
  store = await place.open()
  const now = () => Date.now()
  await initialize(store, now)
  world = await makeWorld()
  bench = await openBench(store, world, now, { files: files(world, rules) })
  const issued = await bench.authority.issueServer({
    name: 'est',
    addresses: [host],
    dnsNames: [],
    validityMs: 30 * 86_400_000,
  })
  const key = issued.key?.export() ?? new Uint8Array()
  const credential = { chain: [issued.certificate, ...issued.chain], key }
  server = await serveEst({ service: bench.service, credential, listen: [{ address: host, port: 0 }] })
})

afterAll(async () => {
  await server.close()
  await bench[Symbol.asyncDispose]()
  await store[Symbol.asyncDispose]()
  await place[Symbol.asyncDispose]()
})

async function enrolling(name: string, more: Partial<Parameters<typeof enroll>[1]> = {}) {
  const { output, stdout, stderr } = testOutput({ format: 'json' })
  const { signal } = new AbortController()
  const context = { output, settings: {}, state: place.path('client'), program: testProgram(), signal }
  const port = server.status().addresses[0]?.port ?? 0
  const flags = { name, directory: place.path('files'), wait: '0', ...more }
  const code = await enroll(context, flags, `${host}:${port}`)
  return { code, stderr: stderr(), result: JSON.parse(stdout()) }
}

async function refusal(name: string): Promise<string> {
  try {
    await enrolling(name)
  } catch (error) {
    return error instanceof Error ? error.message : ''
  }
  return ''
}

describe('cordon est enroll at the real authority', () => {
  test('is shown the root, waits for an administrator, gets its certificate, and renews it', async () => {
    const refused = await refusal('historian')
    const [, fingerprint = ''] = /SHA-256 ([0-9a-f]{64})/.exec(refused) ?? []
    const flags = { fingerprint }
    const pending = await enrolling('historian', flags)
    expect(pending).toMatchObject({ code: exitCodes.partly, result: { outcome: 'pending' } })
    const { entries } = await listEnrollments(store)
    expect(entries).toHaveLength(1)
    const ids = entries.map(({ id }) => id)
    await decide(store, { ids, verdict: 'approve', by: 'anna', reason: 'the new historian' })
    const enrolled = await enrolling('historian', flags)
    expect(enrolled).toMatchObject({ code: exitCodes.ok, result: { outcome: 'enrolled' } })
    const { files: written, serial } = enrolled.result
    const verified = spawnSync('openssl', [
      'verify',
      '-CAfile',
      written.authorities,
      '-untrusted',
      written.chain,
      written.certificate,
    ])
    // Without OpenSSL (Debian package openssl) the library's own judgement has to do.
    if (verified.error === undefined) expect(verified.stdout.toString()).toContain(': OK')
    const renewed = await enrolling('historian', { renew: true })
    expect(renewed).toMatchObject({ code: exitCodes.ok })
    expect(renewed.result.serial).not.toBe(serial)
  })
  test('is asked for a password under a label whose rule wants one', async () => {
    const passwordFile = place.path('password')
    await writeFile(passwordFile, 'right\n', { mode: 0o600 })
    const [, fingerprint = ''] = /SHA-256 ([0-9a-f]{64})/.exec(await refusal('panel')) ?? []
    const panel = await enrolling('panel', { label: 'crew', user: 'crew', passwordFile, fingerprint })
    expect(panel).toMatchObject({ code: exitCodes.ok, result: { server: { label: 'crew' } } })
  })
})

const engine = '/usr/lib/x86_64-linux-gnu/engines-3/pkcs11.so'
const missing =
  noSoftToken !== false ? noSoftToken : existsSync(engine) ? false : 'apt-get install libengine-pkcs11-openssl'
if (missing !== false) console.warn(`enrolling with a card is not tested: ${missing}`)

describe.skipIf(missing)('cordon est enroll with a card', () => {
  let token: SoftToken
  let card: Partial<Parameters<typeof enroll>[1]>
  const path = (name: string) => join(token.directory, name)

  beforeAll(async () => {
    token = makeSoftToken('card')
    const pkcs11 = `${token.uri};object=kit`
    await using signers = new Signers()
    const { publicKey } = await generatePkcs11Key(pkcs11, 'ecdsa-p256', signers)
    const certificate = await issue(world.cards, publicKey, { subject: parseName('CN=kit 7') })
    await writeFile(path('kit.pem'), encodePem('CERTIFICATE', certificate.der))
    await writeFile(path('root.pem'), encodePem('CERTIFICATE', await bench.authority.root()))
    const [, fingerprint = ''] = /SHA-256 ([0-9a-f]{64})/.exec(await refusal('drill')) ?? []
    card = { label: 'cards', pkcs11, certificate: path('kit.pem'), fingerprint }
  })
  afterAll(() => token.remove())

  test('gets one certificate, and the same key again is answered', async () => {
    const enrolled = await enrolling('drill', card)
    expect(enrolled).toMatchObject({ code: exitCodes.ok, result: { outcome: 'enrolled' } })
    const { certificate, key: keyFile } = enrolled.result.files
    const issued = decodeCertificate(derOf(await readFile(certificate, 'utf8')))
    const key = nodeCrypto.importKey(derOf(await readFile(keyFile, 'utf8')))
    const factory = derOf(await readFile(path('kit.pem'), 'utf8'))
    const anchors = [await bench.authority.root()]
    const request = {
      server: { host, port: server.status().addresses[0]?.port ?? 0 },
      method: 'POST' as const,
      path: estPath('simpleenroll', 'cards'),
      contentType: estMediaTypes.request,
      body: encodeEstBody(await buildRequest(key, { subject: parseName('CN=drill') })),
      anchors,
    }
    const credential = { chain: [factory], card: card.pkcs11 ?? '' }
    const reply = await exchange(request, { credential })
    expect(reply.status).toBe(200)
    const [again] = decodeCertificates(reply.contentType, reply.body)
    expect(again?.publicKey).toEqual(issued.publicKey)
    const link = async () => new Uint8Array()
    await expect(exchange(request, { credential, link })).rejects.toThrow(/no channel binding/)
  })

  test('gets no other for a second key', async () => {
    await expect(enrolling('saw', card)).rejects.toThrow(/no certificate: /)
  })

  test('says once what is wrong with PIN, object and options', async () => {
    const { fingerprint: _, ...bare } = card
    const trusting = { ...bare, trust: path('root.pem') }
    await writeFile(path('wrong'), 'nonsense', { mode: 0o600 })
    const wrong = { ...trusting, pkcs11: `${card.pkcs11}?pin-source=file:${path('wrong')}` }
    await expect(enrolling('mill', wrong)).rejects.toThrow(/the PIN is wrong or locked; it was tried once/)
    const absent = { ...trusting, pkcs11: `${token.uri};object=absent` }
    await expect(enrolling('mill', absent)).rejects.toThrow(/the key was not found/)
    await expect(enrolling('mill', { ...bare, provisional: true })).rejects.toThrow(/--trust or --fingerprint/)
    await expect(enrolling('mill', { ...card, key: path('kit.pem') })).rejects.toThrow(/--key or --pkcs11/)
    await expect(enrolling('mill', { ...card, pkcs11: 'token=card' })).rejects.toThrow(/^--pkcs11: /)
    const engines = process.env['OPENSSL_ENGINES']
    process.env['OPENSSL_ENGINES'] = token.directory
    try {
      await expect(enrolling('mill', trusting)).rejects.toThrow(/libengine-pkcs11-openssl/)
    } finally {
      if (engines === undefined) delete process.env['OPENSSL_ENGINES']
      else process.env['OPENSSL_ENGINES'] = engines
    }
  })
})

function derOf(pem: string): Uint8Array {
  return decodePem(pem)[0]?.bytes ?? new Uint8Array()
}
