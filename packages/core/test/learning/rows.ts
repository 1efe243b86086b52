import type { LearnedDevice, Observation } from '@cordon/core/learning'
import { bridgeObservations, tcpObservations } from '@cordon/core/learning'
import { type Plant, parsePlant } from '@cordon/core/policy'
import type { BridgeRow, TcpRow } from '@cordon/core/tables'
import { readFileSync } from 'node:fs'

/** The demonstration plant. */
export function demonstrationPlant(): Plant {
  const { plant, problems } = parsePlant(readFileSync('examples/cpwe/plant.yaml', 'utf8'), 'plant.yaml')
  if (plant === undefined) throw new Error(JSON.stringify(problems))
  return plant
}

const at = '2026-11-28T12:00:00Z'
const readAt = Date.UTC(2026, 10, 28, 12)

/** The rows that each device of a plain plant would show: what the connection table of its reference says. */
export function pagesOf(plant: Plant, shown: ReadonlySet<string>): Observation[] {
  const addressOf = new Map(plant.devices.map(({ name, address }) => [name, address ?? '']))
  const slotOf = new Map(plant.chassis.flatMap(({ slots }) => slots.map(({ slot, device }) => [device, slot])))
  const observations: Observation[] = []
  for (const { name: witness, address } of plant.devices) {
    if (address === undefined || !shown.has(witness)) continue
    const reading = { address, at, readAt }
    const bridge: BridgeRow[] = []
    const tcp = new Map<string, TcpRow>()
    for (const connection of plant.connections) {
      const { from, to, originator, target } = connection
      if (connection.when !== 'both' || (from !== witness && to !== witness)) continue
      const end = (front: string, behind: string) => {
        const slot = slotOf.get(behind)
        if (front === witness && behind !== front && slot !== undefined)
          return { port: 1, link: String(slot), name: behind }
        if (front === witness && slot !== undefined) return { port: 1, link: String(slot), name: front }
        return { port: 2, link: addressOf.get(front) ?? '', name: undefined }
      }
      const direction = (size: number, rpiUs: number) => ({
        size,
        variable: connection.variable,
        rpiUs,
        multicast: false,
      })
      bridge.push({
        class: connection.class,
        state: 'Active',
        uptimeS: 60,
        originator: end(from, originator),
        target: end(to, target),
        originatorToTarget: direction(connection.outputSize, connection.rpiUs),
        targetToOriginator: direction(connection.inputSize, connection.targetRpiUs),
        missed: 0,
        serial: connection.serial ?? 0,
        confidentiality: 'None',
      } as BridgeRow)
      const side = from === witness ? 'client' : 'server'
      const remote = addressOf.get(from === witness ? to : from) ?? ''
      tcp.set(`${side} ${remote}`, {
        state: 'ESTABLISHED',
        localAddress: address,
        localPort: side === 'client' ? 50_000 : 44_818,
        remoteAddress: remote,
        remotePort: side === 'client' ? 44_818 : 50_000,
        remoteName: undefined,
        side,
        secured: false,
        since: at,
      })
    }
    observations.push(...bridgeObservations(reading, bridge), ...tcpObservations(reading, [...tcp.values()]))
  }
  return observations
}

/** What the devices of the demonstration plant say of themselves. */
export function identitiesOf(plant: Plant, named: boolean): LearnedDevice[] {
  const slotOf = new Map(plant.chassis.flatMap(({ slots }) => slots.map(({ slot, device }) => [device, slot])))
  return plant.devices.flatMap(({ name, address, capability, role }, place) =>
    address === undefined || role === 'originator'
      ? []
      : [
          {
            address,
            ...(named ? { name, slot: slotOf.get(name) } : {}),
            productName: name.includes('EN4TR') ? '1756-EN4TR/A' : name.replaceAll('_', ' '),
            vendorId: 1,
            serialNumber: 0x1000 + place,
            capable: capability !== 'none',
            source: 'ListIdentity',
          },
        ],
  )
}

/** The ordered pairs of addresses that speak, and their classes, sorted. */
export function pairsOf(plant: Plant, when: (when: string) => boolean = () => true): string[] {
  const addressOf = new Map(plant.devices.map(({ name, address }) => [name, address ?? '']))
  return plant.connections
    .filter((connection) => when(connection.when))
    .map(
      ({ from, to, class: transportClass }) => `${addressOf.get(from)} -> ${addressOf.get(to)} class ${transportClass}`,
    )
    .sort()
}
