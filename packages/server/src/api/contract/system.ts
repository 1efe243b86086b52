import { Type } from 'typebox'
import { anyJson, closed, count, list, name, named, nullable, page, paging, time, words } from './common.ts'
import type { Routes } from './route.ts'
import { role } from './sign-in.ts'

const auditEntry = named(
  'AuditEntry',
  closed({
    id: count,
    at: time,
    actorKind: words('user', 'token', 'system', 'anonymous'),
    actor: Type.String(),
    action: Type.String(),
    subject: Type.String(),
    plant: nullable(name),
    outcome: words('done', 'refused', 'failed'),
    address: nullable(Type.String()),
    request: nullable(Type.String()),
    detail: anyJson,
  }),
)
const auditFilter = {
  from: Type.Optional(time),
  to: Type.Optional(time),
  actor: Type.Optional(Type.String({ maxLength: 128 })),
  action: Type.Optional(Type.String({ maxLength: 64 })),
  subject: Type.Optional(Type.String({ maxLength: 256 })),
  plant: Type.Optional(name),
  outcome: Type.Optional(words('done', 'refused', 'failed')),
}

const days = (least: number) => Type.Integer({ minimum: least, maximum: 36_500 })
const settingsMembers = closed({
  notice: Type.String({ maxLength: 4000, description: 'System-use notification before signing in' }),
  sessionIdleMinutes: Type.Integer({ minimum: 1, maximum: 1440 }),
  sessionHours: Type.Integer({ minimum: 1, maximum: 168 }),
  /** Roles that must have a second factor. */
  secondFactor: Type.Array(role),
  driftMinutes: Type.Integer({ minimum: 0, maximum: 10_080, description: '0: no scheduled comparison' }),
  observeMinutes: Type.Integer({
    minimum: 0,
    maximum: 10_080,
    description: '0: connections are read on request only',
  }),
  renewDays: Type.Integer({
    minimum: 0,
    maximum: 3650,
    description: 'Certificates that end within so many days are renewed; 0: never by itself',
  }),
  retention: closed({ auditDays: days(30), eventDays: days(1), jobDays: days(7), versionDays: days(30) }),
})
/** Settings of the manager; every member has a default. */
export const settings = named('Settings', settingsMembers)

const systemStatus = named(
  'SystemStatus',
  closed({
    product: Type.String(),
    version: Type.String(),
    node: Type.String(),
    openssl: Type.String(),
    store: closed({
      kind: Type.String(),
      location: Type.String(),
      version: Type.String(),
      schema: Type.String(),
      bytes: count,
      notes: Type.Array(Type.String()),
    }),
    managers: Type.Array(
      closed({
        id: Type.String(),
        host: Type.String(),
        pid: count,
        address: Type.String(),
        startedAt: time,
        seenAt: time,
        alive: Type.Boolean(),
      }),
    ),
    tables: Type.Array(closed({ name: Type.String(), rows: count, bytes: count })),
    est: nullable(
      closed({
        addresses: Type.Array(Type.String()),
        labels: Type.Array(Type.String()),
        banners: Type.Array(Type.String()),
      }),
    ),
  }),
)

const flowVerdict = named(
  'FlowVerdict',
  closed({
    from: Type.String(),
    to: Type.String(),
    protocol: Type.String(),
    verdict: Type.String(),
    reason: Type.String(),
    protection: Type.String(),
    packets: count,
  }),
)

const anchors = list(
  'AnchorList',
  named(
    'Anchor',
    closed({
      fingerprint: Type.String(),
      subject: Type.String(),
      notAfter: time,
      addedBy: Type.String(),
      addedAt: time,
    }),
  ),
)

/** Audit, settings, the system itself, and what people bring. */
export const systemRoutes = {
  'audit.list': {
    method: 'GET',
    path: '/audit',
    access: 'audit.read',
    summary: 'Who did what, newest first; that it was read is an entry too',
    status: 200,
    query: closed({ ...paging, ...auditFilter }),
    response: page('AuditPage', auditEntry),
  },
  'audit.export': {
    method: 'GET',
    path: '/audit/export',
    access: 'audit.read',
    summary: 'Who did what as CSV or JSON lines',
    status: 200,
    query: closed({ ...auditFilter, format: words('csv', 'jsonl') }),
    raw: true,
    download: 'text/csv',
    perMinute: 10,
  },
  'audit.check': {
    method: 'GET',
    path: '/audit/check',
    access: 'audit.read',
    summary: 'Whether the chain is whole',
    status: 200,
    perMinute: 10,
    response: named('AuditCheck', closed({ whole: Type.Boolean(), firstBroken: nullable(count), entries: count })),
  },
  'settings.read': {
    method: 'GET',
    path: '/settings',
    access: 'settings.read',
    summary: 'Settings',
    status: 200,
    response: settings,
  },
  'settings.change': {
    method: 'PATCH',
    path: '/settings',
    access: 'settings.write',
    summary: 'Change some settings',
    status: 200,
    // Of the schema without a title: a copy is no object to typebox, and has no members left.
    body: Type.Partial(settingsMembers, { additionalProperties: false }),
    response: settings,
  },
  'system.read': {
    method: 'GET',
    path: '/system',
    access: 'settings.read',
    summary: 'Versions, store, managers',
    status: 200,
    response: systemStatus,
  },
  'backups.create': {
    method: 'POST',
    path: '/backups',
    access: 'backup',
    summary: 'Everything in one sealed file',
    status: 200,
    raw: true,
    download: 'application/octet-stream',
    perMinute: 5,
    body: closed({ passphrase: Type.String({ minLength: 12, maxLength: 256 }) }),
  },
  'messages.list': {
    method: 'GET',
    path: '/messages',
    access: 'plant.read',
    summary: 'Every message with cause and next step',
    status: 200,
    response: list(
      'MessageList',
      named(
        'MessageEntry',
        closed({
          code: Type.String(),
          severity: Type.String(),
          title: Type.String(),
          cause: Type.String(),
          next: Type.String(),
        }),
      ),
    ),
  },
  'captures.judge': {
    method: 'POST',
    path: '/plants/:plant/captures',
    access: 'operate',
    summary: 'Judge a capture by the model',
    status: 200,
    params: closed({ plant: name }),
    upload: 'application/octet-stream',
    bodyLimit: 1024 * 1024 * 1024,
    perMinute: 10,
    response: named(
      'CaptureVerdict',
      closed({
        packets: count,
        unreadable: count,
        flows: Type.Array(flowVerdict),
        disobeying: count,
        notes: Type.Array(Type.String()),
      }),
    ),
  },
  'anchors.list': {
    method: 'GET',
    path: '/vendor-anchors',
    access: 'certificate.read',
    summary: 'Vendors’ certificates that first contact is checked by',
    status: 200,
    response: anchors,
  },
  'anchors.add': {
    method: 'POST',
    path: '/vendor-anchors',
    access: 'deploy',
    summary: 'Believe a vendor',
    status: 201,
    body: closed({ pem: Type.String({ maxLength: 65_536 }) }),
    bodyLimit: 131_072,
    response: anchors,
  },
  'anchors.remove': {
    method: 'DELETE',
    path: '/vendor-anchors/:fingerprint',
    access: 'deploy',
    summary: 'Believe a vendor no more',
    status: 204,
    params: closed({ fingerprint: Type.String({ pattern: '^[0-9a-f]{64}$' }) }),
  },
} as const satisfies Routes
