import { addressOf, type EPath } from '../cip/epath.ts'
import { generalStatus } from '../cip/general-status.ts'
import { failure, type MessageRouterReply, type MessageRouterRequest, success } from '../cip/message-router.ts'
import {
  encodeTagValues,
  readTagFragmentedRequest,
  readTagRequest,
  stringHandle,
  symbolAttributes,
  symbolType,
  type TagType,
  type TagValue,
  tagData,
  tagElementSize,
  tagFragment,
  tagListRequest,
  tagReferenceOf,
  tagServices,
  tagValues,
  writeTagFragmentedRequest,
  writeTagRequest,
} from '../cip/tag.ts'
import {
  readTemplateRequest,
  stringTemplate,
  templateAttributes,
  templateClass,
  templateDefinition,
  templateDefinitionWords,
} from '../cip/tag-template.ts'
import { UsageError } from '../errors.ts'
import { encode } from '../wire/codec.ts'
import { Reader } from '../wire/reader.ts'
import { Writer } from '../wire/writer.ts'
import { decodeData } from './decode-data.ts'
import { isRefusal, type Refusal, refuse } from './outcome.ts'

/** A named value of a controller. */
export interface Tag {
  readonly name: string
  readonly type: TagType
  /** Elements; 1 and `array` false for a single value. */
  readonly elements: number
  readonly array: boolean
  /** The elements back to back, as Read Tag gives them. */
  readonly data: Uint8Array
  /** May be opened by consumers (class 1 on its symbolic path). */
  readonly produced: boolean
  /** May be written; default true for a tag that is not produced. */
  readonly writable: boolean
}

/**
 * Makes a tag.
 * @throws UsageError `bad-value` for a value that the type cannot hold, or another number of values than elements
 */
export function createTag(
  name: string,
  type: TagType,
  values: readonly TagValue[],
  more: { readonly produced?: boolean; readonly writable?: boolean; readonly array?: boolean } = {},
): Tag {
  const data = encodeTagValues(type, values).slice()
  const produced = more.produced ?? false
  return {
    name,
    type,
    elements: values.length,
    array: more.array ?? values.length > 1,
    data,
    produced,
    writable: more.writable ?? !produced,
  }
}

/** The tags of one device. Names are compared without regard to case, as controllers do. */
export class TagTable {
  readonly #tags = new Map<string, Tag>()
  readonly #names: string[] = []

  /** A table of these tags. @throws UsageError `bad-value` for a name that occurs twice */
  constructor(tags: readonly Tag[] = []) {
    for (const tag of tags) this.add(tag)
  }

  /** How many tags there are. */
  get size(): number {
    return this.#tags.size
  }

  /** Adds a tag. @throws UsageError `bad-value` for a name that exists */
  add(tag: Tag): void {
    const key = tag.name.toLowerCase()
    if (this.#tags.has(key)) throw new UsageError('bad-value', `expected a new tag name, "${tag.name}" exists`)
    this.#tags.set(key, tag)
    this.#names.push(key)
  }

  /** The tag of a name, or undefined. */
  find(name: string): Tag | undefined {
    return this.#tags.get(name.toLowerCase())
  }

  /** The values of a tag. @throws UsageError `missing` for a name that does not exist */
  read(name: string): readonly TagValue[] {
    const tag = this.#require(name)
    return tagValues({ type: tag.type, data: tag.data })
  }

  /**
   * Sets the values of a tag in place.
   * @throws UsageError `missing` for a name that does not exist, `bad-value` for another number or kind of values
   */
  write(name: string, values: readonly TagValue[]): void {
    const tag = this.#require(name)
    const data = encodeTagValues(tag.type, values)
    if (data.length !== tag.data.length) {
      throw new UsageError('bad-value', `expected ${tag.elements} values for "${name}", got ${values.length}`)
    }
    tag.data.set(data)
  }

  #require(name: string): Tag {
    const tag = this.find(name)
    if (tag === undefined) throw new UsageError('missing', `expected a tag "${name}", there is none`)
    return tag
  }

  /** Tag by Symbol instance, counted from 1. */
  at(instance: number): Tag | undefined {
    const name = this.#names[instance - 1]
    return name === undefined ? undefined : this.#tags.get(name)
  }
}

