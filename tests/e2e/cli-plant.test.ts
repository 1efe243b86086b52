import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openStore, type Store } from '@cordon/server/store'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cordon, plantAddresses, type RunningPlant, type RunOptions, startPlant, writePlant } from './cli.ts'

const { plc, io, old, manager, nobody } = plantAddresses

let work = ''
let plant: RunningPlant
/** Keeps the database up between the commands, each of which would start and stop it. */
let store: Store

const run = (args: readonly string[], options: RunOptions = {}) =>
  cordon(args, {
    directory: work,
    ...options,
    environment: { CORDON_STATE: join(work, 'state'), ...options.environment },
  })

/** The document of a command that must end with `code`; progress and notes for people stay out of it. */
async function document(args: readonly string[], code = 0): Promise<Record<string, unknown>> {
  const { status, stdout, stderr } = await run([...args, '--output', 'json'])
  expect(status, stderr).toBe(code)
  return JSON.parse(stdout) as Record<string, unknown>
}

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'cordon-plant-'))
  await writePlant(work)
  store = await openStore({ state: join(work, 'state') })
  plant = await startPlant([join(work, 'plant.yaml'), '--state', join(work, 'state')])
})

afterAll(async () => {
  await plant?.stop()
  await store?.[Symbol.asyncDispose]()
  await rm(work, { recursive: true, force: true })
})

