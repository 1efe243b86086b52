import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { keyLogFile } from '@cordon/node/transports'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

describe.skipIf(process.platform === 'win32')('a key log', () => {
  let directory = ''
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'cordon-keys-'))
  })
  afterEach(() => rmSync(directory, { recursive: true }))

  it('is readable by its owner alone, whatever the umask', () => {
    const before = process.umask(0)
    try {
      const file = join(directory, 'keys.log')
      const log = keyLogFile(file)
      log('CLIENT_RANDOM 00 11')
      log('CLIENT_RANDOM 22 33')
      expect(statSync(file).mode & 0o777).toBe(0o600)
      expect(readFileSync(file, 'utf8')).toBe('CLIENT_RANDOM 00 11\nCLIENT_RANDOM 22 33\n')
    } finally {
      process.umask(before)
    }
  })

  it('takes rights of others off a file that is already there, before anything is written', () => {
    const file = join(directory, 'keys.log')
    writeFileSync(file, 'kept\n')
    chmodSync(file, 0o644)
    keyLogFile(file)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(readFileSync(file, 'utf8')).toBe('kept\n')
  })

  it('refuses a symbolic link, a hard link, a directory and a place that is not there', () => {
    const target = join(directory, 'target')
    writeFileSync(target, '')
    symlinkSync(target, join(directory, 'link'))
    linkSync(target, join(directory, 'second'))
    mkdirSync(join(directory, 'folder'))
    expect(() => keyLogFile(join(directory, 'link'))).toThrow('symbolic link')
    expect(() => keyLogFile(join(directory, 'second'))).toThrow('hard link')
    expect(() => keyLogFile(join(directory, 'folder'))).toThrow('EISDIR')
    expect(() => keyLogFile(join(directory, 'none', 'keys.log'))).toThrow('ENOENT')
  })

  it('is not written through a link that took its place meanwhile', () => {
    const file = join(directory, 'keys.log')
    const log = keyLogFile(file)
    rmSync(file)
    const stolen = join(directory, 'stolen')
    writeFileSync(stolen, '')
    symlinkSync(stolen, file)
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
    expect(() => log('CLIENT_RANDOM 00 11')).toThrow('symbolic link')
    expect(() => log('CLIENT_RANDOM 22 33')).toThrow('symbolic link')
    expect(warn.mock.calls.map(([text]) => text)).toEqual([expect.stringContaining('symbolic link')])
    warn.mockRestore()
    expect(readFileSync(stolen, 'utf8')).toBe('')
  })
})
