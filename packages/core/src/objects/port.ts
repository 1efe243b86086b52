import { longSizedEPath, paddedEPath } from '../cip/epath.ts'
import { attribute, objectClass } from '../cip/object.ts'
import { counted } from '../wire/list.ts'
import { u16, u32 } from '../wire/numbers.ts'
import { struct } from '../wire/struct.ts'
import { shortString } from '../wire/text.ts'

/** Values of attribute 1 (Volume 1, 3-7). */
export const portTypes = { none: 0, backplane: 1, controlNet: 2, ethernetIp: 4, deviceNet: 5 } as const

const portNumbers = struct({ type: u16, number: u16 })

/** Port Object, class 0xF4: the ports a request may be routed through (Volume 1, 3-7 via cip-security-wire 4.10). */
export const port = objectClass({
  id: 0xf4,
  name: 'Port',
  classAttributes: {
    /** Instance of the port through which this request came in. */
    entryPort: attribute(8, u16),
    /** Type and number of each port by instance, beginning with the empty instance 0. */
    portInstances: attribute(9, {
      read: (r) => {
        const values: { readonly type: number; readonly number: number }[] = []
        while (r.remaining > 0) values.push(portNumbers.read(r))
        return values
      },
      write: (w, values: readonly { readonly type: number; readonly number: number }[]) => {
        for (const value of values) portNumbers.write(w, value)
      },
    }),
  },
  attributes: {
    /** See {@link portTypes}; 100 and up is of the vendor. */
    type: attribute(1, u16),
    number: attribute(2, u16),
    /** The object of the link below. */
    linkObject: attribute(3, longSizedEPath),
    name: attribute(4, shortString),
    /** Port segment of this node on this port. */
    portNumberAndNodeAddress: attribute(7, paddedEPath),
    nodeRange: attribute(8, struct({ low: u16, high: u16 })),
    routingCapabilities: attribute(10, u32),
    associatedObjects: attribute(11, counted(u16, longSizedEPath)),
  },
  classGetAll: ['revision', 'maxInstance', 'numberOfInstances', 'entryPort', 'portInstances'],
  getAll: ['type', 'number', 'linkObject', 'name', 'portNumberAndNodeAddress'],
})
