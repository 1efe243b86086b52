import { observedSettings, readDevice } from '@cordon/core/deployment'
import { MalformedMessage, PeerError, TransportError } from '@cordon/core/errors'
import { deviceDifference } from '@cordon/core/policy'
import { nodeCrypto } from '../crypto.ts'
import { broken, type Facts, holds, notApplicable, type Question, type RungOutcome } from './ladder.ts'
import { deviceSession } from './objects.ts'

/** How many differences an evidence lists; the rest is counted. */
const maximumListed = 8

/** Does it hold what the plant file says? */
export async function policy(question: Question, { session }: Facts): Promise<RungOutcome> {
  const { expectation } = question
  if (expectation === undefined) return notApplicable('no plant was given: --plant PLANT compares with it')
  const { settings, device } = expectation
  if (device === undefined) return notApplicable(`${expectation.plant} has no device of this address`)
  if (settings === undefined || settings.enforcement === 'none')
    return notApplicable(`${device} gets no settings: its peers limit it, or nobody does`)
  if (session === undefined) return { verdict: 'not-asked', evidence: ['no session is open'] }
  let reading: Awaited<ReturnType<typeof readDevice>>
  try {
    reading = await readDevice(deviceSession(session), { device, address: question.address, crypto: nodeCrypto })
  } catch (error) {
    if (error instanceof TransportError && error.code === 'aborted') throw error
    if (!(error instanceof PeerError || error instanceof MalformedMessage || error instanceof TransportError))
      throw error
    return { verdict: 'not-asked', evidence: [error.message], findings: [['policy-not-read', error.message]] }
  }
  if (reading === undefined) return broken('not-capable', 'it has no CIP Security objects')
  const changes = deviceDifference(settings, observedSettings(reading, expectation.names, nodeCrypto))
  const promises = new Set(settings.promises.map(({ peer }) => peer))
  const evidence = [
    `enforced by ${settings.enforcement}; ${settings.allowedSuites.length} suites, ${promises.size} peers named, ${settings.ports.length} ports`,
  ]
  if (changes.length === 0) return holds([...evidence, 'every setting is as compiled from the plant file'])
  const listed = changes.slice(0, maximumListed).map(({ what, from, to }) => `${what}: ${from}, expected ${to}`)
  const more = changes.length > maximumListed ? `; and ${changes.length - maximumListed} more` : ''
  return broken('policy-differs', `${listed.join('; ')}${more}`, evidence)
}
