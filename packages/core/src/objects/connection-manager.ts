import { attribute, objectClass, service } from '../cip/object.ts'
import { rest } from '../wire/bytes.ts'
import type { Codec } from '../wire/codec.ts'
import { u16, u32 } from '../wire/numbers.ts'

/** UINT count of entries, then one bit per entry, lowest first: which connections exist. */
const connectionEntries: Codec<readonly boolean[]> = {
  read: (r) => {
    const count = r.u16()
    const packed = r.view(Math.ceil(count / 8))
    return Array.from({ length: count }, (_, i) => (((packed[i >> 3] ?? 0) >> (i & 7)) & 1) === 1)
  },
  write: (w, value) => {
    w.u16(value.length)
    for (let i = 0; i < value.length; i += 8) {
      let byte = 0
      for (let k = 0; k < 8; k++) if (value[i + k] === true) byte |= 1 << k
      w.u8(byte)
    }
  },
}

/**
 * Connection Manager Object, class 0x06 (Volume 1, 3-5 via cip-security-wire 3.1). The formats of its services are
 * those of `cip/forward-open.ts` and `cip/unconnected-send.ts`.
 */
export const connectionManager = objectClass({
  id: 0x06,
  name: 'Connection Manager',
  attributes: {
    openRequests: attribute(1, u16, 'read-write'),
    openFormatRejects: attribute(2, u16, 'read-write'),
    openResourceRejects: attribute(3, u16, 'read-write'),
    openOtherRejects: attribute(4, u16, 'read-write'),
    closeRequests: attribute(5, u16, 'read-write'),
    closeFormatRejects: attribute(6, u16, 'read-write'),
    closeOtherRejects: attribute(7, u16, 'read-write'),
    connectionTimeouts: attribute(8, u16, 'read-write'),
    connectionEntries: attribute(9, connectionEntries),
    /** Tenths of a percent. */
    cpuUtilization: attribute(11, u16),
    maxBuffer: attribute(12, u32),
    remainingBuffer: attribute(13, u32),
  },
  services: {
    forwardClose: service(0x4e, { request: rest, reply: rest }),
    unconnectedSend: service(0x52, { request: rest, reply: rest }),
    forwardOpen: service(0x54, { request: rest, reply: rest }),
    getConnectionData: service(0x56, { request: u16, reply: rest }),
    searchConnectionData: service(0x57, { request: rest, reply: rest }),
    getConnectionOwner: service(0x5a, { request: rest, reply: rest }),
    largeForwardOpen: service(0x5b, { request: rest, reply: rest }),
  },
  getAll: [
    'openRequests',
    'openFormatRejects',
    'openResourceRejects',
    'openOtherRejects',
    'closeRequests',
    'closeFormatRejects',
    'closeOtherRejects',
    'connectionTimeouts',
  ],
})
