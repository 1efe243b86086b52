import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as api from '../lib/index.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const scratch = mkdtempSync(join(tmpdir(), 'cordon-load-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

const hasCompiler = ['cc', 'gcc', 'clang'].some((name) => spawnSync(name, ['--version']).status === 0)
/** An environment without home and without hints. */
const bare = { PATH: process.env['PATH'] ?? '' }

describe('the entry point', () => {
  it('exports these names', () => {
    expect(Object.keys(api).sort()).toEqual([
      'Context',
      'Listener',
      'Session',
      'TlsError',
      'addRandomness',
      'load',
      'markSocket',
      'opensslVersion',
      'probeClientHello',
      'readFirstRecord',
      'suites',
      'verifyChain',
    ])
  })

  it('names the OpenSSL of the running Node', () => {
    const { version, number } = api.opensslVersion()
    expect(version).toBe(process.versions.openssl.replace(/\+.*$/, ''))
    expect(number).toMatch(/^0x3[0-9a-f]{7}$/)
  })

  it('loads the addon once, and shares it with another copy of itself', () => {
    const loaded = api.load()
    expect(api.load()).toBe(loaded)
    const mine = loaded.bind(new Uint8Array(1), new Int32Array(1), new Float64Array(3))
    expect(mine[0].length).toBeGreaterThan(100_000)
  })
})

/** A copy of the package's own `load` and what it imports, compiled, without any binary. */
function copyCompiled(): string {
  const folder = mkdtempSync(join(scratch, 'package-'))
  mkdirSync(join(folder, 'dist'))
  for (const name of ['load', 'native', 'errors']) {
    const { outputText } = ts.transpileModule(readFileSync(join(root, 'lib', `${name}.ts`), 'utf8'), {
      compilerOptions: {
        module: ts.ModuleKind.ESNext,
        target: ts.ScriptTarget.ES2023,
        verbatimModuleSyntax: true,
        rewriteRelativeImportExtensions: true,
      },
    })
    writeFileSync(join(folder, 'dist', `${name}.js`), outputText)
  }
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  return folder
}

/** Runs `load` of a copy in a Node of its own. */
function loadIn(folder: string): string {
  const script = `
    const { load, opensslVersion } = await import(${JSON.stringify(join(folder, 'dist', 'load.js'))})
    try { load(); console.log('loaded', opensslVersion().version) }
    catch (error) { console.log(error.code + '\\n' + error.message) }
  `
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    env: bare,
  })
  return stdout + stderr
}

describe('without a usable binary', () => {
  it('says which paths it tried, what is needed and how to build', () => {
    const folder = copyCompiled()
    const output = loadIn(folder)
    expect(output).toMatch(/^native-missing\n/)
    expect(output).toContain(join(folder, 'build', 'Release', 'cordon_tls.node'))
    expect(output).toContain(join(folder, 'prebuilds', `${process.platform}-${process.arch}`))
    expect(output).toContain('C compiler')
    expect(output).toContain("Node's headers")
    expect(output).toContain(join(folder, 'lib', 'build.mjs'))
  })

  it('says why a binary that is there cannot be loaded', () => {
    const folder = copyCompiled()
    mkdirSync(join(folder, 'build', 'Release'), { recursive: true })
    writeFileSync(join(folder, 'build', 'Release', 'cordon_tls.node'), 'no library')
    const output = loadIn(folder)
    expect(output).toMatch(/^native-unusable\n/)
    expect(output).toMatch(/cordon_tls\.node: .*(invalid ELF header|file too short|not a mach-o|not a valid)/i)
  })

  it('takes the binary that came with the package', () => {
    const folder = copyCompiled()
    const libc = process.platform !== 'linux' ? '' : '.glibc'
    const target = join(folder, 'prebuilds', `${process.platform}-${process.arch}`)
    mkdirSync(target, { recursive: true })
    cpSync(join(root, 'build', 'Release', 'cordon_tls.node'), join(target, `cordon_tls${libc}.node`))
    expect(loadIn(folder).trim()).toBe(`loaded ${process.versions.openssl.replace(/\+.*$/, '')}`)
  })
})

