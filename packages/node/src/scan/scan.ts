import { type ProbeVersion, suites as knownSuites } from '@cordon/tls'
import { type Offer, type ProbeOptions, type ProbeOutcome, probe } from './probe.ts'

/** `not-tested`: the question did not get through, or could not be asked; it never counts as refused. */
export type ScanVerdict = 'offered' | 'refused' | 'not-tested'

/** Whether a target speaks a version. */
export interface VersionRow {
  readonly version: ProbeVersion
  readonly verdict: ScanVerdict
  readonly reason: string
}

/** Whether a target accepts a suite of CIP Security, with version 1.2. */
export interface SuiteRow {
  /** IANA number. */
  readonly suite: number
  /** IANA name. */
  readonly name: string
  readonly encrypts: boolean
  readonly authentication: 'rsa' | 'ecdsa' | 'psk'
  readonly verdict: ScanVerdict
  readonly reason: string
}

/** What a target offers on 2221. */
export interface ScanResult {
  readonly address: string
  readonly port: number
  readonly transport: 'tls' | 'dtls'
  /** At least one ClientHello was answered: refusals below are the target's own. */
  readonly answered: boolean
  readonly versions: readonly VersionRow[]
  readonly suites: readonly SuiteRow[]
}

/** How a target is scanned. */
export interface ScanOptions extends Omit<ProbeOptions, 'address'> {
  /** Probes at the same time. Default 4: devices limit what one peer may have open. */
  readonly concurrency?: number
  /** Called after each probe. */
  readonly progress?: (done: number, total: number) => void
}

/** TLS 1.3 has suites of its own. */
const tls13Suites = [0x1301, 0x1302, 0x1303]
/** What versions before 1.2 have: HMAC-SHA1 suites, ECDSA and RSA. */
const oldSuites = [0xc009, 0xc00a, 0xc006, 0xc013, 0xc014, 0x002f, 0x0035]

interface Task {
  readonly offer: Offer
  readonly done: (outcome: ProbeOutcome) => void
}

/**
 * Lists versions (TLS 1.0 to 1.3, DTLS 1.0 and 1.2) and the suites of CIP Security that a target accepts, each by a
 * ClientHello that offers nothing else. What OpenSSL cannot offer is asked by a ClientHello written by hand.
 *
 * @throws TransportError `aborted`
 */
export async function scan(address: string, options: ScanOptions): Promise<ScanResult> {
  const { transport } = options
  const usable = knownSuites.filter((suite) => suite.available).map((suite) => suite.id)
  const current: ProbeVersion = transport === 'tls' ? 'TLSv1.2' : 'DTLSv1.2'
  const versions: readonly ProbeVersion[] =
    transport === 'tls' ? ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] : ['DTLSv1', 'DTLSv1.2']
  const versionRows = new Map<ProbeVersion, VersionRow>()
  const suiteRows = new Map<number, SuiteRow>()
  const tasks: Task[] = [
    ...versions.map((version) => ({
      offer: { version, suites: version === 'TLSv1.3' ? tls13Suites : version === current ? usable : oldSuites },
      done: (outcome: ProbeOutcome) => versionRows.set(version, { version, ...verdictOf(outcome) }),
    })),
    ...knownSuites.map(({ id, name, encrypts, authentication, available }) => ({
      offer: { version: current, suites: [id], byHand: !available },
      done: (outcome: ProbeOutcome) =>
        suiteRows.set(id, { suite: id, name, encrypts, authentication, ...verdictOf(outcome) }),
    })),
  ]
  const outcomes = await runAll(address, options, tasks)
  const answered = outcomes.some((outcome) => outcome.kind !== 'unanswered')
  return {
    address,
    port: options.port ?? 2221,
    transport,
    answered,
    versions: versions.flatMap((version) => versionRows.get(version) ?? []),
    suites: knownSuites.flatMap((suite) => suiteRows.get(suite.id) ?? []),
  }
}

async function runAll(address: string, options: ScanOptions, tasks: readonly Task[]): Promise<ProbeOutcome[]> {
  const queue = [...tasks]
  const outcomes: ProbeOutcome[] = []
  const worker = async (): Promise<void> => {
    for (let task = queue.shift(); task !== undefined; task = queue.shift()) {
      const outcome = await ask({ ...options, address }, task.offer)
      outcomes.push(outcome)
      task.done(outcome)
      options.progress?.(outcomes.length, tasks.length)
    }
  }
  await Promise.all(Array.from({ length: Math.max(1, options.concurrency ?? 4) }, worker))
  return outcomes
}

/** A version that this OpenSSL does not speak is no statement about the target. */
async function ask(options: ProbeOptions, offer: Offer): Promise<ProbeOutcome> {
  try {
    return await probe(options, offer)
  } catch (error) {
    if (error instanceof Error && error.name === 'TlsError') return { kind: 'unanswered', reason: error.message }
    throw error
  }
}

function verdictOf(outcome: ProbeOutcome): { readonly verdict: ScanVerdict; readonly reason: string } {
  const verdict = outcome.kind === 'accepted' ? 'offered' : outcome.kind === 'refused' ? 'refused' : 'not-tested'
  return { verdict, reason: outcome.reason }
}
