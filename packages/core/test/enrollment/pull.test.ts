import {
  attributesAnswer,
  certificatesAnswer,
  decodeEstRequest,
  deviceWishes,
  encodeRequestWishes,
  type EstAnswer,
  type EstReply,
  type EstServer,
  initialPullState,
  type PullAction,
  pullDeadline,
  type PullEvent,
  pullKept,
  type PullOptions,
  pullReport,
  type PullState,
  pullTimes,
  stepPull,
} from '@cordon/core/enrollment'
import { buildRequest, type Certificate, fingerprint, noExpiry } from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import { parseName } from '../../src/x509/name.ts'
import { fc } from '../policy/properties.ts'
import { type Authority, authority, issue, now, world } from './world.ts'

const latin = (text: string) => Uint8Array.from(text, (c) => c.charCodeAt(0))
const server: EstServer = { host: 'est.example', port: 8444 }
const other: EstServer = { host: 'est2.example', port: 8444, label: 'cell' }
const day = 24 * 3_600_000

let root: Authority
let issuing: Authority
let stranger: Authority
let request: Uint8Array
let publicKey: Uint8Array
let peer: readonly Uint8Array[]
let certificate: Certificate
const provisional: PullOptions = { crypto: nodeCrypto, trust: { kind: 'provisional' } }

beforeAll(async () => {
  ;({ root, issuing } = await world())
  stranger = await authority('stranger')
  const key = await nodeCrypto.generateKey('ecdsa-p256')
  publicKey = key.publicKey
  request = await buildRequest(key, { subject: parseName('CN=device') })
  const tls = await nodeCrypto.generateKey('ecdsa-p256')
  peer = [(await issue(issuing, tls.publicKey)).der, issuing.certificate.der]
  certificate = await issue(issuing, publicKey, { notBefore: now - day, notAfter: now + 299 * day })
})

function reply({ status, headers, body }: EstAnswer, more: Partial<EstReply> = {}): EstReply {
  return {
    status,
    contentType: headers['content-type'],
    retryAfter: headers['retry-after'],
    body: latin(body),
    ...more,
  }
}

const status = (code: number, retryAfter?: string): EstReply => ({ status: code, retryAfter, body: new Uint8Array() })

type Input = PullEvent extends infer Each
  ? Each extends PullEvent
    ? Omit<Each, 'at' | 'random' | 'id'>
    : never
  : never

/** A client in virtual time. Its events answer the last thing it asked for. */
class Client {
  state: PullState = initialPullState
  at = now
  actions: readonly PullAction[] = []
  readonly options: PullOptions

  constructor(options: PullOptions = provisional) {
    this.options = options
  }

  give(input: Input, random = 0.5): this {
    const id = 'id' in this.state ? this.state.id : 0
    // The parts that every event needs are added here.
    const event = { at: this.at, random, id, ...input } as PullEvent
    const outcome = stepPull(this.options, this.state, event)
    this.state = outcome.state
    this.actions = outcome.actions
    return this
  }

  answer(answered: EstReply, random?: number): this {
    return this.give({ kind: 'answered', reply: answered }, random)
  }

  /** Lets time pass until something is due; says how much did, in seconds. */
  wait(): number {
    const due = pullDeadline(this.state)
    if (due === undefined) throw new Error('nothing is due')
    const passed = (due - this.at) / 1000
    this.at = due
    this.give({ kind: 'tick' })
    return passed
  }

  get action(): PullAction {
    const [action] = this.actions
    if (action === undefined || this.actions.length > 1) throw new Error(`${this.actions.length} actions`)
    return action
  }

  get shown(): string {
    const { status: word, state } = pullReport(this.state)
    return `${word} ${state}`
  }

  toAuthorities(servers: readonly EstServer[] = [server]): this {
    return this.give({ kind: 'enable' }).give({ kind: 'found', servers })
  }

