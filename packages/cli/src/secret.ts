import { readFile } from 'node:fs/promises'
import { UsageError } from '@cordon/core/errors'

/**
 * A secret from a file, or from standard input for `-`: its first line. Never from the command line, where other users
 * of the machine could read it.
 * @throws UsageError `missing`, `bad-value`
 */
export async function readSecret(file: string, what: string): Promise<string> {
  const text = await readSecretText(file, what)
  const line = text.split(/\r?\n/, 1)[0] ?? ''
  if (line === '')
    throw new UsageError('bad-value', `${what}: ${file === '-' ? 'standard input' : file} begins with an empty line`)
  return line
}

/**
 * A whole text from a file, or from standard input for `-`: a key of several lines.
 * @throws UsageError `missing`, `bad-value`
 */
export async function readSecretText(file: string, what: string): Promise<string> {
  try {
    return file === '-' ? await standardInput() : await readFile(file, 'utf8')
  } catch (cause) {
    if (cause instanceof UsageError) throw cause
    throw new UsageError('missing', `${what}: cannot read ${file}; give a readable file, or - for standard input`, {
      cause,
    })
  }
}

async function standardInput(): Promise<string> {
  let text = ''
  process.stdin.setEncoding('utf8')
  for await (const part of process.stdin) {
    text += String(part)
    if (text.length > 64 * 1024) throw new UsageError('bad-value', 'standard input: expected one line, got over 64 KiB')
  }
  return text
}
