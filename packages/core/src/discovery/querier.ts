import {
  type AddressType,
  type DnsMessage,
  dnsMessage,
  type Endpoint,
  foldName,
  mdnsPort,
  type OutgoingMessage,
  portions,
  type Question,
  recordKey,
  type ResourceRecord,
  setKey,
} from './record.ts'
import { checkServiceType, checkSubtype, decodeText, estServiceType, localDomain } from './service.ts'

/** What a querier looks for, and what it needs of the world. */
export interface QuerierOptions {
  /** Default {@link estServiceType}. */
  readonly type?: string
  readonly subtype?: string
  /** Evenly spread numbers from 0 up to 1. */
  readonly random: () => number
  /** Milliseconds, of the clock that all later calls use. */
  readonly now: number
}

/** A service on the link with everything that is needed to reach it. Anyone can announce one: nothing here is proven. */
export interface FoundService {
  /** As people see it. */
  readonly instance: string
  readonly type: string
  /** The host's full name. */
  readonly host: string
  readonly port: number
  readonly priority: number
  readonly weight: number
  /** IPv4 first. */
  readonly addresses: readonly string[]
  readonly text: ReadonlyMap<string, string | true>
  /** How long its SRV record was announced to live, seconds. */
  readonly ttl: number
  /** The address that announced it last. */
  readonly advertiser: string
}

/** What changes on the link. */
export interface QuerierEvent {
  readonly kind: 'found' | 'changed' | 'lost'
  readonly service: FoundService
}

interface Entry {
  readonly record: ResourceRecord
  readonly from: string
  readonly receivedAt: number
  /** When it is gone. */
  expiresAt: number
  /** When to ask for it again before it goes; none once it was asked for often enough. */
  refreshAt: number | undefined
  refreshes: number
}

/** A question of a record that is missing: asked again later and later. */
interface Missing {
  at: number
  waitMs: number
}

/** Bounds of what the link can make us keep. Who came first stays: a flood drives nobody out. */
export const querierLimits = { instances: 128, perSet: 8, records: 1_024 } as const

const firstWaitMs = 1_000
const longestWaitMs = 3_600_000
const longestMissingWaitMs = 60_000
/** Nothing is kept longer than the RFC's own longest lifetime, whatever it says, milliseconds. */
const longestLifeMs = 4_500_000
/** A goodbye, or a set that was replaced, is believed after a second, in which its owner may object (RFC 6762 §10). */
const graceMs = 1_000
/** Shares of the lifetime at which a record is asked for again (RFC 6762 §5.2). */
const refreshShares = [0.8, 0.85, 0.9, 0.95] as const
const questionsPerMessage = 24

/**
 * Looks for services of one type on one link, for as long as it lives (RFC 6762 §5.2, RFC 6763 §4). Without I/O:
 * messages and time in, messages, events and the next deadline out. Everything comes from strangers, so the cache is
 * bounded and holds only what was asked for.
 */
export class Querier {
  readonly #typeName: string
  readonly #question: string
  readonly #type: string
  readonly #random: () => number
  readonly #cache = new Map<string, Entry>()
  /** The cache by name and type. */
  readonly #sets = new Map<string, Map<string, Entry>>()
  readonly #missing = new Map<string, Missing>()
  readonly #told = new Map<string, FoundService>()
  #askAt: number | undefined
  #waitMs = firstWaitMs
  #dropped = 0
  #output: OutgoingMessage[] = []
  #events: QuerierEvent[] = []

  /** @throws UsageError `bad-value` for a type or subtype that cannot be */
  constructor(options: QuerierOptions) {
    this.#type = checkServiceType(options.type ?? estServiceType)
    this.#typeName = `${this.#type}.${localDomain}`
    this.#question =
      options.subtype === undefined ? this.#typeName : `${checkSubtype(options.subtype)}._sub.${this.#typeName}`
    this.#random = options.random
    this.#askAt = this.#soon(options.now)
  }

  /** Records that were not kept because they were too many or made no sense. */
  get dropped(): number {
    return this.#dropped
  }

