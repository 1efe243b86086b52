import { type DeviceSession, readUnit, unexpectedUnit } from '@cordon/core/deployment'
import { isStatus } from '@cordon/core/client'
import { MalformedMessage, PeerError, TransportError } from '@cordon/core/errors'
import {
  certificateManagement,
  type CipSecurityStateName,
  cipSecurity,
  type EthernetIpSecurityStateName,
  ethernetIpSecurity,
  ingressEgress,
} from '@cordon/core/objects'
import type { Session } from '../originator/session.ts'
import { spellUnit } from './identity.ts'
import { broken, type Facts, holds, type Question, type RungOutcome } from './ladder.ts'

const cipStates: Readonly<Record<CipSecurityStateName, string>> = {
  factoryDefault: 'as it left the factory',
  configurationInProgress: 'being configured',
  configured: 'configured',
  incompleteConfiguration: 'new configuration, not ended',
}

const ipStates: Readonly<Record<EthernetIpSecurityStateName, string>> = {
  factoryDefault: 'as it left the factory',
  configurationInProgress: 'being configured',
  configured: 'configured',
  pullModelInProgress: 'enrolling by itself',
  pullModelCompleted: 'enrolled by itself',
  pullModelDisabled: 'as it left the factory, enrolling switched off',
}

/** Can the security objects be read, and in which state are they? */
export async function objects(question: Question, facts: Facts): Promise<RungOutcome> {
  const { session } = facts
  if (session === undefined) return { verdict: 'not-asked', evidence: ['no session is open'] }
  try {
    return await read(question, facts, session)
  } catch (error) {
    if (error instanceof TransportError && error.code === 'aborted') throw error
    const isTheirs = error instanceof TransportError || error instanceof PeerError || error instanceof MalformedMessage
    if (!isTheirs) throw error
    return broken('objects-unreadable', error.message)
  }
}

async function read(question: Question, facts: Facts, session: Session): Promise<RungOutcome> {
  const { expectation } = question
  const unit = facts.unit ?? (await readUnit(session))
  const who = facts.unit === undefined ? [spellUnit(unit)] : []
  const wrong = unexpectedUnit(expectation?.expect, unit)
  if (wrong !== undefined) return broken('wrong-unit', wrong, who)
  const client = session.objects
  const revisions = {
    '0x5D': await present(client.getClass(cipSecurity, 'revision')),
    '0x5E': await present(client.getClass(ethernetIpSecurity, 'revision')),
    '0x5F': await present(client.getClass(certificateManagement, 'revision')),
    '0x63': await present(client.getClass(ingressEgress, 'revision')),
  }
  const spelled = Object.entries(revisions).map(
    ([name, value]) => `${name} ${value === undefined ? 'absent' : `revision ${value}`}`,
  )
  const wanted = expectation?.settings !== undefined && expectation.settings.enforcement !== 'none'
  if (revisions['0x5D'] === undefined || revisions['0x5E'] === undefined) {
    const evidence = [...who, spelled.join(', ')]
    return wanted ? broken('not-capable', spelled.join(', '), evidence) : holds(evidence, { facts: { unit } })
  }
  const cip = await client.get(cipSecurity, 1, 'state')
  const ip = await client.get(ethernetIpSecurity, 1, 'state')
  const checksDates = await present(client.get(ethernetIpSecurity, 1, 'checkExpiration'))
  const states = `0x5D ${cipStates[cip]}, 0x5E ${ipStates[ip]}`
  const evidence = [...who, spelled.join(', '), states]
  const more: Facts = { unit, ...(checksDates === undefined ? {} : { checksDates }) }
  if (cip === 'configurationInProgress' || ip === 'configurationInProgress')
    return broken('configuration-open', states, evidence, more)
  if (cip === 'incompleteConfiguration') return broken('configuration-unfinished', states, evidence, more)
  const isFresh = cip === 'factoryDefault' && (ip === 'factoryDefault' || ip === 'pullModelDisabled')
  if (isFresh && wanted) return broken('not-commissioned', states, evidence, more)
  if (ip === 'pullModelInProgress') return holds(evidence, { facts: more, findings: [['pull-in-progress', states]] })
  return holds(evidence, { facts: more })
}

/** Statuses that mean "there is no such thing here". */
const absent: readonly number[] = [0x05, 0x08, 0x14, 0x16, 0x2c]

async function present<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer
  } catch (error) {
    if (absent.some((status) => isStatus(error, status))) return undefined
    throw error
  }
}

/** @internal A session as the deployment's readers take it. */
export function deviceSession(session: Session): DeviceSession {
  const { security, localEndpoint } = session.peer
  return {
    access: security === undefined ? 'plain' : 'certificate',
    presented: security?.peerChain ?? [],
    suite: security?.suite,
    localAddress: localEndpoint.address,
    request: (message, options) => session.request(message, options),
    close: () => session.close(),
  }
}
