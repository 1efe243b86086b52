import { MalformedMessage } from '@cordon/core/errors'
import { type Certificate, decodeCertificate, fingerprint, isSelfSigned } from '@cordon/core/x509'
import { nodeCrypto } from '../crypto.ts'
import { describeTrust } from './chain-trust.ts'
import { broken, type Facts, holds, notApplicable, type Question, type RungOutcome } from './ladder.ts'
import type { DoctorCode } from './messages.ts'

/** Who issued its certificate, for whom, until when, and is it revoked? */
export async function certificate(question: Question, { chain, access }: Facts): Promise<RungOutcome> {
  if (access === 'plain') return notApplicable('the session is plain: no certificate is shown')
  const [leaf] = chain ?? []
  if (chain === undefined || leaf === undefined) return notApplicable('it proves itself by a pre-shared key')
  const { expectation } = question
  const judgement = describeTrust(question, chain)
  const seen = [judgement.evidence]
  // A device that opened to anybody is as it left the factory: its certificate is not the plant's.
  const isDefault = access === 'open'
  if (!isDefault) {
    if (judgement.kind === 'foreign') return broken('other-authority', judgement.evidence, seen)
    if (judgement.kind === 'bad') return broken('device-certificate-wrong-use', judgement.evidence, seen)
    if (judgement.kind === 'revoked') return broken('device-certificate-revoked', judgement.evidence, seen)
  }
  const decoded = chain.flatMap((der) => read(der))
  const over = decoded.find(({ notAfter }) => notAfter < question.date)
  if (over !== undefined) {
    return broken('device-certificate-expired', `valid until ${new Date(over.notAfter).toISOString()}`, seen)
  }
  const holder = expectation?.names.holderOf(leaf)
  if (holder !== undefined && holder !== expectation?.device)
    return broken('certificate-of-another', `it shows the certificate of ${holder}`, seen)
  const [own] = decoded
  if (!isDefault && own !== undefined && !namesAddress(own, question.address)) {
    return broken('certificate-other-name', `names: ${names(own)}; address: ${question.address}`, seen)
  }
  const until = own === undefined ? [] : [`valid until ${new Date(own.notAfter).toISOString()}`]
  const accepted = access === 'manager' ? ['our certificate was accepted'] : []
  const findings: [DoctorCode, string][] = []
  if (isDefault) {
    const maker = own !== undefined && isSelfSigned(nodeCrypto, own) ? 'self-signed' : 'signed by its vendor'
    findings.push(['self-signed-default', `${maker}, SHA-256 ${fingerprint(nodeCrypto, leaf)}`])
  }
  const newest = expectation?.certificate
  if (!isDefault && newest !== undefined && fingerprint(nodeCrypto, newest) !== fingerprint(nodeCrypto, leaf)) {
    findings.push([
      'certificate-superseded',
      `the last one that was issued has SHA-256 ${fingerprint(nodeCrypto, newest)}`,
    ])
  }
  return holds([...seen, ...until, ...accepted], { findings })
}

function read(der: Uint8Array): Certificate[] {
  try {
    return [decodeCertificate(der)]
  } catch (error) {
    if (!(error instanceof MalformedMessage)) throw error
    return []
  }
}

function addresses({ extensions }: Certificate): readonly string[] {
  return (extensions.subjectAlternativeNames ?? []).flatMap((name) => (name.kind === 'ip' ? [name.value] : []))
}

/** A certificate without any address is bound to no address, which is a choice and no mistake. */
function namesAddress(own: Certificate, address: string): boolean {
  const named = addresses(own)
  return named.length === 0 || named.includes(address)
}

function names(own: Certificate): string {
  return addresses(own).join(', ')
}
