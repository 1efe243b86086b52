import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

/** The checkout that the tests themselves run in. */
export const repository = join(import.meta.dirname, '../..')

/** How a run ended and what it said. */
export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** A run that is under way. */
export interface Running {
  readonly process: ChildProcess
  readonly ended: Promise<Ended>
  /** Resolves once the text stands on either stream; rejects if the process ends without it. */
  says(text: string): Promise<void>
}

/**
 * A small checkout with our real `run.mjs` and compiler, but an npm and an addon that only write down what they are
 * asked for. Its path has spaces in it.
 */
export interface Checkout {
  readonly folder: string
  /** Runs `node run.mjs` with these arguments. */
  start(args: readonly string[], env?: NodeJS.ProcessEnv, nodeArguments?: readonly string[], uid?: number): Running
  run(args: readonly string[], env?: NodeJS.ProcessEnv, nodeArguments?: readonly string[]): Promise<Ended>
  write(path: string, text: string): void
  read(path: string): string
  has(path: string): boolean
  remove(path: string): void
  /** One line for each call of npm and of the addon's builder, oldest first. */
  calls(): string[]
  [Symbol.dispose](): void
}

/** npm, as far as the set-up can see: it empties node_modules and puts the compiler there. */
const npm = `
import { appendFileSync, existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs'
appendFileSync('calls.log', 'npm ' + process.argv.slice(2).join(' ') + ' [omit=' + (process.env.npm_config_omit ?? '') + ']\\n')
rmSync('node_modules', { recursive: true, force: true })
mkdirSync('node_modules')
if (existsSync('npm-hangs')) {
  console.log('npm hangs')
  setInterval(() => {}, 1000)
} else if (existsSync('npm-fails')) {
  console.log('npm has no network')
  process.exitCode = 7
} else {
  symlinkSync(process.env.COMPILER, 'node_modules/typescript')
  console.log('added 1 package')
}
`

const builder = `
import { appendFileSync, existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
const root = join(import.meta.dirname, '../../..')
const binary = join(root, 'addon')
export const isCurrent = () => existsSync(binary)
export const missing = () => existsSync(join(root, 'no-compiler')) ? 'No C compiler was found.' : undefined
export const build = async () => {
  appendFileSync(join(root, 'calls.log'), 'addon\\n')
  writeFileSync(binary, '')
}
`

const program = `
import { answer } from '../dist/main.js'
if (process.argv.includes('--stay')) {
  process.on('SIGINT', () => process.exit(42))
  setInterval(() => {}, 1000)
} else {
  process.exitCode = Number(process.env.PROGRAM_CODE ?? 0)
}
process.stdout.write(JSON.stringify({ answer, args: process.argv.slice(2), pid: process.pid }) + '\\n')
`

/** Makes a checkout; the caller disposes of it. */
export function makeCheckout(): Checkout {
  const top = mkdtempSync(join(tmpdir(), 'cordon house '))
  const folder = join(top, 'a checkout')
  mkdirSync(folder)
  for (const name of ['run.mjs', 'tsconfig.base.json']) cpSync(join(repository, name), join(folder, name))
  for (const name of ['run', 'parent', 'set-up', 'child', 'lock', 'npm']) {
    cpSync(join(repository, `tools/${name}.mjs`), join(folder, `tools/${name}.mjs`))
  }
  writeFileSync(join(top, 'npm-cli.js'), npm)
  writeFileSync(join(top, 'package.json'), '{ "type": "module" }')
  const checkout: Checkout = {
    folder,
    start(args, env = {}, nodeArguments = [], uid) {
      const child = spawn(process.execPath, [...nodeArguments, 'run.mjs', ...args], {
        cwd: folder,
        env: {
          ...process.env,
          npm_execpath: join(top, 'npm-cli.js'),
          COMPILER: join(repository, 'node_modules/typescript'),
          ...env,
        },
        stdio: ['ignore', 'pipe', 'pipe'],
        ...(uid === undefined ? {} : { uid, gid: uid }),
      })
      return follow(child)
    },
    run: (args, env, nodeArguments) => checkout.start(args, env, nodeArguments).ended,
    write(path, text) {
      mkdirSync(dirname(join(folder, path)), { recursive: true })
      writeFileSync(join(folder, path), text)
    },
    read: (path) => readFileSync(join(folder, path), 'utf8'),
    has: (path) => existsSync(join(folder, path)),
    remove: (path) => rmSync(join(folder, path), { recursive: true }),
    calls: () => (checkout.has('calls.log') ? checkout.read('calls.log').trimEnd().split('\n') : []),
    [Symbol.dispose]: () => rmSync(top, { recursive: true, force: true }),
  }
  const manifest = { name: 'small', type: 'module', workspaces: ['packages/cli', 'packages/tls'] }
  checkout.write('package.json', JSON.stringify(manifest))
  checkout.write('package-lock.json', '{}')
  checkout.write('tsconfig.json', '{ "files": [], "references": [{ "path": "packages/cli" }] }')
  checkout.write('packages/cli/package.json', '{ "name": "cli", "type": "module" }')
  checkout.write(
    'packages/cli/tsconfig.json',
    JSON.stringify({
      extends: '../../tsconfig.base.json',
      compilerOptions: { rootDir: 'src', outDir: 'dist', tsBuildInfoFile: 'dist/.tsbuildinfo' },
      include: ['src/**/*.ts'],
    }),
  )
  checkout.write('packages/cli/src/main.ts', 'export const answer = 1\n')
  checkout.write('packages/cli/bin/cordon.mjs', program)
  checkout.write('packages/tls/package.json', '{ "name": "tls", "type": "module" }')
  checkout.write('packages/tls/lib/build.mjs', builder)
  return checkout
}

/** Collects what a process says until it ends. */
export function follow(child: ChildProcess): Running {
  let stdout = ''
  let stderr = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    stdout += chunk.toString('utf8')
  })
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk.toString('utf8')
  })
  const ended = once(child, 'close').then(([code, signal]): Ended => ({ code, signal, stdout, stderr }))
  return {
    process: child,
    ended,
    says: (text) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (stdout.includes(text) || stderr.includes(text)) resolve()
        }
        child.stdout?.on('data', look)
        child.stderr?.on('data', look)
        look()
        void ended.then(() => reject(new Error(`it ended without saying "${text}":\n${stdout}${stderr}`)))
      }),
  }
}
