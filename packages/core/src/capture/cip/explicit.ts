import { addressOf, describePath, type EPath, linkAddressText, splitRoute } from '../../cip/epath.ts'
import {
  connectionFailure,
  type ConnectionTriad,
  forwardCloseReply,
  forwardCloseRequest,
  type ForwardOpenReply,
  forwardOpenReply,
  type ForwardOpenRequest,
  forwardOpenRequest,
  largeForwardOpenRequest,
} from '../../cip/forward-open.ts'
import { type MessageRouterReply, messageRouterReply, messageRouterRequest } from '../../cip/message-router.ts'
import { multipleServicePacket } from '../../cip/multiple-service.ts'
import { commonServices, connectionManagerClass, connectionManagerServices } from '../../cip/services.ts'
import { tagReferenceOf } from '../../cip/tag.ts'
import { unconnectedSend } from '../../cip/unconnected-send.ts'
import { decode } from '../../wire/codec.ts'
import { hexadecimal } from '../../wire/text.ts'
import { attributeName, className, serviceName, statusText } from './names.ts'
import type { CipFields } from './row.ts'

/** A CIP request as read from a capture: what it asks of whom, in numbers and words. */
export interface ObservedRequest {
  readonly kind: 'request'
  readonly service: number
  /** Of the object; undefined for a tag. */
  readonly class: number | undefined
  readonly instance: number | undefined
  readonly attribute: number | undefined
  /** What follows the path; a view of the capture's buffer. */
  readonly data: Uint8Array
  /** `EtherNet/IP Security - Set Attribute Single (Allowed Suites)`. */
  readonly text: string
  /** What a reply's line repeats of it. */
  readonly subject: string
  /** Read out of an Unconnected_Send: the hops behind the device that took it. */
  readonly route?: string
  /** Requests inside it: of a packet of several services, or of an Unconnected_Send. */
  readonly embedded: readonly ObservedRequest[]
  readonly open?: ForwardOpenRequest
  readonly close?: ConnectionTriad
}

/** A CIP reply as read from a capture. */
export interface ObservedReply {
  readonly kind: 'reply'
  readonly service: number
  /** General status. */
  readonly status: number
  readonly extended: readonly number[]
  readonly data: Uint8Array
  readonly text: string
  readonly embedded: readonly ObservedReply[]
  readonly opened?: ForwardOpenReply
  /** Of a Forward_Open or Forward_Close that was answered. */
  readonly triad?: ConnectionTriad
}

/** Messages inside messages that are followed: a packet of several inside an Unconnected_Send. */
const deepest = 3

/** Text of devices ends in terminals and logs: only visible ASCII gets there, and not too much of it. */
export function printableText(text: string, most = 80): string {
  const plain = text.replace(/[^\x20-\x7e]/g, '.')
  return plain.length > most ? `${plain.slice(0, most - 1)}…` : plain
}

/** Reads a message router request. @throws MalformedMessage where it cannot be read */
export function readRequest(message: Uint8Array, depth = 0): ObservedRequest {
  const request = decode(messageRouterRequest, message)
  const { class: classId, instance, attribute } = addressOf(request.path)
  const tag = tagReferenceOf(request.path)
  const isTag = tag !== undefined && classId === undefined
  const common = {
    kind: 'request',
    service: request.service,
    class: classId,
    instance,
    attribute,
    data: request.data,
  } as const
  const name = serviceName(classId, request.service)
  if (isTag) {
    const indices = tag.indices.length === 0 ? '' : `[${tag.indices.join(',')}]`
    const text = `'${printableText(`${tag.name}${indices}`)}' - ${name}`
    return { ...common, text, subject: text, embedded: [] }
  }
  if (classId === connectionManagerClass) {
    const managed = readManagerRequest(common, name, depth)
    if (managed !== undefined) return managed
  }
  const object = classId === undefined ? spellPath(request.path) : className(classId)
  const plain = `${object} - ${name}`
  if (request.service === commonServices.multipleServicePacket && depth < deepest) {
    const embedded = decode(multipleServicePacket, request.data).map((one) => readRequest(one, depth + 1))
    return { ...common, text: `${plain} (${listed(embedded)})`, subject: plain, embedded }
  }
  const what =
    classId === undefined || attribute === undefined ? '' : ` (${attributeName(classId, instance, attribute)})`
  return { ...common, text: `${plain}${what}`, subject: `${plain}${what}`, embedded: [] }
}

type Common = Pick<ObservedRequest, 'kind' | 'service' | 'class' | 'instance' | 'attribute' | 'data'>

/** Forward_Open, Forward_Close and Unconnected_Send. */
function readManagerRequest(common: Common, name: string, depth: number): ObservedRequest | undefined {
  const { service, data } = common
  const plain = `Connection Manager - ${name}`
  if (service === connectionManagerServices.forwardOpen || service === connectionManagerServices.largeForwardOpen) {
    const isLarge = service === connectionManagerServices.largeForwardOpen
    const open = decode(isLarge ? largeForwardOpenRequest : forwardOpenRequest, data)
    return { ...common, text: `${plain} (${spellPath(open.path)})`, subject: plain, embedded: [], open }
  }
  if (service === connectionManagerServices.forwardClose) {
    const { path, ...close } = decode(forwardCloseRequest, data)
    return { ...common, text: `${plain} (${spellPath(path)})`, subject: plain, embedded: [], close }
  }
  if (service === connectionManagerServices.unconnectedSend && depth < deepest) {
    const { message, route } = decode(unconnectedSend, data)
    const inner = readRequest(message, depth + 1)
    const way = spellRoute(route)
    return { ...common, text: `${inner.text} via ${way}`, subject: inner.subject, route: way, embedded: [inner] }
  }
  return undefined
}

