import type { PlannedChange } from '../deployment/assess.ts'
import type { Finding } from './finding.ts'

/** Something that is on record and may be why a device is as it is. */
export interface AuditRecord {
  /** What it was, in words: `deployment 3f2a91c0`, `release 77b0…`, `certificate of Blue_1 revoked (keyCompromise)`. */
  readonly what: string
  /** Milliseconds since 1970. */
  readonly at: number
  /** Who did it; undefined where that is not on record. */
  readonly by: string | undefined
  /** The device that it was done to; undefined for what concerns them all. */
  readonly device: string | undefined
  /** The settings that it may have touched; undefined: any. */
  readonly settings: readonly PlannedChange['what'][] | undefined
  /**
   * For a deployment that ended well with this device: the settings that it changed, with what to. It explains a value
   * that it wrote and the model no longer wants; what it left as the model wants it, it did not spoil.
   */
  readonly wrote: Readonly<Partial<Record<PlannedChange['what'], string>>> | undefined
}

/** Who and when, as far as anybody knows. */
export interface Explanation {
  readonly kind: 'record' | 'model' | 'nobody-known'
  /** One sentence without its end: `explained by deployment 3f2a91c0`, `nobody known`. */
  readonly words: string
  /** Milliseconds since 1970. */
  readonly at: number | undefined
  readonly by: string | undefined
}

/** What is known of the comparison before. */
export interface EarlierComparison {
  /** When it began, milliseconds since 1970: what happened before it and changed something, it has seen. */
  readonly at: number
  /** Digest of what was read from the device then; undefined where it was not read. */
  readonly digest: string | undefined
}

/**
 * Looks for who made a difference. The newest record counts that may have made it and that is newer than the comparison
 * that did not see the difference yet.
 *
 * @param records the newest first
 * @param earlier the last comparison, which did not have this finding; undefined where there is none
 * @param digest of what was read from the device now
 */
export function explain(
  finding: Finding,
  records: readonly AuditRecord[],
  earlier: EarlierComparison | undefined,
  digest: string | undefined,
): Explanation {
  for (const record of records) {
    if (record.device !== undefined && record.device !== finding.device) continue
    if (earlier !== undefined && record.at < earlier.at) break
    if (record.wrote !== undefined) {
      const written = finding.setting === undefined ? undefined : record.wrote[finding.setting]
      // The words for rules tell how many are new, so they differ from one plan to the next. They changed after a
      // comparison that found them right.
      const isRules = finding.setting === 'ingress' || finding.setting === 'egress'
      if (written !== undefined && (isRules ? earlier !== undefined : written !== finding.aim)) return explained(record)
      // It left the device as the model wants it: whatever came before, it put right.
      if (record.device === finding.device) break
      continue
    }
    if (record.settings === undefined || (finding.setting !== undefined && record.settings.includes(finding.setting)))
      return explained(record)
  }
  if (finding.setting !== undefined && digest !== undefined && earlier?.digest === digest) {
    const words = 'the device is as it was: the model, or what the authority issued, has changed'
    return { kind: 'model', words, at: undefined, by: undefined }
  }
  return { kind: 'nobody-known', words: 'nobody known', at: undefined, by: undefined }
}

function explained({ what, at, by }: AuditRecord): Explanation {
  return { kind: 'record', words: `explained by ${what}`, at, by }
}
