import { keyKinds } from '@cordon/core/crypto'
import { NotAllowed, NotTrusted, UsageError } from '@cordon/core/errors'
import { nodeCrypto } from '@cordon/node/crypto'
import { generatePkcs11Key, Pkcs11KeyStore, pkcs11Key, Signers } from '@cordon/node/pkcs11'
import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { describeKeyStore } from '../describe-key-store.ts'
import { initialize, makeSoftToken, noSoftToken, type SoftToken } from './soft-token.ts'

const algorithms = {
  'ecdsa-p256': '1.2.840.10045.4.3.2',
  'ecdsa-p384': '1.2.840.10045.4.3.3',
  'ecdsa-p521': '1.2.840.10045.4.3.4',
  'rsa-2048': '1.2.840.113549.1.1.11',
  'rsa-3072': '1.2.840.113549.1.1.11',
  'rsa-4096': '1.2.840.113549.1.1.11',
} as const

const data = new TextEncoder().encode('what is to be signed')

if (noSoftToken !== false) console.warn(`keys in hardware are not tested: ${noSoftToken}`)

describe.skipIf(noSoftToken)('keys in SoftHSM', () => {
  let token: SoftToken
  let signers: Signers

  // The first use in a checkout builds the addon.
  beforeAll(async () => {
    token = makeSoftToken()
    await using first = new Signers()
    await new Pkcs11KeyStore(token.uri, { signers: first }).names()
  }, 180_000)
  afterAll(() => {
    token.remove()
  })
  beforeEach(() => {
    signers = new Signers()
  })
  afterEach(async () => {
    await signers[Symbol.asyncDispose]()
  })

  describeKeyStore('in a token', () => {
    // One token for all, so each test has labels of its own.
    return new Pkcs11KeyStore(token.uri, {
      prefix: `${Math.random().toString(36).slice(2)}-`,
      allowImport: true,
      signers,
    })
  })

  test.each(keyKinds)('a key of kind %s signs as node:crypto and openssl understand it', async (kind) => {
    const made = await generatePkcs11Key(`${token.uri};object=made-${kind}`, kind, signers)
    const key = await pkcs11Key(`${token.uri};object=made-${kind}`, signers)
    expect(key.kind).toBe(kind)
    expect(key.publicKey).toEqual(made.publicKey)
    expect(key.export()).toBeUndefined()
    const signature = await key.sign(data)
    expect(nodeCrypto.verify(key.publicKey, algorithms[kind], data, signature)).toBe(true)
    expect(opensslVerifies(kind, key.publicKey, signature)).toBe(true)
  })

  function opensslVerifies(kind: string, publicKey: Uint8Array, signature: Uint8Array): boolean {
    const path = (name: string) => join(token.directory, name)
    writeFileSync(path('key.der'), publicKey)
    writeFileSync(path('data'), data)
    writeFileSync(path('signature'), signature)
    execFileSync('openssl', ['pkey', '-pubin', '-inform', 'DER', '-in', path('key.der'), '-out', path('key.pem')])
    const hash = kind === 'ecdsa-p384' ? '-sha384' : kind === 'ecdsa-p521' ? '-sha512' : '-sha256'
    const args = ['dgst', hash, '-verify', path('key.pem'), '-signature', path('signature'), path('data')]
    return execFileSync('openssl', args, { encoding: 'utf8' }).includes('Verified OK')
  }

  test('keys that pkcs11-tool made are found by label and by id', async () => {
    token.tool('--keypairgen', '--key-type', 'EC:secp384r1', '--label', 'foreign key', '--id', 'a1b2')
    const byLabel = await pkcs11Key(`${token.uri};object=foreign%20key`, signers)
    const byId = await pkcs11Key(`${token.uri};id=%a1%b2`, signers)
    expect(byLabel.publicKey).toEqual(byId.publicKey)
    expect(nodeCrypto.verify(byId.publicKey, algorithms['ecdsa-p384'], data, await byId.sign(data))).toBe(true)
  })

  test('a key made by us is private, sensitive and never extractable, and has its label for others', async () => {
    await generatePkcs11Key(`${token.uri};object=guarded`, 'ecdsa-p256', signers)
    const listing = token.tool('--list-objects', '--type', 'privkey', '--label', 'guarded')
    expect(listing).toMatch(/sensitive, always sensitive, never extractable, local/)
    expect(listing).toMatch(/Usage: +sign\n/)
  })

  test('what is not in the token is named, with what is', async () => {
    await generatePkcs11Key(`${token.uri};object=a-present`, 'ecdsa-p256', signers)
    await expect(pkcs11Key(`${token.uri};object=absent`, signers)).rejects.toThrow(
      /"absent" in the token "plant".*"a-present"/,
    )
    await expect(pkcs11Key('pkcs11:token=other;object=a', signers)).rejects.toThrow(/offers "plant"/)
    await expect(generatePkcs11Key(`${token.uri};object=a-present`, 'ecdsa-p256', signers)).rejects.toThrow(/already/)
    await expect(pkcs11Key(`${token.uri};object=a?module-path=/nowhere/lib.so`, signers)).rejects.toThrow(UsageError)
    await expect(pkcs11Key(`${token.uri};object=a?module-path=/etc/hostname`, signers)).rejects.toThrow(
      /module \/etc\/hostname cannot be used/,
    )
  })

  test('two keys of one label are refused until the id says which', async () => {
    token.tool('--keypairgen', '--key-type', 'EC:prime256v1', '--label', 'twin', '--id', '01')
    token.tool('--keypairgen', '--key-type', 'EC:prime256v1', '--label', 'twin', '--id', '02')
    await expect(pkcs11Key(`${token.uri};object=twin`, signers)).rejects.toThrow(/2 private keys.*id=%01, id=%02/)
    const [first, second] = await Promise.all(
      ['01', '02'].map((id) => pkcs11Key(`${token.uri};object=twin;id=%${id}`, signers)),
    )
    expect(first?.publicKey).not.toEqual(second?.publicKey)
  })

  test('a wrong PIN is refused once and not tried again; a corrected file is', async () => {
    initialize('locked', 'right-pin')
    const file = join(token.directory, 'wrong')
    writeFileSync(file, 'wrong-pin\n', { mode: 0o600 })
    const uri = `pkcs11:token=locked;object=a?pin-source=file:${file}`
    const failure = await generatePkcs11Key(uri, 'ecdsa-p256', signers).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(NotAllowed)
    expect(String(failure)).not.toContain('wrong-pin')
    await expect(generatePkcs11Key(uri, 'ecdsa-p256', signers)).rejects.toThrow(NotAllowed)
    writeFileSync(file, 'right-pin\n')
    await expect(generatePkcs11Key(uri, 'ecdsa-p256', signers)).resolves.toMatchObject({ kind: 'ecdsa-p256' })
    chmodSync(file, 0o644)
    await signers[Symbol.asyncDispose]()
    await expect(pkcs11Key(uri, signers)).rejects.toThrow(/chmod 600/)
  })

  test('200 signatures at once are all good', async () => {
    const key = await generatePkcs11Key(`${token.uri};object=busy`, 'ecdsa-p256', signers)
    const messages = Array.from({ length: 200 }, (_, n) => Uint8Array.of(n))
    const signatures = await Promise.all(messages.map((message) => key.sign(message)))
    expect(
      signatures.every((signature, n) =>
        nodeCrypto.verify(key.publicKey, algorithms['ecdsa-p256'], Uint8Array.of(n), signature),
      ),
    ).toBe(true)
  })

  test('a signer that dies fails what it was asked, is started again once, and then stays down', async () => {
    const key = await generatePkcs11Key(`${token.uri};object=mortal`, 'rsa-2048', signers)
    const kill = async () => {
      const asked = Array.from({ length: 200 }, () => key.sign(data))
      // Only a signer that holds questions is worth killing.
      await Promise.race(asked)
      process.kill(signers.pids[0] ?? 0, 'SIGKILL')
      return await Promise.allSettled(asked)
    }
    const outcomes = await kill()
    const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []))
    expect(failures.length).toBeGreaterThan(0)
    for (const failure of failures) expect(failure).toMatchObject({ name: 'TransportError', code: 'closed' })
    expect(nodeCrypto.verify(key.publicKey, algorithms['rsa-2048'], data, await key.sign(data))).toBe(true)
    await kill()
    await expect(key.sign(data)).rejects.toThrow(/died twice/)
  })

  test('a key that was replaced behind our back signs nothing', async () => {
    const key = await generatePkcs11Key(`${token.uri};object=swapped`, 'ecdsa-p256', signers)
    await new Pkcs11KeyStore(token.uri, { prefix: '', signers }).delete('swapped')
    await expect(key.sign(data)).rejects.toThrow(UsageError)
    await generatePkcs11Key(`${token.uri};object=swapped`, 'ecdsa-p256', signers)
    await expect(key.sign(data)).rejects.toThrow(NotTrusted)
  })

  test('a store takes in no key that was made elsewhere, unless allowed', async () => {
    const store = new Pkcs11KeyStore(token.uri, { prefix: 'strict-', signers })
    await expect(store.put('a', await nodeCrypto.generateKey('ecdsa-p256'))).rejects.toThrow(/generate/)
    const made = await store.generate('a', 'ecdsa-p256')
    expect((await store.get('a'))?.publicKey).toEqual(made.publicKey)
    await expect(new Pkcs11KeyStore(token.uri, { allowImport: true, signers }).put('b', made)).rejects.toThrow(
      /stays there/,
    )
  })

  test.each(['ecdsa-p256', 'ecdsa-p521', 'rsa-2048'] as const)(
    'a store that may import takes in a key of kind %s',
    async (kind) => {
      const store = new Pkcs11KeyStore(token.uri, { prefix: 'taken-', allowImport: true, signers })
      const key = await nodeCrypto.generateKey(kind)
      await store.put(kind, key)
      const signature = await (await store.get(kind))?.sign(data)
      expect(nodeCrypto.verify(key.publicKey, algorithms[kind], data, signature ?? new Uint8Array())).toBe(true)
    },
  )

  test('the PIN is in no argument, environment or log, and the log says what was asked', async () => {
    const log = join(token.directory, 'signer.log')
    await using logged = new Signers({ log })
    const key = await generatePkcs11Key(`${token.uri};object=quiet`, 'ecdsa-p256', logged)
    await key.sign(data)
    const [pid] = logged.pids
    for (const file of ['cmdline', 'environ'])
      expect(readFileSync(`/proc/${pid}/${file}`, 'latin1')).not.toContain(token.pin)
    const lines = readFileSync(log, 'utf8')
    expect(lines).not.toContain(token.pin)
    expect(
      lines
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { ask: string }).ask),
    ).toEqual(['generate', 'sign'])
  })

  test('more signatures than allowed in a second are refused when they would wait too long', async () => {
    await using slow = new Signers({ signaturesPerSecond: 1 })
    const key = await generatePkcs11Key(`${token.uri};object=paced`, 'ecdsa-p256', slow)
    const asked = Array.from({ length: 14 }, () => key.sign(data))
    await expect(Promise.all(asked)).rejects.toThrow(/ask again later/)
  })

  test('a signer ends with the process that asked it, however that ends', async () => {
    await generatePkcs11Key(`${token.uri};object=orphan`, 'ecdsa-p256', signers)
    const script = `
      import { pkcs11Key, sharedSigners } from '@cordon/node/pkcs11'
      await pkcs11Key(${JSON.stringify(`${token.uri};object=orphan`)})
      console.log(sharedSigners().pids[0])
      setInterval(() => {}, 1000)`
    const parent = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      cwd: new URL('../../..', import.meta.url),
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const pid = Number(
      await new Promise<string>((done) => parent.stdout.once('data', (text: Buffer) => done(text.toString()))),
    )
    expect(readdirSync('/proc')).toContain(String(pid))
    parent.kill('SIGKILL')
    await expect.poll(() => readdirSync('/proc'), { timeout: 10_000 }).not.toContain(String(pid))
  })
})
