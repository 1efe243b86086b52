import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cordon, type RunningPlant, type RunOptions, startPlant, writePlant } from './cli.ts'

let work = ''
const state = (name: string): string => join(work, name)

const run = (args: readonly string[], options: RunOptions = {}) =>
  cordon(args, {
    directory: work,
    ...options,
    environment: { CORDON_STATE: state('state'), ...options.environment },
  })

/** The document of a command that must end well. */
async function document(args: readonly string[], options: RunOptions = {}): Promise<Record<string, unknown>> {
  const { status, stdout, stderr } = await run([...args, '--output', 'json'], options)
  expect(status, stderr).toBe(0)
  return JSON.parse(stdout) as Record<string, unknown>
}

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'cordon-authority-'))
  await writePlant(work)
})

afterAll(async () => {
  await rm(work, { recursive: true, force: true })
})

describe('stored pre-shared keys', () => {
  const key = '00112233445566778899aabbccddeeff'

  it('are added, listed without the key, and removed', async () => {
    expect(await document(['psk', 'add', 'cell3', '--generate'])).toEqual({
      name: 'cell3',
      identity: 'cell3',
      bytes: 32,
    })
    expect(
      await document(['psk', 'add', 'cell4', '--file', '-', '--identity', 'line 4'], { input: `${key}\n` }),
    ).toEqual({ name: 'cell4', identity: 'line 4', bytes: 16 })
    expect(await document(['psk', 'list'])).toMatchObject({
      keys: [
        { name: 'cell3', identity: 'cell3' },
        { name: 'cell4', identity: 'line 4' },
      ],
    })
    const listed = await run(['psk', 'list'])
    expect(listed.stdout).toMatch(/cell4 +line 4/)
    expect(listed.stdout).not.toContain(key)
    expect(await document(['psk', 'remove', 'cell3'])).toEqual({ removed: 'cell3' })
    const { keys } = await document(['psk', 'list'])
    expect(keys).toMatchObject([{ name: 'cell4' }])
  })

  it.each([
    [['psk', 'add', 'cell4', '--generate'], '', /there is a key "cell4" already/],
    [['psk', 'add', 'short', '--file', '-'], 'aabb\n', /expected a key of 16 to 64 bytes, got 2/],
    [['psk', 'add', 'words', '--file', '-'], 'secret\n', /expected the key as hex digits/],
    [['psk', 'add', 'none', '--file', '-'], '', /standard input begins with an empty line/],
    [['psk', 'add', 'both', '--file', '-', '--generate'], key, /give either --file FILE .* or --generate/],
    [['psk', 'add', 'neither'], '', /give either --file FILE .* or --generate/],
    [['psk', 'add', '3cells', '--generate'], '', /a key's name begins with a letter/],
    [['psk', 'remove', 'nobody'], '', /there is no key "nobody"; "cordon psk list" shows/],
  ])('refuse %j', async (args, input, expected) => {
    const { status, stdout, stderr } = await run(args, { input })
    expect(stderr).toMatch(expected)
    expect(stderr).not.toContain('secret')
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
  })
})

describe('the authority of a plant', () => {
  const passphrase = 'correct horse battery staple\n'
  const shown = async (name: string) =>
    (await document(['ca', 'show'], { environment: { CORDON_STATE: state(name) } }))['certificates']

  it('is made once, and made again it is the same', async () => {
    const { authorities, plant } = await document(['ca', 'init', '--plant', 'plant.yaml'])
    expect(plant).toBe('line')
    expect((authorities as { profile: string }[]).map(({ profile }) => profile).sort()).toContain('root')
    const again = await run(['ca', 'init', '--plant', 'plant.yaml'])
    expect(again.status, again.stderr).toBe(0)
    expect(again.stdout).toMatch(/root/)
    expect(again.stderr).toContain('Keep a copy of this file elsewhere')
    expect(await document(['ca', 'init', '--plant', 'plant.yaml'])).toMatchObject({ authorities })
  })

  it('issues a client of a zone, whose chain and key fit', async () => {
    const { zone, serial } = await document([
      'ca',
      'issue',
      '--client',
      'panel',
      '--zone',
      'line',
      '--directory',
      'panel',
      '--days',
      '7',
    ])
    expect(zone).toBe('line')
    const read = (suffix: string) => readFile(join(work, 'panel', `panel.${suffix}.pem`), 'utf8')
    const certificate = new X509Certificate(await read('cert'))
    expect(BigInt(`0x${certificate.serialNumber}`)).toBe(
      BigInt(`0x${String(serial).replaceAll(':', '').replace(/^0x/, '')}`),
    )
    const [, issuer = ''] = (await read('chain')).split(/(?<=-----END CERTIFICATE-----\n)/)
    expect(certificate.verify(new X509Certificate(issuer).publicKey)).toBe(true)
    expect(Date.parse(certificate.validTo) - Date.now()).toBeLessThanOrEqual(7 * 86_400_000)
    expect((await stat(join(work, 'panel', 'panel.key.pem'))).mode & 0o777).toBe(0o600)
    expect(certificate.checkPrivateKey(createPrivateKey(await read('key')))).toBe(true)
    const nowhere = await run(['ca', 'issue', '--client', 'other', '--zone', 'nowhere', '--directory', 'panel'])
    expect(nowhere.stderr).toMatch(/nowhere/)
    expect(nowhere.status).toBe(2)
  })

  it('is backed up and restored into an empty state, the same as it was', async () => {
    const { file, bytes } = await document(['ca', 'backup', 'backup', '--passphrase-file', '-'], { input: passphrase })
    expect(file).toBe(join(work, 'backup'))
    const backup = await readFile(join(work, 'backup'))
    expect(backup.length).toBe(bytes)
    expect(backup.includes('PRIVATE KEY')).toBe(false)
    expect((await stat(join(work, 'backup'))).mode & 0o777).toBe(0o600)
    const restore = ['ca', 'restore', 'backup', '--passphrase-file', '-']
    const into = (name: string) => ({ environment: { CORDON_STATE: state(name) } })
    const wrong = await run(restore, { ...into('wrong'), input: 'another\n' })
    expect(wrong.stderr).toMatch(/passphrase/)
    expect(wrong.stdout).toBe('')
    expect(wrong.status).not.toBe(0)
    const { zones } = await document(restore, { ...into('restored'), input: passphrase })
    expect(zones).toEqual(expect.arrayContaining(['line']))
    expect(await shown('restored')).toEqual(await shown('state'))
    // It works on: what it issues chains to the same root.
    await document(['ca', 'issue', '--client', 'after', '--zone', 'line', '--directory', 'panel'], into('restored'))
    const chain = async (name: string) =>
      (await readFile(join(work, 'panel', `${name}.chain.pem`), 'utf8'))
        .split(/(?<=-----END CERTIFICATE-----\n)/)
        .slice(1)
    expect(await chain('after')).toEqual(await chain('panel'))
    const twice = await run(restore, { ...into('restored'), input: passphrase })
    expect(twice.stdout).toBe('')
    expect(twice.stderr).toMatch(/empty/)
    expect(twice.status).toBe(4)
  })

  it('is not restored from what is no backup', async () => {
    await writeFile(join(work, 'junk'), 'not a backup')
    const { status, stdout, stderr } = await run(['ca', 'restore', 'junk', '--passphrase-file', '-'], {
      environment: { CORDON_STATE: state('junk-state') },
      input: passphrase,
    })
    expect(stderr).toMatch(/junk: /)
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
  })
})

describe('a deployment that is interrupted', () => {
  let plant: RunningPlant

  beforeAll(async () => {
    plant = await startPlant([join(work, 'plant.yaml'), '--state', state('interrupted')])
  })

  afterAll(async () => {
    await plant?.stop()
  })

  it.each([/step certificate /, /step read-back /])(
    'by Ctrl-C at %s ends with 130, and --resume completes it',
    { timeout: 120_000 },
    async (when) => {
      const environment = { CORDON_STATE: state('interrupted'), CORDON_TRACE_STEPS: '1' }
      const apply = ['apply', 'plant.yaml', '--trust-vendor', plant.ready.vendorRoots, '--yes']
      const cut = await run(apply, { environment, interrupt: { when, signal: 'SIGINT' } })
      expect(cut.status, cut.stderr).toBe(130)
      expect(cut.stderr).toContain('cordon: cancelled')
      const resumed = await document([...apply, '--resume'], { environment })
      expect(resumed['devices']).toMatchObject([
        { device: 'Line_PLC', configuration: 'new' },
        { device: 'Line_IO', configuration: 'new' },
        { device: 'Line_Old', configuration: 'unchanged' },
      ])
      const verified = await document(['verify', 'plant.yaml'], { environment })
      expect(verified['verdict']).toBe('pass')
      await document(['release', 'plant.yaml', 'Line_PLC', 'Line_IO', '--yes'], { environment })
    },
  )
})

describe('the demonstration', () => {
  it('says in its help how it ends by itself', async () => {
    const { status, stdout, stderr } = await run(['demo', '--help'])
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toMatch(/^Usage: cordon demo/)
    expect(stdout).toMatch(/--once +end when the verification is done/)
  })
})
