import { attribute, objectClass } from '../cip/object.ts'
import { rest } from '../wire/bytes.ts'
import { u16 } from '../wire/numbers.ts'

/** Assembly Object, class 0x04: I/O data gathered under one instance (Volume 1, 5A-5). */
export const assembly = objectClass({
  id: 0x04,
  name: 'Assembly',
  attributes: {
    /** The assembled data. */
    data: attribute(3, rest, 'read-write'),
    /** Bytes in {@link data}. */
    size: attribute(4, u16),
  },
})