/**
 * Reads a message router reply; the request that it answers, where the capture has it, says what the data means.
 * @throws MalformedMessage where it cannot be read
 */
export function readReply(message: Uint8Array, request?: ObservedRequest, depth = 0): ObservedReply {
  const reply = decode(messageRouterReply, message)
  // A router answers an Unconnected_Send with the reply to what was inside.
  const sent = request?.service === connectionManagerServices.unconnectedSend ? request.embedded[0] : undefined
  const asked = sent !== undefined && sent.service === reply.service ? sent : request
  const status = statusText(asked?.class, reply.status, reply.extended)
  const subject = asked?.subject ?? serviceName(undefined, reply.service)
  const common = { kind: 'reply', ...reply, text: `${status}: ${subject}` } as const
  if (asked?.service === commonServices.multipleServicePacket && depth < deepest && hasPackets(reply)) {
    const messages = decode(multipleServicePacket, reply.data)
    const embedded = messages.map((one, i) => readReply(one, asked.embedded[i], depth + 1))
    return { ...common, embedded }
  }
  if (asked?.class !== connectionManagerClass) return { ...common, embedded: [] }
  if (asked.open !== undefined) {
    if (reply.status !== 0) return { ...common, embedded: [], ...failed(reply) }
    const opened = decode(forwardOpenReply, reply.data)
    return { ...common, embedded: [], opened, triad: opened }
  }
  if (asked.close === undefined) return { ...common, embedded: [] }
  const triad = reply.status === 0 ? { triad: decode(forwardCloseReply, reply.data) } : failed(reply)
  return { ...common, embedded: [], ...triad }
}

function hasPackets(reply: MessageRouterReply): boolean {
  // 0x1E says that one of them failed: the packets are there all the same.
  return (reply.status === 0 || reply.status === 0x1e) && reply.data.length >= 2
}

function failed(reply: MessageRouterReply): { readonly triad?: ConnectionTriad } {
  const { triad } = decode(connectionFailure, reply.data)
  return triad === undefined ? {} : { triad }
}

/** The first few of several requests. */
function listed(requests: readonly ObservedRequest[]): string {
  const first = requests.slice(0, 3).map(({ text }) => text)
  const more = requests.length - first.length
  return more > 0 ? `${first.join('; ')}; ${more} more` : first.join('; ')
}

/** Hops as people read them: `port 1 address 0, port 2 address 127.17.80.31`. */
export function spellRoute(route: EPath): string {
  return route.length === 0 ? 'no hop' : printableText(describePath(route), 160)
}

/** Where a path leads, behind its hops: an object class, a tag, connection points. */
export function spellPath(path: EPath): string {
  const { route, rest } = splitRoute(path)
  const tag = tagReferenceOf(rest.filter(({ kind }) => kind !== 'electronicKey' && kind !== 'data'))
  if (tag !== undefined) return `'${printableText(tag.name)}'`
  const { class: classId, instance, connectionPoints } = addressOf(rest)
  if (classId === undefined)
    return route.length === 0 && rest.length === 0 ? 'empty path' : printableText(describePath(path), 160)
  const points = connectionPoints.length === 0 ? '' : ` ${instance ?? ''} points ${connectionPoints.join(', ')}`
  return `${className(classId)}${points.replace('  ', ' ')}`
}

/** The hops of a path, or undefined where it has none. */
export function routeOf(path: EPath): string | undefined {
  const { route } = splitRoute(path)
  return route.length === 0
    ? undefined
    : route.map((hop) => `port ${hop.port} address ${printableText(linkAddressText(hop))}`).join(', ')
}

/** Numbers of a request, its embedded ones behind it. */
export function requestFields(request: ObservedRequest): readonly CipFields[] {
  const { service, class: classId, instance, attribute, open, close } = request
  return [
    {
      service,
      reply: false,
      ...(classId === undefined ? {} : { class: classId }),
      ...(instance === undefined ? {} : { instance }),
      ...(attribute === undefined ? {} : { attribute }),
      ...(open === undefined
        ? {}
        : {
            ...triadFields(open),
            otConnectionId: open.otConnectionId,
            toConnectionId: open.toConnectionId,
            otRpiUs: open.otRpi,
            toRpiUs: open.toRpi,
            otSize: open.otParameters.size,
            toSize: open.toParameters.size,
            timeoutMultiplier: open.timeoutMultiplier,
            transportClass: open.transport.transportClass,
          }),
      ...(close === undefined ? {} : triadFields(close)),
    },
    ...request.embedded.flatMap(requestFields),
  ]
}

/** Numbers of a reply, its embedded ones behind it. */
export function replyFields(reply: ObservedReply): readonly CipFields[] {
  const { service, status, extended, opened, triad } = reply
  const [first] = extended
  return [
    {
      service,
      reply: true,
      generalStatus: status,
      ...(first === undefined ? {} : { extendedStatus: first }),
      ...(triad === undefined ? {} : triadFields(triad)),
      ...(opened === undefined
        ? {}
        : {
            otConnectionId: opened.otConnectionId,
            toConnectionId: opened.toConnectionId,
            otRpiUs: opened.otApi,
            toRpiUs: opened.toApi,
          }),
    },
    ...reply.embedded.flatMap(replyFields),
  ]
}

function triadFields(triad: ConnectionTriad): ConnectionTriad {
  const { connectionSerialNumber, originatorVendorId, originatorSerialNumber } = triad
  return { connectionSerialNumber, originatorVendorId, originatorSerialNumber }
}

/** `0x00252281`. */
export function spellId(id: number): string {
  return hexadecimal(id, 8)
}
