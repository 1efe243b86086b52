import { decide } from './decide.ts'
import type { PlantConnection } from './model.ts'
import type { PlantIndex } from './plant-index.ts'
import type { ProblemList } from './problem.ts'

/** Connections that are there twice, have no way, or may not be. */
export function checkConnections(index: PlantIndex, problems: ProblemList): void {
  const names = new Map<string, number>()
  const serials = new Map<string, string>()
  for (const [place, connection] of index.plant.connections.entries()) {
    const path = `connections[${place}]`
    const { name, from, to, originator, target, serial } = connection
    const twin = names.get(name)
    if (twin !== undefined)
      problems.error(
        'connection-twice',
        path,
        name,
        `connections[${twin}] has the same name`,
        'give each connection a name of its own',
      )
    names.set(name, place)
    if (serial !== undefined) {
      const triad = `${originator} ${serial}`
      const other = serials.get(triad)
      if (other !== undefined) {
        const reason = `${other} of ${originator} has serial number ${serial} too, so the target takes them for one`
        problems.error('connection-twice', `${path}.serial`, name, reason, 'choose another serial number')
      }
      serials.set(triad, name)
    }
    if (![from, to, originator, target].every((end) => index.devices.has(end))) continue
    if (checkRoute(index, connection, path, problems)) checkAllowed(index, connection, path, problems)
  }
}

function checkRoute(
  index: PlantIndex,
  { name, from, to, originator, target }: PlantConnection,
  path: string,
  problems: ProblemList,
): boolean {
  let sound = true
  for (const [end, behind, side] of [
    [from, originator, 'originator'],
    [to, target, 'target'],
  ] as const) {
    const chassis = index.chassisOf.get(end)
    if (!index.endpoints.has(end)) {
      sound = false
      // It has an address, but no zone that exists: that is said where it stands.
      if (index.devices.get(end)?.address !== undefined) continue
      const reason = `${end} has no address; connections run between addresses`
      problems.error(
        'connection-route',
        `${path}.${side === 'target' ? 'to' : 'from'}`,
        name,
        reason,
        `name its module, and ${end} as ${side}`,
      )
    } else if (end !== behind && (chassis === undefined || chassis !== index.chassisOf.get(behind))) {
      const reason = `${behind} is not in the chassis of ${end}, so there is no backplane between them`
      problems.error('connection-route', `${path}.${side}`, name, reason, 'name a device of the same chassis')
      sound = false
    }
  }
  if (from === to) {
    problems.error('connection-route', path, name, 'both ends are the same device', 'name two devices')
    sound = false
  }
  return sound
}

function checkAllowed(index: PlantIndex, connection: PlantConnection, path: string, problems: ProblemList): void {
  const { name, from, to } = connection
  const decision = decide(index, { from, to, transport: connection.class === 3 ? 'tcp' : 'udp' })
  if (decision.verdict === 'denied') {
    if (connection.when === 'before') return // it ends with the deployment, as the policy wants
    const alternative =
      decision.denial === 'no-conduit' || decision.denial === 'not-capable'
        ? `add a conduit between ${from} and ${to}, or say \`when: before\` if it is to end with the deployment`
        : 'loosen what denies it, or say `when: before` if it is to end with the deployment'
    problems.error(
      'connection-without-conduit',
      path,
      name,
      `${from} may not open it to ${to}: ${decision.reason}`,
      alternative,
    )
  } else if (decision.verdict === 'secure' && connection.multicast) {
    const reason = 'T->O is multicast, and a DTLS association has one peer'
    problems.error('multicast-secured', `${path}.multicast`, name, reason, 'make it point to point')
  }
}
