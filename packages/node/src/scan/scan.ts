import { MalformedMessage, TransportError } from '@cordon/core/errors'
import { connectionStrength, ianaSuiteName, suiteParts } from '@cordon/core/security'
import { decodeName, formatName } from '@cordon/core/x509'
import { type ProbeVersion, suites as cipSuites } from '@cordon/tls'
import { processSchedule } from '../schedule.ts'
import { describeChain, type ScanAnchors, type ShownChain } from './chain.ts'
import { findWeakSpots } from './find-weak-spots.ts'
import { handshakeWithout } from './handshake.ts'
import { type Ask, askGroups, askSuites, closedTwice, isMute, orderOf, type VersionOffers } from './offers.ts'
import { type ProbeOptions, probe } from './probe.ts'
import type { ServerFlight } from './server-flight.ts'
import type { OfferedSuite, OfferedVersion, ScanFeatures, ScanResult, SuiteRow, VersionRow } from './scan-result.ts'

/** How a target is scanned. */
export interface ScanOptions extends Omit<ProbeOptions, 'address'> {
  /** Probes at the same time. Default 4: devices limit what one peer may have open. */
  readonly concurrency?: number
  /** Whom chains are judged by. */
  readonly anchors?: ScanAnchors
  /** Milliseconds since 1970, for the dates of certificates. Default now. */
  readonly date?: number
  /** Called after each probe; how many there will be is known at the end only, so `total` grows. */
  readonly progress?: (done: number, total: number) => void
}

const versionsOf: Readonly<Record<ProbeOptions['transport'], readonly ProbeVersion[]>> = {
  tls: ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'],
  dtls: ['DTLSv1', 'DTLSv1.2'],
}

/**
 * Lists what a target offers: versions (TLS 1.0 to 1.3, DTLS 1.0 and 1.2), every suite in the order of the target, groups,
 * chains, whether it wants a client certificate, and the weak spots in that. ClientHellos are not followed up; three
 * handshakes at most are finished or refused. It does not authenticate, and sends nothing over what it opens.
 *
 * @throws TransportError `aborted`
 */
export async function scan(address: string, options: ScanOptions): Promise<ScanResult> {
  const { transport } = options
  const asked = new Questions(address, options)
  const versions = versionsOf[transport]
  const first = await inParallel(versions, options.concurrency ?? 4, (version) =>
    asked.part(askSuites(asked.ask, version)),
  )
  const byVersion = await asked.muteOnes(first)
  const spoken = byVersion.filter(({ flights }) => flights.length > 0).toReversed()
  const chains = chainsOf(spoken, options.anchors ?? {})
  const base = {
    address,
    port: options.port ?? 2221,
    transport,
    answered: byVersion.some(({ flights, end }) => flights.length > 0 || end.kind === 'refused'),
    versions: byVersion.map(versionRow),
    suites: cipRows(byVersion.find(({ version }) => version === current[transport])),
  }
  const more = await asked.details(spoken, chains)
  const offers = spoken.map((each) => offeredVersion(each, more.chains))
  const result = { ...base, offers, ...more, probes: asked.done }
  return { ...result, weakSpots: findWeakSpots(result, options.date ?? Date.now()) }
}

const current: Readonly<Record<ProbeOptions['transport'], ProbeVersion>> = { tls: 'TLSv1.2', dtls: 'DTLSv1.2' }

/** Before a target that hung up is asked again: what it had open is closed by then. */
const pauseMs = 200

/** What is asked of one target, counted. */
class Questions {
  readonly ask: Ask
  done = 0
  /** It chose, or refused with an alert, at least once. */
  #isHeard = false
  #parts = 1
  readonly #options: ScanOptions
  readonly #probe: ProbeOptions

