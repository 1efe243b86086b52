import { path } from '@cordon/core/cip'
import {
  type ForwardOpenRequest,
  forwardCloseRequest,
  forwardCloseReply,
  forwardOpenReply,
  forwardOpenRequest,
  type MessageRouterReply,
  messageRouterReply,
  messageRouterRequest,
  type EPath,
} from '@cordon/core/cip'
import { connectedMessage, encapsulate, IoFrameTemplate, unconnectedMessage } from '@cordon/core/enip'
import { encode } from '@cordon/core/wire'
import type { Conversation, Moment, Side } from '../../../src/capture/conversation.ts'
import { CipConversation } from '../../../src/capture/cip/cip-conversation.ts'
import { ConnectionTable } from '../../../src/capture/cip/connection-table.ts'
import type { CaptureRow } from '../../../src/capture/cip/row.ts'

/** Messages as devices make them, by our own encoders. */
export const triad = { connectionSerialNumber: 771, originatorVendorId: 1, originatorSerialNumber: 0xe17387 }

export function openRequest(changes: Partial<ForwardOpenRequest> = {}): ForwardOpenRequest {
  const parameters = {
    redundantOwner: false,
    type: 'pointToPoint',
    priority: 'scheduled',
    sizeType: 'fixed',
    size: 2,
  } as const
  return {
    timeout: { priority: false, tick: 10, ticks: 5 },
    otConnectionId: 0,
    toConnectionId: 0x0025_2281,
    ...triad,
    timeoutMultiplier: 0,
    reserved: undefined,
    otRpi: 20_000,
    otParameters: parameters,
    toRpi: 20_000,
    toParameters: parameters,
    transport: { direction: 'client', trigger: 'cyclic', transportClass: 1 },
    path: path({ class: 1, instance: 1 }),
    ...changes,
  } as ForwardOpenRequest
}

export function request(service: number, to: EPath, data: Uint8Array = new Uint8Array(0)): Uint8Array {
  return encode(messageRouterRequest, { service, path: to, data })
}

export function reply(service: number, data: Uint8Array = new Uint8Array(0), status = 0): Uint8Array {
  const value: MessageRouterReply = { service, status, extended: [], data }
  return encode(messageRouterReply, value)
}

export const manager = path({ class: 6, instance: 1 })

export function opening(open: ForwardOpenRequest): Uint8Array {
  return request(0x54, manager, encode(forwardOpenRequest, open))
}

export function granting(open: ForwardOpenRequest, otConnectionId: number): Uint8Array {
  const { connectionSerialNumber, originatorVendorId, originatorSerialNumber, toConnectionId, otRpi, toRpi } = open
  return reply(
    0x54,
    encode(forwardOpenReply, {
      otConnectionId,
      toConnectionId,
      connectionSerialNumber,
      originatorVendorId,
      originatorSerialNumber,
      otApi: otRpi,
      toApi: toRpi,
      applicationReply: new Uint8Array(0),
    }),
  )
}

export function closing(open: ForwardOpenRequest): Uint8Array {
  const { timeout, connectionSerialNumber, originatorVendorId, originatorSerialNumber, path: to } = open
  const close = { timeout, connectionSerialNumber, originatorVendorId, originatorSerialNumber, path: to }
  return request(0x4e, manager, encode(forwardCloseRequest, close))
}

export function closed(open: ForwardOpenRequest): Uint8Array {
  const { connectionSerialNumber, originatorVendorId, originatorSerialNumber } = open
  const value = {
    connectionSerialNumber,
    originatorVendorId,
    originatorSerialNumber,
    applicationReply: new Uint8Array(0),
  }
  return reply(0x4e, encode(forwardCloseReply, value))
}

/** SendRRData around a message. */
export function unconnected(message: Uint8Array, context = 1, session = 7): Uint8Array {
  const senderContext = new Uint8Array(8)
  senderContext[0] = context & 0xff
  senderContext[1] = context >> 8
  return encapsulate({ command: 'sendRRData', session, senderContext, data: unconnectedMessage(message) })
}

/** SendUnitData around a message. */
export function connected(connectionId: number, sequenceCount: number, message: Uint8Array, session = 7): Uint8Array {
  const data = connectedMessage({ connectionId, sequenceCount, message })
  return encapsulate({ command: 'sendUnitData', session, data })
}

/** A class 1 datagram. */
export function datagram(connectionId: number, sequence: number, runIdleHeader = false, size = 0): Uint8Array {
  const template = new IoFrameTemplate(connectionId, { transportClass: 1, runIdleHeader }, size)
  template.setSequence(sequence)
  template.setSequenceCount(sequence & 0xffff)
  template.setRunIdle({ run: true })
  return template.bytes
}

/** A conversation that is read, and what was told of it. */
export class Told {
  readonly rows: CaptureRow[] = []
  readonly connections: ConnectionTable
  readonly reader: CipConversation
  readonly moment: Moment = { packet: 0, timeUs: 1_000_000 }

  constructor(
    conversation: Partial<Conversation> = {},
    connections = new ConnectionTable(),
    protection: 'none' | 'tls' | 'dtls' = 'none',
  ) {
    this.connections = connections
    this.reader = new CipConversation(
      {
        id: 0,
        transport: 'tcp',
        client: { address: '192.0.2.1', port: 50_000 },
        server: { address: '192.0.2.2', port: 44_818 },
        begun: true,
        ...conversation,
      },
      { connections, protection, row: (row) => this.rows.push(row) },
    )
  }

  /** One side says something, `afterUs` after what was said last. */
  say(side: Side, bytes: Uint8Array, afterUs = 1000): void {
    this.moment.packet++
    this.moment.timeUs += afterUs
    this.reader.stream(side, bytes, this.moment)
  }

  send(side: Side, bytes: Uint8Array, afterUs = 1000): void {
    this.moment.packet++
    this.moment.timeUs += afterUs
    this.reader.datagram(side, bytes, 0, bytes.length, this.moment)
  }

  get lines(): string[] {
    return this.rows.map(({ info }) => info)
  }
}
