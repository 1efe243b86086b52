/** Groups of key exchange by their IANA number (TLS Supported Groups): those that a target may name. */
const names: Readonly<Record<number, string>> = {
  1: 'sect163k1',
  2: 'sect163r1',
  3: 'sect163r2',
  6: 'sect233k1',
  7: 'sect233r1',
  9: 'sect283k1',
  10: 'sect283r1',
  11: 'sect409k1',
  12: 'sect409r1',
  13: 'sect571k1',
  14: 'sect571r1',
  16: 'secp160r1',
  19: 'secp192r1',
  21: 'secp224r1',
  22: 'secp256k1',
  23: 'secp256r1',
  24: 'secp384r1',
  25: 'secp521r1',
  26: 'brainpoolP256r1',
  27: 'brainpoolP384r1',
  28: 'brainpoolP512r1',
  29: 'x25519',
  30: 'x448',
  256: 'ffdhe2048',
  257: 'ffdhe3072',
  258: 'ffdhe4096',
  259: 'ffdhe6144',
  260: 'ffdhe8192',
}

/** Curves in the order in which they are offered: what devices commonly have comes first. */
export const curveIds: readonly number[] = [
  23, 24, 25, 29, 30, 26, 27, 28, 22, 21, 19, 16, 14, 13, 12, 11, 10, 9, 7, 6, 3, 2, 1,
]

/** Finite field groups, which version 1.3 names too (RFC 7919). */
export const primeGroupIds: readonly number[] = [256, 257, 258, 259, 260]

/** The name of a group, or its number where it has none here. */
export function groupName(id: number): string {
  return names[id] ?? `group ${id}`
}

/** The number of a group by any of its usual names, in any case. */
export function groupId(name: string): number | undefined {
  const wanted = aliases[name.toLowerCase()] ?? name.toLowerCase()
  for (const [id, known] of Object.entries(names)) if (known.toLowerCase() === wanted) return Number(id)
  return undefined
}

const aliases: Readonly<Record<string, string>> = {
  prime256v1: 'secp256r1',
  'p-256': 'secp256r1',
  'p-384': 'secp384r1',
  'p-521': 'secp521r1',
  prime192v1: 'secp192r1',
}
