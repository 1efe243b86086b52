import { stat } from 'node:fs/promises'
import { UsageError } from '@cordon/core/errors'
import { readIfExists } from '../../files.ts'

/** How a person gives the PIN; the end of every message about one that is missing. */
const remedy =
  'write it to a file of mode 0600 and name that file by CORDON_PKCS11_PIN_FILE, by pin-source=file:/… in the URI, ' +
  'or hand it over as the systemd credential cordon-pkcs11-pin'

/**
 * Reads a PIN: the first line of a file that its owner alone may read.
 * @throws UsageError `missing` when there is no file, `bad-value` when its mode or content is wrong; never with the content
 */
export async function readPin(path: string | undefined, token: string): Promise<string> {
  if (path === undefined) throw new UsageError('missing', `the token "${token}" wants a PIN; ${remedy}`)
  const bytes = await readIfExists(path, 4096)
  if (bytes === undefined) throw new UsageError('missing', `the PIN file ${path} does not exist; ${remedy}`)
  await checkMode(path)
  const text = new TextDecoder('utf-8').decode(bytes).replace(/\r?\n$/, '')
  if (text.length === 0 || text.length > 255 || /\p{Cc}/u.test(text)) {
    throw new UsageError('bad-value', `expected the PIN file ${path} to hold one line of 1 to 255 characters`)
  }
  return text
}

async function checkMode(path: string): Promise<void> {
  if (process.platform === 'win32') return
  const { mode } = await stat(path)
  if ((mode & 0o077) === 0) return
  const octal = (mode & 0o777).toString(8).padStart(4, '0')
  throw new UsageError('bad-value', `the PIN file ${path} has mode ${octal}, expected 0600; run: chmod 600 ${path}`)
}
