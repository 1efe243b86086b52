import type { Authority } from '@cordon/core/authority'
import type { ManagerCredential } from '@cordon/core/deployment'
import { decodeCertificate } from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'
import { jsonText } from '../store/schema.ts'
import type { Store } from '../store/store.ts'

interface StoredCredential {
  /** DER as base64, leaf first. */
  readonly chain: readonly string[]
  /** PKCS#8, sealed for its fact, as base64. */
  readonly sealed: string
  readonly serial: string
  readonly notAfter: number
}

/** Share of its lifetime after which the manager's credential is renewed. */
const renewAt = 0.5

/**
 * The credential by which Cordon itself is known to the devices of a plant: issued by the authority of the manager's
 * zone, kept sealed in the store, renewed at half of its life. It is durable before it is used.
 */
export async function managerCredential(
  store: Store,
  authority: Pick<Authority, 'issueClient' | 'anchors' | 'list'>,
  plant: {
    readonly name: string
    readonly zone: string
    readonly manager: string
    readonly addresses: readonly string[]
  },
  date: number = Date.now(),
): Promise<ManagerCredential> {
  const name = `manager ${plant.name} ${plant.zone}`
  const held = await read(store, name)
  if (held !== undefined && (await isGood(held, authority, plant.zone, date))) return held
  const { zone, manager, addresses } = plant
  const issued = await authority.issueClient({ zone, name: manager, addresses })
  if (issued.key === undefined) throw new Error('the authority gave no key with the credential of the manager')
  const pkcs8 = issued.key.export()
  if (pkcs8 === undefined) throw new Error('the key of the manager cannot be stored')
  // The root stays at home: devices are anchored at the issuing authority.
  const chain = [issued.certificate, ...issued.chain.slice(0, 1)]
  const value: StoredCredential = {
    chain: chain.map(base64),
    sealed: base64(store.secrets.seal({ table: 'facts', name }, pkcs8)),
    serial: issued.serial,
    notAfter: issued.notAfter,
  }
  await store.db
    .insertInto('facts')
    .values({ name, value: jsonText(value) })
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ value: jsonText(value) }))
    .execute()
  return { chain, key: issued.key, serial: issued.serial, notAfter: issued.notAfter }
}

async function read(store: Store, name: string): Promise<ManagerCredential | undefined> {
  const row = await store.db.selectFrom('facts').select('value').where('name', '=', name).executeTakeFirst()
  if (row === undefined) return undefined
  // Written by this file alone.
  const value = row.value as StoredCredential
  const pkcs8 = store.secrets.open({ table: 'facts', name }, bytes(value.sealed))
  return {
    chain: value.chain.map(bytes),
    key: nodeCrypto.importKey(pkcs8),
    serial: value.serial,
    notAfter: value.notAfter,
  }
}

async function isGood(
  held: ManagerCredential,
  authority: Pick<Authority, 'anchors' | 'list'>,
  zone: string,
  date: number,
): Promise<boolean> {
  const [leaf] = held.chain
  if (leaf === undefined) return false
  const { notBefore, notAfter } = decodeCertificate(leaf)
  if (date > notBefore + (notAfter - notBefore) * renewAt) return false
  const anchors = await authority.anchors(zone)
  if (!nodeCrypto.verifyChain({ leaf, anchors, revocation: 'off' }).ok) return false
  const record = (await authority.list()).find(({ serial }) => serial === held.serial)
  return record?.status === 'valid'
}

function base64(data: Uint8Array): string {
  return Buffer.from(data).toString('base64')
}

function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'base64'))
}
