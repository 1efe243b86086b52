import { type MessageEntry, messageTable } from '@cordon/core/deployment'
import { doctorTable } from '@cordon/node/doctor'
import { weakSpotTable } from '@cordon/node/scan'
import { type Kysely, sql } from 'kysely'
import { Readable } from 'node:stream'
import type { Static } from 'typebox'
import { firstBrokenEntry, recordAudit } from '../../audit/audit.ts'
import {
  type AuditFilter,
  type AuditRow,
  countAudit,
  csvHead,
  csvLine,
  exportAudit,
  listAudit,
} from '../../audit/read.ts'
import { addVendorAnchors, listVendorAnchors, removeVendorAnchor, type VendorAnchor } from '../../settings/anchors.ts'
import { changeSettings, readSettings, type Settings } from '../../settings/settings.ts'
import { dumpStore } from '../../store/dump.ts'
import type { Schema } from '../../store/schema.ts'
import type { systemRoutes } from '../contract/system.ts'
import { changeBy, type Handlers } from '../handler.ts'
import { notFound, RequestProblem } from '../problem.ts'

type Routes = typeof systemRoutes

/** A manager that was not heard of for so long counts as gone, milliseconds. */
const managerGoneMs = 30_000

function auditOf(row: AuditRow): Static<Routes['audit.list']['response']>['items'][number] {
  const { id, at, actor_kind: actorKind, actor, action, subject, plant, outcome, address, request, detail } = row
  return { id, at: at.toISOString(), actorKind, actor, action, subject, plant, outcome, address, request, detail }
}

interface AuditQuery extends Omit<AuditFilter, 'from' | 'to'> {
  readonly from?: string | undefined
  readonly to?: string | undefined
}

function filterOf({ from, to, actor, action, subject, plant, outcome }: AuditQuery): AuditFilter {
  return {
    ...(from === undefined ? {} : { from: momentOf(from, 'from') }),
    ...(to === undefined ? {} : { to: momentOf(to, 'to') }),
    ...(actor === undefined ? {} : { actor }),
    ...(action === undefined ? {} : { action }),
    ...(subject === undefined ? {} : { subject }),
    ...(plant === undefined ? {} : { plant }),
    ...(outcome === undefined ? {} : { outcome }),
  }
}

function momentOf(text: string, what: string): Date {
  const date = new Date(text)
  if (Number.isNaN(date.getTime()))
    throw new RequestProblem(400, {
      code: 'bad-value',
      message: `${what}: expected a moment such as 2026-01-31T12:00:00Z, got ${text.slice(0, 40)}`,
    })
  return date
}

function settingsOf({ secondFactor, retention, ...settings }: Settings): Static<Routes['settings.read']['response']> {
  return { ...settings, secondFactor: [...secondFactor], retention: { ...retention } }
}

function anchorOf({ fingerprint, subject, notAfter, addedBy, addedAt }: VendorAnchor) {
  return { fingerprint, subject, notAfter: notAfter.toISOString(), addedBy, addedAt: addedAt.toISOString() }
}

/** Rows are PostgreSQL's own estimate: counting large tables would cost more than the figure is worth. */
async function tablesOf(db: Kysely<Schema>) {
  const { rows } = await sql<{ name: string; rows: number; bytes: number }>`
    select c.relname as name, greatest(c.reltuples, 0)::bigint as rows, pg_total_relation_size(c.oid) as bytes
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = current_schema() and c.relkind = 'r' and c.relname not like 'kysely%'
    order by bytes desc, name`.execute(db)
  return rows
}

async function* lines(pages: AsyncGenerator<readonly AuditRow[]>, format: 'csv' | 'jsonl'): AsyncGenerator<string> {
  if (format === 'csv') yield csvHead
  for await (const rows of pages)
    yield rows.map((row) => (format === 'csv' ? csvLine(row) : `${JSON.stringify(auditOf(row))}\n`)).join('')
}

