import type { Message } from '../deployment/messages.ts'
import type { Configuration, ConnectionResult, DeviceResult, Outcome } from '../deployment/results.ts'
import type { Plant } from '../policy/model.ts'
import type { CheckResult, Limit, Risk, VerificationResult } from '../verification/check.ts'
import { withRealAddresses } from './addresses.ts'
import type { LimitFinding } from './limits.ts'
import type { Assumption, Twin } from './twin.ts'

/** A connection of the twin as its originator reports it. */
export interface TwinConnection {
  readonly name: string
  readonly from: string
  readonly to: string
  readonly state: string
  readonly transport?: 'tcp' | 'tls' | 'dtls' | undefined
  readonly suite?: number | undefined
  readonly movedFrom?: 'tcp' | 'tls' | 'dtls' | undefined
  /** Time without data around the move, milliseconds. */
  readonly gapMs?: number | undefined
  readonly losses?: number | undefined
  readonly problem?: string | undefined
}

/** What happened in a rehearsal. What was not reached is undefined. */
export interface RehearsalEvents {
  readonly twin: Twin
  /** The plant itself, with its own addresses. */
  readonly plant: Plant
  readonly findings: readonly LimitFinding[]
  /** The connections while everything was plain. */
  readonly before: readonly TwinConnection[]
  readonly deployment:
    | {
        readonly outcome: Outcome
        readonly devices: readonly DeviceResult[]
        readonly connections: readonly ConnectionResult[]
        readonly messages: readonly Message[]
      }
    | undefined
  /** The connections when everything was over. */
  readonly after: readonly TwinConnection[]
  /** A verification was asked for. */
  readonly isVerified: boolean
  readonly verification: VerificationResult | undefined
  /** Milliseconds, by what they were spent on. */
  readonly tookMs: Readonly<Record<string, number>>
}

/** How one device fared. */
export interface RehearsedDevice {
  readonly device: string
  readonly address: string
  readonly outcome: Outcome
  readonly configuration: Configuration
  readonly messages: readonly Message[]
}

/**
 * What became of a connection. `moved`: it runs secured; `kept`: it runs as before; `ended`: the plant file says that it
 * ends; `broke`: it ran and runs no more; `never`: it did not run even before the deployment.
 */
export type ConnectionFate = 'moved' | 'kept' | 'ended' | 'broke' | 'never'

/** How one connection fared. */
export interface RehearsedConnection {
  readonly connection: string
  readonly from: string
  readonly to: string
  readonly fate: ConnectionFate
  readonly over: 'tcp' | 'tls' | 'dtls' | undefined
  readonly suite: number | undefined
  /** Milliseconds without data around its move. */
  readonly gapMs: number | undefined
  /** Why it does not run. */
  readonly reason: string | undefined
}

/** What a rehearsal has shown, in the names and addresses of the real plant. Plain data that survives JSON. */
export interface RehearsalReport {
  /** `pass`: the deployment went through, every connection runs, and no check of the verification failed. */
  readonly verdict: 'pass' | 'fail'
  readonly plant: string
  /** The twin's own network. */
  readonly network: string
  /** Each device with an address, and where it was in the twin. */
  readonly addresses: readonly { readonly device: string; readonly address: string; readonly twin: string }[]
  readonly assumptions: readonly Assumption[]
  /** What is known of devices and does not suffice. */
  readonly findings: readonly LimitFinding[]
  readonly outcome: Outcome
  readonly devices: readonly RehearsedDevice[]
  readonly messages: readonly Message[]
  readonly connections: readonly RehearsedConnection[]
  readonly verification:
    | {
        readonly verdict: 'pass' | 'fail'
        readonly counts: VerificationResult['counts']
        readonly failed: readonly Pick<CheckResult, 'id' | 'subject' | 'device' | 'reason'>[]
        /** What could not be checked, and why. */
        readonly limits: readonly Limit[]
        readonly risks: readonly Risk[]
      }
    | undefined
  readonly tookMs: Readonly<Record<string, number>>
}

/** Puts together what happened in a twin, and says it of the real plant. */
export function reportRehearsal(events: RehearsalEvents): RehearsalReport {
  const { twin, plant, deployment, verification, findings, isVerified, tookMs } = events
  const connections = fates(events)
  // What was not probed or not tested is listed among the limits: a twin fails by what is wrong on it.
  const proven = verification?.checks.every(({ verdict }) => verdict !== 'fail') ?? !isVerified
  const runs = connections.every(({ fate }) => fate !== 'broke' && fate !== 'never')
  const outcome = deployment?.outcome ?? 'not-complete'
  const isGood = findings.length === 0 && outcome !== 'not-complete' && runs && proven
  const told: RehearsalReport = {
    verdict: isGood ? 'pass' : 'fail',
    plant: plant.name,
    network: '',
    addresses: [],
    assumptions: twin.assumptions,
    findings,
    outcome,
    devices: (deployment?.devices ?? []).map(({ device, address, outcome: own, configuration, messages }) => ({
      device,
      address,
      outcome: own,
      configuration,
      messages,
    })),
    messages: deployment?.messages ?? [],
    connections,
    verification:
      verification === undefined
        ? undefined
        : {
            verdict: proven ? 'pass' : 'fail',
            counts: verification.counts,
            failed: verification.checks
              .filter(({ verdict }) => verdict === 'fail')
              .map(({ id, subject, device, reason }) => ({ id, subject, device, reason })),
            limits: verification.limits,
            risks: verification.risks,
          },
    tookMs,
  }
  const addresses = plant.devices.flatMap(({ name, address }) => {
    const there = address === undefined ? undefined : twin.addresses.twin.get(address)
    return address === undefined || there === undefined ? [] : [{ device: name, address, twin: there }]
  })
  return { ...withRealAddresses(told, twin.addresses, plant), network: twin.addresses.network, addresses }
}

function fates({ twin, before, after, deployment }: RehearsalEvents): readonly RehearsedConnection[] {
  const [was, now] = [new Map(before.map((one) => [one.name, one])), new Map(after.map((one) => [one.name, one]))]
  const results = new Map(deployment?.connections.map((one) => [one.connection, one]))
  const seen = new Set(twin.observed)
  return twin.plant.connections.map(({ name, from, to, when }) => {
    const [early, late, result] = [was.get(name), now.get(name), results.get(name)]
    const ranBefore = early?.state === 'open'
    const runs = late?.state === 'open'
    const isSecured = late?.transport === 'tls' || late?.transport === 'dtls'
    const isToEnd = when === 'before' && !seen.has(name)
    const fate: ConnectionFate = runs
      ? isSecured
        ? 'moved'
        : 'kept'
      : !ranBefore && when !== 'after'
        ? 'never'
        : isToEnd
          ? 'ended'
          : 'broke'
    return {
      connection: name,
      from,
      to,
      fate,
      over: late?.transport,
      suite: late?.suite,
      gapMs: late?.gapMs ?? result?.gapMs,
      reason: runs || fate === 'ended' ? undefined : (late?.problem ?? early?.problem ?? 'it has no data'),
    }
  })
}
