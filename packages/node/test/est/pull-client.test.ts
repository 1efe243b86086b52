import {
  attributesAnswer,
  certificatesAnswer,
  type EstAnswer,
  type EstServer,
  judgeLinking,
  pendingAnswer,
  pullKept,
  type PullOptions,
  type PullState,
  refusalAnswer,
} from '@cordon/core/enrollment'
import { fingerprint } from '@cordon/core/x509'
import { buildRequest, parseName } from '@cordon/core/x509'
import type { PrivateKey } from '@cordon/core/crypto'
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { nodeCrypto } from '../../src/crypto.ts'
import {
  type ClientCredential,
  PullClient,
  type PullClientOptions,
  type PullProblem,
  type PullUnit,
} from '../../src/est/index.ts'
import { Schedule } from '../../src/schedule.ts'
import { EstAuthority, EstTestServer, honest } from './est-server.ts'

let plant: EstAuthority
let stranger: EstAuthority
let vendor: ClientCredential

beforeAll(async () => {
  plant = await EstAuthority.make('plant')
  stranger = await EstAuthority.make('stranger')
  const { der, pkcs8 } = await stranger.identity('CN=factory')
  vendor = { chain: [der], key: pkcs8 }
})

/** A unit that keeps everything in memory. */
class MemoryUnit implements PullUnit {
  key: PrivateKey | undefined
  installed: { readonly certificate: Uint8Array; readonly key: PrivateKey } | undefined
  states: PullState[] = []
  linked = 0
  installing: Promise<void> = Promise.resolve()
  readonly #waiting: { readonly holds: (state: PullState) => boolean; readonly done: () => void }[] = []

  credential(which: 'default' | 'current'): ClientCredential | undefined {
    if (which === 'default') return vendor
    const key = this.installed?.key.export()
    return this.installed && key ? { chain: [this.installed.certificate], key } : undefined
  }

  async makeRequest({ keyKind }: { readonly keyKind: PrivateKey['kind'] }): Promise<Uint8Array> {
    this.key = await nodeCrypto.generateKey(keyKind)
    return await buildRequest(this.key, { subject: parseName('CN=device') })
  }

  async linkRequest(challengePassword: string): Promise<Uint8Array> {
    if (this.key === undefined) throw new Error('no key')
    this.linked++
    return await buildRequest(this.key, { subject: parseName('CN=device'), challengePassword })
  }

  async install({ certificate }: { readonly certificate: Uint8Array }): Promise<void> {
    await this.installing
    if (this.key === undefined) throw new Error('no key')
    this.installed = { certificate, key: this.key }
  }

  changed(state: PullState): void {
    this.states.push(state)
    for (const { holds, done } of this.#waiting) if (holds(state)) done()
  }

  until(holds: (state: PullState) => boolean): Promise<void> {
    return new Promise((done) => this.#waiting.push({ holds, done }))
  }

  get state(): PullState | undefined {
    return this.states.at(-1)
  }
}

const provisional: PullOptions = { crypto: nodeCrypto, trust: { kind: 'provisional' } }
const isEnrolled = (state: PullState) => state.kind === 'enrolled'
const isWaiting = (state: PullState) => state.kind === 'waiting'

const open: AsyncDisposable[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]()
})

async function serve(...args: Parameters<typeof EstTestServer.start>): Promise<EstTestServer> {
  const server = await EstTestServer.start(...args)
  open.push(server)
  return server
}

/** A client whose waits are passed by hand: {@link pass} lets the next deadline come. */
function client(unit: MemoryUnit, servers: readonly EstServer[], more: Partial<PullClientOptions> = {}) {
  let offset = 0
  const schedule = new Schedule(() => performance.now() + offset)
  const problems: PullProblem[] = []
  const pull = new PullClient({
    options: provisional,
    unit,
    search: async () => servers,
    schedule,
    now: () => Date.now() + offset,
    problem: (problem) => problems.push(problem),
    ...more,
  })
  open.push(pull)
  return {
    pull,
    problems,
    schedule,
    /** Moves time on and lets the client see it. */
    pass(ms: number): void {
      offset += ms
      // Wakes the schedule's timer, which was set by the clock before.
      schedule.at(0, () => undefined)
    },
  }
}

