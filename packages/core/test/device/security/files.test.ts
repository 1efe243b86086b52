import { internationalText, path } from '@cordon/core/cip'
import type { Device } from '@cordon/core/device'
import { cipSecurity, file, fileChecksum } from '@cordon/core/objects'
import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import { secureDevice, TestClient, tcpLink, tlsLink, withChecksum } from '../fixture.ts'

let device: Device
let client: TestClient
let instance: number

beforeEach(async () => {
  device = await secureDevice({}, { eds: new TextEncoder().encode('[File]\n') })
  client = new TestClient(device, tlsLink())
  instance = (await client.call(file, 0, 'create', { name: internationalText('f'), encoding: 'binary' })).instance
})

const download = (size: number, more: object = {}) => ({
  size,
  formatVersion: 1,
  majorRevision: 2,
  minorRevision: 7,
  fileName: internationalText('name.bin'),
  ...more,
})

const first = (data: Uint8Array, number = 0) => ({ number, type: 'first' as const, data })
const middle = (data: Uint8Array, number: number) => ({ number, type: 'middle' as const, data })
const single = (data: Uint8Array) => ({ number: 0, type: 'firstAndLast' as const, data: withChecksum(data, data) })

describe('File Object', () => {
  it('serves the EDS and the default certificates as static, read-only files', async () => {
    expect(new TextDecoder().decode(await client.upload(0xc8))).toBe('[File]\n')
    expect(new TextDecoder().decode(await client.upload(0x0101))).toMatch(/^-----BEGIN CERTIFICATE-----/)
    for (const target of [0xc8, 0x0101, 0x0102]) {
      expect(await client.get(file, target, 'accessRule')).toBe('readOnly')
      expect(await client.refused(file, target, 'delete', undefined)).toEqual([0x2d])
      expect(await client.refused(file, target, 'initiateDownload', download(5))).toEqual([0x0c, 0x0100])
      expect(await client.refused(file, target, 'clearFile', undefined)).toEqual([0x0c, 0x0100])
    }
    expect(await client.get(file, 0x0101, 'encoding')).toBe('pemCertificate')
  })

  it('begins dynamic instances at 0x0110, empty, with a timeout of 10 s', async () => {
    expect(instance).toBe(0x0110)
    expect(await client.get(file, instance, 'state')).toBe('empty')
    expect(await client.get(file, instance, 'transferTimeout')).toBe(10)
    expect(await client.get(file, instance, 'formatVersion')).toBe(1)
    expect(await client.get(file, instance, 'invocationMethod')).toBe('notApplicable')
    expect(await client.get(file, instance, 'saveParameters')).toBe(0)
    expect(await client.refused(file, instance, 'initiateUpload', 255)).toEqual([0x0c, 1])
  })

  it('lists every instance in the directory', async () => {
    const directory = (await client.getClass(file, 'directory' as 'revision')) as unknown as { instance: number }[]
    expect(directory.map((entry) => entry.instance)).toEqual([0xc8, 0x0101, 0x0102, instance])
  })

  it('uploads "HELLO" by the bytes of the reference', async () => {
    await client.downloadTo(instance, new TextEncoder().encode('HELLO'))
    const target = path({ class: 0x37, instance })
    const begun = await client.raw(0x4b, target, Uint8Array.of(255))
    expect([...begun.data]).toEqual([5, 0, 0, 0, 255])
    const packet = await client.raw(0x4f, target, Uint8Array.of(0))
    expect([...packet.data]).toEqual([0, 4, 0x48, 0x45, 0x4c, 0x4c, 0x4f, 0x8c, 0xfe])
    expect(await client.get(file, instance, 'checksum')).toBe(0xfe8c)
    expect(await client.get(file, instance, 'state')).toBe('loaded')
  })

  it('brings every file through both ways unchanged, whatever its size and the packets’', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 3000 }), fc.integer({ min: 1, max: 255 }), async (content, size) => {
        const target = (await client.call(file, 0, 'create', { name: internationalText('p') })).instance
        await client.downloadTo(target, content)
        expect(await client.get(file, target, 'size')).toBe(content.length)
        expect(await client.get(file, target, 'checksum')).toBe(fileChecksum(content))
        // An upload of nothing needs a file that is loaded.
        expect([...(await client.upload(target, size))]).toEqual([...content])
        await client.call(file, target, 'delete', undefined)
      }),
      { numRuns: 40, seed: 42 },
    )
  })

  it('remembers name and revision of what was downloaded', async () => {
    const content = Uint8Array.of(1, 2, 3)
    await client.call(file, instance, 'initiateDownload', download(3))
    await client.call(file, instance, 'downloadTransfer', single(content))
    expect(await client.get(file, instance, 'fileName')).toEqual(internationalText('name.bin'))
    expect(await client.get(file, instance, 'revision')).toEqual({ major: 2, minor: 7 })
  })
})

