import { capabilitiesOf, policyChanges, readDevice } from '@cordon/core/deployment'
import { MalformedMessage, PeerError, TransportError } from '@cordon/core/errors'
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
  const expected = expectation.settingsWith(capabilitiesOf(reading)) ?? { settings, unjudged: undefined }
  const { enforcement, allowedSuites, promises, ports } = expected.settings
  const peers = new Set(promises.map(({ peer }) => peer))
  const differing = policyChanges(expected.settings, reading, expectation.names, nodeCrypto)
  const { unjudged } = expected
  const changes = differing.filter(({ what }) => unjudged?.settings.includes(what) !== true)
  const uncertain = differing.filter((change) => !changes.includes(change)).map(({ what }) => what)
  const evidence = [
    `enforced by ${enforcement}; ${allowedSuites.length} suites, ${peers.size} peers named, ${ports.length} ports`,
    ...(unjudged === undefined || uncertain.length === 0
      ? []
      : [`${uncertain.join(', ')} not judged: nothing is known of what ${unjudged.peers.join(', ')} can do`]),
  ]
  if (changes.length === 0) {
    const which = uncertain.length === 0 ? 'every setting' : 'every other setting'
    return holds([...evidence, `${which} is as compiled from the plant file`])
  }
  const listed = changes.slice(0, maximumListed).map(({ what, from, to }) => `${what}: ${from}, expected ${to}`)
  const more = changes.length > maximumListed ? `; and ${changes.length - maximumListed} more` : ''
  return broken('policy-differs', `${listed.join('; ')}${more}`, evidence)
}
