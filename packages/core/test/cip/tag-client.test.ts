import { EventEmitter } from 'node:events'
import {
  addressOf,
  commonServices,
  dataTypes,
  encodeTagValues,
  failure,
  generalStatus,
  type MessageRouterReply,
  type MessageRouterRequest,
  messageRouterReply,
  messageRouterRequest,
  readTagFragmentedRequest,
  readTagRequest,
  readTemplateRequest,
  stringTagType,
  stringTemplate,
  success,
  symbolClass,
  symbolType,
  tagData,
  type TagListEntry,
  tagListReply,
  tagListRequest,
  tagFragment,
  tagReferenceOf,
  tagServices,
  type TagType,
  type TagValue,
  tagValues,
  templateClass,
  templateDefinition,
  templateDefinitionWords,
  writeTagRequest,
} from '@cordon/core/cip'
import { counted, decode, encode, u16, u32, Writer } from '@cordon/core/wire'
import { type Controller, Structure, Tag, TagList } from 'st-ethernet-ip'
import { describe, expect, it } from 'vitest'

/** Bytes of data that fit in a reply of the controller below: small, so that fragments are needed. */
const room = 100

interface StoredTag {
  readonly type: TagType
  readonly values: readonly TagValue[]
}

/** A controller of a few tags, built from nothing but the codecs. */
class TagController {
  readonly tags = new Map<string, StoredTag>([
    ['Counter', { type: { kind: 'elementary', code: dataTypes.DINT.code }, values: [-123456] }],
    ['Level', { type: { kind: 'elementary', code: dataTypes.REAL.code }, values: [1.5] }],
    ['Ready', { type: { kind: 'elementary', code: dataTypes.BOOL.code }, values: [true] }],
    ['Big', { type: { kind: 'elementary', code: dataTypes.LINT.code }, values: [-(2n ** 40n)] }],
    [
      'Many',
      { type: { kind: 'elementary', code: dataTypes.INT.code }, values: Array.from({ length: 120 }, (_, i) => i * 7) },
    ],
    ['Read_L8_String', { type: stringTagType, values: ['Hello from the plant'] }],
    ['Program:Main.Step', { type: { kind: 'elementary', code: dataTypes.DINT.code }, values: [42] }],
  ])

  answer(request: MessageRouterRequest): MessageRouterReply {
    const address = addressOf(request.path)
    if (address.class === symbolClass) return this.#list(request, address.instance ?? 0, address.symbols[0])
    if (address.class === templateClass) return this.#template(request)
    const reference = tagReferenceOf(request.path)
    const tag = reference === undefined ? undefined : this.tags.get(reference.name)
    if (reference === undefined || tag === undefined) {
      return failure(request.service, generalStatus.pathDestinationUnknown)
    }
    const from = reference.indices[0] ?? 0
    const bytes = (elements: number) => encodeTagValues(tag.type, tag.values.slice(from, from + elements))
    switch (request.service) {
      case tagServices.readTag:
        return this.#part(request, tag.type, bytes(decode(readTagRequest, request.data).elements), 0)
      case tagServices.readTagFragmented: {
        const { elements, offset } = decode(readTagFragmentedRequest, request.data)
        return this.#part(request, tag.type, bytes(elements), offset)
      }
      case tagServices.writeTag: {
        const { type, data } = decode(writeTagRequest, request.data)
        this.tags.set(reference.name, { type, values: tagValues({ type, data }) })
        return success(request.service)
      }
      default:
        return failure(request.service, generalStatus.serviceNotSupported)
    }
  }

  #part(request: MessageRouterRequest, type: TagType, data: Uint8Array, offset: number): MessageRouterReply {
    const fragment = tagFragment(type, data, offset, room)
    if (fragment === undefined) return failure(request.service, generalStatus.invalidParameter)
    const reply = encode(tagData, { type, data: fragment.data })
    return failure(request.service, fragment.more ? generalStatus.partialTransfer : generalStatus.success, [], reply)
  }

  #list(request: MessageRouterRequest, first: number, program: string | undefined): MessageRouterReply {
    expect(decode(tagListRequest, request.data)).toEqual([1, 2])
    const entries = this.#entries(program).filter(({ instance }) => instance >= first)
    // Two at a time, so that the client has to ask again.
    const some = entries.slice(0, 2)
    const status = entries.length > 2 ? generalStatus.partialTransfer : generalStatus.success
    return failure(request.service, status, [], encode(tagListReply, some))
  }

  #entries(program: string | undefined): TagListEntry[] {
    const prefix = program === undefined ? '' : `${program}.`
    const names = [...this.tags.keys()].filter((name) => name.startsWith('Program:') === (program !== undefined))
    const listed: TagListEntry[] = names.map((name, i) => ({
      instance: i + 1,
      name: name.slice(prefix.length),
      type: symbolOf(this.tags.get(name)?.type ?? stringTagType),
    }))
    const programs = {
      instance: 100,
      name: 'Program:Main',
      type: { code: 0x68, structure: false, dimensions: 0, system: true },
    }
    return program === undefined ? [...listed, programs] : listed
  }

  #template(request: MessageRouterRequest): MessageRouterReply {
    const definition = encode(templateDefinition(stringTemplate.members.length), stringTemplate)
    if (request.service === tagServices.readTag) {
      const { offset, length } = decode(readTemplateRequest, request.data)
      return success(request.service, definition.subarray(offset, offset + length))
    }
    expect(request.service).toBe(commonServices.getAttributeList)
    const sizes: Readonly<Record<number, Uint8Array>> = {
      1: encode(u16, stringTemplate.handle),
      2: encode(u16, stringTemplate.members.length),
      4: encode(u32, templateDefinitionWords(definition.length)),
      5: encode(u32, stringTemplate.size),
    }
    const ids = decode(counted(u16, u16), request.data)
    const writer = new Writer()
    writer.u16(ids.length)
    for (const id of ids) {
      writer.u16(id)
      writer.u16(0)
      writer.bytes(sizes[id] ?? new Uint8Array(0))
    }
    return success(request.service, writer.finish())
  }
}

