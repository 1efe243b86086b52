import type { Authority } from '../authority/authority.ts'
import type { EPath } from '../cip/epath.ts'
import { generalStatus } from '../cip/general-status.ts'
import { ObjectClient } from '../client/object-client.ts'
import { isStatus } from '../client/reply-status.ts'
import type { Cancellation } from '../client/requester.ts'
import { MalformedMessage, NotTrusted, PeerError, TransportError } from '../errors.ts'
import { cipSecurity } from '../objects/cip-security.ts'
import { applyFlags, ethernetIpSecurity, type PreSharedKey } from '../objects/ethernet-ip-security.ts'
import { file } from '../objects/file.ts'
import { certificateManagement } from '../objects/certificate-management.ts'
import type { PortSetting, RuleSet } from '../policy/settings.ts'
import { findSuite } from '../security/cipher-suites.ts'
import { utf8Bytes } from '../wire/text.ts'
import { sameBytes } from '../x509/der.ts'
import {
  type Assessment,
  assess,
  effectiveSettings,
  letsManagerIn,
  portChanges,
  rulesSize,
  wantedTrust,
} from './assess.ts'
import { type ContactMeans, openDevice } from './contact.ts'
import { overlapRules, type PeerWay, switchedRules } from './cut-over.ts'
import type { Access, Clock, DeviceSession, PskCredential, Secrets } from './device-port.ts'
import { fixedPorts, holdsRules, opposite, spellPorts, writePorts, writeRules } from './exposure.ts'
import { Cancelled, describeFailure, isContactLost } from './failure.ts'
import type { ContactProof } from './first-contact.ts'
import { type JournalDetail, type JournalEntry, lastEntry, type StepName } from './journal.ts'
import { judgeDevice, keyChange, type Knowledge, spellSerial } from './judge.ts'
import { Keeper } from './keeper.ts'
import { type Message, message } from './messages.ts'
import { type DeviceReading, isConfigured, parsedRules, readDevice, readSecurity } from './observe.ts'
import { type Configuration, type DeviceResult, outcomeOf } from './results.ts'
import {
  applyStep,
  beginStep,
  certificateStep,
  cleanUp,
  differenceOf,
  filesStep,
  installStep,
  keyStep,
  reviewStep,
  type SecurityValues,
  settingsStep,
  type Step,
  StepFailure,
  type Work,
  writeSecurity,
} from './step.ts'
import { StepLog, type StepLogMeans, TakenOver } from './step-log.ts'
import { openingKeys } from './survey.ts'
import { type DeviceTarget, opensByPsk } from './target.ts'

/** Everything around a transaction that is not the device itself. */
export interface TransactionMeans extends ContactMeans, StepLogMeans {
  readonly clock: Clock
  readonly authority: Pick<Authority, 'issueDevice'>
  readonly secrets: Secrets
  readonly signal?: Cancellation | undefined
}

/** How a device is treated. */
export interface TransactionOptions extends Knowledge {
  /** Digest of the reading that the plan was made against; undefined on resume. */
  readonly plannedDigest?: string | undefined
  /** The device was configured by Cordon before, as far as is known: its own credentials are tried first. */
  readonly configured: boolean
  /** Milliseconds after which Apply_Config closes the associations of the old settings, where it does. */
  readonly closeDelayMs: number
  readonly closePorts: 'now' | 'later'
  /** Peers without a certificate are left out instead of waited for: a revocation takes them out on purpose. */
  readonly leaveOutMissing?: boolean | undefined
}

/** Milliseconds of silence after which a device gives a configuration up, with some grace. */
const giveUpMs = 12_000
/** Attempts to open a device with its new identity, and the pause between them. */
const openAttempts = 5
const openPauseMs = 1000
/** How long the end of a configuration is waited for. */
const pollMs = 1000

/**
 * The transaction of one device. Its methods are called in their order, each once; after a failure every further one
 * does nothing. Whatever happens, the device ends in its old or its new settings, and the journal says by which
 * credential it opens.
 */
export class DeviceTransaction {
  readonly #target: DeviceTarget
  readonly #means: TransactionMeans
  readonly #options: TransactionOptions
  readonly #log: StepLog
  #history: readonly JournalEntry[] = []
  #session: DeviceSession | undefined
  #reading: DeviceReading | undefined
  #assessment: Assessment | undefined
  #proof: ContactProof = 'none'
  #fingerprint: string | undefined
  #maySendSecrets = false
  #configuration: Configuration = 'old'
  #stopped = false
  #changed = false
  /** The key pair and certificate made ahead of the configuration. */
  #early: Pick<Work, 'instance' | 'request' | 'issued' | 'files'> | undefined
  #moved: PeerWay[] = []
  #during: RuleSet | undefined
  #needsSettling = false

  constructor(target: DeviceTarget, means: TransactionMeans, options: TransactionOptions) {
    this.#target = target
    this.#means = means
    this.#options = options
    this.#log = new StepLog(target.settings.device, means)
  }

  get device(): string {
    return this.#target.settings.device
  }

