import type { Decision, PolicyTransport } from './decide.ts'
import { decide } from './decide.ts'
import type { PlantConnection } from './model.ts'
import type { PlantIndex } from './plant-index.ts'

/** One stretch of a connection's way. */
export interface ConnectionHop {
  readonly from: string
  readonly to: string
  /** The backplane of a chassis, or the network between two addresses. */
  readonly medium: 'backplane' | 'network'
  /** What protects this stretch; the backplane has nothing. */
  readonly protection: Decision['protection']
}

/** What the policy says about a connection of the plant, stretch by stretch: protection ends at the module. */
export interface ConnectionDecision {
  /** Class 3 uses TLS or 44818/tcp, class 0 and 1 use DTLS or 2222/udp. */
  readonly transport: PolicyTransport
  /** The decision about the network between the two addresses. */
  readonly decision: Decision
  readonly hops: readonly ConnectionHop[]
}

/** Says where the protection of a connection ends and what lies in plain behind it; undefined where it reaches from end to end, or is none. */
export function spellProtectedWay(hops: readonly ConnectionHop[]): string | undefined {
  const network = hops.find(({ medium }) => medium === 'network')
  const behind = hops
    .filter(({ medium }) => medium === 'backplane')
    .map(({ from, to }) => (from === network?.to ? `${from} to ${to}` : `${to} to ${from}`))
  if (network === undefined || network.protection === 'none' || behind.length === 0) return undefined
  return `protected from ${network.from} to ${network.to}; the backplane behind it is plain: ${behind.join(', ')}`
}

/** Decides about a connection, and says on which stretches of its way the protection holds. */
export function decideConnection(index: PlantIndex, connection: PlantConnection): ConnectionDecision {
  const { from, originator, to, target } = connection
  const transport = connection.class === 3 ? 'tcp' : 'udp'
  const decision = decide(index, { from, to, transport })
  const backplane = (one: string, other: string): readonly ConnectionHop[] =>
    one === other ? [] : [{ from: one, to: other, medium: 'backplane', protection: 'none' }]
  const network: ConnectionHop = { from, to, medium: 'network', protection: decision.protection }
  return { transport, decision, hops: [...backplane(originator, from), network, ...backplane(to, target)] }
}
