import { generalStatus } from '../../cip/general-status.ts'
import { assembly } from '../../objects/assembly.ts'
import { behaviour } from '../attributes.ts'
import { refuse } from '../outcome.ts'

/** How a device behaves as Assembly Object. */
export const assemblyBehaviour = behaviour(assembly, {
  revision: 2,
  instances: (device) => [...device.data.assemblies.keys()].sort((a, b) => a - b),
  has: (device, instance) => device.data.assemblies.has(instance),
  get: {
    data: ({ device, instance }) => device.data.assemblies.get(instance)?.data,
    size: ({ device, instance }) => device.data.assemblies.get(instance)?.data.length,
  },
  set: {
    data: ({ device, instance, link }, value) => {
      const found = device.data.assemblies.get(instance)
      if (found === undefined) return refuse(generalStatus.objectDoesNotExist)
      if (found.options.direction === 'input') return refuse(generalStatus.attributeNotSettable)
      if (value.length < found.data.length) return refuse(generalStatus.notEnoughData)
      if (value.length > found.data.length) return refuse(generalStatus.tooMuchData)
      // Whoever owns the outputs by a connection keeps them.
      if (found.options.direction === 'output' && device.connectionFacts.owned) {
        return refuse(generalStatus.objectStateConflict)
      }
      found.data.set(value)
      device.report('assembly-set', 'info', `assembly ${instance} set by an explicit message`, link)
      return undefined
    },
  },
})
