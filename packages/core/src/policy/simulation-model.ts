import type { KeyKind } from '../crypto/provider.ts'
import { securityProfiles } from '../security/profiles.ts'
import type { DeviceCapabilities } from './capabilities.ts'

/**
 * The simulation model: what only a virtual plant needs, beside the plant file. Models are already merged into their
 * devices, defaults are filled in. Who originates which connection is in the plant's `connections`.
 */
export interface Simulation {
  readonly version: 1
  /** Name of the plant that this belongs to (`plant:` of the plant file). */
  readonly plant: string
  /** Makers whose certificates factory-fresh devices carry. */
  readonly vendors: readonly SimulatedVendor[]
  /** How devices that pull look for EST servers by multicast DNS. */
  readonly discovery: SimulatedDiscovery
  readonly devices: readonly SimulatedDevice[]
}

/** A maker with an authority of its own: a root, and an intermediate that signs its devices' default certificates. */
export interface SimulatedVendor {
  readonly name: string
  /** CIP vendor number. */
  readonly vendor: number
  readonly organization: string
  /** Two letters, ISO 3166. */
  readonly country: string
  /** How the intermediate signs. */
  readonly signature: 'ecdsa-sha256' | 'ecdsa-sha384' | 'ecdsa-sha512'
  /** Common name of a device certificate; `{name}` is the product name, `{serial}` the serial number as 8 hex digits. */
  readonly commonName: string
  /** Its root is in the file of roots that a plant's owner trusts. */
  readonly trusted: boolean
}

/** Where and for what units look by multicast DNS. */
export interface SimulatedDiscovery {
  /** Names of interfaces; undefined: those on which the units have their addresses. */
  readonly interfaces: readonly string[] | undefined
  /** Service type of the servers; undefined: `_est._tcp`. */
  readonly type: string | undefined
  /** Only servers announced under this subtype, so that two plants on one link find each their own. */
  readonly subtype: string | undefined
}

/** How a unit pulls its certificate (cip-security-wire 6.2). Paths of files are relative to the simulation file. */
export interface SimulatedPull {
  /** Undefined: found by multicast DNS. */
  readonly servers: readonly { readonly host: string; readonly port: number }[] | undefined
  /** Path label of the servers; undefined: what discovery says, else none. */
  readonly label: string | undefined
  readonly trust:
    | { readonly kind: 'provisional' }
    /** SHA-256 of an authority, lower-case hex. */
    | { readonly kind: 'fingerprint'; readonly sha256: string }
    | { readonly kind: 'anchors'; readonly file: string }
  /** Told to a server that asks, once it is believed. */
  readonly basic: { readonly user: string; readonly passwordFile: string } | undefined
  /** Shown instead of the default certificate, PEM files. */
  readonly certificate: { readonly chain: string; readonly key: string } | undefined
  /** Where the server has no wish. */
  readonly keyKind: KeyKind
  /** Its clock knows the date. */
  readonly calendar: boolean
}

/** What the Identity object answers (class 0x01). */
export interface SimulatedIdentity {
  readonly vendor: number
  readonly type: number
  readonly product: number
  readonly major: number
  readonly minor: number
  /** Unsigned 32 bits; unique per vendor in a plant. */
  readonly serial: number
  /** Product name, at most 32 characters. */
  readonly name: string
}

/** What a unit does besides answering. */
export type SimulatedKind =
  /** Ethernet module of a chassis: bridges between its port 2 (Ethernet) and the backplane (port 1). */
  | 'module'
  /** Controller: tags, produces and consumes, originates. */
  | 'controller'
  /** I/O adapter: assemblies. */
  | 'adapter'
  /** Drive: assemblies, one owner. */
  | 'drive'
  /** Operator panel or software: class 3 client. */
  | 'client'

/** The credential of a factory-fresh device. */
export type DefaultCredential =
  /** Signed by its maker. */
  | { readonly kind: 'vendor'; readonly vendor: string; readonly condition: 'good' | 'expired' | 'revoked' }
  /** The key and certificate of another unit. */
  | { readonly kind: 'clone'; readonly of: string }
  | { readonly kind: 'self-signed' }

/** The CIP Security side of a device; absent for a device without it. */
export interface SimulatedSecurity {
  /** 0x5E attribute 3, in order. */
  readonly suites: readonly number[]
  /** 0x5E attribute 18; used from revision 9. */
  readonly originatorSuites: readonly number[]
  readonly objectRevisions: {
    /** 0x5D, 3 or 4. */
    readonly cipSecurity: number
    /** 0x5E: 7 has one revocation list and no attributes 16 to 20; 9 has a list of them and all attributes. */
    readonly ethernetIpSecurity: number
    /** 0x5F: 2 takes eight strings in Create_CSR, 3 takes nine. */
    readonly certificateManagement: number
  }
  /** 0x5E class attribute 8. */
  readonly pskSlots: number
  /** Has class 0x63. */
  readonly ingressEgress: boolean
  /** 0x5E attribute 12 may be set. */
  readonly trustedIdentities: boolean
  /** Largest file it takes, bytes (class 0x37). */
  readonly fileLimit: number
  /** File instances it can hold besides the static ones. */
  readonly fileSlots: number
  /** A factory reset is taken in plain even under a policy. */
  readonly plainReset: boolean
  /** 0x5D attribute 2. */
  readonly profiles: number
  readonly credential: DefaultCredential
}

