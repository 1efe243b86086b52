import {
  commonPacket,
  commonPacketItem,
  type EncapsulationMessage,
  encapsulationMessage,
  findItem,
  type IoFormat,
  ioData,
  ioFrame,
  registerSession,
  sendData,
  unconnectedMessageOf,
  connectedMessageOf,
  productRevision,
} from '@cordon/core/enip'
import {
  array,
  connectionFailure,
  forwardCloseReply,
  forwardCloseRequest,
  forwardOpenReply,
  forwardOpenRequest,
  messageRouterReply,
  messageRouterRequest,
  multipleServicePacket,
  paddedEPath,
  sizedEPath,
  unconnectedSend,
  writeTagRequest,
} from '@cordon/core/cip'
import {
  type Codec,
  countedBytes,
  counted,
  decode,
  empty,
  encode,
  rest,
  shortString,
  struct,
  toEnd,
  u8,
  u16,
  u16be,
  u32,
} from '@cordon/core/wire'

// biome-ignore lint/suspicious/noExplicitAny: a table of formats of every type, looked up by a name from a JSON file
type AnyCodec = Codec<any>

/** The same message with one of its byte fields taken apart further. */
function deeper<T, K extends keyof T>(outer: Codec<T>, field: K, inner: AnyCodec): AnyCodec {
  return {
    read: (r) => {
      const value = outer.read(r)
      // Every field named below holds bytes.
      return { ...value, [field]: decode(inner, value[field] as Uint8Array) }
    },
    write: (w, value) => outer.write(w, { ...value, [field]: encode(inner, value[field]) }),
  }
}

const request = (data: AnyCodec): AnyCodec => deeper(messageRouterRequest, 'data', data)
const reply = (data: AnyCodec): AnyCodec => deeper(messageRouterReply, 'data', data)
const frame = (data: AnyCodec): AnyCodec => deeper<EncapsulationMessage, 'data'>(encapsulationMessage, 'data', data)

function rrData(message: AnyCodec): AnyCodec {
  return {
    read: (r) => {
      const { packet, ...head } = sendData.read(r)
      const bytes = unconnectedMessageOf({ ...head, packet })
      if (bytes === undefined || packet.length !== 2)
        throw r.malformed('unknown-value', 'expected the two items of an unconnected message')
      return { ...head, message: decode(message, bytes) }
    },
    write: (w, value) =>
      sendData.write(w, {
        ...value,
        packet: [{ kind: 'nullAddress' }, { kind: 'unconnectedData', data: encode(message, value.message) }],
      }),
  }
}

function unitData(message: AnyCodec): AnyCodec {
  return {
    read: (r) => {
      const value = connectedMessageOf(sendData.read(r))
      if (value === undefined) throw r.malformed('unknown-value', 'expected the two items of a connected message')
      return { ...value, message: decode(message, value.message) }
    },
    write: (w, value) =>
      sendData.write(w, {
        interfaceHandle: 0,
        timeout: 0,
        packet: [
          { kind: 'connectedAddress', connectionId: value.connectionId },
          {
            kind: 'connectedData',
            data: Uint8Array.of(
              value.sequenceCount & 0xff,
              value.sequenceCount >> 8,
              ...encode(message, value.message),
            ),
          },
        ],
      }),
  }
}

function dtls(message: AnyCodec): AnyCodec {
  return {
    read: (r) => {
      const item = findItem(commonPacket.read(r), 'unconnectedDtls')
      if (item === undefined) throw r.malformed('unknown-value', 'expected item 0x8003')
      const { kind, ...fields } = item
      return { ...fields, message: decode(message, item.message) }
    },
    write: (w, value) =>
      commonPacket.write(w, [{ kind: 'unconnectedDtls', ...value, message: encode(message, value.message) }]),
  }
}

function multiple(message: AnyCodec): AnyCodec {
  return {
    read: (r) => multipleServicePacket.read(r).map((bytes) => decode(message, bytes)),
    write: (w, values: readonly unknown[]) =>
      multipleServicePacket.write(
        w,
        values.map((value) => encode(message, value)),
      ),
  }
}

const io = (format: IoFormat): AnyCodec => deeper(ioFrame, 'data', ioData(format))

