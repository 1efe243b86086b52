import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const commands = ['ip', 'unshare', 'nsenter', 'dbus-daemon', 'avahi-daemon', 'avahi-browse', 'avahi-publish']

/** Why the tests beside avahi cannot run here; nothing if they can. */
export function avahiMissing(): string | undefined {
  for (const command of commands) {
    if (spawnSync('which', [command]).status !== 0) return `the ${command} command is missing`
  }
  if (process.getuid?.() !== 0) return 'root is needed to make network namespaces'
  const name = `cordon-try-${process.pid}`
  if (spawnSync('ip', ['netns', 'add', name]).status !== 0) return 'network namespaces cannot be made here'
  spawnSync('ip', ['netns', 'delete', name])
  return undefined
}

/** Two network namespaces, ours and avahi's, with a cable or more between them: 10.77.N.1 here, 10.77.N.2 there. */
export class TwoHosts {
  readonly #id = `d${process.pid}`
  readonly ours = `cordon-${this.#id}-a`
  readonly theirs = `cordon-${this.#id}-b`
  readonly #cables: number

  constructor(cables: number) {
    this.#cables = cables
    for (const name of [this.ours, this.theirs]) {
      ip('netns', 'add', name)
      ip('-n', name, 'link', 'set', 'lo', 'up')
    }
    for (let n = 0; n < cables; n++) {
      ip(
        'link',
        'add',
        this.interface(n),
        'netns',
        this.ours,
        'type',
        'veth',
        'peer',
        'name',
        `b${n}`,
        'netns',
        this.theirs,
      )
      ip('-n', this.ours, 'addr', 'add', `10.77.${n}.1/24`, 'dev', this.interface(n))
      ip('-n', this.theirs, 'addr', 'add', `10.77.${n}.2/24`, 'dev', `b${n}`)
      for (const [name, device] of [
        [this.ours, this.interface(n)],
        [this.theirs, `b${n}`],
      ] as const)
        ip('-n', name, 'link', 'set', device, 'up')
    }
  }

  /** Our end of a cable. */
  interface(n: number): string {
    return `a${n}`
  }

  /** Pulls a cable at its far end, or plugs it in. */
  cable(n: number, state: 'up' | 'down'): void {
    ip('-n', this.theirs, 'link', 'set', `b${n}`, state)
  }

  delete(): void {
    for (const name of [this.ours, this.theirs]) spawnSync('ip', ['netns', 'delete', name])
  }

  /** Runs avahi at the far end. */
  async avahi(host: string): Promise<Avahi> {
    const devices = Array.from({ length: this.#cables }, (_, n) => `b${n}`)
    const avahi = new Avahi(this.theirs, host, devices)
    await avahi.ready()
    return avahi
  }
}

function ip(...args: readonly string[]): void {
  execFileSync('ip', args, { stdio: 'pipe' })
}

/** One service that avahi resolved. */
export interface AvahiService {
  readonly interface: string
  readonly instance: string
  readonly host: string
  readonly address: string
  readonly port: number
  readonly text: string
}

/** An avahi daemon with a message bus and a /run of its own, so that it meets no other of this machine. */
export class Avahi {
  readonly #directory = mkdtempSync(join(tmpdir(), 'cordon-avahi-'))
  readonly #daemon: ChildProcess
  readonly #children = new Set<ChildProcess>()
  readonly #inside: readonly string[]
  #log = ''

  constructor(namespace: string, host: string, devices: readonly string[]) {
    const settings = join(this.#directory, 'avahi.conf')
    writeFileSync(
      settings,
      `[server]\nhost-name=${host}\nuse-ipv4=yes\nuse-ipv6=no\nallow-interfaces=${devices.join(',')}\n[publish]\npublish-workstation=no\n`,
    )
    const script = `mount -t tmpfs tmpfs /run && mkdir -p /run/dbus /run/avahi-daemon &&
      dbus-daemon --system --nopidfile --fork && exec avahi-daemon --no-drop-root --no-chroot --no-rlimits -f ${settings}`
    // A process namespace of its own: the bus ends with the daemon.
    const args = [
      'netns',
      'exec',
      namespace,
      'unshare',
      '--mount',
      '--pid',
      '--fork',
      '--kill-child',
      'sh',
      '-c',
      script,
    ]
    this.#daemon = spawn('ip', args, { stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [this.#daemon.stdout, this.#daemon.stderr]) {
      stream?.on('data', (bytes: Buffer) => {
        this.#log += bytes.toString()
      })
    }
    // `ip` and then `unshare` are this very process; the mounts are its own.
    this.#inside = ['-t', String(this.#daemon.pid), '-m', '-n']
  }

  /** What the daemon said so far. */
  get log(): string {
    return this.#log
  }

  async ready(): Promise<void> {
    for (let waited = 0; waited < 20_000; waited += 100) {
      if (this.#log.includes('Server startup complete')) return
      await sleep(100)
    }
    throw new Error(`avahi did not start:\n${this.#log}`)
  }

  /** Publishes a service until the promise's function is called. */
  async publish(name: string, type: string, port: number, ...text: readonly string[]): Promise<() => Promise<void>> {
    const child = spawn('nsenter', [...this.#inside, 'avahi-publish', '-s', name, type, String(port), ...text])
    this.#children.add(child)
    let said = ''
    const hear = (bytes: Buffer) => {
      said += bytes.toString()
    }
    child.stdout.on('data', hear)
    child.stderr.on('data', hear)
    for (let waited = 0; waited < 10_000 && !said.includes('Established'); waited += 50) await sleep(50)
    if (!said.includes('Established')) throw new Error(`avahi-publish: ${said}`)
    return async () => {
      this.#children.delete(child)
      await ended(child)
    }
  }

  /** What avahi resolves now, after asking the link. */
  async browse(type: string): Promise<readonly AvahiService[]> {
    const text = await this.#output('avahi-browse', '-rpt', type)
    return text.split('\n').flatMap((line) => {
      const [event, device = '', , name = '', , , host = '', address = '', port = '', ...rest] = line.split(';')
      if (event !== '=') return []
      const instance = Buffer.from(
        name.replace(/\\(\d{3}|.)/g, (_, what: string) =>
          /^\d{3}$/.test(what) ? String.fromCharCode(Number(what)) : what,
        ),
        'latin1',
      ).toString()
      return [{ interface: device, instance, host, address, port: Number(port), text: rest.join(';') }]
    })
  }

  /** What `avahi-browse` lists of all types. */
  types(): Promise<string> {
    return this.#output('avahi-browse', '-apt')
  }

  #output(...command: readonly string[]): Promise<string> {
    return new Promise((resolve) => {
      const child = spawn('nsenter', [...this.#inside, ...command])
      let text = ''
      child.stdout.on('data', (bytes: Buffer) => {
        text += bytes.toString()
      })
      child.once('close', () => resolve(text))
    })
  }

  async close(): Promise<void> {
    await Promise.all([...this.#children].map((child) => ended(child)))
    // unshare leaves SIGTERM to what it started, and with --kill-child takes that along.
    await ended(this.#daemon, 'SIGKILL')
    rmSync(this.#directory, { recursive: true, force: true })
  }
}

function ended(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve()
    else {
      child.once('close', () => resolve())
      child.kill(signal)
    }
  })
}
