import { judgeObserved, type ObservedVerdict } from '../policy/observed.ts'
import type { PlantIndex } from '../policy/plant-index.ts'
import { type JoinedConnection, joinConnections, type ReadTables } from '../tables/join.ts'

/** A connection of a plant with the judgement of it. */
export interface JudgedConnection extends JoinedConnection {
  /** Names in the plant file. */
  readonly fromName: string | undefined
  readonly toName: string | undefined
  readonly verdict: ObservedVerdict
  readonly reason: string
}

const protections = { None: 'none', Authenticated: 'integrity', Encrypted: 'confidentiality' } as const

/** Joins what the devices show and judges each connection against the plant. */
export function judgedConnections(index: PlantIndex, devices: readonly ReadTables[]): readonly JudgedConnection[] {
  return joinConnections(devices).map((connection) => {
    const { from, to, transport, confidentiality } = connection
    const { verdict, reason, ...names } = judgeObserved(index, {
      from,
      to,
      transport: transport === 'udp' || transport === 'dtls' ? 'udp' : 'tcp',
      protection: protections[confidentiality],
    })
    const { disagree } = connection
    const why = disagree === undefined ? reason : `${reason}; its ends disagree: ${disagree}`
    return { ...connection, fromName: names.from, toName: names.to, verdict, reason: why }
  })
}
