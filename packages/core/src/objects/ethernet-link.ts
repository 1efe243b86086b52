import { attribute, objectClass, service } from '../cip/object.ts'
import { bytes, rest } from '../wire/bytes.ts'
import { counted, exactly } from '../wire/list.ts'
import { u8, u16, u32, u64 } from '../wire/numbers.ts'
import { struct } from '../wire/struct.ts'
import { shortString } from '../wire/text.ts'

/** Ethernet Link Object, class 0xF6, object revision 4 (Volume 2, 5-5 via cip-security-wire 4.9). */
export const ethernetLink = objectClass({
  id: 0xf6,
  name: 'Ethernet Link',
  attributes: {
    /** Megabits per second. */
    speed: attribute(1, u32),
    /** Bit 0 link, 1 full duplex, 2..4 negotiation, 5 manual reset needed, 6 local fault. */
    flags: attribute(2, u32),
    physicalAddress: attribute(3, bytes(6)),
    /** Octets in, unicast in, non-unicast in, discards in, errors in, unknown in, and the same outward. */
    interfaceCounters: attribute(4, exactly(11, u32)),
    mediaCounters: attribute(5, exactly(12, u32)),
    /** Bits 0 auto-negotiate, 1 full duplex; forced speed in megabits per second. */
    control: attribute(6, struct({ bits: u16, speed: u16 }), 'read-write'),
    /** 0 unknown, 1 internal, 2 twisted pair, 3 fibre. */
    type: attribute(7, u8),
    /** 0 unknown, 1 enabled, 2 disabled, 3 testing. */
    state: attribute(8, u8),
    /** 1 enable, 2 disable. */
    adminState: attribute(9, u8, 'read-write'),
    label: attribute(10, shortString),
    capability: attribute(11, struct({ bits: u32, options: counted(u8, struct({ speed: u16, duplex: u8 })) })),
    highCapacityInterfaceCounters: attribute(12, exactly(8, u64)),
    highCapacityMediaCounters: attribute(13, exactly(6, u64)),
    ethernetErrors: attribute(14, u32),
    linkDownCounter: attribute(15, u32),
  },
  services: {
    /** Gives the counters of attribute 4, 5, 12 or 13 and sets them to zero. */
    getAndClear: service(0x4c, { reply: rest }),
  },
  getAll: ['speed', 'flags', 'physicalAddress'],
})
