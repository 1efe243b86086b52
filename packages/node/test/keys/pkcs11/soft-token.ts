import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The module of SoftHSM (Debian: softhsm2). */
export const softModule = '/usr/lib/softhsm/libsofthsm2.so'

/** Why a test with SoftHSM cannot run here; false when it can. */
export const noSoftToken =
  existsSync(softModule) && existsSync('/usr/bin/pkcs11-tool')
    ? false
    : 'SoftHSM or pkcs11-tool is missing: apt-get install softhsm2 opensc'

/** A token of SoftHSM in a directory of its own, and the environment by which it is found. */
export interface SoftToken {
  readonly directory: string
  readonly label: string
  readonly uri: string
  readonly pin: string
  readonly pinFile: string
  /** Runs pkcs11-tool, logged in. */
  readonly tool: (...args: string[]) => string
  readonly remove: () => void
}

/** Makes a token, and points this process's environment at it until it is removed. */
export function makeSoftToken(label = 'plant'): SoftToken {
  const directory = mkdtempSync(join(tmpdir(), 'cordon-token-'))
  mkdirSync(join(directory, 'tokens'))
  const configuration = join(directory, 'softhsm2.conf')
  writeFileSync(
    configuration,
    `directories.tokendir = ${join(directory, 'tokens')}\nobjectstore.backend = file\nlog.level = ERROR\n`,
  )
  const pin = 'hushed-4711'
  const pinFile = join(directory, 'pin')
  writeFileSync(pinFile, `${pin}\n`, { mode: 0o600 })
  const names = ['SOFTHSM2_CONF', 'CORDON_PKCS11_MODULE', 'CORDON_PKCS11_PIN_FILE'] as const
  const before = names.map((name) => process.env[name])
  process.env['SOFTHSM2_CONF'] = configuration
  process.env['CORDON_PKCS11_MODULE'] = softModule
  process.env['CORDON_PKCS11_PIN_FILE'] = pinFile
  initialize(label, pin)
  return {
    directory,
    label,
    uri: `pkcs11:token=${label}`,
    pin,
    pinFile,
    tool: (...args) =>
      execFileSync('pkcs11-tool', ['--module', softModule, '--token-label', label, '--login', '--pin', pin, ...args], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      }),
    remove: () => {
      for (const [index, name] of names.entries()) {
        const value = before[index]
        if (value === undefined) delete process.env[name]
        else process.env[name] = value
      }
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** One more token beside the first. */
export function initialize(label: string, pin: string): void {
  execFileSync('softhsm2-util', ['--init-token', '--free', '--label', label, '--so-pin', '12345678', '--pin', pin], {
    stdio: 'ignore',
  })
}
