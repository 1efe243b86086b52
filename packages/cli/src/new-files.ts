import { access, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { UsageError } from '@cordon/core/errors'

/**
 * Asks before anything is done whether new files can lie there: a slip of the pen must not replace a plant file or a key.
 * @throws UsageError `bad-option` for one that exists, unless forced; `missing` where its directory cannot be entered
 */
export async function mayWrite(paths: readonly string[], force: boolean | undefined): Promise<void> {
  for (const path of paths) {
    const found = await stat(path).catch(() => undefined)
    if (found?.isDirectory() === true) throw new UsageError('bad-option', `${path} is a directory; name a file`)
    if (found !== undefined && force !== true) {
      throw new UsageError('bad-option', `${path} exists; choose another name, or say --force to replace it`)
    }
  }
}

/** @throws UsageError `missing` where the directory of a file to write is not there */
export async function directoryOf(path: string): Promise<void> {
  await access(dirname(path)).catch((cause: unknown) => {
    throw new UsageError('missing', `${dirname(path)} is not there or cannot be entered; make the directory first`, {
      cause,
    })
  })
}
