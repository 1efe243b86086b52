import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Checkout, makeCheckout, repository } from './checkout.ts'

let checkout: Checkout

beforeEach(() => {
  checkout = makeCheckout()
})

afterEach(() => checkout[Symbol.dispose]())

describe('the first run in a checkout', () => {
  test('installs, builds the addon, compiles, and then becomes the program', async () => {
    const ended = await checkout.run(['start', '--once', '--output', 'json'])
    expect(ended).toMatchObject({ code: 0, signal: null })
    expect(checkout.calls()).toEqual([expect.stringMatching(/^npm ci /), 'addon'])
    expect(checkout.has('packages/cli/dist/main.js')).toBe(true)
    expect(JSON.parse(ended.stdout)).toMatchObject({ answer: 1, args: ['demo', '--once', '--output', 'json'] })
  })

  test('writes its progress and what npm says to standard error alone', async () => {
    const { stdout, stderr } = await checkout.run(['start'])
    expect(stdout.trimEnd().split('\n')).toHaveLength(1)
    expect(stderr).toContain('cordon set-up: installing packages from npm')
    expect(stderr).toContain('added 1 package')
  })

  test('installs development packages and no scripts, whatever the environment of an outer npm says', async () => {
    await checkout.run(['build'], {
      NODE_ENV: 'production',
      npm_config_omit: 'dev',
      npm_config_ignore_scripts: 'false',
    })
    expect(checkout.calls()[0]).toContain('--include=dev')
    expect(checkout.calls()[0]).toContain('--ignore-scripts')
    expect(checkout.calls()[0]).toContain('[omit=]')
  })

  test.each([
    ['empty', ''],
    ['not a folder', '/dev/null'],
  ])('keeps the npm cache in the checkout when the home is %s', async (_, home) => {
    await checkout.run(['build'], { HOME: home, npm_config_cache: undefined })
    expect(checkout.calls()[0]).toContain(`--cache ${join(checkout.folder, '.cordon', 'npm-cache')}`)
  })

  test('uses the npm cache of the home where there is one', async () => {
    await checkout.run(['build'], { HOME: checkout.folder, npm_config_cache: undefined })
    expect(checkout.calls()[0]).not.toContain('--cache')
  })
})

