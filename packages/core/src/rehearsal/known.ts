import { type Static, Type } from 'typebox'
import { named, unsigned } from '../document/fields.ts'
import { type ParseProblem, readDocument } from '../document/read.ts'
import { addressPattern } from '../policy/address.ts'
import type { DeviceCapabilities } from '../policy/capabilities.ts'
import type { SimulatedCapacity, SimulatedIdentity } from '../policy/simulation-model.ts'

/** What was read of one device, or is known of it otherwise. What is absent is not known. */
export interface KnownDevice {
  readonly identity?: Partial<SimulatedIdentity> | undefined
  readonly capabilities?: DeviceCapabilities | undefined
  /** Class revision of 0x5D. */
  readonly cipSecurityRevision?: number | undefined
  /** Sessions, TLS and DTLS by its data sheet; CIP connections are `capabilities.maxConnections`. */
  readonly capacity?: Partial<Omit<SimulatedCapacity, 'connections'>> | undefined
  /** Certificates and lists that it can hold (class 0x37). */
  readonly fileSlots?: number | undefined
  /** It is under a policy of this plant already. */
  readonly configured?: boolean | undefined
}

/** A connection that was seen between two addresses. */
export interface SeenConnection {
  readonly from: string
  readonly to: string
  readonly class: 0 | 1 | 3
  readonly outputSize?: number | undefined
  readonly inputSize?: number | undefined
  readonly rpiUs?: number | undefined
  readonly targetRpiUs?: number | undefined
}

/** What is known of the devices of a plant, by name. */
export type KnownDevices = ReadonlyMap<string, KnownDevice>

/** One over the other: what `later` says wins, field by field. */
export function mergeKnown(earlier: KnownDevices, later: KnownDevices): KnownDevices {
  const merged = new Map(earlier)
  for (const [name, over] of later) {
    const under = merged.get(name)
    if (under === undefined) merged.set(name, over)
    else
      merged.set(name, {
        ...under,
        ...over,
        identity: { ...under.identity, ...over.identity },
        capabilities: {
          ...under.capabilities,
          ...over.capabilities,
          objectRevisions: { ...under.capabilities?.objectRevisions, ...over.capabilities?.objectRevisions },
        },
        capacity: { ...under.capacity, ...over.capacity },
      })
  }
  return merged
}

const strict = { additionalProperties: false } as const
const suites = (description: string) =>
  Type.Optional(Type.Array(unsigned(16, 'A suite.'), { maxItems: 64, description }))
const number = (bits: 8 | 16 | 32, description: string) => Type.Optional(unsigned(bits, description))
const yes = (description: string) => Type.Optional(Type.Boolean({ description, 'x-expected': 'true or false' }))
const address = (description: string) =>
  Type.String({ pattern: addressPattern, description, 'x-expected': 'an IPv4 address such as 192.0.2.17' })

const device = Type.Object(
  {
    identity: Type.Optional(
      Type.Object(
        {
          vendor: number(16, 'Vendor number.'),
          type: number(16, 'Device type.'),
          product: number(16, 'Product code.'),
          major: number(8, 'Major revision.'),
          minor: number(8, 'Minor revision.'),
          serial: number(32, 'Serial number.'),
          name: Type.Optional(Type.String({ maxLength: 32, description: 'Product name.' })),
        },
        { ...strict, description: 'What the Identity object says.' },
      ),
    ),
    capabilities: Type.Optional(
      Type.Object(
        {
          capable: yes('Speaks CIP Security.'),
          suites: suites('0x5E attribute 3.'),
          originatorSuites: suites('0x5E attribute 18.'),
          objectRevisions: Type.Optional(
            Type.Object(
              {
                ethernetIpSecurity: number(16, 'Class revision of 0x5E.'),
                certificateManagement: number(16, 'Class revision of 0x5F.'),
              },
              { ...strict, description: 'Class revisions.' },
            ),
          ),
          pskSlots: number(16, '0x5E class attribute 8.'),
          fileLimit: number(32, 'Largest file in bytes (class 0x37).'),
          ingressEgress: yes('Has class 0x63.'),
          trustedIdentities: yes('0x5E attribute 12 can be set.'),
          maxConnections: number(16, 'CIP connections in all.'),
          profiles: number(16, '0x5D attribute 2.'),
        },
        { ...strict, description: 'What it can do.' },
      ),
    ),
    cipSecurityRevision: number(16, 'Class revision of 0x5D.'),
    capacity: Type.Optional(
      Type.Object(
        {
          sessions: number(16, 'Encapsulation sessions.'),
          tls: number(16, 'TLS sessions.'),
          dtls: number(16, 'DTLS associations.'),
          minimumRpiUs: number(32, 'Shortest packet interval, microseconds.'),
        },
        { ...strict, description: 'Sessions by its data sheet.' },
      ),
    ),
    fileSlots: number(16, 'Files that it can hold.'),
    configured: yes('It is under a policy of this plant already.'),
  },
  { ...strict, description: 'What is known of a device.' },
)

const connection = Type.Object(
  {
    from: address('Address of the originator.'),
    to: address('Address of the target.'),
    class: Type.Union([Type.Literal(0), Type.Literal(1), Type.Literal(3)], { 'x-expected': 'a class: 0, 1 or 3' }),
    outputSize: number(16, 'O->T connection size, bytes.'),
    inputSize: number(16, 'T->O connection size, bytes.'),
    rpiUs: number(32, 'O->T packet interval, microseconds.'),
    targetRpiUs: number(32, 'T->O packet interval, microseconds.'),
  },
  { ...strict, description: 'A connection that was seen.' },
)

/** The schema of a file of what is known of a plant, JSON or YAML. */
export const knownSchema = Type.Object(
  {
    devices: Type.Optional(named(device, 'Devices by name.')),
    connections: Type.Optional(
      Type.Array(connection, { maxItems: 100_000, description: 'Connections that were seen.' }),
    ),
  },
  { ...strict, 'x-expected': 'a mapping with devices and connections' },
)

/** What is known of a plant besides its file. */
export interface KnownPlant {
  readonly devices: KnownDevices
  readonly connections: readonly SeenConnection[]
}

/** A file of what is known of a plant, or every problem that it has. Like `parsePlant` it throws nothing. */
export function parseKnown(
  text: string,
  file: string,
): { readonly known: KnownPlant | undefined; readonly problems: readonly ParseProblem[] } {
  const document = readDocument(text, file, knownSchema)
  if (document.value === undefined) return { known: undefined, problems: document.problems }
  const { devices = {}, connections = [] } = document.value as Static<typeof knownSchema> // checked against the schema just now
  return { known: { devices: new Map(Object.entries(devices)), connections }, problems: [] }
}
