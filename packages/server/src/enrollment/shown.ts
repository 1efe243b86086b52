import type { Crypto } from '@cordon/core/crypto'
import {
  claimedUnits,
  type Fact,
  judgeVendorCertificate,
  keyFingerprint,
  type UnitIdentity,
  type VendorJudgement,
} from '@cordon/core/enrollment'
import { MalformedMessage } from '@cordon/core/errors'
import { type Certificate, fingerprint, isSelfSigned, keyPurposes } from '@cordon/core/x509'
import type { EnrollmentFiles } from './files.ts'
import type { OwnAuthorities } from './own-authorities.ts'
import type { EnrollmentRequest } from './service.ts'

/** What became of the certificate that a requester showed, without a look into the store. */
export interface ShownJudgement {
  /** SHA-256, lower-case hex. */
  readonly fingerprint: string
  readonly vendor: VendorJudgement | undefined
  readonly claims: readonly Fact<UnitIdentity>[]
  readonly provisioning:
    | { readonly authority: string; readonly fingerprint: string; readonly revoked: boolean }
    | undefined
  /** One that an authority of the plant signed; whether it is recorded and not revoked the store knows. */
  readonly own: OwnShown | undefined
}

/** An operational certificate of the plant that was shown, its chain judged. */
export interface OwnShown {
  readonly certificate: Certificate
  /** SHA-256 of its SubjectPublicKeyInfo, hex. */
  readonly key: string
  readonly fingerprint: string
  readonly expired: boolean
  /** Why it counts for nothing; undefined: it leads to an authority of the plant. */
  readonly fault: string | undefined
}

type Shown = NonNullable<EnrollmentRequest['shown']>

/**
 * Judges what a requester showed: first whether it is of the plant's own authorities, then of a provisioning authority or
 * a vendor of the rules; what is self-signed claims.
 */
export function judgeShown(
  crypto: Crypto,
  shown: Shown,
  files: EnrollmentFiles,
  own: OwnAuthorities,
  at: number,
): ShownJudgement {
  const { leaf } = shown
  const print = fingerprint(crypto, leaf.der)
  const base = { fingerprint: print, vendor: undefined, claims: [], provisioning: undefined, own: undefined }
  try {
    if (own.subjects.has(Buffer.from(leaf.issuer.der).toString('hex'))) {
      const judged = judgeOwn(crypto, shown, own, at)
      if (judged !== undefined) return { ...base, own: { ...judged, fingerprint: print } }
    }
    return {
      ...base,
      vendor: files.vendors.length === 0 ? undefined : judgeVendorCertificate(crypto, shown, files.vendors, at),
      claims: isSelfSigned(crypto, leaf)
        ? claimedUnits(
            leaf,
            files.vendors.map(({ template }) => template),
          )
        : [],
      provisioning: judgeProvisioning(crypto, shown, files, at, print),
    }
  } catch (error) {
    // What else it sent along is no certificate.
    if (!(error instanceof MalformedMessage)) throw error
    return { ...base, vendor: { verdict: 'refused', vendor: undefined, reason: error.message } }
  }
}

/** Undefined: another authority with the same name signed it. */
function judgeOwn(
  crypto: Crypto,
  { leaf, intermediates }: Shown,
  own: OwnAuthorities,
  at: number,
): Omit<OwnShown, 'fingerprint'> | undefined {
  const verdict = crypto.verifyChain({
    leaf: leaf.der,
    intermediates,
    anchors: own.anchors,
    purpose: 'client',
    revocation: 'off',
  })
  if (!verdict.ok && verdict.code === 'unknown-authority') return undefined
  return {
    certificate: leaf,
    key: keyFingerprint(crypto, leaf.publicKey),
    expired: leaf.notAfter <= at,
    fault: verdict.ok ? undefined : verdict.reason,
  }
}

function judgeProvisioning(
  crypto: Crypto,
  { leaf, intermediates }: Shown,
  files: EnrollmentFiles,
  at: number,
  print: string,
): ShownJudgement['provisioning'] {
  for (const { name, anchors, revocationLists } of files.provisioning) {
    // A CA of these, or one that may enroll for others, is no credential of one requester.
    if (leaf.extensions.extendedKeyUsage?.includes(keyPurposes.cmcRA) === true) continue
    const verdict = crypto.verifyChain({
      leaf: leaf.der,
      intermediates,
      anchors,
      revocationLists,
      revocation: 'ifPresent',
      purpose: 'client',
      at,
    })
    if (verdict.ok) return { authority: name, fingerprint: print, revoked: false }
    if (verdict.code === 'revoked') return { authority: name, fingerprint: print, revoked: true }
  }
  return undefined
}
