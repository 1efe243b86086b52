import { roles } from '../../../server/src/users/roles.ts'
import type { Shapes } from './answers.ts'

/*
 * What a stub manager answers about enrollment, certificates, audit, users and settings: one of each state that a page
 * shows in another way.
 */

const dayMs = 86_400_000
/** So many days from now: what ends soon is told apart by the clock. */
const day = (days: number) => new Date(Date.now() + days * dayMs).toISOString()
const fingerprint = 'ab12'.repeat(16)

const certificates = (): readonly Shapes['Certificate'][] =>
  Array.from({ length: 30 }, (_, index) => ({
    issuer: 'ca-line-2',
    serial: `0a1b2c3d4e5f${String(index).padStart(4, '0')}`,
    profile: 'device',
    zone: index % 2 === 0 ? 'cell' : 'line',
    name: `Drive_${index}`,
    subject: `CN=Drive_${index},O=Plant`,
    fingerprint,
    notBefore: day(-300),
    notAfter: day(index * 4 - 3),
    status: index === 5 ? 'revoked' : index === 0 ? 'expired' : 'valid',
    inUse: index % 3 === 0 ? null : `Drive_${index}`,
    revokedAt: index === 5 ? day(-2) : null,
    reason: index === 5 ? 'key-compromise' : null,
  }))

const enrollment = (id: number): Shapes['Enrollment'] => ({
  id,
  plant: 'line7',
  label: 'line',
  state: 'pending',
  requester: '',
  address: `192.0.2.${60 + id}`,
  subject: `CN=Unit ${id}`,
  key: fingerprint,
  device: id % 2 === 0 ? null : `Drive_${id}`,
  zone: 'line',
  reason: 'administrator: waits for one person; nobody said a word yet',
  createdAt: day(-0.2 * id),
  updatedAt: day(-0.1),
  expiresAt: day(3),
  approvedBy: [],
  alarms: id === 3 ? ['clone'] : [],
})

const enrollmentDetail = (id: number): Shapes['EnrollmentDetail'] => ({
  ...enrollment(id),
  facts: { address: `192.0.2.${60 + id}` },
  explanation: [
    'deny: the key was seen at 192.0.2.99 too',
    '  allOf pend',
    '    administrator pend: nobody said a word yet',
    '    serialList not-applicable: the serial is claimed only',
  ],
  replacement: {
    matches: false,
    device: `Drive_${id}`,
    criteria: [
      { name: 'vendor', result: 'match', reason: 'vendor 1 is proven' },
      { name: 'productCode', result: 'mismatch', reason: '55 was there, this is 56' },
    ],
  },
  certificate: null,
  words: [{ at: day(-0.1), kind: 'approve', by: 'ada', reason: 'Replaced on shift' }],
})

const user = (id: string, name: string, state: Shapes['User']['state']): Shapes['User'] => ({
  id,
  name,
  display: name === 'ada' ? 'Ada Lindqvist' : '',
  roles: name === 'ada' ? ['administrator'] : ['operator', 'approver'],
  state,
  lockedUntil: state === 'locked' ? day(0.02) : null,
  provider: null,
  factors: name === 'ada' ? ['totp', 'webauthn'] : [],
  sessions: 2,
  createdAt: day(-80),
  seenAt: day(-0.1),
})
const users = [user('u1', 'ada', 'active'), user('u2', 'otto', 'locked'), user('u3', 'nina', 'invited')]

const auditEntries = (): readonly Shapes['AuditEntry'][] =>
  Array.from({ length: 30 }, (_, index) => ({
    id: 900 - index,
    at: day(-index / 20),
    actorKind: index % 4 === 0 ? 'system' : 'user',
    actor: index % 4 === 0 ? '' : 'ada',
    action: 'enrollments.approve',
    subject: `Drive_${index}`,
    plant: index % 2 === 0 ? null : 'line7',
    outcome: (['done', 'refused', 'failed'] as const)[index % 3] ?? 'done',
    address: '192.0.2.7',
    request: `req-${index}`,
    detail: { reason: 'Replaced on shift' },
  }))