describe('an upload', () => {
  const content = Uint8Array.from({ length: 700 }, (_, i) => i & 0xff)

  beforeEach(async () => {
    await client.downloadTo(instance, content)
  })

  it('repeats the block before on demand and refuses other numbers with 0x20/0x0006', async () => {
    await client.call(file, instance, 'initiateUpload', 255)
    expect(await client.get(file, instance, 'state')).toBe('uploadInitiated')
    expect(await client.refused(file, instance, 'uploadTransfer', 1)).toEqual([0x20, 6])
    const one = await client.call(file, instance, 'uploadTransfer', 0)
    expect(await client.call(file, instance, 'uploadTransfer', 0)).toEqual(one)
    expect(await client.get(file, instance, 'state')).toBe('uploading')
    const two = await client.call(file, instance, 'uploadTransfer', 1)
    expect(two.type).toBe('middle')
    expect(await client.refused(file, instance, 'uploadTransfer', 0)).toEqual([0x20, 6])
    expect(await client.call(file, instance, 'uploadTransfer', 1)).toEqual(two)
    expect((await client.call(file, instance, 'uploadTransfer', 2)).type).toBe('last')
    expect(await client.refused(file, instance, 'uploadTransfer', 3)).toEqual([0x0c, 2])
  })

  it('puts the last packet on the last full block when sizes are multiples', async () => {
    const even = (await client.call(file, 0, 'create', { name: internationalText('even') })).instance
    await client.downloadTo(even, content.subarray(0, 510))
    await client.call(file, even, 'initiateUpload', 255)
    await client.call(file, even, 'uploadTransfer', 0)
    const last = await client.call(file, even, 'uploadTransfer', 1)
    expect(last.type).toBe('last')
    expect(last.data).toHaveLength(257)
  })

  it('refuses a packet size of zero with 0x20/0x0008 and a second upload with 0x0C', async () => {
    expect(await client.refused(file, instance, 'initiateUpload', 0)).toEqual([0x20, 8])
    await client.call(file, instance, 'initiateUpload', 10)
    expect(await client.refused(file, instance, 'initiateUpload', 10)).toEqual([0x0c, 3])
    expect(await client.refused(file, instance, 'clearFile', undefined)).toEqual([0x0c, 3])
    expect(await client.refused(file, instance, 'delete', undefined)).toEqual([0x0c, 3])
    expect(await client.refused(file, instance, 'initiateDownload', download(3))).toEqual([0x0c, 3])
  })

  it('belongs to the link that began it', async () => {
    await client.call(file, instance, 'initiateUpload', 255)
    const other = new TestClient(device, tlsLink({}, '192.0.2.9'))
    expect(await other.refused(file, instance, 'uploadTransfer', 0)).toEqual([0x0c, 3])
  })

  it('returns to Loaded when no packet comes for the time of attribute 12', async () => {
    await client.set(file, instance, 'transferTimeout', 3)
    await client.call(file, instance, 'initiateUpload', 255)
    client.pass(2_999)
    await client.call(file, instance, 'uploadTransfer', 0)
    client.pass(2_999)
    expect(await client.get(file, instance, 'state')).toBe('uploading')
    client.pass(1)
    expect(await client.get(file, instance, 'state')).toBe('loaded')
  })
})

