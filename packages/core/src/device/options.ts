import type { Crypto, PrivateKey } from '../crypto/provider.ts'
import type { Tag } from './tags.ts'
import type { BackplaneDevice } from './backplane.ts'

/** What a device says of itself in its Identity object and in ListIdentity. */
export interface DeviceIdentity {
  /** Vendor number as ODVA assigns it. */
  readonly vendorId: number
  readonly deviceType: number
  readonly productCode: number
  readonly majorRevision: number
  readonly minorRevision: number
  readonly serialNumber: number
  /** At most 32 characters. */
  readonly productName: string
}

/** The certificate a device leaves the factory with, in Certificate Management instance 1. */
export interface DefaultCredentials {
  readonly key: PrivateKey
  /** DER, the device certificate first, then what the maker adds (an intermediate). */
  readonly chain: readonly Uint8Array[]
}

/** What a device can do in CIP Security; numbers are object revisions and limits. */
export interface SecurityOptions {
  readonly credentials: DefaultCredentials
  /** Suites it implements, IANA numbers: 0x5E attribute 3. */
  readonly suites: readonly number[]
  /** The same where it originates: 0x5E attribute 18; as `suites` when missing. */
  readonly originatorSuites?: readonly number[]
  /** Default 9: revocation lists as a list, attributes 16, 18, 19 and 20. */
  readonly ethernetIpSecurityRevision?: 7 | 9
  /** Default 3. */
  readonly certificateManagementRevision?: 1 | 2 | 3
  /** Strings Create_CSR takes at most; default 8 at object revision 1, else 9. Eight are always enough. */
  readonly csrStrings?: 8 | 9
  /** Default 4. */
  readonly cipSecurityRevision?: 3 | 4
  /** 0x5D attribute 2; default EtherNet/IP Confidentiality. */
  readonly profiles?: number
  /** How many pre-shared keys 0x5E attribute 5 holds; default 1. */
  readonly pskSlots?: number
  /** Certificate Management instances besides instance 1; default 8. */
  readonly certificateSlots?: number
  /** File instances besides the static ones; default 32. */
  readonly fileSlots?: number
  /** Largest file it accepts, bytes; default {@link defaultFileLimit}. */
  readonly fileLimit?: number
  /** Has the Ingress Egress object, class 0x63; default true. */
  readonly ingressEgress?: boolean
  /** 0x5E attribute 12 may be set; default true. */
  readonly trustedIdentities?: boolean
  /** Kind of key that Create_CSR makes; default ECDSA P-256, because the required suites are ECDSA. */
  readonly keyKind?: 'ecdsa-p256' | 'ecdsa-p384' | 'rsa-2048' | 'rsa-3072'
  /**
   * Identity Reset is taken in plain even from a device under a policy; default false. That it then needs a secure link is
   * inferred, and products may differ (cip-security-wire 4.10).
   */
  readonly plainReset?: boolean
  /** Somebody drives the pull model for it, see `Device.pull`; default false. */
  readonly pull?: boolean
}

/** Bytes of certificates that a device accepts: other products hold 4096. */
export const defaultFileLimit = 16_384

/** Whether a group of I/O data comes from the device, goes to it, or configures it. */
export type AssemblyDirection = 'input' | 'output' | 'configuration'

/** An Assembly instance. */
export interface AssemblyOptions {
  readonly instance: number
  readonly direction: AssemblyDirection
  /** Bytes. */
  readonly size: number
  /** What outputs do when their connection is lost; default `zero`. */
  readonly onLoss?: 'hold' | 'zero'
  /** First contents; zeros when missing. */
  readonly data?: Uint8Array
}

/** Limits a device states in its EDS and keeps. */
export interface CapacityOptions {
  /** CIP connections in all; default 64. */
  readonly connections?: number
  /** Encapsulation sessions; default 64. */
  readonly sessions?: number
  /** Shortest packet interval in microseconds; default 1000. */
  readonly minimumRpiUs?: number
  /** Longest packet interval in microseconds; default 60 s for I/O and explicit messages alike. */
  readonly maximumRpiUs?: number
  /** Largest connection in bytes; default 511 for Forward_Open and 4000 for Large_Forward_Open. */
  readonly connectionSize?: number
  /** Slow unconnected requests under way at the same time in one session; default 16. */
  readonly outstanding?: number
}

/** Everything that makes one device; what is missing takes the default of a small adapter without CIP Security. */
export interface DeviceOptions {
  /** Dotted IPv4 address; for a device that is only reached over a backplane, any text that names it. */
  readonly address: string
  /** Dotted; default 255.255.255.0. */
  readonly networkMask?: string
  /** Dotted; default 0.0.0.0. */
  readonly gateway?: string
  readonly hostName?: string
  readonly domain?: string
  /** MAC address; made from the serial number when missing. */
  readonly physicalAddress?: Uint8Array
  readonly identity: DeviceIdentity
  readonly crypto: Crypto
  /** Missing for a device without CIP Security. */
  readonly security?: SecurityOptions
  readonly capacity?: CapacityOptions
  readonly assemblies?: readonly AssemblyOptions[]
  /** Connection points that carry no data O->T; defaults 198 and 199. */
  readonly heartbeats?: { readonly inputOnly?: number; readonly listenOnly?: number }
  readonly tags?: readonly Tag[]
  /** The electronic data sheet, served as File instance 0xC8. */
  readonly eds?: Uint8Array
  /** What sits in a slot of the same chassis: requests and connections are routed there by port segments of port 1. */
  readonly backplane?: (slot: number) => BackplaneDevice | undefined
  /** Slot of this device, when it has one. */
  readonly slot?: number
  /** Offers the UDP-only transport profile with StartDTLS on 44818/udp; default false. */
  readonly udpOnly?: boolean
  /** Lets a class 0/1 Forward_Open over TLS open plain I/O, as the first editions did; default false. */
  readonly allowTlsOpenedPlainIo?: boolean
  /** Has pages on 80/tcp, which its host serves: the port is then one of those that it administers. Default false. */
  readonly pages?: boolean
  /** Lets targets produce by multicast over plain UDP, to this group; without it multicast is refused. */
  readonly multicastGroup?: string
}
