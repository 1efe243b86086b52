import { spawn } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { delimiter, dirname, join } from 'node:path'
import { UsageError } from '@cordon/core/errors'

/** What a person types where the addon cannot be built by itself. */
const byHand = 'npm rebuild pkcs11js --ignore-scripts=false'

/**
 * Sees to it that pkcs11js can be loaded: npm leaves it unbuilt, so the first use of a hardware key builds it, by one call
 * of the C++ compiler (a few seconds, no download, no Python).
 * @throws UsageError `missing` that says what is not there and what to type
 */
export async function readyAddon(): Promise<void> {
  const folder = packageFolder()
  const binary = join(folder, 'build', 'Release', 'pkcs11.node')
  if (existsSync(binary)) return
  const headers = findHeaders()
  const compiler = findCompiler()
  if (process.platform === 'win32' || headers === undefined || compiler === undefined) {
    const lacking =
      headers === undefined
        ? "Node's headers (include/node/node_api.h)"
        : 'a C++ compiler (Debian: apt-get install g++)'
    throw new UsageError(
      'missing',
      `keys in hardware need pkcs11js, which is not built, and ${lacking} was not found; with both there, run: ${byHand}`,
    )
  }
  await compile(folder, binary, headers, compiler)
}

function packageFolder(): string {
  try {
    return dirname(createRequire(import.meta.url).resolve('pkcs11js/package.json'))
  } catch {
    throw new UsageError(
      'missing',
      'keys in hardware need the package pkcs11js, which is not installed; run: npm install --include=optional',
    )
  }
}

/** The folder of node_api.h: where npm was told, else beside this Node. */
function findHeaders(): string | undefined {
  const { npm_config_nodedir: named } = process.env
  const roots = [named, dirname(dirname(process.execPath)), '/usr']
  return roots
    .filter(isGiven)
    .map((root) => join(root, 'include', 'node'))
    .find((folder) => existsSync(join(folder, 'node_api.h')))
}

function isGiven(text: string | undefined): text is string {
  return text !== undefined && text !== ''
}

function findCompiler(): string | undefined {
  const { CXX, PATH } = process.env
  const names = [CXX, 'c++', 'g++', 'clang++'].filter(isGiven)
  const places = names.flatMap((name) =>
    name.includes('/') ? [name] : (PATH ?? '').split(delimiter).map((folder) => join(folder, name)),
  )
  return places.find((path) => existsSync(path))
}

const flags = [
  '-std=c++17',
  '-O2',
  '-fPIC',
  '-fvisibility=hidden',
  '-fstack-protector-strong',
  '-DNAPI_DISABLE_CPP_EXCEPTIONS',
]
const linking =
  process.platform === 'darwin' ? ['-bundle', '-undefined', 'dynamic_lookup'] : ['-shared', '-Wl,-z,relro,-z,now']
const sources = ['dl.cpp', 'common.cpp', 'main.cpp']

/** Compiles beside the place and moves the result there, so that two at once do no harm. */
async function compile(folder: string, binary: string, headers: string, compiler: string): Promise<void> {
  const temporary = `${binary}.${process.pid}`
  try {
    accessSync(folder, constants.W_OK)
    await mkdir(dirname(binary), { recursive: true })
  } catch (cause) {
    throw new UsageError(
      'missing',
      `pkcs11js must be built in ${folder}, where this user may not write; run as the owner of that folder: ${byHand}`,
      { cause },
    )
  }
  const includes = ['-I', join(folder, 'includes'), '-I', headers]
  const inputs = sources.map((name) => join(folder, 'src', name))
  try {
    await run(compiler, [...flags, ...linking, ...includes, '-o', temporary, ...inputs])
    await rename(temporary, binary)
  } finally {
    await rm(temporary, { force: true })
  }
}

function run(file: string, args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: ['ignore', 'ignore', 'pipe'] })
    let complaint = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaint = `${complaint}${text}`.slice(0, 4000)
    })
    const fail = (why: string, cause?: unknown) =>
      reject(
        new UsageError('missing', `pkcs11js could not be built (${why}); mend that, then run: ${byHand}`, { cause }),
      )
    child.on('error', (cause) => fail(`${file} cannot be started: ${cause.message}`, cause))
    child.on('close', (code) => (code === 0 ? resolve() : fail(`${file}: exit ${code}\n${complaint}`)))
  })
}