  constructor(address: string, options: ScanOptions) {
    this.#options = options
    this.#probe = { ...options, address }
    this.#parts = versionsOf[options.transport].length + 1
    this.ask = async (offer) => {
      const outcome = await probe(this.#probe, offer)
      this.#count()
      if (outcome.kind !== 'unanswered' && !isMute(outcome)) this.#isHeard = true
      return outcome
    }
  }

  /**
   * Goes on where a target hung up without an alert: it may have had too much open at once, so it is asked alone, after a
   * pause. One that hangs up again, and answered something else, did not answer this. One that answers nothing at all
   * lets our address not in: that is its refusal.
   */
  async muteOnes(all: readonly VersionOffers[]): Promise<readonly VersionOffers[]> {
    const again: VersionOffers[] = []
    for (const offers of all) {
      if (!isMute(offers.end)) again.push(offers)
      else {
        await this.#pause()
        let next = this.ask
        const ask: Ask = (offer) => {
          const now = next
          next = this.#alone
          return now(offer)
        }
        again.push(await askSuites(ask, offers.version, offers.flights))
      }
    }
    if (!this.#isHeard) return again
    const judged: VersionOffers[] = []
    for (const offers of again) {
      if (!isMute(offers.end)) judged.push(offers)
      else {
        const order = await orderOf(this.#alone, offers.version, offers.flights)
        judged.push({ ...offers, end: closedTwice, order })
      }
    }
    return judged
  }

  /** One question while no other is open, asked once more where the target hung up. */
  readonly #alone: Ask = async (offer) => {
    const outcome = await this.ask(offer)
    if (!isMute(outcome)) return outcome
    await this.#pause()
    const again = await this.ask(offer)
    return isMute(again) ? closedTwice : again
  }

  #pause(): Promise<void> {
    const { signal, schedule = processSchedule() } = this.#options
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        deadline.cancel()
        reject(new TransportError('aborted', 'scan: cancelled by the caller', { cause: signal?.reason }))
      }
      const deadline = schedule.after(pauseMs, () => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      })
      if (signal?.aborted === true) onAbort()
      else signal?.addEventListener('abort', onAbort, { once: true })
    })
  }

  /** One of the parts of a scan: while it runs at least one question more is expected. */
  async part<T>(work: Promise<T>): Promise<T> {
    const result = await work
    this.#parts--
    return result
  }

  /** What is asked once it is known what the target speaks: groups, features, client certificate, resumption. */
  async details(
    spoken: readonly VersionOffers[],
    chains: readonly ShownChain[],
  ): Promise<Pick<ScanResult, 'groups' | 'clientCertificate' | 'features' | 'chains'>> {
    const best = spoken.find(({ version }) => version !== 'TLSv1.3') ?? spoken[0]
    if (best === undefined) {
      const reason = 'the target offers nothing'
      return {
        groups: [],
        chains,
        features: {},
        clientCertificate: { asked: 'not-tested', required: 'not-tested', reason, authorities: [] },
      }
    }
    const all = spoken.flatMap(({ flights }) => flights)
    const handshake = await handshakeWithout(
      this.#probe,
      best.version,
      best.flights.map(({ suite }) => suite),
    )
    this.#count()
    // A target of version 1.3 alone shows its chain in a handshake only.
    const known = chains.length > 0 || handshake.chain.length === 0
    const request = all.find(({ certificateRequest }) => certificateRequest !== undefined)?.certificateRequest
    const plain = all.filter(({ version, complete, chain }) => version !== 'TLSv1.3' && complete && chain.length > 0)
    const wasAsked = request !== undefined ? true : plain.length > 0 ? false : 'not-tested'
    return {
      groups: await this.#groups(best, chains),
      chains: known ? chains : [describeChain(handshake.chain, [], this.#options.anchors ?? {})],
      features: { ...(await this.#features(spoken, best, all)), ...resumption(handshake.resumes) },
      clientCertificate: {
        asked: wasAsked,
        required:
          wasAsked === false ? false : handshake.established === undefined ? 'not-tested' : !handshake.established,
        reason: handshake.reason,
        authorities: (request?.authorities ?? []).map(authorityText),
      },
    }
  }

  async #groups({ version, flights }: VersionOffers, chains: readonly ShownChain[]): Promise<readonly string[]> {
    const flight = flights.find(({ group }) => group !== undefined && 'curve' in group)
    if (flight === undefined) return []
    const leaf = chains.find(({ suites }) => suites.includes(flight.suite))?.certificates[0]
    const isEcdsa = suiteParts(flight.suite).authentication === 'ecdsa'
    return askGroups(this.#alone, version, flight.suite, isEcdsa ? leaf?.key.curve : undefined)
  }

  async #features(
    spoken: readonly VersionOffers[],
    best: VersionOffers,
    all: readonly ServerFlight[],
  ): Promise<ScanFeatures> {
    const before13 = all.filter(({ version }) => version !== 'TLSv1.3')
    const [one] = before13
    if (one === undefined) return {}
    const suites = best.flights.map(({ suite }) => suite)
    const compressed = await this.#alone({ version: best.version, suites, compression: true })
    const cbc = before13.filter(({ suite }) => suiteParts(suite).cipher.endsWith('CBC'))
    const lower = spoken.at(-1)
    const fallback =
      spoken.length < 2 || lower === undefined
        ? undefined
        : await this.#alone({
            version: lower.version,
            suites: lower.flights.map(({ suite }) => suite),
            fallback: true,
          })
    return {
      extendedMasterSecret: one.extensions.includes(23),
      ...(cbc.length === 0 ? {} : { encryptThenMac: cbc.every(({ extensions }) => extensions.includes(22)) }),
      secureRenegotiation: one.extensions.includes(0xff01),
      ...(compressed.kind === 'unanswered'
        ? {}
        : { compression: compressed.kind === 'accepted' && compressed.flight.compression !== 0 }),
      sessionTicket: before13.some(({ extensions }) => extensions.includes(35)),
      sessionId: before13.some(({ sessionIdLength }) => sessionIdLength > 0),
      ...(fallback === undefined || fallback.kind === 'unanswered'
        ? {}
        : { refusesFallback: fallback.kind === 'refused' }),
    }
  }

  #count(): void {
    this.done++
    this.#options.progress?.(this.done, this.done + this.#parts)
  }
}

