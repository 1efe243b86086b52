import { generalStatus } from '../cip/general-status.ts'
import { failure, type MessageRouterReply, type MessageRouterRequest, success } from '../cip/message-router.ts'
import type {
  AttributeValue,
  ClassAttributeValue,
  ObjectClass,
  ServiceReply,
  ServiceRequest,
  SettableAttribute,
} from '../cip/object.ts'
import { commonClassAttributes } from '../cip/object.ts'
import { commonServices } from '../cip/services.ts'
import { MalformedMessage } from '../errors.ts'
import type { Codec } from '../wire/codec.ts'
import { Reader } from '../wire/reader.ts'
import { Writer } from '../wire/writer.ts'
import type { DeviceContext } from './context.ts'
import { decodeData } from './decode-data.ts'
import type { Link } from './link.ts'
import { isRefusal, type Outcome, type Refusal, refuse } from './outcome.ts'

/** A request that reached an object. */
export interface Call {
  readonly device: DeviceContext
  readonly instance: number
  readonly link: Link
  readonly now: number
}

type Answer<T> = Outcome<T> | Promise<Outcome<T>>

/**
 * How a class behaves on a device. One value serves every device: it holds no state, that is in the device's data. What
 * a device does not offer is `undefined`.
 */
export interface ObjectBehaviour {
  readonly declaration: ObjectClass
  readonly revision: number
  /** Instances in ascending order. */
  instances(device: DeviceContext): readonly number[]
  has(device: DeviceContext, instance: number): boolean
  /** Values of attributes by name; a missing name or an undefined value is "attribute not supported". */
  readonly get: Readonly<Record<string, ((call: Call) => unknown) | undefined>>
  readonly set: Readonly<Record<string, ((call: Call, value: never) => Refusal | undefined) | undefined>>
  readonly getClass: Readonly<Record<string, ((call: Call) => unknown) | undefined>>
  readonly services: Readonly<Record<string, ((call: Call, request: never) => Answer<unknown>) | undefined>>
  /** Looks at every request that changes something, before its data: a refusal ends it. */
  guard(call: Call, service: number, attribute: number | undefined): Refusal | undefined
}

/** A behaviour as its file declares it: typed by the class it belongs to. */
export interface BehaviourDeclaration<O extends ObjectClass> {
  readonly revision: number
  readonly instances?: (device: DeviceContext) => readonly number[]
  readonly has?: (device: DeviceContext, instance: number) => boolean
  readonly get: { readonly [N in keyof O['attributes']]?: (call: Call) => AttributeValue<O, N> | undefined }
  readonly set?: {
    readonly [N in SettableAttribute<O>]?: (call: Call, value: AttributeValue<O, N>) => Refusal | undefined
  }
  readonly getClass?: {
    readonly [N in keyof O['classAttributes']]?: (call: Call) => ClassAttributeValue<O, N> | undefined
  }
  readonly services?: {
    readonly [N in keyof O['services']]?: (call: Call, request: ServiceRequest<O, N>) => Answer<ServiceReply<O, N>>
  }
  readonly guard?: (call: Call, service: number, attribute: number | undefined) => Refusal | undefined
}

const onlyInstance: readonly number[] = [1]

/** Ties a behaviour to its class. */
export function behaviour<O extends ObjectClass>(declaration: O, shape: BehaviourDeclaration<O>): ObjectBehaviour {
  const instances = shape.instances ?? (() => onlyInstance)
  return {
    declaration,
    revision: shape.revision,
    instances,
    has: shape.has ?? ((device, instance) => instances(device).includes(instance)),
    // The generic services look names up in the declaration, which pairs each with its own type.
    get: shape.get as ObjectBehaviour['get'],
    set: (shape.set ?? {}) as ObjectBehaviour['set'],
    getClass: (shape.getClass ?? {}) as ObjectBehaviour['getClass'],
    services: (shape.services ?? {}) as ObjectBehaviour['services'],
    guard: shape.guard ?? (() => undefined),
  }
}

const reads: ReadonlySet<number> = new Set<number>([
  commonServices.getAttributesAll,
  commonServices.getAttributeList,
  commonServices.getAttributeSingle,
])

/** Does a service only read? Everything else passes the guard of its object. */
function onlyReads(service: number): boolean {
  return reads.has(service)
}

/**
 * Calls an object: services it declares first, then the common attribute services, refused with 0x08, 0x0E, 0x13, 0x14,
 * 0x15, 0x16 as cip-security-wire 2.3 names them.
 */
