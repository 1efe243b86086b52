import { spawn, spawnSync } from 'node:child_process'
import { chmod, chown, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cordon, ordinaryUser, writePlant } from './cli.ts'

let work = ''

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'cordon-places-'))
  await writePlant(work)
  await chmod(work, 0o755)
})

afterAll(async () => {
  await rm(work, { recursive: true, force: true })
})

describe.skipIf(process.platform === 'win32')('a plant file that is a pipe', () => {
  const pipe = (name: string): string => {
    const path = join(work, name)
    expect(spawnSync('bash', ['-c', 'mkfifo "$0"', path]).status).toBe(0)
    return path
  }

  it('is given up when nobody writes to it', async () => {
    const path = pipe('silent')
    const { status, stdout, stderr } = await cordon(['validate', path])
    expect(stderr).toBe(
      `cordon: plant file: nothing came out of ${path} for 10 s; write to the pipe, or give the path of a file\n`,
    )
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
  })

  it('is read to its end, whenever its writer comes', async () => {
    const path = pipe('late')
    const script = 'sleep 2; exec > "$1"; head -c 200 "$0"; sleep 1; tail -c +201 "$0"'
    const writer = spawn('bash', ['-c', script, join(work, 'plant.yaml'), path], { stdio: 'ignore' })
    const ended = new Promise((done) => writer.once('exit', done))
    const { status, stderr } = await cordon(['validate', path, '--simulation', join(work, 'simulation.yaml')])
    expect(status, stderr).toBe(0)
    await ended
  })
})

describe('a state that cannot be', () => {
  it.runIf(process.platform === 'linux').each(['/proc/cordon', '/proc/self', '/proc/sys/cordon/state'])(
    'in %s is refused at once',
    async (state) => {
      const { status, stdout, stderr } = await cordon(['psk', 'list', '--state', state])
      expect(stderr).toMatch(/\/proc\/.*--state or CORDON_STATE\n$/)
      expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
    },
  )

  it.skipIf(ordinaryUser === undefined)('because it is another user\u2019s is refused with the way out', async () => {
    const state = join(work, 'closed')
    await mkdir(state, { mode: 0o700 })
    await chown(state, 0, 0)
    const { status, stdout, stderr } = await cordon(['psk', 'list', '--state', state], {
      ...(ordinaryUser === undefined ? {} : { user: ordinaryUser }),
    })
    expect(stderr).toContain(`reading ${join(state, 'key')}: EACCES`)
    expect(stderr).toContain(
      `give this user the right to read and write ${state}, or choose another state with --state or CORDON_STATE`,
    )
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
  })
})
