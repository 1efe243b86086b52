import type { EntropyStatus } from '@cordon/node/entropy'
import { chmod, mkdir, stat, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join, resolve } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { type ControlHandlers, ControlServer, controlPath, PlantControl } from '../src/control.ts'
import { freshDirectory, removeDirectories } from './small-plant.ts'

const servers: ControlServer[] = []

afterEach(async () => {
  for (const server of servers.splice(0)) await server.close()
  await removeDirectories()
})

const entropy: EntropyStatus = { state: 'healthy', sources: [], mixed: 1 }

const handlers: ControlHandlers = {
  status: async () => ({ devices: [], stalls: { totalMs: 0, longestMs: 0 }, entropy }),
  connections: async () => ({ connections: [] }),
  'start-later': async () => ({ started: ['one', 'two'] }),
  fault: async ({ device }) => {
    if (device === 'missing') throw new Error('no device "missing"')
    return {}
  },
  cable: async () => ({}),
  exchange: async () => ({}),
  interceptions: () => new Promise((done) => setTimeout(() => done({ interceptions: [] }), 50)),
  stop: async () => ({}),
}

async function serve(directory: string): Promise<ControlServer> {
  const server = await ControlServer.open(directory, handlers)
  servers.push(server)
  return server
}

/** Sends bytes to the socket and gives what comes back until it closes or answers a line. */
function speak(path: string, text: string): Promise<string> {
  return new Promise((done, fail) => {
    const socket = connect(path)
    let heard = ''
    socket.setEncoding('utf8').on('data', (part: string) => {
      heard += part
      if (heard.includes('\n')) socket.end()
    })
    socket.once('close', () => done(heard))
    socket.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ECONNRESET' || error.code === 'EPIPE' ? done(heard) : fail(error),
    )
    socket.write(text)
  })
}

describe('the control socket of a plant', () => {
  it('answers a client, several questions at once, each with its own reply', async () => {
    const directory = await freshDirectory()
    await serve(directory)
    await using control = await PlantControl.connect(directory)
    const replies = await Promise.all([
      control.call('interceptions', { device: 'x' }),
      control.call('start-later', {}),
      control.call('status', {}),
    ])
    expect(replies).toEqual([
      { interceptions: [] },
      { started: ['one', 'two'] },
      { devices: [], stalls: { totalMs: 0, longestMs: 0 }, entropy },
    ])
  })

  it('tells the client why the plant refuses', async () => {
    const directory = await freshDirectory()
    await serve(directory)
    await using control = await PlantControl.connect(directory)
    await expect(control.call('fault', { device: 'missing', fault: null })).rejects.toMatchObject({
      name: 'PeerError',
      message: 'no device "missing"',
    })
    expect(await control.call('fault', { device: 'there', fault: null })).toEqual({})
  })

  it('belongs to its user alone', async () => {
    const directory = await freshDirectory()
    const server = await serve(directory)
    expect((await stat(server.path)).mode & 0o777).toBe(0o600)
  })

  it('lies in the directory of the plant, or elsewhere where that path is too long for a socket', async () => {
    const directory = await freshDirectory()
    expect(controlPath(directory)).toBe(join(resolve(directory), 'control.sock'))
    const deep = join(directory, 'x'.repeat(90))
    await mkdir(deep)
    const path = controlPath(deep)
    expect(Buffer.byteLength(path)).toBeLessThanOrEqual(107)
    expect(path.startsWith(directory)).toBe(false)
    await serve(deep)
    await using control = await PlantControl.connect(deep)
    expect(await control.call('status', {})).toEqual({ devices: [], stalls: { totalMs: 0, longestMs: 0 }, entropy })
    expect((await stat(resolve(path, '..'))).mode & 0o077).toBe(0)
  })

  it('is taken by one plant of a directory, and left behind by one that was killed', async () => {
    const directory = await freshDirectory()
    const first = await serve(directory)
    await expect(ControlServer.open(directory, handlers)).rejects.toMatchObject({
      code: 'address-in-use',
      message: expect.stringContaining(directory),
    })
    await first.close()
    await writeFile(controlPath(directory), '')
    await chmod(controlPath(directory), 0o600)
    await serve(directory)
    await using control = await PlantControl.connect(directory)
    expect(await control.call('stop', {})).toEqual({})
  })

  it('says when no plant runs there, and when the plant ends', async () => {
    const directory = await freshDirectory()
    await expect(PlantControl.connect(directory)).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining('cordon simulate'),
    })
    const server = await serve(directory)
    await using control = await PlantControl.connect(directory)
    const asked = control.call('interceptions', { device: 'x' })
    await new Promise((done) => setTimeout(done, 10))
    const ended = expect(asked).rejects.toMatchObject({ code: 'closed' })
    await server.close()
    await ended
    await expect(control.call('status', {})).rejects.toMatchObject({ code: 'closed' })
  })

  it.each([
    ['no JSON', 'hello\n', 'one JSON object'],
    ['an unknown operation', '{"id":1,"operation":"explode"}\n', 'expected one of status'],
    ['a name that every object has', '{"id":1,"operation":"constructor"}\n', 'expected one of status'],
    ['null', 'null\n', 'expected one of'],
    ['a number', '7\n', 'expected one of'],
  ])('answers %s with what it expects', async (_, text, answer) => {
    const directory = await freshDirectory()
    const server = await serve(directory)
    expect(await speak(server.path, text)).toContain(answer)
  })

  it('drops whoever sends a line without end, and serves the others', async () => {
    const directory = await freshDirectory()
    const server = await serve(directory)
    expect(await speak(server.path, 'x'.repeat(100_000))).toBe('')
    await using control = await PlantControl.connect(directory)
    expect(await control.call('status', {})).toEqual({ devices: [], stalls: { totalMs: 0, longestMs: 0 }, entropy })
  })
})
