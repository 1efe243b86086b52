import { unjudgedSettings } from '@cordon/core/drift'
import { compile, type DeviceCapabilities, indexPlant, managerAuthority, type Plant } from '@cordon/core/policy'
import { fingerprint } from '@cordon/core/x509'
import { nodeCrypto } from '../crypto.ts'
import type { Credentials } from '../transports/credentials.ts'
import type { ExpectedSettings, PlantExpectation } from './ladder.ts'

/** What a manager knows of its plant. All certificates and lists in DER. */
export interface PlantKnowledge {
  readonly plant: Plant
  /** What devices can do, where it is known. */
  readonly capabilities?: ReadonlyMap<string, DeviceCapabilities>
  /** Authorities by zone. */
  readonly anchors: Readonly<Record<string, readonly Uint8Array[]>>
  /** The newest revocation lists of all zones. */
  readonly lists: readonly Uint8Array[]
  /** The newest certificate of each device, by name. */
  readonly certificates: Readonly<Record<string, Uint8Array>>
  /** The manager's own certificate and key, where its plant has authorities. */
  readonly manager?: { readonly chain: readonly Uint8Array[]; readonly key: Uint8Array }
  /** Pre-shared keys by the name that the plant file uses. */
  readonly psk: Readonly<Record<string, { readonly identity: Uint8Array; readonly key: Uint8Array }>>
}

/** What a plant expects of the device of this address: its unit, its settings, its certificate, and how it is opened. */
export function expectationOf(knowledge: PlantKnowledge, address: string): PlantExpectation {
  const { plant, anchors, certificates, manager } = knowledge
  const device = plant.devices.find((each) => each.address === address)
  const settings = device === undefined ? undefined : settingsOf(knowledge, device.name)
  const zones = new Map<string, string>()
  for (const [zone, list] of Object.entries(anchors)) for (const der of list) zones.set(printOf(der), zone)
  const holders = new Map(Object.entries(certificates).map(([name, der]) => [printOf(der), name]))
  const leaf = manager?.chain[0]
  if (leaf !== undefined && plant.manager !== undefined) holders.set(printOf(leaf), plant.manager)
  const managerAddress = plant.devices.find(({ name }) => name === plant.manager)?.address
  const newest = device === undefined ? undefined : own(certificates, device.name)
  return {
    plant: plant.name,
    capable: device?.capability !== 'none',
    credentials: credentialsFor(
      knowledge,
      settings?.enforcement === 'psk' ? settings.psk.map(({ name }) => name) : [],
      manager,
    ),
    anchors: Object.values(anchors).flat(),
    lists: knowledge.lists,
    names: {
      zoneOf: (der) => zones.get(printOf(der)),
      holderOf: (der) => holders.get(printOf(der)),
      managerZone: managerAuthority(plant),
      manager: leaf,
    },
    settingsWith: (own) => (device === undefined ? undefined : settingsWith(knowledge, device.name, own)),
    ...(device === undefined ? {} : { device: device.name }),
    ...(device?.expect === undefined ? {} : { expect: device.expect }),
    ...(settings === undefined ? {} : { settings }),
    ...(managerAddress === undefined ? {} : { managerAddress }),
    ...(newest === undefined ? {} : { certificate: newest }),
  }
}

function settingsOf({ plant, capabilities }: PlantKnowledge, name: string) {
  return compile(indexPlant(plant, capabilities ?? new Map())).settings.get(name)
}

/** Settings of a device with what it says itself, and what of them its peers would have to be asked for. */
function settingsWith(
  { plant, capabilities = new Map<string, DeviceCapabilities>() }: PlantKnowledge,
  name: string,
  own: DeviceCapabilities,
): ExpectedSettings | undefined {
  const known = new Map([...capabilities, [name, { ...capabilities.get(name), ...own }]])
  const index = indexPlant(plant, known)
  const { settings } = compile(index)
  const expected = settings.get(name)
  if (expected === undefined) return undefined
  const unknown = [...settings].flatMap(([peer, { enforcement }]) =>
    enforcement === 'none' || known.has(peer) ? [] : [peer],
  )
  const unjudged = unjudgedSettings(index, settings, new Set(unknown)).find(({ device }) => device === name)
  return { settings: expected, unjudged }
}

/** A device of pre-shared keys is opened by them, every other one by the manager's certificate. */
function credentialsFor(
  { psk }: PlantKnowledge,
  names: readonly string[],
  manager: PlantKnowledge['manager'],
): Credentials {
  const keys = names.flatMap((name) => own(psk, name) ?? [])
  if (keys.length > 0) return { psk: keys }
  return manager === undefined ? {} : { chain: manager.chain, key: manager.key }
}

function own<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined
}

function printOf(der: Uint8Array): string {
  return fingerprint(nodeCrypto, der)
}