  authorities(more: Partial<EstReply> = { peer }): this {
    return this.answer(reply(certificatesAnswer('cacerts', [root.certificate.der, issuing.certificate.der]), more))
  }

  toEnrolling(): this {
    return this.toAuthorities().authorities().answer(status(404)).give({ kind: 'made', request })
  }

  issued(...certificates: readonly Certificate[]): this {
    return this.answer(
      reply(
        certificatesAnswer(
          'simpleenroll',
          certificates.map(({ der }) => der),
        ),
      ),
    )
  }

  toEnrolled(): this {
    return this.toEnrolling().issued(certificate).give({ kind: 'installed' })
  }
}

describe('a device without an identity', () => {
  test('finds, asks, waits, verifies and installs', () => {
    const client = new Client()
    expect(client.shown).toBe('idle factoryDefault')
    client.give({ kind: 'enable' })
    expect([client.shown, client.action.kind]).toEqual(['searching factoryDefault', 'search'])
    client.give({ kind: 'found', servers: [server] })
    expect(client.shown).toBe('fetchingAuthorities pullModelInProgress')
    expect(client.action).toMatchObject({
      kind: 'exchange',
      method: 'GET',
      path: '/.well-known/est/cacerts',
      credential: 'default',
      anchors: undefined,
    })
    client.authorities()
    // Let in provisionally once: from now on the server must lead to what it named.
    expect(client.action).toMatchObject({
      path: '/.well-known/est/csrattrs',
      anchors: [root.certificate.der, issuing.certificate.der],
    })
    client.answer(reply(attributesAnswer(encodeRequestWishes(deviceWishes('ecdsa-p384')))))
    expect(client.action).toMatchObject({ kind: 'makeRequest', keyKind: 'ecdsa-p384', renews: undefined })
    expect(client.action).toHaveProperty('template.subject')
    client.give({ kind: 'made', request })
    expect(client.shown).toBe('enrollmentSent pullModelInProgress')
    expect(client.action).toMatchObject({
      method: 'POST',
      path: '/.well-known/est/simpleenroll',
      contentType: 'application/pkcs10',
    })
    const sent = client.action
    expect('body' in sent && decodeEstRequest(latin(sent.body ?? '')).der).toEqual(request)
    client.answer(status(202, '7'))
    expect(client.shown).toBe('waitingForApproval pullModelInProgress')
    expect(client.wait()).toBe(7)
    // The very same request again: the server knows it by its key.
    expect(client.action).toMatchObject({ path: '/.well-known/est/simpleenroll' })
    expect('body' in client.action && client.action.body).toBe('body' in sent && sent.body)
    client.answer(status(202))
    expect(client.wait()).toBe(60)
    client.issued(issuing.certificate, certificate)
    expect(client.action).toMatchObject({ kind: 'install', certificate: certificate.der })
    client.give({ kind: 'installed' })
    expect(client.shown).toBe('idle pullModelCompleted')
  })

  test('searches at 0, 5, 15, 30 and 60 s and then each minute', () => {
    const client = new Client().give({ kind: 'enable' })
    const times: number[] = []
    for (let search = 0; search < 8; search++) {
      expect(client.action.kind).toBe('search')
      client.give({ kind: 'found', servers: [] })
      expect(client.shown).toBe('noServer factoryDefault')
      client.wait()
      times.push((client.at - now) / 1000)
    }
    expect(times).toEqual([5, 15, 30, 60, 120, 180, 240, 300])
  })

  test('turns to the next server when one fails, and gives up the round when all did', () => {
    const client = new Client().toAuthorities([server, other])
    client.give({ kind: 'failed', fault: 'tls', reason: 'handshake' })
    expect(client.action).toMatchObject({ server: other, path: '/.well-known/est/cell/cacerts' })
    client.give({ kind: 'failed', fault: 'tls', reason: 'handshake' })
    expect(client.shown).toBe('tlsFailure factoryDefault')
    expect(client.wait()).toBe(pullTimes.firstBackOffS)
    expect(client.action.kind).toBe('search')
  })

  test('waits from half a minute to an hour between failures, spread by half', () => {
    const client = new Client().give({ kind: 'enable' })
    const pauses: number[] = []
    for (let round = 0; round < 9; round++) {
      client.give({ kind: 'found', servers: [server] }).answer(status(500))
      pauses.push(client.wait())
    }
    expect(pauses).toEqual([30, 60, 120, 240, 480, 960, 1920, 3600, 3600])
    for (const [random, pause] of [
      [0, 15],
      [0.999_999, 45],
    ] as const) {
      const spread = new Client().toAuthorities().answer(status(500), random)
      expect(spread.wait()).toBeCloseTo(pause, 3)
    }
  })

  test('does not try a busy server before the time it named', () => {
    const client = new Client().toAuthorities().answer(status(503, '300'))
    expect(client.wait()).toBe(300)
  })

  test('takes silence for an answer after a minute', () => {
    const client = new Client().toAuthorities()
    expect(client.wait()).toBe(pullTimes.answerS)
    expect(client.actions.map(({ kind }) => kind)).toEqual(['cancel'])
    expect(client.shown).toBe('noServer factoryDefault')
  })

  test('gives up a round that nobody approves, and keeps its key for the next', () => {
    const client = new Client({ ...provisional, patienceMs: 120_000 }).toEnrolling()
    for (let poll = 0; poll < 2; poll++) {
      client.answer(status(202, '60'))
      client.wait()
    }
    client.answer(status(202, '60'))
    expect(client.shown).toBe('waitingForApproval factoryDefault')
    client.wait()
    client
      .give({ kind: 'found', servers: [server] })
      .authorities()
      .answer(status(204))
    expect(client.action).toMatchObject({ path: '/.well-known/est/simpleenroll' })
  })

  test.each([
    [400, 'requestRejected', true],
    [401, 'requestRejected', false],
    [403, 'requestRejected', false],
    [404, 'httpError', false],
    [429, 'httpError', false],
    [500, 'httpError', false],
    [302, 'httpError', false],
  ])('that is answered %i shows %s; makes a new key: %s', (code, word, fresh) => {
    const client = new Client().toEnrolling().answer(status(code))
    expect(client.shown).toBe(`${word} factoryDefault`)
    client.wait()
    client
      .give({ kind: 'found', servers: [server] })
      .authorities()
      .answer(status(204))
    expect(client.action.kind).toBe(fresh ? 'makeRequest' : 'exchange')
  })

  test.each([
    [
      'for another key',
      async () => [await issue(issuing, issuing.key.publicKey)],
      /no certificate that came is for the key/,
    ],
    ['of another authority', async () => [await issue(stranger, publicKey)], /the certificate that came/],
    [
      'that has expired',
      async () => [await issue(issuing, publicKey, { notBefore: now - 2 * day, notAfter: now - day })],
      /the certificate that came/,
    ],
    ['none at all', async () => [], /no certificate that came/],
  ])('refuses a certificate %s', async (_, certificates, reason) => {
    const client = new Client().toEnrolling().issued(...(await certificates()))
    expect(client.shown).toBe('certificateInvalid factoryDefault')
    expect('reason' in client.state && client.state.reason).toMatch(reason)
  })

  test.each([
    ['garbage', { status: 200, contentType: 'application/pkcs7-mime', body: latin('????') }],
    ['another type', { status: 200, contentType: 'text/html', body: latin('<p>') }],
  ])('refuses %s for a certificate and for authorities', (_, answer) => {
    expect(new Client().toEnrolling().answer(answer).shown).toBe('certificateInvalid factoryDefault')
    expect(new Client().toAuthorities().answer(answer).shown).toBe('httpError factoryDefault')
  })

  test.each([
    ['searching', () => new Client().give({ kind: 'enable' }), 'tlsFailure'],
    ['making a key', () => new Client().toAuthorities().authorities().answer(status(204)), 'requestRejected'],
    ['installing', () => new Client().toEnrolling().issued(certificate), 'certificateInvalid'],
  ])('that fails while %s shows it', (_, begin, word) => {
    const fault = word === 'tlsFailure' ? 'tls' : 'local'
    expect(begin().give({ kind: 'failed', fault, reason: 'x' }).shown).toBe(`${word} factoryDefault`)
  })

  test('does not believe a request that its own key store garbled', () => {
    const client = new Client().toAuthorities().authorities().answer(status(204))
    expect(client.give({ kind: 'made', request: Uint8Array.of(1) }).shown).toBe('requestRejected factoryDefault')
  })
})