export function callObject(
  behaviour: ObjectBehaviour,
  call: Call,
  request: MessageRouterRequest,
  attribute: number | undefined,
): MessageRouterReply | Promise<MessageRouterReply> {
  const { service } = request
  const classLevel = call.instance === 0
  if (!classLevel && !behaviour.has(call.device, call.instance)) {
    return failure(service, generalStatus.objectDoesNotExist)
  }
  const declared = declaredService(behaviour, service, classLevel)
  const common = declared === undefined && isCommon(behaviour, service, classLevel)
  if (declared === undefined && !common) return failure(service, generalStatus.serviceNotSupported)
  if (!onlyReads(service)) {
    const refusal = behaviour.guard(call, service, attribute)
    if (refusal !== undefined) return failure(service, refusal.status, refusal.extended)
  }
  if (declared !== undefined) return callService(behaviour, declared, call, request)
  switch (service) {
    case commonServices.getAttributesAll:
      return getAll(behaviour, call, request)
    case commonServices.getAttributeList:
      return getList(behaviour, call, request)
    case commonServices.setAttributeList:
      return setList(behaviour, call, request)
    case commonServices.getAttributeSingle:
      return getSingle(behaviour, call, request, attribute)
    default:
      return setSingle(behaviour, call, request, attribute)
  }
}

function declaredService(behaviour: ObjectBehaviour, code: number, classLevel: boolean): string | undefined {
  for (const [name, declared] of Object.entries(behaviour.declaration.services)) {
    if (declared.code !== code || behaviour.services[name] === undefined) continue
    if (declared.level === 'both' || (declared.level === 'class') === classLevel) return name
  }
  return undefined
}

function isCommon(behaviour: ObjectBehaviour, service: number, classLevel: boolean): boolean {
  switch (service) {
    case commonServices.getAttributesAll:
      return (classLevel ? behaviour.declaration.classGetAll : behaviour.declaration.getAll).length > 0
    case commonServices.getAttributeList:
    case commonServices.getAttributeSingle:
      return true
    case commonServices.setAttributeList:
    case commonServices.setAttributeSingle:
      return !classLevel && Object.keys(behaviour.set).length > 0
    default:
      return false
  }
}

function callService(
  behaviour: ObjectBehaviour,
  name: string,
  call: Call,
  request: MessageRouterRequest,
): MessageRouterReply | Promise<MessageRouterReply> {
  const declared = behaviour.declaration.services[name]
  const handler = behaviour.services[name]
  if (declared === undefined || handler === undefined)
    return failure(request.service, generalStatus.serviceNotSupported)
  const data = decodeData(declared.request, request.data, generalStatus.invalidParameter)
  if (isRefusal(data)) return failure(request.service, data.status, data.extended)
  // The declaration pairs the request format with the handler.
  const outcome = handler(call, data.value as never)
  const reply = (result: Outcome<unknown>) =>
    isRefusal(result)
      ? failure(request.service, result.status, result.extended)
      : success(request.service, encodeValue(declared.reply, result.value))
  return outcome instanceof Promise ? outcome.then(reply) : reply(outcome)
}

function encodeValue(codec: Codec<unknown>, value: unknown): Uint8Array {
  const writer = new Writer()
  codec.write(writer, value)
  return writer.finish()
}

interface Found {
  readonly name: string
  readonly id: number
  readonly codec: Codec<unknown>
  readonly access: 'read-only' | 'read-write'
}

function findAttribute(behaviour: ObjectBehaviour, id: number, classLevel: boolean): Found | undefined {
  const attributes = classLevel ? behaviour.declaration.classAttributes : behaviour.declaration.attributes
  for (const [name, declared] of Object.entries(attributes)) {
    if (declared.id === id) return { name, id, codec: declared.codec, access: declared.access }
  }
  return undefined
}

function readAttribute(behaviour: ObjectBehaviour, call: Call, name: string): unknown {
  if (call.instance !== 0) return behaviour.get[name]?.(call)
  const own = behaviour.getClass[name]
  if (own !== undefined) return own(call)
  switch (name) {
    case 'revision':
      return behaviour.revision
    case 'maxInstance':
      return behaviour.instances(call.device).at(-1) ?? 0
    case 'numberOfInstances':
      return behaviour.instances(call.device).length
    case 'maxClassAttribute':
      return highest(Object.entries(behaviour.declaration.classAttributes), (entry) =>
        hasClassAttribute(behaviour, entry),
      )
    case 'maxInstanceAttribute':
      return highest(Object.entries(behaviour.declaration.attributes), (entry) => behaviour.get[entry] !== undefined)
    default:
      return undefined
  }
}

function hasClassAttribute(behaviour: ObjectBehaviour, name: string): boolean {
  return (name in commonClassAttributes && !name.startsWith('optional')) || behaviour.getClass[name] !== undefined
}

function highest(entries: readonly [string, { readonly id: number }][], exists: (name: string) => boolean): number {
  return entries.reduce((most, [name, { id }]) => (exists(name) && id > most ? id : most), 0)
}

function getSingle(
  behaviour: ObjectBehaviour,
  call: Call,
  request: MessageRouterRequest,
  id: number | undefined,
): MessageRouterReply {
  if (id === undefined) return failure(request.service, generalStatus.pathSegmentError)
  if (request.data.length > 0) return failure(request.service, generalStatus.tooMuchData)
  const found = findAttribute(behaviour, id, call.instance === 0)
  const value = found === undefined ? undefined : readAttribute(behaviour, call, found.name)
  if (found === undefined || value === undefined) return failure(request.service, generalStatus.attributeNotSupported)
  return success(request.service, encodeValue(found.codec, value))
}

