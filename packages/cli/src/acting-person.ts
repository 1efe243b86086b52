import { userInfo } from 'node:os'
import { NotAllowed, UsageError } from '@cordon/core/errors'
import { hasAdministrators, verifyAdministrator } from '@cordon/server/enrollment'
import type { Store } from '@cordon/server/store'
import { readSecret } from './secret.ts'

/** Options of a command that somebody answers for. */
export interface PersonFlags {
  readonly as?: string
  readonly passwordFile?: string
}

/**
 * Who answers for a command: an administrator with a password once there is one, until then the user of the operating
 * system.
 * Deviation: taking the operating system's word for who somebody is holds until Cordon has users of its own.
 * @throws NotAllowed `role` when there are administrators and none is named, or the password is not theirs
 * @throws UsageError `missing` for a name without a password, or a file that cannot be read
 */
export async function actingPerson(store: Store, { as, passwordFile }: PersonFlags): Promise<string> {
  if (as === undefined) {
    if (passwordFile !== undefined) throw new UsageError('missing', '--password-file belongs to --as NAME')
    if (await hasAdministrators(store)) {
      throw new NotAllowed('role', 'there are administrators: say who you are with --as NAME --password-file FILE')
    }
    return userInfo().username
  }
  if (passwordFile === undefined)
    throw new UsageError('missing', '--as needs --password-file FILE (- for standard input)')
  if (!(await verifyAdministrator(store, as, await readSecret(passwordFile, '--password-file')))) {
    throw new NotAllowed('role', `"${as.slice(0, 64)}" is not an administrator with this password`)
  }
  return as
}
