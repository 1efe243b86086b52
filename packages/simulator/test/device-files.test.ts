import type { DefaultCredentials } from '@cordon/core/device'
import { createDefaultCredentials } from '@cordon/core/device'
import { nodeCrypto } from '@cordon/node/crypto'
import { connect } from '@cordon/node/originator'
import { tcpIp } from '@cordon/core/objects'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { DeviceFiles } from '../src/device-files.ts'
import {
  device,
  files,
  freshAddress,
  freshDirectory,
  removeDirectories,
  sealingKey,
  security,
  startPlant,
  stopPlants,
  unit,
} from './small-plant.ts'

afterEach(async () => {
  await stopPlants()
  await removeDirectories()
})

let credentials: DefaultCredentials

beforeAll(async () => {
  const identity = {
    vendorId: 1,
    deviceType: 12,
    productCode: 1,
    majorRevision: 1,
    minorRevision: 1,
    serialNumber: 1,
    productName: 'Unit',
  }
  credentials = await createDefaultCredentials(nodeCrypto, { identity, now: Date.now() })
})

const packageRoot = fileURLToPath(new URL('..', import.meta.url))
/** The processes that are killed run from the build; without one their test is skipped. */
const isBuilt = existsSync(join(packageRoot, 'dist/index.js'))

describe('the storage of virtual devices', () => {
  it('gives back what devices were made with, from one record for all of them', async () => {
    const directory = await freshDirectory()
    const storage = await DeviceFiles.open(directory, sealingKey)
    expect(storage.has('A')).toBe(false)
    expect(await storage.load('A')).toBeUndefined()
    await storage.record(
      new Map([
        ['A', credentials],
        ['B', credentials],
        ['Plain', undefined],
      ]),
    )
    expect(await readdir(directory)).toEqual(['factory-1.json'])
    const again = await DeviceFiles.open(directory, sealingKey)
    const loaded = await again.load('A')
    expect(loaded?.credentials?.chain).toEqual(credentials.chain)
    expect(loaded?.credentials?.key.export()).toEqual(credentials.key.export())
    expect(loaded?.state).toBeUndefined()
    expect(await again.load('Plain')).toEqual({ credentials: undefined, state: undefined, secrets: undefined })
    await again.record(new Map([['C', credentials]]))
    await again.record(new Map())
    expect((await readdir(directory)).sort()).toEqual(['factory-1.json', 'factory-2.json'])
    const third = await DeviceFiles.open(directory, sealingKey)
    expect(['A', 'B', 'C', 'Plain', 'D'].map((name) => third.has(name))).toEqual([true, true, true, true, false])
  })

  it('keeps what a device was told in a file of its own, readable by its owner alone, keys sealed', async () => {
    const directory = await freshDirectory()
    const storage = await DeviceFiles.open(directory, sealingKey)
    await storage.record(new Map([['A', credentials]]))
    const { device: unit } = await virtual()
    const { state } = unit.persist()
    const secrets = { version: 1, keys: [{ instance: 2, pkcs8: 'c2VjcmV0IGtleQ==' }], preSharedKeys: ['cHNr'] } as const
    await storage.save('A', { credentials, state, secrets })
    const file = join(directory, 'A.device.json')
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    const text = await readFile(file, 'utf8')
    for (const secret of [
      'c2VjcmV0IGtleQ==',
      'cHNr',
      Buffer.from(credentials.key.export() ?? [])
        .toString('base64')
        .slice(20, 60),
    ]) {
      expect(text).not.toContain(secret)
    }
    const again = await DeviceFiles.open(directory, sealingKey)
    expect(await again.load('A')).toMatchObject({ state: JSON.parse(JSON.stringify(state)), secrets })
  })

  it('does not open with another key, and not for another device', async () => {
    const directory = await freshDirectory()
    const storage = await DeviceFiles.open(directory, sealingKey)
    await storage.save('A', { credentials, state: undefined, secrets: undefined })
    const stranger = await DeviceFiles.open(directory, new Uint8Array(32).fill(1))
    await expect(stranger.load('A')).rejects.toMatchObject({ name: 'NotTrusted' })
    await writeFile(join(directory, 'B.device.json'), await readFile(join(directory, 'A.device.json')))
    const moved = await DeviceFiles.open(directory, sealingKey)
    await expect(moved.load('B')).rejects.toMatchObject({ name: 'NotTrusted' })
  })

  it.each(['', '{', 'null', '[]', '{"version":2}', '"text"'])(
    'names the file that holds %j instead of a state',
    async (text) => {
      const directory = await freshDirectory()
      await writeFile(join(directory, 'A.device.json'), text)
      const storage = await DeviceFiles.open(directory, sealingKey)
      await expect(storage.load('A')).rejects.toMatchObject({
        name: 'MalformedMessage',
        message: expect.stringContaining('A.device.json'),
      })
      await writeFile(join(directory, 'factory-1.json'), text)
      await expect(DeviceFiles.open(directory, sealingKey)).rejects.toThrow('factory-1.json')
    },
  )
})

async function virtual() {
  const address = freshAddress()
  const written = files(
    `devices:\n  Unit: { address: ${address}, zone: line }`,
    `devices:\n${unit('Unit', 'adapter', security)}`,
  )
  const { plant } = await startPlant(written)
  return { ...written, address, plant, device: device(plant, 'Unit').device }
}

describe('a unit in a process that is killed', () => {
  it.skipIf(!isBuilt)('has its old or its new state, whole, whatever the moment', async () => {
    const address = freshAddress()
    const written = files(
      `devices:\n  Unit: { address: ${address}, zone: line }`,
      `devices:\n${unit('Unit', 'adapter', security)}`,
    )
    const directory = await freshDirectory()
    const program = `
      import { VirtualPlant } from '@cordon/simulator'
      const written = ${JSON.stringify(written)}
      await VirtualPlant.start({ ...written, directory: ${JSON.stringify(directory)}, sealingKey: new Uint8Array(32).fill(0x5a), broadcast: null })
      console.log('ready')`
    let kept = ''
    let whileWriting = 0
    for (let round = 0; round < 6; round++) {
      const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
        cwd: packageRoot,
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const ended = once(child, 'exit')
      await Promise.race([once(child.stdout, 'data'), ended])
      const names = { confirmed: kept, asked: kept }
      const writer = rename(address, round, names)
      await new Promise((resume) => setTimeout(resume, 100 + Math.floor(Math.random() * 200)))
      child.kill('SIGKILL')
      await ended
      await writer
      const storage = await DeviceFiles.open(join(directory, 'devices'), sealingKey)
      const stored = (await storage.load('Unit'))?.state?.tcpIp.hostName ?? ''
      expect([names.confirmed, names.asked]).toContain(stored)
      if (names.asked !== names.confirmed) whileWriting++
      kept = stored
    }
    expect(kept).not.toBe('')
    expect(whileWriting).toBeGreaterThan(0)
    const { plant } = await startPlant(written, { directory })
    expect(device(plant, 'Unit').device.persist().state.tcpIp.hostName).toBe(kept)
  })
})

/** Gives the unit one name after the other, as fast as it confirms them, until it is gone. */
async function rename(address: string, round: number, names: { confirmed: string; asked: string }): Promise<void> {
  try {
    await using session = await connect({
      address,
      transport: 'tcp',
      connectTimeoutMs: 3000,
      requestTimeoutMs: 3000,
    })
    for (let i = 0; i < 100_000; i++) {
      names.asked = `unit-${round}-${i}`
      await session.objects.set(tcpIp, 1, 'hostName', names.asked)
      names.confirmed = names.asked
    }
  } catch {
    // The process was killed under it.
  }
}
