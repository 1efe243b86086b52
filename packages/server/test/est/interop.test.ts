import { spawn, spawnSync } from 'node:child_process'
import { connect, type ConnectionOptions } from 'node:tls'
import { deviceWishes, encodeRequestWishes, writeBasic } from '@cordon/core/enrollment'
import { decodeCertificate, decodeCertsOnly, decodeBase64, encodeBase64, encodePem } from '@cordon/core/x509'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { KeyKind } from '@cordon/core/crypto'
import type { EnrollmentAnswer } from '../../src/enrollment/service.ts'
import { hasOpenssl, OpensslDirectory } from '../../../core/test/x509/openssl.ts'
import { issuedFor, makeCredential, makeRequest, makeWorld, pemOf, type World } from './support.ts'

/** True where a command can be started; tests that need one are skipped elsewhere. */
function has(command: string): boolean {
  return spawnSync(command, ['--help']).error === undefined
}
/** Debian: curl. */
const hasCurl = has('curl')
/** Debian: strongswan-pki with libstrongswan-standard-plugins, for elliptic curves. */
const hasStrongswan = /plugins:.* openssl/.test(spawnSync('pki', ['--help'], { encoding: 'utf8' }).stdout ?? '')

interface Run {
  readonly code: number | null
  readonly stdout: Buffer
  readonly stderr: string
}

/** Runs a command beside the listener of this process, which must stay free to answer. */
function run(directory: OpensslDirectory, command: string, ...args: string[]): Promise<Run> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: directory.path, timeout: 60_000 })
    const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []]
    child.stdout.on('data', (piece: Buffer) => stdout.push(piece))
    child.stderr.on('data', (piece: Buffer) => stderr.push(piece))
    child.on('error', reject)
    child.on('close', (code) =>
      resolve({ code, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() }),
    )
    child.stdin.end()
  })
}

function url(world: World, path: string): string {
  return `https://${world.address}:${world.port}/.well-known/est${path}`
}

/** The trust anchors of a world as files, both forms. */
function writeAnchors(directory: OpensslDirectory, world: World): void {
  directory.write('root.pem', encodePem('CERTIFICATE', world.authority.root))
  directory.write('root.der', world.authority.root)
  directory.write('issuing.der', world.authority.issuing)
  directory.write('issuing.pem', encodePem('CERTIFICATE', world.authority.issuing))
}

const pendingOnce = (): (() => EnrollmentAnswer | undefined) => {
  let asked = 0
  return () => (++asked === 1 ? { kind: 'pending', retryAfterS: 1, reason: 'an administrator decides' } : undefined)
}

