import type { components } from '@cordon/client'

type Schemas = components['schemas']
type Device = Schemas['Device']
type Protection = Schemas['Connection']['confidentiality']

/** What a generated plant looks like. */
export interface PlantSize {
  readonly zones: number
  readonly devicesPerZone: number
  /** Whether every zone has a place on the map already. */
  readonly placed: boolean
}

/** A plant as the manager's API tells it; the same for the same size. */
export interface GeneratedPlant {
  readonly plant: Schemas['Plant']
  readonly topology: Schemas['Topology']
  readonly devices: readonly Device[]
  readonly connections: readonly Schemas['Connection'][]
  detail(name: string): Schemas['DeviceDetail'] | undefined
}

const areas = ['Press', 'Paint', 'Body', 'Assembly', 'Utilities', 'Packaging', 'Test', 'Store']
const products = ['1756-EN4TR/A', '1756-L85E/B', '1734-AENTR/C', '5069-L320ER', 'Kinetix 5700', 'PowerFlex 755T']
const protections: readonly Protection[] = ['Encrypted', 'Authenticated', 'None']
const promises = { Encrypted: 'confidentiality', Authenticated: 'integrity', None: 'none' } as const
const stages = ['observe', 'protect', 'enforce'] as const

/** When the generated plant was looked at. */
export const observedAt = '2026-11-28T12:00:00.000Z'

function at<T>(list: readonly T[], index: number): T {
  const found = list[index % list.length]
  if (found === undefined) throw new Error('the list is empty')
  return found
}

/** Seconds before (negative) or after the moment of observation. */
export function moment(seconds: number): string {
  return new Date(Date.parse(observedAt) + seconds * 1000).toISOString()
}

/** Makes a plant of this size. */
export function generatePlant({ zones: zoneCount, devicesPerZone, placed }: PlantSize): GeneratedPlant {
  const names = Array.from({ length: zoneCount }, (_, index) => {
    const line = Math.floor(index / areas.length) + 1
    return `${at(areas, index)} ${line}`
  })
  const devices = names.flatMap((zone, index) =>
    Array.from({ length: devicesPerZone }, (_, place) => deviceOf(zone, index, place)),
  )
  const zones = names.map((name, index) => zoneOf(name, index, devices))
  const conduits = conduitsOf(names)
  const columns = Math.ceil(Math.sqrt(zoneCount * 1.7 * 0.65))
  const layout = Object.fromEntries(
    placed
      ? names.map((name, index) => [name, { x: (index % columns) * 288, y: Math.floor(index / columns) * 184 }])
      : [],
  )
  const counts = standingsOf(devices)
  const plant: Schemas['Plant'] = {
    name: 'works',
    version: 12,
    author: 'Engineer',
    savedAt: moment(-7200),
    devices: devices.length,
    zones: zones.length,
    conduits: conduits.length,
    standings: counts,
    deployed: { version: 11, at: moment(-86_400), outcome: 'complete-with-warnings' },
    drift: counts.drift * 2,
    expiring: 3,
  }
  return {
    plant,
    topology: { plant: 'works', version: 12, zones, conduits, layout },
    devices,
    connections: connectionsOf(devices),
    detail: (name) => {
      const device = devices.find((one) => one.name === name)
      return device === undefined ? undefined : detailOf(device)
    },
  }
}

function deviceOf(zone: string, index: number, place: number): Device {
  const number = index * 31 + place
  const isCapable = number % 9 !== 4
  const standing: Device['standing'] =
    number % 37 === 5
      ? 'drift'
      : number % 101 === 7
        ? 'failed'
        : number % 89 === 11
          ? 'unreachable'
          : index % 7 === 3
            ? 'not-deployed'
            : 'ok'
  return {
    name: `${zone.replace(' ', '_')}_${String(place + 1).padStart(2, '0')}`,
    address: `10.${20 + Math.floor(index / 250)}.${index % 250}.${place + 10}`,
    zone,
    chassis: null,
    slot: null,
    capable: isCapable,
    standing,
    product: at(products, number),
    serial: 0x00e17300 + number,
    expiresAt: isCapable && standing !== 'not-deployed' ? moment(86_400 * (20 + (number % 900))) : null,
    drift: standing === 'drift' ? 2 : 0,
    updatedAt: moment(-60 * (number % 600)),
  }
}