  /** False once something failed or was refused. */
  get isGoing(): boolean {
    return !this.#stopped
  }

  /** True once the device was read and judged fit to be changed. */
  get isAccepted(): boolean {
    return this.#assessment !== undefined
  }

  /** The device as it was read last. */
  get reading(): DeviceReading | undefined {
    return this.#reading
  }

  /** How the default certificate was believed, and its fingerprint, for the records; undefined when it was not met. */
  get contact(): { readonly proof: ContactProof; readonly fingerprint: string } | undefined {
    return this.#fingerprint === undefined ? undefined : { proof: this.#proof, fingerprint: this.#fingerprint }
  }

  /** Opens the device, reads it, and sees whether it is the right one and may be changed. Nothing is written to it. */
  async read(): Promise<boolean> {
    return this.#guarded(async () => {
      this.#history = await this.#means.journal.read(this.device)
      await this.#log.run('read', {}, async () => {
        await this.#openAndRead()
        if (this.#isBusy()) await this.#waitUntilFree()
        return { digest: this.#known().digest, serial: this.#known().unit.serialNumber }
      })
      this.#judge(this.#known())
      this.#assessment = this.#assess(this.#known())
    })
  }

  /** What has to be done; after {@link DeviceTransaction.read}. */
  get assessment(): Assessment | undefined {
    return this.#assessment
  }

  /**
   * Makes key pair and certificate without configuring anything, for devices whose certificates others must know
   * before they are configured themselves.
   */
  async prepareCertificate(): Promise<boolean> {
    return this.#guarded(async () => {
      if (this.#assessment?.certificate === undefined) return
      const work = await this.#newWork(undefined)
      try {
        await this.#step(keyStep, work)
        await this.#step(certificateStep, work)
      } catch (error) {
        // A device that makes keys only while it is being configured has its turn then.
        if (isStatus(error, generalStatus.objectStateConflict)) return
        await this.#undo([keyStep, filesStep], work, error)
        throw error
      }
      this.#early = work
    })
  }

  /** Phase 1: the new identity and the rules under which old and new are accepted. */
  async configure(): Promise<boolean> {
    return this.#guarded(async () => {
      if (this.#assessment === undefined) throw new StepFailure('unexpected', 'the device was not read')
      // Keys were made in a pass of their own, which may have been a while ago.
      if (this.#early !== undefined) await this.#ensureOpen()
      // Peers may have got other certificates since this device was read.
      const assessment = this.#assess(this.#known())
      this.#assessment = assessment
      if (assessment.configuration || (this.#options.changedKeys ?? []).length > 0)
        await this.#configureSecurity(assessment.certificate !== undefined)
      else if (assessment.unfinished) await this.#finishUnfinished()
      else if (this.#configuration === 'old') this.#configuration = 'unchanged'
      if (assessment.rules) await this.#overlap()
    })
  }

  /** Phase 2: the peers given go their new way; what this device originates to them moves. */
  async switchOver(ways: readonly PeerWay[]): Promise<boolean> {
    return this.#guarded(async () => {
      const { rules } = this.#target.settings
      if (rules === undefined) return
      this.#moved = [...this.#moved, ...ways]
      const detail = { ways: ways.map(({ ip, protocol }) => `${protocol} ${ip}`) }
      // Where old and new rules have no room together, the new ones come at once.
      const next = this.#during === undefined ? rules : switchedRules(rules, this.#during, this.#moved)
      await this.#setRules('switch', next, false, detail)
    })
  }

  /** Phase 3: what was kept for the overlap leaves, then the final rules hold. */
  async finalRules(): Promise<boolean> {
    return this.#guarded(async () => {
      if (this.#needsSettling) await this.#settle()
      const { rules } = this.#target.settings
      if (rules === undefined || this.#assessment?.rules !== true) return
      await this.#setRules('final-rules', rules, this.#options.closeConnections, {})
    })
  }

  /** Last of all: plain ports close. */
  async closePorts(): Promise<boolean> {
    return this.#guarded(async () => {
      const reading = this.#known()
      const changes = portChanges(this.#target.settings, reading)
      if (changes.length === 0) return
      if (this.#options.closePorts === 'later') {
        this.note(message('ports-left-open', this.device, spellPorts(changes)))
        return
      }
      await this.#setPorts(changes)
    })
  }

  /** Says that everything is done. */
  async complete(): Promise<boolean> {
    return this.#guarded(async () => {
      if (this.#changed || this.#history.length > 0) {
        const { unit, active } = this.#known()
        const detail = { serial: unit.serialNumber, instance: active?.instance }
        this.#log.write('complete', 'done', detail)
      }
      if (this.#configuration === 'unchanged' && !this.#changed)
        this.note(message('nothing-to-do', this.device, 'every setting reads back as wanted'))
      await this.#log.flush()
    })
  }

  /** Ends the session. To be called whatever happened. */
  async end(): Promise<void> {
    const session = this.#session
    this.#session = undefined
    await session?.close().catch(() => {})
  }

  /** Adds a message to the device's result. */
  note(added: Message): void {
    this.#log.note(added)
  }

  /** Stops this device: what is planned for it later is not done. */
  stop(...because: readonly Message[]): void {
    for (const added of because) this.note(added)
    this.#stopped = true
  }

  /** How the device ended. */
  result(): DeviceResult {
    const { settings } = this.#target
    return {
      device: this.device,
      address: settings.address,
      outcome: outcomeOf(this.#log.messages),
      configuration: this.#configuration,
      messages: [...this.#log.messages],
      steps: [...this.#log.steps],
    }
  }

  // Reading and judging

  async #openAndRead(): Promise<void> {
    const session = await openDevice(this.#means, {
      device: this.device,
      psk: await this.#ownKeys(),
      configured: this.#options.configured || lastEntry(this.#history, 'apply') !== undefined,
    })
    this.#session = session
    const { settings } = this.#target
    const reading = await readDevice(session, {
      device: this.device,
      address: settings.address,
      crypto: this.#means.crypto,
    })
    if (reading === undefined) throw new StepFailure('not-capable', 'it has no CIP Security object (class 0x5D)')
    this.#reading = reading
  }

  #ownKeys(): Promise<readonly PskCredential[]> {
    return openingKeys(this.#target, this.#options.earlierKeys, this.#means.secrets)
  }

  #isBusy(): boolean {
    const reading = this.#known()
    return (
      reading.cipSecurityState === 'configurationInProgress' || reading.security.state === 'configurationInProgress'
    )
  }

  /** Somebody configures, or died while doing so: the device gives that up by itself after 10 s of silence. */
  async #waitUntilFree(): Promise<void> {
    const { clock } = this.#means
    const until = clock.now() + giveUpMs
    while (this.#isBusy() && clock.now() < until) {
      await clock.wait(pollMs)
      this.#throwIfCancelled()
      await this.#reread()
    }
    if (this.#isBusy()) {
      const { cipSecurityState, security } = this.#known()
      throw new StepFailure('configuration-in-progress', `0x5D is ${cipSecurityState}, 0x5E is ${security.state}`)
    }
  }

  async #reread(): Promise<DeviceReading> {
    const session = this.#open()
    const { settings } = this.#target
    const reading = await readDevice(session, {
      device: this.device,
      address: settings.address,
      crypto: this.#means.crypto,
    })
    if (reading === undefined) throw new StepFailure('wrong-answer', 'the CIP Security object is gone')
    this.#reading = reading
    return reading
  }

  /** Refuses what must not be touched, and notes what a person must know. */
  #judge(reading: DeviceReading): void {
    const { materials, crypto } = this.#means
    const { plannedDigest } = this.#options
    const judged = judgeDevice(this.#target, reading, this.#options, materials, crypto)
    this.#proof = judged.proof
    this.#fingerprint = judged.fingerprint
    this.#maySendSecrets = judged.maySendSecrets
    for (const added of judged.notes) this.note(added)
    const { refusal } = judged
    if (refusal !== undefined) throw new StepFailure(refusal.code, refusal.evidence)
    if (plannedDigest !== undefined && plannedDigest !== reading.digest) {
      const evidence = `planned against ${plannedDigest.slice(0, 16)}, found ${reading.digest.slice(0, 16)}`
      throw new StepFailure('changed-since-plan', evidence)
    }
  }

  #assess(reading: DeviceReading): Assessment {
    const { materials, crypto, clock } = this.#means
    return assess(this.#target, reading, materials, crypto, clock.date())
  }

  // Configuration of class 0x5E

  async #configureSecurity(needsNewCertificate: boolean): Promise<void> {
    const before = this.#known()
    const trust = wantedTrust(this.#target.settings, this.#means.materials)
    if (trust.missing.length > 0 && this.#options.leaveOutMissing !== true)
      throw new StepFailure('waiting-for-peers', trust.missing.join(', '))
    const keys = await this.#keysToWrite(before)
    const work = await this.#newWork(keys?.write, keys?.interrupts === true)
    const begun: Step[] = [filesStep]
    try {
      let keyFirst = needsNewCertificate && work.issued === undefined
      if (keyFirst) {
        try {
          begun.push(keyStep)
          await this.#step(keyStep, work)
          await this.#step(certificateStep, work)
          keyFirst = false
        } catch (error) {
          // Not permitted before Begin_Config on this device: then inside it.
          if (!isStatus(error, generalStatus.objectStateConflict)) throw error
        }
      }
      begun.push(beginStep)
      await this.#step(beginStep, work)
      if (keyFirst) {
        await this.#step(keyStep, work)
        await this.#step(certificateStep, work)
      }
      await this.#step(filesStep, work)
      if (work.issued !== undefined) await this.#step(installStep, work)
      await this.#step(settingsStep, work)
      await this.#step(reviewStep, work)
      this.#preventLockOut(work)
      this.#throwIfCancelled()
    } catch (error) {
      await this.#undo(begun, work, error)
      throw error
    }
    await this.#applyAndProve(work, begun)
    this.#needsSettling = work.keptIdentities.length > 0 || keys?.overlaps === true
  }

  async #newWork(preSharedKeys: readonly PreSharedKey[] | undefined, interrupts = false): Promise<Work> {
    const { clock, crypto, authority, materials, manager } = this.#means
    const session = this.#open()
    const client = new ObjectClient(session)
    const work: Work = {
      client,
      keeper: new Keeper(client, clock),
      clock,
      crypto,
      authority,
      materials,
      manager,
      target: this.#target,
      before: this.#known(),
      suite: session.suite,
      maySendSecrets: this.#maySendSecrets,
      preSharedKeys,
      keptIdentities: this.#keptIdentities(this.#known()),
      apply: {
        closeConnections: this.#options.closeConnections || interrupts,
        closeDelayMs: this.#options.closeDelayMs,
      },
      files: [...(this.#early?.files ?? [])],
      places: new Map(),
    }
    if (this.#early?.instance !== undefined) work.instance = this.#early.instance
    if (this.#early?.request !== undefined) work.request = this.#early.request
    if (this.#early?.issued !== undefined) work.issued = this.#early.issued
    return Promise.resolve(work)
  }

  /** Certificates of before that peers still use: they stay trusted until the peers have moved. */
  #keptIdentities(before: DeviceReading): readonly EPath[] {
    const { materials } = this.#means
    const settings = effectiveSettings(this.#target.settings, materials)
    const wanted = wantedTrust(settings, materials).identities
    return before.identities
      .filter(({ contents }) => {
        const [held] = contents
        if (held === undefined || wanted.some((other) => sameBytes(other, held)) || materials.isRevoked(held))
          return false
        const holder = materials.holderOf(held)
        return holder !== undefined && settings.identities.includes(holder)
      })
      .map(({ path }) => path)
  }

  /** The value of attribute 5, with keys of before where old and new overlap; undefined when it stays as it is. */
  async #keysToWrite(
    before: DeviceReading,
  ): Promise<{ write: readonly PreSharedKey[]; overlaps: boolean; interrupts: boolean } | undefined> {
    const change = keyChange(this.#target.settings, before, this.#options)
    if (change === 'none') return undefined
    const write = await this.#finalKeys()
    if (change !== 'overlap') return { write, overlaps: false, interrupts: change === 'interrupt' }
    const leaving = before.security.preSharedKeys.filter(
      (old) => !write.some((other) => sameBytes(other.identity, old.identity)),
    )
    const kept = await this.#earlierKeys(leaving)
    if (kept.length < leaving.length) throw new StepFailure('psk-missing', 'a key of the old settings is not stored')
    return { write: [...write, ...kept], overlaps: true, interrupts: false }
  }

  async #earlierKeys(leaving: readonly PreSharedKey[]): Promise<readonly PreSharedKey[]> {
    const kept: PreSharedKey[] = []
    for (const { identity, usage } of leaving) {
      const known = (this.#options.earlierKeys ?? []).find((other) => sameBytes(utf8Bytes(other.identity), identity))
      const key = known === undefined ? undefined : await this.#means.secrets.psk(known.name)
      if (key !== undefined) kept.push({ identity, key, usage })
    }
    return kept
  }

  /** At every moment some credential that Cordon holds must open the device: seen to before Apply_Config is sent. */
  #preventLockOut(work: Work): void {
    const { settings } = this.#target
    if (opensByPsk(settings)) {
      if (settings.psk.some(({ usage }) => usage !== 'client')) return
      throw new StepFailure('lock-out-prevented', 'its suites need a pre-shared key, and it gets none as server')
    }
    const { manager, crypto, materials, clock } = this.#means
    const [leaf, ...intermediates] = manager?.chain ?? []
    if (leaf === undefined) throw new StepFailure('credential-missing', 'the manager has no certificate')
    const usable = settings.allowedSuites.some((id) => {
      const authentication = findSuite(id)?.authentication
      return authentication !== undefined && authentication !== 'psk'
    })
    if (!usable) throw new StepFailure('lock-out-prevented', 'it gets no suite with certificates')
    const trust = wantedTrust(effectiveSettings(settings, materials), materials)
    const verdict = crypto.verifyChain({
      leaf,
      intermediates,
      anchors: trust.authorities,
      trusted: trust.identities,
      revocationLists: trust.lists,
      purpose: 'client',
      ...(settings.checkExpiration ? { at: clock.date() } : {}),
    })
    if (settings.verifyClient && !verdict.ok) {
      throw new StepFailure(
        'lock-out-prevented',
        `the device would refuse the manager's certificate: ${verdict.reason}`,
      )
    }
    if (work.issued === undefined && work.before.active?.certificate === undefined) {
      throw new StepFailure('lock-out-prevented', 'it gets certificate suites and has no certificate')
    }
  }

  async #applyAndProve(work: Work, begun: readonly Step[]): Promise<void> {
    const old = this.#open()
    const { manager } = this.#means
    const detail = {
      certificate: work.issued?.serial,
      instance: work.instance,
      manager: manager?.serial,
      keys: this.#target.settings.psk.map(({ name, identity }) => ({ name, identity })),
      digest: work.before.digest,
    }
    this.#changed = true
    // From here on a cancellation waits: the device must end in one of its two configurations.
    let certain = true
    try {
      await this.#log.run('apply', detail, async () => {
        await applyStep.do(work)
        return {}
      })
    } catch (error) {
      if (!isContactLost(error) && !(error instanceof MalformedMessage)) {
        await this.#undo(begun, work, error)
        throw error
      }
      certain = false
    }
    this.#configuration = certain ? 'unfinished' : 'unknown'
    const isEnded = certain && work.apply.closeConnections ? await this.#endOnOld(work) : false
    if (work.apply.closeConnections) {
      await work.keeper.end()
      await old.close().catch(() => {})
      await this.#means.clock.wait(work.apply.closeDelayMs)
    }
    let fresh: DeviceSession
    try {
      fresh = await this.#comeBack(work)
    } catch (error) {
      await work.keeper.end()
      await this.#takeBack(work, old, error, certain)
      throw error
    }
    this.#configuration = 'unfinished'
    this.#session = fresh
    const client = new ObjectClient(fresh)
    await this.#log.run('end-config', {}, async () => {
      const done = isEnded || (!work.apply.closeConnections && (await this.#endOnOld(work)))
      await work.keeper.end()
      await old.close().catch(() => {})
      if (!done) await this.#endOnNew(client)
      return {}
    })
    await this.#readBack(work, client)
    await this.#cleanUp(client)
    this.#configuration = 'new'
    this.#early = undefined
  }

  /** End_Config over the session that began; false when that session cannot do it any more. */
  async #endOnOld(work: Work): Promise<boolean> {
    try {
      await work.client.call(cipSecurity, 1, 'endConfig')
      return true
    } catch (error) {
      if (error instanceof TransportError || error instanceof PeerError || error instanceof MalformedMessage)
        return false
      throw error
    } finally {
      work.keeper.release('cipSecurity')
    }
  }

  /** End_Config over the new identity, once the device has given up the session that was lost. */
  async #endOnNew(client: ObjectClient): Promise<void> {
    const { clock } = this.#means
    const until = clock.now() + giveUpMs
    for (;;) {
      const state = await client.get(cipSecurity, 1, 'state')
      if (state === 'configured') return
      if (state !== 'configurationInProgress') {
        await client.call(cipSecurity, 1, 'beginConfig')
        await client.call(cipSecurity, 1, 'endConfig')
        return
      }
      if (clock.now() >= until) throw new StepFailure('end-config-outstanding', '0x5D is still configurationInProgress')
      await clock.wait(pollMs)
    }
  }

  /** Opens the device by its new settings. */
  async #comeBack(work: Work): Promise<DeviceSession> {
    const { port, clock } = this.#means
    const access = await this.#newAccess()
    return this.#log.take('identity', { access: access.kind }, async () => {
      for (let attempt = 1; ; attempt++) {
        try {
          const session = await port.open(access)
          const wrong = this.#unexpectedIdentity(work, session)
          if (wrong === undefined) return { detail: {}, value: session }
          await session.close()
          throw new StepFailure('not-reachable-afterwards', wrong)
        } catch (error) {
          const isRefusal = error instanceof TransportError || error instanceof PeerError || error instanceof NotTrusted
          if (!isRefusal) throw error
          if (attempt >= openAttempts) throw new StepFailure('not-reachable-afterwards', error.message, error)
        }
        await clock.wait(openPauseMs)
      }
    })
  }

  async #newAccess(): Promise<Access> {
    const { settings } = this.#target
    const { manager, materials } = this.#means
    if (!opensByPsk(settings)) {
      if (manager === undefined) throw new StepFailure('credential-missing', 'the manager has no certificate')
      return { kind: 'certificate', credential: manager, anchors: materials.anchors(settings.zone) }
    }
    const [own] = await this.#ownKeys()
    if (own === undefined) throw new StepFailure('psk-missing', settings.psk.map(({ name }) => name).join(', '))
    return { kind: 'psk', psk: own }
  }

  #unexpectedIdentity(work: Work, session: DeviceSession): string | undefined {
    if (session.access !== 'certificate') return undefined
    const expected = work.issued?.certificate ?? work.before.active?.certificate
    const [shown] = session.presented
    if (expected === undefined || shown === undefined) return 'it showed no certificate'
    return sameBytes(expected, shown) ? undefined : 'it showed another certificate than the one it was given'
  }

  async #readBack(work: Work, client: ObjectClient): Promise<void> {
    try {
      await this.#log.run('read-back', {}, async () => {
        const reading = await this.#reread()
        if (reading.unit.serialNumber !== work.before.unit.serialNumber) {
          throw new StepFailure('device-replaced', `serial number ${spellSerial(reading.unit.serialNumber)}`)
        }
        const left = this.#assess(reading).changes.filter(({ part, what }) => {
          const kept = what === 'psk' || what === 'identities' || what === 'identityCertificates'
          return part === 'configuration' && !(kept && this.#isOverlapping(work))
        })
        const [first] = left
        if (first !== undefined)
          throw new StepFailure('read-back-differs', `${first.what}: expected ${first.to}, found ${first.from}`)
        return { digest: reading.digest }
      })
    } catch (error) {
      if (error instanceof StepFailure && error.code === 'read-back-differs') await this.#revert(work, client, error)
      throw error
    }
  }

  #isOverlapping(work: Work): boolean {
    return work.keptIdentities.length > 0 || (work.preSharedKeys?.length ?? 0) > this.#target.settings.psk.length
  }

  async #cleanUp(client: ObjectClient): Promise<void> {
    try {
      await this.#log.run('clean-up', {}, async () => ({ removed: await cleanUp(client) }))
    } catch (error) {
      if (!(error instanceof PeerError)) throw error
      this.note(message('cleanup-incomplete', this.device, error.message))
    }
  }

  /** New settings in force, End_Config outstanding: an earlier deployment stopped there. */
  async #finishUnfinished(): Promise<void> {
    this.#configuration = 'unfinished'
    this.#changed = true
    const client = new ObjectClient(this.#open())
    await this.#log.run('end-config', {}, async () => {
      await this.#endOnNew(client)
      return {}
    })
    await this.#log.run('read-back', {}, async () => {
      const reading = await this.#reread()
      const left = this.#assess(reading).changes.find(({ part }) => part === 'configuration')
      if (left !== undefined)
        throw new StepFailure('read-back-differs', `${left.what}: expected ${left.to}, found ${left.from}`)
      return { digest: reading.digest }
    })
    await this.#cleanUp(client)
    this.#configuration = 'new'
  }

  // Taking back

  /** Before Apply_Config: undoes what was begun, last first. The device keeps its old settings. */
  async #undo(begun: readonly Step[], work: Work, cause: unknown): Promise<void> {
    await work.keeper.end()
    this.#configuration = 'old'
    // Another process works on the device now: what it does must not be disturbed.
    if (cause instanceof TakenOver) return
    try {
      for (const step of [...begun].reverse()) {
        await step.undo(work)
        this.#log.write(step.name, 'undone', {})
      }
      await this.#log.flush()
      this.note(message('left-as-before', this.device, describe(cause)))
    } catch (error) {
      if (!isContactLost(error) && !isContactLost(cause)) this.note(describeFailure(this.device, undefined, error))
      await this.#recover(work)
    }
    this.#early = undefined
  }

  /** The session is lost: the device drops pending settings by itself; what was made is removed over a new session. */
  async #recover(work: Work): Promise<void> {
    try {
      await this.end()
      const session = await openDevice(this.#means, {
        device: this.device,
        psk: await this.#ownKeys(),
        configured: work.before.access !== 'commissioning',
      })
      this.#session = session
      await this.#reread()
      if (this.#isBusy()) await this.#waitUntilFree()
      const client = new ObjectClient(session)
      await this.#removeMade(client, work.instance, work.files)
      await this.#backToFactory(client, work.before)
      this.note(message('left-as-before', this.device, 'after the connection was lost'))
    } catch (error) {
      // Nothing was applied, so the old settings are in force; leftovers are removed by the next deployment.
      const evidence = `what was made could not be removed: ${describe(error)}`
      this.note(message('cleanup-incomplete', this.device, evidence))
    }
  }

  async #removeMade(client: ObjectClient, instance: number | undefined, files: readonly number[]): Promise<void> {
    const ignoring = async (work: Promise<unknown>): Promise<void> => {
      try {
        await work
      } catch (error) {
        if (!(error instanceof PeerError)) throw error
      }
    }
    if (instance !== undefined) await ignoring(client.call(certificateManagement, instance, 'delete'))
    for (const made of files) await ignoring(client.call(file, made, 'delete'))
    await ignoring(cleanUp(client))
  }

  /** A device that was as it left the factory, and whose first configuration was given up, goes back to that state. */
  async #backToFactory(client: ObjectClient, before: DeviceReading): Promise<void> {
    const now = this.#known()
    const wasNew = before.cipSecurityState === 'factoryDefault' && before.security.state === 'factoryDefault'
    if (!wasNew || now.cipSecurityState !== 'incompleteConfiguration' || now.security.state !== 'factoryDefault') return
    await client.call(cipSecurity, 1, 'reset')
  }

  /**
   * Apply_Config was sent and the device does not open by its new settings. Where the old session still stands, it is put
   * back over that; where it was never certain that Apply_Config arrived, the old credentials tell.
   */
  async #takeBack(work: Work, old: DeviceSession, cause: unknown, certain: boolean): Promise<void> {
    if (cause instanceof TakenOver) return
    if (!certain) {
      const reading = await this.#lookAgain(work)
      if (reading === undefined) return
      if (reading.digest === work.before.digest || !isConfigured(reading)) {
        this.#configuration = 'old'
        this.note(message('left-as-before', this.device, 'Apply_Config did not reach the device'))
      }
      return
    }
    if (work.apply.closeConnections) {
      await old.close().catch(() => {})
      return
    }
    await this.#revert(work, work.client, cause)
    await old.close().catch(() => {})
    this.#session = undefined
  }

  /** Opens the device by its old credentials to see which settings it has; undefined when that fails as well. */
  async #lookAgain(work: Work): Promise<DeviceReading | undefined> {
    try {
      await this.end()
      const session = await openDevice(this.#means, {
        device: this.device,
        psk: await this.#ownKeys(),
        configured: work.before.access !== 'commissioning',
      })
      this.#session = session
      await this.#reread()
      if (this.#isBusy()) await this.#waitUntilFree()
      const client = new ObjectClient(session)
      if (!isConfigured(this.#known())) {
        await this.#removeMade(client, work.instance, work.files)
        await this.#backToFactory(client, work.before)
      }
      return await this.#reread()
    } catch (error) {
      if (error instanceof StepFailure || error instanceof TransportError || error instanceof PeerError)
        return undefined
      throw error
    }
  }

  /** After Apply_Config: the old settings again, over whichever session may still configure. */
  async #revert(work: Work, client: ObjectClient, cause: unknown): Promise<void> {
    const { before } = work
    try {
      await work.keeper.end()
      if (!isConfigured(before)) {
        await client.call(cipSecurity, 1, 'reset')
      } else {
        const keys = await this.#oldKeys(before)
        const revision = before.revisions.ethernetIpSecurity ?? 0
        if ((await client.get(cipSecurity, 1, 'state')) !== 'configurationInProgress')
          await client.call(cipSecurity, 1, 'beginConfig')
        await client.call(ethernetIpSecurity, 1, 'beginConfig')
        const now = { ...before, security: await readSecurity(client, revision) }
        await writeSecurity(client, oldValues(before), now)
        if (keys !== undefined) await client.set(ethernetIpSecurity, 1, 'preSharedKeys', keys)
        const differs = differenceOf(oldValues(before), await readSecurity(client, revision))
        if (differs !== undefined) throw new StepFailure('read-back-differs', differs)
        const request = this.#options.closeConnections
          ? { flags: applyFlags.closeConnections, closeDelayMs: 0 }
          : undefined
        await client.call(ethernetIpSecurity, 1, 'applyConfig', request)
        await client.call(cipSecurity, 1, 'endConfig')
      }
      this.#configuration = 'old'
      await this.#tidy(client, before)
      this.#log.write('apply', 'undone', { cause: describe(cause) })
      await this.#log.flush()
      this.note(message('undone', this.device, describe(cause)))
    } catch (error) {
      if (error instanceof TakenOver) throw error
      this.#configuration = this.#configuration === 'unfinished' ? 'unfinished' : 'unknown'
    }
  }

  /** What was made for settings that are not in force goes. The reset of a new device has closed its session. */
  async #tidy(client: ObjectClient, before: DeviceReading): Promise<void> {
    try {
      if (isConfigured(before)) {
        await cleanUp(client)
        return
      }
      await this.end()
      this.#session = await openDevice(this.#means, { device: this.device, psk: [], configured: false })
      await cleanUp(new ObjectClient(this.#session))
    } catch (error) {
      if (error instanceof TakenOver) throw error
      this.note(message('cleanup-incomplete', this.device, describe(error)))
    }
  }

  /** The keys of before with their secrets; undefined when there were none and none were written. @throws StepFailure */
  async #oldKeys(before: DeviceReading): Promise<readonly PreSharedKey[] | undefined> {
    const held = before.security.preSharedKeys
    if (held.length === 0 && this.#target.settings.psk.length === 0) return undefined
    const kept = await this.#earlierKeys(held)
    if (kept.length !== held.length) throw new StepFailure('psk-missing', 'a key of the old settings is not stored')
    return kept
  }

  // Rules and ports: they act at once and lie outside Apply_Config

  async #overlap(): Promise<void> {
    const { rules } = this.#target.settings
    const held = this.#known().rules
    if (rules === undefined || held === undefined) return
    const during = overlapRules(rules, parsedRules(held))
    if (rulesSize(during) > held.maxBufferSize) {
      const evidence = `old and new rules together take ${rulesSize(during)} bytes, it has room for ${held.maxBufferSize}`
      this.note(message('interrupts-connections', this.device, evidence))
      return
    }
    this.#during = during
    await this.#setRules('overlap-rules', during, false, {})
  }

  async #setRules(step: StepName, rules: RuleSet, breaks: boolean, more: JournalDetail): Promise<void> {
    const session = await this.#ensureOpen()
    const held = this.#known().rules
    if (held === undefined) {
      throw new StepFailure('settings-not-possible', 'it has no Ingress Egress object (class 0x63)')
    }
    if (holdsRules(held, rules)) return
    if (session.localAddress !== undefined && !letsManagerIn(rules, session.localAddress, session.suite)) {
      throw new StepFailure('rules-without-manager', `Cordon works from ${session.localAddress}`)
    }
    this.#throwIfCancelled()
    this.#changed = true
    const before = { ingress: [...held.ingress], egress: [...held.egress], changeCount: held.changeCount }
    await this.#log.run(step, { ...more, before }, async () => {
      const now = await writeRules(new ObjectClient(session), held, rules, breaks)
      this.#reading = { ...this.#known(), rules: now }
      return {}
    })
    if (this.#configuration === 'unchanged') this.#configuration = 'new'
  }

  async #setPorts(changes: readonly PortSetting[]): Promise<void> {
    const session = await this.#ensureOpen()
    const held = this.#known().ports
    const leftOpen = (evidence: string) => this.note(message('ports-left-open', this.device, evidence))
    const fixed = fixedPorts(changes, held)
    if (fixed.length > 0) leftOpen(`the device cannot change ${spellPorts(fixed)}`)
    const wanted = changes.filter((change) => !fixed.includes(change))
    if (wanted.length === 0) return
    this.#throwIfCancelled()
    this.#changed = true
    const before = opposite(wanted).map(({ port, protocol, open }) => ({ port, protocol, open }))
    await this.#log.run('ports', { before }, async () => {
      const { ports, atReset } = await writePorts(new ObjectClient(session), held, wanted)
      if (atReset.length > 0) leftOpen(`${spellPorts(atReset)} change at the next reset of the device`)
      this.#reading = { ...this.#known(), ports }
      return {}
    })
    for (const { port, protocol, open } of wanted) {
      if (open || (await this.#means.port.listens(port, protocol)) !== 'open') continue
      leftOpen(`${protocol}/${port} still answers`)
    }
    if (this.#configuration === 'unchanged') this.#configuration = 'new'
  }

  /** Keys and identities of before leave, now that nobody uses them. */
  async #settle(): Promise<void> {
    await this.#ensureOpen()
    const before = await this.#reread()
    const keys =
      before.security.preSharedKeys.length > this.#target.settings.psk.length ? await this.#finalKeys() : undefined
    const work = { ...(await this.#newWork(keys)), keptIdentities: [] }
    const begun: Step[] = [filesStep, beginStep]
    try {
      await this.#step(beginStep, work)
      await this.#step(filesStep, work)
      await this.#step(settingsStep, work)
      await this.#step(reviewStep, work)
    } catch (error) {
      await this.#undo(begun, work, error)
      throw error
    }
    await this.#applyAndProve(work, begun)
    this.#needsSettling = false
  }

  async #finalKeys(): Promise<readonly PreSharedKey[]> {
    const keys: PreSharedKey[] = []
    for (const { name, identity, usage } of this.#target.settings.psk) {
      const key = await this.#means.secrets.psk(name)
      if (key === undefined) throw new StepFailure('psk-missing', `stored key ${name}`)
      keys.push({ identity: utf8Bytes(identity), key, usage })
    }
    return keys
  }

  // Sessions, steps and the journal

  #open(): DeviceSession {
    if (this.#session === undefined) throw new StepFailure('connection-lost', 'there is no session with the device')
    return this.#session
  }

  #known(): DeviceReading {
    if (this.#reading === undefined) throw new StepFailure('unexpected', 'the device was not read')
    return this.#reading
  }

  /** The session, or a new one where it was lost between two phases. */
  async #ensureOpen(): Promise<DeviceSession> {
    const session = this.#session
    if (session !== undefined) {
      try {
        await new ObjectClient(session).get(cipSecurity, 1, 'state', { timeoutMs: aliveTimeoutMs })
        return session
      } catch (error) {
        if (!(error instanceof TransportError)) throw error
        await this.end()
      }
    }
    const configured = this.#configuration !== 'old' || this.#known().access !== 'commissioning'
    const again = await openDevice(this.#means, { device: this.device, psk: await this.#ownKeys(), configured })
    this.#session = again
    if (configured && again.access === 'commissioning') {
      throw new StepFailure('not-reachable-afterwards', 'it shows no certificate of this plant')
    }
    return again
  }

  #throwIfCancelled(): void {
    if (this.#means.signal?.aborted === true) throw new Cancelled()
  }

  async #step(step: Step, work: Work): Promise<void> {
    this.#throwIfCancelled()
    await this.#log.run(step.name, {}, async () => {
      const detail = await step.do(work)
      const wrong = await step.check(work)
      if (wrong !== undefined) throw new StepFailure('read-back-differs', wrong)
      return detail
    })
  }

  /** Runs a phase of this device. A failure becomes messages and stops the device; it never reaches the others. */
  async #guarded(work: () => Promise<void>): Promise<boolean> {
    if (this.#stopped) return false
    this.#log.failed = undefined
    try {
      await work()
      return true
    } catch (error) {
      this.stop(describeFailure(this.device, this.#log.failed, error))
      try {
        await this.#log.flush()
      } catch (late) {
        // The journal refuses: another process has the device, and has its own record.
        if (!(late instanceof TakenOver)) this.note(describeFailure(this.device, undefined, late))
      }
      return false
    }
  }
}

const aliveTimeoutMs = 5000
function oldValues(before: DeviceReading): SecurityValues {
  const { security } = before
  return { ...security, allowedOriginatorSuites: security.allowedOriginatorSuites }
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