describe('a run with nothing changed', () => {
  test('starts no npm, no addon build and no compiler, and says nothing of its own', async () => {
    await checkout.run(['build'])
    const before = {
      calls: checkout.calls(),
      dist: statSync(join(checkout.folder, 'packages/cli/dist/main.js')).mtimeMs,
    }
    const stamp = statSync(join(checkout.folder, '.cordon/compiled.stamp')).mtimeMs
    // A compiler that cannot run shows that none is run.
    const manifest = checkout.read('node_modules/typescript/package.json')
    checkout.remove('node_modules/typescript')
    checkout.write('node_modules/typescript/package.json', manifest)
    const { code, stderr, stdout } = await checkout.run(['start'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(JSON.parse(stdout)).toMatchObject({ answer: 1 })
    expect(checkout.calls()).toEqual(before.calls)
    expect(statSync(join(checkout.folder, 'packages/cli/dist/main.js')).mtimeMs).toBe(before.dist)
    expect(statSync(join(checkout.folder, '.cordon/compiled.stamp')).mtimeMs).toBe(stamp)
  })

  test('says with `setup` what it found current', async () => {
    await checkout.run(['build'])
    const { stderr } = await checkout.run(['setup'])
    expect(stderr.match(/nothing changed/g)).toHaveLength(4)
  })
})

describe('a run after a change', () => {
  beforeEach(async () => {
    await checkout.run(['build'])
  })

  test('compiles when a source changed, and leaves the packages alone', async () => {
    checkout.write('packages/cli/src/main.ts', 'export const answer = 2\n')
    const { stdout } = await checkout.run(['start'])
    expect(JSON.parse(stdout)).toMatchObject({ answer: 2 })
    expect(checkout.calls()).toHaveLength(2)
  })

  test('compiles when an output is gone', async () => {
    checkout.remove('packages/cli/dist')
    expect((await checkout.run(['start'])).code).toBe(0)
    expect(checkout.has('packages/cli/dist/main.js')).toBe(true)
  })

  test('removes the outputs of a source that is gone', async () => {
    checkout.write('packages/cli/src/extra.ts', 'export const extra = 1\n')
    await checkout.run(['build'])
    expect(checkout.has('packages/cli/dist/extra.js')).toBe(true)
    checkout.remove('packages/cli/src/extra.ts')
    await checkout.run(['build'])
    expect(checkout.has('packages/cli/dist/extra.js')).toBe(false)
    expect(checkout.has('packages/cli/dist/extra.d.ts')).toBe(false)
    expect(checkout.has('packages/cli/dist/main.js')).toBe(true)
  })

  test.each(['package.json', 'package-lock.json', 'packages/cli/package.json'])(
    'installs again when %s changed',
    async (path) => {
      checkout.write(path, `${checkout.read(path)}\n`)
      await checkout.run(['build'])
      expect(checkout.calls().filter((call) => call.startsWith('npm'))).toHaveLength(2)
    },
  )

  test('installs again when node_modules is gone', async () => {
    checkout.remove('node_modules')
    expect((await checkout.run(['build'])).code).toBe(0)
    expect(checkout.calls().filter((call) => call.startsWith('npm'))).toHaveLength(2)
  })
})

describe('two runs at once', () => {
  test('in a new checkout install and build once, and both succeed', async () => {
    const ended = await Promise.all([checkout.run(['start']), checkout.run(['start']), checkout.run(['start'])])
    expect(ended.map(({ code }) => code)).toEqual([0, 0, 0])
    expect(checkout.calls()).toEqual([expect.stringMatching(/^npm ci /), 'addon'])
  })

  test('do not replace node_modules under the one that runs on them', async () => {
    const first = checkout.start(['start', '--stay'])
    await first.says('"answer":1')
    checkout.write('package-lock.json', '{ }')
    const second = checkout.start(['build'])
    await second.says(`process ${first.process.pid} (npm run start) still runs on them`)
    expect(checkout.calls().filter((call) => call.startsWith('npm'))).toHaveLength(1)
    first.process.kill('SIGINT')
    await first.ended
    expect((await second.ended).code).toBe(0)
    expect(checkout.calls().filter((call) => call.startsWith('npm'))).toHaveLength(2)
  })
})

describe('a set-up that was interrupted', () => {
  test('by kill -9 is taken up again by the next run, once the npm that it left behind has ended', async () => {
    checkout.write('npm-hangs', '')
    const first = checkout.start(['build'])
    await first.says('npm hangs')
    first.process.kill('SIGKILL')
    const [orphan] = readdirSync(join(checkout.folder, '.cordon/runs')).map(Number)
    checkout.remove('npm-hangs')
    const second = checkout.start(['start'])
    await second.says(`process ${orphan} (npm ci) still runs on them`)
    expect(checkout.calls()).toHaveLength(1)
    process.kill(orphan ?? 0, 'SIGKILL')
    expect((await second.ended).code).toBe(0)
    expect(checkout.has('.cordon/set-up.lock')).toBe(false)
  })

  test('by a signal ends npm, frees the lock and says so in its exit code', async () => {
    checkout.write('npm-hangs', '')
    const first = checkout.start(['build'])
    await first.says('npm hangs')
    first.process.kill('SIGTERM')
    expect(await first.ended).toMatchObject({ code: 143 })
    expect(checkout.has('.cordon/set-up.lock')).toBe(false)
  })

  test('on another machine is waited for as long as it renews its lock', async () => {
    await checkout.run(['build'])
    checkout.remove('packages/cli/dist')
    const lock = join(checkout.folder, '.cordon/set-up.lock')
    writeFileSync(lock, JSON.stringify({ pid: process.pid, host: `not-${hostname()}`, what: 'npm run test' }))
    const waiting = checkout.start(['build'])
    await waiting.says(`waiting for the set-up of process ${process.pid} (npm run test)`)
    checkout.remove('.cordon/set-up.lock')
    expect((await waiting.ended).code).toBe(0)
  })
})

describe('a set-up that fails', () => {
  test('keeps the words of npm and says what to do', async () => {
    checkout.write('npm-fails', '')
    const { code, stderr, stdout } = await checkout.run(['start'])
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toContain('npm has no network')
    expect(stderr).toContain('npm ci failed')
    expect(stderr).toContain('run the same command again')
    expect(stderr).not.toContain('    at ')
  })

  test('shows where the sources do not compile, and compiles again next time', async () => {
    checkout.write('packages/cli/src/main.ts', "export const answer: number = 'text'\n")
    const { code, stderr } = await checkout.run(['start'])
    expect(code).toBe(1)
    expect(stderr).toContain('main.ts')
    expect(stderr).toContain('do not compile')
    expect((await checkout.run(['start'])).code).toBe(1)
    checkout.write('packages/cli/src/main.ts', 'export const answer = 3\n')
    expect((await checkout.run(['start'])).code).toBe(0)
  })

  test('says what to install when no compiler is on the path, before npm is asked for anything', async () => {
    checkout.write('packages/tls/lib/build.mjs', readFileSync(join(repository, 'packages/tls/lib/build.mjs'), 'utf8'))
    checkout.write('packages/tls/src/addon.c', 'int one(void) { return 1; }')
    const { code, stderr, stdout } = await checkout.run(['start'], { PATH: join(checkout.folder, 'nothing'), CC: '' })
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toContain('No C compiler was found')
    expect(stderr).toContain('apt-get install gcc libc6-dev')
    expect(stderr).not.toContain('    at ')
    expect(checkout.calls()).toEqual([])
  })

  test('shows what the compiler said of the addon', async () => {
    checkout.write('packages/tls/lib/build.mjs', readFileSync(join(repository, 'packages/tls/lib/build.mjs'), 'utf8'))
    checkout.write('packages/tls/src/addon.c', 'int one(void) { return nothing; }')
    const { code, stderr } = await checkout.run(['start'])
    expect(code).toBe(1)
    expect(stderr).toContain('The addon could not be built.')
    expect(stderr).toContain('nothing')
    expect(stderr).not.toContain('    at ')
  })

  test('asks for no compiler when the addon is there already', async () => {
    checkout.write('no-compiler', '')
    checkout.write('addon', '')
    expect((await checkout.run(['start'])).code).toBe(0)
  })
})

describe('a checkout that belongs to somebody else (needs root)', () => {
  const nobody = 65534

  test.runIf(process.getuid?.() === 0)('is refused in words when something must be made', async () => {
    chmodSync(join(checkout.folder, '..'), 0o755)
    const { code, stderr } = await checkout.start(['start'], {}, [], nobody).ended
    expect(code).toBe(1)
    expect(stderr).toContain(`this user may not write to ${checkout.folder}`)
    expect(stderr).not.toContain('EACCES')
    expect(checkout.calls()).toEqual([])
  })

  test.runIf(process.getuid?.() === 0)('runs when nothing must be made', async () => {
    await checkout.run(['build'])
    chmodSync(join(checkout.folder, '..'), 0o755)
    const { code, stdout } = await checkout.start(['start'], {}, [], nobody).ended
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ answer: 1 })
  })
})

