/** A security profile of Volume 8, as attributes 2 and 3 of class 0x5D and item 0x0086 name it. */
export type SecurityProfile = keyof typeof securityProfiles

/**
 * The bits of the security profiles (Volume 8 via cip-security-wire 1.7).
 *
 * Deviation: bit 5 is named by one public source only, bits 6 and 7 are the next free ones. Cordon decodes all of them
 * and sets none above bit 5.
 */
export const securityProfiles = {
  /** Obsolete; kept zero. */
  integrity: 0x0001,
  confidentiality: 0x0002,
  /** Reserved. */
  authorization: 0x0004,
  userAuthentication: 0x0008,
  resourceConstrained: 0x0010,
  pullModel: 0x0020,
  deviceBasedFirewall: 0x0040,
  pullModelForConfiguration: 0x0080,
} as const

const names = Object.keys(securityProfiles) as SecurityProfile[] // keys of our own constant

/** The profiles whose bits are set. Unknown bits are kept aside in `unknown`, so that a report can show them. */
export function profilesOf(bits: number): { readonly profiles: readonly SecurityProfile[]; readonly unknown: number } {
  const profiles = names.filter((name) => (bits & securityProfiles[name]) !== 0)
  return { profiles, unknown: profiles.reduce((rest, name) => rest & ~securityProfiles[name], bits & 0xffff) }
}

/** The bits of a set of profiles. */
export function profileBits(profiles: readonly SecurityProfile[]): number {
  return profiles.reduce((bits, name) => bits | securityProfiles[name], 0)
}
