import type { components } from '@cordon/client'

/** Shapes of the API by name. */
export type Shapes = components['schemas']

const at = (minute: number) => `2026-03-02T08:${String(minute).padStart(2, '0')}:00.000Z`

/** A plant file with comments and aligned columns, as people write them. */
export const plantText = `version: 1
plant: line7

# Cordon works from here.
manager: Manager
nonSecure: deny

zones:
  # The bottling line.
  line:   { authentication: certificate, messaging: confidentiality, io: integrity, close: [tcp/44818] }
  cell:   { authentication: certificate, messaging: integrity, io: integrity }
  legacy: { authentication: none, nonSecure: allow }

devices:
  Line_PLC:  { address: 192.0.2.10, zone: line }   # the controller
  Line_IO:   { address: 192.0.2.11, zone: line, role: target }
  Cell_PLC:  { address: 192.0.2.20, zone: cell }
  Old_Panel: { address: 192.0.2.41, zone: legacy, capability: none, role: originator }
  Manager:   { address: 192.0.2.2, zone: line, role: originator, io: deny }

conduits:
  - { between: [line, cell], authentication: certificate }            # recipes
  - { between: [Line_PLC, Old_Panel], authentication: trusted-ip }
`

/** A session of an administrator. */
export const session: Shapes['Session'] = {
  state: 'signed-in',
  user: { id: 'u1', name: 'ada', display: 'Ada Lindqvist' },
  roles: ['administrator'],
  permissions: [
    'plant.read',
    'plant.write',
    'plan',
    'operate',
    'deploy',
    'enrollment.read',
    'enrollment.decide',
    'certificate.read',
    'certificate.revoke',
    'audit.read',
    'user.read',
    'user.write',
    'settings.read',
    'settings.write',
    'backup',
  ],
  factors: [],
  csrf: 'guard-1',
  idleUntil: at(50),
  endsAt: at(59),
}

const message = (
  code: string,
  severity: Shapes['Message']['severity'],
  subject: string,
  text: string,
): Shapes['Message'] => ({
  code,
  severity,
  subject,
  text,
  cause: 'The device answered the write of its suites with general status 0x09.',
  evidence: '0x5E instance 1 attribute 4: 09 00',
  next: `Compare the suites with what cordon device show ${subject} lists as available, then deploy again.`,
})

/** A job with defaults. */
export function job(id: string, kind: Shapes['Job']['kind'], given: Partial<Shapes['Job']> = {}): Shapes['Job'] {
  return {
    id,
    kind,
    plant: 'line7',
    version: 3,
    state: 'complete',
    requestedBy: 'ada',
    requestedAt: at(10),
    notBefore: null,
    window: null,
    startedAt: at(10),
    finishedAt: at(11),
    cancelRequestedBy: null,
    progress: null,
    current: [],
    deployment: null,
    error: null,
    attempts: 1,
    manager: 'm1',
    follows: null,
    ...given,
  }
}

const planned = (index: number, given: Partial<Shapes['PlannedDevice']> = {}): Shapes['PlannedDevice'] => ({
  device: `Station_${String(index).padStart(3, '0')}`,
  address: `192.0.${2 + Math.floor(index / 200)}.${(index % 200) + 1}`,
  zone: index % 3 === 0 ? 'cell' : 'line',
  action: index % 10 === 0 ? 'nothing' : 'commission',
  changes: [
    { what: 'messages', from: 'plain', to: 'encrypted with 0xC02B', interrupts: false },
    { what: 'allowed peers', from: '', to: 'Line_PLC, Manager', interrupts: true },
  ],
  steps: ['Begin_Config', 'Create_CSR', 'write certificate', 'write rules', 'Apply_Config'],
  interrupts: index % 7 === 0 ? [`Line_PLC_to_Station_${index}`] : [],
  fingerprint: null,
  messages: [],
  ...given,
})

const noStandings: Shapes['Standings'] = {
  ok: 0,
  'not-deployed': 0,
  drift: 0,
  failed: 0,
  unreachable: 0,
  running: 0,
  left: 0,
}

