import { type ForeignAlarm, judgeAdvertiser, type ServiceText } from '@cordon/core/discovery'
import { UsageError } from '@cordon/core/errors'
import type { ParseProblem, Plant } from '@cordon/core/policy'
import { dirname, resolve } from 'node:path'
import type { StoreAuthority } from '../authority/authority.ts'
import { estCredential } from '../authority/est-credential.ts'
import { verifyAccount } from '../enrollment/account-verifier.ts'
import { enrollmentZones, openEnrollment, type StoreEnrollment } from '../enrollment/enrollment.ts'
import { type EnrollmentFiles, loadEnrollmentFiles } from '../enrollment/files.ts'
import { type Follower, followEnrollments, type FollowOptions } from '../enrollment/follow.ts'
import { listenerAddress, publishListener, readListeners } from '../enrollment/listeners.ts'
import { expireEnrollments } from '../enrollment/words.ts'
import type { EnrollmentAnswer, EnrollmentRequest, EnrollmentService } from '../enrollment/service.ts'
import { openChannel } from '../notify/channels.ts'
import { startNotifier } from '../notify/notifier.ts'
import { announce } from '../notify/outbox.ts'
import { jsonText } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import { Opened } from '../opened.ts'
import { announceEst, type Announcement } from './announce.ts'
import type { EstLimits } from './limits.ts'
import { type EstServer, serveEst } from './serve.ts'
import type { EstStatus } from './status.ts'

/** How the service is announced; what is left out has its usual value. */
export interface HostAnnouncement {
  /** First part of the instance names. Default: the plant's name. */
  readonly name?: string
  readonly type?: string
  readonly subtypes?: readonly string[]
  readonly text?: ServiceText
  /** First label of the host's name under `.local`. Default: `cordon-` and the plant's name. */
  readonly host?: string
}

/** A line for whoever runs the host. Never with a secret. */
export interface HostLogEntry {
  readonly severity: 'info' | 'notice' | 'warning' | 'error'
  readonly message: string
}

/** What a host of the enrollment service is made of. */
export interface EstHostOptions {
  readonly store: Store
  readonly authority: StoreAuthority
  readonly plant: Plant
  /** The enrollment file; it is read again when it changes. */
  readonly rules: string
  /** Where it listens, and nowhere else. */
  readonly listen: readonly { readonly address: string; readonly port: number }[]
  /** False: it is found by nobody who does not know it. */
  readonly announcement: HostAnnouncement | false
  /** How the policy is brought to devices that earned a certificate; false: it is left to `cordon apply`. */
  readonly push: Pick<FollowOptions, 'deployment' | 'pushed' | 'event'> | false
  readonly serverKeyGeneration?: boolean
  readonly limits?: Partial<EstLimits>
  /** Hears what happens. */
  readonly log: (entry: HostLogEntry) => void
}

/** How a host does. */
export interface EstHostStatus extends EstStatus {
  readonly labels: readonly (string | undefined)[]
  readonly announced: readonly string[]
  /** Others who announce EST servers where ours is announced. */
  readonly foreign: readonly ForeignAlarm[]
  /** What everybody must know while it lasts, such as a global grant. */
  readonly banners: readonly string[]
  /** Devices that have their certificate and wait for the rest, with what is in the way. */
  readonly waiting: ReadonlyMap<string, string>
  /** What is wrong with the rules as they stand in their files; those before are in force. */
  readonly problems: readonly ParseProblem[]
}

/** The enrollment service of a plant with all that belongs to it: listener, announcement, queue, notices, push. */
export interface EstHost extends AsyncDisposable {
  /** How it does now. */
  status(): EstHostStatus
}

/** The rules that a host was to begin with, and what is wrong with them. */
export class RulesFault extends UsageError {
  readonly problems: readonly ParseProblem[]

  constructor(file: string, problems: readonly ParseProblem[]) {
    super('bad-value', `${file} cannot be used: ${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}`)
    this.problems = problems
  }
}

const minute = 60_000
/** How often other listeners of the store are asked for. */
const othersMs = 5_000

/**
 * Opens the enrollment service of a plant. Whatever fails on the way closes what was open.
 * @throws RulesFault for an enrollment file that cannot be used
 * @throws UsageError, TransportError as serveEst, openEnrollment and openChannel
 */
