import { decodeCertificate, decodePem, encodePem, fingerprint } from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'
import { destroyStore } from '@cordon/server/store'
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasOpenssl, OpensslDirectory } from '../../packages/core/test/x509/openssl.ts'
import { makeSoftToken, noSoftToken, type SoftToken } from '../../packages/node/test/keys/pkcs11/soft-token.ts'
import { testAddress } from '../interop/address.ts'
import { cordon, cordonPath, type RunOptions } from './cli.ts'

if (noSoftToken !== false) console.warn(`an authority in hardware is not tested from the command line: ${noSoftToken}`)

const address = testAddress(40)
const plant = `version: 1
plant: vault
manager: Manager
authority: { key: "pkcs11:token=plant", kind: ecdsa-p256 }
nonSecure: allow
zones:
  line: { authentication: certificate, messaging: confidentiality, io: integrity }
devices:
  Manager: { address: ${address}, zone: line, role: originator, io: deny }
`
/** Days from now, as a rules file has them. */
const moment = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString().replace(/\.\d+/, '')
const rules = `version: 1
labels:
  default: { globalGrant: { from: ${moment(-1)}, until: ${moment(5)} } }
unlisted: { default: operations }
`

/** `cordon est serve` in a process of its own. */
async function serve(
  directory: string,
  environment: NodeJS.ProcessEnv,
): Promise<{ readonly at: string; readonly child: ChildProcess }> {
  const args = [
    'est',
    'serve',
    'plant.yaml',
    '--rules',
    'rules.yaml',
    '--listen',
    `${address}:0`,
    '--no-announce',
    '--no-push',
  ]
  const child = spawn(process.execPath, [cordonPath, ...args, '--output', 'json'], { cwd: directory, env: environment })
  let stdout = ''
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const port = await new Promise<number>((done, fail) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
      const [, found] = /"port": *(\d+)/.exec(stdout) ?? []
      if (found !== undefined) done(Number(found))
    })
    child.once('close', (status) => fail(new Error(`the service did not come up (${status}):\n${stdout}${stderr}`)))
  })
  return { at: `${address}:${port}`, child }
}

async function stopped(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null) return child.exitCode
  const end = new Promise<number | null>((done) => child.once('close', done))
  child.kill('SIGINT')
  return await end
}

describe.skipIf(noSoftToken !== false || !hasOpenssl)('an authority whose keys lie in a token', () => {
  let token: SoftToken
  let work = ''

  beforeAll(async () => {
    token = makeSoftToken()
    work = await mkdtemp(join(tmpdir(), 'cordon-hardware-'))
    await writeFile(join(work, 'plant.yaml'), plant)
    await writeFile(join(work, 'rules.yaml'), rules)
  })
  afterAll(async () => {
    token.remove()
    for (const name of ['state', 'other']) await destroyStore({ state: join(work, name) })
    await rm(work, { recursive: true, force: true })
  })

  const environment = (more: Readonly<Record<string, string>> = {}) => ({
    CORDON_STATE: join(work, 'state'),
    CORDON_PKCS11_PIN_FILE: token.pinFile,
    SOFTHSM2_CONF: join(token.directory, 'softhsm2.conf'),
    CORDON_PKCS11_LOG: join(work, 'signer.log'),
    ...more,
  })
  const run = (args: readonly string[], options: RunOptions = {}) =>
    cordon(args, { directory: work, environment: environment(), ...options })
  const signatures = async () =>
    (await readFile(join(work, 'signer.log'), 'utf8')).split('\n').filter((line) => line.includes('"sign"')).length

  it('refuses a wrong PIN after one try and makes nothing', async () => {
    const pin = join(work, 'wrong-pin')
    await writeFile(pin, 'nonsense\n', { mode: 0o600 })
    const { status, stdout, stderr } = await run(['ca', 'init', '--plant', 'plant.yaml'], {
      environment: environment({ CORDON_PKCS11_PIN_FILE: pin, CORDON_STATE: join(work, 'other') }),
    })
    expect(stderr).toMatch(/PIN/)
    expect(stderr).not.toContain('nonsense')
    expect({ status, stdout }).toEqual({ status: 4, stdout: '' })
    expect(await readFile(join(work, 'signer.log'), 'utf8')).toMatch(/^[^\n]*\n$/)
  })

  it('is made there, signs for the enrollment service there, and after a restart still does', async () => {
    const made = await run(['ca', 'init', '--plant', 'plant.yaml'])
    expect(made.status, made.stderr).toBe(0)
    const shown = await run(['ca', 'show', '--output', 'json'])
    const { authorities } = JSON.parse(shown.stdout)
    expect(authorities.length).toBeGreaterThan(1)
    for (const authority of authorities) expect(authority).toMatchObject({ inHardware: true })
    const keys = token.tool('--list-objects', '--type', 'privkey').match(/cordon-vault-/g)
    expect(keys).toHaveLength(authorities.length)
    const [{ fingerprint: root }] = authorities
    for (const name of ['historian', 'panel']) {
      const before = await signatures()
      const { at, child } = await serve(work, {
        PATH: process.env['PATH'],
        HOME: process.env['HOME'],
        ...environment(),
      })
      try {
        const enrolled = await run(['est', 'enroll', at, '--name', name, '--fingerprint', root], {
          environment: { CORDON_STATE: join(work, 'client') },
        })
        expect(enrolled.status, enrolled.stderr).toBe(0)
      } finally {
        expect(await stopped(child)).toBe(0)
      }
      expect(await signatures()).toBeGreaterThan(before)
      const read = (suffix: string) => readFile(join(work, `${name}.${suffix}.pem`), 'utf8')
      using openssl = new OpensslDirectory()
      for (const suffix of ['cert', 'chain']) openssl.write(suffix, await read(suffix))
      const anchor = decodePem(await read('authorities')).find(
        ({ bytes }) => fingerprint(nodeCrypto, decodeCertificate(bytes).der) === root,
      )
      openssl.write('root', encodePem('CERTIFICATE', anchor?.bytes ?? new Uint8Array()))
      expect(openssl.run('verify', '-x509_strict', '-CAfile', 'root', '-untrusted', 'chain', 'cert')).toContain(
        'cert: OK',
      )
    }
  }, 180_000)
})
