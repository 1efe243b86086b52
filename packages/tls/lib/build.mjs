/**
 * Builds the addon where no binary matches the sources and this Node: `node packages/tls/lib/build.mjs`, or `isCurrent`,
 * `missing` and `build`.
 *
 * One call of the C compiler does it (about a second): no Python, no make, no download, no home directory. On Windows,
 * where that would mean finding Visual Studio, node-gyp does it with `binding.gyp`. The result uses N-API 8 and the
 * OpenSSL symbols of `node` itself and is linked to nothing.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { homedir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const folder = join(root, 'build', 'Release')
const isWindows = process.platform === 'win32'

/** The binary that `build` makes and `load` finds first. */
export const binary = join(folder, 'cordon_tls.node')
const stamp = join(folder, 'cordon_tls.stamp')

/** Compiler options, sources and output excluded. */
const flags = [
  '-std=gnu11',
  '-O2',
  '-fPIC',
  '-fvisibility=hidden',
  '-fstack-protector-strong',
  '-Wall',
  '-Wextra',
  '-DOPENSSL_NO_DEPRECATED',
  // -z now: a runtime that does not export OpenSSL is found out while loading, not by a crash later.
  ...(process.platform === 'darwin'
    ? ['-bundle', '-undefined', 'dynamic_lookup']
    : ['-shared', '-Wl,-z,now', '-Wl,-z,relro']),
]

/** Whether the binary was made from these sources for this kind of Node. Takes milliseconds. */
export function isCurrent() {
  return existsSync(binary) && existsSync(stamp) && readFileSync(stamp, 'utf8') === wantedStamp()
}

/** Why `build` cannot work here, with the remedy; `undefined` where it can. */
export function missing() {
  const { found, tried } = findHeaders()
  if (found === undefined) {
    return [
      `The headers of Node ${process.version} with those of its OpenSSL (include/node/node_api.h, include/node/openssl/ssl.h)`,
      'were not found. Tried:',
      ...tried.map((path) => `  ${path}`),
      'They come with the releases from nodejs.org. Where they lie elsewhere, set npm_config_nodedir to the folder that',
      'holds include/node, or unpack node-<version>-headers.tar.gz there.',
    ].join('\n')
  }
  if (isWindows || findCompiler() !== undefined) return undefined
  return [
    'No C compiler was found (cc, gcc, clang, or what CC names).',
    'Install one, for example: apt-get install gcc libc6-dev (Debian, Ubuntu), dnf install gcc (Fedora),',
    'apk add gcc musl-dev (Alpine), xcode-select --install (macOS). Then run the same command again.',
  ].join('\n')
}

/**
 * Builds where necessary.
 *
 * @returns {Promise<string>} path of the binary
 * @throws Error that says what is missing, or what the compiler said.
 */
export async function build() {
  if (isCurrent()) return binary
  await compile(binary)
  writeFileSync(`${stamp}.${process.pid}`, wantedStamp())
  renameSync(`${stamp}.${process.pid}`, stamp)
  return binary
}

/**
 * Compiles, whatever exists, and puts the result into place in one step.
 *
 * @param {string} output
 * @param {readonly string[]} [more] further compiler options
 */
export async function compile(output, more = []) {
  const reason = missing()
  if (reason !== undefined) throw new Error(reason)
  const { found } = findHeaders()
  mkdirSync(dirname(output), { recursive: true })
  if (isWindows) {
    await runNodeGyp(found.nodedir)
    if (output !== binary) writeFileSync(output, readFileSync(binary))
    return
  }
  const temporary = `${output}.${process.pid}`
  try {
    const includes = found.includes.flatMap((path) => ['-I', path])
    await run(findCompiler(), [...flags, ...more, ...includes, '-o', temporary, ...sources('.c')])
    renameSync(temporary, output)
  } finally {
    rmSync(temporary, { force: true })
  }
}

