import { readdirSync, readFileSync } from 'node:fs'
import { messageTable } from '@cordon/core/deployment'
import { CommanderError } from 'commander'
import { describe, expect, it } from 'vitest'
import { commandsDocument } from '../src/commands-document.ts'
import { exampleOf, isRunnable } from '../src/program/declare.ts'
import { everyCommand, fullName, testProgram, wordsOf } from './tree.ts'

const all = everyCommand(testProgram())
const leaves = all.filter(isRunnable)

/** What a command prints for `--help`. */
function helpOf(path: readonly string[]): string {
  let text = ''
  const program = testProgram()
  for (const command of everyCommand(program)) command.configureOutput({ writeOut: (part) => (text += part) })
  try {
    program.parse([...path, '--help'], { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    expect(error.exitCode).toBe(0)
  }
  return text
}

describe('the advice of messages', () => {
  it('names commands and options that there are', () => {
    for (const [code, { cause, next }] of Object.entries(messageTable))
      for (const [, advice] of `${cause} ${next}`.matchAll(/`(cordon [^`]+)`/g)) {
        const words = advice?.split(' ') ?? []
        const command = leaves
          .filter((each) => fullName(each) === words.slice(0, fullName(each).split(' ').length).join(' '))
          .at(0)
        expect(command, `${code}: ${advice}`).toBeDefined()
        for (const option of words.filter((word) => word.startsWith('--')))
          expect(
            command?.options.map(({ long }) => long),
            `${code}: ${advice}`,
          ).toContain(option)
      }
  })
})

describe('the command tree', () => {
  it('offers what the design names for these parts', () => {
    expect(
      leaves
        .map(fullName)
        .map((name) => name.slice('cordon '.length))
        .sort(),
    ).toEqual(
      [
        'demo',
        'demo pull',
        'server',
        'user list',
        'user add',
        'user reset',
        'user unlock',
        'user disable',
        'rehearse',
        'login',
        'logout',
        'plant list',
        'plant show',
        'plant save',
        'plant text',
        'plant versions',
        'plant diff',
        'plant restore',
        'plant stage',
        'plant dry-run',
        'plant propose',
        'plant discovered',
        'plant adopt',
        'job list',
        'job show',
        'job cancel',
        'audit',
        'vendor list',
        'vendor add',
        'vendor remove',
        'token list',
        'token revoke',
        'simulate',
        'validate',
        'discover',
        'plan',
        'apply',
        'verify',
        'release',
        'scan',
        'doctor',
        'completion',
        'conformance',
        'connections',
        'capture analyze',
        'capture decode',
        'capture live',
        'capture learn',
        'learn',
        'drift',
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
        'est enroll',
        'est serve',
        'est status',
        'entropy assess',
        'entropy record',
        'est discover',
        'est foreign',
        'est zone',
        'psk add',
        'psk list',
        'psk remove',
        'secret add',
        'secret list',
        'secret remove',
        'enrollment notify test',
        'enrollment notify status',
        'enrollment list',
        'enrollment show',
        'enrollment approve',
        'enrollment deny',
        'enrollment withdraw',
        'enrollment clear',
        'enrollment history',
        'enrollment policy check',
        'enrollment policy explain',
        'enrollment policy try',
        'enrollment account set',
        'enrollment account list',
        'enrollment account revoke',
        'enrollment administrator set',
        'enrollment administrator list',
        'enrollment administrator revoke',
        'enrollment provisioning issue',
        'enrollment provisioning anchor',
        'enrollment provisioning list',
        'enrollment provisioning revoke',
        'enrollment issued',
        'enrollment inventory check',
      ].sort(),
    )
  })

  it.each(all.map((command) => [fullName(command)] as const))(
    '%s has help with an example, and the options of all',
    (name) => {
      const help = helpOf(name.split(' ').slice(1))
      expect(help).toMatch(/\nExample:\n {2}\$ cordon \S+/)
      expect(help).toContain('--output <format>')
      expect(help).toContain('--state <directory>')
    },
  )

  it.each(leaves.map((command) => [exampleOf(command), fullName(command)] as const))(
    'takes its own example: %s',
    async (example, name) => {
      let started: readonly unknown[] | undefined
      const program = testProgram(async (_load, _options, args) => {
        started = args
      })
      await program.parseAsync(wordsOf(example).slice(1), { from: 'user' })
      expect(started).toBeDefined()
      expect(`${example} `.startsWith(`${name} `)).toBe(true)
    },
  )

  it.each(leaves.map((command) => [fullName(command)] as const))(
    '%s leads to a module that runs it',
    async (name) => {
      const modules: unknown[] = []
      const command = leaves.find((each) => fullName(each) === name)
      const program = testProgram(async ({ here, there }) => {
        for (const load of [here, there]) if (load !== undefined) modules.push(await load())
      })
      await program.parseAsync(wordsOf(command === undefined ? '' : exampleOf(command)).slice(1), { from: 'user' })
      expect(modules).not.toEqual([])
      for (const module of modules) expect(module).toBeTypeOf('function')
      // The first one loads half of the product from its sources.
    },
    120_000,
  )

  it('says of every argument and option what it means', () => {
    for (const command of leaves) {
      for (const argument of command.registeredArguments) {
        expect(
          argument.description === '' && argument.argChoices === undefined,
          `${fullName(command)} ${argument.name()}`,
        ).toBe(false)
      }
      for (const option of command.options)
        expect(option.description, `${fullName(command)} ${option.flags}`).not.toBe('')
    }
  })

  it('takes no secret as an argument or the value of an option', () => {
    const words = all.flatMap((command) => [
      ...command.options.map(({ flags }) => flags),
      ...command.registeredArguments.map((argument) => argument.name()),
    ])
    for (const word of words) expect(word).not.toMatch(/<(?:key|secret|passphrase|password|psk)>/)
  })

  it.each([
    ['an unknown command', ['frobnicate']],
    ['a word too many', ['validate', 'a', 'b']],
    ['a missing argument', ['validate']],
    ['an unknown option', ['validate', 'a', '--fast']],
    ['a missing option', ['ca', 'init']],
    ['a local address that is none', ['discover', '--from', 'localhost']],
    ['two ways to open a device', ['device', 'show', '127.0.0.1', '--plain', '--pin', 'ab']],
    ['a shell that it does not know', ['completion', 'tcsh']],
    ['a transport that it does not know', ['scan', '127.0.0.1', '--transport', 'quic']],
  ])('refuses %s', (_, argv) => {
    expect(() => testProgram().parse(argv, { from: 'user' })).toThrow(CommanderError)
  })

  it('lists the suites of CIP Security where the plant file’s messages say it does', () => {
    const help = helpOf(['scan'])
    expect(help.match(/^ {2}0x[0-9A-F]{4} {2}TLS_/gm)).toHaveLength(13)
  })

  it('has every command that a message of the product names', () => {
    const paths = new Set(all.map((command) => fullName(command)))
    const groups = new Set(all.filter(({ commands }) => commands.length > 0).map(fullName))
    const missing: string[] = []
    for (const file of sources()) {
      for (const [, first = '', second = ''] of readFileSync(file, 'utf8').matchAll(
        /["`“]cordon ([a-z]+)(?: ([a-z][a-z-]*))?/g,
      )) {
        const top = `cordon ${first}`
        const named = groups.has(top) && second !== '' ? `${top} ${second}` : top
        if (!paths.has(named)) missing.push(`${file.pathname.replace(/.*\/packages\//, '')}: ${named}`)
      }
    }
    // Words that begin with the product's name and are no commands: names of locks, keys and processes.
    const others = [
      'cli/src/commands/server.ts: cordon of',
      'cli/src/commands/user.ts: cordon user of',
      'cli/src/remote/login.ts: cordon on',
      'node/src/keys/file.ts: cordon key',
      'server/src/deploy/claims.ts: cordon plant',
      'server/src/enrollment/commit.ts: cordon name',
    ]
    expect(missing.filter((each) => !others.includes(each))).toEqual([])
  })
})

describe('docs/commands.md', () => {
  it('is the command tree, written out (run the tests with -u after a change)', async () => {
    await expect(commandsDocument(testProgram())).toMatchFileSnapshot('../../../docs/commands.md')
  })

  it('has links that lead somewhere', () => {
    const text = commandsDocument(testProgram())
    const anchors = new Set(
      [...text.matchAll(/^## (.+)$/gm)].map(([, title = '']) => title.toLowerCase().replaceAll(' ', '-')),
    )
    const links = [...text.matchAll(/\]\(#([^)]+)\)/g)].map(([, anchor = '']) => anchor)
    expect(links).toHaveLength(leaves.length)
    for (const link of links) expect(anchors).toContain(link)
  })
})

function sources(): URL[] {
  const root = new URL('../../', import.meta.url)
  return ['core', 'node', 'simulator', 'server', 'cli'].flatMap((name) => {
    const folder = new URL(`${name}/src/`, root)
    return readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts'))
      .map((path) => new URL(path, folder))
  })
}
