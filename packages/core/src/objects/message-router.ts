import { attribute, objectClass, service } from '../cip/object.ts'
import { rest } from '../wire/bytes.ts'
import { counted } from '../wire/list.ts'
import { u16 } from '../wire/numbers.ts'

/** Message Router Object, class 0x02 (Volume 1, 5A-3). */
export const messageRouter = objectClass({
  id: 0x02,
  name: 'Message Router',
  attributes: {
    /** Class codes of the objects that exist here. */
    objectList: attribute(1, counted(u16, u16)),
    /** Most connections at a time. */
    maxConnections: attribute(2, u16),
    /** Connections in use. */
    activeConnections: attribute(3, u16),
  },
  services: {
    /** Several requests in one; its data is a format of its own (cip-security-wire 2.5). */
    multipleServicePacket: service(0x0a, { request: rest, reply: rest }),
  },
})
