import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { runForProgress, seconds, Trouble } from './child.mjs'
import { processLives, withLock } from './lock.mjs'
import { packagesOf, refuseUnwritable } from './npm.mjs'

/** The checkout that this file lies in. */
export const root = join(dirname(fileURLToPath(import.meta.url)), '..')

const state = join(root, '.cordon')
const workspaces = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).workspaces
const webFolder = 'packages/web'
/** What the compiler makes; Vite makes the rest. */
const compiled = workspaces.filter((workspace) => workspace !== webFolder)

/**
 * Brings the checkout to where every command can run: packages installed, addon built, TypeScript compiled. Each part is
 * made only if what it is made from changed; with nothing changed nothing is written and no process is started. Two runs
 * at once wait for each other.
 *
 * @param {{ verbose?: boolean, command: string }} options verbose: also say what was found current
 */
export async function setUp({ verbose = false, command }) {
  const parts = [packages, addon, types, web]
  const work = async () => {
    for (const part of parts) {
      if (await part.isCurrent()) {
        if (verbose) say(`${part.name}: nothing changed`)
        continue
      }
      const start = performance.now()
      say(`${part.doing} …`)
      await part.make()
      say(`${part.name}: done in ${seconds(start)}`)
    }
  }
  if (await areCurrent(parts)) return verbose ? work() : undefined
  refuseUnwritable(root, ['.cordon', ...workspaces.map((workspace) => `${workspace}/dist`)])
  await withLock(join(state, 'set-up.lock'), command, work, ({ pid, what }) =>
    say(`waiting for the set-up of process ${pid} (${what}) to finish …`),
  )
}

async function areCurrent(parts) {
  for (const part of parts) if (!(await part.isCurrent())) return false
  return true
}

/** Progress belongs on standard error: standard output is the command's own. */
export function say(text) {
  process.stderr.write(`cordon set-up: ${text}\n`)
}

/** Packages from npm. Install scripts stay off: nothing we install needs one, and npm is about to refuse them anyway. */
const packages = {
  name: 'packages',
  doing: 'installing packages from npm',
  ...packagesOf(root, workspaces),
  async make() {
    await refuseWithoutCompiler()
    await othersEnded()
    // An npm that outlives us, killed as we were, goes on writing: whoever comes next must know of it.
    await packagesOf(root, workspaces).install((pid) => noteRun('npm ci', pid))
  },
}

/** The native part of `packages/tls`, which knows itself when it must be built. */
const addon = {
  name: 'addon',
  doing: 'building the addon of packages/tls',
  isCurrent: async () => (await addonBuilder()).isCurrent(),
  make: async () => {
    const { build } = await addonBuilder()
    await build().catch((error) => {
      throw new Trouble(`The addon could not be built. ${error.message}`)
    })
  },
}

const addonBuilder = () => import(pathToFileURL(join(root, 'packages/tls/lib/build.mjs')).href)

/** A missing compiler is said before half a minute of downloads, not after. */
async function refuseWithoutCompiler() {
  const { isCurrent, missing } = await addonBuilder()
  if (isCurrent()) return
  const reason = missing()
  if (reason !== undefined) throw new Trouble(reason)
}

/** JavaScript and declarations from TypeScript, in each package's `dist`. */
const types = {
  name: 'compiled TypeScript',
  doing: 'compiling TypeScript',
  isCurrent: () => {
    const sources = listSources()
    return (
      readStamp('compiled') === hashOf(sources) &&
      sources.every(({ output }) => output === undefined || existsSync(output))
    )
  },
  async make() {
    const sources = listSources()
    const wanted = hashOf(sources)
    rmSync(stampPath('compiled'), { force: true })
    removeOrphans(sources)
    await compile()
    mkdirSync(state, { recursive: true })
    writeFileSync(stampPath('compiled'), wanted)
  },
}

/** Compiles one TypeScript project with everything that it refers to, or says that it does not compile. */
export async function compile(project = '.') {
  const code = await runForProgress(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-b', project], {
    cwd: root,
  })
  if (code !== 0)
    throw new Trouble('The sources do not compile; the places stand above. Mend them, then run the same command again.')
}

