import { createHash } from 'node:crypto'
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { basename, dirname, join, relative } from 'node:path'
import { runForProgress, Trouble } from './child.mjs'

/** Settings of an outer `npm` that would change what an inner `npm ci` installs or whether it says why it failed. */
const notInherited =
  /^npm_config_(also|dry_run|global|ignore_scripts|include|include_workspace_root|json|local_prefix|location|loglevel|omit|only|package_lock|package_lock_only|prefix|production|workspace|workspaces)$/i

/**
 * One folder with a package-lock.json, and whether its node_modules are what the lock asks for. Changes of the packages'
 * files, of the lock, of Node and of the machine's kind all ask for a new installation.
 */
export function packagesOf(folder, workspaces = []) {
  const stamp = join(folder, 'node_modules', '.cordon-packages')
  const hash = () => {
    const sum = createHash('sha256')
    for (const name of [
      'package.json',
      'package-lock.json',
      '.npmrc',
      ...workspaces.map((each) => `${each}/package.json`),
    ]) {
      const path = join(folder, name)
      sum
        .update(`${name}\0`)
        .update(existsSync(path) ? readFileSync(path) : '-')
        .update('\0')
    }
    return sum.update([process.version, process.platform, process.arch].join('\0')).digest('hex')
  }
  return {
    isCurrent: () => existsSync(stamp) && readFileSync(stamp, 'utf8') === hash(),
    /** @param {(pid: number) => void} started called with npm's process */
    async install(started) {
      refuseUnwritable(folder, ['node_modules', 'node_modules/.bin'])
      const wanted = hash()
      rmSync(stamp, { force: true })
      const [file, ...before] = npmCommand()
      const args = [
        'ci',
        '--include=dev',
        '--include=optional',
        '--ignore-scripts',
        '--package-lock=true',
        '--no-audit',
        '--no-fund',
        '--no-update-notifier',
        '--loglevel=error',
      ]
      const code = await runForProgress(file, [...before, ...args, ...cacheArguments(folder)], {
        cwd: folder,
        env: environment(),
        started,
      })
      if (code !== 0) {
        throw new Trouble(
          `npm ci failed in ${folder} (exit ${code}); its own words stand above.\n` +
            'Without a network or behind a proxy, set npm up first (npm ping must answer). If package.json and package-lock.json disagree,\n' +
            'run npm install there and commit the lock. Then run the same command again: nothing else needs cleaning up.',
        )
      }
      mkdirSync(dirname(stamp), { recursive: true })
      writeFileSync(stamp, wanted)
    },
  }
}

function environment() {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !notInherited.test(name)))
}

/** The npm that runs us, else the one that came with this Node, else whatever the path offers. */
export function npmCommand() {
  const running = process.env.npm_execpath
  if (running !== undefined && basename(running) === 'npm-cli.js') return [process.execPath, running]
  const bin = dirname(realpathSync(process.execPath))
  const beside = [
    join(bin, '..', 'lib', 'node_modules', 'npm', 'bin', 'npm-cli.js'),
    join(bin, 'node_modules', 'npm', 'bin', 'npm-cli.js'),
    join(bin, '..', 'share', 'nodejs', 'npm', 'bin', 'npm-cli.js'),
  ].find((path) => existsSync(path))
  if (beside !== undefined) return [process.execPath, beside]
  for (const folder of (process.env.PATH ?? '').split(process.platform === 'win32' ? ';' : ':')) {
    const path = join(folder, 'npm')
    if (existsSync(path)) return [path]
  }
  throw new Trouble(
    'No npm was found beside this Node or on the path. Install npm (Debian: apt-get install npm), then run the same command again.',
  )
}

/** npm keeps its cache in the home; a home that is empty, missing or closed to us must not stop the installation. */
function cacheArguments(folder) {
  if (process.env.npm_config_cache !== undefined && mayWrite(process.env.npm_config_cache)) return []
  const home = homedir()
  if (home !== '' && mayWrite(join(home, '.npm'))) return []
  return ['--cache', join(folder, '.cordon', 'npm-cache')]
}

/** Whether we may write at `path`, or make it where it does not exist yet. Nothing is made. */
function mayWrite(path) {
  let place = path
  while (!existsSync(place) && dirname(place) !== place) place = dirname(place)
  return statSync(place).isDirectory() && canWrite(place)
}

function canWrite(path) {
  try {
    accessSync(path, constants.W_OK)
    return true
  } catch {
    return false
  }
}

/** Says in words what would otherwise be a refused system call half-way through. */
export function refuseUnwritable(folder, names) {
  const closed = [folder, ...names.map((name) => join(folder, name))].find(
    (path) => existsSync(path) && !canWrite(path),
  )
  if (closed === undefined) return
  throw new Trouble(
    `Something must be made anew, but this user may not write to ${closed}.\n` +
      `Run as the owner of the checkout, or clone it anew as this user${closed === folder ? '' : `, or have the owner remove ${relative(folder, closed)}`}.`,
  )
}
