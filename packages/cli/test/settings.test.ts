import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { UsageError } from '@cordon/core/errors'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readSettings } from '../src/settings.ts'

let directory = ''
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cordon-settings-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

/** Settings from a file with this text. */
function settingsOf(
  text: string,
  environment: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const file = join(directory, 'cordon.yaml')
  writeFileSync(file, text)
  return readSettings(environment, file)
}

describe('settings', () => {
  it('come from cordon.yaml', () => {
    expect(settingsOf('state: /srv/cordon\nconcurrency: 16\n')).toEqual({ state: '/srv/cordon', concurrency: '16' })
  })

  it('of the environment win over those of the file', () => {
    expect(settingsOf('state: /srv/cordon\noutput: yaml\n', { CORDON_STATE: '/tmp/x' })).toEqual({
      state: '/tmp/x',
      output: 'yaml',
    })
  })

  it('are spelled in the environment as CORDON_ and upper case', () => {
    const missing = join(directory, 'none.yaml')
    expect(readSettings({ CORDON_LOCAL_ADDRESS: '127.0.0.2', CORDON_DATABASE_URL: 'postgres://a' }, missing)).toEqual({
      localAddress: '127.0.0.2',
      databaseUrl: 'postgres://a',
    })
    expect(readSettings({ DATABASE_URL: 'postgres://b' }, missing)).toEqual({ databaseUrl: 'postgres://b' })
    expect(readSettings({ CORDON_DATABASE_URL: 'a', DATABASE_URL: 'b' }, missing)).toEqual({ databaseUrl: 'a' })
  })

  it('are empty without a file, with an empty file, and for empty variables', () => {
    expect(readSettings({}, join(directory, 'none.yaml'))).toEqual({})
    expect(settingsOf('')).toEqual({})
    expect(settingsOf('# nothing yet\n', { CORDON_STATE: '' })).toEqual({})
  })

  it.each([
    ['a key that is none', 'outptu: json\n', /"outptu" is not a setting; expected one of state, output/],
    ['a list', '- state\n', /expected settings as "name: value"/],
    ['a nested value', 'state: { a: 1 }\n', /"state" expects one value, got object/],
    ['a name for an address', 'localAddress: localhost\n', /expects an IPv4 address, got "localhost"/],
    ['an alias', 'a: &x 1\nstate: *x\n', /not a setting|alias/i],
  ])('refuse %s', (_, text, message) => {
    expect(() => settingsOf(text)).toThrow(message)
    expect(() => settingsOf(text)).toThrow(UsageError)
  })

  it('say line and column of a file that is no YAML, on one line', () => {
    const error = ((): unknown => {
      try {
        return settingsOf('state: /srv\noutput: "json\n')
      } catch (caught) {
        return caught
      }
    })()
    expect(error).toBeInstanceOf(UsageError)
    expect(String(error)).toMatch(/cordon\.yaml:\d+:\d+: /)
    expect(String(error)).not.toContain('\n')
  })

  it('say when the file cannot be read', () => {
    mkdirSync(join(directory, 'cordon.yaml'))
    expect(() => readSettings({}, join(directory, 'cordon.yaml'))).toThrow(/cannot be read/)
  })
})
