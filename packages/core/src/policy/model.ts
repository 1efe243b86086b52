/**
 * The plant model: what a plant file says, checked for form and with defaults filled in. Plain readonly data that
 * survives JSON. Names refer to other parts; whether they exist is `validate`'s matter.
 */

/** How devices of a zone prove who they are. `none` is a zone of plain EtherNet/IP. */
export type Authentication = 'certificate' | 'psk' | 'none'

/** How the ends of a conduit prove who they are. `trusted-ip` is plain traffic, limited by address where a device can. */
export type ConduitAuthentication = 'certificate' | 'psk' | 'trusted-ip'

/**
 * What a transport promises. `confidentiality` is an encrypting suite, `integrity` exactly an integrity-only suite,
 * `none` is plain EtherNet/IP, `deny` is no such traffic at all. From loose to strict: none, integrity,
 * confidentiality, deny.
 */
export type Protection = 'none' | 'integrity' | 'confidentiality' | 'deny'

/** Whether plain EtherNet/IP may exist at all. */
export type NonSecure = 'deny' | 'allow'

/** An IP port and protocol, written `tcp/44818` in the plant file. */
export interface PortReference {
  readonly protocol: 'tcp' | 'udp'
  readonly port: number
}

/** The kinds of key an authority or a device may have; `pkcs11` keys live in hardware and are named by their URI. */
export type PlantKeyKind = 'ecdsa-p256' | 'ecdsa-p384' | 'ecdsa-p521' | 'rsa-2048' | 'rsa-3072' | 'rsa-4096'

/** The relative names that certificates of this plant carry besides the common name. */
export interface AuthoritySubject {
  readonly organization?: string | undefined
  readonly organizationalUnit?: string | undefined
  readonly locality?: string | undefined
  readonly state?: string | undefined
  /** Two letters, ISO 3166. */
  readonly country?: string | undefined
}

/** How the plant's own certificate authority works: one root, one issuing authority per zone. */
export interface AuthoritySettings {
  /** Kind of the authority's keys; for a hardware key the kind it is declared to have. */
  readonly key: PlantKeyKind
  /** RFC 7512 URI (`pkcs11:…`) of the token that the authority's keys are made in, when they live in hardware. */
  readonly hardware?: string | undefined
  readonly subject: AuthoritySubject
  readonly device: {
    /** Kind of the key that a device makes for itself: decides between the ECDSA and the RSA suites. */
    readonly key: PlantKeyKind
    /** Lifetime of a device certificate in milliseconds. */
    readonly validityMs: number
    /** Share of the lifetime after which a certificate is renewed, between 0 and 1. */
    readonly renewAt: number
  }
}

/** What zones and devices have in common; a device may only be stricter than its zone. */
export interface ZoneSettings {
  /** TLS on 2221/tcp: explicit messages. */
  readonly messaging: Protection
  /** DTLS on 2221/udp: class 0/1 connections. */
  readonly io: Protection
  /** Plain ports that are closed as the last step of a deployment. */
  readonly close: readonly PortReference[]
}

/** A zone: devices that trust each other, under one issuing authority or one pre-shared key. */
export interface Zone extends ZoneSettings {
  readonly name: string
  readonly authentication: Authentication
  readonly nonSecure: NonSecure
  /** Name of the stored pre-shared key that all devices of this zone hold; the secret itself is never in the file. */
  readonly psk?: string | undefined
  /** Suites this zone uses, in order of preference; the plant's order when absent. */
  readonly suites?: readonly number[] | undefined
  /** True when each device must be told apart from each other one, so that a shared key will not do. */
  readonly uniqueIdentity: boolean
  /** Devices check the dates in certificates (0x5E attribute 11). Off by default: most devices have no clock. */
  readonly checkExpiration: boolean
  /** Devices check the peer's address against its certificate (0x5E attribute 17, revision 9 and later). */
  readonly checkName: boolean
  /** Seconds without an authenticated record after which a DTLS association ends (0x5E attribute 15), 1 to 3600. */
  readonly dtlsTimeoutS: number
  /**
   * How far this zone is put in force, when not in full; never in a plant file, set by `stagedPlant`. `observe`: its
   * devices are left alone and everybody speaks plain with them. `protect`: secured traffic is in force, and plain ports
   * stay open to anybody.
   */
  readonly stage?: 'observe' | 'protect' | undefined
}

/** What the unit found at an address must be; a unit that differs is not touched. Absent fields are not compared. */
export interface ExpectedIdentity {
  readonly vendor?: number | undefined
  readonly type?: number | undefined
  readonly product?: number | undefined
  readonly serial?: number | undefined
}

/** What a device does on the network: a pure originator accepts nobody but the manager, a pure target opens nothing. */
export type DeviceRole = 'both' | 'originator' | 'target'

/** A device of the plant: one address on the network, or a place in a chassis, or both. */
export interface Device {
  readonly name: string
  /** Dotted IPv4 address; absent for a device that is reached only through a module of its chassis. */
  readonly address?: string | undefined
  readonly zone: string
  /** `none`: this device cannot speak CIP Security. Otherwise what it can do is read from it. */
  readonly capability: 'cip-security' | 'none'
  readonly role: DeviceRole
  /** Stricter than the zone's, else absent. */
  readonly messaging?: Protection | undefined
  /** Stricter than the zone's, else absent. */
  readonly io?: Protection | undefined
  /** Plain ports closed in addition to the zone's. */
  readonly close: readonly PortReference[]
  readonly expect?: ExpectedIdentity | undefined
  /** DNS name for the certificate, besides the address. */
  readonly dnsName?: string | undefined
  /** SHA-256 fingerprint of the default certificate, 64 lower-case hex digits, when it is known beforehand. */
  readonly fingerprint?: string | undefined
}

