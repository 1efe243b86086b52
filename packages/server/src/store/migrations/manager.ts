import { type Kysely, sql } from 'kysely'

/**
 * Who did what, in one chain that shows a lost or altered entry, and events in the order of their commits. Both numbers
 * are given by the database under a lock that is held to the end of the transaction, so that a reader who has seen a
 * number never meets a smaller one later.
 */
export async function manager(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('audit')
    .addColumn('id', 'bigint', (c) => c.primaryKey().generatedByDefaultAsIdentity())
    .addColumn('at', 'timestamptz', (c) => c.notNull().defaultTo(sql`now()`))
    .addColumn('actor_kind', 'text', (c) =>
      c.notNull().check(sql`actor_kind in ('user', 'token', 'system', 'anonymous')`),
    )
    .addColumn('actor', 'text', (c) => c.notNull())
    .addColumn('action', 'text', (c) => c.notNull())
    .addColumn('subject', 'text', (c) => c.notNull())
    .addColumn('plant', 'text')
    .addColumn('outcome', 'text', (c) => c.notNull().check(sql`outcome in ('done', 'refused', 'failed')`))
    .addColumn('address', 'text')
    .addColumn('request', 'text')
    .addColumn('detail', 'jsonb')
    .addColumn('previous', 'bytea')
    .addColumn('hash', 'bytea', (c) => c.notNull())
    .execute()
  await db.schema.createIndex('audit_by_time').on('audit').column('at').execute()
  await db.schema.createIndex('audit_by_actor').on('audit').columns(['actor', 'id']).execute()
  await db.schema.createIndex('audit_by_subject').on('audit').columns(['subject', 'id']).execute()
  // The hash is over a text with every column in it, times in UTC to the microsecond, JSON as jsonb writes it.
  await sql`
    create or replace function cordon_audit_hash(entry audit) returns bytea language sql stable as $$
      select sha256(convert_to(jsonb_build_array(
        entry.id, to_char(entry.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), entry.actor_kind, entry.actor,
        entry.action, entry.subject, entry.plant, entry.outcome, entry.address, entry.request, entry.detail,
        encode(entry.previous, 'hex'))::text, 'UTF8'))
    $$`.execute(db)
  await sql`
    create or replace function cordon_audit_chain() returns trigger language plpgsql as $$
    begin
      perform pg_advisory_xact_lock(hashtextextended('cordon audit', 0));
      new.id := nextval(pg_get_serial_sequence('audit', 'id'));
      new.at := clock_timestamp();
      new.previous := (select hash from audit order by id desc limit 1);
      new.hash := cordon_audit_hash(new);
      return new;
    end $$`.execute(db)
  await sql`create trigger audit_chain before insert on audit for each row execute function cordon_audit_chain()`.execute(
    db,
  )
  await sql`
    create or replace function cordon_audit_kept() returns trigger language plpgsql as $$
    begin
      if tg_op = 'DELETE' and current_setting('cordon.retention', true) = 'on' then return old; end if;
      raise exception 'entries of the audit are not changed or deleted';
    end $$`.execute(db)
  await sql`create trigger audit_kept before update or delete on audit for each row execute function cordon_audit_kept()`.execute(
    db,
  )
  await sql`
    create or replace function cordon_events_order() returns trigger language plpgsql as $$
    begin
      perform pg_advisory_xact_lock(hashtextextended('cordon events', 0));
      new.id := nextval(pg_get_serial_sequence('events', 'id'));
      return new;
    end $$`.execute(db)
  await sql`create trigger events_order before insert on events for each row execute function cordon_events_order()`.execute(
    db,
  )
  await sql`
    create or replace function cordon_events_told() returns trigger language plpgsql as $$
    begin
      perform pg_notify('cordon_events', '');
      return null;
    end $$`.execute(db)
  await sql`create trigger events_told after insert on events for each statement execute function cordon_events_told()`.execute(
    db,
  )
  // Numbers have gaps (of transactions that were undone), so what is gone is known only by who deleted it.
  await sql`
    create or replace function cordon_events_gone() returns trigger language plpgsql as $$
    begin
      insert into facts (name, value) select 'events-gone', to_jsonb(max(id)) from gone having max(id) is not null
      on conflict (name) do update set value = greatest(facts.value, excluded.value);
      return null;
    end $$`.execute(db)
  await sql`create trigger events_gone after delete on events referencing old table as gone for each statement execute function cordon_events_gone()`.execute(
    db,
  )
  await db.schema.alterTable('events').addColumn('plant', 'text').execute()
}
