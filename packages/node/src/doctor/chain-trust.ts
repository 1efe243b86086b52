import { MalformedMessage } from '@cordon/core/errors'
import { decodeCertificate, fingerprint, formatName } from '@cordon/core/x509'
import { verifyChain } from '@cordon/tls'
import { nodeCrypto } from '../crypto.ts'
import type { Question } from './ladder.ts'

/**
 * Whose a chain is, by the plant: `plant` (it leads to one of its authorities), `foreign` (to another), `bad` (it leads
 * there and does not check out), `none` (none was shown), `unknown` (no plant to judge by).
 */
export interface ChainJudgement {
  readonly kind: 'plant' | 'foreign' | 'bad' | 'revoked' | 'none' | 'unknown'
  /** Who it says it is, who issued it, and what does not check out. */
  readonly evidence: string
}

/** Judges a chain by the plant's authorities and revocation lists. Dates are not looked at. */
export function describeTrust(question: Question, chain: readonly Uint8Array[]): ChainJudgement {
  const [leaf, ...intermediates] = chain
  if (leaf === undefined) return { kind: 'none', evidence: 'no certificate was shown' }
  const evidence = describeLeaf(leaf)
  const { expectation } = question
  if (expectation === undefined || expectation.anchors.length === 0) return { kind: 'unknown', evidence }
  const common = { leaf, intermediates, anchors: expectation.anchors, purpose: 'server' as const }
  const result = verifyChain({ ...common, crl: 'off' })
  if (!result.ok) {
    const kind = result.code === 'unknown-authority' ? 'foreign' : 'bad'
    return { kind, evidence: `${evidence}: ${result.message}` }
  }
  const revoked = verifyChain({ ...common, crls: expectation.lists })
  if (!revoked.ok && revoked.code === 'certificate-revoked') return { kind: 'revoked', evidence }
  return { kind: 'plant', evidence }
}

/** A certificate in words: subject, issuer and fingerprint, as far as it can be read. */
export function describeLeaf(der: Uint8Array): string {
  const print = fingerprint(nodeCrypto, der)
  try {
    const { subject, issuer } = decodeCertificate(der)
    return `${formatName(subject)}, issued by ${formatName(issuer)}, SHA-256 ${print}`
  } catch (error) {
    if (!(error instanceof MalformedMessage)) throw error
    return `a certificate that cannot be read (${error.message}), SHA-256 ${print}`
  }
}
