import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The JavaScript behind a command of a package that tools/package.json lists. */
export function toolPath(packageName, command) {
  const folder = join(dirname(fileURLToPath(import.meta.url)), 'node_modules', packageName)
  const { bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  return join(folder, typeof bin === 'string' ? bin : bin[command])
}
