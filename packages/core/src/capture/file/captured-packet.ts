/**
 * A packet as it stands in a capture file. One object serves a whole file and changes with each packet: copy what is
 * kept.
 */
export interface CapturedPacket {
  /** From 1, as other analysers count. */
  number: number
  /** Microseconds since 1970; the fraction of a file with nanoseconds is kept to a quarter of a microsecond. */
  timeUs: number
  /** See {@link linkTypes}. */
  linkType: number
  /** The packet is `bytes[start..end)`; the buffer is the reader's or its caller's and will be reused. */
  bytes: Uint8Array
  start: number
  end: number
  /** Bytes it had on the wire: more than were captured where the capture was limited to a snap length. */
  originalLength: number
  /** Place of its interface in the file or section, from 0. */
  interface: number
}

/** Link types that are understood here, by the names of the LINKTYPE_ registry (IETF draft-ietf-opsawg-pcaplinktype). */
export const linkTypes = {
  null: 0,
  ethernet: 1,
  raw: 101,
  loop: 108,
  linuxSll: 113,
  ipv4: 228,
  ipv6: 229,
  linuxSll2: 276,
} as const

/** Most bytes of a packet in a file: what every current capture tool writes and reads at most. */
export const maxCapturedLength = 262_144

/** A packet to be filled. */
export function emptyPacket(): CapturedPacket {
  return {
    number: 0,
    // Not an integer, so that the engine gives the field room for every later value at once.
    timeUs: 0.5,
    linkType: 0,
    bytes: new Uint8Array(0),
    start: 0,
    end: 0,
    originalLength: 0,
    interface: 0,
  }
}
