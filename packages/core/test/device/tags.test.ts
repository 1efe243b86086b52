import {
  type EPath,
  encodeTagValues,
  path,
  readTagFragmentedRequest,
  readTagRequest,
  stringTagType,
  stringTemplate,
  tagData,
  tagListReply,
  tagPath,
  tagValues,
  templateDefinition,
  writeTagFragmentedRequest,
  writeTagRequest,
} from '@cordon/core/cip'
import { createTag, type Device, TagTable } from '@cordon/core/device'
import { decode, encode } from '@cordon/core/wire'
import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { plainDevice, TestClient, tcpLink } from './fixture.ts'

const dint = { kind: 'elementary', code: 0xc4 } as const
const big = Array.from({ length: 500 }, (_, i) => i)

let device: Device
let client: TestClient

beforeEach(() => {
  device = plainDevice({
    tags: [
      createTag('Speed', dint, [1500]),
      createTag('Read_L8_String', stringTagType, ['running']),
      createTag('Recipe', dint, [1, 2, 3, 4]),
      createTag('Big', dint, big),
      createTag('Line.Motor', { kind: 'elementary', code: 0xca }, [0.5]),
      createTag('Out', dint, [9], { produced: true }),
    ],
  })
  client = new TestClient(device, tcpLink())
})

async function read(name: string, elements = 1) {
  const reply = await client.raw(0x4c, tagPath(name), encode(readTagRequest, { elements }))
  expect([reply.status, ...reply.extended]).toEqual([0])
  return tagValues(decode(tagData, reply.data))
}

const status = async (service: number, target: EPath, data: Uint8Array) => await client.status(service, target, data)

describe('Read Tag', () => {
  it('gives type and value by the symbolic path, whatever the case', async () => {
    expect(await read('Speed')).toEqual([1500])
    expect(await read('sPEED')).toEqual([1500])
    expect(await read('Read_L8_String')).toEqual(['running'])
    expect(await read('Line.Motor')).toEqual([0.5])
  })

  it('gives elements of an array from an index on', async () => {
    expect(await read('Recipe', 4)).toEqual([1, 2, 3, 4])
    expect(await read('Recipe[2]')).toEqual([3])
    expect(await read('Recipe[1]', 3)).toEqual([2, 3, 4])
  })

  it('refuses names and elements that do not exist, as controllers do', async () => {
    const one = encode(readTagRequest, { elements: 1 })
    expect(await status(0x4c, tagPath('Nope'), one)).toEqual([0x04])
    expect(await status(0x4c, tagPath('Recipe[4]'), one)).toEqual([0x04])
    expect(await status(0x4c, tagPath('Recipe[1,1]'), one)).toEqual([0x04])
    expect(await status(0x4c, tagPath('Recipe'), encode(readTagRequest, { elements: 5 }))).toEqual([0xff, 0x2105])
    expect(await status(0x4c, tagPath('Recipe'), encode(readTagRequest, { elements: 0 }))).toEqual([0xff, 0x2105])
    expect(await status(0x4c, tagPath('Recipe'), Uint8Array.of(1))).toEqual([0x13])
    expect(await status(0x4e, tagPath('Recipe'), one)).toEqual([0x08])
  })

  it('gives what does not fit in fragments that add up', async () => {
    const first = await client.raw(0x4c, tagPath('Big'), encode(readTagRequest, { elements: 500 }))
    expect(first.status).toBe(0x06)
    const bytes: number[] = []
    for (let more = true; more; ) {
      const request = encode(readTagFragmentedRequest, { elements: 500, offset: bytes.length })
      const part = await client.raw(0x52, tagPath('Big'), request)
      expect([0, 0x06]).toContain(part.status)
      bytes.push(...decode(tagData, part.data).data)
      more = part.status === 0x06
    }
    expect(tagValues({ type: dint, data: Uint8Array.from(bytes) })).toEqual(big)
    expect(
      await status(0x52, tagPath('Big'), encode(readTagFragmentedRequest, { elements: 500, offset: 2000 })),
    ).toEqual([0xff, 0x2105])
  })
})

describe('Write Tag', () => {
  const write = (type: typeof dint | typeof stringTagType, values: readonly (number | string)[]) =>
    encode(writeTagRequest, { type, elements: values.length, data: encodeTagValues(type, values) })

  it('changes what may be written', async () => {
    expect(await status(0x4d, tagPath('Speed'), write(dint, [7]))).toEqual([0])
    expect(await read('Speed')).toEqual([7])
    expect(await status(0x4d, tagPath('Recipe[2]'), write(dint, [30, 40]))).toEqual([0])
    expect(await read('Recipe', 4)).toEqual([1, 2, 30, 40])
    expect(await status(0x4d, tagPath('Read_L8_String'), write(stringTagType, ['stopped']))).toEqual([0])
    expect(await read('Read_L8_String')).toEqual(['stopped'])
  })

  it('refuses other types, too many elements, produced tags and too little data', async () => {
    expect(await status(0x4d, tagPath('Speed'), write(stringTagType, ['x']))).toEqual([0xff, 0x2107])
    expect(await status(0x4d, tagPath('Speed'), write(dint, [1, 2]))).toEqual([0xff, 0x2105])
    expect(await status(0x4d, tagPath('Out'), write(dint, [1]))).toEqual([0x0f])
    const short = encode(writeTagRequest, { type: dint, elements: 1, data: Uint8Array.of(1) })
    expect(await status(0x4d, tagPath('Speed'), short)).toEqual([0x13])
    expect(await read('Speed')).toEqual([1500])
  })

  it('takes fragments', async () => {
    const data = encodeTagValues(dint, [5, 6, 7, 8])
    for (const [offset, end] of [
      [0, 8],
      [8, 16],
    ] as const) {
      const part = encode(writeTagFragmentedRequest, {
        type: dint,
        elements: 4,
        offset,
        data: data.subarray(offset, end),
      })
      expect(await status(0x53, tagPath('Recipe'), part)).toEqual([0])
    }
    expect(await read('Recipe', 4)).toEqual([5, 6, 7, 8])
    const beyond = encode(writeTagFragmentedRequest, { type: dint, elements: 4, offset: 12, data: data.subarray(0, 8) })
    expect(await status(0x53, tagPath('Recipe'), beyond)).toEqual([0xff, 0x2105])
  })
})

