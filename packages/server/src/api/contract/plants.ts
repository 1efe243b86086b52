import { Type } from 'typebox'
import {
  anyJson,
  closed,
  confidentiality,
  count,
  list,
  message,
  name,
  named,
  nullable,
  page,
  paging,
  sentence,
  textProblem,
  time,
  words,
} from './common.ts'
import type { Routes } from './route.ts'

/** Largest text of a plant file, bytes. */
export const plantTextLimit = 8 * 1024 * 1024
const text = Type.String({ maxLength: plantTextLimit })
const bodyLimit = 2 * plantTextLimit + 65_536
const plantParams = closed({ plant: name })
const versionNumber = Type.Integer({ minimum: 1 })
const versionParams = closed({ plant: name, version: Type.Integer({ minimum: 1 }) })

/** How a device stands. */
export const standing = words('ok', 'not-deployed', 'drift', 'failed', 'unreachable', 'running', 'left')
const standings = named(
  'Standings',
  closed({
    ok: count,
    'not-deployed': count,
    drift: count,
    failed: count,
    unreachable: count,
    running: count,
    left: count,
  }),
)
/** How far a zone is enforced. */
export const stage = words('observe', 'protect', 'enforce')
/** How a deployment, or a device of one, ended. */
export const outcome = words('complete', 'complete-with-warnings', 'not-complete')

const plant = named(
  'Plant',
  closed({
    name,
    version: versionNumber,
    author: Type.String(),
    savedAt: time,
    devices: count,
    zones: count,
    conduits: count,
    standings,
    deployed: nullable(closed({ version: nullable(versionNumber), at: time, outcome: Type.String() })),
    drift: count,
    expiring: count,
  }),
)

const version = named(
  'Version',
  closed({
    version: versionNumber,
    author: Type.String(),
    message: Type.String(),
    savedAt: time,
    base: nullable(versionNumber),
    digest: Type.String(),
    devices: count,
    zones: count,
  }),
)
const versionText = named('VersionText', closed({ version, text: Type.String(), simulation: nullable(Type.String()) }))

const change = named(
  'ModelChange',
  closed({
    kind: words('added', 'removed', 'changed'),
    what: words('plant', 'zone', 'device', 'conduit', 'range', 'connection', 'test', 'authority', 'chassis'),
    name: Type.String(),
    fields: Type.Array(Type.String()),
  }),
)
const difference = named(
  'VersionDifference',
  closed({
    from: versionNumber,
    to: versionNumber,
    /** Unified difference of the texts. */
    text: Type.String(),
    changes: Type.Array(change),
  }),
)

const validation = named(
  'Validation',
  closed({
    valid: Type.Boolean(),
    problems: Type.Array(textProblem),
    summary: nullable(closed({ name, devices: count, zones: count, conduits: count })),
    changes: Type.Array(change),
  }),
)

const security = closed({ authentication: Type.String(), messaging: Type.String(), io: Type.String() })

const zone = named(
  'Zone',
  closed({
    name,
    ...security.properties,
    nonSecure: words('allow', 'deny'),
    close: Type.Array(Type.String()),
    stage,
    devices: count,
    standings,
  }),
)

/** Protection of traffic over a conduit, in words. */
const conduit = named(
  'Conduit',
  closed({
    id: Type.String(),
    between: Type.Array(name, { minItems: 2, maxItems: 2 }),
    /** Zones that its ends lie in; an end may be a device or a range. */
    zones: Type.Array(nullable(name), { minItems: 2, maxItems: 2 }),
    ...security.properties,
    messagingProtection: confidentiality,
    ioProtection: confidentiality,
    trustedAddress: Type.Boolean(),
  }),
)

const topology = named(
  'Topology',
  closed({
    plant: name,
    version: versionNumber,
    zones: Type.Array(zone),
    conduits: Type.Array(conduit),
    layout: Type.Record(Type.String(), closed({ x: Type.Number(), y: Type.Number() })),
  }),
)

const device = named(
  'Device',
  closed({
    name,
    address: nullable(Type.String()),
    zone: nullable(name),
    chassis: nullable(Type.String()),
    slot: nullable(count),
    capable: Type.Boolean(),
    standing,
    product: nullable(Type.String()),
    serial: nullable(Type.Integer()),
    expiresAt: nullable(time),
    drift: count,
    updatedAt: nullable(time),
  }),
)