/** A chassis: devices on one backplane. Traffic on the backplane is plain; protection ends at the module. */
export interface Chassis {
  readonly name: string
  readonly slots: readonly { readonly slot: number; readonly device: string }[]
  /** A redundant pair; it cannot hold secured I/O. */
  readonly redundant: boolean
}

/** Addresses of peers that are not devices of this plant; they cannot speak CIP Security. */
export interface AddressRange {
  readonly name: string
  /** CIDR, `192.0.2.64/28`; host bits are zero. */
  readonly addresses: string
  readonly zone: string
}

/** Traffic that may cross between two ends, each a zone, a device or a range. */
export interface Conduit {
  readonly between: readonly [string, string]
  /** The stricter of both ends when absent. */
  readonly authentication?: ConduitAuthentication | undefined
  /** The stricter of both ends when absent. */
  readonly messaging?: Protection | undefined
  /** The stricter of both ends when absent. */
  readonly io?: Protection | undefined
  /** The one end that may open connections; both when absent. */
  readonly opens?: string | undefined
  /** Name of the stored pre-shared key, for `authentication: psk`; that of the zone inside one zone when absent. */
  readonly psk?: string | undefined
  /** Suites of this conduit, in order of preference. */
  readonly suites?: readonly number[] | undefined
}

/** What a connection opens at its target. */
export type ConnectionApplication =
  /** The Message Router, `20 02 24 01`: class 3. */
  | { readonly kind: 'messages' }
  /** The Identity object, `20 01 24 01`: a module's keep-alive. */
  | { readonly kind: 'identity' }
  /** A produced tag by its symbolic path: a consumed tag of the originator. */
  | { readonly kind: 'tag'; readonly tag: string }
  /** Connection points of the Assembly object, `20 04 24 cc 2C oo 2C ii`. */
  | {
      readonly kind: 'assembly'
      readonly configuration?: number | undefined
      readonly output: number
      readonly input: number
    }

/**
 * A CIP connection of the plant: a virtual plant runs it, on a real one it must keep running. `from` and `to` are the
 * ends on the network, whose addresses and policies count; the devices that speak may sit behind them in a chassis.
 */
export interface PlantConnection {
  /** Unique; `<from>-<to>-<n>` when the file gives none. */
  readonly name: string
  /** The device from whose address the connection is opened. */
  readonly from: string
  /** The device that originates: `from` itself, or one in the same chassis. */
  readonly originator: string
  /** The device to whose address it is opened. */
  readonly to: string
  /** The device that is the target: `to` itself, or one in the same chassis, reached over the backplane (port 1). */
  readonly target: string
  readonly class: 0 | 1 | 3
  /** Requested packet interval O->T in microseconds. */
  readonly rpiUs: number
  /** Requested packet interval T->O in microseconds. */
  readonly targetRpiUs: number
  /** Watchdog: the connection ends after this many intervals without data. */
  readonly multiplier: 4 | 8 | 16 | 32 | 64 | 128 | 256 | 512
  /** O->T connection size in bytes as Forward_Open carries it: with the sequence count of class 1 and 3 and run/idle. */
  readonly outputSize: number
  /** T->O connection size in bytes as Forward_Open carries it. */
  readonly inputSize: number
  readonly variable: boolean
  readonly priority: 'low' | 'high' | 'scheduled' | 'urgent'
  /** T->O multicast; point to point otherwise. */
  readonly multicast: boolean
  /** The O->T data begins with the 4-byte run/idle header. */
  readonly runIdle: boolean
  /** Connection serial number, when fixed; the originator chooses otherwise. */
  readonly serial?: number | undefined
  readonly application: ConnectionApplication
  /** What a class 3 connection reads, and how often. */
  readonly reads?: { readonly tag: string; readonly periodMs: number } | undefined
  /** Exists before and after deployment, or starts with it, or ends with it. */
  readonly when: 'both' | 'before' | 'after'
}

/** A statement about the policy that must stay true; one for each pair when the file names zones or lists. */
export interface PolicyTest {
  /** Place of the entry in the plant file's `tests` that this pair comes from. */
  readonly entry: number
  /** Device or range that would open the connection. */
  readonly from: string
  /** Device or range that would accept it. */
  readonly to: string
  /** What explicit messages must get; `deny` when they must be refused. */
  readonly messaging?: Protection | undefined
  /** What class 0/1 connections must get. */
  readonly io?: Protection | undefined
  /** `denied`: neither transport in any form. `plain` and `secure`: at least one transport, and none otherwise. */
  readonly access?: 'denied' | 'plain' | 'secure' | undefined
  readonly authentication?: 'certificate' | 'psk' | 'trusted-ip' | undefined
}

/** The plant as its file describes it. */
export interface Plant {
  readonly version: 1
  readonly name: string
  readonly authority: AuthoritySettings
  readonly nonSecure: NonSecure
  /** Suites in order of preference for the whole plant; a suite that is not listed is not used. */
  readonly suites: readonly number[]
  /** The device from which Cordon itself works: its address and credential are always let in. */
  readonly manager?: string | undefined
  readonly zones: readonly Zone[]
  readonly chassis: readonly Chassis[]
  readonly devices: readonly Device[]
  readonly ranges: readonly AddressRange[]
  readonly conduits: readonly Conduit[]
  readonly connections: readonly PlantConnection[]
  readonly tests: readonly PolicyTest[]
}

/** The DTLS timeout when the plant file gives none (0x5E attribute 15, Volume 8 via cip-security-wire 4.2). */
export const defaultDtlsTimeoutS = 12