/** What a unit states as its limits (EDS, served as File 0xC8) and enforces. */
export interface SimulatedCapacity {
  /** CIP connections in all. */
  readonly connections: number
  /** Encapsulation sessions on plain and secured TCP together. */
  readonly sessions: number
  /** TLS sessions. */
  readonly tls: number
  /** DTLS associations. */
  readonly dtls: number
  /** Shortest packet interval in microseconds; a shorter one is refused with 0x0111 or 0x0112. */
  readonly minimumRpiUs: number
}

/** Elementary types of tags. STRING is the 82-character structure of controllers. */
export type TagType = 'BOOL' | 'SINT' | 'INT' | 'DINT' | 'LINT' | 'REAL' | 'LREAL' | 'STRING'

/** A tag of a controller, read by its symbolic path with Read Tag (0x4C), or produced to consumers. */
export interface SimulatedTag {
  readonly name: string
  readonly type: TagType
  /** Number of elements; 1 for a plain tag. */
  readonly length: number
  /** Value of each element; `length` of them. */
  readonly value: readonly (number | string | boolean)[]
  /** May be opened by a consumer (class 1 on the symbolic path). */
  readonly produced: boolean
  /** How the value moves: not at all, or counted up by one in each `everyMs`. */
  readonly change: { readonly kind: 'constant' } | { readonly kind: 'count'; readonly everyMs: number }
}

/** A connection point of the Assembly object (class 0x04). */
export interface SimulatedAssembly {
  readonly instance: number
  readonly direction: 'input' | 'output' | 'configuration'
  /** Bytes of data, without sequence count and run/idle header. */
  readonly size: number
  /** What outputs do when their connection is lost: keep the last value, or go to zero. Inputs have none. */
  readonly onLoss: 'hold' | 'zero'
  /** Input data counted up in each `everyMs`, so that a stuck connection shows; constant when absent. */
  readonly countEveryMs?: number | undefined
}

/** When a fault strikes: after a time since start, or at the n-th request of a service of a class. */
export type FaultTrigger =
  | { readonly kind: 'time'; readonly afterMs: number }
  | { readonly kind: 'service'; readonly class: number; readonly service: number; readonly occurrence: number }

/** What a unit does wrong, on demand. */
export type FaultKind =
  /** Loses this share of datagrams and of accepted connections. */
  | { readonly kind: 'drop'; readonly share: number }
  /** Answers later. */
  | { readonly kind: 'delay'; readonly delayMs: number }
  /** Goes dark without goodbye, comes back with what its storage holds. */
  | { readonly kind: 'power-cycle'; readonly downMs: number }
  /** Keeps its sockets and answers nothing. */
  | { readonly kind: 'hang' }
  /** Answers requests with this general status. */
  | { readonly kind: 'wrong-answer'; readonly status: number }
  /** Certificate store full: Create of 0x5F and 0x37 fails. */
  | { readonly kind: 'full-certificate-store' }
  /** Identity protection mode is on: security services are refused. */
  | { readonly kind: 'protection-mode' }
  /** Create_CSR takes this long. */
  | { readonly kind: 'slow-csr'; readonly delayMs: number }
  /** A handshake takes this long. */
  | { readonly kind: 'slow-handshake'; readonly delayMs: number }
  /** Someone between the unit and everybody else relays, reads and alters plain traffic, and presents a certificate of its own. */
  | { readonly kind: 'man-in-the-middle' }

/** A fault with its trigger and duration. */
export interface SimulatedFault {
  readonly fault: FaultKind
  readonly when: FaultTrigger
  /** How long it lasts; for good when absent. */
  readonly durationMs?: number | undefined
}

/** A virtual unit: what `plant.yaml` says about the device of this name, and the rest here. */
export interface SimulatedDevice {
  /** Name of the device in the plant file. */
  readonly name: string
  readonly kind: SimulatedKind
  readonly identity: SimulatedIdentity
  /** Undefined for a device whose plant entry says `capability: none`. */
  readonly security: SimulatedSecurity | undefined
  /** Undefined: it does not have the pull model. */
  readonly pull: SimulatedPull | undefined
  readonly capacity: SimulatedCapacity
  readonly tags: readonly SimulatedTag[]
  readonly assemblies: readonly SimulatedAssembly[]
  readonly faults: readonly SimulatedFault[]
  /** Starts with the plant, or only once a deployment is done. */
  readonly startsWhen: 'plant' | 'after-deployment'
  /** Serves its own pages on tcp/80. */
  readonly web: boolean
  /** Accepts connections on the EtherNet/IP ports; false for software that only originates and is never configured. */
  readonly listens: boolean
}

/** The capabilities that validation needs, as this simulation states them. */
export function simulatedCapabilities(simulation: Simulation): ReadonlyMap<string, DeviceCapabilities> {
  return new Map(simulation.devices.map((device) => [device.name, capabilitiesOf(device)]))
}

function capabilitiesOf(device: SimulatedDevice): DeviceCapabilities {
  const { security, capacity } = device
  if (security === undefined) return { capable: false, maxConnections: capacity.connections }
  return {
    capable: true,
    suites: security.suites,
    originatorSuites: security.objectRevisions.ethernetIpSecurity >= 9 ? security.originatorSuites : security.suites,
    objectRevisions: {
      ethernetIpSecurity: security.objectRevisions.ethernetIpSecurity,
      certificateManagement: security.objectRevisions.certificateManagement,
    },
    pskSlots: security.pskSlots,
    fileLimit: security.fileLimit,
    ingressEgress: security.ingressEgress,
    trustedIdentities: security.trustedIdentities,
    maxConnections: capacity.connections,
    profiles: device.pull === undefined ? security.profiles : security.profiles | securityProfiles.pullModel,
  }
}