const deviceDetail = named(
  'DeviceDetail',
  closed({
    device,
    identity: nullable(
      closed({
        vendor: Type.Integer(),
        deviceType: Type.Integer(),
        productCode: Type.Integer(),
        revision: Type.String(),
        productName: Type.String(),
        serial: Type.Integer(),
      }),
    ),
    certificate: nullable(
      closed({
        issuer: Type.String(),
        serial: Type.String(),
        subject: Type.String(),
        fingerprint: Type.String(),
        notBefore: time,
        notAfter: time,
        status: Type.String(),
      }),
    ),
    vendorFingerprint: nullable(Type.String()),
    /** What the model wants of it. */
    wanted: nullable(
      closed({
        enforcement: Type.String(),
        ports: Type.Array(Type.String()),
        suites: Type.Array(Type.String()),
        peers: Type.Array(closed({ name: Type.String(), messaging: confidentiality, io: confidentiality })),
      }),
    ),
    lastDeployment: nullable(
      closed({ id: Type.String(), at: time, outcome: Type.String(), messages: Type.Array(message) }),
    ),
    findings: Type.Array(
      named(
        'DriftFinding',
        closed({
          id: count,
          device: name,
          kind: Type.String(),
          weight: Type.String(),
          text: Type.String(),
          explanation: Type.String(),
          foundAt: time,
          goneAt: nullable(time),
        }),
      ),
    ),
    /** What it can do, as it was last read. */
    capabilities: nullable(anyJson),
    /** Its live tables, as last observed: `docs/device-pages.md`. */
    tables: nullable(
      closed({
        at: time,
        identity: anyJson,
        tcp: anyJson,
        tls: anyJson,
        dtls: anyJson,
        bridge: anyJson,
        security: anyJson,
      }),
    ),
  }),
)

const connection = named(
  'Connection',
  closed({
    key: Type.String(),
    kind: words('connection', 'session'),
    from: Type.String(),
    fromName: nullable(name),
    fromZone: nullable(name),
    to: Type.String(),
    toName: nullable(name),
    toZone: nullable(name),
    class: nullable(Type.Integer()),
    transport: words('tcp', 'udp', 'tls', 'dtls'),
    confidentiality,
    suite: nullable(Type.String()),
    rpiUs: nullable(count),
    uptimeS: nullable(count),
    missed: count,
    verdict: words('allowed', 'forbidden', 'weaker', 'unknown-peer'),
    reason: Type.String(),
    observedAt: time,
  }),
)

const breakage = named(
  'Breakage',
  closed({
    from: Type.String(),
    fromName: nullable(name),
    to: Type.String(),
    toName: nullable(name),
    class: nullable(Type.Integer()),
    transport: Type.String(),
    reason: Type.String(),
    remedy: Type.String(),
  }),
)
const dryRun = named(
  'DryRun',
  closed({
    observedAt: nullable(time),
    connections: count,
    breaks: Type.Array(breakage),
    problems: Type.Array(textProblem),
  }),
)

const discovered = named(
  'Discovered',
  closed({
    address: Type.String(),
    state: words('new', 'adopted', 'ignored'),
    /** Device of the plant at this address. */
    device: nullable(name),
    identity: nullable(
      closed({
        vendor: Type.Integer(),
        deviceType: Type.Integer(),
        productCode: Type.Integer(),
        revision: Type.String(),
        productName: Type.String(),
        serial: Type.Integer(),
      }),
    ),
    capable: Type.Boolean(),
    securityState: nullable(Type.String()),
    firstSeen: time,
    lastSeen: time,
    by: nullable(Type.String()),
  }),
)

const proposal = named(
  'Proposal',
  closed({ text: Type.String(), notes: Type.Array(Type.String()), problems: Type.Array(textProblem) }),
)
const stageEntry = named(
  'StageEntry',
  closed({ zone: name, stage, since: nullable(time), by: nullable(Type.String()), consequence: Type.String() }),
)
const saveBody = { message: sentence, simulation: Type.Optional(nullable(text)) }

