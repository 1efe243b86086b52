/** Something that tshark 4.0 calls malformed although it is as the specification has it. */
export interface KnownMalformed {
  readonly reason: string
  /** Does a packet (frame number, protocols, classes, attributes, services) belong to it? */
  readonly matches: (row: readonly string[]) => boolean
  /** It occurs in the demonstration: when it no longer does, the line is to be taken out. */
  readonly inThisPlant: boolean
}

/** tshark 4.0 against Volume 8: what it does not know yet. An unlisted packet fails the test, and so does a listed one that passes. */
export const knownMalformed: readonly KnownMalformed[] = [
  {
    reason:
      'the usage byte of a PSK element (0x5E attribute 5) came with object revision 7; tshark 4.0 reads without it',
    matches: ([, , classes = '', attributes = '']) => classes.includes('5e') && attributes.split(',').includes('5'),
    inThisPlant: false,
  },
]