describe('trust in a server', () => {
  test('let in provisionally ends when it is not of the authority that it names', async () => {
    const key = await nodeCrypto.generateKey('ecdsa-p256')
    const foreign = [(await issue(stranger, key.publicKey)).der]
    expect(new Client().toAuthorities().authorities({ peer: foreign }).shown).toBe('serverRefused factoryDefault')
    expect(new Client().toAuthorities().authorities({ peer: [] }).shown).toBe('serverRefused factoryDefault')
    expect(new Client().toAuthorities().authorities({}).shown).toBe('serverRefused factoryDefault')
  })

  test('by fingerprint holds for that authority and what leads to it alone', () => {
    const pinned = (of: Authority): PullOptions => ({
      crypto: nodeCrypto,
      trust: { kind: 'fingerprint', sha256: fingerprint(nodeCrypto, of.certificate.der).toUpperCase() },
    })
    expect(new Client(pinned(root)).toAuthorities().authorities().action).toMatchObject({
      anchors: [root.certificate.der, issuing.certificate.der],
    })
    expect(new Client(pinned(stranger)).toAuthorities().authorities().shown).toBe('serverRefused factoryDefault')
    const mixed = new Client(pinned(root)).toAuthorities()
    mixed.answer(
      reply(certificatesAnswer('cacerts', [stranger.certificate.der, root.certificate.der, issuing.certificate.der]), {
        peer,
      }),
    )
    expect(mixed.action).toMatchObject({ anchors: [root.certificate.der, issuing.certificate.der] })
  })

  test('by anchors holds from the first exchange on', () => {
    const options: PullOptions = { crypto: nodeCrypto, trust: { kind: 'anchors', anchors: [root.certificate.der] } }
    const client = new Client(options).toAuthorities()
    expect(client.action).toMatchObject({ anchors: [root.certificate.der] })
    expect(client.authorities({}).action).toMatchObject({ path: '/.well-known/est/csrattrs' })
    const foreign = new Client(options).toAuthorities()
    foreign.answer(reply(certificatesAnswer('cacerts', [stranger.certificate.der])))
    expect(foreign.shown).toBe('serverRefused factoryDefault')
  })

  test('is not given to a server that names no authority', () => {
    const client = new Client().toAuthorities()
    client.answer(reply(certificatesAnswer('cacerts', [certificate.der]), { peer }))
    expect(client.shown).toBe('serverRefused factoryDefault')
  })
})