/** Bytes of tag data in an unconnected reply: larger values come in fragments. */
export const unconnectedTagRoom = 480

interface Element {
  readonly tag: Tag
  /** Byte offset of the first element addressed. */
  readonly offset: number
}

function resolve(tags: TagTable, path: EPath): Element | undefined {
  const reference = tagReferenceOf(path)
  if (reference === undefined) return undefined
  const tag = tags.find(reference.name)
  if (tag === undefined || reference.indices.length > 1) return undefined
  const index = reference.indices[0] ?? 0
  const size = tagElementSize(tag.type) ?? tag.data.length
  return index < tag.elements ? { tag, offset: index * size } : undefined
}

/** Does a path name a tag, whether it exists or not? */
export function isTagPath(path: EPath): boolean {
  const [first] = path
  return first?.kind === 'symbol' || first?.kind === 'symbolic'
}

/** Answers a request on a symbolic path; `room` is how many bytes of tag data fit in the reply. */
export function callTag(tags: TagTable, request: MessageRouterRequest, room: number): MessageRouterReply {
  const { service } = request
  const element = resolve(tags, request.path)
  if (element === undefined) return failure(service, generalStatus.pathSegmentError)
  switch (service) {
    case tagServices.readTag: {
      const data = decodeData(readTagRequest, request.data, generalStatus.invalidParameter)
      if (isRefusal(data)) return failure(service, data.status)
      return read(service, element, data.value.elements, 0, room)
    }
    case tagServices.readTagFragmented: {
      const data = decodeData(readTagFragmentedRequest, request.data, generalStatus.invalidParameter)
      if (isRefusal(data)) return failure(service, data.status)
      return read(service, element, data.value.elements, data.value.offset, room)
    }
    case tagServices.writeTag: {
      const data = decodeData(writeTagRequest, request.data, generalStatus.invalidParameter)
      const refusal = isRefusal(data) ? data : write(element, { ...data.value, offset: 0 })
      return refusal === undefined ? success(service) : failure(service, refusal.status, refusal.extended)
    }
    case tagServices.writeTagFragmented: {
      const data = decodeData(writeTagFragmentedRequest, request.data, generalStatus.invalidParameter)
      const refusal = isRefusal(data) ? data : write(element, data.value)
      return refusal === undefined ? success(service) : failure(service, refusal.status, refusal.extended)
    }
    default:
      return failure(service, generalStatus.serviceNotSupported)
  }
}

/** Extended status of 0xFF: more elements were asked for than there are (as controllers answer). */
const beyondEnd = 0x2105

/** Extended status of 0xFF: the type does not match. */
const wrongType = 0x2107

function read(service: number, element: Element, elements: number, offset: number, room: number): MessageRouterReply {
  const { tag } = element
  const size = tagElementSize(tag.type) ?? tag.data.length
  const end = element.offset + elements * size
  if (elements === 0 || end > tag.data.length) return failure(service, generalStatus.stillProcessing, [beyondEnd])
  const fragment = tagFragment(tag.type, tag.data.subarray(element.offset, end), offset, Math.max(room, 8))
  if (fragment === undefined) return failure(service, generalStatus.stillProcessing, [beyondEnd])
  const data = encode(tagData, { type: tag.type, data: fragment.data })
  return fragment.more ? failure(service, generalStatus.partialTransfer, [], data) : success(service, data)
}

function sameType(a: TagType, b: TagType): boolean {
  if (a.kind === 'structure') return b.kind === 'structure' && a.handle === b.handle
  return b.kind === 'elementary' && a.code === b.code
}

function write(
  element: Element,
  value: { readonly type: TagType; readonly elements: number; readonly offset: number; readonly data: Uint8Array },
): Refusal | undefined {
  const { tag } = element
  if (!tag.writable) return refuse(generalStatus.privilegeViolation)
  if (!sameType(tag.type, value.type)) return refuse(generalStatus.stillProcessing, wrongType)
  const size = tagElementSize(tag.type) ?? tag.data.length
  const end = element.offset + value.elements * size
  const start = element.offset + value.offset
  if (value.elements === 0 || end > tag.data.length || start + value.data.length > end) {
    return refuse(generalStatus.stillProcessing, beyondEnd)
  }
  if (value.offset === 0 && value.data.length < size && value.data.length < end - start) {
    return refuse(generalStatus.notEnoughData)
  }
  tag.data.set(value.data, start)
  return undefined
}

