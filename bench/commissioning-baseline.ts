import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { clientContents, deviceContents, rootContents, signCertificate } from '@cordon/core/authority'
import { eachOf } from '@cordon/core/deployment'
import { buildRequest, decodeCertificate, decodeRequest, isProven, parseName } from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'
import { writeDurably } from '@cordon/node/files'
import { groupCommit, type Store } from '@cordon/server/store'
import { Context, type ContextOptions, Session } from '@cordon/tls'

/** One thing that happened while a device was commissioned. */
export type TraceEntry =
  | { readonly kind: 'open'; readonly session: number; readonly mutual: boolean }
  | {
      readonly kind: 'send'
      readonly session: number
      readonly number: number
      /** Bytes. */
      readonly sent: number
      /** The device makes a key pair and signs a request. */
      readonly makesKey: boolean
      /** The device keeps its state before it answers. */
      readonly saves: boolean
      /** Anything but a read. */
      readonly changes: boolean
    }
  | { readonly kind: 'receive'; readonly session: number; readonly number: number; readonly received: number }
  | { readonly kind: 'close'; readonly session: number }
  /** The manager writes something durably. */
  | { readonly kind: 'write' }

const suites = [0xc02c]
/** Encapsulation header, interface handle, timeout, item count and two item headers around each message. */
const framing = 40
/** Length of a message, reply length, flags. */
const header = 12
const flagKey = 1
const flagSave = 2
/** A journal entry, bytes of JSON. */
const entrySize = 250

/** Contexts of the client, and what the servers make theirs from. */
interface Credentials {
  readonly server: ContextOptions
  readonly mutual: ContextOptions
  readonly client: Context
  readonly known: Context
  /** Two identities for each device, that of the factory and that of the plant: each has a key of its own to load. */
  readonly identities: readonly (readonly [Identity, Identity])[]
}

type Identity = NonNullable<ContextOptions['identity']>

/**
 * Does what a trace says for so many devices, at most so many at a time, with the TLS addon on sockets and nothing
 * else: no objects, no codecs, no policy. Gives the seconds it took.
 */
export async function replayCommissioning(
  store: Store,
  trace: readonly TraceEntry[],
  count: number,
  how: {
    readonly concurrency: number
    readonly network: string
    /** Bytes that a device keeps durably at a time. */
    readonly stateSize: number
  },
): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'cordon-bench-baseline-'))
  const contexts = await makeContexts(count)
  const { id } = await store.db
    .insertInto('deployments')
    .values({ plant: 'baseline', kind: 'apply', status: 'running', plan: null, options: null })
    .returning('id')
    .executeTakeFirstOrThrow()
  const detail = JSON.stringify('x'.repeat(entrySize))
  const journal = groupCommit<string>(async (devices) => {
    await store.db
      .insertInto('journal')
      .values(devices.map((device) => ({ deployment: id, device, step: 'baseline', phase: 'begin' as const, detail })))
      .execute()
  })
  const addresses = Array.from(
    { length: count },
    (_, place) => `${how.network}.${101 + Math.floor(place / 250)}.${1 + (place % 250)}`,
  )
  const servers: Server[] = []
  for (const [place, address] of addresses.entries()) {
    const [factory, plant] = contexts.identities[place] ?? []
    const save = () => writeDurably(join(directory, address), new Uint8Array(how.stateSize))
    servers.push(...(await serve(address, contexts, { factory, plant, save })))
  }
  try {
    const started = performance.now()
    await eachOf(addresses, how.concurrency, (address) =>
      replayDevice(address, trace, contexts, () => journal.add(address)),
    )
    return (performance.now() - started) / 1000
  } finally {
    for (const server of servers) server.close()
    await store.db.deleteFrom('deployments').where('id', '=', id).execute()
    contexts.client.close()
    contexts.known.close()
    await rm(directory, { recursive: true, force: true })
  }
}