describe('an identity', () => {
  test('is renewed after two thirds of its life, with itself, under a new key', () => {
    const client = new Client().toEnrolled()
    client.wait()
    expect(client.at).toBe(certificate.notBefore + 200 * day)
    expect(client.shown).toBe('fetchingAuthorities pullModelCompleted')
    expect(client.action).toMatchObject({
      credential: 'current',
      anchors: [root.certificate.der, issuing.certificate.der],
    })
    client.authorities({}).answer(status(404))
    expect(client.action).toMatchObject({ kind: 'makeRequest', renews: certificate.der })
    client.give({ kind: 'made', request })
    expect(client.action).toMatchObject({ path: '/.well-known/est/simplereenroll', credential: 'current' })
    client.answer(status(403))
    expect(client.shown).toBe('requestRejected pullModelCompleted')
    client.wait()
    expect(client.action.kind).toBe('search')
  })

  test('that has expired is earned anew with the credential from the factory', () => {
    const client = new Client().toEnrolled()
    client.at = certificate.notAfter + 1
    client.give({ kind: 'tick' }).authorities({}).answer(status(404))
    expect(client.action).toMatchObject({ kind: 'makeRequest', renews: undefined })
    client.give({ kind: 'made', request })
    expect(client.action).toMatchObject({ path: '/.well-known/est/simpleenroll', credential: 'default' })
  })

  test('counts from installation where the clock knows no date, and expires never', async () => {
    const client = new Client({ ...provisional, calendar: false })
    client.at = 5000
    client.toEnrolled()
    expect(pullDeadline(client.state)).toBe(5000 + 200 * day)
  })

  test('without an end is never renewed', async () => {
    const endless = await issue(issuing, publicKey, { notAfter: noExpiry })
    const client = new Client().toEnrolling().issued(endless).give({ kind: 'installed' })
    expect(pullDeadline(client.state)).toBeUndefined()
  })

  test('is taken up again after a restart', () => {
    const identity = { certificate: certificate.der, authorities: [root.certificate.der], server, installedAt: now }
    const client = new Client().give({ kind: 'resume', identity })
    expect(client.shown).toBe('idle pullModelCompleted')
    expect(pullDeadline(client.state)).toBe(certificate.notBefore + 200 * day)
  })
})

