import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { buildRequest, decodeCertsOnly, encodeBase64, parseName } from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'
import { destroyStore } from '@cordon/server/store'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { testAddress } from '../interop/address.ts'
import { cordon, type Ended, type RunOptions } from './cli.ts'
import { type Answer, CurlClient, openssl, pemsOf, rootsOf, type RunningEst, startEst } from './est-service.ts'

const manager = testAddress(2)
const base = `https://${manager}:8444/.well-known/est`
const password = 'correct horse battery staple'

const plantText = `version: 1
plant: line
authority: { key: ecdsa-p256, subject: { organization: Example Works } }
manager: Manager
zones:
  line: { authentication: certificate, messaging: confidentiality, io: integrity, nonSecure: allow }
devices:
  Press: { address: ${testAddress(10)}, zone: line }
  Manager: { address: ${manager}, zone: line, role: originator, io: deny }
`

const hour = 3_600_000
const at = (ms: number): string => `${new Date(Date.now() + ms).toISOString().slice(0, 19)}Z`

/** `more`: labels besides. */
const rulesText = (more = ''): string => `version: 1
accounts:
  crew: { most: 3 }
provisioning:
  cards: { anchors: [cards], use: once }
labels:
  default: { administrator: {} }
  crew: { password: { accounts: [crew] } }
  card: { provisioningCertificate: { authorities: [cards] } }
  lab: { globalGrant: { from: ${at(-hour)}, until: ${at(4 * hour)} } }
${more}unlisted: { default: operations, crew: operations, card: operations, lab: operations }
`

interface Entry {
  readonly id: number
  readonly state: string
  readonly subject: string
  readonly key: string
  readonly serial: string | null
}

interface Shown {
  readonly store: { readonly pid: number }
  readonly certificates: readonly { readonly serial: string; readonly name: string; readonly status: string }[]
}

