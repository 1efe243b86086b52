import type { Simulation } from '@cordon/core/policy'
import { loadStateKey, nodeCrypto } from '@cordon/node/crypto'
import { openVendorPki } from '@cordon/simulator'

/** Serial number of a device that nobody put into the plant. */
const boughtSerial = 0x00badbad

/** A vendor certificate as any buyer of such a device has one: it must open nothing. Nothing where there is no maker. */
export async function boughtUnit(
  state: string,
  directory: string,
  simulation: Simulation | undefined,
): Promise<{ vendor: { chain: readonly Uint8Array[]; key: Uint8Array } } | Record<never, never>> {
  const [maker] = simulation?.vendors ?? []
  const unit = simulation?.devices.find((device) => device.security !== undefined)
  if (maker === undefined || unit === undefined) return {}
  const { key: sealingKey } = await loadStateKey(nodeCrypto, state)
  const pki = await openVendorPki(directory, simulation?.vendors ?? [], sealingKey, Date.now())
  const { vendor: vendorId, type: deviceType, product: productCode, major, minor, name: productName } = unit.identity
  const identity = { vendorId, deviceType, productCode, majorRevision: major, minorRevision: minor, productName }
  const bought = await pki.issue(maker.name, { ...identity, serialNumber: boughtSerial })
  const key = bought.key.export()
  return key === undefined ? {} : { vendor: { chain: bought.chain, key } }
}
