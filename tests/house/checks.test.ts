import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { repository } from './checkout.ts'

/** The tools are plain JavaScript for Node itself, so their work is asked for in a process of its own. */
function ask(module: string, expression: string): unknown {
  const program = `const m = await import(${JSON.stringify(join(repository, 'tools', module))}); console.log(JSON.stringify(${expression}))`
  return JSON.parse(
    execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8', stdio: 'pipe' }),
  )
}

const tools = existsSync(join(repository, 'tools/node_modules/typescript'))

describe('the minimum OpenSSL', () => {
  const isBelow = (version: string, minimum: readonly string[]) =>
    ask('openssl.mjs', `m.isBelow(${JSON.stringify(version)}, ${JSON.stringify(minimum)})`)

  test('of SECURITY.md is met by the Node that runs the tests', () => {
    const text = JSON.stringify(readFileSync(join(repository, 'SECURITY.md'), 'utf8'))
    expect(ask('openssl.mjs', `m.isBelow(process.versions.openssl, m.minimumOpenssl(${text}))`)).toBe(false)
  })

  test.each([
    ['3.0.18', true],
    ['3.0.19', false],
    ['3.0.19+quic', false],
    ['3.5.5', true],
    ['3.5.10', false],
    ['1.1.1', true],
    ['2.9.9', true],
    ['3.2.0', false],
    ['3.6.0', false],
    ['4.0.0', false],
  ])('judges %s by the minimum of its own line: below is %s', (version, below) => {
    expect(isBelow(version, ['3.0.19', '3.5.6'])).toBe(below)
  })

  test.each(['', 'Minimum OpenSSL: none', 'minimum openssl: 3.0.1', ' Minimum OpenSSL: 3.0.1'])(
    'is not read out of %j',
    (text) => {
      expect(() => ask('openssl.mjs', `m.minimumOpenssl(${JSON.stringify(text)})`)).toThrow('SECURITY.md has no line')
    },
  )
})

describe.runIf(tools)('the API surface', () => {
  test('lists each exported name with what it is, re-exports and types included', () => {
    const folder = mkdtempSync(join(tmpdir(), 'cordon-surface-'))
    try {
      const source = join(folder, 'index.ts')
      writeFileSync(
        join(folder, 'inner.ts'),
        'export interface Shape { a: number }\nexport class Box {}\nexport const one = 1\nexport const hidden = 2\n',
      )
      writeFileSync(source, "export { Box, one as first, type Shape } from './inner.ts'\nexport type Two = 2\n")
      const entry = { name: '@cordon/x', source, config: join(repository, 'tsconfig.base.json') }
      expect(ask('api-surface.mjs', `m.listExports([${JSON.stringify(entry)}])`)).toBe(
        ['@cordon/x  both  Box', '@cordon/x  type  Shape', '@cordon/x  type  Two', '@cordon/x  value  first', ''].join(
          '\n',
        ),
      )
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  test('knows every entry point that the packages publish', () => {
    const names = ask('api-surface.mjs', `m.listEntryPoints(${JSON.stringify(repository)}).map(({ name }) => name)`)
    expect(names).toContain('@cordon/core/wire')
    expect(names).toContain('@cordon/tls')
  })
})

if (!tools) test.skip('the API surface: the tools are not installed, npm run check installs them', () => {})

describe('npm run check', () => {
  const check = (...args: string[]) => {
    try {
      return {
        code: 0,
        text: execFileSync(process.execPath, ['tools/check.mjs', ...args], {
          cwd: repository,
          encoding: 'utf8',
          stdio: 'pipe',
        }),
      }
    } catch (error) {
      // execFileSync throws an Error with these fields when the program ends with another code than 0.
      const { status, stderr } = error as { status: number; stderr: string }
      return { code: status, text: stderr }
    }
  }

  test('names its steps', () => {
    const { code, text } = check('--list')
    expect(code).toBe(0)
    expect(
      text
        .trimEnd()
        .split('\n')
        .map((line) => line.split(' ')[0]),
    ).toEqual([
      'format',
      'lint',
      'typed-lint',
      'types',
      'layers',
      'dead-code',
      'engines',
      'openssl',
      'surface',
      'client',
      'reference',
      'packaging',
    ])
  })

  test('refuses a step that it does not have', () => {
    const { code, text } = check('--only', 'spelling')
    expect(code).toBe(2)
    expect(text).toContain('There is no step "spelling"')
  })
})