describe.skipIf(!hasOpenssl || !hasCurl)('curl and openssl', () => {
  let world: World
  let directory: OpensslDirectory

  beforeAll(async () => {
    world = await makeWorld()
    directory = new OpensslDirectory()
    writeAnchors(directory, world)
    directory.run(
      ...['req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=device'],
      ...['-keyout', 'key.pem', '-outform', 'DER', '-out', 'csr.der'],
    )
    directory.write('csr.b64', encodeBase64(directory.read('csr.der')))
  })

  afterAll(async () => {
    directory[Symbol.dispose]()
    await world[Symbol.asyncDispose]()
  })

  const curl = (...args: string[]) => run(directory, 'curl', '-sS', '--cacert', 'root.pem', ...args)
  const enroll = (operation: string, ...args: string[]) =>
    curl(
      '-D',
      'headers',
      '-o',
      'answer',
      '-H',
      'Content-Type: application/pkcs10',
      '--data-binary',
      '@csr.b64',
      ...args,
      url(world, `/${operation}`),
    )

  /** The certificates of the last answer, as OpenSSL reads the message. */
  function answered(): string {
    directory.write('answer.der', decodeBase64(Buffer.from(directory.read('answer')).toString()))
    const pem = directory.run('pkcs7', '-inform', 'DER', '-in', 'answer.der', '-print_certs')
    directory.write('issued.pem', pem)
    return pem
  }

  test('read cacerts and build a path with them', async () => {
    expect((await curl('-o', 'answer', url(world, '/cacerts'))).code).toBe(0)
    expect(answered().match(/BEGIN CERTIFICATE/g)?.length).toBe(2)
    expect(directory.run('verify', '-CAfile', 'root.pem', 'issuing.pem')).toContain('OK')
  })

  test('read csrattrs, and 204 where there are none', async () => {
    const status = () => curl('-o', 'answer', '-w', '%{http_code}', url(world, '/csrattrs'))
    expect((await status()).stdout.toString()).toBe('204')
    world.service.wishes = encodeRequestWishes(deviceWishes('ecdsa-p256'))
    expect((await status()).stdout.toString()).toBe('200')
    directory.write('attrs.der', decodeBase64(Buffer.from(directory.read('answer')).toString()))
    expect(directory.run('asn1parse', '-inform', 'DER', '-in', 'attrs.der')).toContain('id-ecPublicKey')
  })

  test('enroll with a password, wait while it is pending, and re-enroll with the certificate', async () => {
    world.service.decide = ({ basic }) =>
      basic?.password === 'correct horse' ? undefined : { kind: 'authenticate', reason: 'expected a user' }
    expect((await enroll('simpleenroll')).code).toBe(0)
    expect(Buffer.from(directory.read('headers')).toString()).toMatch(/401.*www-authenticate: Basic/is)

    const decide = pendingOnce()
    world.service.decide = ({ basic }) =>
      basic?.password === 'correct horse' ? decide() : { kind: 'denied', reason: 'wrong password' }
    await enroll('simpleenroll', '-u', 'line3:correct horse')
    expect(Buffer.from(directory.read('headers')).toString()).toMatch(/ 202 .*retry-after: 1\r/is)
    await enroll('simpleenroll', '-u', 'line3:correct horse')
    expect(answered()).toContain('BEGIN CERTIFICATE')
    expect(directory.run('verify', '-CAfile', 'root.pem', '-untrusted', 'issuing.pem', 'issued.pem')).toContain('OK')

    world.service.decide = ({ shown }) =>
      shown === undefined ? { kind: 'denied', reason: 'expected the certificate that is renewed' } : undefined
    await enroll('simplereenroll')
    expect(Buffer.from(directory.read('headers')).toString()).toMatch(/ 403 /)
    await enroll('simplereenroll', '--cert', 'issued.pem', '--key', 'key.pem')
    expect(answered()).toContain('BEGIN CERTIFICATE')
    const { shown } = world.service.asked.at(-1) ?? {}
    expect(shown?.intermediates).toEqual([world.authority.issuing])
  })
})

describe.skipIf(!hasStrongswan)('strongSwan', () => {
  test.each<KeyKind>(['ecdsa-p256', 'rsa-3072'])(
    'finds the CAs, enrolls, polls and re-enrolls under %s',
    async (kind) => {
      await using world = await makeWorld({ kind })
      using directory = new OpensslDirectory()
      writeAnchors(directory, world)
      const pki = async (...args: string[]) => {
        const done = await run(directory, 'pki', ...args)
        expect(done.stderr).not.toMatch(/failed to parse|parsing.*failed/)
        expect(done, done.stderr).toMatchObject({ code: 0 })
        return done.stdout
      }
      await pki(
        '--estca',
        '--url',
        `https://${world.address}:${world.port}`,
        '--cacert',
        'root.der',
        '--cacert',
        'issuing.der',
        '--caout',
        'ca.der',
      )

      const [type, size] = kind === 'rsa-3072' ? ['rsa', '2048'] : ['ecdsa', '256']
      const newRequest = async (name: string) => {
        directory.write(`${name}.key`, await pki('--gen', '--type', type, '--size', size))
        directory.write(`${name}.csr`, await pki('--req', '--type', 'priv', '--in', `${name}.key`, '--dn', 'CN=device'))
      }
      const est = (name: string, ...args: string[]) =>
        pki(
          '--est',
          '--url',
          `https://${world.address}:${world.port}`,
          '--cacert',
          'root.der',
          '--cacert',
          'issuing.der',
          '--in',
          `${name}.csr`,
          '--interval',
          '1',
          '--maxpolltime',
          '30',
          ...args,
        )

      await newRequest('first')
      world.service.decide = pendingOnce()
      directory.write('first.der', await est('first', '--userpass', 'line3:correct horse'))
      expect(world.service.asked.length).toBeGreaterThanOrEqual(2)
      expect(world.service.asked.at(-1)?.basic).toEqual({ name: 'line3', password: 'correct horse' })
      const first = decodeCertificate(directory.read('first.der'))
      expect(first.publicKey).toEqual(world.service.asked.at(-1)?.request.publicKey)

      await newRequest('second')
      const renewed = await est('second', '--cert', 'first.der', '--key', 'first.key')
      const last = world.service.asked.at(-1)
      expect(last?.operation).toBe('simplereenroll')
      expect(last?.shown?.leaf.der).toEqual(first.der)
      expect(decodeCertificate(new Uint8Array(renewed)).publicKey).toEqual(last?.request.publicKey)
    },
  )
})

