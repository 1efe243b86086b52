import { failure, type MessageRouterReply, type MessageRouterRequest, success } from '@cordon/core/cip'
import { download, ObjectClient, storeFile, upload } from '@cordon/core/client'
import { TransportError } from '@cordon/core/errors'
import { fileChecksum } from '@cordon/core/objects'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { scripted } from './fixture.ts'

/** How a File instance of the test behaves. */
interface Behaviour {
  readonly transferSize: number
  /** Sends the checksum of a file that fills its packets in one more, empty packet, as some devices do. */
  readonly emptyLast?: boolean
  /** Spoils the reply of the packet with this number. */
  readonly spoil?: { readonly at: number; readonly how: 'number' | 'checksum' | 'lose' | 'abort' | 'too-much' }
}

/** A File instance: holds `content` and takes a download. */
function fileInstance(content: Uint8Array, behaviour: Behaviour) {
  let received = new Uint8Array(0)
  let announced = 0
  let lost = false
  const calls: number[] = []
  const state = { received: () => received, complete: false, aborted: false, deleted: false, calls }
  const word = (value: number) => [value & 0xff, value >> 8]
  const answer = (request: MessageRouterRequest): MessageRouterReply => {
    const { service, data } = request
    calls.push(service)
    switch (service) {
      case 0x08:
        return success(service, Uint8Array.of(0x10, 1, 255))
      case 0x09:
        state.deleted = true
        return success(service)
      case 0x4b:
        return success(
          service,
          Uint8Array.of(...word(content.length & 0xffff), ...word(content.length >>> 16), behaviour.transferSize),
        )
      case 0x4f: {
        const number = data[0] ?? 0
        return uploadPacket(number)
      }
      case 0x4c:
        announced = (data[0] ?? 0) | ((data[1] ?? 0) << 8) | ((data[2] ?? 0) << 16)
        return success(service, Uint8Array.of(0, 0, 0, 0, 0, 0, behaviour.transferSize))
      case 0x50:
        return downloadPacket(data)
      default:
        return failure(service, 0x08)
    }
  }
  let expected = 0
  const downloadPacket = (data: Uint8Array): MessageRouterReply => {
    const [number = 0, type = 0] = data
    if (type === 3) {
      state.aborted = true
      return success(0x50, Uint8Array.of(number))
    }
    if (number !== (expected & 0xff)) return failure(0x50, 0x20, [number === ((expected - 1) & 0xff) ? 0x000b : 0x0006])
    const last = type === 2 || type === 4
    const block = last ? data.subarray(2, -2) : data.subarray(2)
    if (block.length > behaviour.transferSize) return failure(0x50, 0x20, [0x0004])
    received = Uint8Array.from([...received, ...block])
    expected++
    if (last) {
      const checksum = (data.at(-2) ?? 0) | ((data.at(-1) ?? 0) << 8)
      if (checksum !== fileChecksum(received) || received.length !== announced) return failure(0x50, 0xd0)
      state.complete = true
    }
    if (behaviour.spoil?.how === 'lose' && behaviour.spoil.at === number && !lost) {
      lost = true
      throw new TransportError('timeout', 'lost')
    }
    return success(0x50, Uint8Array.of(number))
  }
  let sent = 0
  const uploadPacket = (number: number): MessageRouterReply => {
    if (number === ((sent - 1) & 0xff)) sent--
    else if (number !== (sent & 0xff)) return failure(0x4f, 0x20, [0x0006])
    const { transferSize, emptyLast, spoil } = behaviour
    const block = content.subarray(sent * transferSize, (sent + 1) * transferSize)
    const full = Math.floor(content.length / transferSize)
    const blocks =
      emptyLast === true && content.length > 0 && content.length % transferSize === 0
        ? full + 1
        : Math.max(1, Math.ceil(content.length / transferSize))
    const isLast = sent === blocks - 1
    let type = isLast ? (sent === 0 ? 4 : 2) : sent === 0 ? 0 : 1
    const checksum = fileChecksum(content) ^ (spoil?.how === 'checksum' && isLast ? 1 : 0)
    const spoiled = spoil?.at === sent
    sent++
    if (spoiled && spoil.how === 'lose' && !lost) {
      lost = true
      throw new TransportError('timeout', 'lost')
    }
    if (spoiled && spoil.how === 'abort') type = 3
    const extra = spoiled && spoil.how === 'too-much' ? content : new Uint8Array(0)
    return success(
      0x4f,
      Uint8Array.of(
        spoiled && spoil.how === 'number' ? number + 1 : number,
        type,
        ...block,
        ...extra,
        ...(isLast ? word(checksum) : []),
      ),
    )
  }
  return { state, client: new ObjectClient(scripted(answer)) }
}

