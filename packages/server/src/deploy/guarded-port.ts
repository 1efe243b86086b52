import { type DevicePort, TakenOver } from '@cordon/core/deployment'
import { NotAllowed } from '@cordon/core/errors'

/**
 * A way to a device on which nothing is sent once the claim is gone. The journal refuses such a worker too, but only at
 * its next step: one that was stopped in the middle of a step and goes on would send the rest of it.
 * @param own throws NotAllowed when the claim no longer holds
 */
export function guardedPort(port: DevicePort, own: () => void): DevicePort {
  const check = () => {
    try {
      own()
    } catch (error) {
      throw error instanceof NotAllowed ? new TakenOver(error) : error
    }
  }
  return {
    address: port.address,
    listens: (number, protocol) => port.listens(number, protocol),
    open: async (access) => {
      check()
      const session = await port.open(access)
      return {
        access: session.access,
        presented: session.presented,
        suite: session.suite,
        localAddress: session.localAddress,
        request: async (request, options) => {
          check()
          return await session.request(request, options)
        },
        close: () => session.close(),
      }
    },
  }
}
