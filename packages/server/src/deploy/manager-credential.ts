import type { Authority } from '@cordon/core/authority'
import type { ManagerCredential } from '@cordon/core/deployment'
import { managerAuthority, type Plant } from '@cordon/core/policy'
import { decodeCertificate } from '@cordon/core/x509'
import { nodeCrypto } from '@cordon/node/crypto'
import { keepCredential, readCredential } from '../store/credential.ts'
import type { Store } from '../store/store.ts'

/** Share of its lifetime after which the manager's credential is renewed. */
const renewAt = 0.5

/** A plant's manager, as its credential names it: the plant, its zone and addresses. */
export interface PlantManager {
  readonly name: string
  readonly zone: string
  readonly manager: string
  readonly addresses: readonly string[]
}

/** The manager of a plant: its zone and addresses, as the plant file names it. */
export function managerOf(plant: Plant): PlantManager {
  const device = plant.devices.find(({ name }) => name === plant.manager)
  return {
    name: plant.name,
    zone: managerAuthority(plant),
    manager: plant.manager ?? 'cordon-manager',
    addresses: device?.address === undefined ? [] : [device.address],
  }
}

/**
 * The credential by which Cordon itself is known to the devices of a plant: issued by the authority of the manager's
 * zone, kept sealed in the store, renewed at half of its life. It is durable before it is used.
 */
export async function managerCredential(
  store: Store,
  authority: Pick<Authority, 'issueClient' | 'anchors' | 'list'>,
  plant: PlantManager,
  date: number = Date.now(),
): Promise<ManagerCredential> {
  const name = `manager ${plant.name} ${plant.zone}`
  const held = await readCredential(store, name)
  if (held !== undefined && (await isGood(held, authority, plant.zone, date))) return held
  const { zone, manager, addresses } = plant
  const issued = await authority.issueClient({ zone, name: manager, addresses })
  if (issued.key === undefined) throw new Error('the authority gave no key with the credential of the manager')
  // The root stays at home: devices are anchored at the issuing authority.
  const chain = [issued.certificate, ...issued.chain.slice(0, 1)]
  const credential = { chain, key: issued.key, serial: issued.serial, notAfter: issued.notAfter }
  await keepCredential(store, name, credential)
  return credential
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
  // One of a CA that is being retired would keep that CA in use.
  return record?.status === 'valid' && (record.issuerState ?? 'active') === 'active'
}
