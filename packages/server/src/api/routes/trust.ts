import { formatEvaluation } from '@cordon/core/enrollment'
import { encodePem } from '@cordon/core/x509'
import type { Static } from 'typebox'
import { recordAudit } from '../../audit/audit.ts'
import {
  certificateSummary,
  findCertificate,
  type InventoryEntry,
  issuedByAuthority,
  listInventory,
} from '../../authority/inventory.ts'
import { listEnrollments, type QueueEntry, readEnrollment } from '../../enrollment/queue.ts'
import { decide, type DecisionResult } from '../../enrollment/words.ts'
import { jsonText } from '../../store/schema.ts'
import type { trustRoutes } from '../contract/trust.ts'
import { type Caller, changeBy, type Handlers } from '../handler.ts'
import { notFound, RequestProblem } from '../problem.ts'
import type { Services } from '../services.ts'

type Routes = typeof trustRoutes

function enrollmentOf(entry: QueueEntry) {
  const { id, plant, state, requester, address, subject, key, device, zone, reason } = entry
  return {
    id,
    plant,
    label: entry.label ?? '',
    state,
    requester,
    address,
    subject,
    key,
    device,
    zone,
    reason,
    createdAt: entry.createdAt.toISOString(),
    updatedAt: entry.updatedAt.toISOString(),
    expiresAt: entry.expiresAt?.toISOString() ?? null,
    approvedBy: [...entry.approvedBy],
    alarms: [...entry.alarms],
  }
}

async function enrollmentDetail(
  services: Services,
  id: number,
): Promise<Static<Routes['enrollments.read']['response']>> {
  const record = await readEnrollment(services.store, id)
  const { certificate } = record
  const issuer =
    certificate === null ? undefined : await findCertificate(services.store, { fingerprint: certificate.fingerprint })
  return {
    ...enrollmentOf(record),
    facts: record.facts,
    explanation: formatEvaluation(record.evaluation).split('\n'),
    replacement: record.replacement,
    certificate: issuer === undefined ? null : { issuer: issuer.issuer, serial: issuer.serial },
    words: record.words.map(({ at, kind, by, reason }) => ({ at: at.toISOString(), kind, by, reason })),
  }
}

interface Verdict {
  readonly ids: readonly number[]
  readonly verdict: 'approve' | 'deny' | 'withdraw'
  readonly reason: string
}

/** Decides as the person who asks, each with its audit entry and event in the same transaction. */
async function decideAs(
  call: {
    readonly services: Services
    readonly caller: Caller
    readonly request: { readonly id: string; readonly address: string; readonly agent: string; readonly host: string }
  },
  { ids, verdict, reason }: Verdict,
): Promise<readonly DecisionResult[]> {
  const { services, caller } = call
  const by = caller.actor.name
  return await decide(
    services.store,
    { ids, verdict, by, reason },
    {
      told: async (tx, result) => {
        const { plant } =
          (await tx.selectFrom('enrollments').select('plant').where('id', '=', result.id).executeTakeFirst()) ?? {}
        const subject = String(result.id)
        await recordAudit(tx, {
          ...changeBy(call),
          action: `enrollments.${verdict}`,
          subject,
          plant,
          outcome: result.result,
          detail: { device: result.device, subject: result.subject, reason, result: result.reason },
        })
        if (result.result === 'done')
          await tx
            .insertInto('events')
            .values({ kind: 'enrollment', subject, plant: plant ?? null, detail: jsonText({ verdict }) })
            .execute()
      },
    },
  )
}

/** @throws RequestProblem 409 where the word was not taken */
function taken(results: readonly DecisionResult[]): void {
  const [result] = results
  if (result?.result === 'refused') throw new RequestProblem(409, { code: 'refused', message: result.reason })
}

function certificateOf(entry: InventoryEntry, now: number): Static<Routes['certificates.revoke']['response']> {
  const isExpired = entry.notAfter.getTime() < now
  return {
    issuer: entry.issuer,
    serial: entry.serial,
    profile: entry.profile,
    zone: entry.zone,
    name: entry.name,
    subject: entry.subject,
    fingerprint: entry.fingerprint,
    notBefore: entry.notBefore.toISOString(),
    notAfter: entry.notAfter.toISOString(),
    status: entry.status === 'revoked' ? 'revoked' : isExpired ? 'expired' : 'valid',
    inUse: entry.inUse,
    revokedAt: entry.revokedAt?.toISOString() ?? null,
    reason: entry.reason,
  }
}

/** Words of the API and those of RFC 5280 5.3.1 as the authority has them. */
const reasons = {
  unspecified: 'unspecified',
  'key-compromise': 'keyCompromise',
  'affiliation-changed': 'affiliationChanged',
  superseded: 'superseded',
  'cessation-of-operation': 'cessationOfOperation',
} as const

