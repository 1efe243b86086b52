import { execFile } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { captureNetwork, captureReader } from '@cordon/core/capture'
import { captureInterfaces, liveCapture } from '@cordon/node/capture'
import { describe, expect, it } from 'vitest'
import { testAddress } from '../addresses.ts'

const run = promisify(execFile)

async function captureProblem(): Promise<string | undefined> {
  try {
    await run('dumpcap', ['-i', 'lo', '-c', '1', '-a', 'duration:1', '-w', '/dev/null', '-q'])
    return undefined
  } catch (error) {
    return `dumpcap cannot capture on lo here: ${error instanceof Error ? error.message.split('\n')[1] : ''}`
  }
}
const missing = await captureProblem()
const unless = missing === undefined ? '' : ` (${missing})`

async function all(chunks: AsyncIterable<Uint8Array>): Promise<number> {
  let bytes = 0
  for await (const chunk of chunks) bytes += chunk.length
  return bytes
}

describe.skipIf(missing !== undefined)(`a live capture${unless}`, () => {
  it('gives what passes, until it is ended', async () => {
    const address = testAddress(1)
    const socket = createSocket('udp4')
    socket.bind(0, address)
    await once(socket, 'listening')
    const { port } = socket.address()
    const texts: string[] = []
    const network = captureNetwork({
      stream: () => undefined,
      datagrams: () => ({
        datagram: (_, bytes, start, end) => texts.push(Buffer.from(bytes.subarray(start, end)).toString()),
        ended: () => undefined,
      }),
    })
    const reader = captureReader({ packet: (packet) => network.packet(packet) })
    const end = new AbortController()
    let sent = 0
    try {
      for await (const chunk of liveCapture({ interface: 'lo', filter: `udp port ${port}`, signal: end.signal })) {
        reader.push(chunk)
        // The head of the file says that it captures.
        if (sent < 3) socket.send(`datagram ${sent++}`, port, address)
        if (texts.length === 3) end.abort()
      }
    } finally {
      socket.close()
    }
    expect(texts).toEqual(['datagram 0', 'datagram 1', 'datagram 2'])
    expect(reader.end()).toMatchObject({ format: 'pcapng', packets: 3, problemCount: 0 })
    expect(network.end()).toMatchObject({ packets: 3, udp: 3 })
  })

  it('ends by itself after its time, and when its reader has enough', async () => {
    expect(await all(liveCapture({ interface: 'lo', filter: 'udp port 9', durationS: 1 }))).toBeGreaterThan(0)
    for await (const chunk of liveCapture({ interface: 'lo', filter: 'udp port 9' })) {
      expect(chunk.length).toBeGreaterThan(0)
      break
    }
  })

  it('does not begin after a cancel', async () => {
    expect(await all(liveCapture({ interface: 'lo', signal: AbortSignal.abort() }))).toBe(0)
  })

  it('names what is wrong with interface and filter', async () => {
    await expect(all(liveCapture({ interface: 'nosuch0' }))).rejects.toMatchObject({
      code: 'missing',
      message: expect.stringContaining('got nosuch0'),
    })
    await expect(all(liveCapture({ interface: 'lo', filter: 'no filter at all' }))).rejects.toMatchObject({
      code: 'bad-value',
      message: expect.stringContaining("can't parse filter expression"),
    })
  })

  it('has interfaces to choose from', async () => {
    expect(await captureInterfaces()).toContainEqual(expect.objectContaining({ name: 'lo', description: 'Loopback' }))
  })
})

describe('without a dumpcap that works', () => {
  it('a live capture says what is missing', async () => {
    const options = { interface: 'lo', dumpcap: '/nonexistent/dumpcap' }
    const expected = { code: 'io', message: expect.stringContaining('is not installed') }
    await expect(all(liveCapture(options))).rejects.toMatchObject(expected)
    await expect(captureInterfaces(options.dumpcap)).rejects.toMatchObject(expected)
  })

  it('a live capture says that this user may not capture, or what else it said', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'cordon-live-'))
    try {
      const refusing = join(directory, 'refusing')
      const words = 'dumpcap: You do not have permission to capture on device "lo".'
      await writeFile(refusing, `#!/bin/sh\necho "Capturing on 'Loopback: lo'" >&2\necho '${words}' >&2\nexit 1\n`)
      const failing = join(directory, 'failing')
      await writeFile(failing, `#!/bin/sh\necho 'dumpcap: out of order' >&2\nexit 3\n`)
      const locked = join(directory, 'locked')
      await writeFile(locked, '')
      for (const file of [refusing, failing]) await chmod(file, 0o700)
      for (const dumpcap of [refusing, locked]) {
        await expect(all(liveCapture({ interface: 'lo', dumpcap }))).rejects.toMatchObject({
          code: 'io',
          message: expect.stringContaining('join the group wireshark'),
        })
      }
      await expect(all(liveCapture({ interface: 'lo', dumpcap: failing }))).rejects.toMatchObject({
        code: 'io',
        message: 'capturing on lo: out of order',
      })
      await expect(captureInterfaces(failing)).rejects.toMatchObject({ message: 'listing interfaces: out of order' })
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  })

  it('a live capture refuses numbers that are none', async () => {
    await expect(all(liveCapture({ interface: 'lo', durationS: 0 }))).rejects.toMatchObject({ code: 'bad-value' })
    await expect(all(liveCapture({ interface: '' }))).rejects.toMatchObject({ code: 'missing' })
  })
})