describe('a download', () => {
  it('refuses sizes, versions and names with the status words of the reference', async () => {
    const tries: readonly [object, readonly number[]][] = [
      [download(16_385), [0x20, 4]],
      [download(5, { formatVersion: 2 }), [0x20, 5]],
      [download(5, { fileName: internationalText('') }), [0x20, 10]],
      [download(5, { fileName: [] }), [0x20, 10]],
      [download(5, { fileName: internationalText('n'.repeat(65)) }), [0x15, 1]],
      [
        download(5, { fileName: ['eng', 'deu', 'fra', 'ita'].flatMap((language) => internationalText('n', language)) }),
        [0x15, 2],
      ],
    ]
    for (const [request, status] of tries) {
      expect(await client.refused(file, instance, 'initiateDownload', request as ReturnType<typeof download>)).toEqual(
        status,
      )
    }
    expect(await client.get(file, instance, 'state')).toBe('empty')
    await client.call(file, instance, 'initiateDownload', download(16_384))
  })

  it('keeps to the file limit of the device', async () => {
    const small = new TestClient(await secureDevice({ fileLimit: 4096 }), tlsLink())
    const target = (await small.call(file, 0, 'create', { name: internationalText('f') })).instance
    expect(await small.refused(file, target, 'initiateDownload', download(4097))).toEqual([0x20, 4])
  })

  it('answers duplicates with 0x20/0x000B and gaps with 0x20/0x0006', async () => {
    await client.call(file, instance, 'initiateDownload', download(300))
    expect(await client.refused(file, instance, 'downloadTransfer', first(new Uint8Array(10), 1))).toEqual([0x20, 6])
    expect(await client.refused(file, instance, 'downloadTransfer', middle(new Uint8Array(10), 0))).toEqual([0x20, 6])
    await client.call(file, instance, 'downloadTransfer', first(new Uint8Array(10)))
    expect(await client.refused(file, instance, 'downloadTransfer', first(new Uint8Array(10)))).toEqual([0x20, 11])
    expect(await client.refused(file, instance, 'downloadTransfer', middle(new Uint8Array(10), 2))).toEqual([0x20, 6])
    expect(await client.refused(file, instance, 'downloadTransfer', first(new Uint8Array(10), 1))).toEqual([0x20, 6])
    await client.call(file, instance, 'downloadTransfer', middle(new Uint8Array(10), 1))
    expect(await client.get(file, instance, 'state')).toBe('downloading')
  })

  it('refuses a packet beyond the transfer size with 0x20/0x0004 and goes on', async () => {
    await client.call(file, instance, 'initiateDownload', download(300))
    expect(await client.refused(file, instance, 'downloadTransfer', first(new Uint8Array(256)))).toEqual([0x20, 4])
    await client.call(file, instance, 'downloadTransfer', first(new Uint8Array(255)))
  })

  it('ends when more comes than announced: 0x20/0x0003', async () => {
    await client.call(file, instance, 'initiateDownload', download(5))
    expect(await client.refused(file, instance, 'downloadTransfer', first(new Uint8Array(6)))).toEqual([0x20, 3])
    expect(await client.get(file, instance, 'state')).toBe('empty')
  })

  it('ends with 0xD0 when checksum or size are wrong, and is empty then', async () => {
    for (const size of [3, 4]) {
      await client.call(file, instance, 'initiateDownload', download(size))
      const bad =
        size === 3 ? Uint8Array.of(1, 2, 3, 9, 9) : withChecksum(Uint8Array.of(1, 2, 3), Uint8Array.of(1, 2, 3))
      expect(
        await client.refused(file, instance, 'downloadTransfer', { number: 0, type: 'firstAndLast', data: bad }),
      ).toEqual([0xd0])
      expect(await client.get(file, instance, 'state')).toBe('empty')
      expect(await client.get(file, instance, 'size')).toBe(0)
    }
  })

  it('takes a last packet that holds nothing but the checksum', async () => {
    const content = new Uint8Array(255).fill(3)
    await client.call(file, instance, 'initiateDownload', download(255))
    await client.call(file, instance, 'downloadTransfer', first(content))
    const checksum = withChecksum(new Uint8Array(0), content)
    await client.call(file, instance, 'downloadTransfer', { number: 1, type: 'last', data: checksum })
    expect(await client.upload(instance)).toEqual(content)
  })

  it('refuses a last packet too short for its checksum with 0x13', async () => {
    await client.call(file, instance, 'initiateDownload', download(5))
    expect(
      await client.refused(file, instance, 'downloadTransfer', {
        number: 0,
        type: 'firstAndLast',
        data: Uint8Array.of(1),
      }),
    ).toEqual([0x13])
  })

  it('can be aborted by its peer', async () => {
    await client.call(file, instance, 'initiateDownload', download(300))
    await client.call(file, instance, 'downloadTransfer', first(new Uint8Array(10)))
    await client.call(file, instance, 'downloadTransfer', { number: 1, type: 'abort', data: new Uint8Array(0) })
    expect(await client.get(file, instance, 'state')).toBe('empty')
  })

  it('is dropped after its time or with its link', async () => {
    await client.call(file, instance, 'initiateDownload', download(300))
    client.pass(10_000)
    expect(await client.get(file, instance, 'state')).toBe('empty')
    await client.call(file, instance, 'initiateDownload', download(300))
    device.linkClosed(client.link, client.now)
    expect(await client.get(file, instance, 'state')).toBe('empty')
    expect(device.deadline()).toBeUndefined()
  })
})

describe('file slots and rights', () => {
  it('say 0x02 when the store is full', async () => {
    const small = new TestClient(await secureDevice({ fileSlots: 1 }), tlsLink())
    const { instance: only } = await small.call(file, 0, 'create', { name: internationalText('a') })
    expect(await small.refused(file, 0, 'create', { name: internationalText('b') })).toEqual([0x02])
    await small.call(file, only, 'delete', undefined)
    await small.call(file, 0, 'create', { name: internationalText('b') })
  })

  it('refuse an empty name on Create, and 0x09 for a timeout of zero', async () => {
    expect(await client.refused(file, 0, 'create', { name: [] })).toEqual([0x20, 10])
    expect(await client.trySet(file, instance, 'transferTimeout', 0)).toEqual([0x09])
  })

  it('let everybody read but only secure links write once configured', async () => {
    await client.call(cipSecurity, 1, 'beginConfig', undefined)
    await client.call(cipSecurity, 1, 'endConfig', undefined)
    const plain = new TestClient(device, tcpLink())
    expect(new TextDecoder().decode(await plain.upload(0xc8))).toBe('[File]\n')
    expect(await plain.refused(file, 0, 'create', { name: internationalText('x') })).toEqual([0x0f])
    expect(await plain.refused(file, instance, 'initiateDownload', download(3))).toEqual([0x0f])
    expect(await plain.refused(file, instance, 'delete', undefined)).toEqual([0x0f])
    await client.downloadTo(instance, Uint8Array.of(1))
  })

  it('answer 0x16 for instances that do not exist', async () => {
    expect(await client.refused(file, 0x999, 'initiateUpload', 255)).toEqual([0x16])
    expect(await client.refused(file, 0x999, 'delete', undefined)).toEqual([0x16])
  })
})
