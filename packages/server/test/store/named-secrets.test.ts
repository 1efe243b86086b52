import { NotTrusted, UsageError } from '@cordon/core/errors'
import {
  dumpStore,
  jsonText,
  listSecrets,
  readSecret,
  removeSecret,
  restoreStore,
  type Store,
  storeSecret,
} from '@cordon/server/store'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TemporaryState } from './support.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

let place: TemporaryState
let store: Store

beforeAll(async () => {
  place = new TemporaryState()
  store = await place.open()
})

afterAll(async () => {
  await store[Symbol.asyncDispose]()
  await place[Symbol.asyncDispose]()
})

describe('a named secret', () => {
  test('is kept sealed, replaced, listed without its value, and forgotten', async () => {
    await storeSecret(store, 'soc', bytes('first secret'), 1000)
    await storeSecret(store, 'soc', bytes('second secret'), 2000)
    expect(await readSecret(store, 'soc')).toEqual(bytes('second secret'))
    expect(await listSecrets(store)).toEqual([{ name: 'soc', storedAt: 2000 }])
    const rows = jsonText(await store.db.selectFrom('facts').selectAll().execute())
    expect(rows).not.toContain(Buffer.from('second secret').toString('base64').slice(0, 12))
    expect(await removeSecret(store, 'soc')).toBe(true)
    expect(await removeSecret(store, 'soc')).toBe(false)
    await expect(readSecret(store, 'soc')).rejects.toThrow(/cordon secret add soc/)
  })

  test('has a name that files can use, and is neither empty nor endless', async () => {
    await expect(storeSecret(store, 'a b', bytes('x'))).rejects.toThrow(UsageError)
    await expect(storeSecret(store, 'a', bytes(''))).rejects.toThrow(/1 to 16384 bytes/)
    await expect(storeSecret(store, 'a', new Uint8Array(16_385))).rejects.toThrow(/got 16385/)
  })

  test('outlives a backup, sealed anew under the key of the store that it comes to, as every sealed fact does', async () => {
    const sealed = { table: 'facts', name: 'manager mill green' } as const
    const value = { chain: ['AA=='], sealed: Buffer.from(store.secrets.seal(sealed, bytes('key'))).toString('base64') }
    await store.db
      .insertInto('facts')
      .values({ name: sealed.name, value: jsonText(value) })
      .execute()
    await storeSecret(store, 'mail', bytes('password'), 3000)
    const backup = await dumpStore(store, 'correct horse battery')
    await using elsewhere = new TemporaryState()
    await using target = await elsewhere.open()
    await restoreStore(target, backup, 'correct horse battery')
    expect(await readSecret(target, 'mail')).toEqual(bytes('password'))
    expect(await listSecrets(target)).toEqual([{ name: 'mail', storedAt: 3000 }])
    const row = await target.db.selectFrom('facts').select('value').where('name', '=', sealed.name).executeTakeFirst()
    const restored = row?.value as typeof value // written above
    expect(restored.chain).toEqual(value.chain)
    const opened = target.secrets.open(sealed, new Uint8Array(Buffer.from(restored.sealed, 'base64')))
    expect(opened).toEqual(bytes('key'))
    expect(() => store.secrets.open(sealed, new Uint8Array(Buffer.from(restored.sealed, 'base64')))).toThrow(NotTrusted)
  })
})
