import { pendingAnswer, refusalAnswer } from '@cordon/core/enrollment'
import { decodeCertificate, decodePem, fingerprint } from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { EstAuthority, EstTestServer, honest, host } from '../../node/test/est/est-server.ts'
import { advertise } from '../../node/src/mdns/index.ts'
import { run as discover } from '../src/commands/est-discover.ts'
import { type EnrollFlags, run as enroll } from '../src/commands/est-enroll.ts'
import { exitCodes } from '../src/exit-codes.ts'
import { testOutput } from './test-output.ts'
import { testProgram } from './tree.ts'

let directory: string
let plant: EstAuthority
let trust: string
let sha256: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cordon-est-'))
  plant = await EstAuthority.make('plant')
  trust = join(directory, 'root.pem')
  await writeFile(trust, pem('CERTIFICATE', plant.certificate))
  sha256 = fingerprint(nodeCrypto, plant.certificate)
})
afterAll(() => rm(directory, { recursive: true }))

const open: AsyncDisposable[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]()
})

async function serve(...args: Parameters<typeof EstTestServer.start>): Promise<EstTestServer> {
  const server = await EstTestServer.start(...args)
  open.push(server)
  return server
}

function pem(label: string, der: Uint8Array): string {
  return `-----BEGIN ${label}-----\n${Buffer.from(der).toString('base64')}\n-----END ${label}-----\n`
}

/** Runs the command against a server; its result as a program reads it. */
async function enrolling(port: number, flags: Partial<EnrollFlags> & { readonly name: string }, signal?: AbortSignal) {
  const { output, stdout, stderr } = testOutput({ format: 'json' })
  const context = {
    output,
    settings: {},
    state: join(directory, 'state'),
    program: testProgram(),
    signal: signal ?? new AbortController().signal,
  }
  const all = { directory: join(directory, 'certificates'), wait: '0', ...flags }
  const exit = enroll(context, all, `${host}:${port}`)
  const code = await exit
  return { code, stderr: stderr(), result: stdout() === '' ? undefined : JSON.parse(stdout()) }
}

const certificateOf = async (file: string) =>
  decodeCertificate(decodePem(await readFile(file, 'latin1'))[0]?.bytes ?? new Uint8Array())

