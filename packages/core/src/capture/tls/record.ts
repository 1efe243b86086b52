/** Content types of records (RFC 5246 6.2.1, RFC 6520, RFC 9146 4). */
export const contentTypes = {
  changeCipherSpec: 20,
  alert: 21,
  handshake: 22,
  applicationData: 23,
  heartbeat: 24,
  connectionId: 25,
} as const

/** Bytes before the fragment of a TLS record (RFC 5246 6.2.1). */
export const tlsHeaderLength = 5

/** Bytes before the fragment of a DTLS record: epoch and sequence number come in between (RFC 6347 4.1). */
export const dtlsHeaderLength = 13

/** Longest fragment of a record: 2^14 bytes, and 2048 for its protection (RFC 5246 6.2.3). */
export const maxFragment = 2 ** 14 + 2048

const versionNames: ReadonlyMap<number, string> = new Map([
  [0x0300, 'SSLv3'],
  [0x0301, 'TLSv1'],
  [0x0302, 'TLSv1.1'],
  [0x0303, 'TLSv1.2'],
  [0x0304, 'TLSv1.3'],
  [0xfeff, 'DTLSv1'],
  [0xfefd, 'DTLSv1.2'],
  [0xfefc, 'DTLSv1.3'],
])

/** A protocol version as protocol analysers and OpenSSL write it: `TLSv1.2`, `DTLSv1.2`; else its number in hex. */
export function versionName(version: number): string {
  return versionNames.get(version) ?? `0x${version.toString(16).padStart(4, '0')}`
}

/** Whether this is a version of DTLS: they count downwards from 254 (RFC 6347 4.1). */
export function isDtlsVersion(version: number): boolean {
  return version >>> 8 === 0xfe
}

/** Whether five bytes at `start` could begin a TLS record: a known type, a version of TLS, a length that may be. */
export function isTlsHeader(bytes: Uint8Array, start: number): boolean {
  const type = bytes[start] ?? 0
  const length = ((bytes[start + 3] ?? 0) << 8) | (bytes[start + 4] ?? 0)
  return (
    type >= contentTypes.changeCipherSpec &&
    type <= contentTypes.heartbeat &&
    bytes[start + 1] === 3 &&
    (bytes[start + 2] ?? 9) <= 4 &&
    length > 0 &&
    length <= maxFragment
  )
}
