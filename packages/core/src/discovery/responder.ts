import { UsageError } from '../errors.ts'
import {
  compareSets,
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
import {
  type CheckedService,
  checkHost,
  checkService,
  lifetimes,
  localDomain,
  nextHost,
  nextInstance,
  pointerRecords,
  type ServiceDescription,
  serviceNames,
  typesName,
  uniqueRecords,
} from './service.ts'

/** Addresses of one interface: only these go out on it. */
export interface InterfaceAddresses {
  readonly ipv4: readonly string[]
  readonly ipv6: readonly string[]
}

/** What a responder announces, and what it needs of the world. */
export interface ResponderOptions {
  readonly services: readonly ServiceDescription[]
  /** First label of the host's name. */
  readonly host: string
  readonly addresses: InterfaceAddresses
  /** Evenly spread numbers from 0 up to 1, to keep hosts from speaking at once. */
  readonly random: () => number
  /** Milliseconds, of the clock that all later calls use. */
  readonly now: number
}

/** What happens to our names on the link. */
export type ResponderEvent =
  /** Probed without objection: announced under these names. */
  | { readonly kind: 'established'; readonly host: string; readonly instances: readonly string[] }
  /** Another host has the name: we go on under the next one. */
  | {
      readonly kind: 'renamed'
      readonly what: 'host' | 'instance'
      readonly from: string
      readonly to: string
      /** Address of who has the name. */
      readonly holder: string
    }

type Phase =
  | { readonly kind: 'probing'; readonly sent: number; readonly at: number }
  | { readonly kind: 'announcing'; readonly sent: number; readonly at: number }
  | { readonly kind: 'established' }
  | { readonly kind: 'stopped' }

interface Pending {
  readonly record: ResourceRecord
  at: number
  /** Addresses that wait for it: who turns out to know it already is taken off. */
  readonly askers: Set<string>
}

/** Probes, announcements and their distance (RFC 6762 §8.1, §8.3). */
const probes = 3
const probeMs = 250
const announcements = 2
const announceMs = 1_000
/** A record goes to the group once a second at most; in defence against a probe sooner (RFC 6762 §6). */
const repeatMs = 1_000
const defenceMs = 250
/** The loser of a tie looks again after this (RFC 6762 §8.2). */
const deferMs = 1_000
/** So many conflicts within this time, and we wait as long before each further try (RFC 6762 §8.1). */
const conflictLimit = 15
const conflictWindowMs = 10_000
const conflictPauseMs = 5_000
/** Simple resolvers keep nothing longer than this, seconds (RFC 6762 §6.7). */
const legacyTtl = 10
/** More services than a server ever has; keeps goodbyes and answers small. */
const mostServices = 32

/**
 * Announces services on one link and answers for them (RFC 6762, RFC 6763): probes for its names, gives way to who has
 * them, answers what is asked and says goodbye. Without I/O: messages and time in, messages, events and the next
 * deadline out. Every host of the link can write to it, so what it keeps is bounded by what it announces.
 */
export class Responder {
  #services: readonly CheckedService[]
  #host: string
  #addresses: InterfaceAddresses
  readonly #random: () => number
  #phase: Phase
  /** Times of recent conflicts. */
  #conflicts: number[] = []
  readonly #pending = new Map<string, Pending>()
  /** When a record last went to the group. */
  readonly #sentAt = new Map<string, number>()
  #output: OutgoingMessage[] = []
  #events: ResponderEvent[] = []

  /** @throws UsageError `bad-value` for names and ports that cannot be */
  constructor(options: ResponderOptions) {
    this.#services = options.services.map(checkService)
    if (this.#services.length === 0 || this.#services.length > mostServices)
      throw new UsageError(
        'bad-value',
        `discovery: 1 to ${mostServices} services can be announced, not ${this.#services.length}`,
      )
    const names = new Set(this.#services.map((service) => foldName(serviceNames(service).instance)))
    if (names.size < this.#services.length)
      throw new UsageError('bad-value', 'discovery: two services have the same instance name and type: rename one')
    this.#host = checkHost(options.host)
    this.#addresses = options.addresses
    this.#random = options.random
    this.#phase = this.#firstProbe(options.now)
  }

  /** The host's name now, in full. */
  get hostName(): string {
    return `${this.#host}.${localDomain}`
  }

  /** The instance names now, in the order of the services. */
  get instances(): readonly string[] {
    return this.#services.map(({ instance }) => instance)
  }

  /** All names are ours and announced. */
  get isEstablished(): boolean {
    return this.#phase.kind === 'announcing' || this.#phase.kind === 'established'
  }

  /** Messages to send now. */
  takeOutput(): readonly OutgoingMessage[] {
    const output = this.#output
    this.#output = []
    return output
  }

  /** What happened since the last call. */
  takeEvents(): readonly ResponderEvent[] {
    const events = this.#events
    this.#events = []
    return events
  }

  /** When {@link tick} wants to be called, if nothing comes before. */
  deadline(): number | undefined {
    const times = [...this.#pending.values()].map(({ at }) => at)
    if (this.#phase.kind === 'probing' || this.#phase.kind === 'announcing') times.push(this.#phase.at)
    return times.length === 0 ? undefined : Math.min(...times)
  }

  /** Time passed: probes, announcements and answers that are due go out. */
  tick(now: number): void {
    const phase = this.#phase
    if (phase.kind === 'probing' && phase.at <= now) {
      if (phase.sent < probes) this.#probe(phase.sent + 1, now)
      else this.#establish(now)
    } else if (phase.kind === 'announcing' && phase.at <= now) this.#announce(phase.sent + 1, now)
    this.#answerDue(now)
  }

  /** A message came from the link. */
  receive(message: DnsMessage, from: Endpoint, now: number): void {
    if (this.#phase.kind === 'stopped') return
    if (message.response) {
      // An answer that multicast DNS did not send may come from anywhere (RFC 6762 §6).
      if (from.port === mdnsPort) this.#hearAnswers([...message.answers, ...message.additionals], from, now)
      return
    }
    if (this.#phase.kind === 'probing') {
      if (message.authorities.length > 0) this.#hearProbe(message, now)
      return
    }
    this.#hearQuery(message, from, now)
  }

  /** The interface came back or has other addresses: everything is probed and announced anew (RFC 6762 §8.4). */
  restart(addresses: InterfaceAddresses, now: number): void {
    if (this.#phase.kind === 'stopped') return
    this.#addresses = addresses
    this.#sentAt.clear()
    this.#probeAgain(this.#firstProbe(now))
  }

  /** Takes everything back (RFC 6762 §10.1); the goodbye is in the output. Nothing is answered from here on. */
  stop(now: number): void {
    if (this.isEstablished) this.#send([...this.#pointers(), ...this.#uniques()].map(withdrawn), now)
    this.#phase = { kind: 'stopped' }
    this.#pending.clear()
    this.#sentAt.clear()
  }

  #firstProbe(now: number): Phase {
    return { kind: 'probing', sent: 0, at: now + this.#random() * probeMs }
  }

  #probeAgain(phase: Phase): void {
    this.#pending.clear()
    this.#phase = phase
  }

  /** Addresses of this interface under the host's name, and that there are no others. */
  #hostRecords(): readonly ResourceRecord[] {
    const common = { name: this.hostName, ttl: lifetimes.host, flush: true }
    const { ipv4, ipv6 } = this.#addresses
    return [
      ...ipv4.map((address) => ({ ...common, type: 'A', address }) as const),
      ...ipv6.map((address) => ({ ...common, type: 'AAAA', address }) as const),
    ]
  }

  /** One record that denies the other address type, where only one exists (RFC 6762 §6.1). */
  #denials(): readonly ResourceRecord[] {
    const { ipv4, ipv6 } = this.#addresses
    if (ipv4.length > 0 === ipv6.length > 0) return []
    const types = ipv4.length > 0 ? (['A'] as const) : (['AAAA'] as const)
    return [{ name: this.hostName, ttl: lifetimes.host, flush: true, type: 'NSEC', types }]
  }

  #uniques(): readonly ResourceRecord[] {
    return [...this.#services.flatMap((service) => uniqueRecords(service, this.hostName)), ...this.#hostRecords()]
  }

  #pointers(): readonly ResourceRecord[] {
    return this.#services.flatMap(pointerRecords)
  }

  #typePointers(): readonly ResourceRecord[] {
    const types = [...new Set(this.#services.map((service) => foldName(serviceNames(service).type)))]
    return types.map((target) => ({ name: typesName, type: 'PTR', target, ttl: lifetimes.other, flush: false }))
  }

  #probe(sent: number, now: number): void {
    const wanted = this.#uniques()
    const names = new Map(wanted.map(({ name }) => [foldName(name), name]))
    for (const [folded, name] of names) {
      // Deviation: RFC 6762 §8.1 advises the QU bit. The port is shared with other responders of this machine, and an
      // answer to it alone might reach another of them (RFC 6762 §15.1).
      const questions: readonly Question[] = [{ name, type: 'ANY', unicast: false }]
      const authorities = wanted
        .filter((record) => foldName(record.name) === folded)
        .map((r) => ({ ...r, flush: false }))
      this.#output.push({ message: dnsMessage({ questions, authorities }) })
    }
    this.#phase = { kind: 'probing', sent, at: now + probeMs }
  }

  #establish(now: number): void {
    const own = new Set([...this.#pointers(), ...this.#typePointers(), ...this.#uniques()].map(recordKey))
    for (const key of this.#sentAt.keys()) if (!own.has(key)) this.#sentAt.delete(key)
    this.#announce(1, now)
    this.#events.push({ kind: 'established', host: this.hostName, instances: this.instances })
  }

  #announce(sent: number, now: number): void {
    this.#send([...this.#pointers(), ...this.#uniques()], now)
    this.#phase = sent < announcements ? { kind: 'announcing', sent, at: now + announceMs } : { kind: 'established' }
  }

  #send(answers: readonly ResourceRecord[], now: number): void {
    for (const record of answers) this.#sentAt.set(recordKey(record), now)
    for (const portion of portions(answers))
      this.#output.push({ message: dnsMessage({ response: true, answers: portion }) })
  }

  /** Another host answers for a name of ours with other data: whoever probes gives way (RFC 6762 §8.1, §9). */
  #hearAnswers(records: readonly ResourceRecord[], from: Endpoint, now: number): void {
    const ours = this.#uniques()
    const keys = new Set(ours.map(recordKey))
    const sets = new Set(ours.map(setKey))
    const conflicts = records.filter(
      (record) => record.ttl > 0 && sets.has(setKey(record)) && !keys.has(recordKey(record)),
    )
    // Before the first probe under a name nothing is decided; so a flood renames us no faster than we probe.
    if (conflicts.length === 0 || (this.#phase.kind === 'probing' && this.#phase.sent === 0)) return
    this.#conflicts = [...this.#conflicts.filter((at) => at > now - conflictWindowMs), now].slice(-conflictLimit)
    if (this.#phase.kind === 'probing') {
      for (const name of new Set(conflicts.map((record) => foldName(record.name))))
        this.#rename(name, from.address, now)
    }
    const pause = this.#conflicts.length >= conflictLimit ? conflictPauseMs : this.#random() * probeMs
    this.#probeAgain({ kind: 'probing', sent: 0, at: now + pause })
  }

  #rename(name: string, holder: string, now: number): void {
    if (foldName(this.hostName) === name) {
      const from = this.#host
      this.#host = nextHost(from)
      this.#events.push({ kind: 'renamed', what: 'host', from, to: this.#host, holder })
      return
    }
    const known = this.#pointers().filter((record) => this.#sentAt.has(recordKey(record)))
    this.#services = this.#services.map((service) => {
      if (foldName(serviceNames(service).instance) !== name) return service
      let instance = nextInstance(service.instance)
      while (
        this.#services.some((other) => other.type === service.type && foldName(other.instance) === foldName(instance))
      )
        instance = nextInstance(instance)
      this.#events.push({ kind: 'renamed', what: 'instance', from: service.instance, to: instance, holder })
      return { ...service, instance }
    })
    // Who saw the old name with us must not keep it.
    const kept = new Set(this.#pointers().map(recordKey))
    const gone = known.filter((record) => !kept.has(recordKey(record)))
    this.#send(gone.map(withdrawn), now)
    for (const record of gone) this.#sentAt.delete(recordKey(record))
  }

  /** Two hosts probe for one name at once: the later records win (RFC 6762 §8.2). */
  #hearProbe(message: DnsMessage, now: number): void {
    const ours = this.#uniques()
    for (const name of new Set(ours.map((record) => foldName(record.name)))) {
      const theirs = message.authorities.filter((record) => foldName(record.name) === name)
      if (theirs.length === 0) continue
      const own = ours.filter((record) => foldName(record.name) === name)
      if (compareSets(own, theirs) >= 0) continue
      this.#phase = { kind: 'probing', sent: 0, at: now + deferMs }
      return
    }
  }

  #hearQuery(message: DnsMessage, from: Endpoint, now: number): void {
    const known = new Map(message.answers.map((record) => [recordKey(record), record.ttl]))
    // Half the lifetime left is enough for the asker to know it (RFC 6762 §7.1).
    const knows = (record: ResourceRecord) => (known.get(recordKey(record)) ?? -1) >= record.ttl / 2
    if (message.questions.length === 0) {
      this.#hearMoreKnown(knows, from)
      return
    }
    if (from.port !== mdnsPort) {
      this.#answerLegacy(message, from)
      return
    }
    const isProbe = message.authorities.length > 0
    for (const question of message.questions) {
      const answers = this.#answersTo(question).filter((record) => isProbe || !knows(record))
      if (answers.length === 0) continue
      if (question.unicast && answers.every((record) => this.#isFresh(record, now))) this.#answerTo(answers, from)
      else this.#queue(answers, message.truncated, isProbe, from, now)
    }
  }

  #answersTo(question: Question): readonly ResourceRecord[] {
    const name = foldName(question.name)
    const all = [...this.#pointers(), ...this.#typePointers(), ...this.#uniques()]
    const answers = all.filter(
      (record) => foldName(record.name) === name && (question.type === 'ANY' || question.type === record.type),
    )
    if (answers.length > 0 || name !== foldName(this.hostName)) return answers
    return question.type === 'A' || question.type === 'AAAA' ? this.#denials() : []
  }

  /** Records that the asker will want next (RFC 6763 §12). */
  #additionalTo(answers: readonly ResourceRecord[]): readonly ResourceRecord[] {
    const targets = new Set(answers.flatMap((record) => (record.type === 'PTR' ? [foldName(record.target)] : [])))
    const services = this.#services.filter((service) => targets.has(foldName(serviceNames(service).instance)))
    const more = services.flatMap((service) => uniqueRecords(service, this.hostName))
    const leadsToHost = [...answers, ...more].some(({ type }) => type === 'SRV')
    const host = leadsToHost ? [...this.#hostRecords(), ...this.#denials()] : []
    const present = new Set(answers.map(recordKey))
    return [...more, ...host].filter((record) => !present.has(recordKey(record)))
  }

  /** Went to the group within a quarter of its lifetime, so that the others' caches are good (RFC 6762 §5.4). */
  #isFresh(record: ResourceRecord, now: number): boolean {
    const sentAt = this.#sentAt.get(recordKey(record))
    return sentAt !== undefined && now - sentAt < (record.ttl * 1_000) / 4
  }

  #answerTo(answers: readonly ResourceRecord[], to: Endpoint): void {
    this.#output.push({
      message: dnsMessage({ response: true, answers, additionals: this.#additionalTo(answers) }),
      to,
    })
  }

  /** A simple resolver gets what ordinary DNS would give: its question, its number, short lives (RFC 6762 §6.7). */
  #answerLegacy(message: DnsMessage, to: Endpoint): void {
    const plain = (record: ResourceRecord): ResourceRecord => ({
      ...record,
      ttl: Math.min(record.ttl, legacyTtl),
      flush: false,
    })
    const question = message.questions[0]
    const answers = question === undefined ? [] : this.#answersTo(question)
    if (question === undefined || answers.length === 0) return
    this.#output.push({
      message: dnsMessage({
        response: true,
        id: message.id,
        questions: [{ ...question, unicast: false }],
        answers: answers.map(plain),
        additionals: this.#additionalTo(answers).map(plain),
      }),
      to,
    })
  }

  /** Answers for the group, not at once where other hosts may answer too (RFC 6762 §6, §7.2). */
  #queue(answers: readonly ResourceRecord[], more: boolean, isProbe: boolean, from: Endpoint, now: number): void {
    const isShared = answers.some(({ flush }) => !flush)
    const delay = more ? 400 + this.#random() * 100 : isShared ? 20 + this.#random() * 100 : 0
    for (const record of answers) {
      const key = recordKey(record)
      const soonest = (this.#sentAt.get(key) ?? Number.NEGATIVE_INFINITY) + (isProbe ? defenceMs : repeatMs)
      const at = Math.max(now + delay, soonest)
      const waiting = this.#pending.get(key)
      if (waiting === undefined) this.#pending.set(key, { record, at, askers: new Set([from.address]) })
      else {
        waiting.at = Math.min(waiting.at, at)
        // Whoever asks beyond this number simply gets the answer.
        if (waiting.askers.size < 64) waiting.askers.add(from.address)
      }
    }
    this.#answerDue(now)
  }

  /** The rest of what an asker knows already (RFC 6762 §7.2). */
  #hearMoreKnown(knows: (record: ResourceRecord) => boolean, from: Endpoint): void {
    for (const [key, pending] of this.#pending) {
      if (!knows(pending.record)) continue
      pending.askers.delete(from.address)
      if (pending.askers.size === 0) this.#pending.delete(key)
    }
  }

  #answerDue(now: number): void {
    const due = [...this.#pending].filter(([, { at }]) => at <= now)
    if (due.length === 0) return
    for (const [key] of due) {
      this.#pending.delete(key)
      this.#sentAt.set(key, now)
    }
    for (const answers of portions(due.map(([, { record }]) => record))) {
      const additionals = portions(this.#additionalTo(answers))[0] ?? []
      this.#output.push({ message: dnsMessage({ response: true, answers, additionals }) })
    }
  }
}

function withdrawn(record: ResourceRecord): ResourceRecord {
  return { ...record, ttl: 0 }
}