describe('cordon est enroll', () => {
  test('shows whose fingerprint an unknown server has and the command that believes it, and leaves nothing', async () => {
    const server = await serve(plant)
    const refused = enrolling(server.port, { name: 'unknown', wait: '60', address: ['127.72.0.5'] })
    await expect(refused).rejects.toMatchObject({ code: 'unknown-authority' })
    const directoryText = join(directory, 'certificates')
    await expect(refused).rejects.toThrow(
      `cordon est enroll ${host}:${server.port} --name unknown --fingerprint ${sha256} --directory ${directoryText} --wait 60 --address 127.72.0.5`,
    )
    expect(server.heard.map(({ operation }) => operation)).toEqual(['cacerts'])
    expect((await readdir(directoryText)).filter((name) => name.startsWith('unknown'))).toEqual([])
  })

  test('writes certificate, chain, authorities and key, and does nothing while they are good', async () => {
    const server = await serve(plant)
    const { code, result } = await enrolling(server.port, { name: 'panel', fingerprint: sha256.toUpperCase() })
    expect(code).toBe(exitCodes.ok)
    expect(result).toMatchObject({ outcome: 'enrolled', subject: 'CN=device', issuer: 'CN=plant' })
    expect((await stat(result.files.key)).mode & 0o777).toBe(0o600)
    expect((await certificateOf(result.files.certificate)).serial).toBe(result.serial)
    expect(server.heard.at(-1)?.request?.subject.parts.flat()[0]?.value).toBe('panel')
    server.heard.length = 0
    // Whom to believe is known from now on.
    expect(await enrolling(server.port, { name: 'panel' })).toMatchObject({
      code: 0,
      result: { serial: result.serial },
    })
    expect(server.heard).toEqual([])
    const renewed = await enrolling(server.port, { name: 'panel', renew: true })
    expect(renewed.result.serial).not.toBe(result.serial)
    expect(server.heard.at(-1)).toMatchObject({ operation: 'simplereenroll', client: 'CN=device' })
  })

  test('takes no other server once it has an authority', async () => {
    const server = await serve(plant)
    await enrolling(server.port, { name: 'loyal', trust })
    const rogue = await serve(await EstAuthority.make('plant'))
    await expect(enrolling(rogue.port, { name: 'loyal', renew: true })).rejects.toMatchObject({
      code: 'unknown-authority',
    })
    expect(rogue.heard).toEqual([])
  })

  test('leaves with exit code 3 while the request waits, and the same command fetches the certificate', async () => {
    let isApproved = false
    const server = await serve(plant, async (heard, response) =>
      heard.operation === 'simpleenroll' && !isApproved
        ? pendingAnswer(3600, 'an administrator decides')
        : await honest(plant)(heard, response),
    )
    const first = await enrolling(server.port, { name: 'pending', trust })
    expect(first).toMatchObject({ code: exitCodes.partly, result: { outcome: 'pending', server: { host } } })
    const key = server.heard.at(-1)?.request?.publicKey ?? new Uint8Array()
    expect(first.result.key).toBe(fingerprint(nodeCrypto, key))
    isApproved = true
    expect(await enrolling(server.port, { name: 'pending', trust })).toMatchObject({ code: exitCodes.ok })
    expect(server.heard.at(-1)?.request?.publicKey).toEqual(key)
  })

  test('shows a provisioning certificate, and tells a password that is asked for', async () => {
    const vendor = await (await EstAuthority.make('vendor')).identity('CN=provisioning')
    const files = ['certificate', 'key', 'password'].map((name) => join(directory, name))
    const [certificate = '', key = '', passwordFile = ''] = files
    await writeFile(certificate, pem('CERTIFICATE', vendor.der))
    await writeFile(key, pem('PRIVATE KEY', vendor.pkcs8))
    await writeFile(passwordFile, 'open sesame\n')
    const authorization = `Basic ${Buffer.from('panel:open sesame').toString('base64')}`
    const server = await serve(plant, async (heard, response) =>
      heard.operation === 'simpleenroll' && heard.headers.authorization !== authorization
        ? refusalAnswer('authenticate', 'who are you?')
        : await honest(plant)(heard, response),
    )
    const flags = { name: 'proven', certificate, key, user: 'panel', passwordFile }
    const { code, stderr, result } = await enrolling(server.port, { ...flags, trust })
    expect(code).toBe(exitCodes.ok)
    expect(server.heard.at(-1)?.client).toBe('CN=provisioning')
    expect(stderr + JSON.stringify(result)).not.toContain('sesame')
    await expect(enrolling(server.port, { ...flags, name: 'p', provisional: true })).rejects.toThrow(/password is told/)
    await expect(enrolling(server.port, { name: 'p', key, trust })).rejects.toThrow(/belong together/)
    await expect(enrolling(server.port, { name: 'p', certificate: trust, key, trust })).rejects.toThrow(/not the key/)
  })

  test.each([
    ['requestRejected', 403, 'refused'],
    ['httpError', 500, 'unexpected-reply'],
  ])('ends with an error of its kind: %s', async (_, status, code) => {
    const server = await serve(plant, async (heard, response) =>
      heard.operation === 'simpleenroll' ? { status, headers: {}, body: 'no' } : await honest(plant)(heard, response),
    )
    await expect(enrolling(server.port, { name: `failed-${status}`, trust })).rejects.toMatchObject({ code })
  })

  test('believes whoever answers only when told so, and says what that means', async () => {
    const server = await serve(plant)
    const { code, stderr, result } = await enrolling(server.port, { name: 'trusting', provisional: true })
    expect(code).toBe(exitCodes.ok)
    expect(stderr).toContain('nothing vouched for this server')
    expect(result.authorities).toEqual([{ name: 'CN=plant', fingerprint: sha256 }])
  })

  test('leaves nothing half done when it is stopped', async () => {
    const server = await serve(plant, (heard, response) =>
      heard.operation === 'simpleenroll' ? undefined : honest(plant)(heard, response),
    )
    const stop = new AbortController()
    const stopped = enrolling(server.port, { name: 'stopped', trust }, stop.signal)
    const rejection = expect(stopped).rejects.toMatchObject({ code: 'aborted' })
    await vi.waitFor(() => expect(server.heard.at(-1)?.operation).toBe('simpleenroll'), { timeout: 5_000 })
    stop.abort()
    await rejection
    const left = (await readdir(join(directory, 'certificates'))).filter((name) => name.includes('stopped'))
    expect(left).toEqual(['stopped.pull'])
    const key = server.heard.at(-1)?.request?.publicKey
    server.behave = honest(plant)
    expect(await enrolling(server.port, { name: 'stopped', trust })).toMatchObject({ code: exitCodes.ok })
    expect(server.heard.at(-1)?.request?.publicKey).toEqual(key)
  })

  test('stays and keeps its certificate fresh when told to', async () => {
    let days: readonly [number, number] = [-200, 100]
    const server = await serve(plant, async (heard, response) => {
      if (heard.request === undefined) return await honest(plant)(heard, response)
      const short = await plant.sign(heard.request.publicKey, 'CN=device', { days })
      const { certificatesAnswer } = await import('@cordon/core/enrollment')
      days = [-1, 300]
      return certificatesAnswer('simpleenroll', [short])
    })
    const stop = new AbortController()
    const kept = enrolling(server.port, { name: 'kept', trust, keep: true }, stop.signal)
    // The first is due for renewal at once.
    await vi.waitFor(() => expect(server.heard.at(-1)?.operation).toBe('simplereenroll'), { timeout: 5_000 })
    setTimeout(() => stop.abort(), 200)
    expect(await kept).toMatchObject({ code: exitCodes.ok, result: { outcome: 'enrolled' } })
  })

  test('replaces no files of another command, and refuses what makes no sense', async () => {
    const other = join(directory, 'certificates', 'other.key.pem')
    await writeFile(other, 'somebody’s key')
    await expect(enrolling(1, { name: 'other', trust })).rejects.toThrow(/other\.key\.pem exists/)
    await expect(enrolling(1, { name: '../x', trust })).rejects.toMatchObject({ code: 'bad-value' })
    await expect(enrolling(1, { name: 'x', fingerprint: 'ab' })).rejects.toMatchObject({ code: 'bad-option' })
    await expect(enrolling(1, { name: 'x', trust: other })).rejects.toMatchObject({ code: 'bad-value' })
    await expect(enrolling(1, { name: 'x', trust, renew: true })).rejects.toThrow(/no certificate to renew/)
    await expect(enrolling(1, { name: 'x', trust })).rejects.toMatchObject({ code: 'unreachable' })
  })
})

describe('cordon est discover', () => {
  test('lists what is announced, and says that nothing of it is proven', async () => {
    // A name of this process alone: other test runs of this machine speak on the same loopback.
    const subtype = `_d${process.pid}`
    await using _announced = advertise({
      host: `est-${process.pid}`,
      interfaces: ['127.0.0.1'],
      services: [{ instance: 'Plant EST', subtypes: [subtype], port: 8444, text: { txtvers: '1', label: 'cell3' } }],
    })
    let text = ''
    let notes = ''
    // Names are probed for before they are announced, so the first look may come too early.
    for (let look = 0; look < 5 && !text.includes('Plant EST'); look++) {
      const { output, stdout, stderr } = testOutput({ width: 200 })
      const { signal } = new AbortController()
      const context = { output, settings: {}, state: directory, program: testProgram(), signal }
      await discover(context, { wait: '2', interface: ['127.0.0.1'], subtype })
      text = stdout()
      notes = stderr()
    }
    expect(text).toMatch(/lo +Plant EST +est-\d+\.local +8444 +cell3 +127\.0\.0\.1 +120 s/)
    expect(notes).toContain('nothing of this is proven')
  })
})
