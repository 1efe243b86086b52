import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { TlsError } from './errors.ts'
import { arenaSize, type Binding, rowCount } from './native.ts'

/** Where the results of the last session call lie; overwritten by the next. Empty until `load`. */
export const arena = {
  bytes: new Uint8Array(0),
  rows: new Int32Array(0),
  status: new Float64Array(0),
}

let binding: Binding | undefined

/**
 * The compiled part, loaded once: what was built here (`build/Release`), else what came with the package (`prebuilds`).
 *
 * @throws TlsError `native-missing` where neither exists, `native-unusable` where this runtime cannot load it; the message
 * names every path tried and the remedy.
 */
export function load(): Binding {
  if (binding !== undefined) return binding
  const candidates = binaryPaths()
  const failures: string[] = []
  for (const path of candidates) {
    if (!existsSync(path)) {
      failures.push(`  ${path}: not there`)
      continue
    }
    try {
      const loaded = createRequire(import.meta.url)(path) as Binding // the shape is fixed by src/addon.c
      const [bytes, rows, status] = loaded.bind(
        new Uint8Array(arenaSize),
        new Int32Array(rowCount * 4),
        new Float64Array(4),
      )
      Object.assign(arena, { bytes, rows, status })
      binding = loaded
      return loaded
    } catch (error) {
      failures.push(`  ${path}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  const present = candidates.some((path) => existsSync(path))
  throw new TlsError(
    present ? 'native-unusable' : 'native-missing',
    [
      'The compiled part of @cordon/tls could not be loaded. Tried:',
      ...failures,
      `It needs Node itself (${process.release.name} ${process.version} here) with OpenSSL 3 exported, as the releases from`,
      'nodejs.org do. To build it: install a C compiler (Debian: apt-get install gcc libc6-dev; macOS: xcode-select --install),',
      `have Node's headers (they come with Node, in include/node), then run: node ${join(packageRoot(), 'lib', 'build.mjs')}`,
    ].join('\n'),
  )
}

/** The OpenSSL that does the work: the one inside the running Node. `number` is OPENSSL_VERSION_NUMBER, 0x30000130 for 3.0.19. */
export function opensslVersion(): { version: string; number: string } {
  const { version, number } = load().version()
  return { version, number: `0x${number.toString(16)}` }
}

/** The package's own folder; `lib` and `dist` both lie directly in it. */
function packageRoot(): string {
  return dirname(dirname(fileURLToPath(import.meta.url)))
}

function binaryPaths(): string[] {
  const root = packageRoot()
  return [
    join(root, 'build', 'Release', 'cordon_tls.node'),
    join(root, 'prebuilds', `${process.platform}-${process.arch}`, `cordon_tls${libc()}.node`),
  ]
}

/** What is used of Node's diagnostic report. */
interface Report {
  excludeNetwork: boolean | undefined
  getReport(): { readonly header: { readonly glibcVersionRuntime?: string } }
}

/** Linux binaries are bound to a C library; the report header of glibc builds names its version. */
function libc(): string {
  if (process.platform !== 'linux') return ''
  // Untyped in @types/node: excludeNetwork, and what a report holds.
  const report = process.report as unknown as Report | undefined
  if (report === undefined) return '.musl'
  const before = report.excludeNetwork
  // Otherwise the report asks the name server for the peer of every open socket, and the process stands still for seconds.
  report.excludeNetwork = true
  const { header } = report.getReport()
  report.excludeNetwork = before
  return header.glibcVersionRuntime === undefined ? '.musl' : '.glibc'
}
