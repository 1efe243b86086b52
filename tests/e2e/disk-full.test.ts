import { spawn, spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cordon, cordonPath, type Ended, plantAddresses, writePlant } from './cli.ts'

const { plc, io } = plantAddresses

/** A small disk is mounted where nobody else sees it, which takes root: the reason why others skip these tests. */
const mayMount = spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'none', tmpdir()]).status === 0

/** A process that holds a namespace of mounts with one small disk in it. */
class SmallDisk {
  readonly path: string
  readonly #holder: ReturnType<typeof spawn>

  private constructor(path: string, holder: ReturnType<typeof spawn>) {
    this.path = path
    this.#holder = holder
  }

  static async mount(path: string, megabytes: number): Promise<SmallDisk> {
    await mkdir(path, { recursive: true })
    const script = 'mount -t tmpfs -o size="$1"m,mode=0711 none "$0" && echo mounted && exec sleep infinity'
    const holder = spawn('unshare', ['-m', 'bash', '-c', script, path, String(megabytes)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await new Promise<void>((done, fail) => {
      holder.stdout?.once('data', () => done())
      holder.once('exit', (code) => fail(new Error(`the disk was not mounted (${code})`)))
    })
    return new SmallDisk(path, holder)
  }

  /** What makes a command see the disk, before its own words. */
  get inside(): readonly string[] {
    return ['nsenter', `--mount=/proc/${this.#holder.pid}/ns/mnt`, `--wd=${process.cwd()}`]
  }

  /** As {@link inside}; the disk is full from the moment that standard error tells of a step. */
  fullAt(step: string): readonly string[] {
    const script = `"$@" 2> >(while read -r line; do [[ $line != "$1"* ]] || dd if=/dev/zero of="$0/ballast-$$" bs=4k status=none 2> /dev/null; echo "$line" >&2; done)`
    return [...this.inside, 'bash', '-c', `step="$1"; shift; ${script.replace('"$1"*', '"$step"*')}`, this.path, step]
  }

  /** Takes what is free, but for some KiB. */
  fill(leaveKiB = 0): void {
    this.#shell(
      'head -c "$(( ($(df --output=avail -k "$0" | tail -1) - $1) * 1024 ))" /dev/zero > "$0/ballast" || true',
      String(leaveKiB),
    )
  }

  free(): void {
    this.#shell('rm -f "$0"/ballast*')
  }

  /** Names of the files in a directory of the disk. */
  files(directory: string): readonly string[] {
    return this.#shell('ls -A "$0/$1"', directory).split('\n').filter(Boolean)
  }

  #shell(script: string, ...args: readonly string[]): string {
    const [command = '', ...before] = this.inside
    const { status, stdout, stderr } = spawnSync(command, [...before, 'bash', '-c', script, this.path, ...args], {
      encoding: 'utf8',
    })
    if (status !== 0) throw new Error(`${script}: ${stderr}`)
    return stdout
  }

  async unmount(): Promise<void> {
    const ended = new Promise((done) => this.#holder.once('exit', done))
    this.#holder.kill('SIGKILL')
    await ended
  }
}

/** Every document is JSON; the test says what of it counts. */
function documentOf({ stdout, stderr }: Ended): Record<string, unknown> {
  expect(stdout, stderr).not.toBe('')
  return JSON.parse(stdout) as Record<string, unknown>
}

interface Plant {
  readonly roots: string
  /** What it wrote on standard error so far. */
  said(): string
  stop(): Promise<void>
}

let work = ''
const plantFile = (): string => join(work, 'plant.yaml')

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'cordon-full-'))
  await writePlant(work)
})

afterAll(async () => {
  await rm(work, { recursive: true, force: true })
})

async function simulate(disk: SmallDisk, state: string, devices: string): Promise<Plant> {
  const [command = '', ...before] = disk.inside
  const line = ['simulate', plantFile(), '--state', state, '--directory', devices, '--no-broadcast', '--output', 'json']
  const child = spawn(command, [...before, process.execPath, cordonPath, ...line], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  const ended = new Promise<void>((done) => child.once('exit', () => done()))
  await new Promise<void>((done, fail) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (text.includes('"ready"')) done()
    })
    void ended.then(() => fail(new Error(`the plant did not come up:\n${said}`)))
  })
  return {
    roots: join(devices, 'vendor-roots.pem'),
    said: () => said,
    stop: () => {
      child.kill('SIGINT')
      return ended
    },
  }
}