describe.skipIf(!hasCompiler)('the build (needs a C compiler)', () => {
  let folder = ''
  beforeAll(() => {
    folder = mkdtempSync(join(scratch, 'build-'))
    for (const name of ['src', 'lib', 'binding.gyp', 'package.json']) {
      cpSync(join(root, name), join(folder, name), { recursive: true })
    }
  })
  const build = (env: NodeJS.ProcessEnv = bare, ...args: string[]) =>
    spawnSync(process.execPath, [join(folder, 'lib', 'build.mjs'), ...args], { encoding: 'utf8', env })
  const ask = (expression: string, env: NodeJS.ProcessEnv = bare) =>
    spawnSync(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        `const build = await import(${JSON.stringify(join(folder, 'lib', 'build.mjs'))}); console.log(${expression})`,
      ],
      { encoding: 'utf8', env },
    ).stdout.trim()
  const binary = () => join(folder, 'build', 'Release', 'cordon_tls.node')

  it('makes a binary without home, and does nothing when it is current', () => {
    expect(ask('build.isCurrent()')).toBe('false')
    const first = build()
    expect([first.status, first.stdout.trim(), first.stderr]).toEqual([0, binary(), ''])
    expect(ask('build.isCurrent()')).toBe('true')
    const before = readFileSync(binary())
    // A compiler that would fail proves that none is called.
    expect(build({ ...bare, CC: '/bin/false' }).status).toBe(0)
    expect(readFileSync(binary()).equals(before)).toBe(true)
  })

  it('builds anew when a source changes', () => {
    const path = join(folder, 'src', 'verify.c')
    writeFileSync(path, `${readFileSync(path, 'utf8')}/* changed */\n`)
    expect(ask('build.isCurrent()')).toBe('false')
    expect(build().status).toBe(0)
    expect(ask('build.isCurrent()')).toBe('true')
  })

  it('shows what the compiler said, and leaves no half a binary', () => {
    const path = join(folder, 'src', 'verify.c')
    const good = readFileSync(path, 'utf8')
    writeFileSync(path, `${good}this is no C\n`)
    rmSync(join(folder, 'build'), { recursive: true, force: true })
    const { status, stderr } = build()
    writeFileSync(path, good)
    expect(status).toBe(1)
    expect(stderr).toContain('verify.c')
    expect(stderr).toMatch(/error/)
    expect(existsSync(binary())).toBe(false)
  })

  it('names every place where it looked for headers', () => {
    const node = join(scratch, 'bin', 'node')
    mkdirSync(join(scratch, 'bin'), { recursive: true })
    cpSync(process.execPath, node)
    const env = { ...bare, HOME: join(scratch, 'home'), npm_config_nodedir: join(scratch, 'nodedir') }
    const { status, stderr } = spawnSync(node, [join(folder, 'lib', 'build.mjs')], { encoding: 'utf8', env })
    expect(status).toBe(1)
    for (const place of ['nodedir', '.', 'home/.cache/node-gyp/'.concat(process.versions.node)]) {
      expect(stderr).toContain(join(scratch, place, 'include', 'node'))
    }
    expect(stderr).toContain('npm_config_nodedir')
  })

  it('says so when there is no compiler', () => {
    expect(ask('build.missing()', { PATH: join(scratch, 'empty') })).toContain('No C compiler was found')
    expect(ask('build.missing()')).toBe('undefined')
  })

  it('has no warning in its sources', async () => {
    const output = join(scratch, 'strict.node')
    const strict = ask(
      `await build.compile(${JSON.stringify(output)}, ['-Werror']).then(() => 'clean', (error) => error.message)`,
    )
    expect(strict).toBe('clean')
    expect(existsSync(output)).toBe(true)
  })

  it.skipIf(process.platform !== 'linux')(
    'makes a stripped binary for the package that is linked to no OpenSSL',
    () => {
      const { status, stdout } = spawnSync(process.execPath, [join(folder, 'lib', 'prebuild.mjs')], {
        encoding: 'utf8',
        env: bare,
      })
      expect(status).toBe(0)
      const path = stdout.trim()
      expect(path).toMatch(/prebuilds\/linux-[a-z0-9]+\/cordon_tls\.(glibc|musl)\.node$/)
      const bytes = readFileSync(path)
      expect(bytes.length).toBeLessThan(200_000)
      for (const library of ['libssl.so', 'libcrypto.so', '.symtab']) expect(bytes.includes(library)).toBe(false)
    },
  )
})
