import { existsSync } from 'node:fs'
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cordon, cordonPath, ordinaryUser, type RunOptions, writePlant } from './cli.ts'

/** Every command, and what its line needs besides. */
const commands = [
  'demo',
  'simulate',
  'validate',
  'discover',
  'plan',
  'apply',
  'verify',
  'release',
  'scan',
  'doctor',
  'device show',
  'device get',
  'device set',
  'device call',
  'device read-tag',
  'device reset',
  'device connections',
  'ca init',
  'ca show',
  'ca issue',
  'ca revoke',
  'ca renew',
  'ca rollover',
  'ca expiring',
  'ca crl',
  'ca backup',
  'ca restore',
  'psk add',
  'psk list',
  'psk remove',
  'completion',
] as const

let work = ''
let broken = ''
const run = (args: readonly string[], options: RunOptions = {}) =>
  cordon(args, {
    directory: work,
    ...options,
    environment: { CORDON_STATE: join(work, 'state'), ...options.environment },
  })

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'cordon-usage-'))
  const plant = await writePlant(work)
  broken = join(work, 'broken')
  await writePlant(broken)
  const text = (await readFile(plant, 'utf8'))
    .replace('manager: Manager', 'manager: Manager\ncolour: green')
    .replace('io: integrity, nonSecure', 'io: everything, nonSecure')
    .replace('rpi: 50ms', 'rpi: soon')
  await writeFile(join(broken, 'plant.yaml'), text)
})

afterAll(async () => {
  await rm(work, { recursive: true, force: true })
})

