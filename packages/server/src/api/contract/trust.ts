import { Type } from 'typebox'
import { anyJson, closed, count, list, name, named, nullable, page, paging, sentence, time, words } from './common.ts'
import type { Routes } from './route.ts'

const word = named(
  'EnrollmentWord',
  closed({ at: time, kind: Type.String(), by: Type.String(), reason: Type.String() }),
)
const enrollmentFields = {
  id: count,
  plant: name,
  label: Type.String(),
  state: words('pending', 'granted', 'denied', 'expired'),
  requester: Type.String(),
  address: Type.String(),
  subject: Type.String(),
  key: Type.String({ description: 'SHA-256 of the public key' }),
  device: nullable(name),
  zone: nullable(name),
  reason: Type.String(),
  createdAt: time,
  updatedAt: time,
  expiresAt: nullable(time),
  /** Who approved it, as far as it counts. */
  approvedBy: Type.Array(Type.String()),
  /** Kinds of alarms that block it. */
  alarms: Type.Array(Type.String()),
}
const enrollment = named('Enrollment', closed(enrollmentFields))
const enrollmentDetail = named(
  'EnrollmentDetail',
  closed({
    ...enrollmentFields,
    facts: anyJson,
    /** Why, policy by policy. */
    explanation: Type.Array(Type.String()),
    replacement: nullable(anyJson),
    certificate: nullable(closed({ issuer: Type.String(), serial: Type.String() })),
    words: Type.Array(word),
  }),
)
const decisionBody = closed({ reason: sentence })
const enrollmentId = closed({ id: Type.Integer({ minimum: 1 }) })

const certificate = named(
  'Certificate',
  closed({
    issuer: Type.String(),
    serial: Type.String(),
    profile: Type.String(),
    zone: nullable(name),
    name: Type.String(),
    subject: Type.String(),
    fingerprint: Type.String(),
    notBefore: time,
    notAfter: time,
    status: words('valid', 'revoked', 'expired'),
    /** Device that holds it now. */
    inUse: nullable(name),
    revokedAt: nullable(time),
    reason: nullable(Type.String()),
  }),
)
const certificateParams = closed({
  issuer: Type.String({ maxLength: 128 }),
  serial: Type.String({ pattern: '^[0-9a-f]{2,40}$' }),
})
const authority = named(
  'Authority',
  closed({
    id: Type.String(),
    zone: nullable(name),
    generation: count,
    state: Type.String(),
    subject: Type.String(),
    fingerprint: Type.String(),
    notAfter: time,
    keyKind: Type.String(),
    inHardware: Type.Boolean(),
    crlNumber: count,
    issued: count,
  }),
)

/** Enrollments, certificates and authorities. */
export const trustRoutes = {
  'enrollments.list': {
    method: 'GET',
    path: '/enrollments',
    access: 'enrollment.read',
    summary: 'Requests for certificates, oldest first',
    status: 200,
    query: closed({
      ...paging,
      state: Type.Optional(words('pending', 'granted', 'denied', 'expired')),
      plant: Type.Optional(name),
      search: Type.Optional(Type.String({ maxLength: 128 })),
    }),
    response: page('EnrollmentPage', enrollment),
  },
  'enrollments.read': {
    method: 'GET',
    path: '/enrollments/:id',
    access: 'enrollment.read',
    summary: 'One request with its history, for ever',
    status: 200,
    params: enrollmentId,
    response: enrollmentDetail,
  },
  'enrollments.approve': {
    method: 'POST',
    path: '/enrollments/:id/approve',
    access: 'enrollment.decide',
    summary: 'Approve, with a reason',
    status: 200,
    params: enrollmentId,
    body: decisionBody,
    response: enrollmentDetail,
  },
  'enrollments.deny': {
    method: 'POST',
    path: '/enrollments/:id/deny',
    access: 'enrollment.decide',
    summary: 'Deny, with a reason',
    status: 200,
    params: enrollmentId,
    body: closed({ reason: sentence }),
    response: enrollmentDetail,
  },
  'enrollments.withdraw': {
    method: 'POST',
    path: '/enrollments/:id/withdraw',
    access: 'enrollment.decide',
    summary: 'Take one’s word back',
    status: 200,
    params: enrollmentId,
    body: closed({ reason: sentence }),
    response: enrollmentDetail,
  },
  'enrollments.decideMany': {
    method: 'POST',
    path: '/enrollments/decisions',
    access: 'enrollment.decide',
    summary: 'Approve or deny several',
    status: 200,
    body: closed({
      ids: Type.Array(Type.Integer({ minimum: 1 }), { minItems: 1, maxItems: 200 }),
      decision: words('approve', 'deny'),
      reason: sentence,
    }),
    response: list(
      'DecisionList',
      named('DecisionEntry', closed({ id: count, state: Type.String(), error: nullable(Type.String()) })),
    ),
  },
  'certificates.list': {
    method: 'GET',
    path: '/certificates',
    access: 'certificate.read',
    summary: 'Certificates by expiry',
    status: 200,
    query: closed({
      ...paging,
      status: Type.Optional(words('valid', 'revoked', 'expired')),
      withinDays: Type.Optional(Type.Integer({ minimum: 0, maximum: 36_500 })),
      zone: Type.Optional(name),
      profile: Type.Optional(Type.String({ maxLength: 32 })),
      inUse: Type.Optional(Type.Boolean()),
      search: Type.Optional(Type.String({ maxLength: 128 })),
    }),
    response: page('CertificatePage', certificate),
  },
  'certificates.summary': {
    method: 'GET',
    path: '/certificates/summary',
    access: 'certificate.read',
    summary: 'How many expire when',
    status: 200,
    response: named(
      'CertificateSummary',
      closed({ expired: count, days7: count, days30: count, days90: count, later: count, revoked: count }),
    ),
  },
  'certificates.read': {
    method: 'GET',
    path: '/certificates/:issuer/:serial',
    access: 'certificate.read',
    summary: 'One certificate',
    status: 200,
    params: certificateParams,
    response: named('CertificateDetail', closed({ certificate, pem: Type.String() })),
  },
  'certificates.revoke': {
    method: 'POST',
    path: '/certificates/:issuer/:serial/revoke',
    access: 'certificate.revoke',
    summary: 'Revoke; the lists are pushed with the next deployment',
    status: 200,
    params: certificateParams,
    body: closed({
      reason: words('unspecified', 'key-compromise', 'affiliation-changed', 'superseded', 'cessation-of-operation'),
      message: sentence,
    }),
    response: certificate,
  },
  'authorities.list': {
    method: 'GET',
    path: '/authorities',
    access: 'certificate.read',
    summary: 'Root and issuing authorities',
    status: 200,
    response: list('AuthorityList', authority),
  },
  'authorities.chain': {
    method: 'GET',
    path: '/authorities/:id/chain',
    access: 'certificate.read',
    summary: 'Certificate chain, PEM',
    status: 200,
    params: closed({ id: Type.String({ maxLength: 128 }) }),
    raw: true,
    download: 'application/x-pem-file',
  },
} as const satisfies Routes
