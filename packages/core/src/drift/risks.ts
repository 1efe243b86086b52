import { analyze } from '../policy/analyze.ts'
import type { Decision } from '../policy/decide.ts'
import type { PlantIndex } from '../policy/plant-index.ts'
import { spellUnenforceable } from '../policy/promises.ts'
import type { DeviceSettings } from '../policy/settings.ts'
import { describeGroup } from '../policy/wording.ts'

/** A weakness that the model itself accepts: no drift, and still to be seen each time. */
export interface ModelRisk {
  readonly kind: 'plaintext-edge' | 'trusted-address-edge' | 'not-enforceable'
  /** Who opens, or the device that cannot keep a promise; devices that are alike are named by one of them. */
  readonly from: string
  /** Who accepts; empty for `not-enforceable`. */
  readonly to: string
  readonly transports: readonly ('tcp' | 'udp')[]
  readonly reason: string
}

/** Most risks that are listed. */
export const mostRisks = 1000

/** The risks of a model: edges in plain, edges by trusted address, and what nobody can enforce. */
export function modelRisks(index: PlantIndex, settings: Iterable<DeviceSettings>): readonly ModelRisk[] {
  const risks: ModelRisk[] = []
  for (const { group, links } of analyze(index)) {
    for (const { peer, outgoing } of links) {
      const plain = (['tcp', 'udp'] as const).filter((transport) => outgoing[transport].verdict === 'plain')
      const [first] = plain
      if (first === undefined) continue
      const decision: Decision = outgoing[first]
      const trusted = decision.authentication === 'trusted-ip'
      risks.push({
        kind: trusted ? 'trusted-address-edge' : 'plaintext-edge',
        from: describeGroup(group),
        to: describeGroup(peer),
        transports: plain,
        reason: trusted ? `${decision.reason}; whoever has the address is let in` : decision.reason,
      })
    }
  }
  for (const { device, promises } of settings) {
    for (const reason of spellUnenforceable(promises)) {
      risks.push({ kind: 'not-enforceable', from: device, to: '', transports: [], reason })
    }
  }
  return risks.slice(0, mostRisks)
}