function symbolOf(type: TagType): TagListEntry['type'] {
  const structure = type.kind === 'structure'
  return { code: structure ? stringTemplate.handle : type.code, structure, dimensions: 0, system: false }
}

const events: Readonly<Record<number, string>> = {
  [tagServices.getInstanceAttributeList]: 'Get Instance Attribute List',
  [commonServices.getAttributeList]: 'Get Attributes',
  [tagServices.readTag]: 'Read Tag',
}

/** What the client takes for its connection to a controller: bytes go in, events come out. */
function connectionTo(controller: TagController): Controller {
  const connection = Object.assign(new EventEmitter(), {
    write_cip(bytes: Uint8Array) {
      const request = decode(messageRouterRequest, bytes)
      const reply = decode(messageRouterReply, encode(messageRouterReply, controller.answer(request)))
      const error = reply.status === 0 ? null : { generalStatusCode: reply.status, extendedStatus: reply.extended }
      setImmediate(() => connection.emit(events[request.service] ?? 'other', error, Buffer.from(reply.data)))
    },
  })
  // The tag list uses write_cip and the events, nothing else of a controller.
  return connection as unknown as Controller
}

/** Reads a tag as the client does: whole, and in fragments where it does not fit. */
function read(controller: TagController, tag: Tag, elements = 1): void {
  const first = answerTo(controller, tag.generateReadMessageRequest(elements))
  if (first.status === generalStatus.success) {
    tag.parseReadMessageResponse(Buffer.from(first.data))
    return
  }
  expect(first.status).toBe(generalStatus.partialTransfer)
  let whole = Buffer.alloc(0)
  for (let rounds = 0; rounds < 50; rounds++) {
    const offset = Math.max(0, whole.length - 2)
    const part = answerTo(controller, tag.generateReadMessageRequestFrag(offset, elements))
    whole = Buffer.concat([whole, part.data.subarray(whole.length === 0 ? 0 : 2)])
    if (part.status === generalStatus.success) break
  }
  tag.parseReadMessageResponse(whole)
}

function answerTo(controller: TagController, request: Uint8Array): MessageRouterReply {
  return controller.answer(decode(messageRouterRequest, request))
}

describe('the client st-ethernet-ip', () => {
  it('reads single values of every usual type', () => {
    const controller = new TagController()
    for (const [name, value] of [
      ['Counter', -123456],
      ['Level', 1.5],
      ['Ready', true],
      ['Big', -(2n ** 40n)],
    ] as const) {
      const tag = new Tag(name)
      read(controller, tag)
      expect(tag.value).toBe(value)
    }
  })

  it('reads a tag of a program, and an element of an array', () => {
    const controller = new TagController()
    const step = new Tag('Step', 'Main')
    read(controller, step)
    expect(step.value).toBe(42)
    const element = new Tag('Many[9]')
    read(controller, element)
    expect(element.value).toBe(63)
  })

  it('reads an array that needs several replies', () => {
    const tag = new Tag('Many')
    read(new TagController(), tag, 120)
    expect(tag.value).toEqual(Array.from({ length: 120 }, (_, i) => i * 7))
  })

  it('writes a value that is then read', () => {
    const controller = new TagController()
    const tag = new Tag('Counter')
    read(controller, tag)
    const reply = answerTo(controller, tag.generateWriteMessageRequest(77))
    expect(reply.status).toBe(generalStatus.success)
    expect(controller.tags.get('Counter')).toEqual({ type: { kind: 'elementary', code: 0xc4 }, values: [77] })
  })

  it('lists the tags, their types and the template of STRING, and reads a string by it', async () => {
    const controller = new TagController()
    const list = new TagList()
    const tags = await list.getControllerTags(connectionTo(controller))
    expect(tags.map(({ name, program }) => (program === null ? name : `Program:${program}.${name}`))).toEqual([
      ...[...controller.tags.keys()].filter((name) => !name.startsWith('Program:')),
      'Program:Main',
      'Program:Main.Step',
    ])
    const text = tags.find(({ name }) => name === 'Read_L8_String')
    expect(text?.type).toMatchObject({ structure: true, typeName: 'STRING', arrayDims: 0 })
    const structure = new Structure('Read_L8_String', list)
    read(controller, structure)
    expect(structure.value).toBe('Hello from the plant')
  })

  it('is told that a tag does not exist', () => {
    const reply = answerTo(new TagController(), new Tag('Nowhere').generateReadMessageRequest(1))
    expect(reply.status).toBe(generalStatus.pathDestinationUnknown)
  })
})

describe('a symbol type', () => {
  it('is what the client takes apart', () => {
    const list = new TagList()
    const word = encode(symbolType, { code: 0xfce, structure: true, dimensions: 2, system: false })
    expect(list._parseTagType((word[0] ?? 0) | ((word[1] ?? 0) << 8))).toMatchObject({
      code: 0xfce,
      structure: true,
      arrayDims: 2,
      reserved: false,
    })
  })
})
