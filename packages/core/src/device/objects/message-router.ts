import { messageRouter } from '../../objects/message-router.ts'
import { behaviour } from '../attributes.ts'

/** How a device behaves as Message Router Object; Multiple_Service_Packet is answered before it gets here. */
export const messageRouterBehaviour = behaviour(messageRouter, {
  revision: 1,
  get: {
    objectList: ({ device }) => device.classes,
    maxConnections: ({ device }) => device.connectionFacts.capacity,
    activeConnections: ({ device }) => device.connectionFacts.active,
  },
})
