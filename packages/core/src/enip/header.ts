import { UsageError } from '../errors.ts'
import { bytes } from '../wire/bytes.ts'
import { known } from '../wire/choice.ts'
import type { Codec, Value } from '../wire/codec.ts'
import { u16, u32 } from '../wire/numbers.ts'
import { struct } from '../wire/struct.ts'
import { Writer } from '../wire/writer.ts'
import { type EncapsulationCommand, encapsulationCommands } from './commands.ts'
import { type EncapsulationStatus, encapsulationStatuses } from './status.ts'

/** Bytes of the encapsulation header. */
export const encapsulationHeaderLength = 24

/** The most bytes that may follow an encapsulation header (Volume 2, 2-3.1 via cip-security-wire 1.2). */
export const maxEncapsulationDataLength = 65511

/** A data length as the header carries it: 0..65511, anything more is malformed. */
const dataLength: Codec<number> = {
  read: (r) => {
    const length = r.u16()
    if (length > maxEncapsulationDataLength) {
      throw r.malformed('out-of-range', `expected at most ${maxEncapsulationDataLength} data bytes, got ${length}`)
    }
    return length
  },
  write: (w, length) => {
    if (length > maxEncapsulationDataLength) {
      throw new UsageError(
        'bad-value',
        `expected at most ${maxEncapsulationDataLength} bytes of encapsulation data, got ${length}`,
      )
    }
    w.u16(length)
  },
}

/**
 * The 24 bytes before every encapsulated message (Volume 2, 2-3.1 via cip-security-wire 1.2). The sets of commands and
 * statuses are open: unlisted numbers survive a round trip.
 */
export const encapsulationHeader = struct({
  command: known(u16, encapsulationCommands),
  /** Bytes that follow the header, 0..65511. */
  length: dataLength,
  /** Session handle; 0 before RegisterSession and in the List commands. */
  session: u32,
  /** 0 in requests; whoever receives a request with another status discards it silently. */
  status: known(u32, encapsulationStatuses),
  /** 8 bytes, echoed by the target untouched. */
  senderContext: bytes(8),
  /** 0; a message with other options is discarded. */
  options: u32,
})
/** The 24 bytes before every encapsulated message. */
export interface EncapsulationHeader extends Value<typeof encapsulationHeader> {}

/** An encapsulated message: header and data, without the length, which follows from the data. */
export interface EncapsulationMessage {
  readonly command: EncapsulationCommand
  /** Session handle; 0 before RegisterSession and in the List commands. */
  readonly session: number
  /** `success` in requests. */
  readonly status: EncapsulationStatus
  /** 8 bytes, echoed by the target untouched. */
  readonly senderContext: Uint8Array
  /** 0; a message with other options is discarded. */
  readonly options: number
  /** Command specific data, 0..65511 bytes; in a decoded message a view of the received bytes. */
  readonly data: Uint8Array
}

/** Codec of a whole encapsulated message, header and data. */
export const encapsulationMessage: Codec<EncapsulationMessage> = {
  read: (r) => {
    const { command, length, session, status, senderContext, options } = encapsulationHeader.read(r)
    return { command, session, status, senderContext, options, data: r.view(length) }
  },
  write: (w, message) => {
    const { command, session, status, senderContext, options, data } = message
    encapsulationHeader.write(w, { command, length: data.length, session, status, senderContext, options })
    w.bytes(data)
  },
}

const noData = new Uint8Array(0)
const noContext = new Uint8Array(8)

/**
 * The bytes of an encapsulated message; what is left out is zero, or no data.
 * @throws UsageError `bad-value` for more than 65511 bytes of data
 */
export function encapsulate(
  message: Pick<EncapsulationMessage, 'command'> & Partial<EncapsulationMessage>,
): Uint8Array {
  const data = message.data ?? noData
  const writer = new Writer(encapsulationHeaderLength + data.length)
  encapsulationMessage.write(writer, {
    command: message.command,
    session: message.session ?? 0,
    status: message.status ?? 'success',
    senderContext: message.senderContext ?? noContext,
    options: message.options ?? 0,
    data,
  })
  return writer.finish()
}

/**
 * The bytes of a reply to a request: command, session and sender context are the request's, unless told.
 * @throws UsageError `bad-value` for more than 65511 bytes of data
 */
export function encapsulateReply(
  request: EncapsulationMessage,
  reply: { readonly status?: EncapsulationStatus; readonly session?: number; readonly data?: Uint8Array } = {},
): Uint8Array {
  return encapsulate({
    command: request.command,
    session: reply.session ?? request.session,
    status: reply.status ?? 'success',
    senderContext: request.senderContext,
    data: reply.data ?? noData,
  })
}