const system = (): Shapes['SystemStatus'] => ({
  product: 'Cordon',
  version: '0.1.0',
  node: 'v20.20.0',
  openssl: '3.0.15',
  store: {
    kind: 'PostgreSQL',
    location: '127.0.0.1:5432/cordon',
    version: '15.9',
    schema: '31',
    bytes: 9_123_456,
    notes: [],
  },
  managers: [
    {
      id: 'm1',
      host: 'east',
      pid: 421,
      address: 'https://east:8443',
      startedAt: day(-3),
      seenAt: day(0),
      alive: true,
    },
    {
      id: 'm2',
      host: 'west',
      pid: 17,
      address: 'https://west:8443',
      startedAt: day(-3),
      seenAt: day(-1),
      alive: false,
    },
  ],
  tables: [
    { name: 'audit', rows: 120_000, bytes: 7_123_456 },
    { name: 'certificates', rows: 1400, bytes: 1_123_456 },
  ],
  est: { addresses: ['192.0.2.5:8444'], labels: ['line'], banners: [] },
})

const authorities: readonly Shapes['Authority'][] = [
  {
    id: 'root',
    zone: null,
    generation: 1,
    state: 'active',
    subject: 'CN=Plant root',
    fingerprint,
    notAfter: day(3000),
    keyKind: 'P-384',
    inHardware: true,
    crlNumber: 3,
    issued: 4,
  },
  {
    id: 'line-1',
    zone: 'line',
    generation: 1,
    state: 'retired',
    subject: 'CN=Zone line',
    fingerprint,
    notAfter: day(300),
    keyKind: 'P-256',
    inHardware: false,
    crlNumber: 12,
    issued: 1400,
  },
]

const provider: Shapes['IdentityProvider'] = {
  id: 'p1',
  name: 'Works account',
  issuer: 'https://id.example/realms/plant',
  clientId: 'cordon',
  rolePath: 'realm_access.roles',
  roleMap: { ops: ['operator'], sec: ['approver', 'auditor'] },
  enabled: true,
  creates: true,
  hasSecret: true,
}

const settings: Shapes['Settings'] = {
  notice: 'For staff only. Use is recorded.',
  sessionIdleMinutes: 30,
  sessionHours: 12,
  secondFactor: ['administrator'],
  driftMinutes: 60,
  observeMinutes: 15,
  renewDays: 30,
  retention: { auditDays: 3650, eventDays: 7, jobDays: 90, versionDays: 3650 },
}

type Params = Readonly<Record<string, string>>
type Answer = (params: Params, query: URLSearchParams) => unknown

/** The answers by operation; undefined where there is no such thing. */
export const administration: Readonly<Record<string, Answer>> = {
  'enrollments.list': (_, query) => {
    const items = (query.get('state') ?? 'pending') === 'pending' ? [1, 2, 3, 4, 5, 6].map(enrollment) : []
    return { items, next: null, total: items.length }
  },
  'enrollments.read': ({ id }) => enrollmentDetail(Number(id)),
  'certificates.list': () => ({ items: certificates(), next: null, total: 30 }),
  'certificates.summary': () => ({ expired: 1, days7: 2, days30: 6, days90: 20, later: 0, revoked: 1 }),
  'certificates.read': ({ serial }) => {
    const certificate = certificates().find((each) => each.serial === serial)
    const pem = `-----BEGIN CERTIFICATE-----\n${'MIIB'.repeat(16)}\n-----END CERTIFICATE-----\n`
    return certificate === undefined ? undefined : { certificate, pem }
  },
  'authorities.list': () => ({ items: authorities }),
  'anchors.list': () => ({
    items: [
      {
        fingerprint,
        subject: 'CN=Vendor device root,O=Vendor',
        notAfter: day(2000),
        addedBy: 'ada',
        addedAt: day(-3),
      },
    ],
  }),
  'audit.list': () => ({ items: auditEntries(), next: '870', total: 1900 }),
  'audit.check': () => ({ whole: true, firstBroken: null, entries: 1900 }),
  'users.list': () => ({ items: users }),
  'users.read': ({ id }) => users.find((each) => each.id === id),
  'roles.list': () => ({ items: Object.entries(roles).map(([name, permissions]) => ({ name, permissions })) }),
  'providers.list': () => ({ items: [provider] }),
  'settings.read': () => settings,
  'system.read': () => system(),
}