/** What a finished plan says; more than 100 devices, so that the table is a virtual one. */
export const plan: NonNullable<Shapes['Plan']['plan']> = {
  digest: 'ab'.repeat(32),
  outcome: 'complete-with-warnings',
  devices: [
    ...Array.from({ length: 140 }, (_, index) => planned(index + 1)),
    planned(900, {
      device: 'Line_PLC',
      address: '192.0.2.10',
      action: 'reconfigure',
      interrupts: ['PLC_to_IO', 'PLC_to_Cell'],
    }),
    planned(901, {
      device: 'Cell_PLC',
      address: '192.0.2.20',
      action: 'refused',
      interrupts: [],
      changes: [],
      fingerprint: '1688a23c858d7ddc5240a1399b043ff9db3d3596d002f1bb33b2ec2f66f4c05f',
      messages: [
        message(
          'default-certificate-unknown',
          'error',
          'Cell_PLC',
          'Nobody vouches for the default certificate of the device.',
        ),
      ],
    }),
  ],
  connections: [
    {
      connection: 'PLC_to_IO',
      from: 'Line_PLC',
      to: 'Line_IO',
      class: 1,
      verdict: 'secure',
      suites: ['0xC02B'],
      reason: 'both ends are in zone line',
      moves: true,
    },
    {
      connection: 'Panel_to_PLC',
      from: 'Old_Panel',
      to: 'Line_PLC',
      class: 3,
      verdict: 'plain',
      suites: [],
      reason: 'the conduit trusts an address',
      moves: false,
    },
  ],
  messages: [],
  breaks: [
    {
      from: '192.0.2.77',
      to: 'Line_PLC',
      reason: 'no conduit names this peer, and line lets in nobody else',
      remedy: 'Add a conduit from a range that holds 192.0.2.77, or find out who it is and stop it.',
    },
  ],
}

/** A deployment that ended with one device not complete. */
export const deployment: Shapes['DeploymentDetail'] = {
  id: 'd1',
  plant: 'line7',
  version: 3,
  kind: 'apply',
  status: 'not-complete',
  startedAt: at(20),
  finishedAt: at(23),
  by: 'ada',
  job: 'j-deploy',
  devices: { total: 3, complete: 1, warnings: 1, failed: 1, running: 0 },
  targets: [
    {
      device: 'Line_PLC',
      address: '192.0.2.10',
      state: 'complete',
      configuration: 'c0ffee'.repeat(10),
      messages: [],
      steps: [
        { step: 'Begin_Config', tookMs: 14, result: 'done' },
        { step: 'Apply_Config', tookMs: 1830, result: 'done' },
      ],
      updatedAt: at(22),
    },
    {
      device: 'Line_IO',
      address: '192.0.2.11',
      state: 'not-complete',
      configuration: null,
      messages: [message('apply-refused', 'error', 'Line_IO', 'The device refused Apply_Config.')],
      steps: [{ step: 'Apply_Config', tookMs: 203, result: 'general status 0x09' }],
      updatedAt: at(23),
    },
    {
      device: 'Cell_PLC',
      address: '192.0.2.20',
      state: 'complete-with-warnings',
      configuration: 'beef'.repeat(16),
      messages: [message('clock-wrong', 'warning', 'Cell_PLC', 'The clock of the device is not right.')],
      steps: [],
      updatedAt: at(22),
    },
  ],
  connections: [
    {
      connection: 'PLC_to_IO',
      from: 'Line_PLC',
      to: 'Line_IO',
      outcome: 'complete',
      gapMs: 342,
      before: 'udp',
      after: 'dtls',
      messages: [],
    },
  ],
  messages: [],
}

/** A verification with checks of each verdict. */
export const checks: readonly Shapes['Check'][] = (
  ['pass', 'fail', 'risk', 'not-probed', 'not-tested'] as const
).flatMap((verdict) =>
  Array.from({ length: verdict === 'pass' ? 130 : 2 }, (_, index) => ({
    id: `${verdict}-${index}`,
    subject: `Station_${index}`,
    text: 'accepts nobody without a certificate of its zones',
    verdict,
    evidence:
      verdict === 'fail'
        ? 'a handshake without certificate was accepted on tcp/2221'
        : 'alert handshake_failure (40) after 12 ms',
  })),
)

