/** The rungs of the ladder, in the order in which they are climbed: each stands on those before it. */
export const rungTable = {
  route: { title: 'Route', asks: 'does a packet get there, and from which address of ours' },
  ports: { title: 'Ports', asks: 'which ports are open, refused, silent' },
  identity: { title: 'ListIdentity', asks: 'who answers, and is it the unit that the plant expects' },
  tls: { title: 'TLS and DTLS', asks: 'is there a version and a suite in common' },
  session: { title: 'Session', asks: 'does it let us in, and does RegisterSession succeed' },
  objects: { title: 'Security objects', asks: 'can 0x5D, 0x5E, 0x5F and 0x63 be read, and in which state are they' },
  certificate: { title: 'Certificate', asks: 'who issued it, for whom, until when, and is it revoked' },
  clock: { title: 'Clock', asks: 'do its clock and ours agree with the certificates' },
  policy: { title: 'Policy', asks: 'does it hold what the plant file says' },
} as const satisfies Readonly<Record<string, { readonly title: string; readonly asks: string }>>

/** The name of a rung. */
export type RungId = keyof typeof rungTable

/** Every rung, from the bottom. */
// Object.keys widens the keys of the table to string.
export const rungIds: readonly RungId[] = Object.keys(rungTable) as RungId[]
