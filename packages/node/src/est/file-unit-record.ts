import type { PullIdentity, PullPending } from '@cordon/core/enrollment'
import { MalformedMessage } from '@cordon/core/errors'
import { decodeBase64, encodeBase64 } from '@cordon/core/x509'

/** Everything that a unit keeps. */
export interface UnitRecord {
  readonly current?: InstalledIdentity | undefined
  /** DER PKCS#8 of the key that the pending request is for. */
  readonly nextKey?: Uint8Array | undefined
  readonly pending?: PullPending | undefined
  readonly identity?: PullIdentity | undefined
}

/** A certificate in force, with its key. */
export interface InstalledIdentity {
  /** DER PKCS#8. */
  readonly key: Uint8Array
  readonly certificate: Uint8Array
  readonly chain: readonly Uint8Array[]
  readonly authorities: readonly Uint8Array[]
}

const version = 1
/** Marks bytes among the values of JSON. */
const mark = 'base64:'

/** The record as JSON, bytes in base64. */
export function encodeUnitRecord(record: UnitRecord): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ version, ...record }, withBytes))
}

/** Looks at the value itself: a Buffer turns into something else on its way into JSON. */
function withBytes(this: Readonly<Record<string, unknown>>, key: string, value: unknown): unknown {
  const own = this[key]
  return own instanceof Uint8Array ? `${mark}${encodeBase64(own)}` : value
}

/** Reads a record, which was sealed: only the version has to be judged. @throws MalformedMessage for another version */
export function decodeUnitRecord(bytes: Uint8Array): UnitRecord {
  const value: unknown = JSON.parse(new TextDecoder().decode(bytes), (_, each: unknown) =>
    typeof each === 'string' && each.startsWith(mark) ? decodeBase64(each.slice(mark.length), 'pull record') : each,
  )
  if (typeof value !== 'object' || value === null || !('version' in value) || value.version !== version) {
    throw new MalformedMessage('unknown-value', `expected a record of version ${version}; it is from a newer Cordon`)
  }
  const { version: _, ...record } = value
  // It was sealed by us, so it has the shape that we gave it.
  return record as UnitRecord
}
