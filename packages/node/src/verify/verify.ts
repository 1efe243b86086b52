import { needsCertificate } from '@cordon/core/deployment'
import { TransportError } from '@cordon/core/errors'
import { compile, type DeviceCapabilities, type DeviceSettings, indexPlant, type PlantIndex } from '@cordon/core/policy'
import { capabilitiesOf } from '@cordon/core/deployment'
import {
  type Attempt,
  type AttemptOutcome,
  attemptKey,
  type Check,
  type CheckResult,
  type Controls,
  concludeVerification,
  deriveChecks,
  type Judgement,
  judgeCertificate,
  judgeConnect,
  judgeConnection,
  judgeDefaultTrust,
  judgeReadBack,
  judgeRefusal,
  type RefusalCheck,
  resultOf,
  type VerificationResult,
} from '@cordon/core/verification'
import { decodeBase64, fingerprint } from '@cordon/core/x509'
import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { nodeCrypto } from '../crypto.ts'
import { CredentialBook } from './credentials.ts'
import { OpensslCommand, type RepeatOutcome, spellOutcome, trueKeyReason } from './openssl.ts'
import { Gate } from './gate.ts'
import { defaultProberLimits, Prober, type ProberLimits } from './prober.ts'
import { type Reading, readBack } from './reading.ts'
import { type KnownCertificates, knownCertificates, type VerificationRequest, wayIn } from './request.ts'

/** What a verification tells while it runs. */
export type VerificationEvent =
  /** It knows how many checks there are. */
  | { readonly kind: 'derived'; readonly total: number; readonly devices: number }
  | { readonly kind: 'read'; readonly device: string; readonly done: number; readonly total: number }
  | { readonly kind: 'checked'; readonly result: CheckResult; readonly done: number; readonly total: number }

/** How a verification runs. */
export interface VerifyOptions {
  /** Hears of progress. */
  readonly onEvent?: (event: VerificationEvent) => void
  readonly signal?: AbortSignal
  readonly limits?: Partial<ProberLimits>
  /** The openssl command, or false for none. Default `openssl`. */
  readonly openssl?: string | false
  /** Milliseconds since 1970, by which certificates are judged. Default now. */
  readonly date?: () => number
}

/** Processes of the openssl command at the same time. */
const opensslTogether = 6

/** Devices that are read at the same time. */
const readTogether = 32

/**
 * Verifies a plant from outside: reads every device back over a fresh session, tries what must connect and what must be
 * refused, and judges what came of it.
 *
 * @throws TransportError `aborted`; MalformedMessage for a request that cannot be read
 */
export async function verifyPlant(
  request: VerificationRequest,
  options: VerifyOptions = {},
): Promise<VerificationResult> {
  const { signal } = options
  if (signal === undefined) return new Verification(request, options, await CredentialBook.open(request)).run()
  // Every attempt listens for the end: on a signal of our own, whose listeners nobody else counts.
  const own = AbortSignal.any([signal])
  setMaxListeners(0, own)
  return new Verification(request, { ...options, signal: own }, await CredentialBook.open(request)).run()
}

class Verification {
  readonly #request: VerificationRequest
  readonly #options: VerifyOptions
  readonly #book: CredentialBook
  readonly #known: KnownCertificates
  readonly #date: () => number
  readonly #outcomes = new Map<string, Promise<AttemptOutcome>>()
  /** Repetitions of controls, once the refusals of their device are done. */
  readonly #after = new Map<string, Promise<AttemptOutcome>>()
  /** What the openssl command saw. */
  readonly #byCommand = new Map<string, Promise<RepeatOutcome>>()
  readonly #places = new Gate(opensslTogether, Number.POSITIVE_INFINITY)
  readonly #refusals = new Map<string, Promise<unknown>[]>()
  readonly #aloneByAddress = new Set<string>()
  #prober: Prober
  #readings = new Map<string, Reading | string>()
  #settings = new Map<string, DeviceSettings>()
  #openssl: OpensslCommand | undefined
  #done = 0
  #total = 0

