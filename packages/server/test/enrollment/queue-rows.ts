import { createHash } from 'node:crypto'
import type { EnrollmentFacts, Evaluation } from '@cordon/core/enrollment'
import { jsonText, type Schema, type Store } from '@cordon/server/store'
import type { Insertable } from 'kysely'

type Row = Insertable<Schema['enrollments']>

/** The key of a test by a word, as the store names keys. */
export const keyOf = (word: string): string => createHash('sha256').update(word).digest('hex')

/** A request that waits for two administrators, as the service records it. Gives its number. */
export async function ask(store: Store, word: string, change: Partial<Row> = {}): Promise<number> {
  const key = change.key ?? keyOf(word)
  const address = change.address ?? '192.0.2.10'
  const facts: EnrollmentFacts = {
    label: undefined,
    key,
    subject: { text: `CN=${word}`, attributes: [{ type: '2.5.4.3', value: word }] },
    address,
    units: [],
    macs: [],
    administrators: [],
    sightings: [],
  }
  const reason = 'waits for an administrator, 0 of 2 approved'
  const evaluation: Evaluation = {
    verdict: 'pend',
    reason,
    at: 0,
    label: null,
    key,
    alarms: [],
    uses: [],
    tree: { rule: 'administrator', result: 'pend', reason },
  }
  const { id } = await store.db
    .insertInto('enrollments')
    .values({
      plant: 'line',
      label: '',
      key,
      operation: 'simpleenroll',
      requester: 'nobody',
      address,
      subject: `CN=${word}`,
      request: new Uint8Array([0x30, 0]),
      facts: jsonText(facts),
      evaluation: jsonText(evaluation),
      state: 'pending',
      reason,
      device: word,
      zone: 'green',
      expires_at: null,
      ...change,
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  await store.db
    .insertInto('enrollment_words')
    .values({ enrollment: id, kind: 'asked', by: 'policy', reason })
    .execute()
  return id
}

/** A certificate in the records; nothing was signed. */
export async function record(
  store: Store,
  serial: string,
  change: Partial<Insertable<Schema['certificates']>> = {},
): Promise<void> {
  const bytes = new Uint8Array(createHash('sha256').update(serial).digest())
  await store.db
    .insertInto('authorities')
    .values({ id: 'green-1', zone: 'green', generation: 1, certificate: bytes, key_kind: 'ecdsa-p256', sealed: bytes })
    .onConflict((conflict) => conflict.doNothing())
    .execute()
  await store.db
    .insertInto('certificates')
    .values({
      issuer_id: 'green-1',
      serial,
      profile: 'device',
      zone: 'green',
      name: 'Pump',
      subject: 'CN=Pump',
      issuer: 'CN=green',
      tbs_hash: bytes,
      fingerprint: keyOf(serial),
      key_hash: bytes,
      names: '',
      certificate: bytes,
      not_before: new Date(0),
      not_after: new Date(Date.UTC(2100, 0)),
      status: 'valid',
      ...change,
    })
    .execute()
}