describe('the command line', () => {
  it('names every command in its help, and the help of each shows an example of it', async () => {
    const ended = await Promise.all(commands.map((command) => run([...command.split(' '), '--help'])))
    for (const [i, { status, stdout, stderr }] of ended.entries()) {
      const command = commands[i] ?? ''
      expect({ command, status, stderr }).toEqual({ command, status: 0, stderr: '' })
      expect(stdout).toMatch(new RegExp(`^Usage: cordon ${command}`))
      expect(stdout, command).toContain(`Example:\n  $ cordon ${command}`)
    }
    const { stdout } = await run(['--help'])
    for (const command of commands) expect(stdout).toContain(`\n  ${command.split(' ')[0]}`)
    expect(stdout).toMatch(/Exit codes:\n {2}0 .*\n {2}1 .*\n {2}2 .*\n {2}3 .*\n {2}4 /)
  })

  it('tells its version and that of the running OpenSSL', async () => {
    const { status, stdout } = await run(['--version'])
    expect(status).toBe(0)
    expect(stdout).toContain(process.versions.openssl)
  })

  it.concurrent.each([
    [[], /Usage: cordon/],
    [['device'], /Usage: cordon device/],
    [['bogus'], /^cordon: unknown command 'bogus'/],
    [['plan'], /^cordon: missing required argument 'plant'/],
    [['plan', 'plant.yaml', '--bogus'], /^cordon: unknown option '--bogus'/],
    [['psk', 'list', 'more'], /^cordon: too many arguments/],
    [['--output', 'xml', 'psk', 'list'], /--output expects table, json or yaml, got "xml"/],
    [['completion', 'tcsh'], /Allowed choices are bash/],
    [['apply', 'plant.yaml', '--close-ports', 'never'], /Allowed choices are now, later/],
    [['apply', 'plant.yaml', '--concurrency', '0', '--yes'], /--concurrency expects 1 to 1024, got "0"/],
    [['apply', 'plant.yaml', '--only', 'Nobody', '--yes'], /no device "Nobody"; it has Line_PLC, Line_IO/],
    [['apply', 'plant.yaml', '--fingerprint', 'Line_IO=12', '--yes'], /64 hex digits/],
    [['apply', 'plant.yaml', '--trust-vendor', 'absent.pem', '--yes'], /cannot read absent.pem/],
    [['apply', 'plant.yaml', '--trust-vendor', 'plant.yaml', '--yes'], /has no certificate in PEM form/],
    [['plan', 'plant.yaml', '--from', 'here'], /expected an IPv4 address/],
    [['verify', 'plant.yaml', '--only', 'Nobody'], /no device "Nobody"; it has Line_PLC, Line_IO/],
    [['ca', 'renew', 'Nobody', '--plant', 'plant.yaml'], /no device "Nobody"/],
    [['ca', 'renew', 'Line_Old', '--plant', 'plant.yaml'], /Line_Old has no certificate to renew/],
    [['ca', 'revoke', 'Line_IO', '--plant', 'plant.yaml', '--reason', 'mood'], /--reason expects one of unspecified/],
    [['ca', 'init'], /required option '--plant <file>' not specified/],
    [['ca', 'issue'], /required option '--client <name>' not specified/],
    [['ca', 'issue', '--client', '../x'], /--client expects up to 63 letters/],
    [['ca', 'issue', '--client', 'x', '--days', '0'], /--days expects 1 to 3650, got "0"/],
    [['ca', 'backup', 'b', '--passphrase-file', 'absent'], /cannot read absent; give a readable file/],
    [['psk', 'add', 'k'], /give either --file FILE \(- for standard input\) or --generate/],
    [['psk', 'add', '1k', '--generate'], /a key's name begins with a letter/],
    [['scan', '127.0.0.300'], /expected an address like/],
    [['scan', '127.0.0.1', '--transport', 'quic'], /Allowed choices are tls, dtls/],
    [['discover', 'plc'], /expected an address like/],
    [['discover', '--wait', 'long'], /--wait expects a number from 0 to 3600/],
    [['device', 'show', '127.0.0.1'], /say how to open the device: --plant FILE/],
    [['device', 'show', '127.0.0.1', '--plain', '--pin', '00'], /cannot be used with option/],
    [['device', 'get', '127.0.0.1', 'Identity', '1', '--plain'], /class expects a number/],
    [['device', 'set', '127.0.0.1', '1', '1', '1', 'xyz', '--plain'], /expected bytes as hex digits/],
    [['device', 'reset', '127.0.0.1', '3', '--plain', '--yes'], /type expects a number from 0 to 2/],
    [['device', 'connections'], /no virtual plant has state in .*; start one with "cordon simulate PLANT"/],
    [['simulate', 'absent.yaml'], /cannot read absent.yaml/],
  ])('answers %j with what it expected and exit code 2, and touches nothing', async (args, expected) => {
    const { status, stdout, stderr } = await run(args)
    expect(stderr).toMatch(expected)
    expect(stderr).not.toMatch(/unexpected|\n\s+at /)
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(existsSync(join(work, 'state'))).toBe(false)
  })

  it.concurrent.each([
    ['apply', ['apply', 'plant.yaml', '--yes', '--output', 'json']],
    ['plan', ['plan', 'plant.yaml']],
    ['verify', ['verify', 'plant.yaml']],
    ['release', ['release', 'plant.yaml', 'Line_IO', '--yes']],
    ['simulate', ['simulate', 'plant.yaml']],
    ['validate', ['validate', 'plant.yaml']],
    ['ca init', ['ca', 'init', '--plant', 'plant.yaml']],
    ['ca renew', ['ca', 'renew', 'Line_IO', '--plant', 'plant.yaml']],
    ['ca revoke', ['ca', 'revoke', 'Line_IO', '--plant', 'plant.yaml', '--yes']],
  ])('%s tells every error of a broken plant file at once, by line and column', async (_name, args) => {
    const { status, stdout, stderr } = await run(args, { directory: broken })
    const lines = (await readFile(join(broken, 'plant.yaml'), 'utf8')).split('\n')
    for (const word of ['colour', 'everything', 'soon']) {
      const line = lines.findIndex((each) => each.includes(word))
      const column = (lines[line] ?? '').indexOf(word)
      const place = `plant\\.yaml:${line + 1}:${column + 1}:|"line": ${line + 1},\\s+"column": ${column + 1}\\b`
      expect(stdout + stderr, word).toMatch(new RegExp(place))
    }
    expect(status).toBe(2)
    expect(existsSync(join(work, 'state'))).toBe(false)
  })

  it('prints completions that know its commands and options', async () => {
    for (const shell of ['bash', 'zsh', 'fish']) {
      const { status, stdout, stderr } = await run(['completion', shell])
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
      for (const word of ['read-tag', 'trust-vendor', 'passphrase-file', 'no-color']) expect(stdout).toContain(word)
    }
    const { stdout } = await cordon(['completion', 'bash'])
    const script = join(work, 'completion.bash')
    await writeFile(script, stdout)
    const asked = 'source "$0"; COMP_WORDS=(cordon de); COMP_CWORD=1; COMP_LINE="cordon de"; COMP_POINT=9; '
    const { stdout: found } = await cordon([], {
      through: [
        'bash',
        '-c',
        `${asked}"$(complete -p cordon | sed 's/.*-F \\([^ ]*\\).*/\\1/')" cordon de cordon; printf '%s\\n' "\${COMPREPLY[@]}"`,
        script,
      ],
    })
    expect(found.trim().split(/\s+/).sort()).toEqual(['demo', 'device'])
  })
})

describe('what is printed', () => {
  it('goes to a reader that stops early without a complaint', async () => {
    const { status, stdout, stderr } = await cordon(['completion', 'bash'], {
      directory: work,
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell fills it in
      through: ['bash', '-c', '"$@" | head -1; exit "${PIPESTATUS[0]}"', 'bash'],
    })
    expect(stdout.split('\n')).toHaveLength(2)
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  })

  it('says so when it cannot be written', async () => {
    const { status, stderr } = await cordon(['completion', 'bash'], {
      through: ['bash', '-c', '"$@" > /dev/full', 'bash'],
    })
    expect(status).toBe(1)
    expect(stderr).toMatch(/^cordon: the result could not be written: ENOSPC/)
  })

  it('is coloured on a terminal, save with --no-color or NO_COLOR, and fits its width', async () => {
    const terminal = (line: string, environment: Readonly<Record<string, string>>) =>
      cordon([], {
        directory: work,
        environment: { TERM: 'xterm', CORDON_STATE: join(work, 'state'), ...environment },
        through: [
          'bash',
          '-c',
          'script -qec "$0" /dev/null < /dev/null',
          line.replace('cordon', `'${process.execPath}' '${cordonPath}'`),
        ],
      })
    const coloured = await terminal('cordon validate plant.yaml', {})
    expect(coloured.stdout).toContain('\u001b[32m✔')
    for (const [line, environment] of [
      ['cordon --no-color validate plant.yaml', {}],
      ['cordon validate plant.yaml --no-color', {}],
      ['cordon validate plant.yaml', { NO_COLOR: '1' }],
      ['cordon validate plant.yaml', { TERM: 'dumb' }],
    ] as const) {
      const { stdout } = await terminal(line, environment)
      expect(stdout).toContain('line is valid')
      expect(stdout, line).not.toContain('\u001b[')
    }
  })
})

describe('the state directory', () => {
  it.skipIf(ordinaryUser === undefined)('that may not be written is told with the remedy', async () => {
    const closed = join(work, 'closed')
    await rm(closed, { recursive: true, force: true })
    await writePlant(closed)
    await chmod(work, 0o755)
    await chmod(closed, 0o555)
    const { status, stderr } = await cordon(['psk', 'list'], {
      environment: { CORDON_STATE: join(closed, 'state') },
      ...(ordinaryUser === undefined ? {} : { user: ordinaryUser }),
    })
    expect(stderr).toMatch(
      /making the directory .*closed\/state: EACCES.*choose a place for the state with --state or CORDON_STATE/,
    )
    expect(status).toBe(1)
    expect((await readdir(closed)).sort()).toEqual(['plant.yaml', 'simulation.yaml'])
  })

  it.each([
    ['postgres://u:geheim@127.0.0.1:1/x', 1, /the database does not answer: .*ECONNREFUSED.*check DATABASE_URL/],
    ['geheim', 2, /DATABASE_URL expects postgresql:/],
  ])('is not opened with DATABASE_URL=%s, and the password is not shown', async (url, code, expected) => {
    const { status, stdout, stderr } = await run(['ca', 'show'], { environment: { DATABASE_URL: url } })
    expect(stderr).toMatch(expected)
    expect(stderr + stdout).not.toContain('geheim')
    expect({ status, stdout }).toEqual({ status: code, stdout: '' })
  })

  it('without a PostgreSQL says how to get one', async () => {
    const { status, stderr } = await run(['ca', 'show'], { environment: { CORDON_PG_BIN: join(work, 'none') } })
    expect(stderr).toMatch(/CORDON_PG_BIN/)
    expect(status).toBe(2)
  })
})
