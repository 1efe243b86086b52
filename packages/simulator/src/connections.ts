import { type EPath, path, port, tagPath } from '@cordon/core/cip'
import type { Plant, PlantConnection } from '@cordon/core/policy'
import { readTagRequest, tagServices } from '@cordon/core/cip'
import { encode } from '@cordon/core/wire'
import type { ConfiguredConnection } from '@cordon/node/originator'

/** Port of a chassis' backplane (demonstration-plant 1, rule 1). */
const backplanePort = 1

/** Class codes that connection paths name. */
const classes = { identity: 0x01, messageRouter: 0x02, assembly: 0x04 } as const

/** The hops from the device at a connection's target address to the device that is the target. */
export function routeOf(plant: Plant, to: string, target: string): EPath {
  if (to === target) return []
  const slot = plant.chassis
    .find(
      (chassis) =>
        chassis.slots.some((place) => place.device === to) && chassis.slots.some((place) => place.device === target),
    )
    ?.slots.find((place) => place.device === target)?.slot
  // Validation refuses a plant whose target cannot be reached; an empty route would open something else.
  return slot === undefined ? [] : [port(backplanePort, slot)]
}

/** The connection path of a plant connection: hops, then what is opened at the end. */
export function connectionPath(plant: Plant, connection: PlantConnection): EPath {
  const { application } = connection
  const route = routeOf(plant, connection.to, connection.target)
  switch (application.kind) {
    case 'messages':
      return [...route, ...path({ class: classes.messageRouter, instance: 1 })]
    case 'identity':
      return [...route, ...path({ class: classes.identity, instance: 1 })]
    case 'tag':
      return [...route, ...tagPath(application.tag)]
    case 'assembly':
      return [
        ...route,
        ...path({ class: classes.assembly, instance: application.configuration ?? 1 }),
        { kind: 'connectionPoint', value: application.output },
        { kind: 'connectionPoint', value: application.input },
      ]
  }
}

/** A plant connection as an originator keeps it alive. */
export function configuredConnection(plant: Plant, connection: PlantConnection, address: string): ConfiguredConnection {
  const { reads } = connection
  const poll =
    reads === undefined
      ? {}
      : {
          pollMs: reads.periodMs,
          poll: () => ({
            service: tagServices.readTag,
            path: tagPath(reads.tag),
            data: encode(readTagRequest, { elements: 1 }),
          }),
        }
  return {
    name: connection.name,
    target: address,
    class: connection.class,
    path: connectionPath(plant, connection),
    rpiMs: connection.rpiUs / 1000,
    targetRpiMs: connection.targetRpiUs / 1000,
    outputSize: connection.outputSize,
    inputSize: connection.inputSize,
    runIdleHeader: connection.runIdle,
    timeoutMultiplier: connection.multiplier,
    ...(connection.serial === undefined ? {} : { serial: connection.serial }),
    ...(connection.class === 3 ? poll : { produce: counting() }),
  }
}

/** Output data that moves, so that a stuck connection shows: a counter in the first bytes. */
function counting(): (data: Uint8Array) => void {
  let count = 0
  return (data) => {
    count = (count + 1) >>> 0
    for (let i = 0; i < Math.min(4, data.length); i++) data[i] = (count >>> (8 * i)) & 0xff
  }
}