describe('the tag list', () => {
  it('names every tag, in parts that continue behind the last', async () => {
    const request = Uint8Array.of(2, 0, 1, 0, 2, 0)
    const reply = await client.raw(0x55, path({ class: 0x6b, instance: 0 }), request)
    expect(reply.status).toBe(0)
    const list = decode(tagListReply, reply.data)
    expect(list.map(({ name }) => name)).toEqual(['Speed', 'Read_L8_String', 'Recipe', 'Big', 'Line.Motor', 'Out'])
    expect(list[1]?.type).toMatchObject({ structure: true, code: 0x0fce })
    expect(list[2]?.type).toMatchObject({ structure: false, code: 0xc4, dimensions: 1 })
    const from = await client.raw(0x55, path({ class: 0x6b, instance: 5 }), request)
    expect(decode(tagListReply, from.data).map(({ instance }) => instance)).toEqual([5, 6])
    expect(await status(0x55, path({ class: 0x6b, instance: 0 }), Uint8Array.of(1, 0, 9, 0))).toEqual([0x0a])
    expect(await status(0x01, path({ class: 0x6b, instance: 0 }), new Uint8Array(0))).toEqual([0x08])
  })

  it('says that more follows when it does not fit', async () => {
    const many = plainDevice({
      tags: Array.from({ length: 100 }, (_, i) => createTag(`A_long_tag_name_${i}`, dint, [i])),
    })
    const peer = new TestClient(many, tcpLink())
    const names: string[] = []
    for (let instance = 0; ; ) {
      const reply = await peer.raw(0x55, path({ class: 0x6b, instance }), Uint8Array.of(2, 0, 1, 0, 2, 0))
      const list = decode(tagListReply, reply.data)
      names.push(...list.map(({ name }) => name))
      if (reply.status === 0) break
      expect(reply.status).toBe(0x06)
      instance = (list.at(-1)?.instance ?? 0) + 1
    }
    expect(names).toHaveLength(100)
  })

  it('explains STRING by its template', async () => {
    const target = path({ class: 0x6c, instance: 0x0fce })
    const attributes = await client.raw(0x03, target, Uint8Array.of(4, 0, 4, 0, 5, 0, 2, 0, 1, 0))
    expect(attributes.status).toBe(0)
    const definition = await client.raw(0x4c, target, Uint8Array.of(0, 0, 0, 0, 200, 0))
    expect(decode(templateDefinition(2), definition.data)).toMatchObject({
      name: 'STRING',
      members: stringTemplate.members,
    })
    expect(await status(0x4c, path({ class: 0x6c, instance: 5 }), Uint8Array.of(0, 0, 0, 0, 9, 0))).toEqual([0x16])
    expect((await client.raw(0x03, target, Uint8Array.of(1, 0, 9, 0))).status).toBe(0x0a)
    expect(await status(0x03, target, Uint8Array.of(9))).toEqual([0x13])
    expect(await status(0x01, target, new Uint8Array(0))).toEqual([0x08])
  })
})

describe('tags from inside', () => {
  it('are read and set by the program of the device', async () => {
    device.setTag('Speed', [8], client.now)
    expect(await read('Speed')).toEqual([8])
    expect(device.tags.read('speed')).toEqual([8])
    expect(() => device.setTag('Nope', [8], 0)).toThrow(/there is none/)
    expect(() => device.setTag('Speed', ['x'], 0)).toThrow(/expected a number/)
    expect(() => device.setTag('Speed', [1, 2], 0)).toThrow(/expected 1 values/)
  })

  it('have one name each', () => {
    expect(() => new TagTable([createTag('A', dint, [1]), createTag('a', dint, [1])])).toThrow(/exists/)
  })

  it('never throw for any request', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('Speed', 'Recipe', 'Recipe[1]', 'Read_L8_String', 'Nope'),
        fc.integer({ min: 0, max: 0x7f }),
        fc.uint8Array({ maxLength: 40 }),
        async (name, service, data) => {
          const reply = await device.request({ service, path: tagPath(name), data }, client.link, 0)
          expect(reply.service).toBe(service)
        },
      ),
      { numRuns: 400, seed: 9 },
    )
  })
})