/** The web interface, which Vite makes of its sources and those of the client. */
const web = {
  name: 'web interface',
  doing: 'building the web interface',
  isCurrent: () => {
    if (!existsSync(join(root, webFolder, 'index.html'))) return true
    return readStamp('web') === hashOf(webSources()) && existsSync(join(root, webFolder, 'dist/index.html'))
  },
  async make() {
    const wanted = hashOf(webSources())
    rmSync(stampPath('web'), { force: true })
    const code = await runForProgress(
      process.execPath,
      [join(root, 'node_modules/vite/bin/vite.js'), 'build', '--logLevel', 'warn'],
      { cwd: join(root, webFolder) },
    )
    if (code !== 0)
      throw new Trouble(
        'The web interface could not be built; why stands above. Mend it, then run the same command again.',
      )
    mkdirSync(state, { recursive: true })
    writeFileSync(stampPath('web'), wanted)
  },
}

/** What Vite reads. */
function webSources() {
  const files = ['package.json', 'vite.config.ts', 'index.html', 'tsconfig.json'].map((name) => `${webFolder}/${name}`)
  files.push('node_modules/vite/package.json', 'packages/client/package.json')
  for (const folder of [`${webFolder}/src`, `${webFolder}/public`, 'packages/client/src'])
    for (const name of listFiles(join(root, folder))) files.push(join(folder, name))
  return files.map((path) => ({ path: join(root, path) }))
}

const stampPath = (name) => join(state, `${name}.stamp`)

function readStamp(name) {
  return existsSync(stampPath(name)) ? readFileSync(stampPath(name), 'utf8') : undefined
}

/** What compilation reads, each TypeScript source with the file that it becomes. Outputs lie outside of this set. */
function listSources() {
  const settings = ['tsconfig.json', 'tsconfig.base.json', 'node_modules/typescript/package.json']
  for (const workspace of compiled) settings.push(`${workspace}/package.json`, `${workspace}/tsconfig.json`)
  const found = settings.map((path) => ({ path: join(root, path) }))
  for (const workspace of compiled) {
    for (const folder of ['src', 'lib']) {
      const from = join(root, workspace, folder)
      for (const name of listFiles(from)) {
        if (!name.endsWith('.ts')) continue
        const output = name.endsWith('.d.ts') ? undefined : join(root, workspace, 'dist', name.replace(/\.ts$/, '.js'))
        found.push({ path: join(from, name), output })
      }
    }
  }
  return found
}

/** Files below a folder, as paths relative to it, in a fixed order. */
export function listFiles(folder) {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true })
    .filter((name) => statSync(join(folder, name)).isFile())
    .sort()
}

function hashOf(sources) {
  const sum = createHash('sha256')
  for (const { path } of sources) {
    sum
      .update(relative(root, path))
      .update('\0')
      .update(existsSync(path) ? readFileSync(path) : '-')
      .update('\0')
  }
  return sum.digest('hex')
}

/** A compiled file whose source is gone would still be found by imports and by `npm pack`. */
function removeOrphans(sources) {
  const wanted = new Set(sources.map(({ output }) => output))
  for (const workspace of compiled) {
    const dist = join(root, workspace, 'dist')
    for (const name of listFiles(dist)) {
      const output = join(dist, name.replace(/\.(d\.ts|js)(\.map)?$/, '.js'))
      if (name.endsWith('.tsbuildinfo') || wanted.has(output)) continue
      rmSync(join(dist, name), { force: true })
    }
  }
}

const runs = join(state, 'runs')

/** Leaves a note while a process runs on node_modules, so that nobody replaces them under it. */
export function noteRun(command, pid = process.pid) {
  try {
    mkdirSync(runs, { recursive: true })
    const note = join(runs, String(pid))
    writeFileSync(note, command)
    process.on('exit', () => rmSync(note, { force: true }))
  } catch {
    // A checkout that is closed to this user cannot be reinstalled by anybody who would have to know.
  }
}

const patienceMs = 10 * 60_000

/** Replacing node_modules pulls the ground from under whoever runs on them: wait, and say for whom. */
async function othersEnded() {
  const deadline = performance.now() + patienceMs
  let told = ''
  for (;;) {
    const others = listRuns()
    if (others.length === 0) return
    const who = others.map(({ pid, command }) => `${pid} (${command})`).join(', ')
    if (performance.now() > deadline)
      throw new Trouble(
        `The packages must be reinstalled, but process ${who} still runs on them. End it, then run the same command again.`,
      )
    if (who !== told)
      say(`the packages must be reinstalled, and process ${who} still runs on them: waiting for it to end …`)
    told = who
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
}

function listRuns() {
  const found = []
  for (const name of listFiles(runs)) {
    const pid = Number(name)
    if (pid === process.pid) continue
    if (processLives(pid)) found.push({ pid, command: readFileSync(join(runs, name), 'utf8') })
    else rmSync(join(runs, name), { force: true })
  }
  return found
}
