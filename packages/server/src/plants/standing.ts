import { type Kysely, sql } from 'kysely'
import type { Schema } from '../store/schema.ts'

/**
 * How a device stands, by the first that holds. `running`: a deployment works on it now. `failed`: the last one did not
 * complete. `unreachable`: a comparison found it away. `drift`: it is not as the model says. `not-deployed`: a deployment
 * has something to do at it, and none did. `left`: it is not in the plant any more and still under its policy. `ok`: none
 * of these; a device that cannot be secured is always so.
 */
export type Standing = 'ok' | 'not-deployed' | 'drift' | 'failed' | 'unreachable' | 'running' | 'left'

/** The standings, as lists show them. */
export const standings = [
  'ok',
  'not-deployed',
  'drift',
  'failed',
  'unreachable',
  'running',
  'left',
] as const satisfies readonly Standing[]

/** How many devices stand how. */
export type StandingCounts = Readonly<Record<Standing, number>>

/** Nothing stands yet. */
export function noStandings(): Record<Standing, number> {
  return { ok: 0, 'not-deployed': 0, drift: 0, failed: 0, unreachable: 0, running: 0, left: 0 }
}

/** The last target `t` and the open findings `f` of each device `p` of a few: found row by row. */
export const ofFew = sql`left join lateral (
    select t.status, t.lease_until
    from deployment_targets t join deployments x on x.id = t.deployment
    where t.device = p.name and x.plant = p.plant order by x.created_at desc limit 1) t on true
  left join lateral (
    select count(*)::int as open, bool_or(g.finding->>'kind' in ('missing', 'unreadable')) as away,
      bool_or(g.finding->>'weight' = 'drift' and g.finding->>'kind' <> 'not-deployed') as drifted
    from drift_findings g where g.plant = p.plant and g.device = p.name and g.gone_at is null) f on true`

/** The same of all devices of a plant, each in one pass: `with` begins the statement. */
export function ofAll(plant: string) {
  return {
    with: sql`with t as materialized (
        select distinct on (t.device) t.device, t.status, t.lease_until
        from deployments x join deployment_targets t on t.deployment = x.id
        where x.plant = ${plant} order by t.device, x.created_at desc),
      f as materialized (
        select g.device, count(*)::int as open, bool_or(g.finding->>'kind' in ('missing', 'unreadable')) as away,
          bool_or(g.finding->>'weight' = 'drift' and g.finding->>'kind' <> 'not-deployed') as drifted
        from drift_findings g where g.plant = ${plant} and g.gone_at is null group by g.device)`,
    joins: sql`left join t on t.device = p.name left join f on f.device = p.name`,
  }
}

/** The standing of a device `p` with its record `d`, its last target `t` and its findings `f`. */
export const standingOf = sql<Standing>`case
  when t.status = 'running' and t.lease_until > now() then 'running'
  when t.status = 'not-complete' then 'failed'
  when f.away then 'unreachable'
  when f.drifted then 'drift'
  when p.managed and d.observed->>'configured' is distinct from 'true' then 'not-deployed'
  else 'ok' end`

/** How the devices of each zone of a plant stand. */
export async function standingsByZone(db: Kysely<Schema>, plant: string): Promise<ReadonlyMap<string, StandingCounts>> {
  const all = ofAll(plant)
  const { rows } = await sql<{ zone: string; standing: Standing; count: number }>`${all.with}
    select p.zone, ${standingOf} as standing, count(*)::int as count
    from plant_devices p left join devices d on d.plant = p.plant and d.name = p.name
      ${all.joins}
    where p.plant = ${plant} group by 1, 2`.execute(db)
  const counts = new Map<string, Record<Standing, number>>()
  for (const { zone, standing, count } of rows) {
    let found = counts.get(zone)
    if (found === undefined) {
      found = noStandings()
      counts.set(zone, found)
    }
    found[standing] = count
  }
  return counts
}

/** Devices of a plant that left its file while under its policy. */
export async function leftDevices(db: Kysely<Schema>, plant: string): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from orphans o where o.plant = ${plant} and not exists (
      select from plant_devices p where p.plant = o.plant and p.name = o.device)`.execute(db)
  return rows[0]?.count ?? 0
}

/** The sum of several counts. */
export function sumStandings(all: Iterable<StandingCounts>): Record<Standing, number> {
  const sum = noStandings()
  for (const counts of all) for (const standing of standings) sum[standing] += counts[standing]
  return sum
}
