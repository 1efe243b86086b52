import { type ChangeSubject, deviceDifference } from '../policy/difference.ts'
import type { ExpectedIdentity } from '../policy/model.ts'
import type { DeviceSettings, ObservedSettings } from '../policy/settings.ts'
import type { CheckId } from './check-table.ts'
import type { Judgement } from './verdict.ts'

/** What a device said about itself over a fresh session. */
export interface DeviceEvidence {
  /** State of 0x5D by name. */
  readonly cipSecurityState: string
  /** State of 0x5E by name. */
  readonly ethernetIpSecurityState: string
  readonly unit: Required<ExpectedIdentity>
  readonly observed: ObservedSettings
  /** SHA-256 fingerprints of the revocation lists it holds. */
  readonly lists: readonly string[]
  /** How the session was opened, in words. */
  readonly session: string
}

/** What a reading is compared with. */
export interface ReadBackExpectation {
  readonly settings: DeviceSettings
  readonly expect: ExpectedIdentity | undefined
  /** SHA-256 fingerprints of the newest revocation lists of the zones it trusts. */
  readonly lists: readonly string[]
}

const subjects: Readonly<Record<Exclude<ChangeSubject, 'port'>, CheckId>> = {
  allowedSuites: 'allowed-suites',
  originatorSuites: 'originator-suites',
  verifyClient: 'verify-client',
  sendChain: 'send-chain',
  checkExpiration: 'check-expiration',
  checkName: 'check-name',
  dtlsTimeout: 'dtls-timeout',
  authorities: 'trusted-authorities',
  identities: 'trusted-identities',
  psk: 'pre-shared-keys',
  ingress: 'ingress-rules',
  egress: 'egress-rules',
}

/** Judges one read-back check. A string instead of evidence says why the device could not be read. */
export function judgeReadBack(id: CheckId, evidence: DeviceEvidence | string, wanted: ReadBackExpectation): Judgement {
  if (typeof evidence === 'string') return { verdict: 'fail', reason: `the device could not be read: ${evidence}` }
  switch (id) {
    case 'session-opens':
      return pass(evidence.session)
    case 'unit-as-expected':
      return judgeUnit(evidence.unit, wanted.expect)
    case 'state-configured':
      return judgeState('0x5D', evidence.cipSecurityState)
    case 'state-secured':
      return judgeState('0x5E', evidence.ethernetIpSecurityState)
    case 'revocation-lists':
      return judgeLists(evidence.lists, wanted.lists)
    case 'port-states':
      return judgePorts(evidence.observed, wanted.settings)
    default:
      return judgeSetting(id, evidence.observed, wanted.settings)
  }
}

function judgeUnit(unit: Required<ExpectedIdentity>, expect: ExpectedIdentity | undefined): Judgement {
  const wrong = (['vendor', 'type', 'product', 'serial'] as const).filter(
    (name) => expect?.[name] !== undefined && expect[name] !== unit[name],
  )
  if (wrong.length === 0) return pass(`serial number ${unit.serial}`)
  return fail(wrong.map((name) => `${name}: expected ${expect?.[name]}, found ${unit[name]}`).join('; '))
}

function judgeState(object: string, state: string): Judgement {
  if (state === 'configured') return pass(`${object} is configured`)
  const hint =
    state === 'incompleteConfiguration' ? ': a deployment was not finished; `cordon apply --resume` finishes it' : ''
  return fail(`${object} is ${state}${hint}`)
}

function judgeLists(held: readonly string[], wanted: readonly string[]): Judgement {
  const missing = wanted.filter((print) => !held.includes(print))
  if (missing.length === 0) return pass(`${held.length} lists, the newest of each zone`)
  return fail(`${missing.length} of ${wanted.length} lists are missing or old`)
}

function judgePorts(observed: ObservedSettings, { ports }: DeviceSettings): Judgement {
  const wrong = ports.flatMap(({ protocol, port, open }) => {
    const seen = observed.ports?.find((other) => other.protocol === protocol && other.port === port)
    if (seen?.open === open) return []
    const found = seen === undefined ? 'not listed' : seen.open ? 'open' : 'closed'
    return [`${protocol}/${port} is ${found}, expected ${open ? 'open' : 'closed'}`]
  })
  return wrong.length === 0 ? pass(`${ports.length} ports as wanted`) : fail(wrong.join('; '))
}

function judgeSetting(id: CheckId, observed: ObservedSettings, settings: DeviceSettings): Judgement {
  const changes = deviceDifference(settings, observed)
  const change = changes.find(({ what }) => what !== 'port' && subjects[what] === id)
  return change === undefined ? pass('as compiled') : fail(`found ${change.from}, expected ${change.to}`)
}

function pass(reason: string): Judgement {
  return { verdict: 'pass', reason }
}

function fail(reason: string): Judgement {
  return { verdict: 'fail', reason }
}