describe('the dialects of clients that are not installed here', () => {
  let world: World

  beforeAll(async () => {
    world = await makeWorld({ kind: 'rsa-3072' })
  })

  afterAll(async () => {
    await world[Symbol.asyncDispose]()
  })

  /** Sends exact bytes over TLS and gives head and body of the answer. */
  async function exchange(message: string, tls: ConnectionOptions): Promise<{ head: string; body: string }> {
    const ca = encodePem('CERTIFICATE', world.authority.root)
    const socket = connect({ host: world.address, port: world.port, ca, ...tls })
    socket.write(message)
    let got = ''
    for await (const piece of socket) got += String(piece)
    const end = got.indexOf('\r\n\r\n')
    return { head: got.slice(0, end), body: got.slice(end + 4) }
  }

  test('libest: TLS 1.2, LF every 64, and an answer in lines', async () => {
    const { key, csr } = await makeRequest()
    const body = `${encodeBase64(csr).replace(/.{1,64}/g, '$&\n')}`
    const credential = await makeCredential(world.authority, 'unit')
    const { head, body: answer } = await exchange(
      `POST /.well-known/est/simpleenroll HTTP/1.1\r\nUser-Agent: libest 1.0\r\nConnection: close\r\nHost: ${world.address}:${world.port}\r\nAccept: */*\r\nContent-Type: application/pkcs10\r\nAuthorization: ${writeBasic({ name: 'a', password: 'b' })}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      { maxVersion: 'TLSv1.2', ...pemOf(credential) },
    )
    expect(head).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
    expect(head).toMatch(/content-type: application\/pkcs7-mime; smime-type=certs-only/i)
    const lines = answer.split('\n')
    expect(lines.pop()).toBe('')
    expect(lines.slice(0, -1).every((line) => line.length === 64)).toBe(true)
    expect(issuedFor(key, decodeCertsOnly(decodeBase64(answer)))).toBeDefined()
  })

  test('GlobalSign: TLS 1.3, chunks, CRLF every 76, a transfer encoding', async () => {
    const { key, csr } = await makeRequest()
    const body = encodeBase64(csr).replace(/.{76}/g, '$&\r\n')
    const { head, body: answer } = await exchange(
      `POST /.well-known/est/simpleenroll HTTP/1.1\r\nHost: ${world.address}:${world.port}\r\nUser-Agent: Go-http-client/1.1\r\nTransfer-Encoding: chunked\r\nAccept: application/pkcs7-mime\r\nContent-Transfer-Encoding: base64\r\nContent-Type: application/pkcs10\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
      { minVersion: 'TLSv1.3' },
    )
    expect(head).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
    expect(head).toMatch(/content-transfer-encoding: base64/i)
    expect(issuedFor(key, decodeCertsOnly(decodeBase64(answer)))).toBeDefined()
  })
})
