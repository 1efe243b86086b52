import { addressOf, type EPath, linkAddressText, paddedEPath, splitRoute } from '../cip/epath.ts'
import { extendedStatuses } from '../cip/extended-status.ts'
import { generalStatus } from '../cip/general-status.ts'
import {
  failure,
  type MessageRouterReply,
  type MessageRouterRequest,
  messageRouterReply,
  messageRouterRequest,
  success,
} from '../cip/message-router.ts'
import { multipleServicePacket } from '../cip/multiple-service.ts'
import {
  commonServices,
  connectionManagerClass,
  connectionManagerServices,
  messageRouterClass,
} from '../cip/services.ts'
import { symbolClass } from '../cip/tag.ts'
import { templateClass } from '../cip/tag-template.ts'
import { routingFailure, unconnectedSend } from '../cip/unconnected-send.ts'
import { MalformedMessage } from '../errors.ts'
import { decode, encode } from '../wire/codec.ts'
import { callObject, type ObjectBehaviour } from './attributes.ts'
import type { BackplaneDevice } from './backplane.ts'
import type { Connections } from './connections.ts'
import { ownSlot } from './connections.ts'
import type { DeviceContext } from './context.ts'
import type { DeviceReply, RequestContext } from './hosted-device.ts'
import type { Link } from './link.ts'
import { callSymbol, callTag, callTemplate, isTagPath, type TagTable, unconnectedTagRoom } from './tags.ts'

/** How much a reply may carry: all of it, and of it a tag's data. */
interface ReplyRoom {
  readonly bytes: number
  readonly tagBytes: number
}

/** Room of an unconnected reply: only tags keep to the classic size, as their clients expect. */
export const unconnectedRoom: ReplyRoom = { bytes: 65_000, tagBytes: unconnectedTagRoom }

/** Bytes of a tag reply before its data: service, status and type. */
const tagHead = 10

/** Room of a reply over a connection of so many bytes, the sequence count left out. */
export function connectedRoom(bytes: number): ReplyRoom {
  return { bytes, tagBytes: Math.max(0, bytes - tagHead) }
}

/** A device as its router sees it. */
export interface Routed {
  readonly context: DeviceContext
  readonly behaviours: ReadonlyMap<number, ObjectBehaviour>
  readonly connectionManager: Connections
  readonly tags: TagTable
  neighbour(slot: number): BackplaneDevice | undefined
  backplaneLink(link: Link, neighbour: BackplaneDevice): Link
}

/** A request on its way to an object. */
interface Arrival {
  readonly link: Link
  readonly now: number
  readonly room: ReplyRoom
  readonly context: RequestContext | undefined
  /** Inside a Multiple_Service_Packet. */
  readonly embedded: boolean
}

type Answer = DeviceReply | Promise<DeviceReply>

/**
 * Reads a message router request; a failure reply where its bytes are wrong: 0x26 for a path longer than the message,
 * 0x04 for a path that is no path, 0x13 for less than a request.
 */
export function readRequest(
  bytes: Uint8Array,
): { readonly request: MessageRouterRequest } | { readonly reply: MessageRouterReply } {
  try {
    return { request: decode(messageRouterRequest, bytes) }
  } catch (error) {
    if (!(error instanceof MalformedMessage)) throw error
    const [service = 0, pathWords = 0] = bytes
    if (bytes.length < 2 || service > 0x7f) return { reply: failure(service, generalStatus.invalidMessageFormat) }
    const tooLong = bytes.length < 2 + pathWords * 2
    return { reply: failure(service, tooLong ? generalStatus.pathSizeInvalid : generalStatus.pathSegmentError) }
  }
}

/** Answers a message router request by the bytes, whoever it is for. */
export function answerBytes(
  bytes: Uint8Array,
  answer: (request: MessageRouterRequest) => MessageRouterReply | Promise<MessageRouterReply>,
): Uint8Array | Promise<Uint8Array> {
  const read = readRequest(bytes)
  const reply = 'reply' in read ? read.reply : answer(read.request)
  return reply instanceof Promise ? reply.then(writeReply) : writeReply(reply)
}

function writeReply(reply: MessageRouterReply): Uint8Array {
  return encode(messageRouterReply, reply)
}

/** Brings a request to the object its path names. */
export function route(
  routed: Routed,
  request: MessageRouterRequest,
  link: Link,
  now: number,
  room: ReplyRoom,
  context?: RequestContext,
): Answer {
  return dispatch(routed, request, { link, now, room, context, embedded: false })
}

