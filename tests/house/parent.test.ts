import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { describe, expect, it } from 'vitest'

const module = new URL('../../tools/parent.mjs', import.meta.url).href

/** Says its process id, then lives until a signal ends it in order, or for ten seconds. */
const program = `
  const { endWithParent } = await import(${JSON.stringify(module)})
  endWithParent()
  const end = (how) => { console.log(how); process.exit(0) }
  process.on('SIGTERM', () => end('ended in order'))
  process.on('SIGUSR2', () => end('asked by the test'))
  setTimeout(() => end('nobody ended it'), 10_000)
  console.log(process.pid)
`

/** Runs the program behind a shell, as npm does; the second command keeps the shell from becoming the program. */
async function orphan(
  environment: NodeJS.ProcessEnv,
): Promise<{ readonly pid: number; readonly last: Promise<string> }> {
  const shell = spawn('sh', ['-c', '"$0" --input-type=module --eval "$1"; true', process.execPath, program], {
    env: environment,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines = createInterface(shell.stdout)[Symbol.asyncIterator]()
  const next = async () => String((await lines.next()).value)
  const pid = Number(await next())
  const gone = once(shell, 'exit')
  shell.kill('SIGKILL')
  await gone
  return { pid, last: next() }
}

describe.skipIf(process.platform === 'win32')('a demonstration whose parent was killed', () => {
  it('ends in order when npm started it', async () => {
    const { last } = await orphan({ ...process.env, npm_lifecycle_event: 'start' })
    expect(await last).toBe('ended in order')
  }, 20_000)

  it('goes on when npm did not', async () => {
    const { npm_lifecycle_event: _, ...environment } = process.env
    const { pid, last } = await orphan(environment)
    // Longer than it takes to notice; a slow machine can only make this wait longer.
    await new Promise((done) => setTimeout(done, 2500))
    process.kill(pid, 'SIGUSR2')
    expect(await last).toBe('asked by the test')
  }, 20_000)
})