describe('the program', () => {
  test.each([0, 1, 3])('keeps its exit code %i', async (code) => {
    expect((await checkout.run(['start'], { PROGRAM_CODE: String(code) })).code).toBe(code)
  })

  test('is the very process that was started, so Ctrl-C reaches it once', async () => {
    const running = checkout.start(['start', '--stay'])
    await running.says('"answer":1')
    running.process.kill('SIGINT')
    const ended = await running.ended
    expect(ended.code).toBe(42)
    expect(JSON.parse(ended.stdout)).toMatchObject({ pid: running.process.pid })
  })
})

describe('run.mjs', () => {
  test.each([
    ['18.20.4', 1],
    ['20.18.3', 1],
    ['20.19.0', 2],
    ['26.1.0', 2],
  ])('on Node %s ends with %i: 1 is a refusal, 2 its usage', async (version, code) => {
    const pretend = `data:text/javascript,Object.defineProperty(process,'versions',{value:{...process.versions,node:'${version}'}})`
    const { stderr, ...ended } = await checkout.run([], {}, ['--import', pretend])
    expect(ended.code).toBe(code)
    if (code === 1) expect(stderr).toContain(`Cordon needs Node 20.19 or newer; this is Node ${version}`)
    else expect(stderr).toContain('usage:')
  })

  test('refuses an unknown command with its usage', async () => {
    const { code, stderr } = await checkout.run(['strat'])
    expect(code).toBe(2)
    expect(stderr).toContain('There is no command "strat".')
    expect(stderr).toContain('usage: node run.mjs')
  })

  test('parses on every Node that knows arrow functions and import()', () => {
    const text = checkout.read('run.mjs')
    expect(text).not.toMatch(/^import |\?\?|\?\.|await |\(\?<|#\w/m)
  })
})