/** Enrollments, certificates and authorities. */
export const trustHandlers = {
  'enrollments.list': async ({ query, services }) => {
    const { state, plant, search, cursor, limit = 50 } = query
    const after = cursor === undefined ? 0 : Number(cursor)
    if (!Number.isSafeInteger(after) || after < 0)
      throw new RequestProblem(400, { code: 'bad-value', message: 'cursor: expected `next` of an earlier page' })
    const filter = {
      ...(state === undefined ? {} : { states: [state] }),
      ...(plant === undefined ? {} : { plant }),
      ...(search === undefined ? {} : { text: search }),
    }
    const { entries, next } = await listEnrollments(services.store, filter, { most: limit, after })
    return { items: entries.map(enrollmentOf), next: next === null ? null : String(next) }
  },
  'enrollments.read': async ({ params, services }) => await enrollmentDetail(services, params.id),
  'enrollments.approve': async (call) => {
    taken(await decideAs(call, { ids: [call.params.id], verdict: 'approve', reason: call.body.reason }))
    return await enrollmentDetail(call.services, call.params.id)
  },
  'enrollments.deny': async (call) => {
    taken(await decideAs(call, { ids: [call.params.id], verdict: 'deny', reason: call.body.reason }))
    return await enrollmentDetail(call.services, call.params.id)
  },
  'enrollments.withdraw': async (call) => {
    taken(await decideAs(call, { ids: [call.params.id], verdict: 'withdraw', reason: call.body.reason }))
    return await enrollmentDetail(call.services, call.params.id)
  },
  'enrollments.decideMany': async (call) => {
    const { ids, decision, reason } = call.body
    const results = await decideAs(call, { ids, verdict: decision, reason })
    return {
      items: results.map(({ id, result, reason: why }) => ({
        id,
        state: result,
        error: result === 'refused' ? why : null,
      })),
    }
  },
  'certificates.list': async ({ query, services }) => {
    const { limit = 50, cursor, ...filter } = query
    const { entries, next } = await listInventory(services.store, filter, { limit, cursor })
    return { items: entries.map((entry) => certificateOf(entry, Date.now())), next }
  },
  'certificates.summary': async ({ services }) => await certificateSummary(services.store, Date.now()),
  'certificates.read': async ({ params, services }) => {
    const entry = await findCertificate(services.store, params)
    if (entry === undefined) throw notFound(`certificate ${params.serial} of ${params.issuer}`)
    return { certificate: certificateOf(entry, Date.now()), pem: encodePem('CERTIFICATE', entry.certificate) }
  },
  'certificates.revoke': async (call) => {
    const { params, body, services } = call
    const entry = await findCertificate(services.store, params)
    if (entry === undefined) throw notFound(`certificate ${params.serial} of ${params.issuer}`)
    if (entry.status === 'revoked')
      throw new RequestProblem(409, { code: 'already', message: `${entry.name}'s certificate is revoked already` })
    // First in the audit: a revocation that stands is never without its entry.
    await recordAudit(services.store.db, {
      ...changeBy(call),
      action: 'certificates.revoke',
      subject: `${params.issuer}/${params.serial}`,
      outcome: 'done',
      detail: { name: entry.name, reason: body.reason, message: body.message },
    })
    await services.authority.revoke(params.serial, reasons[body.reason])
    await services.store.db
      .insertInto('events')
      .values({ kind: 'certificate', subject: params.serial, detail: jsonText({ name: entry.name, revoked: true }) })
      .execute()
    const after = await findCertificate(services.store, params)
    return certificateOf(after ?? entry, Date.now())
  },
  'authorities.list': async ({ services }) => {
    const [generations, rows] = await Promise.all([services.authority.generations(), issuedByAuthority(services.store)])
    return {
      items: generations.map((one) => {
        const row = rows.get(one.id)
        return {
          id: one.id,
          zone: one.zone ?? null,
          generation: one.generation,
          state: one.state,
          subject: row?.subject ?? '',
          fingerprint: one.fingerprint,
          notAfter: new Date(one.notAfter).toISOString(),
          keyKind: one.key,
          inHardware: one.inHardware,
          crlNumber: row?.crlNumber ?? 0,
          issued: row?.issued ?? 0,
        }
      }),
    }
  },
  'authorities.chain': async ({ params, services, fastify }) => {
    const rows = await issuedByAuthority(services.store)
    const own = rows.get(params.id)
    if (own === undefined) throw notFound(`authority ${params.id}`)
    const root = await services.authority.root()
    const pem = [own.certificate, ...(own.isRoot ? [] : [root])].map((der) => encodePem('CERTIFICATE', der)).join('')
    await fastify.reply
      .type('application/x-pem-file')
      .header('content-disposition', `attachment; filename="${params.id.replace(/[^a-z0-9-]/gi, '_')}.pem"`)
      .send(pem)
    return undefined
  },
} satisfies Handlers<Routes>