/** What Get_Attributes_All of the Identity object gave in the captures. */
const identityAttributes = struct({
  vendorId: u16,
  deviceType: u16,
  productCode: u16,
  revision: productRevision,
  status: u16,
  serialNumber: u32,
  productName: shortString,
})

const preSharedKey = struct({ identity: shortString, key: countedBytes(u8), usage: u8 })
const initiateUpload = struct({ maximumTransferSize: u8 })
const initiateUploadReply = struct({ fileSize: u32, transferSize: u8 })

/** The last packet of an upload: its checksum stands behind the data. */
const uploadLast: Codec<{ number: number; type: number; data: Uint8Array; checksum: number }> = {
  read: (r) => ({ number: r.u8(), type: r.u8(), data: r.copy(Math.max(0, r.remaining - 2)), checksum: r.u16() }),
  write: (w, value) => {
    w.u8(value.number)
    w.u8(value.type)
    w.bytes(value.data)
    w.u16(value.checksum)
  },
}

/** Formats by the names that `cip-security-wire.json` uses. */
export const formats: Readonly<Record<string, AnyCodec>> = {
  'frame registerSession': frame(registerSession),
  'frame empty': frame(empty),
  'frame sendData payload': frame(struct({ interfaceHandle: u32, timeout: u16, payload: rest })),
  'frame commonPacket': frame(commonPacket),
  'frame sendRRData request bytes': frame(rrData(request(rest))),
  'frame sendRRData reply bytes': frame(rrData(reply(rest))),
  'frame sendRRData request unconnectedSend request bytes': frame(
    rrData(request(deeper(unconnectedSend, 'message', request(rest)))),
  ),
  'frame sendRRData request unconnectedSend request forwardOpen': frame(
    rrData(request(deeper(unconnectedSend, 'message', request(forwardOpenRequest)))),
  ),
  'frame sendRRData reply identityAttributes': frame(rrData(reply(identityAttributes))),
  'frame sendRRData request forwardOpen': frame(rrData(request(forwardOpenRequest))),
  'frame sendRRData reply forwardOpen': frame(rrData(reply(forwardOpenReply))),
  'frame sendRRData request forwardClose': frame(rrData(request(forwardCloseRequest))),
  'frame sendRRData reply forwardClose': frame(rrData(reply(forwardCloseReply))),
  'frame sendRRData reply connectionFailure': frame(rrData(reply(connectionFailure))),
  'frame sendUnitData request writeTag': frame(unitData(request(writeTagRequest))),
  paddedEPath,
  commonPacketItem,
  initiateUpload,
  initiateUploadReply,
  'request bytes': request(rest),
  'reply bytes': reply(rest),
  'reply suites': reply(array('USINT', u16be)),
  'request preSharedKeys': request(counted(u8, preSharedKey)),
  'reply preSharedKeys': reply(counted(u8, preSharedKey)),
  'request paths': request(counted(u8, sizedEPath)),
  'request applyConfig': request(struct({ flags: u16, closeDelayMs: u16 })),
  'request shortString': request(shortString),
  'request shortStrings': request(toEnd(shortString)),
  'request u8': request(u8),
  'reply u16': reply(u16),
  'reply sizedEPath': reply(sizedEPath),
  'request initiateUpload': request(initiateUpload),
  'reply initiateUploadReply': reply(initiateUploadReply),
  'reply uploadLast': reply(uploadLast),
  'dtls request bytes': dtls(request(rest)),
  'dtls reply bytes': dtls(reply(rest)),
  'ioFrame class 1 with run/idle': io({ transportClass: 1, runIdleHeader: true }),
  'request multipleService request bytes': request(multiple(request(rest))),
}

/** An entry of `cip-security-wire.json`. */
export interface Vector {
  readonly number: number | string
  readonly source: string
  readonly meaning: string
  readonly hex: string
  readonly format: string
  readonly value?: unknown
  /** The code of the error where the bytes must be refused. */
  readonly error?: string
  /** Bytes that make a whole message of a fragment. */
  readonly completedBy?: string
  /** False where the bytes are not what is written for their meaning. */
  readonly canonical: boolean
  readonly note?: string
  readonly maxResponseDelayMs?: number
  readonly linkAddressText?: string
}