function getAll(behaviour: ObjectBehaviour, call: Call, request: MessageRouterRequest): MessageRouterReply {
  if (request.data.length > 0) return failure(request.service, generalStatus.tooMuchData)
  const classLevel = call.instance === 0
  const { declaration } = behaviour
  const writer = new Writer()
  for (const name of classLevel ? declaration.classGetAll : declaration.getAll) {
    const declared = (classLevel ? declaration.classAttributes : declaration.attributes)[name]
    const value = readAttribute(behaviour, call, name)
    if (declared !== undefined && value !== undefined) declared.codec.write(writer, value)
  }
  return success(request.service, writer.finish())
}

function getList(behaviour: ObjectBehaviour, call: Call, request: MessageRouterRequest): MessageRouterReply {
  const reader = new Reader(request.data)
  const writer = new Writer()
  let failed = false
  if (reader.remaining < 2) return failure(request.service, generalStatus.notEnoughData)
  const count = reader.u16()
  if (reader.remaining < count * 2) return failure(request.service, generalStatus.notEnoughData)
  if (reader.remaining > count * 2) return failure(request.service, generalStatus.tooMuchData)
  writer.u16(count)
  for (let i = 0; i < count; i++) {
    const id = reader.u16()
    const found = findAttribute(behaviour, id, call.instance === 0)
    const value = found === undefined ? undefined : readAttribute(behaviour, call, found.name)
    writer.u16(id)
    if (found === undefined || value === undefined) {
      writer.u16(generalStatus.attributeNotSupported)
      failed = true
    } else {
      writer.u16(generalStatus.success)
      found.codec.write(writer, value)
    }
    // A list of the same large attribute must not fill memory.
    if (writer.length > maximumReply) return failure(request.service, generalStatus.replyDataTooLarge)
  }
  const data = writer.finish()
  return failed ? failure(request.service, generalStatus.attributeListError, [], data) : success(request.service, data)
}

/** Bytes of a reply beyond which no transport could carry it. */
const maximumReply = 65_000

function setSingle(
  behaviour: ObjectBehaviour,
  call: Call,
  request: MessageRouterRequest,
  id: number | undefined,
): MessageRouterReply {
  const found = id === undefined ? undefined : findAttribute(behaviour, id, false)
  if (id === undefined) return failure(request.service, generalStatus.pathSegmentError)
  const refusal = setAttribute(behaviour, call, found, request.data)
  return refusal === undefined ? success(request.service) : failure(request.service, refusal.status, refusal.extended)
}

function setAttribute(
  behaviour: ObjectBehaviour,
  call: Call,
  found: Found | undefined,
  data: Uint8Array,
): Refusal | undefined {
  const known = found !== undefined && behaviour.get[found.name] !== undefined
  if (!known) return refuse(generalStatus.attributeNotSupported)
  const setter = behaviour.set[found.name]
  if (setter === undefined || found.access === 'read-only') return refuse(generalStatus.attributeNotSettable)
  const value = decodeData(found.codec, data, generalStatus.invalidAttributeValue)
  if (isRefusal(value)) return value
  // The declaration pairs the codec with the setter.
  return setter(call, value.value as never)
}

function setList(behaviour: ObjectBehaviour, call: Call, request: MessageRouterRequest): MessageRouterReply {
  const entries = readList(behaviour, request.data)
  // Malformed further on: nothing is set.
  if (!Array.isArray(entries)) return failure(request.service, entries.status)
  const writer = new Writer()
  writer.u16(entries.length)
  let failed = false
  for (const { found, value } of entries) {
    const refusal = setAttribute(behaviour, call, found, value)
    if (refusal !== undefined) failed = true
    writer.u16(found.id)
    writer.u16(refusal?.status ?? generalStatus.success)
  }
  const data = writer.finish()
  return failed ? failure(request.service, generalStatus.attributeListError, [], data) : success(request.service, data)
}

interface ListEntry {
  readonly found: Found
  readonly value: Uint8Array
}

function readList(behaviour: ObjectBehaviour, data: Uint8Array): ListEntry[] | Refusal {
  const reader = new Reader(data)
  if (reader.remaining < 2) return refuse(generalStatus.notEnoughData)
  const count = reader.u16()
  const entries: ListEntry[] = []
  for (let i = 0; i < count; i++) {
    if (reader.remaining < 2) return refuse(generalStatus.notEnoughData)
    const found = findAttribute(behaviour, reader.u16(), false)
    // Without its format the end of the value is unknown, and with it everything behind.
    if (found === undefined) return refuse(generalStatus.attributeListError)
    const start = reader.offset
    try {
      found.codec.read(reader)
    } catch (error) {
      if (!(error instanceof MalformedMessage)) throw error
      return refuse(generalStatus.invalidAttributeValueList)
    }
    entries.push({ found, value: data.subarray(start, reader.offset) })
  }
  return reader.remaining > 0 ? refuse(generalStatus.tooMuchData) : entries
}
