/**
 * Makes the binary that the packed package carries: stripped, at `prebuilds/<platform>-<arch>/cordon_tls.<libc>.node`.
 * Run it with the oldest Node that is supported, so that the headers of the oldest OpenSSL are used.
 */
import { join } from 'node:path'
import { realpathSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { compile } from './build.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))

/** @returns {Promise<string>} path of the binary */
export async function prebuild() {
  const glibc = process.platform === 'linux' && process.report.getReport().header.glibcVersionRuntime !== undefined
  const libc = process.platform === 'linux' ? (glibc ? '.glibc' : '.musl') : ''
  const output = join(root, 'prebuilds', `${process.platform}-${process.arch}`, `cordon_tls${libc}.node`)
  await compile(output, process.platform === 'linux' ? ['-s'] : [])
  return output
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(realpathSync(process.argv[1])).href) {
  try {
    process.stdout.write(`${await prebuild()}\n`)
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
    process.exitCode = 1
  }
}