function dispatch(routed: Routed, request: MessageRouterRequest, arrival: Arrival): Answer {
  const { service, path } = request
  if (path.length === 0) return failure(service, generalStatus.pathSizeInvalid)
  const { room, link, now } = arrival
  if (isTagPath(path)) {
    if (routed.tags.size === 0) return failure(service, generalStatus.pathDestinationUnknown)
    // A packet to a tag's path is still one for the router.
    return callTag(routed.tags, request, room.tagBytes)
  }
  const address = addressOf(path)
  if (address.class === undefined || address.route.length > 0) return failure(service, generalStatus.pathSegmentError)
  if (address.class === messageRouterClass && service === commonServices.multipleServicePacket) {
    return arrival.embedded
      ? failure(service, generalStatus.serviceNotSupported)
      : multipleService(routed, request, arrival)
  }
  if (address.class === connectionManagerClass && (address.instance ?? 0) === 1) {
    if (service === connectionManagerServices.unconnectedSend) return forward(routed, request, arrival)
    const reply = routed.connectionManager.request(request, link, now, [], arrival.context)
    if (reply !== undefined) return reply
  }
  if (routed.tags.size > 0 && address.class === symbolClass) return callSymbol(routed.tags, request, room.tagBytes)
  if (routed.tags.size > 0 && address.class === templateClass) return callTemplate(request, room.tagBytes)
  const behaviour = routed.behaviours.get(address.class)
  if (behaviour === undefined) return failure(service, generalStatus.pathDestinationUnknown)
  const call = { device: routed.context, instance: address.instance ?? 0, link, now }
  return callObject(behaviour, call, request, address.attribute)
}

/** Most requests in one packet. */
const maximumEmbedded = 512

function multipleService(routed: Routed, request: MessageRouterRequest, arrival: Arrival): Answer {
  const messages = readOr(() => decode(multipleServicePacket, request.data))
  if (messages === undefined || messages.length > maximumEmbedded) {
    return failure(request.service, generalStatus.invalidParameter)
  }
  // Each embedded request is judged like one that came alone, over the same link.
  const answers = messages.map((message): Answer => {
    const read = readRequest(message)
    return 'reply' in read ? read.reply : dispatch(routed, read.request, { ...arrival, embedded: true })
  })
  const pending = answers.some((answer) => answer instanceof Promise)
  // Without slow services no answer is a promise, and the packet is answered at once.
  if (!pending) return assemble(request.service, answers as readonly DeviceReply[], arrival.room)
  return Promise.all(answers.map((answer) => Promise.resolve(answer))).then((replies) =>
    assemble(request.service, replies, arrival.room),
  )
}

function assemble(service: number, replies: readonly MessageRouterReply[], room: ReplyRoom): MessageRouterReply {
  // Service, reserved, status and count before the packet; count and offsets in it.
  let left = room.bytes - 4 - 2 - replies.length * 2
  let failed = false
  const messages = replies.map((reply, index) => {
    const bytes = encode(messageRouterReply, reply)
    // Four bytes are kept for each reply still to come, so that every one gets at least a status.
    const fits = bytes.length <= left - (replies.length - index - 1) * 4
    const taken = fits ? bytes : encode(messageRouterReply, failure(reply.service, generalStatus.replyDataTooLarge))
    if (!fits || reply.status !== generalStatus.success) failed = true
    left -= taken.length
    return taken
  })
  if (left < 0) return failure(service, generalStatus.replyDataTooLarge)
  const data = encode(multipleServicePacket, messages)
  return failed ? failure(service, generalStatus.embeddedServiceError, [], data) : success(service, data)
}

function readOr<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof MalformedMessage) return undefined
    throw error
  }
}

function refuseRoute(service: number, extended: number, remaining: EPath): MessageRouterReply {
  const remainingPathSize = Math.min(encode(paddedEPath, remaining).length / 2, 0xff)
  const data = encode(routingFailure, { remainingPathSize })
  return failure(service, generalStatus.connectionFailure, [extended], data)
}

/** Unconnected_Send: to this device itself, or to another slot of its chassis. */
function forward(routed: Routed, request: MessageRouterRequest, arrival: Arrival): Answer {
  const { service } = request
  const sent = readOr(() => decode(unconnectedSend, request.data))
  if (sent === undefined) return refuseRoute(service, extendedStatuses.unconnectedRequestParameterError, [])
  const { route: hops, rest } = splitRoute(sent.route)
  if (rest.length > 0) return refuseRoute(service, extendedStatuses.invalidSegmentInPath, sent.route)
  const read = readRequest(sent.message)
  if ('reply' in read) return read.reply
  const [hop, ...further] = hops
  // A packet must not hide in a packet.
  if (hop === undefined) return dispatch(routed, read.request, { ...arrival, embedded: arrival.embedded })
  const text = linkAddressText(hop)
  if (hop.port !== 1 || !/^\d{1,3}$/.test(text)) {
    return refuseRoute(service, extendedStatuses.portNotAvailable, sent.route)
  }
  const slot = Number(text)
  if (slot === ownSlot(routed.context.options)) {
    return further.length === 0
      ? dispatch(routed, read.request, arrival)
      : refuseRoute(service, extendedStatuses.linkAddressToSelfInvalid, further)
  }
  const neighbour = routed.neighbour(slot)
  if (neighbour === undefined) return refuseRoute(service, extendedStatuses.linkAddressNotValid, sent.route)
  if (further.length > 0) return refuseRoute(service, extendedStatuses.portNotAvailable, further)
  const address = addressOf(read.request.path)
  if (address.class === connectionManagerClass && (address.instance ?? 0) === 1) {
    // The module keeps the connections of its chassis, so an embedded Forward_Open is one of its own, one hop further.
    const reply = routed.connectionManager.request(read.request, arrival.link, arrival.now, [hop], arrival.context)
    if (reply !== undefined) return reply
  }
  return neighbour.request(read.request, routed.backplaneLink(arrival.link, neighbour), arrival.now)
}
