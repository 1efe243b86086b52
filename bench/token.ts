import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The module of SoftHSM (Debian: softhsm2). */
const softModule = '/usr/lib/softhsm/libsofthsm2.so'

/** A token of SoftHSM for one measurement. */
export interface BenchToken extends Disposable {
  readonly uri: string
}

/** Makes a token and points this process's environment at it; undefined where SoftHSM is not installed. */
export function benchToken(): BenchToken | undefined {
  if (!existsSync(softModule)) return undefined
  const directory = mkdtempSync(join(tmpdir(), 'cordon-bench-token-'))
  mkdirSync(join(directory, 'tokens'))
  const configuration = join(directory, 'softhsm2.conf')
  writeFileSync(
    configuration,
    `directories.tokendir = ${join(directory, 'tokens')}\nobjectstore.backend = file\nlog.level = ERROR\n`,
  )
  const pinFile = join(directory, 'pin')
  writeFileSync(pinFile, '4711\n', { mode: 0o600 })
  process.env['SOFTHSM2_CONF'] = configuration
  process.env['CORDON_PKCS11_MODULE'] = softModule
  process.env['CORDON_PKCS11_PIN_FILE'] = pinFile
  const init = ['--init-token', '--free', '--label', 'bench', '--so-pin', '12345678', '--pin', '4711']
  execFileSync('softhsm2-util', init, { stdio: 'ignore' })
  return {
    uri: 'pkcs11:token=bench',
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  }
}