async function makeContexts(count: number): Promise<Credentials> {
  const now = Date.now()
  const rootKey = await nodeCrypto.generateKey('ecdsa-p256')
  const root = await signCertificate(
    nodeCrypto,
    rootContents(nodeCrypto, { plant: 'baseline', subject: {}, publicKey: rootKey.publicKey, now }),
    rootKey,
    { profile: 'root', issuer: undefined, now },
  )
  const issuer = decodeCertificate(root)
  const issue = async (profile: 'device' | 'client') => {
    const key = await nodeCrypto.generateKey('ecdsa-p256')
    const make = profile === 'device' ? deviceContents : clientContents
    const contents = make(nodeCrypto, {
      subject: {},
      issuer,
      zone: 'baseline',
      name: profile,
      addresses: ['127.0.0.1'],
      publicKey: key.publicKey,
      now,
    })
    const certificate = await signCertificate(nodeCrypto, contents, rootKey, { profile, issuer, now })
    return { chain: [certificate], key: key.export() ?? new Uint8Array() }
  }
  const client = await issue('client')
  const base = { protocol: 'tls', suites, resumption: false } as const
  const identities: (readonly [Identity, Identity])[] = []
  for (let i = 0; i < count; i++) {
    const factory = await issue('device')
    // A maker's certificate comes with its issuer; in the plant a device shows its own alone.
    identities.push([{ ...factory, chain: [...factory.chain, root] }, await issue('device')])
  }
  return {
    identities,
    server: { ...base, role: 'server' },
    mutual: { ...base, role: 'server', anchors: [root], verify: { peer: 'require' } },
    client: new Context({ ...base, role: 'client', verify: { peer: 'none' } }),
    known: new Context({ ...base, role: 'client', identity: client, anchors: [root] }),
  }
}

/** Ports of the two kinds of handshake. */
const anonymousPort = 2221
const mutualPort = 2231

/** What a device of the baseline has of its own. */
interface Unit {
  readonly factory: Identity | undefined
  readonly plant: Identity | undefined
  readonly save: () => Promise<void>
}

/** A device that does nothing but what is written on the message. */
async function serve(address: string, contexts: Credentials, unit: Unit): Promise<readonly Server[]> {
  const accepting = (options: ContextOptions, identity: Identity | undefined) => {
    let context: Context | undefined
    const server = createServer((socket) => {
      // With the first peer, as a device loads its key and trust for a configuration.
      context ??= new Context({ ...options, ...(identity === undefined ? {} : { identity }) })
      const link = new Link(new Session(context), socket, (message) => {
        const view = new DataView(message.buffer, message.byteOffset)
        const flags = view.getUint32(8, true)
        const reply = new Uint8Array(Math.max(header, view.getUint32(4, true)))
        new DataView(reply.buffer).setUint32(0, reply.length, true)
        if (flags === 0) link.write(reply)
        else void work(flags, unit).then(() => link.write(reply))
      })
    })
    server.on('close', () => context?.close())
    return server
  }
  const anonymous = accepting(contexts.server, unit.factory)
  const mutual = accepting(contexts.mutual, unit.plant)
  anonymous.listen(anonymousPort, address)
  mutual.listen(mutualPort, address)
  await Promise.all([once(anonymous, 'listening'), once(mutual, 'listening')])
  return [anonymous, mutual]
}

async function work(flags: number, unit: Unit): Promise<void> {
  if ((flags & flagKey) !== 0) {
    const key = await nodeCrypto.generateKey('ecdsa-p256')
    await buildRequest(key, { subject: parseName('CN=baseline') })
  }
  if ((flags & flagSave) !== 0) await unit.save()
}

/** A TLS session on a socket: messages with a length in front. */
class Link {
  readonly #session: Session
  readonly #socket: Socket
  readonly #message: (message: Uint8Array) => void
  #held = new Uint8Array(0)
  #established: () => void = () => {}
  readonly established: Promise<void>

  constructor(session: Session, socket: Socket, message: (message: Uint8Array) => void) {
    this.#session = session
    this.#socket = socket
    this.#message = message
    socket.setNoDelay(true)
    this.established = new Promise((resolve, reject) => {
      this.#established = resolve
      socket.on('error', reject)
    })
    this.established.catch(() => {})
    socket.on('data', (bytes) => {
      session.receive(bytes, performance.now())
      this.#pump()
    })
    socket.on('close', () => session.destroy())
  }