  /** How many records are kept. */
  get cached(): number {
    return this.#cache.size
  }

  /** All services that are there now. */
  services(): readonly FoundService[] {
    return [...this.#told.values()]
  }

  /** Messages to send now. */
  takeOutput(): readonly OutgoingMessage[] {
    const output = this.#output
    this.#output = []
    return output
  }

  /** What happened since the last call. */
  takeEvents(): readonly QuerierEvent[] {
    const events = this.#events
    this.#events = []
    return events
  }

  /** When {@link tick} wants to be called, if nothing comes before. */
  deadline(): number | undefined {
    let first = this.#askAt ?? Number.POSITIVE_INFINITY
    for (const { expiresAt, refreshAt } of this.#cache.values()) first = Math.min(first, expiresAt, refreshAt ?? first)
    for (const { at } of this.#missing.values()) first = Math.min(first, at)
    return first === Number.POSITIVE_INFINITY ? undefined : first
  }

  /** Time passed: what is due is asked for, what is over goes. */
  tick(now: number): void {
    for (const entry of [...this.#cache.values()]) if (entry.expiresAt <= now) this.#remove(entry)
    this.#settle(now)
    this.#ask(now)
  }

  /** A message came from the link; only answers count. */
  receive(message: DnsMessage, from: Endpoint, now: number): void {
    if (!message.response || from.port !== mdnsPort || this.#askAt === undefined) return
    const records = [...message.answers, ...message.additionals]
    // Pointers say which services matter, these which hosts: in this order, wherever they stand in the message.
    const stages = [
      { types: ['PTR'], names: () => [this.#question] },
      { types: ['SRV', 'TXT'], names: () => this.#pointers() },
      { types: addressTypes, names: () => this.#hosts() },
    ] as const
    for (const { types, names } of stages) {
      const wanted = new Set(names().map(foldName))
      const stage = records.filter(
        ({ type, name }) => types.some((wantedType) => wantedType === type) && wanted.has(foldName(name)),
      )
      for (const record of stage) if (record.flush) this.#flush(record, now)
      for (const record of stage) this.#keep(record, from, now)
    }
    this.#settle(now)
  }

  /** The link came back: asks at once and often again; what is kept must be confirmed (RFC 6762 §8.4). */
  restart(now: number): void {
    if (this.#askAt === undefined) return
    this.#waitMs = firstWaitMs
    this.#askAt = this.#soon(now)
  }

  /** The link is gone, or nobody wants to know any more: everything found is lost. */
  stop(): void {
    this.#askAt = undefined
    this.#cache.clear()
    this.#sets.clear()
    this.#missing.clear()
    for (const service of this.#told.values()) this.#events.push({ kind: 'lost', service })
    this.#told.clear()
  }

  /** Not all hosts at once when the power comes back (RFC 6762 §5.2). */
  #soon(now: number): number {
    return now + 20 + this.#random() * 100
  }

  #set(type: string, name: string): readonly Entry[] {
    return [...(this.#sets.get(setKey({ type, name }))?.values() ?? [])]
  }

  #pointers(): readonly string[] {
    return this.#set('PTR', this.#question).flatMap(({ record }) => (record.type === 'PTR' ? [record.target] : []))
  }

  #hosts(): readonly string[] {
    return this.#pointers().flatMap((instance) =>
      this.#set('SRV', instance).flatMap(({ record }) => (record.type === 'SRV' ? [record.target] : [])),
    )
  }

  /** An instance lies right under the type, and its own part is one label. */
  #instanceOf(target: string): string | undefined {
    const suffix = `.${foldName(this.#typeName)}`
    if (!foldName(target).endsWith(suffix)) return undefined
    const instance = target.slice(0, -suffix.length)
    return instance === '' ? undefined : instance
  }

  #flush(record: ResourceRecord, now: number): void {
    for (const entry of this.#set(record.type, record.name)) {
      // What came within the last second may be another part of the same set (RFC 6762 §10.2).
      if (entry.receivedAt <= now - graceMs && recordKey(entry.record) !== recordKey(record))
        this.#endAt(entry, now + graceMs)
    }
  }

  #endAt(entry: Entry, at: number): void {
    entry.expiresAt = Math.min(entry.expiresAt, at)
    entry.refreshAt = undefined
  }

  #keep(record: ResourceRecord, from: Endpoint, now: number): void {
    const key = recordKey(record)
    const old = this.#cache.get(key)
    if (record.ttl === 0) {
      if (old !== undefined) this.#endAt(old, now + graceMs)
      return
    }
    if (record.type === 'PTR' && this.#instanceOf(record.target) === undefined) {
      this.#dropped++
      return
    }
    const set = this.#sets.get(setKey(record)) ?? new Map<string, Entry>()
    const most = record.type === 'PTR' ? querierLimits.instances : querierLimits.perSet
    if (old === undefined && (set.size >= most || this.#cache.size >= querierLimits.records)) {
      this.#dropped++
      return
    }
    const lifeMs = Math.min(record.ttl * 1_000, longestLifeMs)
    const entry: Entry = {
      record,
      from: from.address,
      receivedAt: now,
      expiresAt: now + lifeMs,
      refreshAt: now + lifeMs * (refreshShares[0] + this.#random() * 0.02),
      refreshes: 0,
    }
    this.#cache.set(key, entry)
    set.set(key, entry)
    this.#sets.set(setKey(record), set)
  }

  #remove(entry: Entry): void {
    const key = recordKey(entry.record)
    this.#cache.delete(key)
    const set = this.#sets.get(setKey(entry.record))
    set?.delete(key)
    if (set?.size === 0) this.#sets.delete(setKey(entry.record))
  }

  /** Tells what differs from what was told, and notes what is missing. */
  #settle(now: number): void {
    this.#forgetStray()
    const missing = new Set<string>()
    const present = new Set<string>()
    for (const target of this.#pointers()) {
      const service = this.#resolve(target, missing)
      if (service === undefined) continue
      const key = foldName(target)
      present.add(key)
      const before = this.#told.get(key)
      this.#told.set(key, service)
      if (before === undefined) this.#events.push({ kind: 'found', service })
      else if (!isSame(before, service)) this.#events.push({ kind: 'changed', service })
    }
    for (const [key, service] of [...this.#told]) {
      if (present.has(key)) continue
      this.#told.delete(key)
      this.#events.push({ kind: 'lost', service })
    }
    for (const key of [...this.#missing.keys()]) if (!missing.has(key)) this.#missing.delete(key)
    // Records of one service often follow one another: a moment's patience saves a question.
    const at = this.#soon(now)
    for (const key of missing) if (!this.#missing.has(key)) this.#missing.set(key, { at, waitMs: firstWaitMs })
  }

  /** Records of services and hosts that nothing leads to any more are of no use. */
  #forgetStray(): void {
    const instances = new Set(this.#pointers().map(foldName))
    for (const entry of [...this.#cache.values()]) {
      const { record } = entry
      const isStray = (record.type === 'SRV' || record.type === 'TXT') && !instances.has(foldName(record.name))
      if (isStray) this.#remove(entry)
    }
    const hosts = new Set(this.#hosts().map(foldName))
    for (const entry of [...this.#cache.values()]) {
      const { record } = entry
      if ((record.type === 'A' || record.type === 'AAAA') && !hosts.has(foldName(record.name))) this.#remove(entry)
    }
  }

  #resolve(target: string, missing: Set<string>): FoundService | undefined {
    const server = newest(this.#set('SRV', target))
    const text = newest(this.#set('TXT', target))
    if (server === undefined) missing.add(questionKey({ name: target, type: 'SRV' }))
    if (text === undefined) missing.add(questionKey({ name: target, type: 'TXT' }))
    const instance = this.#instanceOf(target)
    if (server?.record.type !== 'SRV' || instance === undefined) return undefined
    const { target: host, port, priority, weight } = server.record
    const addresses = addressTypes.flatMap((type) => this.#addresses(type, host))
    if (addresses.length === 0) for (const type of addressTypes) missing.add(questionKey({ name: host, type }))
    if (addresses.length === 0 || text?.record.type !== 'TXT') return undefined
    return {
      instance,
      type: this.#type,
      host,
      port,
      priority,
      weight,
      addresses,
      text: decodeText(text.record.entries),
      ttl: server.record.ttl,
      advertiser: server.from,
    }
  }

  #addresses(type: AddressType, host: string): readonly string[] {
    return this.#set(type, host)
      .flatMap(({ record }) => (record.type === 'A' || record.type === 'AAAA' ? [record.address] : []))
      .sort()
  }

  #ask(now: number): void {
    const questions = new Map<string, Question>()
    const add = (name: string, type: Question['type']) => {
      questions.set(questionKey({ name, type }), { name, type, unicast: false })
    }
    let isContinuous = false
    if (this.#askAt !== undefined && this.#askAt <= now) {
      isContinuous = true
      this.#askAt = now + this.#waitMs
      this.#waitMs = Math.min(this.#waitMs * 2, longestWaitMs)
    }
    for (const [key, missing] of this.#missing) {
      if (missing.at > now) continue
      missing.at = now + missing.waitMs
      missing.waitMs = Math.min(missing.waitMs * 2, longestMissingWaitMs)
      const { name, type } = questionOf(key)
      add(name, type)
    }
    for (const entry of this.#cache.values()) {
      if (entry.refreshAt === undefined || entry.refreshAt > now) continue
      entry.refreshes++
      const share = refreshShares[entry.refreshes]
      const lifeMs = entry.expiresAt - entry.receivedAt
      entry.refreshAt =
        share === undefined ? undefined : Math.max(now, entry.receivedAt + lifeMs * (share + this.#random() * 0.02))
      if (entry.record.type === 'PTR') isContinuous = true
      else add(entry.record.name, entry.record.type)
    }
    if (isContinuous) this.#askForType(now)
    const rest = [...questions.values()]
    for (let i = 0; i < rest.length; i += questionsPerMessage)
      this.#output.push({ message: dnsMessage({ questions: rest.slice(i, i + questionsPerMessage) }) })
  }

  /** The question with what is known already; what does not fit follows in further messages (RFC 6762 §7.1, §7.2). */
  #askForType(now: number): void {
    const known = this.#set('PTR', this.#question)
      .filter(({ expiresAt, receivedAt }) => expiresAt - now > (expiresAt - receivedAt) / 2)
      .map(({ record, expiresAt }) => ({ ...record, ttl: Math.floor((expiresAt - now) / 1_000), flush: false }))
    const parts = portions(known)
    const questions: readonly Question[] = [{ name: this.#question, type: 'PTR', unicast: false }]
    const messages = parts.length === 0 ? [[]] : parts
    messages.forEach((answers, index) => {
      const truncated = index < messages.length - 1
      this.#output.push({ message: dnsMessage({ questions: index === 0 ? questions : [], answers, truncated }) })
    })
  }
}

const addressTypes = ['A', 'AAAA'] as const

type Asked = { readonly name: string; readonly type: 'SRV' | 'TXT' | AddressType }

/** The one that came last: an older one of the same set is about to go. */
function newest(entries: readonly Entry[]): Entry | undefined {
  return entries.reduce<Entry | undefined>(
    (best, one) => (best === undefined || one.receivedAt >= best.receivedAt ? one : best),
    undefined,
  )
}

function questionKey(question: { readonly name: string; readonly type: string }): string {
  return `${question.type} ${question.name}`
}

function questionOf(key: string): Asked {
  const at = key.indexOf(' ')
  const type = key.slice(0, at)
  const name = key.slice(at + 1)
  return { name, type: type === 'SRV' || type === 'TXT' || type === 'A' ? type : 'AAAA' }
}

function isSame(left: FoundService, right: FoundService): boolean {
  return describe(left) === describe(right)
}

/** The advertiser is left out: an answer through another address of the same host changes nothing. */
function describe({ host, port, priority, weight, addresses, text }: FoundService): string {
  return JSON.stringify([foldName(host), port, priority, weight, addresses, [...text]])
}