describe.skipIf(!mayMount)('a full disk (needs root, who may mount a small one)', () => {
  it('under the devices leaves each in its old or new configuration, and --resume completes', async () => {
    const disk = await SmallDisk.mount(join(work, 'devices'), 4)
    const state = join(work, 'state-a')
    const devices = join(disk.path, 'plant')
    let plant = await simulate(disk, state, devices)
    const run = (args: readonly string[]) =>
      cordon([...args, '--state', state, '--output', 'json'], { through: disk.inside })
    try {
      disk.fill()
      const roots = ['--trust-vendor', plant.roots]
      const refused = await run(['apply', plantFile(), ...roots, '--yes'])
      expect(refused.status, refused.stderr).toBe(1)
      expect(documentOf(refused)['outcome']).toBe('not-complete')
      expect(plant.said()).toMatch(
        /could not be stored, .*writing \S*Line_(?:PLC|IO)\.device\.json: ENOSPC.*free space there/,
      )
      expect(disk.files('plant/devices').filter((name) => name.endsWith('.tmp'))).toEqual([])
      disk.free()
      // No request comes: the device tries by itself.
      await expect.poll(() => plant.said(), { timeout: 10_000 }).toMatch(/stored after all/)
      // Power loss now: what was stored is what there is.
      await plant.stop()
      plant = await simulate(disk, state, devices)
      const resumed = await run(['apply', plantFile(), ...roots, '--yes', '--resume'])
      expect(resumed.status, resumed.stderr).toBe(0)
      expect(documentOf(resumed)['outcome']).toMatch(/^complete/)
      const verified = await run(['verify', plantFile()])
      expect(documentOf(verified)['verdict'], verified.stderr).toBe('pass')
    } finally {
      await plant.stop()
      await disk.unmount()
    }
  }, 180_000)

  it('under the database stops a deployment with a remedy, and --resume completes', async () => {
    const disk = await SmallDisk.mount(join(work, 'database'), 192)
    const state = join(disk.path, 'state')
    const plant = await simulate(disk, join(work, 'state-b'), join(work, 'devices-b'))
    const run = (args: readonly string[], fullAt = '') =>
      cordon([...args, '--state', state, '--output', 'json'], {
        through: fullAt === '' ? disk.inside : disk.fullAt(fullAt),
        environment: { CORDON_TRACE_STEPS: '1' },
      })
    try {
      const roots = ['--trust-vendor', plant.roots]
      const made = await run(['ca', 'init', '--plant', plantFile()])
      expect(made.status, made.stderr).toBe(0)
      disk.fill()
      const refused = await run(['apply', plantFile(), ...roots, '--yes'])
      expect(refused.stderr).toMatch(/ENOSPC.*; free space there and try again/)
      expect({ status: refused.status, stdout: refused.stdout }).toEqual({ status: 1, stdout: '' })
      // Nothing half done: both devices are still as they left the factory.
      for (const address of [plc, io]) {
        const asked = ['device', 'get', address, '0x5D', '1', '1', '--plain', '--output', 'json']
        const shown = await cordon(asked, { environment: { CORDON_STATE: join(work, 'state-b') } })
        expect(documentOf(shown), address).toMatchObject({ value: 'factoryDefault' })
      }
      disk.free()
      // Room to begin with, and none from the first step on: what fits into the pages that PostgreSQL has may be enough.
      disk.fill(64)
      const cut = await run(['apply', plantFile(), ...roots, '--yes'], 'step read ')
      if (cut.status === 0) expect(documentOf(cut)['outcome']).toMatch(/^complete/)
      else expect(cut.stdout + cut.stderr).toMatch(/free space/)
      disk.free()
      const resumed = await run(['apply', plantFile(), ...roots, '--yes', '--resume'])
      expect(resumed.status, resumed.stderr).toBe(0)
      const verified = await run(['verify', plantFile()])
      expect(documentOf(verified)['verdict'], verified.stderr).toBe('pass')
    } finally {
      await plant.stop()
      await disk.unmount()
    }
  }, 180_000)

  it('under the files of a client or a backup leaves all of them or none', async () => {
    const disk = await SmallDisk.mount(join(work, 'files'), 1)
    const state = join(work, 'state-c')
    const run = (args: readonly string[], input = '') =>
      cordon([...args, '--state', state, '--output', 'json'], { through: disk.inside, input })
    try {
      const made = await run(['ca', 'init', '--plant', plantFile()])
      expect(made.status, made.stderr).toBe(0)
      const issue = ['ca', 'issue', '--client', 'panel', '--zone', 'line', '--directory', join(disk.path, 'panel')]
      const backup = ['ca', 'backup', join(disk.path, 'backup'), '--passphrase-file', '-']
      // Room for the directory, and for one file or two of the three.
      for (const leaveKiB of [4, 8, 0]) {
        disk.fill(leaveKiB)
        const refused = await run(issue)
        expect(refused.stderr).toMatch(
          /panel\.\w+\.pem: ENOSPC.*; free space there and try again|panel: ENOSPC.*free space/,
        )
        expect(refused.status).toBe(1)
        disk.free()
        expect(disk.files('.').filter((name) => name !== 'panel')).toEqual([])
        expect(disk.files('.').includes('panel') ? disk.files('panel') : []).toEqual([])
      }
      disk.fill()
      const lost = await run(backup, 'correct horse battery staple\n')
      expect(lost.stderr).toMatch(/backup: ENOSPC.*; free space there and try again/)
      expect(lost.status).toBe(1)
      disk.free()
      expect(disk.files('.').filter((name) => name !== 'panel')).toEqual([])
      const issued = await run(issue)
      expect(issued.status, issued.stderr).toBe(0)
      expect([...disk.files('panel')].sort()).toEqual(['panel.cert.pem', 'panel.chain.pem', 'panel.key.pem'])
      const kept = await run(backup, 'correct horse battery staple\n')
      expect(kept.status, kept.stderr).toBe(0)
      expect(await readdir(disk.path)).toEqual([])
    } finally {
      await disk.unmount()
    }
  }, 120_000)
})
