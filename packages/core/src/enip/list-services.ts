import type { Codec } from '../wire/codec.ts'
import { type BitsValue, bits } from '../wire/choice.ts'
import { u16 } from '../wire/numbers.ts'
import { fixedText, latin1 } from '../wire/text.ts'

/** What the communications service offers, bit numbers of a WORD (Volume 2, 2-4.6 via cip-security-wire 1.5). */
export const communicationsCapabilities = { cipOverTcp: 5, class0Or1OverUdp: 8 } as const

/** Bytes of the name field by the rules; the zero that ends the name is one of them. */
export const serviceNameLength = 16

/** ListServices response, item 0x0100: UINT version 1, WORD capabilities, 16 bytes of name padded with zeros. */
export interface ListServicesItem {
  /** Encapsulation protocol version, 1. */
  readonly protocolVersion: number
  readonly capabilities: BitsValue<typeof communicationsCapabilities>
  /** `Communications`. */
  readonly name: string
  /** Bytes of the name field; left out for 16. Some devices send 15: one zero behind `Communications`. */
  readonly nameLength?: number
}

const capabilities = bits(u16, communicationsCapabilities)

/** Codec of {@link ListServicesItem}; the name field runs to the end of the item, whatever its length. */
export const listServicesItem: Codec<ListServicesItem> = {
  read: (r) => {
    const protocolVersion = r.u16()
    const flags = capabilities.read(r)
    const nameLength = r.remaining
    const field = r.view(nameLength)
    const end = field.indexOf(0)
    const name = latin1(end < 0 ? field : field.subarray(0, end))
    const item = { protocolVersion, capabilities: flags, name }
    return nameLength === serviceNameLength ? item : { ...item, nameLength }
  },
  write: (w, value) => {
    w.u16(value.protocolVersion)
    capabilities.write(w, value.capabilities)
    fixedText(value.nameLength ?? serviceNameLength).write(w, value.name)
  },
}
