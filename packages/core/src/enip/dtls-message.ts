import { UsageError } from '../errors.ts'
import { known } from '../wire/choice.ts'
import type { Codec } from '../wire/codec.ts'
import { u32 } from '../wire/numbers.ts'
import { type EncapsulationStatus, encapsulationStatuses } from './status.ts'

/** Message types of item 0x8003 in bits 0..14 (Volume 2 via cip-security-wire 1.8). The set is open; 0 is reserved. */
export const unconnectedMessageTypes = { ucmmNoAck: 1 } as const

/** A message type of item 0x8003: its name, or the number 0..0x7FFF of one that is not listed. */
export type UnconnectedMessageType = keyof typeof unconnectedMessageTypes | number

/**
 * Unconnected message over DTLS, item 0x8003: UINT type and direction, UDINT transaction, UDINT status, then a message
 * router request or reply to the end of the item (cip-security-wire 1.8). There is no session handle: the DTLS
 * association is the session.
 */
export interface UnconnectedDtlsItem {
  readonly messageType: UnconnectedMessageType
  /** Bit 15 of the type: false in a request, true in a reply. */
  readonly reply: boolean
  /** Chosen by the requester, echoed in the reply. */
  readonly transaction: number
  /** Encapsulation status; `success` in requests. */
  readonly status: EncapsulationStatus
  /** Message router request or reply; in a decoded item a view of the received bytes. */
  readonly message: Uint8Array
}

const replyBit = 0x8000
const status = known(u32, encapsulationStatuses)

/** Codec of the data of item 0x8003; the message runs to the end of the item. */
export const unconnectedDtlsItem: Codec<UnconnectedDtlsItem> = {
  read: (r) => {
    const word = r.u16()
    const type = word & ~replyBit
    return {
      messageType: type === unconnectedMessageTypes.ucmmNoAck ? 'ucmmNoAck' : type,
      reply: (word & replyBit) !== 0,
      transaction: r.u32(),
      status: status.read(r),
      message: r.view(r.remaining),
    }
  },
  write: (w, value) => {
    const type = value.messageType === 'ucmmNoAck' ? unconnectedMessageTypes.ucmmNoAck : value.messageType
    if (!Number.isInteger(type) || type < 0 || type >= replyBit) {
      throw new UsageError('bad-value', `expected a message type 0..0x7FFF, got ${type}`)
    }
    w.u16(value.reply ? type | replyBit : type)
    w.u32(value.transaction)
    status.write(w, value.status)
    w.bytes(value.message)
  },
}
