import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { completionScript, type Shell, shells } from '../src/completion.ts'
import { everyCommand, fullName, testProgram } from './tree.ts'

const isInstalled = (command: string): boolean => spawnSync(command, ['--version']).error === undefined

let directory = ''
const script = (shell: Shell): string => join(directory, `cordon.${shell}`)

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'cordon-completion-'))
  for (const shell of shells) writeFileSync(script(shell), completionScript(testProgram(), shell))
  mkdirSync(join(directory, 'work', 'plants'), { recursive: true })
  writeFileSync(join(directory, 'work', 'plant one.yaml'), '')
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

/** What bash offers for a line whose last word is being typed. */
function inBash(...words: readonly string[]): string[] {
  const program = `source "$1"; shift; COMP_WORDS=(cordon "$@"); COMP_CWORD=$#; _cordon; printf '%s\\n' "\${COMPREPLY[@]}"`
  const text = execFileSync('bash', ['--norc', '-c', program, 'bash', script('bash'), ...words], {
    cwd: join(directory, 'work'),
    encoding: 'utf8',
  })
  return text.split('\n').filter((line) => line !== '')
}

describe('completion', () => {
  for (const shell of ['bash', 'zsh', 'fish'] as const) {
    it(`for ${shell} is a script that the shell can read`, ({ skip }) => {
      if (!isInstalled(shell)) skip(`${shell} is not installed`)
      const { status, stderr } = spawnSync(shell, ['-n', script(shell)], { encoding: 'utf8' })
      expect(stderr).toBe('')
      expect(status).toBe(0)
    })
  }

  it('for PowerShell is a script that the shell can read', ({ skip }) => {
    if (!isInstalled('pwsh')) skip('pwsh is not installed')
    const { status, stderr } = spawnSync('pwsh', ['-NoProfile', '-File', script('powershell')], { encoding: 'utf8' })
    expect(stderr).toBe('')
    expect(status).toBe(0)
  })

  it.each(shells)('for %s knows every command and every option', (shell) => {
    const text = completionScript(testProgram(), shell)
    for (const command of everyCommand(testProgram())) {
      for (const word of fullName(command).split(' ').slice(1)) expect(text).toContain(word)
      for (const { long } of command.options) expect(text).toContain(shell === 'fish' ? `-l ${long?.slice(2)}` : long)
    }
  })
})

describe.skipIf(!isInstalled('bash'))('completion in bash', () => {
  it('offers the commands', () => {
    expect(inBash('')).toEqual(
      expect.arrayContaining(['demo', 'validate', 'device', 'ca', 'psk', '--help', '--output']),
    )
    expect(inBash('v')).toEqual(['validate', 'verify', 'vendor'])
  })

  it('offers the commands of a group, and their options', () => {
    expect(inBash('ca', 'is')).toEqual(['issue'])
    expect(inBash('ca', 'issue', '--c')).toEqual(['--client'])
    expect(inBash('ca', 'issue', '')).not.toContain('show')
  })

  it('is not led astray by options before the command, nor by values that are named like commands', () => {
    expect(inBash('--state', 'ca', 'psk', 'li')).toEqual(['list'])
    expect(inBash('-o', 'json', 'ca', 'sh')).toEqual(['show'])
    expect(inBash('validate', 'plan', '--s')).toEqual(expect.arrayContaining(['--simulation', '--state']))
  })

  it('offers the values of an option that has few', () => {
    expect(inBash('psk', 'list', '-o', '')).toEqual(['table', 'json', 'yaml'])
    expect(inBash('apply', 'p.yaml', '--close-ports', 'l')).toEqual(['later'])
    expect(inBash('completion', 'z')).toEqual(['zsh'])
  })

  it('offers files where a file is meant, also with a space in the name', () => {
    expect(inBash('validate', 'plant')).toEqual(expect.arrayContaining(['plant one.yaml', 'plants']))
    expect(inBash('device', 'show', '127.0.0.1', '--plant', 'plant ')).toEqual(['plant one.yaml'])
    expect(inBash('simulate', 'x', '--directory', 'pl')).toEqual(['plants'])
  })

  it('offers nothing where only the user can know', () => {
    expect(inBash('discover', '--wait', '')).toEqual([])
  })
})
