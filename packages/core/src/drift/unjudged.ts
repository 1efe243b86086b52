import type { PlannedChange } from '../deployment/assess.ts'
import type { DeviceCapabilities } from '../policy/capabilities.ts'
import { compile } from '../policy/compile.ts'
import { indexPlant, type PlantIndex } from '../policy/plant-index.ts'
import type { DeviceSettings } from '../policy/settings.ts'

/** Settings of a device that nobody can judge, since they follow from what a peer can do and that is not known. */
export interface UnjudgedDevice {
  readonly device: string
  /** The peers of which nothing is known. */
  readonly peers: readonly string[]
  readonly settings: readonly PlannedChange['what'][]
}

/** Suites are the union over all peers and rules name the suites of each: any ability of a peer may change them. */
const always = ['allowedSuites', 'originatorSuites', 'ingress', 'egress'] as const

/** What the rest of a device's settings make in it. */
const others = [
  ['verifyClient', ['verifyClient']],
  ['authorities', ['authorities', 'authorityCertificates', 'revocationLists']],
  ['identities', ['identities', 'identityCertificates']],
  ['psk', ['psk', 'pskKey']],
] as const

/**
 * Which settings cannot be judged because they follow from devices of which nothing is known. The plant was compiled with
 * the assumption that these can do everything; what is otherwise when they can do nothing is uncertain too.
 *
 * @param settings compiled from the index
 * @param unknown names of devices that were never read and are not described either
 */
export function unjudgedSettings(
  index: PlantIndex,
  settings: ReadonlyMap<string, DeviceSettings>,
  unknown: ReadonlySet<string>,
): readonly UnjudgedDevice[] {
  if (unknown.size === 0) return []
  const incapable: DeviceCapabilities = { capable: false }
  const none = new Map([...index.capabilities, ...[...unknown].map((name) => [name, incapable] as const)])
  const least = compile(indexPlant(index.plant, none)).settings
  return [...settings].flatMap(([device, most]): UnjudgedDevice[] => {
    const other = least.get(device)
    const named = [...most.promises, ...(other?.promises ?? [])].map(({ peer }) => peer)
    const peers = [...new Set(named)].filter((peer) => unknown.has(peer))
    if (unknown.has(device) || most.enforcement === 'none' || peers.length === 0) return []
    const differing = others.filter(([part]) => JSON.stringify(most[part]) !== JSON.stringify(other?.[part]))
    return [{ device, peers, settings: [...always, ...differing.flatMap(([, list]) => list)] }]
  })
}