function standingsOf(devices: readonly Device[]): Schemas['Standings'] {
  const counts = { ok: 0, 'not-deployed': 0, drift: 0, failed: 0, unreachable: 0, running: 0, left: 0 }
  for (const { standing } of devices) counts[standing]++
  return counts
}

function zoneOf(name: string, index: number, devices: readonly Device[]): Schemas['Zone'] {
  const own = devices.filter(({ zone }) => zone === name)
  const protection = at(protections, index)
  return {
    name,
    authentication: protection === 'None' ? 'none' : index % 5 === 1 ? 'psk' : 'certificate',
    messaging: promises[protection],
    io: promises[protection === 'Encrypted' ? 'Authenticated' : protection],
    nonSecure: protection === 'None' ? 'allow' : 'deny',
    close: [],
    stage: at(stages, index + 1),
    devices: own.length,
    standings: standingsOf(own),
  }
}

/** A tree of areas with some ties across: about as many conduits as zones, some of them parallel. */
function conduitsOf(zones: readonly string[]): Schemas['Conduit'][] {
  const pairs: [string, string][] = []
  for (let index = 1; index < zones.length; index++) {
    pairs.push([at(zones, Math.floor((index - 1) / 4)), at(zones, index)])
    if (index % 3 === 0) pairs.push([at(zones, Math.floor((index - 1) / 4)), at(zones, index)])
    if (index % 11 === 0) pairs.push([at(zones, index - 7), at(zones, index)])
  }
  return pairs.map(([from, to], index) => {
    const protection = at(protections, index * 7)
    const io = at(protections, index * 7 + (index % 4 === 0 ? 1 : 0))
    return {
      id: `conduit-${index}`,
      between: [from, to],
      zones: [from, to],
      authentication: protection === 'None' ? 'trusted-ip' : 'certificate',
      messaging: promises[protection],
      io: promises[io],
      messagingProtection: protection,
      ioProtection: io,
      trustedAddress: protection === 'None',
    }
  })
}

function connectionsOf(devices: readonly Device[]): Schemas['Connection'][] {
  return devices.slice(0, 2000).map((to, index) => {
    const from = at(devices, Math.floor(index / 8) * 8)
    const protection = at(protections, index)
    return {
      key: `c${index}`,
      kind: index % 6 === 0 ? 'session' : 'connection',
      from: from.address ?? '',
      fromName: index % 23 === 9 ? null : from.name,
      fromZone: index % 23 === 9 ? null : from.zone,
      to: to.address ?? '',
      toName: to.name,
      toZone: to.zone,
      class: index % 6 === 0 ? null : index % 2 === 0 ? 1 : 3,
      transport: protection === 'None' ? 'tcp' : index % 2 === 0 ? 'dtls' : 'tls',
      confidentiality: protection,
      suite: protection === 'None' ? null : 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
      rpiUs: index % 6 === 0 ? null : 20_000,
      uptimeS: 3600 * (1 + (index % 40)),
      missed: index % 17 === 3 ? 4 : 0,
      verdict:
        index % 23 === 9 ? 'unknown-peer' : index % 19 === 4 ? 'weaker' : index % 29 === 6 ? 'forbidden' : 'allowed',
      reason: index % 29 === 6 ? 'no conduit joins these zones' : 'zone: certificate, confidentiality',
      observedAt,
    }
  })
}