/** Plants with their versions, devices, zones and connections. */
export const plantRoutes = {
  'plants.list': {
    method: 'GET',
    path: '/plants',
    access: 'plant.read',
    summary: 'All plants',
    status: 200,
    response: list('PlantList', plant),
  },
  'plants.create': {
    method: 'POST',
    path: '/plants',
    access: 'plant.write',
    summary: 'A new plant from the text of a plant file',
    status: 201,
    bodyLimit,
    body: closed({ text, ...saveBody }),
    response: version,
  },
  'plants.validate': {
    method: 'POST',
    path: '/plants/validate',
    access: 'plant.read',
    summary: 'What is wrong in a text, and what it changes',
    status: 200,
    bodyLimit,
    body: closed({
      text,
      simulation: Type.Optional(nullable(text)),
      against: Type.Optional(closed({ plant: name, version: versionNumber })),
    }),
    response: validation,
  },
  'plants.read': {
    method: 'GET',
    path: '/plants/:plant',
    access: 'plant.read',
    summary: 'One plant',
    status: 200,
    params: plantParams,
    response: plant,
  },
  'versions.list': {
    method: 'GET',
    path: '/plants/:plant/versions',
    access: 'plant.read',
    summary: 'Versions, newest first',
    status: 200,
    params: plantParams,
    query: closed(paging),
    response: page('VersionPage', version),
  },
  'versions.save': {
    method: 'POST',
    path: '/plants/:plant/versions',
    access: 'plant.write',
    summary: 'Save a new version; 409 `outdated` with a merge where somebody saved meanwhile',
    status: 201,
    bodyLimit,
    params: plantParams,
    body: closed({ base: versionNumber, text, ...saveBody }),
    response: version,
  },
  'versions.read': {
    method: 'GET',
    path: '/plants/:plant/versions/:version',
    access: 'plant.read',
    summary: 'The text of a version',
    status: 200,
    params: versionParams,
    response: versionText,
  },
  'versions.restore': {
    method: 'POST',
    path: '/plants/:plant/versions/:version/restore',
    access: 'plant.write',
    summary: 'A new version with the text of an old one',
    status: 201,
    params: versionParams,
    body: closed({ base: versionNumber, message: sentence }),
    response: version,
  },
  'versions.difference': {
    method: 'GET',
    path: '/plants/:plant/difference',
    access: 'plant.read',
    summary: 'What two versions differ in',
    status: 200,
    params: plantParams,
    query: closed({ from: versionNumber, to: versionNumber }),
    response: difference,
  },
  'plants.importTable': {
    method: 'POST',
    path: '/plants/:plant/import',
    access: 'plant.write',
    summary: 'Devices from CSV: a text to look at and save',
    status: 200,
    params: plantParams,
    bodyLimit,
    body: closed({ csv: text }),
    response: proposal,
  },
  'topology.read': {
    method: 'GET',
    path: '/plants/:plant/topology',
    access: 'plant.read',
    summary: 'Zones, conduits and their places on the map',
    status: 200,
    params: plantParams,
    response: topology,
  },
  'layout.save': {
    method: 'PUT',
    path: '/plants/:plant/layout',
    access: 'plant.read',
    summary: 'Places of zones on the map',
    status: 204,
    params: plantParams,
    body: closed({
      places: Type.Record(
        Type.String({ maxLength: 128 }),
        closed({ x: Type.Number({ minimum: -1e6, maximum: 1e6 }), y: Type.Number({ minimum: -1e6, maximum: 1e6 }) }),
      ),
    }),
  },
  'zones.list': {
    method: 'GET',
    path: '/plants/:plant/zones',
    access: 'plant.read',
    summary: 'Zones with what they promise',
    status: 200,
    params: plantParams,
    response: list('ZoneList', zone),
  },
  'conduits.list': {
    method: 'GET',
    path: '/plants/:plant/conduits',
    access: 'plant.read',
    summary: 'Conduits by protection',
    status: 200,
    params: plantParams,
    response: list('ConduitList', conduit),
  },
  'stages.list': {
    method: 'GET',
    path: '/plants/:plant/stages',
    access: 'plant.read',
    summary: 'How far each zone is enforced, and what that means',
    status: 200,
    params: plantParams,
    response: list('StageList', stageEntry),
  },
  'stages.set': {
    method: 'PUT',
    path: '/plants/:plant/stages',
    access: 'deploy',
    summary: 'Set stages; the next deployment puts them in force',
    status: 200,
    params: plantParams,
    body: closed({ stages: Type.Record(Type.String({ maxLength: 128 }), stage), message: sentence }),
    response: list('StageList', stageEntry),
  },
  'devices.list': {
    method: 'GET',
    path: '/plants/:plant/devices',
    access: 'plant.read',
    summary: 'Devices by page',
    status: 200,
    params: plantParams,
    query: closed({
      ...paging,
      zone: Type.Optional(name),
      standing: Type.Optional(standing),
      search: Type.Optional(Type.String({ maxLength: 128 })),
    }),
    response: page('DevicePage', device),
  },
  'devices.read': {
    method: 'GET',
    path: '/plants/:plant/devices/:device',
    access: 'plant.read',
    summary: 'One device with all that is known of it',
    status: 200,
    params: closed({ plant: name, device: name }),
    response: deviceDetail,
  },
  'connections.list': {
    method: 'GET',
    path: '/plants/:plant/connections',
    access: 'plant.read',
    summary: 'Connections as last observed, judged by the model',
    status: 200,
    params: plantParams,
    query: closed({
      ...paging,
      zone: Type.Optional(name),
      device: Type.Optional(name),
      protection: Type.Optional(confidentiality),
      verdict: Type.Optional(words('allowed', 'forbidden', 'weaker', 'unknown-peer')),
      search: Type.Optional(Type.String({ maxLength: 128 })),
    }),
    response: page('ConnectionPage', connection),
  },
  'findings.list': {
    method: 'GET',
    path: '/plants/:plant/findings',
    access: 'plant.read',
    summary: 'Differences between the plant and its model',
    status: 200,
    params: plantParams,
    query: closed({ ...paging, gone: Type.Optional(Type.Boolean()), device: Type.Optional(name) }),
    response: page('FindingPage', deviceDetail.properties.findings.items),
  },
  'plants.dryRun': {
    method: 'POST',
    path: '/plants/:plant/dry-run',
    access: 'plant.read',
    summary: 'Which observed connections a text or version would break',
    status: 200,
    params: plantParams,
    bodyLimit,
    body: closed({ text: Type.Optional(text), version: Type.Optional(versionNumber) }),
    response: dryRun,
  },
  'plants.propose': {
    method: 'POST',
    path: '/plants/:plant/propose',
    access: 'plant.write',
    summary: 'Zones and conduits from what was observed: a text to look at and save',
    status: 200,
    params: plantParams,
    response: proposal,
  },
  'discovered.list': {
    method: 'GET',
    path: '/plants/:plant/discovered',
    access: 'plant.read',
    summary: 'Devices that answered',
    status: 200,
    params: plantParams,
    response: list('DiscoveredList', discovered),
  },
  'discovered.adopt': {
    method: 'POST',
    path: '/plants/:plant/discovered/adopt',
    access: 'plant.write',
    summary: 'Take devices into a zone: saves a new version',
    status: 201,
    params: plantParams,
    body: closed({
      base: versionNumber,
      devices: Type.Array(closed({ address: Type.String({ maxLength: 64 }), name, zone: name }), {
        minItems: 1,
        maxItems: 1000,
      }),
      /** A zone that does not exist yet is made with these promises. */
      newZone: Type.Optional(
        closed({
          name,
          authentication: Type.String({ maxLength: 32 }),
          messaging: Type.String({ maxLength: 32 }),
          io: Type.String({ maxLength: 32 }),
        }),
      ),
      message: sentence,
    }),
    response: version,
  },
  'discovered.ignore': {
    method: 'POST',
    path: '/plants/:plant/discovered/ignore',
    access: 'plant.write',
    summary: 'Hide addresses from the inbox, or show them again',
    status: 204,
    params: plantParams,
    body: closed({
      addresses: Type.Array(Type.String({ maxLength: 64 }), { minItems: 1, maxItems: 1000 }),
      ignore: Type.Boolean(),
    }),
  },
} as const satisfies Routes