export async function openEstHost(options: EstHostOptions): Promise<EstHost> {
  const found = await loadEnrollmentFiles(options.rules, enrollmentZones(options.plant))
  if (found.files === undefined) throw new RulesFault(options.rules, found.problems)
  const stack = new Opened()
  try {
    const host = await open(options, found.files, stack)
    return { status: () => host.status(), [Symbol.asyncDispose]: () => stack.close() }
  } catch (error) {
    await stack.close()
    throw error
  }
}

async function open(
  options: EstHostOptions,
  files: EnrollmentFiles,
  stack: Opened,
): Promise<{ status: () => EstHostStatus }> {
  const { store, authority, plant, rules, log, push } = options
  const channels = await Promise.all(
    files.policy.notify.map((settings) => openChannel(settings, { store, directory: dirname(rules) })),
  )
  stack.use(startNotifier({ store, channels, log: (message) => log({ severity: 'info', message }) }))
  const enrollment = stack.use(
    await openEnrollment({
      store,
      authority,
      plant,
      files,
      path: rules,
      verifyAccount: verifyAccount(store),
      ...(options.serverKeyGeneration === undefined ? {} : { serverKeyGeneration: options.serverKeyGeneration }),
      log: (level, message) => log({ severity: severities[level], message }),
    }),
  )
  const follower =
    push === false ? undefined : stack.use(followEnrollments({ store, authority, plant, ...push, problem }))
  function problem(error: Error): void {
    log({ severity: 'error', message: `the policy could not be pushed: ${error.message}` })
  }
  const labels = [...files.policy.labels.keys()]
  const server = stack.use(await serveEst(serveOptions(options, waking(enrollment, follower))))
  const addresses = server.status().addresses
  const announcement = await announced(options, { ...options, listen: addresses }, labels)
  if (announcement !== undefined) stack.use(announcement)
  const status = () => statusOf(server, enrollment, { labels, announcement, follower })
  stack.use(
    publishListener(store, () => ({
      plant: plant.name,
      addresses: addresses.map(({ address, port }) => `${address}:${port}`),
      labels: labels.map((label) => label ?? ''),
      announced: announcement?.instances() ?? [],
      // Whoever asks stands elsewhere.
      rules: resolve(rules),
      banners: status().banners,
    })),
  )
  const timer = setInterval(() => void expire(store, log), minute)
  stack.use({ [Symbol.asyncDispose]: async () => clearInterval(timer) })
  return { status }
}

const severities = { info: 'info', warn: 'warning', error: 'error' } as const

function serveOptions(options: EstHostOptions, service: EnrollmentService): Parameters<typeof serveEst>[0] {
  const { store, authority, plant, listen, log } = options
  const server = {
    name: `${plant.name} EST`,
    addresses: [...new Set(listen.map(({ address }) => address))],
    dnsNames: options.announcement === false ? [] : [`${hostOf(options)}.local`],
  }
  return {
    service,
    listen,
    credential: async () => {
      const { chain, key } = await estCredential(store, authority, server)
      const pkcs8 = key.export()
      if (pkcs8 === undefined) throw new UsageError('not-supported', 'the key of the EST port must lie in the store')
      return { chain, key: pkcs8 }
    },
    ...(options.limits === undefined ? {} : { limits: options.limits }),
    ...(options.serverKeyGeneration === undefined ? {} : { serverKeyGeneration: options.serverKeyGeneration }),
    log: ({ severity, address, message }) =>
      log({ severity, message: address === undefined ? message : `${address}: ${message}` }),
  }
}

function hostOf({ announcement, plant }: EstHostOptions): string {
  const own = announcement === false ? undefined : announcement.host
  return own ?? `cordon-${plant.name.toLowerCase().replaceAll('_', '-')}`
}

/** The service, with the push woken by every grant. */
function waking(service: EnrollmentService, follower: Follower | undefined): EnrollmentService {
  if (follower === undefined) return service
  return {
    hasLabel: (label) => service.hasLabel(label),
    authorities: (label) => service.authorities(label),
    attributes: (label) => service.attributes(label),
    enroll: async (request: EnrollmentRequest): Promise<EnrollmentAnswer> => {
      const answer = await service.enroll(request)
      if (answer.kind === 'granted') follower.wake()
      return answer
    },
  }
}

