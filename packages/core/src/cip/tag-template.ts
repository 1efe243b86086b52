/**
 * Templates: how the members of a Logix structure lie in its bytes, class 0x6C. Clients read them to make sense of
 * structures, the built-in STRING among them (layout as public clients read it).
 * @module
 */
import type { Codec, Value } from '../wire/codec.ts'
import { u16, u32 } from '../wire/numbers.ts'
import { struct } from '../wire/struct.ts'
import { latin1, latin1Bytes } from '../wire/text.ts'
import { dataTypes } from './data-types.ts'
import { stringCapacity, stringHandle, symbolType } from './tag.ts'

/** Class code of Template: one instance per structure type. */
export const templateClass = 0x6c

/** Attributes of a template instance, by number. */
export const templateAttributes = {
  /** UINT, see {@link stringHandle}. */
  structureHandle: 1,
  /** UINT. */
  memberCount: 2,
  /** UDINT: 32-bit words of the definition, see {@link templateDefinitionWords}. */
  definitionSize: 4,
  /** UDINT: bytes of a structure. */
  structureSize: 5,
} as const

/** Data of Read Template, service 0x4C on class 0x6C: UDINT offset, UINT bytes. */
export const readTemplateRequest = struct({ offset: u32, length: u16 })
/** Data of Read Template. */
export interface ReadTemplateRequest extends Value<typeof readTemplateRequest> {}

/** A member of a structure. */
export interface TemplateMember {
  readonly name: string
  /** Elements of an array, or the bit of a BOOL. */
  readonly info: number
  readonly type: Value<typeof symbolType>
  /** Byte offset in the structure. */
  readonly offset: number
}

/** How a structure is laid out. */
export interface Template {
  /** Name of the structure type. */
  readonly name: string
  readonly members: readonly TemplateMember[]
}

/**
 * Codec of a template's definition: per member UINT info, UINT type, UDINT offset; then the structure's name and each
 * member's name, each ended by a zero. What follows a `;` in the structure's name is not part of it. The number of
 * members stands in the template's attributes, not here.
 */
export function templateDefinition(memberCount: number): Codec<Template> {
  return {
    read: (r) => {
      const heads = []
      for (let i = 0; i < memberCount; i++) heads.push({ info: r.u16(), type: symbolType.read(r), offset: r.u32() })
      const name = readName(r)
      const members = heads.map((head) => ({ ...head, name: readName(r) }))
      // Controllers fill the definition up to whole words.
      r.take(r.remaining)
      const semicolon = name.indexOf(';')
      return { name: semicolon < 0 ? name : name.slice(0, semicolon), members }
    },
    write: (w, value) => {
      for (const member of value.members) {
        w.u16(member.info)
        symbolType.write(w, member.type)
        w.u32(member.offset)
      }
      for (const name of [`${value.name};n`, ...value.members.map((member) => member.name)]) {
        w.bytes(latin1Bytes(name))
        w.u8(0)
      }
    },
  }
}

function readName(r: Parameters<Codec<string>['read']>[0]): string {
  const end = r.bytes.subarray(0, r.end).indexOf(0, r.offset)
  if (end < 0) throw r.malformed('truncated', 'expected a zero behind a name')
  const name = latin1(r.view(end - r.offset))
  r.u8()
  return name
}

/** Words of attribute 4 for a definition of `bytes` bytes: clients read words times 4 less 23 bytes. */
export function templateDefinitionWords(bytes: number): number {
  return Math.ceil((bytes + 23) / 4)
}

const elementary = (code: number, dimensions: number) => ({ code, structure: false, dimensions, system: false })

/** The built-in STRING. */
export const stringTemplate: Template & { readonly handle: number; readonly size: number } = {
  name: 'STRING',
  handle: stringHandle,
  size: stringCapacity + 6,
  members: [
    { name: 'LEN', info: 0, type: elementary(dataTypes.DINT.code, 0), offset: 0 },
    { name: 'DATA', info: stringCapacity, type: elementary(dataTypes.SINT.code, 1), offset: 4 },
  ],
}
