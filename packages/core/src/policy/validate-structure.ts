import { lastAddress, parseNetwork } from './address.ts'
import type { Conduit } from './model.ts'
import type { PlantIndex } from './plant-index.ts'
import type { ProblemList } from './problem.ts'

/** Addresses and ranges that rules could not tell apart. */
export function checkAddresses({ plant }: PlantIndex, problems: ProblemList): void {
  const taken = new Map<string, string>()
  const networks: { readonly name: string; readonly path: string; readonly first: number; readonly last: number }[] = []
  for (const { name, address } of plant.devices) {
    if (address === undefined) continue
    const path = `devices.${name}.address`
    const other = taken.get(address)
    if (other !== undefined) {
      problems.error(
        'duplicate-address',
        path,
        name,
        `${address} is also the address of ${other}`,
        'give each device an address of its own',
      )
      continue
    }
    taken.set(address, name)
    const network = parseNetwork(address)
    if (network !== undefined) networks.push({ name, path, first: network.address, last: network.address })
  }
  for (const { name, addresses } of plant.ranges) {
    const network = parseNetwork(addresses)
    if (network !== undefined)
      networks.push({ name, path: `ranges.${name}.addresses`, first: network.address, last: lastAddress(network) })
  }
  networks.sort((a, b) => a.first - b.first || b.last - a.last)
  let widest = networks[0]
  for (const network of networks.slice(1)) {
    if (widest !== undefined && network.first <= widest.last) {
      const reason = `${network.name} lies within ${widest.name}: rules could not tell them apart`
      problems.error(
        'overlapping-range',
        network.path,
        network.name,
        reason,
        `split ${widest.name} so that each address has one name`,
      )
    }
    if (widest === undefined || network.last > widest.last) widest = network
  }
}

/** Devices in two slots, and devices that nobody can reach. */
export function checkChassis(index: PlantIndex, problems: ProblemList): void {
  const { plant } = index
  const seats = new Map<string, string>()
  for (const { name, slots } of plant.chassis) {
    for (const { slot, device } of slots) {
      const seat = `slot ${slot} of ${name}`
      const path = `chassis.${name}.slots.${slot}`
      const other = seats.get(device)
      if (other !== undefined)
        problems.error('slot-twice', path, device, `${device} sits in ${other} and in ${seat}`, 'leave it in one slot')
      else seats.set(device, seat)
    }
    const twice = slots.find(({ slot }, place) => slots.findIndex((other) => other.slot === slot) !== place)
    if (twice !== undefined) {
      problems.error(
        'slot-twice',
        `chassis.${name}`,
        name,
        `slot ${twice.slot} holds two devices`,
        'give each device a slot of its own',
      )
    }
  }
  for (const device of plant.devices) {
    if (device.address !== undefined) continue
    const chassis = index.chassisOf.get(device.name)
    const reachable = chassis?.slots.some((slot) => index.endpoints.has(slot.device)) === true
    if (reachable) continue
    const reason =
      chassis === undefined
        ? `${device.name} has neither an address nor a place in a chassis`
        : `no module of chassis ${chassis.name} has an address`
    problems.error(
      'no-address',
      `devices.${device.name}`,
      device.name,
      reason,
      'give it an address, or put it behind a module that has one',
    )
  }
}

/** A plant that would shut out Cordon itself. */
export function checkManager(index: PlantIndex, problems: ProblemList): void {
  const { plant, manager } = index
  const device = plant.devices.find((candidate) => candidate.name === plant.manager)
  if (plant.manager === undefined) {
    const secured =
      plant.zones.some((zone) => zone.authentication !== 'none') || plant.conduits.some((conduit) => isSecured(conduit))
    if (!secured) return
    const reason = 'no device is named as manager, so the settings would shut out Cordon itself'
    problems.error(
      'manager-missing',
      'manager',
      'manager',
      reason,
      'add the computer that Cordon runs on under devices and name it in `manager:`',
    )
  } else if (device !== undefined && (manager === undefined || !manager.group.capabilities.capable)) {
    const reason =
      device.address === undefined ? `${device.name} has no address` : `${device.name} cannot speak CIP Security`
    problems.error(
      'manager-unfit',
      'manager',
      device.name,
      reason,
      'name a computer with an address of its own and without `capability: none`',
    )
  }
}

function isSecured(conduit: Conduit): boolean {
  return conduit.authentication === 'certificate' || conduit.authentication === 'psk'
}