const bytes = (length: number) => Uint8Array.from({ length }, (_, i) => (i * 31) & 0xff)

describe('upload', () => {
  it('brings any file of any packet size, however the device ends it', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 700 }),
        fc.integer({ min: 1, max: 255 }),
        fc.boolean(),
        async (content, transferSize, emptyLast) => {
          const { client } = fileInstance(content, { transferSize, emptyLast })
          expect(await upload(client, 1)).toEqual(content)
        },
      ),
    )
  })

  it('reads the example of the specification', async () => {
    const { client } = fileInstance(new TextEncoder().encode('HELLO'), { transferSize: 255 })
    expect(new TextDecoder().decode(await upload(client, 0x0110))).toBe('HELLO')
  })

  it('counts packets modulo 256', async () => {
    const content = bytes(600)
    const { client } = fileInstance(content, { transferSize: 2 })
    expect(await upload(client, 1)).toEqual(content)
  })

  it('asks again for a packet whose reply was lost', async () => {
    const content = bytes(100)
    const { client } = fileInstance(content, { transferSize: 10, spoil: { at: 4, how: 'lose' } })
    expect(await upload(client, 1)).toEqual(content)
  })

  it.each([
    ['number', /expected packet 2, got 3/],
    ['checksum', /checksum 0x[0-9A-F]{4} does not fit/],
    ['abort', /the device ended the transfer/],
    ['too-much', /sends more/],
  ] as const)('refuses a wrong %s', async (how, message) => {
    const { client } = fileInstance(bytes(100), { transferSize: 30, spoil: { at: how === 'checksum' ? 3 : 2, how } })
    await expect(upload(client, 1)).rejects.toThrow(message)
  })

  it('takes no more than it was told to take', async () => {
    const { client } = fileInstance(bytes(5000), { transferSize: 200 })
    await expect(upload(client, 1, { maxSize: 4096 })).rejects.toThrow(/announces 5000/)
  })

  it('tells its progress and can be cancelled', async () => {
    const controller = new AbortController()
    const progress: [number, number][] = []
    const { client } = fileInstance(bytes(100), { transferSize: 10 })
    const uploading = upload(client, 1, {
      signal: controller.signal,
      progress: (done, total) => {
        progress.push([done, total])
        if (done === 30) controller.abort()
      },
    })
    await expect(uploading).rejects.toMatchObject({ code: 'aborted' })
    expect(progress).toEqual([
      [10, 100],
      [20, 100],
      [30, 100],
    ])
  })
})

describe('download', () => {
  it('writes any file of any packet size', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 700 }),
        fc.integer({ min: 1, max: 255 }),
        async (content, transferSize) => {
          const { client, state } = fileInstance(new Uint8Array(0), { transferSize })
          await download(client, 1, content)
          expect(state.complete).toBe(true)
          expect(state.received()).toEqual(content)
        },
      ),
    )
  })

  it('sends a packet again whose receipt was lost, and takes "duplicate" for a receipt', async () => {
    const content = bytes(95)
    const { client, state } = fileInstance(new Uint8Array(0), { transferSize: 10, spoil: { at: 3, how: 'lose' } })
    await download(client, 1, content)
    expect(state.received()).toEqual(content)
  })

  it('ends the transfer on the device when it is cancelled', async () => {
    const controller = new AbortController()
    const { client, state } = fileInstance(new Uint8Array(0), { transferSize: 10 })
    const downloading = download(client, 1, bytes(100), {
      signal: controller.signal,
      progress: (done) => {
        if (done === 50) controller.abort()
      },
    })
    await expect(downloading).rejects.toMatchObject({ code: 'aborted' })
    expect(state.aborted).toBe(true)
    expect(state.complete).toBe(false)
  })
})

describe('storeFile', () => {
  it('creates an instance and writes it', async () => {
    const { client, state } = fileInstance(new Uint8Array(0), { transferSize: 50 })
    expect(await storeFile(client, 'ca', 'pemCertificate', bytes(120))).toBe(0x110)
    expect(state.complete).toBe(true)
  })

  it('deletes what it created when writing failed', async () => {
    const controller = new AbortController()
    const { client, state } = fileInstance(new Uint8Array(0), { transferSize: 50 })
    const storing = storeFile(client, 'ca', 'pemCertificate', bytes(120), {
      signal: controller.signal,
      progress: () => controller.abort(),
    })
    await expect(storing).rejects.toMatchObject({ code: 'aborted' })
    expect(state.deleted).toBe(true)
  })
})
