import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { defaultDirectory, PlantControl } from '../src/control.ts'
import { runSimulator, type SimulatorOptions } from '../src/main.ts'
import type { VirtualPlant } from '../src/plant.ts'
import { freshDirectory, linePlant, removeDirectories } from './small-plant.ts'

afterEach(removeDirectories)

/** Runs a plant until the returned function is called. */
async function run(more: Partial<SimulatorOptions> = {}) {
  const base = await freshDirectory()
  const { plant, simulation } = linePlant()
  const directory = join(base, 'plant')
  const end = new AbortController()
  const options: SimulatorOptions = {
    plant,
    simulation,
    directory,
    state: join(base, 'state'),
    note: 'a test',
    signal: end.signal,
    broadcast: null,
    ...more,
  }
  let ended: Promise<void> | undefined
  const ready = new Promise<VirtualPlant>((done, fail) => {
    ended = runSimulator({ ...options, ready: (running) => done(running) })
    ended.catch(fail)
  })
  return { ready, options, directory, base, end: () => end.abort(), ended: async () => ended }
}

describe('a plant as a program of its own', () => {
  it('runs until its signal, and can be asked meanwhile from outside', async () => {
    const program = await run()
    const plant = await program.ready
    await using control = await PlantControl.connect(program.directory)
    const { devices } = await control.call('status', {})
    expect(devices.map(({ name }) => name)).toEqual(plant.plant.devices.map(({ name }) => name))
    expect(devices.find(({ name }) => name === 'Right_Module')).toMatchObject({
      running: true,
      security: 'factory-default',
      faults: [],
      cablePulled: false,
    })
    expect(devices.find(({ name }) => name === 'Panel')).toMatchObject({ running: false, security: 'none' })
    await control.call('fault', { device: 'Remote_IO', fault: { kind: 'delay', delayMs: 5 } })
    await control.call('cable', { device: 'Remote_IO', pulled: true })
    expect((await control.call('status', {})).devices.find(({ name }) => name === 'Remote_IO')).toMatchObject({
      faults: ['delay'],
      cablePulled: true,
    })
    await control.call('cable', { device: 'Remote_IO', pulled: false })
    await control.call('fault', { device: 'Remote_IO', fault: null })
    await expect(control.call('cable', { device: 'Nobody', pulled: true })).rejects.toThrow('Nobody')
    expect(await control.call('interceptions', { device: 'Remote_IO' })).toEqual({ interceptions: [] })
    expect(await control.call('start-later', {})).toEqual({ started: ['later'] })
    const { connections } = await control.call('connections', {})
    expect(connections.map(({ name }) => name)).toContain('later')
    program.end()
    await program.ended()
    await expect(PlantControl.connect(program.directory)).rejects.toMatchObject({ code: 'unreachable' })
  })

  it('says in every status where keys are written, while they are', async () => {
    const keyLog = join(await freshDirectory(), 'keys.log')
    const program = await run({ keyLog })
    await program.ready
    await using control = await PlantControl.connect(program.directory)
    expect((await control.call('status', {})).keyLog).toBe(keyLog)
    expect((await control.call('connections', {})).keyLog).toBe(keyLog)
    program.end()
    await program.ended()
  })

  it('ends when it is told to over its socket', async () => {
    const program = await run()
    await program.ready
    await using control = await PlantControl.connect(program.directory)
    await control.call('stop', {})
    await program.ended()
  })

  it('writes the vendor roots for whoever wants to trust them', async () => {
    const program = await run()
    const plant = await program.ready
    expect(await readFile(plant.vendorRoots, 'utf8')).toContain('BEGIN CERTIFICATE')
    program.end()
    await program.ended()
  })

  it('leaves its addresses to the one that runs, and takes them when that has ended', async () => {
    const first = await run()
    await first.ready
    const second = runSimulator({ ...first.options, directory: join(first.base, 'second') })
    await expect(second).rejects.toThrow(`process ${process.pid} (a test)`)
    first.end()
    await first.ended()
    const stopped = AbortSignal.abort()
    await runSimulator({ ...first.options, signal: stopped })
  })
})

describe('the place where a plant is kept', () => {
  it('is in Cordon’s state, by its name', () => {
    expect(defaultDirectory('/var/lib/cordon', 'cpwe')).toBe('/var/lib/cordon/virtual/cpwe')
  })
})