/** One service serves all tests, in their order; some of them end it and start it again. */
describe('the enrollment service', () => {
  let work = ''
  let root = ''
  let est: RunningEst
  const state = (name = 'state'): string => join(work, name)
  const files = ['plant.yaml', '--rules', 'enrollment.yaml']

  const run = (args: readonly string[], options: RunOptions = {}, of = 'state'): Promise<Ended> =>
    cordon(args, { directory: work, ...options, environment: { CORDON_STATE: state(of) } })

  /** The document of a command that must end well. */
  async function document<T>(args: readonly string[], options: RunOptions = {}, of = 'state'): Promise<T> {
    const { status, stdout, stderr } = await run([...args, '--output', 'json'], options, of)
    expect(status, stderr).toBe(0)
    return JSON.parse(stdout) as T
  }

  const show = async (of = 'state'): Promise<Shown> => await document<Shown>(['ca', 'show'], {}, of)
  const named = async (name: string): Promise<Shown['certificates']> =>
    (await show()).certificates.filter((each) => each.name === name)
  const entries = async (): Promise<readonly Entry[]> =>
    (await document<{ enrollments: Entry[] }>(['enrollment', 'list', '--all', '--limit', '1000'])).enrollments
  const client = async (name: string, host: number): Promise<CurlClient> =>
    await new CurlClient(join(work, 'clients'), name, base, testAddress(host)).ask()
  const verified = async (file: string, trust = root): Promise<string> =>
    await openssl('verify', '-CAfile', trust, '-untrusted', file, file)

  async function granted(one: CurlClient, answer: Answer): Promise<string> {
    expect({ status: answer.status, problem: answer.problem }, answer.body).toEqual({ status: 200, problem: '' })
    return await one.keep(answer)
  }

  beforeAll(async () => {
    work = await mkdtemp(join(tmpdir(), 'cordon-est-'))
    for (const name of ['clients', 'anchors']) await mkdir(join(work, name))
    await writeFile(join(work, 'plant.yaml'), plantText)
    await writeFile(join(work, 'enrollment.yaml'), rulesText())
    await document(['ca', 'init', '--plant', 'plant.yaml'])
    await document([
      'enrollment',
      'provisioning',
      'issue',
      'card1',
      'card2',
      '--directory',
      'cards',
      '--authority',
      'cards',
    ])
    const anchor = await run(['enrollment', 'provisioning', 'anchor', '--authority', 'cards'])
    await writeFile(join(work, 'anchors', 'cards.pem'), anchor.stdout)
    await document(['enrollment', 'account', 'set', 'crew', '--new-password-file', '-'], { input: password })
    est = await startEst(files, work, state())
    const nobody = new CurlClient(join(work, 'clients'), 'cas', base, testAddress(20))
    const answer = await nobody.get('cacerts', undefined)
    const [found] = await rootsOf(await nobody.keep(answer))
    root = found ?? ''
  })

  afterAll(async () => {
    await est?.stop()
    for (const name of ['state', 'restored']) await destroyStore({ state: state(name) })
    await rm(work, { recursive: true, force: true })
  })

  it('tells its CAs, whose root has the fingerprint that it shows, and stands in the status', async () => {
    const shown = await openssl('x509', '-in', root, '-noout', '-fingerprint', '-sha256')
    expect(shown.trim().split('=')[1]?.replaceAll(':', '').toLowerCase()).toBe(est.ready.rootFingerprint)
    expect(await document(['est', 'status'])).toMatchObject({
      listeners: [{ plant: 'line', pid: est.ready.pid, rules: join(work, 'enrollment.yaml') }],
    })
  })

  describe('asked by curl and openssl', () => {
    it('wants the password of an account, and gives a certificate that openssl verifies', async () => {
      const panel = await client('panel', 21)
      expect(await panel.enroll('crew', root)).toMatchObject({ status: 401 })
      const config = panel.file('conf')
      await writeFile(config, `user = "crew:${password}"\n`, { mode: 0o600 })
      const file = await granted(panel, await panel.enroll('crew', root, ['-K', config]))
      expect(await verified(file)).toContain(': OK')
      const [own, key] = await Promise.all([
        openssl('x509', '-in', file, '-noout', '-pubkey'),
        openssl('pkey', '-in', panel.file('key.pem'), '-pubout'),
      ])
      expect(own).toBe(key)
      // A renewal asks for what the certificate says, as RFC 7030 4.2.2 wants it.
      const again = panel.file('again')
      const made = ['-x509toreq', '-copy_extensions', 'copy', '-in', file, '-signkey', panel.file('key.pem')]
      await openssl('x509', ...made, '-out', again)
      const renewed = await panel.get('crew/simplereenroll', root, [
        ...['--cert', file, '--key', panel.file('key.pem')],
        ...['-H', 'Content-Type: application/pkcs10', '--data-binary', `@${again}`],
      ])
      expect(await verified(await granted(panel, renewed))).toContain(': OK')
    })

    it('lets a request wait until an administrator approves it', async () => {
      const drive = await client('drive', 22)
      const waits = await drive.enroll('', root)
      expect(waits.status).toBe(202)
      expect(waits.head).toMatch(/^Retry-After: \d+$/m)
      const [entry] = (await entries()).filter(({ subject }) => subject === 'CN=drive')
      expect(entry?.state).toBe('pending')
      await document(['enrollment', 'approve', String(entry?.id), '--reason', 'installed'])
      expect(await verified(await granted(drive, await drive.enroll('', root)))).toContain(': OK')
    })

    it('gives one certificate for the same request, asked 50 times at once', async () => {
      const many = await client('many', 23)
      const answers = await Promise.all(Array.from({ length: 50 }, () => many.enroll('lab', root)))
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
      expect(new Set(answers.map(({ body }) => body)).size).toBe(1)
      expect(await named('many')).toHaveLength(1)
    })
  })

  it('lets a provisioning certificate enroll one key, until it is revoked, and lists what came of it', async () => {
    const card = (name: string): string[] => {
      const file = (suffix: string): string => join(work, 'cards', `${name}.${suffix}.pem`)
      return ['--cert', file('chain'), '--key', file('key')]
    }
    const [first, second, third] = [await client('first', 24), await client('second', 25), await client('third', 26)]
    const file = await granted(first, await first.enroll('card', root, card('card1')))
    expect((await second.enroll('card', root, card('card1'))).status).toBe(403)
    expect((await first.enroll('card', root, card('card1'))).status).toBe(200)
    await document(['enrollment', 'provisioning', 'revoke', 'card2', '--reason', 'lost', '--yes'])
    expect((await third.enroll('card', root, card('card2'))).status).toBe(403)
    const { certificates } = await document<{ certificates: { device: string; status: string; serial: string }[] }>([
      'enrollment',
      'issued',
      'card1',
      '--revoke-issued',
      '--yes',
    ])
    expect(certificates).toMatchObject([{ device: 'first', status: 'revoked' }])
    const { stdout } = await run(['ca', 'crl', 'operations'])
    const list = join(work, 'operations.crl.pem')
    await writeFile(list, stdout)
    const crl = await openssl('crl', '-in', list, '-noout', '-text')
    expect(crl).toContain(certificates[0]?.serial.toUpperCase())
    const chain = (await readFile(file, 'utf8')) + (await readFile(root, 'utf8'))
    await writeFile(first.file('chain.pem'), chain)
    expect(await openssl('crl', '-in', list, '-noout', '-CAfile', first.file('chain.pem'))).toContain('verify OK')
    const check = ['verify', '-crl_check', '-CRLfile', list, '-CAfile', root]
    expect(await openssl(...check, '-untrusted', file, file)).toContain('certificate revoked')
    const other = join(work, 'clients', 'drive.cert.pem')
    expect(await openssl(...check, '-untrusted', other, other)).toContain(': OK')
  }, 120_000)

  it('keeps the rules before while their file is broken, and takes the mended ones', async () => {
    const path = join(work, 'enrollment.yaml')
    const [before, after] = [await client('before', 27), await client('after', 28)]
    const more = `  night: { globalGrant: { from: ${at(-hour)}, until: ${at(4 * hour)} } }\n`
    await writeFile(path, `${rulesText(more)}unlisted: [\n`)
    const until = Date.now() + 30_000
    while (!/enrollment\.yaml/.test(est.log()) && Date.now() < until) {
      expect((await before.enroll('lab', root)).status).toBe(200)
      await sleep(500)
    }
    expect(est.log()).toMatch(/warning: .*enrollment\.yaml/)
    expect((await after.enroll('night', root)).status).toBe(404)
    await writeFile(path, rulesText(more).replace('lab: operations }', 'lab: operations, night: operations }'))
    await expect
      .poll(
        async () => {
          await before.enroll('lab', root)
          return (await after.enroll('night', root)).status
        },
        { timeout: 30_000, interval: 500 },
      )
      .toBe(200)
  })

  it('is enrolled with by "cordon est enroll" once its authority was looked at', async () => {
    const line = [
      'est',
      'enroll',
      `${manager}:8444`,
      '--name',
      'historian',
      '--label',
      'lab',
      '--directory',
      'historian',
    ]
    const told = await run([...line, '--from', testAddress(29)], {}, 'other')
    expect(told.status).toBe(4)
    expect(told.stderr).toContain(est.ready.rootFingerprint)
    const [, next = ''] = /^ {2}(cordon est enroll .*)$/m.exec(told.stderr) ?? []
    const enrolled = await run([...next.split(' ').slice(1), '--output', 'json'], {}, 'other')
    expect(enrolled.status, enrolled.stderr).toBe(0)
    const result = JSON.parse(enrolled.stdout) as { files: { certificate: string; chain: string } }
    expect(
      await openssl('verify', '-CAfile', root, '-untrusted', result.files.chain, result.files.certificate),
    ).toContain(': OK')
  })

  it('cannot be started with what is wrong, and says where and what to do', async () => {
    await writeFile(join(work, 'broken.yaml'), 'version: 1\nlabels: { default: { vendorCertificat: {} } }\n')
    await writeFile(join(work, 'homeless.yaml'), plantText.replace(`address: ${manager}, `, ''))
    const serve = async (plant: string, rules: string, ...more: string[]): Promise<Ended> =>
      await run(['est', 'serve', plant, '--rules', rules, '--no-announce', '--no-push', ...more])
    const cases = [
      { of: serve('nowhere.yaml', 'enrollment.yaml'), status: 2, says: /nowhere\.yaml.*give the path/ },
      { of: serve('broken.yaml', 'enrollment.yaml'), status: 2, says: /broken\.yaml:\d+:\d+: / },
      { of: serve('homeless.yaml', 'enrollment.yaml'), status: 2, says: /homeless\.yaml:\d+:\d+: .*no address/ },
      { of: serve('plant.yaml', 'broken.yaml'), status: 2, says: /broken\.yaml:2:\d+: .*vendorCertificat/ },
      { of: serve('plant.yaml', 'enrollment.yaml'), status: 1, says: /port 8444 is taken; name another, or stop/ },
      { of: serve('plant.yaml', 'enrollment.yaml', '--listen', '192.0.2.9'), status: 1, says: /an address of this/ },
      { of: serve('plant.yaml', 'enrollment.yaml', '--listen', 'eth0'), status: 2, says: /--listen: expected ADDRESS/ },
    ]
    for (const { of, status, says } of cases) {
      const ended = await of
      expect(ended.stderr).toMatch(says)
      expect({ status: ended.status, stdout: ended.stdout }).toEqual({ status, stdout: '' })
    }
  })

  it('brings its database back when that is killed; until then it issues nothing', async () => {
    const late = await client('late', 30)
    process.kill((await show()).store.pid, 'SIGKILL')
    const statuses: number[] = []
    await expect
      .poll(
        async () => {
          const { status } = await late.enroll('lab', root)
          statuses.push(status)
          return status
        },
        { timeout: 60_000, interval: 300 },
      )
      .toBe(200)
    expect(statuses.slice(0, -1).filter((status) => status !== 503)).toEqual([])
    expect(await named('late')).toHaveLength(1)
  })

  it('killed while 40 clients enroll issues nothing twice and loses nothing', { timeout: 180_000 }, async () => {
    const ca = await readFile(root, 'utf8')
    const received = new Map<string, Set<string>>()
    const keys: { readonly name: string; readonly from: string; readonly body: string }[] = []
    const clients = Array.from({ length: 40 }, (_, index) => storm(index))
    async function storm(index: number): Promise<void> {
      for (let round = 0; round < 4; round++) {
        const name = `storm-${index}-${round}`
        const key = await nodeCrypto.generateKey('ecdsa-p256')
        const body = encodeBase64(await buildRequest(key, { subject: parseName(`CN=${name}`) }))
        const asks = { name, from: testAddress(100 + index), body }
        keys.push(asks)
        await untilGranted(asks)
      }
    }
    async function untilGranted({ name, from, body }: (typeof keys)[number]): Promise<void> {
      const serials = received.get(name) ?? new Set()
      received.set(name, serials)
      const end = Date.now() + 120_000
      while (Date.now() < end) {
        const serial = await post(`${base}/lab/simpleenroll`, { ca, from, body })
        if (serial !== undefined) {
          serials.add(serial)
          return
        }
        await sleep(200)
      }
    }
    const issued = (): number => [...received.values()].filter(({ size }) => size > 0).length
    while (issued() < 50) await sleep(5)
    await est.kill()
    expect(issued()).toBeLessThan(160)
    est = await startEst(files, work, state())
    await Promise.all(clients)
    // Everybody asks once more: each key has its certificate, and no other.
    await Promise.all(keys.map(untilGranted))
    expect([...received.values()].map(({ size }) => size)).toEqual(Array.from({ length: 160 }, () => 1))
    const recorded = new Map((await show()).certificates.map(({ serial, name }) => [serial, name]))
    for (const [name, [serial = '']] of received) expect(recorded.get(serial)).toBe(name)
    expect([...recorded.values()].filter((name) => name.startsWith('storm-'))).toHaveLength(160)
    const queue = (await entries()).filter(({ subject }) => subject.startsWith('CN=storm-'))
    expect(new Set(queue.map(({ key }) => key)).size).toBe(queue.length)
    expect(queue.filter((entry) => entry.state !== 'granted')).toEqual([])
  })

  it('restored from a backup gives a device its same certificate, and a new device one of the same root', async () => {
    const [old, young] = [await client('old', 31), await client('young', 32)]
    const before = await old.enroll('lab', root)
    await granted(old, before)
    const secret = { input: 'a long passphrase\n' }
    await document(['ca', 'backup', 'backup', '--passphrase-file', '-'], secret)
    await document(['ca', 'restore', 'backup', '--passphrase-file', '-'], secret, 'restored')
    await est.stop()
    est = await startEst(files, work, state('restored'))
    const again = await old.enroll('lab', root)
    expect(again).toMatchObject({ status: 200, body: before.body })
    expect(await verified(await granted(old, again))).toContain(': OK')
    expect(await verified(await granted(young, await young.enroll('lab', root)))).toContain(': OK')
    expect((await show('restored')).certificates.filter(({ name }) => name === 'old')).toHaveLength(1)
    expect(await est.stop()).toBe(0)
    est = await startEst(files, work, state())
  }, 180_000)

  it('rolls its root over while it runs, for those who trust the old one and those who trust the new one', async () => {
    const [old, young] = [await client('trusts-old', 33), await client('trusts-new', 34)]
    const cas = async (): Promise<string> => await old.keep(await old.get('cacerts', root), 'cas.pem')
    const count = pemsOf(await readFile(await cas(), 'utf8')).length
    await document(['ca', 'rollover', '--root', '--prepare'])
    // The new root, OldWithNew and NewWithOld.
    await expect
      .poll(async () => pemsOf(await readFile(await cas(), 'utf8')).length, { timeout: 20_000, interval: 500 })
      .toBe(count + 3)
    const roots = await rootsOf(await cas())
    const oldRoot = await readFile(root, 'utf8')
    const [fresh = ''] = (
      await Promise.all(roots.map(async (path) => ({ path, text: await readFile(path, 'utf8') })))
    ).flatMap(({ path, text }) => (text === oldRoot ? [] : [path]))
    expect(roots).toHaveLength(2)
    await document(['ca', 'rollover', '--root', '--activate', '--yes'])
    const ofOld = await granted(old, await old.enroll('lab', root))
    // The listener takes its new chain once a minute.
    await expect
      .poll(async () => (await young.enroll('lab', fresh)).status, { timeout: 90_000, interval: 1000 })
      .toBe(200)
    const ofNew = await granted(young, await young.enroll('lab', fresh))
    expect((await old.enroll('lab', root)).status).toBe(200)
    const anchors = await Promise.all(roots.map((path) => readFile(path, 'utf8')))
    for (const file of [ofOld, ofNew]) {
      const above = pemsOf((await readFile(file, 'utf8')) + (await readFile(await cas(), 'utf8')))
      await writeFile(`${file}.above`, above.filter((pem) => !anchors.includes(pem)).join(''))
      for (const trust of [root, fresh])
        expect(await openssl('verify', '-CAfile', trust, '-untrusted', `${file}.above`, file)).toContain(': OK')
    }
    expect(est.log()).not.toMatch(/ended/)
  }, 180_000)
})

/** Asks for a certificate over a connection of its own and gives its serial number; undefined for any other answer. */
async function post(
  url: string,
  { ca, from, body }: { readonly ca: string; readonly from: string; readonly body: string },
): Promise<string | undefined> {
  return await new Promise((done) => {
    const headers = { 'Content-Type': 'application/pkcs10' }
    const asked = request(url, { method: 'POST', ca, localAddress: from, agent: false, timeout: 20_000, headers })
    asked.once('timeout', () => asked.destroy())
    asked.once('error', () => done(undefined))
    asked.once('response', (response) => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.once('error', () => done(undefined))
      response.once('end', () => {
        const text = Buffer.concat(parts).toString()
        done(response.statusCode === 200 ? serialIn(Buffer.from(text, 'base64')) : undefined)
      })
    })
    asked.end(body)
  })
}

/** Of the device's certificate, which is no CA. */
function serialIn(der: Uint8Array): string | undefined {
  return decodeCertsOnly(der).find(({ extensions }) => extensions.basicConstraints?.ca !== true)?.serial
}