function detailOf(device: Device): Schemas['DeviceDetail'] {
  const message: Schemas['Message'] = {
    code: 'not-enforceable',
    severity: 'warning',
    subject: device.name,
    text: 'Plain traffic cannot be limited by address.',
    cause: 'The device has no Ingress Egress object, so it answers plain requests of anybody who reaches it.',
    evidence: 'class 0x63: path destination unknown',
    next: 'Close the plain ports of its zone, or limit who reaches it in the network.',
  }
  return {
    device,
    identity: {
      vendor: 1,
      deviceType: 12,
      productCode: 166,
      revision: '32.11',
      productName: device.product ?? '',
      serial: device.serial ?? 0,
    },
    certificate:
      device.expiresAt === null
        ? null
        : {
            issuer: 'works Press 1 CA 1',
            serial: '5f3a91c07b2e4d18',
            subject: `CN=${device.name}, O=Example Works`,
            fingerprint: '9f1c'.repeat(16),
            notBefore: moment(-86_400 * 30),
            notAfter: device.expiresAt,
            status: 'valid',
          },
    vendorFingerprint: '07ab'.repeat(16),
    wanted: {
      enforcement: 'Ingress rules (0x63)',
      ports: ['tcp/44818 closed', 'udp/2222 closed'],
      suites: ['C02B', 'C02C'],
      peers: [
        { name: 'zone Press 1', messaging: 'Encrypted', io: 'Authenticated' },
        { name: 'zone Paint 1', messaging: 'Authenticated', io: 'Authenticated' },
        { name: 'Legacy_IO', messaging: 'None', io: 'None' },
      ],
    },
    lastDeployment: {
      id: '3f2a91c0',
      at: moment(-86_400),
      outcome: 'complete-with-warnings',
      messages: [message],
    },
    findings: [findingOf(device)],
    capabilities: null,
    tables: { at: observedAt, identity: {}, tcp: [], tls: [], dtls: [], bridge: [], security: securityOf(device) },
  }
}

/** A drift finding of a device. */
export function findingOf({ name }: Device): Schemas['DriftFinding'] {
  return {
    id: 4,
    device: name,
    kind: 'attribute',
    weight: 'drift',
    text: 'TCP/IP Interface (0xF5) instance 1 attribute 14, Port Admin State udp/2222: expected open, found closed',
    explanation: 'nobody known',
    foundAt: moment(-5400),
    goneAt: null,
  }
}

function securityOf({ name }: Device): unknown {
  const suite = {
    suite: 0xc02b,
    suiteName: 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
    meaning: 'certificates, encrypted with AES-128-GCM',
    confidentiality: 'Encrypted',
  }
  const plain = {
    suite: 0xc006,
    suiteName: 'TLS_ECDHE_ECDSA_WITH_NULL_SHA',
    meaning: 'certificates, integrity only',
    confidentiality: 'Authenticated',
  }
  return {
    capable: true,
    cipSecurityState: 'configured',
    ethernetIpSecurityState: 'configured',
    verifiesPeers: true,
    checksExpiration: false,
    preSharedKeys: 0,
    revocationLists: 1,
    suites: [suite, plain],
    originatorSuites: [suite],
    certificates: [
      {
        use: 'own',
        subject: `CN=${name}, O=Example Works`,
        issuer: 'CN=works Press 1 CA 1',
        serial: '5f3a91c07b2e4d18',
        notBefore: moment(-86_400 * 30),
        notAfter: moment(86_400 * 400),
        expired: false,
        fingerprint: '9f1c'.repeat(16),
      },
      {
        use: 'authority',
        subject: 'CN=works Press 1 CA 1',
        issuer: 'CN=works root',
        serial: '01',
        notBefore: moment(-86_400 * 30),
        notAfter: moment(86_400 * 3600),
        expired: false,
        fingerprint: '11aa'.repeat(16),
      },
    ],
    ports: [
      { port: 44818, protocol: 'tcp', open: false },
      { port: 2221, protocol: 'tcp', open: true },
      { port: 2222, protocol: 'udp', open: false },
    ],
    refusals: [
      { at: moment(-300), peer: '10.99.1.4', port: 2221, reason: 'certificate of an unknown authority', count: 12 },
    ],
  }
}
