import { path } from '@cordon/core/cip'
import { MalformedMessage, PeerError, TransportError } from '@cordon/core/errors'
import { Reader } from '@cordon/core/wire'
import { decodeCertificate } from '@cordon/core/x509'
import type { Session } from '../originator/session.ts'
import { broken, type Facts, holds, type Question, type RungOutcome } from './ladder.ts'

/**
 * Time Sync object: attribute 3 is the system time in microseconds since 1970 (Volume 1, 5-47).
 *
 * Deviation: as vendors' manuals have it, not tried on a real device; one without it tells no time.
 */
const timeSync = { class: 0x43, attribute: 3 } as const

/** Get_Attribute_Single (Volume 1, 4-3). */
const getAttributeSingle = 0x0e

/** Clocks that differ by more are not set by the same server: requests and answers take milliseconds. */
const toleratedSkewMs = 5 * 60_000

/** Do its clock and ours agree with the certificates? */
export async function clock(question: Question, facts: Facts): Promise<RungOutcome> {
  const { session, chain = [], checksDates } = facts
  if (session === undefined) return { verdict: 'not-asked', evidence: ['no session is open'] }
  const shown = facts.access === 'plain' ? [] : chain.flatMap(times)
  const ours = `our clock: ${new Date(question.date).toISOString()}`
  const early = shown.find(({ notBefore }) => notBefore > question.date)
  if (early !== undefined) {
    return broken('device-certificate-early', `valid from ${new Date(early.notBefore).toISOString()}; ${ours}`, [ours])
  }
  const theirs = await readTime(session)
  const checks =
    checksDates === undefined ? [] : [checksDates ? 'it checks dates (0x5E attribute 11)' : 'it does not check dates']
  if (theirs === undefined) {
    if (checksDates === undefined) return holds([ours, 'it has no certificates to check'])
    const code = checksDates === true ? ('no-clock-but-checks' as const) : ('no-clock' as const)
    return holds([ours, ...checks], { findings: [[code, 'no Time Sync object (0x43)']] })
  }
  const spelled = `its clock: ${new Date(theirs).toISOString()}`
  const own = (question.expectation?.credentials.chain ?? []).flatMap(times)
  const outside = [...shown, ...own].find(({ notBefore, notAfter }) => theirs < notBefore || theirs > notAfter)
  if (checksDates === true && outside !== undefined) {
    const span = `${new Date(outside.notBefore).toISOString()} to ${new Date(outside.notAfter).toISOString()}`
    return broken('clock-outside-certificate', `${spelled}; a certificate is valid from ${span}`, [
      ours,
      spelled,
      ...checks,
    ])
  }
  const skew = Math.abs(theirs - question.date)
  return holds([ours, spelled, ...checks], {
    ...(skew > toleratedSkewMs ? { findings: [['clock-skew', `${Math.round(skew / 1000)} s apart`]] } : {}),
  })
}

function times(der: Uint8Array): { readonly notBefore: number; readonly notAfter: number }[] {
  try {
    const { notBefore, notAfter } = decodeCertificate(der)
    return [{ notBefore, notAfter }]
  } catch (error) {
    if (!(error instanceof MalformedMessage)) throw error
    return []
  }
}

/** Milliseconds since 1970 by the device's clock; undefined where it tells none. */
async function readTime(session: Session): Promise<number | undefined> {
  try {
    const reply = await session.request({
      service: getAttributeSingle,
      path: path({ class: timeSync.class, instance: 1, attribute: timeSync.attribute }),
      data: new Uint8Array(0),
    })
    if (reply.status !== 0 || reply.data.length < 8) return undefined
    const at = Number(new Reader(reply.data).u64() / 1000n)
    // What lies beyond the dates of JavaScript is no time that a device means.
    return at > 8.64e15 ? undefined : at
  } catch (error) {
    if (error instanceof TransportError && error.code === 'aborted') throw error
    if (error instanceof PeerError || error instanceof MalformedMessage || error instanceof TransportError)
      return undefined
    throw error
  }
}
