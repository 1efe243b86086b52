import type { Device } from '@cordon/core/device'
import {
  attributesAnswer,
  certificatesAnswer,
  decodeEstBody,
  type EstAnswer,
  type EstReply,
  encodeRequestWishes,
  initialPullState,
  type PullAction,
  pendingAnswer,
  pullDeadline,
  type PullEvent,
  type PullOptions,
  type PullState,
  refusalAnswer,
  type RequestWishes,
  stepPull,
} from '@cordon/core/enrollment'
import { decodeRequest } from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'
import { moment, type TestAuthority, testAuthority } from '../fixture.ts'

const latin = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0))

/** What happens, without what every event has. */
type Happening = PullEvent extends infer Each ? (Each extends PullEvent ? Omit<Each, 'at' | 'random'> : never) : never

/** An EST server in memory, and what it does next. */
export class TestEst {
  readonly authority: TestAuthority
  readonly #peer: readonly Uint8Array[]
  /** What is done with a request for a certificate. */
  decide: 'grant' | 'pending' | 'refuse' | 'silent' = 'grant'
  wishes: RequestWishes | undefined
  /** Named beside the issuing authority. */
  more: readonly Uint8Array[] = []
  /** DER of the requests that came, in order. */
  readonly requests: Uint8Array[] = []

  private constructor(authority: TestAuthority, peer: readonly Uint8Array[]) {
    this.authority = authority
    this.#peer = peer
  }

  static async open(zone = 'blue'): Promise<TestEst> {
    const authority = await testAuthority(zone)
    const { publicKey } = await nodeCrypto.generateKey('ecdsa-p256')
    return new TestEst(authority, [await authority.issueFor(publicKey, 'est'), authority.ca.der])
  }

  async answer(action: Extract<PullAction, { kind: 'exchange' }>): Promise<EstReply> {
    const { status, headers, body } = await this.#answer(action)
    return {
      status,
      contentType: headers['content-type'],
      retryAfter: headers['retry-after'],
      body: latin(body),
      peer: this.#peer,
    }
  }

  async #answer({ path, body }: Extract<PullAction, { kind: 'exchange' }>): Promise<EstAnswer> {
    if (path.endsWith('/cacerts')) return certificatesAnswer('cacerts', [this.authority.ca.der, ...this.more])
    if (path.endsWith('/csrattrs')) {
      return attributesAnswer(this.wishes === undefined ? undefined : encodeRequestWishes(this.wishes))
    }
    const request = decodeEstBody(latin(body ?? ''), 'a request', 65_536, ['CERTIFICATE REQUEST'])
    this.requests.push(request)
    if (this.decide === 'pending') return pendingAnswer(60, 'wait')
    if (this.decide === 'refuse') return refusalAnswer('forbidden', 'no')
    const certificate = await this.authority.issueFor(decodeRequest(request).publicKey)
    return certificatesAnswer('simpleenroll', [certificate])
  }
}

/** Pulls for a device in virtual time. */
export class Pulling {
  device: Device
  state: PullState = initialPullState
  now: number
  est: TestEst | undefined
  readonly #options: PullOptions
  #last: PullAction | undefined

  constructor(device: Device, est: TestEst | undefined, now = moment + 1_000) {
    this.device = device
    this.est = est
    this.now = now
    this.#options = { crypto: nodeCrypto, trust: { kind: 'provisional' } }
    this.attach(device)
  }

  attach(device: Device): void {
    this.device = device
    this.state = initialPullState
    device.pull.onNotice((notice) => {
      if (notice.kind === 'pushBegan') void this.give({ kind: 'pushBegan' })
      else if (notice.kind === 'pushEnded') void this.give({ kind: 'pushEnded', configured: notice.configured })
      else void this.give({ kind: 'disable' })
    })
  }

  /** Gives an event; actions wait for {@link run}. */
  give(happening: Happening): void {
    const { state, actions } = stepPull(this.#options, this.state, { ...happening, at: this.now, random: 0.5 })
    if (state !== this.state) this.device.pull.follow(state)
    this.state = state
    for (const action of actions) this.#last = action.kind === 'cancel' ? undefined : action
  }

  /** The kind of what waits to be done. */
  get next(): PullAction['kind'] | undefined {
    return this.#last?.kind
  }

  /** Does what is asked for, one thing after the other, until nothing is or until `before` would be done. */
  async run(before?: PullAction['kind'] | `/${string}`): Promise<void> {
    for (let steps = 0; steps < 50; steps++) {
      const action = this.#last
      if (action === undefined || action.kind === 'cancel') return
      if (action.kind === before || (action.kind === 'exchange' && action.path.endsWith(before ?? ' '))) return
      this.#last = undefined
      this.give(await this.#answer(action))
    }
    throw new Error('a client that does not come to rest')
  }

  /** Waits for what is due next, and does it. */
  async wait(before?: PullAction['kind']): Promise<void> {
    this.now = pullDeadline(this.state) ?? this.now
    this.give({ kind: 'tick' })
    await this.run(before)
  }

  async #answer(action: Exclude<PullAction, { kind: 'cancel' }>): Promise<Happening> {
    const { id } = action
    try {
      switch (action.kind) {
        case 'search':
          return { kind: 'found', id, servers: this.est === undefined ? [] : [{ host: '192.0.2.200', port: 8444 }] }
        case 'exchange':
          if (this.est === undefined) throw new Error('no server')
          return { kind: 'answered', id, reply: await this.est.answer(action) }
        case 'makeRequest':
          return { kind: 'made', id, request: await this.device.pull.makeRequest(action) }
        case 'install':
          this.device.pull.install(action)
          return { kind: 'installed', id }
      }
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      return { kind: 'failed', id, fault: 'local', reason }
    }
  }
}