/** What a binary depends on: the sources, how they are compiled, and the ABI they meet. */
function wantedStamp() {
  const hash = createHash('sha256')
  for (const path of [...sources('.c'), ...sources('.h')]) hash.update(readFileSync(path)).update('\0')
  const openssl = process.versions.openssl.split('.').slice(0, 2).join('.')
  hash.update(JSON.stringify([flags, process.platform, process.arch, libc(), 'napi 8', `openssl ${openssl}`]))
  return hash.digest('hex')
}

function sources(extension) {
  return readdirSync(join(root, 'src'))
    .filter((name) => name.endsWith(extension))
    .sort()
    .map((name) => join(root, 'src', name))
}

function libc() {
  if (process.platform !== 'linux') return ''
  return process.report.getReport().header.glibcVersionRuntime === undefined ? 'musl' : 'glibc'
}

function findHeaders() {
  const tried = []
  for (const nodedir of headerRoots()) {
    const include = join(nodedir, 'include', 'node')
    tried.push(include)
    if (!existsSync(join(include, 'node_api.h'))) continue
    if (existsSync(join(include, 'openssl', 'ssl.h'))) return { found: { nodedir, includes: [include] }, tried }
    // A distribution's Node that shares the system's libssl has its headers with that.
    const shares = process.config.variables.node_shared_openssl === true
    const system = join(dirname(include))
    if (shares && existsSync(join(system, 'openssl', 'ssl.h'))) {
      return { found: { nodedir, includes: [include, system] }, tried }
    }
  }
  return { found: undefined, tried }
}

function headerRoots() {
  const roots = []
  const named = process.env.npm_config_nodedir
  if (named) roots.push(named)
  roots.push(dirname(dirname(realpathSync(process.execPath))))
  const home = process.env.HOME || process.env.USERPROFILE ? homedir() : ''
  const caches =
    process.platform === 'darwin'
      ? [home && join(home, 'Library', 'Caches')]
      : isWindows
        ? [process.env.LOCALAPPDATA]
        : [process.env.XDG_CACHE_HOME, home && join(home, '.cache')]
  for (const cache of caches) {
    if (cache) roots.push(join(cache, 'node-gyp', process.versions.node))
  }
  return roots
}

/** The first compiler on the path, with the arguments that CC may carry. */
function findCompiler() {
  const wanted = [process.env.CC, 'cc', 'gcc', 'clang'].filter(Boolean)
  for (const name of wanted) {
    const [program, ...args] = name.trim().split(/\s+/)
    if (program.includes('/')) {
      if (existsSync(program)) return [program, ...args]
      continue
    }
    for (const place of (process.env.PATH ?? '').split(delimiter)) {
      if (place !== '' && existsSync(join(place, program))) return [join(place, program), ...args]
    }
  }
  return undefined
}

/** node-gyp of the workspace, else the one that npm brings. */
async function runNodeGyp(nodedir) {
  const require = createRequire(import.meta.url)
  let script
  try {
    script = require.resolve('node-gyp/bin/node-gyp.js')
  } catch {
    throw new Error('node-gyp was not found: run npm install in the root of the checkout first')
  }
  // node-gyp refuses to start without a home directory, unless it is told where its downloads would go.
  const devdir = join(root, 'build', 'node-gyp')
  await run([process.execPath], [script, 'rebuild', '--directory', root, `--nodedir=${nodedir}`, `--devdir=${devdir}`])
}

function run([file, ...before], args) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, [...before, ...args], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    const keep = (chunk) => {
      if (output.length < 64_000) output += chunk
    }
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    child.on('error', (cause) => reject(new Error(`${file} could not be started: ${cause.message}`, { cause })))
    child.on('close', (code, signal) => {
      if (code === 0) resolve()
      else reject(new Error(`${file} failed (${signal ?? `exit code ${code}`}):\n${output.trim()}`))
    })
  })
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(realpathSync(process.argv[1])).href) {
  try {
    process.stdout.write(`${await build()}\n`)
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
    process.exitCode = 1
  }
}