  constructor(request: VerificationRequest, options: VerifyOptions, book: CredentialBook) {
    this.#request = request
    this.#options = options
    this.#book = book
    this.#known = knownCertificates(request)
    this.#date = options.date ?? Date.now
    this.#prober = new Prober({
      book,
      limits: options.limits,
      signal: options.signal,
      byCertificateAlone: (target) => this.#aloneByAddress.has(target),
    })
  }

  async run(): Promise<VerificationResult> {
    const startedAt = new Date().toISOString()
    const started = performance.now()
    const { plant, only, live, verifierAddress, peersPerGroup } = this.#request
    const before = indexPlant(plant, new Map(Object.entries(this.#request.capabilities ?? {})))
    await this.#readAll(before)
    const index = indexPlant(plant, this.#capabilities())
    this.#settle(index)
    const { checks, risks } = deriveChecks({
      index,
      settings: this.#settings,
      means: {
        vendor: this.#request.vendor !== undefined,
        revoked: new Set(Object.keys(this.#request.revoked ?? {})),
        expired: new Set(Object.keys(this.#request.expired ?? {})),
        lists: new Set(Object.keys(this.#request.lists)),
        live: live !== undefined,
        revisions: this.#revisions(),
      },
      verifierAddress,
      only: only === undefined ? undefined : new Set(only),
      peersPerGroup,
    })
    this.#total = checks.length
    this.#options.onEvent?.({ kind: 'derived', total: checks.length, devices: this.#settings.size })
    const { openssl } = this.#options
    this.#openssl = openssl === false ? undefined : await OpensslCommand.find(openssl)
    const made = this.#startAll(checks)
    // Nothing is left under way: files with keys are gone when this returns, however it ends.
    await Promise.allSettled(made)
    const results = await Promise.all(made)
    this.#throwIfAborted()
    return concludeVerification({
      plant: plant.name,
      startedAt,
      durationMs: Math.round(performance.now() - started),
      checks: results,
      risks,
    })
  }

  /** Every check begins at once; the prober makes them wait their turn. */
  #startAll(checks: readonly Check[]): Promise<CheckResult>[] {
    // Refusals first, so that the controls after them know what to wait for.
    for (const check of checks) {
      if (check.method !== 'refusal') continue
      const { target } = check.attempt
      const list = this.#refusals.get(target) ?? []
      list.push(this.#refusal(check.attempt))
      this.#refusals.set(target, list)
    }
    return checks.map(async (check) => {
      const result = resultOf(check, await this.#judge(check))
      this.#done++
      this.#options.onEvent?.({ kind: 'checked', result, done: this.#done, total: this.#total })
      return result
    })
  }

  async #judge(check: Check): Promise<Judgement> {
    switch (check.method) {
      case 'settled':
        return { verdict: check.verdict, reason: check.reason }
      case 'read-back':
        return this.#judgeReadBack(check)
      case 'connect':
        return judgeConnect(
          check,
          await this.#wanted(check.attempt),
          this.#rulesOf(check.device),
          check.control === undefined ? undefined : await this.#controls(check.attempt, check.control),
        )
      case 'refusal':
        return judgeRefusal(
          check,
          await this.#refusal(check.attempt),
          await this.#controls(check.attempt, check.control),
          this.#rulesOf(check.device),
        )
      case 'certificate':
        return this.#judgeCertificate(check)
      case 'trust':
        return this.#judgeTrust(check.device ?? '')
      case 'connection':
        return judgeConnection(check, this.#request.live ?? [])
      case 'repeat':
        return this.#repeat(check)
    }
  }

  #judgeReadBack(check: Check): Judgement {
    const device = check.device ?? ''
    const reading = this.#readings.get(device) ?? 'it was not read'
    const settings = this.#settings.get(device)
    if (settings === undefined) return { verdict: 'fail', reason: 'it has no settings' }
    return judgeReadBack(check.id, typeof reading === 'string' ? reading : reading.evidence, {
      settings,
      expect: this.#request.plant.devices.find(({ name }) => name === device)?.expect,
      lists: settings.authorities.flatMap((zone) =>
        (this.#request.lists[zone] ?? []).map((list) =>
          fingerprint(nodeCrypto, decodeBase64(list, `revocation list of zone ${zone}`)),
        ),
      ),
    })
  }

  async #judgeCertificate(check: Extract<Check, { method: 'certificate' }>): Promise<Judgement> {
    const outcome = await this.#wanted(check.attempt)
    if (outcome.kind === 'no-means' || outcome.kind === 'no-address')
      return { verdict: 'not-tested', reason: outcome.detail }
    if (outcome.kind !== 'accepted')
      return { verdict: 'fail', reason: `no handshake came about that would show it: ${outcome.detail}` }
    const device = check.device ?? ''
    const settings = this.#settings.get(device)
    const reading = this.#readings.get(device)
    const held = typeof reading === 'object' ? reading : undefined
    const zone = settings?.zone ?? ''
    const bytes = (text: string) => decodeBase64(text, `a certificate of zone ${zone}`)
    return judgeCertificate(check.id, outcome.chain ?? [], {
      crypto: nodeCrypto,
      address: settings?.address ?? '',
      dnsName: this.#request.plant.devices.find(({ name }) => name === device)?.dnsName,
      anchors: (this.#request.anchors[zone] ?? []).map(bytes),
      revocationLists: (this.#request.lists[zone] ?? []).map(bytes),
      now: this.#date(),
      defaultCertificate: held?.defaultChain[0],
      active: held?.reading.active?.certificate,
    })
  }

  #judgeTrust(device: string): Judgement {
    const reading = this.#readings.get(device) ?? 'it was not read'
    if (typeof reading === 'string') return judgeDefaultTrust(nodeCrypto, [], reading)
    const held = (files: typeof reading.reading.authorities) => files.flatMap(({ contents }) => contents)
    const { authorities, identities } = reading.reading
    return judgeDefaultTrust(nodeCrypto, reading.defaultChain, {
      authorities: held(authorities),
      identities: held(identities),
    })
  }

  async #repeat({ of }: Extract<Check, { method: 'repeat' }>): Promise<Judgement> {
    const openssl = this.#openssl
    if (openssl === undefined) return { verdict: 'not-tested', reason: 'there is no openssl command on this machine' }
    const { kind } = of.attempt.source.credential
    if (of.method === 'connect' && kind === 'psk') return { verdict: 'not-tested', reason: trueKeyReason }
    const outcome = await this.#byOpenssl(openssl, of.attempt)
    const said = `${openssl.version}: ${spellOutcome(outcome)}`
    if (outcome.kind === 'no-means' || outcome.kind === 'no-address') return { verdict: 'not-tested', reason: said }
    if (outcome.kind === 'error') return { verdict: 'fail', reason: `not proven: ${said}` }
    if (of.method === 'connect') return { verdict: outcome.kind === 'accepted' ? 'pass' : 'fail', reason: said }
    if (kind === 'wrong-psk' || kind === 'unknown-psk') return this.#repeatedKey(of, outcome, said)
    // A true key is never given to the command: who gets as far as the made-up one would have been let in with the true one.
    if (outcome.kind !== 'refused') return { verdict: 'fail', reason: said }
    const control = await this.#byOpenssl(openssl, of.control)
    const isControl = control.kind === 'accepted' || control.kind === 'key-refused'
    if (isControl) return { verdict: 'pass', reason: `${said}; control: it ${spellOutcome(control)}` }
    return { verdict: 'fail', reason: `not proven: ${said}, but its control failed: ${control.detail}` }
  }

  /** A key is refused after the target has chosen a suite, else it was not the key. That the true one is accepted, our own client shows. */
  async #repeatedKey(of: RefusalCheck, outcome: RepeatOutcome, said: string): Promise<Judgement> {
    if (outcome.kind === 'accepted') return { verdict: 'fail', reason: said }
    if (outcome.kind !== 'key-refused')
      return { verdict: 'fail', reason: `not proven: ${said}, before the key was looked at` }
    const { before, after } = await this.#controls(of.attempt, of.control)
    const failed = [before, after].find((control) => control.kind !== 'accepted')
    if (failed === undefined)
      return { verdict: 'pass', reason: `${said}; control: the true key connects with Cordon's own client` }
    return { verdict: 'fail', reason: `not proven: ${said}, but the true key does not connect: ${failed.detail}` }
  }

  #byOpenssl(openssl: OpensslCommand, attempt: Attempt): Promise<RepeatOutcome> {
    const alone = this.#aloneByAddress.has(attempt.target)
    return this.#once(this.#byCommand, attempt, async () => {
      const outcome = await this.#places.run(
        () => openssl.attempt(attempt, this.#book, alone, this.#options.signal),
        () => this.#throwIfAborted(),
      )
      this.#throwIfAborted()
      return outcome
    })
  }

  // Attempts

  /** What must connect is tried again where it does not: a device may be busy, and refuses when it is. */
  #wanted(attempt: Attempt): Promise<AttemptOutcome> {
    return this.#once(this.#outcomes, attempt, () => this.#withPatience(attempt))
  }

  async #withPatience(attempt: Attempt): Promise<AttemptOutcome> {
    for (let tries = 1; ; tries++) {
      const outcome = await this.#prober.attempt(attempt)
      if (
        tries === wantedTries ||
        outcome.kind === 'accepted' ||
        outcome.kind === 'no-address' ||
        outcome.kind === 'no-means'
      )
        return outcome
      this.#throwIfAborted()
      await sleep(wantedPauseMs * tries)
    }
  }

  /** What must be refused is tried again where the network failed, which says nothing about the device. */
  #refusal(attempt: Attempt): Promise<AttemptOutcome> {
    return this.#once(this.#outcomes, attempt, async () => {
      const outcome = await this.#prober.attempt(attempt)
      return outcome.kind === 'error' ? this.#prober.attempt(attempt) : outcome
    })
  }

  async #controls(attempt: Attempt, control: Attempt): Promise<Controls> {
    const before = await this.#wanted(control)
    const after = await this.#once(this.#after, control, async () => {
      await Promise.all(this.#refusals.get(attempt.target) ?? [])
      return this.#withPatience(control)
    })
    return { before, after }
  }

  #once<T>(made: Map<string, Promise<T>>, attempt: Attempt, make: () => Promise<T>): Promise<T> {
    const key = attemptKey(attempt)
    const known = made.get(key)
    if (known !== undefined) return known
    const making = make()
    made.set(key, making)
    return making
  }

  // Devices

  async #readAll(index: PlantIndex): Promise<void> {
    const { plant, only, verifierAddress } = this.#request
    const named = only === undefined ? undefined : new Set(only)
    const settings = compile(index).settings
    const targets = [...settings.values()].filter(
      ({ device, enforcement }) => enforcement !== 'none' && named?.has(device) !== false,
    )
    for (const own of targets) if (this.#isAlone(own)) this.#aloneByAddress.add(own.address)
    const keys = [
      ...new Set([...plant.zones, ...plant.conduits].flatMap(({ psk }) => (psk === undefined ? [] : [psk]))),
    ]
    const queue = targets.values()
    let done = 0
    const work = async () => {
      for (const { device, address, psk } of queue) {
        this.#throwIfAborted()
        const reading = await readBack({
          device,
          address,
          localAddress: verifierAddress ?? index.manager?.address,
          proof: this.#book.reading(
            this.#aloneByAddress.has(address),
            wayIn(index, device),
            psk.length > 0 ? psk.map(({ name }) => name) : keys,
          ),
          known: this.#known,
          timeoutMs: this.#options.limits?.timeoutMs ?? defaultProberLimits.timeoutMs,
          signal: this.#options.signal,
        })
        this.#readings.set(device, reading)
        done++
        this.#options.onEvent?.({ kind: 'read', device, done, total: targets.length })
      }
    }
    await Promise.all(Array.from({ length: Math.min(readTogether, targets.length) }, work))
  }

  /** Knows its peers by their certificates alone, the manager among them. */
  #isAlone({ authorities, enforcement }: DeviceSettings): boolean {
    return enforcement === 'identities' || (enforcement === 'authorities' && authorities.length === 0)
  }

  /** What a device says of itself counts, as at its deployment; but a device does not shed by itself what it is known to have. */
  #capabilities(): Map<string, DeviceCapabilities> {
    const found = new Map<string, DeviceCapabilities>(Object.entries(this.#request.capabilities ?? {}))
    for (const [device, reading] of this.#readings) {
      if (typeof reading !== 'object') continue
      const known = found.get(device)
      const said = capabilitiesOf(reading.reading)
      found.set(device, {
        ...known,
        ...said,
        ingressEgress: known?.ingressEgress === true || said.ingressEgress,
        // Whether attribute 12 can be set is not to be read.
        trustedIdentities: known?.trustedIdentities ?? said.trustedIdentities,
      })
    }
    return found
  }

  #revisions(): ReadonlyMap<string, number> {
    const found = new Map<string, number>()
    for (const [device, reading] of this.#readings) {
      const revision = typeof reading === 'object' ? reading.reading.revisions.ethernetIpSecurity : undefined
      if (revision !== undefined) found.set(device, revision)
    }
    return found
  }

  #settle(index: PlantIndex): void {
    this.#aloneByAddress.clear()
    for (const [device, settings] of compile(index).settings) {
      const own = this.#withManager(settings)
      this.#settings.set(device, own)
      if (this.#isAlone(settings)) this.#aloneByAddress.add(own.address)
    }
  }

  /** The manager's own way in belongs to what every device holds. */
  #withManager(settings: DeviceSettings): DeviceSettings {
    if (settings.enforcement === 'none' || !needsCertificate(settings)) return settings
    const { authorities, identities } = settings
    const { managerZone, plant } = this.#request
    if (authorities.length > 0)
      return authorities.includes(managerZone) ? settings : { ...settings, authorities: [...authorities, managerZone] }
    const { manager } = plant
    return manager === undefined || identities.includes(manager)
      ? settings
      : { ...settings, identities: [...identities, manager] }
  }

  #rulesOf(device: string | undefined) {
    const reading = device === undefined ? undefined : this.#readings.get(device)
    return typeof reading === 'object' ? reading.evidence.observed.rules : undefined
  }

  #throwIfAborted(): void {
    const { signal } = this.#options
    if (signal?.aborted === true)
      throw new TransportError('aborted', 'the verification was cancelled', { cause: signal.reason })
  }
}

/** How often something that must connect is tried, and how long it waits in between, milliseconds. */
const wantedTries = 3
const wantedPauseMs = 400