/** Audit, settings, the system itself, and what people bring. */
export const systemHandlers = {
  'audit.list': async (call) => {
    const { query, services } = call
    const { limit = 50, cursor } = query
    const before = cursor === undefined ? undefined : Number(cursor)
    if (before !== undefined && !Number.isSafeInteger(before))
      throw new RequestProblem(400, { code: 'bad-value', message: 'cursor: expected `next` of an earlier page' })
    const rows = await listAudit(services.store, filterOf(query), { limit: limit + 1, before })
    const items = rows.slice(0, limit)
    // Turning pages is one reading; the first page is what begins it.
    if (cursor === undefined)
      await recordAudit(services.store.db, {
        ...changeBy(call),
        action: 'audit.read',
        subject: 'audit',
        outcome: 'done',
        detail: { filter: { ...query, limit: undefined } },
      })
    return { items: items.map(auditOf), next: rows.length > limit ? String(items.at(-1)?.id) : null }
  },
  'audit.export': async (call) => {
    const { query, services, fastify } = call
    const { format, ...filter } = query
    await recordAudit(services.store.db, {
      ...changeBy(call),
      action: 'audit.export',
      subject: 'audit',
      outcome: 'done',
      detail: { format, filter },
    })
    const stream = Readable.from(lines(exportAudit(services.store, filterOf(filter)), format))
    await fastify.reply
      .type(format === 'csv' ? 'text/csv; charset=utf-8' : 'application/jsonl; charset=utf-8')
      .header('content-disposition', `attachment; filename="cordon-audit.${format}"`)
      .send(stream)
    return undefined
  },
  'audit.check': async ({ services }) => {
    const [firstBroken, entries] = await Promise.all([firstBrokenEntry(services.store.db), countAudit(services.store)])
    return { whole: firstBroken === undefined, firstBroken: firstBroken ?? null, entries }
  },
  'settings.read': async ({ services }) => settingsOf(await readSettings(services.store.db)),
  'settings.change': async (call) => settingsOf(await changeSettings(call.services.store, call.body, changeBy(call))),
  'system.read': async ({ services }) => {
    const { store } = services
    const [status, tables, managers] = await Promise.all([store.status(), tablesOf(store.db), services.managers()])
    const est = services.est?.()
    return {
      product: 'Cordon',
      version: services.version,
      node: process.version,
      openssl: process.versions.openssl,
      store: {
        kind: status.kind,
        location: status.location,
        version: status.version,
        schema: status.schema,
        bytes: tables.reduce((sum, { bytes }) => sum + bytes, 0),
        notes: [...status.notes],
      },
      managers: managers.map(({ id, host, pid, address, startedAt, seenAt }) => ({
        id,
        host,
        pid,
        address,
        startedAt: startedAt.toISOString(),
        seenAt: seenAt.toISOString(),
        alive: Date.now() - seenAt.getTime() < managerGoneMs,
      })),
      tables,
      est:
        est === undefined
          ? null
          : { addresses: [...est.addresses], labels: [...est.labels], banners: [...est.banners] },
    }
  },
  'backups.create': async (call) => {
    const { services, body, fastify } = call
    const backup = await dumpStore(services.store, body.passphrase)
    await recordAudit(services.store.db, {
      ...changeBy(call),
      action: 'backups.create',
      subject: 'store',
      outcome: 'done',
      detail: { bytes: backup.length },
    })
    const stamp = new Date().toISOString().slice(0, 19).replaceAll(':', '')
    await fastify.reply
      .type('application/octet-stream')
      .header('content-disposition', `attachment; filename="cordon-${stamp}.backup"`)
      .send(Buffer.from(backup))
    return undefined
  },
  'messages.list': async () => {
    const tables: readonly Readonly<Record<string, MessageEntry>>[] = [messageTable, doctorTable, weakSpotTable]
    return {
      items: tables.flatMap((table) =>
        Object.entries(table).map(([code, { severity, title, cause, next }]) => ({
          code,
          severity,
          title,
          cause,
          next,
        })),
      ),
    }
  },
  'captures.judge': async (call) => {
    const { services, params, body, signal } = call
    const verdict = await services.judgeCapture(params.plant, body, signal)
    await recordAudit(services.store.db, {
      ...changeBy(call),
      action: 'captures.judge',
      subject: params.plant,
      plant: params.plant,
      outcome: 'done',
      detail: { packets: verdict.packets, disobeying: verdict.disobeying },
    })
    return { ...verdict, flows: verdict.flows.map((flow) => ({ ...flow })), notes: [...verdict.notes] }
  },
  'anchors.list': async ({ services }) => ({ items: (await listVendorAnchors(services.store)).map(anchorOf) }),
  'anchors.add': async (call) => {
    await addVendorAnchors(call.services.store, call.body.pem, changeBy(call))
    return { items: (await listVendorAnchors(call.services.store)).map(anchorOf) }
  },
  'anchors.remove': async (call) => {
    const { fingerprint } = call.params
    if (!(await removeVendorAnchor(call.services.store, fingerprint, changeBy(call))))
      throw notFound(`vendor anchor ${fingerprint}`)
  },
} satisfies Handlers<Routes>