/** One plant, in the order of its life: found, planned, secured, verified, changed, released. */
describe('a plant in the hands of a person', () => {
  const roots = () => ['--trust-vendor', plant.ready.vendorRoots]

  it('is simulated, and a second one on its addresses says who has them', async () => {
    expect(plant.ready).toMatchObject({ ready: true, plant: 'line', devices: 3 })
    const { status, stderr, stdout } = await run(['simulate', 'plant.yaml', '--state', join(work, 'other')])
    expect(stderr).toMatch(/cordon simulate .*plant\.yaml/)
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
  })

  it('is discovered, device by device', async () => {
    const [{ status, stdout, stderr }, { devices }, alone] = await Promise.all([
      run(['discover', plc, io, old, '--wait', '1']),
      document(['discover', plc, nobody, '--wait', '1'], 3),
      run(['discover', nobody, '--wait', '1']),
    ])
    expect(stdout).toMatch(/^address +product/)
    for (const address of [plc, io, old]) expect(stdout).toContain(address)
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(devices).toMatchObject([{ address: plc, product: 'Acme Controller 33', serial: '0x00d10010' }])
    expect(alone.stderr).toContain(`${nobody}: no answer`)
    expect(alone.status).toBe(1)
  })

  it('shows a device, its attributes, services and tags in plain', async () => {
    const [shown, details, name, identity, refused, levels, recipe] = await Promise.all([
      run(['device', 'show', plc, '--plain'], { environment: { COLUMNS: '60' } }),
      document(['device', 'show', plc, '--plain']),
      document(['device', 'get', plc, '1', '1', '7', '--plain']),
      document(['device', 'get', io, '0x01', '1', '--plain']),
      document(['device', 'call', io, '1', '1', '0x0E', '--plain'], 4),
      document(['device', 'read-tag', plc, 'Levels', '--elements', '3', '--plain']),
      run(['device', 'read-tag', plc, 'Recipe', '--plain']),
    ])
    expect(shown.stdout).toContain('Acme Controller 33')
    expect(shown.stdout).not.toContain('\u001b')
    for (const line of shown.stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(60)
    expect(shown.stderr).toMatch(/read in plain/)
    expect(details).toMatchObject({ access: { transport: 'tcp', suite: null }, identity: { serial: '0x00d10010' } })
    expect(name).toMatchObject({ value: 'Acme Controller 33' })
    expect(identity).toMatchObject({ attributes: { vendorId: 65001 } })
    expect(refused).toMatchObject({ service: 14, data: '' })
    expect(levels).toMatchObject({ type: 'REAL', values: [1.5, 2.5, 3.5] })
    expect(recipe.stdout).toContain('Vanilla')
  })

  it('sets an attribute, which is read back', async () => {
    const before = await document(['device', 'get', io, '0xF5', '1', '13', '--plain'])
    const set = await run(['device', 'set', io, '0xF5', '1', '13', '7900', '--plain'])
    expect(set.stdout).toMatch(/attribute 13 is now 79 00/)
    expect(await document(['device', 'get', io, '0xF5', '1', '13', '--plain'])).toMatchObject({ hex: '79 00' })
    expect(await document(['device', 'set', io, '0xF5', '1', '13', String(before['hex']), '--plain'])).toMatchObject({
      set: true,
    })
  })

  it.each([
    [['device', 'get', plc, '0x99', '1', '--plain'], /pathDestinationUnknown/],
    [['device', 'read-tag', plc, 'Nothing', '--plain'], /tag Nothing: the target answered/],
    [['device', 'set', plc, '1', '1', '7', '00', '--plain'], /answered/],
    [['device', 'show', io, '--pin', 'ab'.repeat(32)], /the target shows [0-9a-f]{64}, --pin says abab/],
  ])('is told that the device refused %j', async (args, expected) => {
    const { status, stdout, stderr } = await run(args)
    expect(stderr).toMatch(expected)
    expect({ status, stdout }).toEqual({ status: 4, stdout: '' })
  })

  it('lists its connections', async () => {
    const [{ connections }, { stdout }] = await Promise.all([
      document(['device', 'connections']),
      run(['device', 'connections']),
    ])
    expect(connections).toMatchObject([
      { from: 'Line_PLC', to: 'Line_IO', class: 1 },
      { from: 'Line_PLC', to: 'Line_IO', class: 3 },
    ])
    expect(stdout).toMatch(/Line_PLC +Line_IO +1 /)
  })

  it('scans what a device offers', async () => {
    const { status, stdout, stderr } = await run(['scan', io, '--transport', 'tls', '--timeout', '2'])
    expect(status).toBe(0)
    expect(stdout).toMatch(/TLSv1\.2 +✔ offered/)
    expect(stdout).toMatch(/0xC02B .*offered/)
    expect(stderr).toContain(`Ask ${io} over TLS`)
    const gone = await document(['scan', nobody, '--timeout', '1', '--transport', 'tls'], 1)
    expect(gone).toMatchObject({ target: nobody, scans: [{ answered: false }] })
  })

  it('cannot be reached at an address where nobody is', async () => {
    const { status, stderr } = await run(['device', 'show', nobody, '--plain'])
    expect(stderr).toMatch(/nothing listens there/)
    expect(status).toBe(1)
  })

  it('is planned without a change, and asks nobody where no terminal is', async () => {
    const [planned, dry, asked] = await Promise.all([
      run(['plan', 'plant.yaml', ...roots()], { environment: { COLUMNS: '60' } }),
      document(['apply', 'plant.yaml', ...roots(), '--dry-run']),
      run(['apply', 'plant.yaml', ...roots()]),
    ])
    expect(planned.status, planned.stderr).toBe(0)
    expect(planned.stdout).toMatch(/^Devices/)
    expect(planned.stderr).toContain('Read the devices of line')
    expect(dry['devices']).toMatchObject([
      { device: 'Line_PLC', action: 'commission' },
      { device: 'Line_IO', action: 'commission' },
      { device: 'Line_Old', action: 'leave' },
    ])
    expect(asked.stderr).toMatch(/Change 2 devices of line\? Nobody can be asked here: say --yes/)
    expect(asked.status).toBe(2)
    expect(await document(['device', 'show', plc, '--plain'])).toMatchObject({ access: { transport: 'tcp' } })
  })

  it('is not secured by whom it does not trust', async () => {
    const { outcome } = await document(['plan', 'plant.yaml'], 4)
    expect(outcome).toBe('not-complete')
  })

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('ends its scan at %s with %i', async (signal, code) => {
    const { status, stderr } = await run(['discover', nobody, '--wait', '30'], {
      through: ['bash', '-c', '"$@" & sleep 1.5; kill -s "$0" $!; wait $!', signal.slice(3)],
    })
    expect(stderr).toBe('cordon: cancelled\n')
    expect(status).toBe(code)
  })

  it('is secured, each device and connection', async () => {
    const report = await document(['apply', 'plant.yaml', ...roots(), '--yes'])
    expect(report['devices']).toMatchObject([
      { device: 'Line_PLC', outcome: 'complete', configuration: 'new' },
      { device: 'Line_IO', outcome: 'complete', configuration: 'new' },
      { device: 'Line_Old', configuration: 'unchanged' },
    ])
    const again = await run(['apply', 'plant.yaml'])
    expect(again.status, again.stderr).toBe(0)
    expect(again.stdout).toMatch(/Line_PLC .*unchanged/)
  })

  it('lets the manager in, and by its own address only', async () => {
    const [own, foreign] = await Promise.all([
      document(['device', 'show', io, '--plant', 'plant.yaml']),
      run(['device', 'show', io, '--plant', 'plant.yaml', '--from', nobody]),
    ])
    expect(own).toMatchObject({ access: { transport: 'tls', peerProof: 'certificate' } })
    expect([1, 4]).toContain(foreign.status)
    expect(foreign.stdout).toBe('')
  })

  it('is scanned in part only where it is silent, and says how to leave nothing unknown', async () => {
    const line = ['scan', io, '--from', manager, '--timeout', '1']
    const [both, { scans }] = await Promise.all([run(line), document([...line, '--transport', 'tls'])])
    expect(both.stdout).toMatch(/all of DTLS: no answer .*\nDTLS is silent .* --from, .* --transport tls\n$/)
    expect(both.status).toBe(3)
    expect(scans).toMatchObject([{ transport: 'tls', answered: true }])
  })

  it('is verified from outside', async () => {
    const [result, { status, stdout, stderr }] = await Promise.all([
      document(['verify', 'plant.yaml']),
      run(['verify', 'plant.yaml', '--only', 'Line_IO']),
    ])
    expect(result['verdict']).toBe('pass')
    expect((result['checks'] as unknown[]).length).toBeGreaterThan(50)
    expect(status, stderr).toBe(0)
    expect(stdout).toMatch(/✔ line: pass/)
    expect(stderr).toContain('Verify from outside')
  })

  it('gives its manager a client certificate that opens what the policy opens', async () => {
    const { files } = await document(['ca', 'issue', '--client', 'panel', '--directory', 'panel'])
    expect(Object.keys(files as object)).toEqual(['certificate', 'chain', 'key'])
    for (const file of ['cert', 'chain', 'key']) {
      const { mode } = await stat(join(work, 'panel', `panel.${file}.pem`))
      expect(mode & 0o777, file).toBe(0o600)
    }
    const again = await run(['ca', 'issue', '--client', 'panel', '--directory', 'panel'])
    expect(again.stderr).toMatch(/panel\.cert\.pem exists; choose another name, or say --force/)
    expect(again.status).toBe(2)
  })

  it('gets a new certificate for a device, whose old one is not shown any more', async () => {
    const serialOf = async (): Promise<unknown> => {
      const { certificates } = await document(['ca', 'show'])
      return (certificates as { name: string; serial: string }[]).filter(({ name }) => name === 'Line_IO').length
    }
    const before = await serialOf()
    expect(await document(['ca', 'renew', 'Line_IO', '--plant', 'plant.yaml'])).toMatchObject({
      devices: [{ device: 'Line_IO', outcome: 'complete' }],
    })
    expect(await serialOf()).toBe(Number(before) + 1)
  })

  it('takes the policy off a device, and not without being told so', async () => {
    const [asked, never, stranger] = await Promise.all([
      run(['release', 'plant.yaml', 'Line_IO']),
      run(['release', 'plant.yaml', 'Line_Old', '--yes']),
      run(['release', 'plant.yaml', 'Nobody', '--yes']),
    ])
    expect(asked.stderr).toMatch(/Nobody can be asked here: say --yes/)
    expect(asked.status).toBe(2)
    expect(never.stderr).toMatch(/Line_Old has no policy to take off/)
    expect(never.status).toBe(2)
    expect(stranger.stderr).toMatch(/neither the plant file nor the records know Nobody/)
    expect(stranger.status).toBe(2)
    expect(await document(['release', 'plant.yaml', 'Line_IO', '--yes'])).toMatchObject({
      devices: [{ device: 'Line_IO', outcome: 'complete' }],
    })
    expect(await document(['device', 'show', io, '--plain'])).toMatchObject({ access: { transport: 'tcp' } })
  })

  it('fails the verification once a device is released', async () => {
    const { verdict } = await document(['verify', 'plant.yaml', '--only', 'Line_IO'], 4)
    expect(verdict).toBe('fail')
  })

  it('revokes a device, pushes the list and keeps it', { timeout: 120_000 }, async () => {
    await document(['apply', 'plant.yaml', ...roots(), '--yes'])
    const none = await run(['ca', 'crl', 'nowhere'])
    expect(none.status).toBe(2)
    const asked = await run(['ca', 'revoke', 'Line_IO', '--plant', 'plant.yaml'])
    expect(asked.status).toBe(2)
    const revoked = await document([
      'ca',
      'revoke',
      'Line_IO',
      '--plant',
      'plant.yaml',
      '--reason',
      'keyCompromise',
      '--yes',
    ])
    expect(revoked).toMatchObject({ subject: 'Line_IO' })
    const { stdout } = await run(['ca', 'crl', 'line'])
    expect(stdout).toMatch(/^-----BEGIN X509 CRL-----/)
    const shown = await run(['ca', 'show'])
    expect(shown.stdout).toMatch(/Line_IO .*revoked \(keyCompromise\)/)
  })

  it('is reset by hand', async () => {
    const asked = await run(['device', 'reset', old, '0', '--plain'])
    expect(asked.stderr).toMatch(/Reset .* Nobody can be asked here: say --yes/)
    expect(asked.status).toBe(2)
    expect(await document(['device', 'reset', old, '0', '--plain', '--yes'])).toEqual({ target: old, reset: 0 })
  })

  it('speaks YAML too, and says its manager’s address is not another’s', async () => {
    const { stdout } = await run(['device', 'get', manager, '1', '1', '--plain', '--output', 'yaml'])
    expect(stdout).toBe('')
    const yaml = await run(['discover', plc, '--wait', '1', '--output', 'yaml'])
    expect(yaml.stdout).toMatch(/^devices:\n {2}- address: /)
    await writeFile(join(work, 'cordon.yaml'), 'output: json\n')
    const set = await run(['psk', 'list'])
    await rm(join(work, 'cordon.yaml'))
    expect(JSON.parse(set.stdout)).toEqual({ keys: [] })
  })

  it('ends at Ctrl-C and keeps its state for the next start', async () => {
    expect(await plant.stop()).toBe(0)
    plant = await startPlant([join(work, 'plant.yaml'), '--state', join(work, 'state')])
    expect(await document(['device', 'show', plc, '--plant', 'plant.yaml'])).toMatchObject({
      access: { transport: 'tls' },
    })
    expect(await readFile(plant.ready.vendorRoots, 'utf8')).toContain('BEGIN CERTIFICATE')
  })
})