describe('what is kept over a restart', () => {
  const resumed = (state: PullState) => new Client().give({ kind: 'resume', ...pullKept(state) })

  test('is nothing before anything was asked: the client begins as if it were new', () => {
    expect(resumed(initialPullState).action).toMatchObject({ kind: 'search' })
  })

  test('is the pending request, and since when it waits: it is sent again, and given up in its time', () => {
    const client = resumed(new Client().toEnrolling().answer(status(202)).state)
    client
      .give({ kind: 'found', servers: [server] })
      .authorities()
      .answer(status(204))
    expect(client.action).toMatchObject({ path: '/.well-known/est/simpleenroll' })
    expect(decodeEstRequest(latin('body' in client.action ? (client.action.body ?? '') : '')).der).toEqual(request)
    client.at += day
    expect(client.answer(status(202)).state).toMatchObject({ kind: 'waiting', why: 'failure' })
  })

  test('is the identity with the request for its renewal', () => {
    const before = new Client().toEnrolled()
    before.wait()
    before.authorities({}).answer(status(404)).give({ kind: 'made', request })
    const client = resumed(before.state)
    client.at = before.at
    expect(client.action).toMatchObject({ credential: 'current', path: '/.well-known/est/cacerts' })
    client.authorities({}).answer(status(404))
    expect(client.action).toMatchObject({ credential: 'current', path: '/.well-known/est/simplereenroll' })
  })

  test('is no request once its certificate is in force, and nothing of a client that was disabled', () => {
    const client = new Client().toEnrolled()
    expect(pullKept(client.state)).toMatchObject({ identity: { certificate: certificate.der }, pending: undefined })
    expect(pullKept(client.give({ kind: 'pushBegan' }).state)).toMatchObject({ identity: { server } })
    expect(pullKept(client.give({ kind: 'disable' }).state)).toEqual({ identity: undefined, pending: undefined })
  })
})

