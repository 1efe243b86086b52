import {
  failure,
  generalStatus,
  type MessageRouterReply,
  type MessageRouterRequest,
  messageRouterRequest,
  multipleServicePacket,
} from '@cordon/core/cip'
import { MalformedMessage } from '@cordon/core/errors'
import type { FaultKind } from '@cordon/core/policy'
import { decode } from '@cordon/core/wire'

/** A fault of a kind. */
export type FaultOf<K extends FaultKind['kind']> = Extract<FaultKind, { readonly kind: K }>

/** Class codes and services that faults look for. */
const classes = { messageRouter: 0x02, file: 0x37, certificateManagement: 0x5f } as const
const services = { create: 0x08, multipleServicePacket: 0x0a, createCsr: 0x4b } as const

/** The faults of one unit that are in force, at most one of each kind. */
export class Faults {
  readonly #inForce = new Map<FaultKind['kind'], FaultKind>()

  /** Kinds in force, in the order in which they struck. */
  kinds(): FaultKind['kind'][] {
    return [...this.#inForce.keys()]
  }

  /** Is a fault of this kind in force? */
  has(kind: FaultKind['kind']): boolean {
    return this.#inForce.has(kind)
  }

  /** It answers nothing at all. */
  get silent(): boolean {
    return this.has('hang') || this.has('power-cycle')
  }

  /** The fault of this kind, if it is in force. */
  get<K extends FaultKind['kind']>(kind: K): FaultOf<K> | undefined {
    // The map holds each fault under its own kind.
    return this.#inForce.get(kind) as FaultOf<K> | undefined
  }

  /** From now on; one of the same kind gives way. */
  set(fault: FaultKind): void {
    this.#inForce.delete(fault.kind)
    this.#inForce.set(fault.kind, fault)
  }

  /** No longer. */
  clear(kind: FaultKind['kind']): void {
    this.#inForce.delete(kind)
  }

  /** Does chance lose this datagram or connection? */
  loses(random: () => number): boolean {
    const drop = this.get('drop')
    return drop !== undefined && random() < drop.share
  }

  /** How much later a request is answered, milliseconds. */
  delayMs(request: MessageRouterRequest): number {
    const isCsr = request.service === services.createCsr && classOf(request) === classes.certificateManagement
    return (this.get('delay')?.delayMs ?? 0) + (isCsr ? (this.get('slow-csr')?.delayMs ?? 0) : 0)
  }

  /** What a request is answered with instead of its result. */
  refusal(request: MessageRouterRequest): MessageRouterReply | undefined {
    const wrong = this.get('wrong-answer')
    if (wrong !== undefined) return failure(request.service, wrong.status)
    const classId = classOf(request)
    const creates = classId === classes.certificateManagement || classId === classes.file
    if (this.has('full-certificate-store') && request.service === services.create && creates) {
      return failure(request.service, generalStatus.resourceUnavailable)
    }
    return undefined
  }
}

/** A service of a class, as fault triggers name it. */
export interface AskedService {
  readonly class: number
  readonly service: number
}

/** The services that a request asks for: its own, or those inside a Multiple_Service_Packet. */
export function servicesOf(request: MessageRouterRequest): AskedService[] {
  const classId = classOf(request)
  if (classId === undefined) return []
  const own = { class: classId, service: request.service }
  if (classId !== classes.messageRouter || request.service !== services.multipleServicePacket) return [own]
  const embedded = readable(() => decode(multipleServicePacket, request.data)) ?? []
  return [
    own,
    ...embedded.flatMap((bytes) => {
      const inner = requestOf(bytes)
      const innerClass = inner === undefined ? undefined : classOf(inner)
      return inner === undefined || innerClass === undefined ? [] : [{ class: innerClass, service: inner.service }]
    }),
  ]
}

/** A request by its bytes, or undefined where they are none: the unit itself says what is wrong with them. */
export function requestOf(bytes: Uint8Array): MessageRouterRequest | undefined {
  return readable(() => decode(messageRouterRequest, bytes))
}

function classOf(request: MessageRouterRequest): number | undefined {
  const [first] = request.path
  return first?.kind === 'class' ? first.value : undefined
}

function readable<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof MalformedMessage) return undefined
    throw error
  }
}
