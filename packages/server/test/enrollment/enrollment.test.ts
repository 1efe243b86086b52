import type { Store } from '@cordon/server/store'
import { formatName } from '@cordon/core/x509'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TemporaryState } from '../store/support.ts'
import { type Bench, granted, initialize, makeWorld, openBench, start, Unit, type World } from './support.ts'

let place: TemporaryState
let store: Store
let world: World
let bench: Bench
const now = start

beforeAll(async () => {
  place = new TemporaryState()
  store = await place.open()
  world = await makeWorld()
  await initialize(store, () => now)
  bench = await openBench(store, world, () => now)
})

afterAll(async () => {
  await bench[Symbol.asyncDispose]()
  await store[Symbol.asyncDispose]()
  await place[Symbol.asyncDispose]()
})

async function ask(unit: Unit, label: string | undefined, more: Parameters<Unit['request']>[1] = {}) {
  return await bench.service.enroll(await unit.request(label, more))
}

async function rowOf(unit: Unit, label = '') {
  const { createHash } = await import('node:crypto')
  const key = createHash('sha256').update(unit.key.publicKey).digest('hex')
  return await store.db
    .selectFrom('enrollments')
    .selectAll()
    .where('key', '=', key)
    .where('label', '=', label)
    .executeTakeFirst()
}

describe('a vendor certificate', () => {
  test('earns the certificate of the device that the plant file expects', async () => {
    const unit = await Unit.of(world.vendor, 0x101, '127.70.1.1')
    const certificate = granted(await ask(unit, undefined, { subject: 'CN=I am the root,O=Evil' }))
    expect(formatName(certificate.subject)).toContain('CN=Expected,OU=green')
    expect(certificate.extensions.subjectAlternativeNames).toEqual([{ kind: 'ip', value: '127.70.1.1' }])
    expect(await rowOf(unit)).toMatchObject({
      state: 'granted',
      device: 'Expected',
      zone: 'green',
      requester: 'vendor example',
    })
  })
})