/** What answered to a search. */
export const discovered: readonly Shapes['Discovered'][] = Array.from({ length: 14 }, (_, index) => ({
  address: `192.0.2.${60 + index}`,
  state: 'new' as const,
  device: null,
  identity: {
    vendor: 1,
    deviceType: 12,
    productCode: 166,
    revision: '10.7',
    productName: index % 2 === 0 ? '1756-EN4TR/A' : '5069-AENTR/A',
    serial: 0xe18700 + index,
  },
  capable: index % 2 === 0,
  securityState: index % 2 === 0 ? 'factory default' : null,
  firstSeen: at(1),
  lastSeen: at(5),
  by: 'ada',
}))

/** The plant and its zones. */
export const plantSummary: Shapes['Plant'] = {
  name: 'line7',
  version: 3,
  author: 'ada',
  savedAt: at(2),
  devices: 5,
  zones: 3,
  conduits: 2,
  standings: { ...noStandings, ok: 2, 'not-deployed': 3 },
  deployed: { version: 2, at: at(1), outcome: 'complete' },
  drift: 0,
  expiring: 0,
}
export const zones: readonly Shapes['Zone'][] = [
  {
    name: 'line',
    authentication: 'certificate',
    messaging: 'confidentiality',
    io: 'integrity',
    nonSecure: 'deny',
    close: ['tcp/44818'],
    stage: 'observe',
    devices: 3,
    standings: { ...noStandings, ok: 2, 'not-deployed': 1 },
  },
  {
    name: 'cell',
    authentication: 'certificate',
    messaging: 'integrity',
    io: 'integrity',
    nonSecure: 'deny',
    close: [],
    stage: 'observe',
    devices: 1,
    standings: { ...noStandings, 'not-deployed': 1 },
  },
  {
    name: 'legacy',
    authentication: 'none',
    messaging: 'none',
    io: 'none',
    nonSecure: 'allow',
    close: [],
    stage: 'observe',
    devices: 1,
    standings: { ...noStandings, 'not-deployed': 1 },
  },
]
export const version = (number: number, author: string, words: string): Shapes['Version'] => ({
  version: number,
  author,
  message: words,
  savedAt: at(number),
  base: number > 1 ? number - 1 : null,
  digest: 'cd'.repeat(32),
  devices: 5,
  zones: 3,
})
export const rehearsal: NonNullable<Shapes['Rehearsal']['result']> = {
  outcome: 'complete-with-warnings',
  tookMs: 4210,
  assumptions: ['Line_IO was not read: taken for a current device with default limits.'],
  findings: [],
  devices: [
    { device: 'Line_PLC', outcome: 'complete', messages: [] },
    {
      device: 'Line_IO',
      outcome: 'complete-with-warnings',
      messages: [message('clock-wrong', 'warning', 'Line_IO', 'The clock of the device is not right.')],
    },
  ],
  connections: [{ connection: 'PLC_to_IO', outcome: 'complete', gapMs: 290, reason: 'came back over DTLS' }],
  verification: { verdict: 'pass', counts: { pass: 40 } },
}
export const factors: Shapes['Factors'] = {
  totp: { since: at(1) },
  webauthn: [{ id: 'k1', name: 'blue key', createdAt: at(1), usedAt: null }],
  recovery: 2,
  passwordSince: at(1),
}
export const sessions: Shapes['SessionList'] = {
  items: [
    {
      id: 's1',
      current: true,
      address: '192.0.2.99',
      agent: 'Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0 Safari/537.36',
      createdAt: at(1),
      seenAt: at(9),
      endsAt: at(59),
      secondFactorAt: at(1),
    },
    {
      id: 's2',
      current: false,
      address: '198.51.100.4',
      agent: 'Mozilla/5.0 (Windows NT 10.0) Firefox/140.0',
      createdAt: at(1),
      seenAt: at(2),
      endsAt: at(59),
      secondFactorAt: null,
    },
  ],
}
export const token: Shapes['Token'] = {
  id: 't1',
  name: 'backup script',
  prefix: 'cordon_4f2a',
  owner: 'ada',
  roles: ['observer'],
  createdAt: at(1),
  expiresAt: '2026-09-01T00:00:00.000Z',
  usedAt: null,
  revokedAt: null,
}
