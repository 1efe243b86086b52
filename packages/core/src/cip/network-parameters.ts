import { UsageError } from '../errors.ts'
import type { Codec } from '../wire/codec.ts'
import type { Reader } from '../wire/reader.ts'

/** Types of a network connection, two bits (Volume 1, 3-5.5.1.1 via cip-security-wire 3.3). */
export type NetworkConnectionType = 'null' | 'multicast' | 'pointToPoint' | 'reserved'

/** Priorities of a network connection, two bits. */
export type NetworkConnectionPriority = 'low' | 'high' | 'scheduled' | 'urgent'

/** How one direction of a connection is carried: network connection parameters. */
export interface NetworkParameters {
  readonly redundantOwner: boolean
  readonly type: NetworkConnectionType
  readonly priority: NetworkConnectionPriority
  readonly sizeType: 'fixed' | 'variable'
  /** Bytes, with the sequence count of class 1 and the run/idle header: 0..511, or 0..65535 in the large form. */
  readonly size: number
}

const types: readonly NetworkConnectionType[] = ['null', 'multicast', 'pointToPoint', 'reserved']
const priorities: readonly NetworkConnectionPriority[] = ['low', 'high', 'scheduled', 'urgent']

/** Where the bits are: the long form has the same flags 16 bits higher and a larger size. */
interface Layout {
  readonly maximum: number
  /** Left shift of the flags. */
  readonly shift: number
  readonly read: (r: Reader) => number
}

const short: Layout = { maximum: 0x1ff, shift: 0, read: (r) => r.u16() }
const long: Layout = { maximum: 0xffff, shift: 16, read: (r) => r.u32() }

/** Codec of the 16-bit form, for Forward_Open. Reserved bits are zero when written, ignored when read. */
export const networkParameters: Codec<NetworkParameters> = parameters(short)

/** Codec of the 32-bit form, for Large_Forward_Open. Reserved bits are zero when written, ignored when read. */
export const largeNetworkParameters: Codec<NetworkParameters> = parameters(long)

function parameters(layout: Layout): Codec<NetworkParameters> {
  return {
    read: (r) => {
      const word = layout.read(r)
      const flags = word >>> layout.shift
      return {
        redundantOwner: (flags & 0x8000) !== 0,
        // Two bits index four entries.
        type: types[(flags >> 13) & 3] ?? 'reserved',
        priority: priorities[(flags >> 10) & 3] ?? 'low',
        sizeType: (flags & 0x200) === 0 ? 'fixed' : 'variable',
        size: word & layout.maximum,
      }
    },
    write: (w, value) => {
      if (!Number.isInteger(value.size) || value.size < 0 || value.size > layout.maximum) {
        throw new UsageError('bad-value', `expected a connection size 0..${layout.maximum}, got ${value.size}`)
      }
      const flags =
        (value.redundantOwner ? 0x8000 : 0) |
        (types.indexOf(value.type) << 13) |
        (priorities.indexOf(value.priority) << 10) |
        (value.sizeType === 'variable' ? 0x200 : 0)
      const word = flags * 2 ** layout.shift + value.size
      if (layout === short) w.u16(word)
      else w.u32(word)
    },
  }
}

/** Parameters of a direction that carries nothing: both of these make a null Forward_Open. */
export const nullParameters: NetworkParameters = {
  redundantOwner: false,
  type: 'null',
  priority: 'low',
  sizeType: 'fixed',
  size: 0,
}
