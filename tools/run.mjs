import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Trouble } from './child.mjs'
import { endWithParent } from './parent.mjs'
import { compile, noteRun, root, say, setUp } from './set-up.mjs'

/** The program that a command becomes, with the arguments that go before the user's. */
const programs = {
  start: () => ({ file: 'packages/cli/bin/cordon.mjs', before: ['demo'] }),
  test: () => ({ file: 'node_modules/vitest/vitest.mjs', before: ['run'], folder: root }),
  bench: async () => {
    if (!existsSync(join(root, 'bench/main.ts')))
      throw new Trouble('This checkout has no bench/main.ts, so there is nothing to measure.')
    await compile('bench')
    return { file: 'bench/dist/main.js', before: [], folder: root }
  },
  check: () => ({ file: 'tools/check.mjs', before: [], folder: root }),
}

const usage = `usage: node run.mjs <command> [arguments]

  start   set up, then run the demonstration plant (npm start -- --help says more)
  test    set up, then run the tests (arguments go to vitest)
  bench   set up, then measure (-- --json [NAME…])
  check   set up, then format, lint, types, layers, packaging and documents
  build   set up only: packages, addon, compiled TypeScript
  setup   the same, saying also what was found current
`

/**
 * Sets the checkout up and becomes the command: the program runs in this very process, so that its signals, exit code
 * and standard streams are its own.
 *
 * @param {readonly string[]} argv command and its arguments
 */
export async function run([command, ...args]) {
  if (command === '--help' || command === '-h') {
    process.stdout.write(usage)
    return
  }
  const isProgram = Object.hasOwn(programs, command ?? '')
  if (!isProgram && command !== 'build' && command !== 'setup') {
    process.stderr.write(
      `${command === undefined ? 'No command was given.' : `There is no command ${JSON.stringify(command)}.`}\n\n${usage}`,
    )
    process.exitCode = 2
    return
  }
  try {
    await setUp({ command: `npm run ${command}`, verbose: command === 'setup' })
    if (!isProgram) return
    const { file, before, folder } = await programs[command]()
    noteRun(`npm run ${command}`)
    if (command === 'start') endWithParent()
    if (folder !== undefined) process.chdir(folder)
    const path = join(root, file)
    process.argv = [process.execPath, path, ...before, ...args]
    await import(pathToFileURL(path).href)
  } catch (error) {
    if (!(error instanceof Trouble)) throw error
    say(error.message)
    process.exitCode = 1
  }
}