  start(): void {
    this.#session.start(performance.now())
    this.#pump()
  }

  write(bytes: Uint8Array): void {
    if (this.#session.state !== 'established') return
    this.#session.write(bytes)
    this.#pump()
  }

  close(): void {
    this.#session.close()
    this.#pump()
    this.#socket.end()
  }

  #pump(): void {
    for (const event of this.#session.takeEvents()) {
      if (event.kind === 'established') this.#established()
      else if (event.kind === 'data') this.#hear(event.bytes)
      else if (event.kind === 'failed') this.#socket.destroy(new Error(event.message))
    }
    for (const bytes of this.#session.takeOutput()) this.#socket.write(bytes)
  }

  #hear(bytes: Uint8Array): void {
    const all = new Uint8Array(this.#held.length + bytes.length)
    all.set(this.#held)
    all.set(bytes, this.#held.length)
    let at = 0
    while (all.length - at >= 4) {
      const length = new DataView(all.buffer, at).getUint32(0, true)
      if (all.length - at < length) break
      this.#message(all.slice(at, at + length))
      at += length
    }
    this.#held = all.slice(at)
  }
}

async function replayDevice(
  address: string,
  trace: readonly TraceEntry[],
  contexts: Credentials,
  write: () => Promise<void>,
): Promise<void> {
  const links = new Map<number, { link: Link; waiting: (() => void)[] }>()
  const outstanding = new Map<string, Promise<void>>()
  const replies = new Map<string, number>()
  for (const entry of trace)
    if (entry.kind === 'receive') replies.set(`${entry.session} ${entry.number}`, entry.received)
  for (const entry of trace) {
    switch (entry.kind) {
      case 'open': {
        const waiting: (() => void)[] = []
        const socket = connect({ host: address, port: entry.mutual ? mutualPort : anonymousPort })
        const link = new Link(new Session(entry.mutual ? contexts.known : contexts.client), socket, () =>
          waiting.shift()?.(),
        )
        await once(socket, 'connect')
        link.start()
        await link.established
        links.set(entry.session, { link, waiting })
        // RegisterSession.
        await exchange({ link, waiting }, 28, 28, 0)
        break
      }
      case 'send': {
        const at = links.get(entry.session)
        if (at === undefined) break
        const key = `${entry.session} ${entry.number}`
        const flags = (entry.makesKey ? flagKey : 0) | (entry.saves ? flagSave : 0)
        const answered = exchange(at, entry.sent + framing, (replies.get(key) ?? 0) + framing, flags)
        outstanding.set(key, entry.makesKey ? answered.then(certify) : answered)
        break
      }
      case 'receive':
        await outstanding.get(`${entry.session} ${entry.number}`)
        break
      case 'close':
        links.get(entry.session)?.link.close()
        break
      case 'write':
        await write()
        break
    }
  }
}

function exchange(
  { link, waiting }: { link: Link; waiting: (() => void)[] },
  sent: number,
  received: number,
  flags: number,
): Promise<void> {
  const message = new Uint8Array(Math.max(header, sent))
  const view = new DataView(message.buffer)
  view.setUint32(0, message.length, true)
  view.setUint32(4, received, true)
  view.setUint32(8, flags, true)
  const answered = new Promise<void>((resolve) => waiting.push(resolve))
  link.write(message)
  return answered
}

/** What an authority does at least: the proof of possession, and one signature. The deployment proves the request too. */
async function certify(): Promise<void> {
  const request = decodeRequest(await standingRequest())
  isProven(nodeCrypto, request)
  isProven(nodeCrypto, request)
  await (await standingKey()).sign(request.tbs)
}

let key: ReturnType<typeof nodeCrypto.generateKey> | undefined
let request: Promise<Uint8Array> | undefined

function standingKey(): ReturnType<typeof nodeCrypto.generateKey> {
  key ??= nodeCrypto.generateKey('ecdsa-p256')
  return key
}

function standingRequest(): Promise<Uint8Array> {
  request ??= standingKey().then((made) => buildRequest(made, { subject: parseName('CN=baseline') }))
  return request
}