describe('a push session', () => {
  test.each([
    ['searching', () => new Client().give({ kind: 'enable' })],
    ['asking for authorities', () => new Client().toAuthorities()],
    ['enrolling', () => new Client().toEnrolling()],
    ['installing', () => new Client().toEnrolling().issued(certificate)],
  ])('ends %s, and late answers change nothing', (_, begin) => {
    const client = begin()
    const id = 'id' in client.state ? client.state.id : 0
    client.give({ kind: 'pushBegan' })
    expect(client.actions).toEqual([{ kind: 'cancel', id }])
    expect(pullReport(client.state)).toEqual({ status: 'idle', state: undefined })
    const { state } = client
    for (const late of [
      { kind: 'found', servers: [server] },
      { kind: 'made', request },
      { kind: 'installed' },
      { kind: 'answered', reply: status(200) },
      { kind: 'tick' },
    ] as const)
      expect(client.give(late).state).toBe(state)
    expect(client.give({ kind: 'pushEnded', configured: true }).state).toBe(state)
  })

  test('that configured nothing lets the search begin again, and an identity stay', () => {
    const client = new Client()
      .toAuthorities()
      .give({ kind: 'pushBegan' })
      .give({ kind: 'pushEnded', configured: false })
    expect(client.action.kind).toBe('search')
    const held = new Client().toEnrolled().give({ kind: 'pushBegan' }).give({ kind: 'pushEnded', configured: false })
    expect(held.shown).toBe('idle pullModelCompleted')
  })
})

test('a disabled pull model shows 0xFFFF and does nothing until it is enabled', () => {
  const client = new Client().toAuthorities().give({ kind: 'disable' })
  expect(client.actions.map(({ kind }) => kind)).toEqual(['cancel'])
  expect(client.shown).toBe('disabled pullModelDisabled')
  expect(client.give({ kind: 'tick' }).give({ kind: 'pushBegan' }).shown).toBe('disabled pullModelDisabled')
  expect(client.give({ kind: 'enable' }).action.kind).toBe('search')
})

test('whatever happens in whatever order, the client is due or at rest, asks one thing at a time, and never ties itself', () => {
  const replies = (): EstReply[] => [
    reply(certificatesAnswer('cacerts', [root.certificate.der, issuing.certificate.der]), { peer }),
    reply(certificatesAnswer('simpleenroll', [certificate.der])),
    reply(certificatesAnswer('simpleenroll', [stranger.certificate.der])),
    status(202, '5'),
    status(204),
    status(404),
    status(400),
    status(503, 'never'),
  ]
  const input = fc.oneof(
    fc.constantFrom<Input>(
      { kind: 'enable' },
      { kind: 'disable' },
      { kind: 'installed' },
      { kind: 'pushBegan' },
      { kind: 'pushEnded', configured: false },
      { kind: 'pushEnded', configured: true },
      { kind: 'found', servers: [] },
      { kind: 'found', servers: [server, other] },
      { kind: 'failed', fault: 'unreachable', reason: 'x' },
      { kind: 'failed', fault: 'local', reason: 'x' },
    ),
    fc.constant('made' as const),
    fc.constant('due' as const),
    fc.nat(7),
  )
  fc.assert(
    fc.property(
      fc.array(input, { maxLength: 60 }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (inputs, random) => {
        const client = new Client()
        const all = replies()
        for (const each of inputs) {
          const before = client.state
          if (each === 'due') {
            if (pullDeadline(client.state) !== undefined) client.wait()
          } else if (each === 'made') client.give({ kind: 'made', request }, random)
          else if (typeof each === 'number') client.answer(all[each] ?? status(500), random)
          else client.give(each, random)
          const asked = client.actions.filter(({ kind }) => kind !== 'cancel')
          expect(asked.length).toBeLessThanOrEqual(1)
          const due = pullDeadline(client.state)
          if (client.state.kind === 'working' || client.state.kind === 'waiting')
            expect(due).toBeGreaterThanOrEqual(client.at)
          // What is new at work has just been asked for, under the id that the state waits for.
          if (client.state.kind === 'working' && client.state !== before) {
            expect(asked.map((action) => action.id)).toEqual([client.state.id])
            expect(client.state.id).toBe(client.state.nextId - 1)
          }
          expect(client.state.nextId).toBeGreaterThanOrEqual(before.nextId)
          pullReport(client.state)
        }
      },
    ),
    { numRuns: 300 },
  )
})
