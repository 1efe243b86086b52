import { existsSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import type { Pkcs11Uri } from '@cordon/core/crypto'
import { UsageError } from '@cordon/core/errors'

type Environment = Readonly<Record<string, string | undefined>>

/** Where modules lie that nobody named: SoftHSM, then what a smart card needs. */
const usualPlaces: readonly string[] = [
  '/usr/lib/softhsm/libsofthsm2.so',
  '/usr/lib64/softhsm/libsofthsm2.so',
  '/usr/lib64/pkcs11/libsofthsm2.so',
  '/usr/local/lib/softhsm/libsofthsm2.so',
  '/opt/homebrew/lib/softhsm/libsofthsm2.so',
  '/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so',
  '/usr/lib/aarch64-linux-gnu/opensc-pkcs11.so',
  '/usr/lib64/opensc-pkcs11.so',
]

/**
 * The PKCS#11 module for a key: `module-path` of its URI, else `CORDON_PKCS11_MODULE`, else the first of the usual places.
 * @throws UsageError `missing` when there is none, `bad-value` when it is named by a relative path
 */
export function findModule(uri: Pkcs11Uri, env: Environment = process.env): string {
  const { CORDON_PKCS11_MODULE: named } = env
  const [path, by] =
    uri.modulePath !== undefined
      ? [uri.modulePath, 'module-path']
      : [named === '' ? undefined : named, 'CORDON_PKCS11_MODULE']
  if (path === undefined) return firstUsual()
  if (!isAbsolute(path)) throw new UsageError('bad-value', `expected ${by} to be an absolute path, got "${path}"`)
  if (!existsSync(path)) throw new UsageError('missing', `the PKCS#11 module ${path}, named by ${by}, does not exist`)
  return path
}

function firstUsual(): string {
  const found = usualPlaces.find((path) => existsSync(path))
  if (found !== undefined) return found
  throw new UsageError(
    'missing',
    `no PKCS#11 module was found (looked at ${usualPlaces.join(', ')}); ` +
      'name the library of your token by CORDON_PKCS11_MODULE=/…, or install SoftHSM (Debian: apt-get install softhsm2)',
  )
}

/**
 * The file that holds the PIN of a token: `pin-source` of the URI, else `CORDON_PKCS11_PIN_FILE`, else the systemd
 * credential `cordon-pkcs11-pin`; undefined when none is named.
 */
export function findPinFile(uri: Pkcs11Uri, env: Environment = process.env): string | undefined {
  if (uri.pinSource !== undefined) return uri.pinSource
  const { CORDON_PKCS11_PIN_FILE: named, CREDENTIALS_DIRECTORY: credentials } = env
  if (named !== undefined && named !== '') {
    if (isAbsolute(named)) return named
    throw new UsageError('bad-value', `expected CORDON_PKCS11_PIN_FILE to be an absolute path, got "${named}"`)
  }
  if (credentials === undefined || credentials === '') return undefined
  const credential = join(credentials, 'cordon-pkcs11-pin')
  return existsSync(credential) ? credential : undefined
}