async function announced(
  options: EstHostOptions,
  at: Pick<EstHostOptions, 'listen'>,
  labels: readonly (string | undefined)[],
): Promise<(Announcement & AsyncDisposable) | undefined> {
  const { announcement, store, plant, log } = options
  if (announcement === false) return undefined
  const others = await otherListeners(store, plant.name)
  const strangers = new Strangers(options, others)
  const running = announceEst({
    ...announcement,
    name: announcement.name ?? plant.name,
    host: hostOf(options),
    listen: at.listen,
    labels,
    others: () => others.addresses(),
    alarm: (alarm) => void strangers.hear(alarm),
    renamed: (from, to) => log({ severity: 'warning', message: `"${from}" is taken; announced as "${to}"` }),
    problem: ({ error }) => log({ severity: 'warning', message: `discovery: ${error.message}` }),
  })
  const close = async () => {
    others.close()
    await running.close()
  }
  return { ...running, close, [Symbol.asyncDispose]: close }
}

interface OtherListeners {
  addresses(): readonly string[]
  /** Asks the store now. While it is away the last answer holds. */
  look(): Promise<void>
  close(): void
}

/** Addresses of the listeners that other managers run for the plant on the same store, and of ours once it is there. */
async function otherListeners(store: Store, plant: string): Promise<OtherListeners> {
  let known: readonly string[] = []
  const read = async () => {
    const listeners = (await readListeners(store)).filter((one) => one.plant === plant)
    known = listeners.flatMap((one) => one.addresses.map(listenerAddress))
  }
  await read()
  const look = () => read().catch(() => undefined)
  const timer = setInterval(() => void look(), othersMs)
  return { addresses: () => known, look, close: () => clearInterval(timer) }
}

/** Tells of foreign advertisers. */
class Strangers {
  readonly #options: EstHostOptions
  readonly #others: OtherListeners
  /** Instances that were told, so that only their end is told. */
  readonly #told = new Set<string>()

  constructor(options: EstHostOptions, others: OtherListeners) {
    this.#options = options
    this.#others = others
  }

  async hear(alarm: ForeignAlarm): Promise<void> {
    const { kind, service } = alarm
    if (kind === 'cleared') {
      if (this.#told.delete(service.instance)) await tellForeign(this.#options, alarm)
      return
    }
    // Another manager of the plant that began a moment ago is in the store already.
    await this.#others.look()
    const own = { instances: [], addresses: [], peers: this.#others.addresses() }
    if (judgeAdvertiser(service, own).verdict === 'ours') return
    this.#told.add(service.instance)
    await tellForeign(this.#options, alarm)
  }
}

async function tellForeign({ store, plant, log }: EstHostOptions, alarm: ForeignAlarm): Promise<void> {
  const { kind, service, reason } = alarm
  const raised = kind === 'raised'
  log({
    severity: raised ? 'warning' : 'notice',
    message: raised
      ? `foreign EST server: ${reason}`
      : `the foreign EST server "${service.instance}" is gone: ${reason}`,
  })
  const { instance, host, port, addresses, advertiser } = service
  const detail = { plant: plant.name, instance, host, port, address: advertiser, addresses, reason }
  try {
    await store.db.transaction().execute(async (tx) => {
      const event = raised ? 'foreign-est-server' : 'foreign-est-server-gone'
      await tx
        .insertInto('events')
        .values({ kind: event, subject: instance, detail: jsonText(detail) })
        .execute()
      if (raised) await announce(tx, { kind: event, subject: instance, detail })
    })
  } catch (error) {
    // It is in the log, and in the status for as long as it stands.
    log({ severity: 'error', message: `the alarm was not recorded: ${error instanceof Error ? error.message : ''}` })
  }
}

async function expire(store: Store, log: EstHostOptions['log']): Promise<void> {
  try {
    await expireEnrollments(store)
  } catch (error) {
    log({ severity: 'warning', message: `waiting requests were not looked through: ${String(error)}` })
  }
}

function statusOf(
  server: EstServer,
  enrollment: StoreEnrollment,
  about: {
    readonly labels: readonly (string | undefined)[]
    readonly announcement: Announcement | undefined
    readonly follower: Follower | undefined
  },
): EstHostStatus {
  const { banner, problems } = enrollment.status()
  const { labels, announcement, follower } = about
  return {
    ...server.status(),
    labels,
    announced: announcement?.instances() ?? [],
    foreign: announcement?.foreign() ?? [],
    banners: banner === undefined ? [] : [banner],
    waiting: follower?.waiting() ?? new Map(),
    problems,
  }
}
