import { parseArgs } from 'node:util'
import { seconds, Trouble } from './child.mjs'
import { steps } from './steps.mjs'
import { withLock } from './lock.mjs'
import { packagesOf } from './npm.mjs'
import { join } from 'node:path'
import { root, say } from './set-up.mjs'

const usage = `usage: npm run check [-- options]

  --only NAME   this step alone; may be given several times
  --update      rewrite what is pinned (docs/api-surface.txt) instead of comparing with it
  --list        name the steps

A step prints one line; one that fails prints also why.
`

/** Runs the steps one after the other, all of them even when one fails, and sets the exit code. */
async function main() {
  const options = readOptions()
  if (options === undefined) return
  if (options.list) {
    for (const { name, what } of steps) process.stdout.write(`${name.padEnd(14)} ${what}\n`)
    return
  }
  await installTools()
  const chosen = steps.filter(({ name }) => options.only.length === 0 || options.only.includes(name))
  const failed = []
  for (const step of chosen) {
    const start = performance.now()
    const {
      ok,
      output,
      note = '',
    } = await step.run({ update: options.update }).catch((error) => ({
      ok: false,
      output: error instanceof Trouble ? error.message : (error.stack ?? String(error)),
    }))
    process.stdout.write(
      `${step.name.padEnd(14)} ${ok ? 'ok' : 'FAILED'} ${seconds(start).padStart(8)}${note === '' ? '' : `  ${note}`}\n`,
    )
    if (ok) continue
    failed.push(step.name)
    process.stdout.write(`${output.trimEnd().replace(/^/gm, '  ')}\n`)
  }
  process.stdout.write(
    failed.length === 0
      ? `${chosen.length} checks passed\n`
      : `${failed.length} of ${chosen.length} checks failed: ${failed.join(', ')}\n`,
  )
  process.exitCode = failed.length === 0 ? 0 : 1
}

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        only: { type: 'string', multiple: true, default: [] },
        update: { type: 'boolean', default: false },
        list: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    })
    const unknown = values.only.find((name) => !steps.some((step) => step.name === name))
    if (unknown !== undefined)
      throw new Error(
        `There is no step ${JSON.stringify(unknown)}; the steps are ${steps.map(({ name }) => name).join(', ')}.`,
      )
    if (!values.help) return values
    process.stdout.write(usage)
  } catch (error) {
    process.stderr.write(`${error.message}\n\n${usage}`)
    process.exitCode = 2
  }
  return undefined
}

/** The tools have a package.json and a lock of their own, so that `npm start` and `npm test` need not wait for them. */
async function installTools() {
  const tools = packagesOf(join(root, 'tools'))
  if (tools.isCurrent()) return
  await withLock(
    join(root, '.cordon', 'tools.lock'),
    'npm run check',
    async () => {
      if (tools.isCurrent()) return
      const start = performance.now()
      say('installing the tools of npm run check …')
      await tools.install()
      say(`tools: done in ${seconds(start)}`)
    },
    ({ pid }) => say(`waiting for process ${pid}, which installs the tools …`),
  )
}

await main().catch((error) => {
  if (!(error instanceof Trouble)) throw error
  say(error.message)
  process.exitCode = 1
})
