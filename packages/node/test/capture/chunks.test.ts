import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { captureReader, pcapWriter } from '@cordon/core/capture'
import { captureChunks } from '@cordon/node/capture'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'

let directory = ''
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cordon-chunks-'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

/** A capture of several chunks, whose packets hold their numbers. */
function largeCapture(packets = 30_000): Buffer {
  const writer = pcapWriter({ linkType: 1 })
  const parts: Uint8Array[] = [writer.header()]
  for (let i = 0; i < packets; i++) {
    const data = new Uint8Array(100)
    new DataView(data.buffer).setUint32(0, i + 1)
    parts.push(writer.packet({ timeUs: i, data }).slice())
  }
  return Buffer.concat(parts)
}

/** Reads a file as a caller would, and checks each packet. */
async function readAll(file: string, options: Parameters<typeof captureChunks>[1] = {}) {
  const reader = captureReader({
    packet: ({ number, bytes, start }) => {
      expect(new DataView(bytes.buffer, bytes.byteOffset + start).getUint32(0)).toBe(number)
    },
  })
  for await (const chunk of captureChunks(file, options)) reader.push(chunk)
  return reader.end()
}

async function stored(name: string, bytes: Uint8Array): Promise<string> {
  const file = join(directory, name)
  await writeFile(file, bytes)
  return file
}

describe('a capture file', () => {
  it('is read in pieces to its end, and says how far it is', async () => {
    const bytes = largeCapture()
    const file = await stored('plain.pcap', bytes)
    const progress: [number, number | undefined][] = []
    const report = await readAll(file, { progress: (read, total) => progress.push([read, total]) })
    expect(report).toMatchObject({ packets: 30_000, problemCount: 0, bytes: bytes.length })
    expect(progress.length).toBeGreaterThan(3)
    expect(progress.at(-1)).toEqual([bytes.length, bytes.length])
    expect(progress.map(([read]) => read)).toEqual([...progress.map(([read]) => read)].sort((a, b) => a - b))
  })

  it('packed with gzip is unpacked, also in several members', async () => {
    const bytes = largeCapture()
    const half = Math.floor(bytes.length / 2)
    const file = await stored(
      'packed.gz',
      Buffer.concat([gzipSync(bytes.subarray(0, half)), gzipSync(bytes.subarray(half))]),
    )
    expect(await readAll(file)).toMatchObject({ packets: 30_000, problemCount: 0 })
  })

  it('that is packed and cut off or damaged gives what it holds', async () => {
    const packed = gzipSync(largeCapture(), { level: 1 })
    const cut = await readAll(await stored('cut.gz', packed.subarray(0, packed.length >> 1)))
    expect(cut.packets).toBeGreaterThan(1000)
    expect(cut.packets).toBeLessThan(30_000)
    const spoilt = Buffer.from(packed)
    spoilt.fill(0xff, packed.length >> 1, (packed.length >> 1) + 50)
    const problems: string[] = []
    const report = await readAll(await stored('spoilt.gz', spoilt), { problem: (message) => problems.push(message) })
    expect(report.packets).toBeLessThan(30_000)
    expect(problems).toEqual([expect.stringContaining('the packed file is damaged')])
  })

  it('that does not exist or is none is refused in words', async () => {
    await expect(readAll(join(directory, 'absent.pcap'))).rejects.toMatchObject({ code: 'missing' })
    await expect(readAll(directory)).rejects.toMatchObject({
      code: 'missing',
      message: expect.stringContaining('is a directory'),
    })
    await expect(readAll(await stored('empty.pcap', new Uint8Array(0)))).rejects.toMatchObject({ code: 'truncated' })
    await expect(
      readAll(await stored('text', Buffer.from('no capture, but a text of some length'))),
    ).rejects.toMatchObject({
      code: 'unknown-value',
    })
  })

  it('is not read on after a cancel', async () => {
    for (const bytes of [largeCapture(), gzipSync(largeCapture(), { level: 1 })]) {
      const file = await stored('cancelled', bytes)
      const cancel = new AbortController()
      const reading = readAll(file, { signal: cancel.signal, progress: () => cancel.abort() })
      await expect(reading).rejects.toMatchObject({ code: 'aborted' })
    }
  })

  it('is closed when its reader has enough', async () => {
    const file = await stored('enough.pcap', largeCapture())
    for await (const chunk of captureChunks(file)) {
      expect(chunk.length).toBeGreaterThan(0)
      break
    }
  })

  it('comes from standard input', async () => {
    const bytes = largeCapture(1000)
    for (const content of [bytes, gzipSync(bytes)]) {
      vi.spyOn(process, 'stdin', 'get').mockReturnValue(
        // Only what any readable stream has is used.
        Readable.from([content.subarray(0, 99), content.subarray(99)]) as unknown as typeof process.stdin,
      )
      expect(await readAll('-')).toMatchObject({ packets: 1000, problemCount: 0 })
      vi.restoreAllMocks()
    }
  })
})
