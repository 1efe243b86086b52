import { closeSync, constants, fchmodSync, fstatSync, openSync, writeSync } from 'node:fs'
import { UsageError } from '@cordon/core/errors'

/**
 * Takes lines in the NSS key log format. They open every recorded byte of the association: for captures only. An
 * association whose line cannot be written, because this throws, fails.
 */
export type KeyLog = (line: string) => void

/**
 * A key log that appends to a file, which Wireshark and tshark read as it grows. The file is made with mode 0600; one
 * that is there and that others may read or write is given that mode before the first secret goes into it. When a line cannot be written later, a warning of the process
 * says so once.
 * @throws UsageError `bad-option` for a symbolic link, a directory or device, or a file of another user
 */
export function keyLogFile(path: string): KeyLog {
  // What is wrong with the file is said before anything runs, and looked at again with every line.
  closeSync(openOwn(path))
  let isTold = false
  return (line) => {
    try {
      append(path, line)
    } catch (error) {
      // Every association that follows fails alike: it is said once why.
      if (!isTold) {
        const reason = error instanceof Error ? error.message : String(error)
        process.emitWarning(`No association can be made any more: ${reason}`, { code: 'CORDON_KEY_LOG' })
      }
      isTold = true
      throw error
    }
  }
}

function append(path: string, line: string): void {
  // Handshakes are rare and a capture wants the line before the first record, so the write is synchronous.
  const file = openOwn(path)
  try {
    writeSync(file, `${line}\n`)
  } finally {
    closeSync(file)
  }
}

function openOwn(path: string): number {
  const refuse = (reason: string, cause?: unknown): UsageError =>
    new UsageError('bad-option', `key log ${path}: ${reason}; name a new file in a directory of your own`, { cause })
  const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants
  let file: number
  try {
    // Not through a link, which leads where somebody else likes, and not into a pipe, which would hold the process.
    file = openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600)
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
    throw refuse(code === 'ELOOP' ? 'it is a symbolic link' : `it cannot be written (${String(code)})`, cause)
  }
  try {
    const facts = fstatSync(file)
    if (!facts.isFile()) throw refuse('it is no ordinary file')
    if (process.platform !== 'win32') {
      if (facts.uid !== process.geteuid?.()) throw refuse('it belongs to another user')
      if (facts.nlink > 1) throw refuse('it has a second name (a hard link)')
      if ((facts.mode & 0o077) !== 0) fchmodSync(file, 0o600)
    }
    return file
  } catch (error) {
    closeSync(file)
    throw error
  }
}

/** What every status says while keys are written: one sentence for people. */
export function keyLogWarning(path: string): string {
  return `warning: the keys of every association are written to ${path}; whoever reads it reads the traffic`
}
