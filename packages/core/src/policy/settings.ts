import type { RuleSet } from './rules.ts'

export type { RuleSet } from './rules.ts'

/**
 * By what a device lets the right peers in: rules of class 0x63; else exactly its peers' certificates (0x5E attribute
 * 12 with attribute 7 empty); else the authorities of its peers' zones (attribute 7); else only the pre-shared key that
 * it holds; `none` for a device that gets no settings at all.
 */
export type Enforcement = 'rules' | 'identities' | 'authorities' | 'psk' | 'none'

/** Who keeps a promise: this device, its peer, or nobody can. */
export type PromiseEnforcement = 'here' | 'peer' | 'not-enforceable'

/** What the policy promises about traffic with one peer over one transport, and who keeps it. */
export interface PolicyPromise {
  /** Device or range, or `everyoneElse`. */
  readonly peer: string
  readonly transport: 'tcp' | 'udp'
  readonly enforcement: PromiseEnforcement
  readonly reason: string
}

/** The peer of a promise that is about everybody whom the policy does not name. */
export const everyoneElse = '*'

/** A pre-shared key that a device must hold: named, never written. */
export interface PskReference {
  /** Name of the stored key. */
  readonly name: string
  /** PSK identity octets as text, at most 128 bytes. */
  readonly identity: string
  readonly usage: 'server' | 'client' | 'any'
}

/** A plain port of a device: closed as the last step of a deployment, or kept open. */
export interface PortSetting {
  readonly port: number
  readonly protocol: 'tcp' | 'udp'
  readonly open: boolean
}

/** Everything that a device is told, compiled from the plant. Two runs over the same plant give equal settings. */
export interface DeviceSettings {
  readonly device: string
  readonly address: string
  readonly zone: string
  readonly enforcement: Enforcement
  /** 0x5E attribute 4: the union over all peers and transports, in order of preference. */
  readonly allowedSuites: readonly number[]
  /** 0x5E attribute 19 for class revision 9 and later; empty before, where attribute 4 holds for both directions. */
  readonly originatorSuites: readonly number[]
  /** 0x5E attribute 9. */
  readonly verifyClient: boolean
  /** 0x5E attribute 10. */
  readonly sendChain: boolean
  /** 0x5E attribute 11. */
  readonly checkExpiration: boolean
  /** 0x5E attribute 17. */
  readonly checkName: boolean
  /** 0x5E attribute 15, seconds. */
  readonly dtlsTimeoutS: number
  /** Zone names whose issuing authority goes to 0x5E attribute 7. */
  readonly authorities: readonly string[]
  /** Device names whose certificates go to 0x5E attribute 12. */
  readonly identities: readonly string[]
  readonly psk: readonly PskReference[]
  /** Class 0x63; undefined for a device without it. */
  readonly rules: RuleSet | undefined
  readonly ports: readonly PortSetting[]
  readonly promises: readonly PolicyPromise[]
}

/** The settings that a read-back gives, in the words of `DeviceSettings`. Undefined is "not known", never "not set". */
export interface ObservedSettings {
  readonly device: string
  /** True when the device is under a policy: 0x5D state configured or incomplete. */
  readonly configured?: boolean | undefined
  readonly allowedSuites?: readonly number[] | undefined
  readonly originatorSuites?: readonly number[] | undefined
  readonly verifyClient?: boolean | undefined
  readonly sendChain?: boolean | undefined
  readonly checkExpiration?: boolean | undefined
  readonly checkName?: boolean | undefined
  readonly dtlsTimeoutS?: number | undefined
  /** Zone names; a certificate that is no authority of this plant appears as `unknown:<SHA-256 fingerprint>`. */
  readonly authorities?: readonly string[] | undefined
  /** Device names; a certificate that is of no device of this plant appears as `unknown:<SHA-256 fingerprint>`. */
  readonly identities?: readonly string[] | undefined
  /** Identities and usages; a device never tells a key. */
  readonly psk?: readonly { readonly identity: string; readonly usage: 'server' | 'client' | 'any' }[] | undefined
  readonly rules?: RuleSet | undefined
  readonly ports?: readonly PortSetting[] | undefined
}