function resumption(resumes: boolean | undefined): Pick<ScanFeatures, 'resumes'> {
  return resumes === undefined ? {} : { resumes }
}

async function inParallel<T, R>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<R>,
): Promise<readonly R[]> {
  const results = new Map<number, R>()
  const queue = [...items.entries()]
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) results.set(next[0], await work(next[1]))
  }
  await Promise.all(Array.from({ length: Math.max(1, Math.min(atOnce, items.length)) }, worker))
  return [...results].sort(([a], [b]) => a - b).map(([, result]) => result)
}

function versionRow({ version, flights, end }: VersionOffers): VersionRow {
  if (flights.length > 0) return { version, verdict: 'offered', reason: 'ServerHello' }
  return { version, verdict: end.kind === 'refused' ? 'refused' : 'not-tested', reason: end.reason }
}

/** The thirteen suites: what was not chosen was refused, where the target refused what was left. */
function cipRows(offers: VersionOffers | undefined): readonly SuiteRow[] {
  return cipSuites.map(({ id, name, encrypts, authentication }): SuiteRow => {
    const row = { suite: id, name, encrypts, authentication }
    if (offers === undefined) return { ...row, verdict: 'not-tested', reason: 'version 1.2 was not asked for' }
    if (offers.flights.some(({ suite }) => suite === id)) return { ...row, verdict: 'offered', reason: 'ServerHello' }
    return { ...row, verdict: offers.end.kind === 'refused' ? 'refused' : 'not-tested', reason: offers.end.reason }
  })
}

/** Chains by their leaf, each with the suites under which it was shown. */
function chainsOf(spoken: readonly VersionOffers[], anchors: ScanAnchors): readonly ShownChain[] {
  const byLeaf = new Map<string, { readonly chain: readonly Uint8Array[]; readonly suites: Set<number> }>()
  for (const { flights } of spoken) {
    for (const { chain, suite } of flights) {
      const [leaf] = chain
      if (leaf === undefined) continue
      const key = Buffer.from(leaf).toString('base64')
      const known = byLeaf.get(key) ?? { chain, suites: new Set<number>() }
      known.suites.add(suite)
      byLeaf.set(key, known)
    }
  }
  return [...byLeaf.values()].map(({ chain, suites }) => describeChain(chain, [...suites], anchors))
}

function offeredVersion(offers: VersionOffers, chains: readonly ShownChain[]): OfferedVersion {
  const { version, order, flights, end } = offers
  return {
    version,
    order,
    complete: end.kind === 'refused',
    suites: flights.map((flight): OfferedSuite => {
      const { suite, group, signatureHash } = flight
      // The chain of version 1.3 is encrypted; where there is one only it is shown there too, of several nobody knows which.
      const [only, another] = chains
      const shown =
        chains.find(({ suites }) => suites.includes(suite)) ??
        (version === 'TLSv1.3' && another === undefined ? only : undefined)
      return {
        suite,
        name: ianaSuiteName(suite) ?? `0x${suite.toString(16)}`,
        ...(group === undefined ? {} : { group: 'curve' in group ? group.curve : `DHE ${group.prime}` }),
        strength: connectionStrength({
          suite,
          chain: shown?.certificates ?? [],
          ...(group === undefined ? {} : { group }),
          ...(signatureHash === undefined ? {} : { signatureHash }),
        }),
      }
    }),
  }
}

function authorityText(der: Uint8Array): string {
  try {
    return formatName(decodeName(der))
  } catch (error) {
    if (!(error instanceof MalformedMessage)) throw error
    return `a name that cannot be read: ${Buffer.from(der).toString('hex').slice(0, 64)}`
  }
}
