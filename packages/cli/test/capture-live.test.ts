import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { CaptureJudgement } from '@cordon/core/capture'
import { path } from '@cordon/core/cip'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { reply, request, unconnected } from '../../core/test/capture/cip/made.ts'
import { testAddress } from '../../node/test/addresses.ts'
import { main } from '../src/main.ts'

async function captureProblem(): Promise<string | undefined> {
  try {
    await promisify(execFile)('dumpcap', ['-i', 'lo', '-c', '1', '-a', 'duration:1', '-w', '/dev/null', '-q'])
    return undefined
  } catch (error) {
    return `dumpcap cannot capture on lo here: ${error instanceof Error ? error.message.split('\n')[1] : ''}`
  }
}
const missing = await captureProblem()
const unless = missing === undefined ? '' : ` (${missing})`

/** What the command writes while it runs in this process. */
const written = { stdout: '', stderr: '' }
let directory = ''
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cordon-live-'))
  for (const stream of ['stdout', 'stderr'] as const) {
    written[stream] = ''
    vi.spyOn(process[stream], 'write').mockImplementation((part) => {
      written[stream] += String(part)
      return true
    })
  }
})
afterEach(async () => {
  vi.restoreAllMocks()
  await rm(directory, { recursive: true })
})

describe.skipIf(missing !== undefined)(`cordon capture live${unless}`, () => {
  it('ended by Ctrl-C ends as its verdict says: 1 where something disobeys', async () => {
    const [client, server] = [testAddress(1), testAddress(2)]
    const plant = join(directory, 'plant.yaml')
    await writeFile(
      plant,
      `version: 1
plant: line
manager: Manager
nonSecure: allow
zones:
  line: { authentication: certificate, messaging: confidentiality, io: integrity, nonSecure: allow }
devices:
  PLC:     { address: ${client}, zone: line }
  Drive:   { address: ${server}, zone: line }
  Manager: { address: ${testAddress(3)}, zone: line, role: originator }
`,
    )
    const asked = unconnected(request(0x01, path({ class: 1, instance: 1 })))
    const answered = unconnected(reply(0x01, Uint8Array.of(1, 0)))
    const device = createServer((socket) => socket.on('data', () => socket.write(answered)))
    device.listen(44_818, server)
    await once(device, 'listening')
    const kept = join(directory, 'run.pcapng')
    const ending = main(['capture', 'live', '--plant', plant, '--write', kept, '--output', 'json'])
    try {
      // The head of the file says that it captures.
      await vi.waitFor(async () => expect((await stat(kept)).size).toBeGreaterThan(0), 10_000)
      const socket = connect({ port: 44_818, host: server, localAddress: client })
      socket.write(asked)
      await once(socket, 'data')
      socket.destroy()
      await vi.waitFor(async () => expect((await readFile(kept)).includes(Buffer.from(answered))).toBe(true), 10_000)
    } finally {
      process.emit('SIGINT')
      device.close()
    }
    expect(await ending).toBe(1)
    expect(written.stderr).not.toContain('cancelled')
    // JSON of our own command, a line above.
    const { judgement } = JSON.parse(written.stdout) as { readonly judgement: CaptureJudgement }
    const mine = judgement.flows.filter(({ to }) => to.address === server)
    expect(mine).toMatchObject([{ verdict: 'weaker', from: { name: 'PLC' }, to: { name: 'Drive' } }])
  })
})

describe('cordon capture live --write', () => {
  it('never writes over a file, and ends before anything runs', async () => {
    const file = join(directory, 'kept.pcapng')
    await writeFile(file, 'kept')
    const repeating = vi.spyOn(globalThis, 'setInterval')
    expect(await main(['capture', 'live', '--write', file])).toBe(2)
    expect(written.stderr).toContain(`--write: cannot create ${file}`)
    expect(written.stderr).not.toContain('capturing on')
    expect(repeating).not.toHaveBeenCalled()
    expect(await readFile(file, 'utf8')).toBe('kept')
  })
})