describe('a pull client', () => {
  test('earns a certificate from a server that it never saw, and shows its factory credential', async () => {
    await using server = await EstTestServer.start(plant)
    const unit = new MemoryUnit()
    const { pull } = client(unit, [server.where])
    const enrolled = unit.until(isEnrolled)
    pull.enable()
    await enrolled
    expect(unit.installed?.certificate).toBeDefined()
    expect(server.heard.map(({ operation }) => operation)).toEqual(['cacerts', 'csrattrs', 'simpleenroll'])
    expect(server.heard.map(({ client: subject }) => subject)).toEqual(['CN=factory', 'CN=factory', 'CN=factory'])
  })

  test('takes no other server afterwards', async () => {
    const server = await serve(plant)
    const unit = new MemoryUnit()
    const { pull, pass, problems } = client(unit, [server.where])
    const enrolled = unit.until(isEnrolled)
    pull.enable()
    await enrolled
    // The same names and the same port, another authority: its certificates renew nothing.
    const rogue = await serve(stranger)
    const identity = pullKept(pull.state).identity
    const again = new MemoryUnit()
    again.installed = unit.installed
    const late = client(again, [], { options: { ...provisional, renewAt: 0 } })
    const refused = again.until(isWaiting)
    late.pull.resume({ identity: identity && { ...identity, server: rogue.where } })
    late.pass(0)
    await refused
    expect(again.state).toMatchObject({ kind: 'waiting', why: 'failure', status: 'serverRefused' })
    expect(late.problems[0]?.error).toMatchObject({ code: 'unknown-authority' })
    expect(rogue.heard).toEqual([])
    expect(problems).toEqual([])
    expect(pass).toBeTypeOf('function')
  })

  test('refuses a server whose authority does not have the expected fingerprint', async () => {
    const server = await serve(plant)
    const unit = new MemoryUnit()
    const sha256 = fingerprint(nodeCrypto, stranger.certificate)
    const { pull } = client(unit, [server.where], {
      options: { ...provisional, trust: { kind: 'fingerprint', sha256 } },
    })
    const ended = unit.until(isWaiting)
    pull.enable()
    await ended
    expect(unit.state).toMatchObject({ status: 'serverRefused' })
    expect(server.heard.map(({ operation }) => operation)).toEqual(['cacerts'])
  })

  test('polls with the same request while it waits for approval', async () => {
    let polls = 0
    const server = await serve(plant, async (heard, response) =>
      heard.operation === 'simpleenroll' && ++polls < 3
        ? pendingAnswer(1, 'an administrator decides')
        : await honest(plant)(heard, response),
    )
    const unit = new MemoryUnit()
    const { pull, pass } = client(unit, [server.where])
    for (let wait = 0; wait < 2; wait++) {
      const pending = unit.until(isWaiting)
      if (wait === 0) pull.enable()
      else pass(1_000)
      await pending
    }
    const enrolled = unit.until(isEnrolled)
    pass(1_000)
    await enrolled
    const bodies = server.heard.filter(({ operation }) => operation === 'simpleenroll').map(({ body }) => body)
    expect(bodies).toHaveLength(3)
    expect(bodies[1]).toEqual(bodies[0])
    expect(bodies[2]).toEqual(bodies[0])
  })

  test('comes back with its pending request after a restart', async () => {
    const server = await serve(plant, async (heard, response) =>
      heard.operation === 'simpleenroll' && server.heard.length <= 3
        ? pendingAnswer(60, 'an administrator decides')
        : await honest(plant)(heard, response),
    )
    const unit = new MemoryUnit()
    const first = client(unit, [server.where])
    const pending = unit.until(isWaiting)
    first.pull.enable()
    await pending
    const kept = pullKept(first.pull.state)
    await first.pull.close()
    expect(kept.pending?.since).toBeTypeOf('number')
    const enrolled = unit.until(isEnrolled)
    client(unit, [server.where]).pull.resume(kept)
    await enrolled
    const keys = server.heard.flatMap(({ request }) => (request === undefined ? [] : [request.publicKey]))
    expect(keys).toHaveLength(2)
    expect(keys[1]).toEqual(keys[0])
  })

  test('renews with its certificate when two thirds of its life are over', async () => {
    const server = await serve(plant)
    const unit = new MemoryUnit()
    const { pull, pass } = client(unit, [server.where])
    const enrolled = unit.until(isEnrolled)
    pull.enable()
    await enrolled
    const first = unit.installed?.certificate
    const renewed = unit.until((state) => state.kind === 'enrolled' && unit.installed?.certificate !== first)
    // The timer looks again each hour, however far off the time is.
    pass(200 * 86_400_000)
    await renewed
    expect(server.heard.at(-1)).toMatchObject({ operation: 'simplereenroll', client: 'CN=device' })
  })

  test('tells its password to a server that it believes, when asked, and to no other', async () => {
    const server = await serve(plant, async (heard, response) =>
      heard.headers.authorization === undefined
        ? refusalAnswer('authenticate', 'name and password, please')
        : await honest(plant)(heard, response),
    )
    const basic = { name: 'panel', password: 'a secret: with ü' }
    const unit = new MemoryUnit()
    const trusting: PullOptions = { crypto: nodeCrypto, trust: { kind: 'anchors', anchors: [plant.certificate] } }
    const { pull } = client(unit, [server.where], { basic, options: trusting })
    const enrolled = unit.until(isEnrolled)
    pull.enable()
    await enrolled
    expect(server.heard.map(({ headers }) => headers.authorization !== undefined)).toEqual([
      false,
      true,
      false,
      true,
      false,
      true,
    ])
    // With a fingerprint the first answer comes from a server that nothing vouches for yet.
    const sha256 = fingerprint(nodeCrypto, plant.certificate)
    const careful = new MemoryUnit()
    server.heard.length = 0
    const ended = careful.until(isWaiting)
    client(careful, [server.where], {
      basic,
      options: { ...provisional, trust: { kind: 'fingerprint', sha256 } },
    }).pull.enable()
    await ended
    expect(server.heard.map(({ headers }) => headers.authorization)).toEqual([undefined])
    expect(() => client(unit, [], { basic })).toThrow(/password is not told/)
  })

  test.each(['TLSv1.2', 'TLSv1.3'] as const)('ties its request to its connection (%s)', async (version) => {
    const server = await serve(
      plant,
      async (heard, response) => {
        if (heard.request === undefined) return await honest(plant)(heard, response)
        const { socket } = heard
        const tlsExporter = socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0))
        const bindings = version === 'TLSv1.2' ? { tlsUnique: socket.getPeerFinished() } : { tlsExporter }
        const { state } = judgeLinking(nodeCrypto, heard.request, bindings)
        return state === 'linked' ? await honest(plant)(heard, response) : refusalAnswer('forbidden', state)
      },
      { maxVersion: version },
    )
    const unit = new MemoryUnit()
    const { pull } = client(unit, [server.where], { linking: true })
    const enrolled = unit.until(isEnrolled)
    pull.enable()
    await enrolled
    expect(unit.linked).toBe(1)
  })

  test('turns to another server when one is gone in the middle', async () => {
    const dying = await serve(plant, ({ operation, socket }) => {
      if (operation === 'cacerts') return certificatesAnswer('cacerts', [plant.certificate])
      socket.destroy()
      return undefined
    })
    const server = await serve(plant)
    const unit = new MemoryUnit()
    const { pull, problems } = client(unit, [dying.where, server.where])
    const enrolled = unit.until(isEnrolled)
    pull.enable()
    await enrolled
    expect(problems.map(({ doing }) => doing)).toEqual(['exchange'])
    expect(unit.installed).toBeDefined()
  })

  test('installs no certificate for another key', async () => {
    const other = await nodeCrypto.generateKey('ecdsa-p256')
    const server = await serve(plant, async ({ operation }): Promise<EstAnswer> => {
      if (operation === 'cacerts') return certificatesAnswer('cacerts', [plant.certificate])
      if (operation === 'csrattrs') return attributesAnswer(undefined)
      return certificatesAnswer('simpleenroll', [await plant.sign(other.publicKey, 'CN=device')])
    })
    const unit = new MemoryUnit()
    const ended = unit.until(isWaiting)
    client(unit, [server.where]).pull.enable()
    await ended
    expect(unit.state).toMatchObject({ status: 'certificateInvalid' })
    expect(unit.installed).toBeUndefined()
  })

  test('stops for a configurator, and begins again where it left the device as it was', async () => {
    const server = await serve(plant, (heard, response) =>
      // The first answer never comes: the configurator comes instead.
      server.heard.length > 1 ? honest(plant)(heard, response) : undefined,
    )
    const unit = new MemoryUnit()
    const { pull, problems } = client(unit, [server.where])
    pull.enable()
    await vi.waitFor(() => expect(server.heard).toHaveLength(1))
    pull.pushBegan()
    expect(unit.state).toMatchObject({ kind: 'stopped' })
    await vi.waitFor(() => expect(server.heard[0]?.socket.destroyed).toBe(true))
    const enrolled = unit.until(isEnrolled)
    pull.pushEnded(false)
    await enrolled
    pull.pushBegan()
    pull.pushEnded(true)
    expect(unit.state).toMatchObject({ kind: 'stopped' })
    // What was cancelled on purpose is no problem.
    expect(problems).toEqual([])
  })

  test('closes while it works, and says nothing afterwards', async () => {
    const server = await serve(plant, () => undefined)
    const unit = new MemoryUnit()
    const { pull, schedule } = client(unit, [server.where])
    pull.enable()
    await vi.waitFor(() => expect(server.heard).toHaveLength(1))
    const said = unit.states.length
    await pull.close()
    await pull.close()
    pull.enable()
    expect(unit.states).toHaveLength(said)
    expect(schedule.size).toBe(0)
  })

  test('finishes an installation that began before it closes', async () => {
    const server = await serve(plant)
    const unit = new MemoryUnit()
    let finish = () => {}
    unit.installing = new Promise((resolve) => {
      finish = resolve
    })
    const { pull } = client(unit, [server.where])
    const installing = unit.until((state) => state.kind === 'working' && state.step === 'installing')
    pull.enable()
    await installing
    const closed = pull.close()
    finish()
    await closed
    expect(unit.installed).toBeDefined()
  })

  test('goes on after whatever its unit throws', async () => {
    const server = await serve(plant)
    const unit = new MemoryUnit()
    unit.changed = (state) => {
      MemoryUnit.prototype.changed.call(unit, state)
      throw new Error('no room for a notice')
    }
    unit.makeRequest = () => Promise.reject(new Error('no room for a key'))
    const { pull, problems } = client(unit, [server.where])
    const ended = unit.until(isWaiting)
    pull.enable()
    await ended
    expect(unit.state).toMatchObject({ why: 'failure', status: 'requestRejected', reason: 'no room for a key' })
    expect(new Set(problems.map(({ doing }) => doing))).toEqual(new Set(['changed', 'makeRequest']))
  })

  test('searches again when a search fails or finds nobody', async () => {
    const unit = new MemoryUnit()
    let searches = 0
    const search = async () => {
      searches++
      return []
    }
    const { pull, pass } = client(unit, [], { search })
    const waiting = unit.until(isWaiting)
    pull.enable()
    await waiting
    pass(5_000)
    await vi.waitFor(() => expect(searches).toBe(2))
    const failing = new MemoryUnit()
    const failed = failing.until(isWaiting)
    client(failing, [], { search: () => Promise.reject(new Error('no interface')) }).pull.enable()
    await failed
    expect(failing.state).toMatchObject({ why: 'failure', reason: 'no interface' })
  })
})