/** Answers a request to the Symbol class 0x6B: the list of tags. */
export function callSymbol(tags: TagTable, request: MessageRouterRequest, room: number): MessageRouterReply {
  const { service } = request
  if (service !== tagServices.getInstanceAttributeList) return failure(service, generalStatus.serviceNotSupported)
  const wanted = decodeData(tagListRequest, request.data, generalStatus.invalidParameter)
  if (isRefusal(wanted)) return failure(service, wanted.status)
  const known = wanted.value.every((id) => id === symbolAttributes.name || id === symbolAttributes.type)
  if (!known) return failure(service, generalStatus.attributeListError)
  const writer = new Writer()
  const first = Math.max(1, addressOf(request.path).instance ?? 0)
  for (let instance = first; instance <= tags.size; instance++) {
    const tag = tags.at(instance)
    if (tag === undefined) break
    if (writer.length + tag.name.length + 8 > room) {
      return failure(service, generalStatus.partialTransfer, [], writer.finish())
    }
    writer.u32(instance)
    for (const id of wanted.value) {
      if (id === symbolAttributes.name) {
        writer.u16(tag.name.length)
        for (const character of tag.name) writer.u8(character.charCodeAt(0) & 0xff)
      } else symbolType.write(writer, symbolOf(tag))
    }
  }
  return success(service, writer.finish())
}

function symbolOf(tag: Tag): Parameters<typeof symbolType.write>[1] {
  const code = tag.type.kind === 'structure' ? tag.type.handle : tag.type.code
  return { code, structure: tag.type.kind === 'structure', dimensions: tag.array ? 1 : 0, system: false }
}

const stringDefinition = encode(templateDefinition(stringTemplate.members.length), stringTemplate)

/** Answers a request to the Template class 0x6C: how STRING is laid out. */
export function callTemplate(request: MessageRouterRequest, room: number): MessageRouterReply {
  const { service } = request
  if (addressOf(request.path).instance !== stringHandle) return failure(service, generalStatus.objectDoesNotExist)
  if (service === tagServices.readTag) {
    const asked = decodeData(readTemplateRequest, request.data, generalStatus.invalidParameter)
    if (isRefusal(asked)) return failure(service, asked.status)
    const { offset, length } = asked.value
    const part = stringDefinition.subarray(offset, offset + Math.min(length, room))
    const more = offset + part.length < Math.min(stringDefinition.length, offset + length)
    return more ? failure(service, generalStatus.partialTransfer, [], part) : success(service, part)
  }
  if (service !== getAttributeList) return failure(service, generalStatus.serviceNotSupported)
  return templateAttributeList(request)
}

const getAttributeList = 0x03

function templateAttributeList(request: MessageRouterRequest): MessageRouterReply {
  const { service, data } = request
  if (data.length < 2) return failure(service, generalStatus.notEnoughData)
  const reader = new Reader(data)
  const count = reader.u16()
  if (reader.remaining !== count * 2) return failure(service, generalStatus.notEnoughData)
  if (count > 16) return failure(service, generalStatus.tooMuchData)
  const writer = new Writer()
  writer.u16(count)
  let failed = false
  for (let i = 0; i < count; i++) {
    const id = reader.u16()
    writer.u16(id)
    if (!isTemplateAttribute(id)) {
      writer.u16(generalStatus.attributeNotSupported)
      failed = true
      continue
    }
    writer.u16(generalStatus.success)
    if (id === templateAttributes.structureHandle) writer.u16(stringTemplate.handle)
    else if (id === templateAttributes.memberCount) writer.u16(stringTemplate.members.length)
    else if (id === templateAttributes.definitionSize) writer.u32(templateDefinitionWords(stringDefinition.length))
    else writer.u32(stringTemplate.size)
  }
  const reply = writer.finish()
  return failed ? failure(service, generalStatus.attributeListError, [], reply) : success(service, reply)
}

function isTemplateAttribute(id: number): boolean {
  return Object.values(templateAttributes).some((known) => known === id)
}

/** Class codes that exist where there are tags. */
export const tagClasses: readonly number[] = [0x6b, templateClass]
