import type { DeviceReading, ManagerWay, UnitIdentity } from '@cordon/core/deployment'
import type { UnjudgedDevice } from '@cordon/core/drift'
import type { DeviceCapabilities, DeviceSettings, ExpectedIdentity } from '@cordon/core/policy'
import type { Session } from '../originator/session.ts'
import type { ServerFlight } from '../scan/server-flight.ts'
import type { Schedule } from '../schedule.ts'
import type { Credentials } from '../transports/credentials.ts'
import type { DoctorCode, Finding } from './messages.ts'
import type { RungId } from './rungs.ts'

/**
 * How a rung is: it `holds`, it is `broken`, it could not be tried (`not-asked`), a rung below it is not there
 * (`not-reached`), or it says nothing about such a device (`not-applicable`).
 */
export type RungVerdict = 'holds' | 'broken' | 'not-asked' | 'not-reached' | 'not-applicable'

/** One rung of an examined device. */
export interface Rung {
  readonly id: RungId
  readonly verdict: RungVerdict
  /** What was seen, a line each. */
  readonly evidence: readonly string[]
  readonly findings: readonly Finding[]
}

/** What a device is to hold, by what it can do. */
export interface ExpectedSettings {
  readonly settings: DeviceSettings
  /** What of it follows from peers of which nothing is known; undefined: nothing does. */
  readonly unjudged: UnjudgedDevice | undefined
}

/** What a plant says of a device and of its manager. */
export interface PlantExpectation {
  readonly plant: string
  /** Name in the plant file; undefined where no device of the plant has the address. */
  readonly device?: string
  readonly expect?: ExpectedIdentity
  /** False for `capability: none`. */
  readonly capable: boolean
  /** Settings as compiled before the device was asked what it can do; undefined for a device that gets none. */
  readonly settings?: DeviceSettings
  /** Compiles its settings with what it says that it can do; undefined for a device that gets none. */
  readonly settingsWith: (own: DeviceCapabilities) => ExpectedSettings | undefined
  /** Address from which the manager works. */
  readonly managerAddress?: string
  /** What the manager proves itself with at this device. */
  readonly credentials: Credentials
  /** Authorities of all zones, DER. */
  readonly anchors: readonly Uint8Array[]
  /** Their newest revocation lists, DER. */
  readonly lists: readonly Uint8Array[]
  /** How certificates are named, and how the manager is known. */
  readonly names: ManagerWay
  /** The newest certificate that was issued to the device, DER. */
  readonly certificate?: Uint8Array
}

/** Whom to examine, and how. */
export interface DoctorOptions {
  readonly address: string
  /** Port of TLS and DTLS. Default 2221. */
  readonly port?: number
  /** Port of plain EtherNet/IP. Default 44818. */
  readonly plainPort?: number
  readonly localAddress?: string
  readonly expectation?: PlantExpectation
  /** For one question, milliseconds. Default 3000. */
  readonly timeoutMs?: number
  /** How long silence over UDP is waited for, milliseconds; it is usual there, and says little. Default 1000. */
  readonly silenceMs?: number
  /** Milliseconds since 1970. Default now. */
  readonly date?: number
  readonly signal?: AbortSignal
  readonly schedule?: Schedule
  /** Called before each rung is tried. */
  readonly progress?: (rung: RungId) => void
}

/** {@link DoctorOptions} with defaults filled in, for the rungs. */
export interface Question extends DoctorOptions {
  readonly port: number
  readonly plainPort: number
  readonly timeoutMs: number
  readonly silenceMs: number
  readonly date: number
  /** The device as messages name it: its name in the plant, else its address. */
  readonly subject: string
}

/** State of a door: `silent` gave no sign, which over UDP an open one may do too. */
export type DoorState = 'open' | 'refused' | 'silent' | 'unreachable'

/** What rungs hand up to those above. */
export interface Facts {
  readonly doors?: Readonly<Record<'plain' | 'secure', DoorState>>
  readonly unit?: UnitIdentity
  /** What answered our ClientHello on 2221/tcp. */
  readonly flight?: ServerFlight
  readonly session?: Session
  /** How the session was opened. */
  readonly access?: 'plain' | 'open' | 'manager'
  readonly chain?: readonly Uint8Array[]
  readonly reading?: DeviceReading
  readonly checksDates?: boolean
}

/** What a rung found, and what it hands up. */
export interface RungOutcome {
  readonly verdict: Exclude<RungVerdict, 'not-reached'>
  readonly evidence: readonly string[]
  readonly findings?: readonly (readonly [code: DoctorCode, evidence: string])[]
  readonly facts?: Facts
}

/** The work of one rung. @throws TransportError `aborted` */
export type RungWork = (question: Question, facts: Facts) => Promise<RungOutcome>

/** A rung that holds. */
export function holds(evidence: readonly string[], more: Omit<RungOutcome, 'verdict' | 'evidence'> = {}): RungOutcome {
  return { verdict: 'holds', evidence, ...more }
}

/** A rung that says nothing about such a device. */
export function notApplicable(reason: string): RungOutcome {
  return { verdict: 'not-applicable', evidence: [reason] }
}

/** A rung that is broken, with the message that says so. */
export function broken(code: DoctorCode, evidence: string, seen: readonly string[] = [], facts?: Facts): RungOutcome {
  return { verdict: 'broken', evidence: seen, findings: [[code, evidence]], ...(facts === undefined ? {} : { facts }) }
}
