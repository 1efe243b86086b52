import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { spawn } from 'node:child_process'
import { type KnownDevice, parseKnown, type RehearsalReport } from '@cordon/core/rehearsal'
import { parsePlant, stagedDevices, stagedPlant, type Stage } from '@cordon/core/policy'
import { Command } from 'commander'
import { afterAll, describe, expect, it } from 'vitest'
import { rehearse } from '../src/rehearsal.ts'
import { rehearsalNetworks, takePlace } from '../src/rehearsal-place.ts'
import { rehearsalText } from '../src/rehearsal-text.ts'
import { testOutput } from './test-output.ts'

const isBuilt = existsSync(fileURLToPath(new URL('../dist/main.js', import.meta.url)))
const program = fileURLToPath(new URL('../bin/cordon.mjs', import.meta.url))

const text = `
version: 1
plant: press-line
manager: Manager
nonSecure: deny
authority: { key: ecdsa-p256, subject: { organization: Example Works, country: US } }
zones:
  line: { authentication: certificate, messaging: confidentiality, io: integrity, close: [tcp/44818, udp/2222] }
  press: { authentication: psk, messaging: confidentiality, io: confidentiality, psk: press-2026 }
devices:
  PLC: { address: 10.20.1.10, zone: line }
  Drive: { address: 10.20.1.11, zone: line }
  Press: { address: 10.20.2.20, zone: press }
  Feeder: { address: 10.20.2.21, zone: press }
  Manager: { address: 10.20.9.9, zone: line, role: originator }
connections:
  - { from: PLC, to: Drive, class: 1, rpi: 20ms, outputSize: 10, inputSize: 10, opens: { assembly: { output: 100, input: 101 } } }
  - { from: Press, to: Feeder, class: 3, rpi: 100ms, outputSize: 500, inputSize: 500 }
`

function plantOf() {
  const { plant, problems } = parsePlant(text, 'plant.yaml')
  if (plant === undefined) throw new Error(JSON.stringify(problems))
  return plant
}

const leftovers = () => readdirSync(tmpdir()).filter((name) => name.startsWith('cordon-rehearsal-'))

/** Rehearses without the verification, which is thousands of handshakes: the deployment and the connections tell enough. */
async function rehearsed(
  known: Readonly<Record<string, KnownDevice>> = {},
  more: Partial<Parameters<typeof rehearse>[1]> = {},
): Promise<RehearsalReport> {
  const context = {
    output: testOutput({ format: 'json' }).output,
    settings: {},
    state: '/nonexistent',
    program: new Command(),
    signal: new AbortController().signal,
  }
  return await rehearse(context, {
    plant: plantOf(),
    known: { devices: new Map(Object.entries(known)), connections: [] },
    verify: false,
    ...more,
  })
}

const outcomes = ({ devices }: RehearsalReport) =>
  Object.fromEntries(devices.map(({ device, outcome }) => [device, outcome]))
const fates = ({ connections }: RehearsalReport) =>
  Object.fromEntries(connections.map(({ connection, fate }) => [connection, fate]))
const messagesOf = (report: RehearsalReport, device: string) =>
  report.devices
    .find((one) => one.device === device)
    ?.messages.map(({ evidence }) => evidence)
    .join('\n') ?? ''

const directory = mkdtempSync(join(tmpdir(), 'cordon-rehearse-test-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

describe.skipIf(!isBuilt)('a rehearsal on a virtual twin', () => {
  it('goes through where everything is ample, in the names and addresses of the real plant', {
    timeout: 120_000,
  }, async () => {
    const before = leftovers()
    const report = await rehearsed({ Drive: { capabilities: { fileLimit: 16_384, pskSlots: 1 } } })
    expect(report).toMatchObject({ verdict: 'pass', findings: [], plant: 'press-line' })
    expect(fates(report)).toEqual({ 'PLC-Drive-1': 'moved', 'Press-Feeder-1': 'moved' })
    expect(report.connections.every(({ gapMs }) => gapMs !== undefined)).toBe(true)
    const [own] = rehearsalNetworks.filter((network) => report.network === `${network}.0.0/16`)
    expect(own).toBeDefined()
    // Nothing but the map of addresses speaks of the twin.
    expect(JSON.stringify({ ...report, addresses: [], network: '' })).not.toContain(`${own}.`)
    expect(report.addresses[0]).toEqual({ device: 'PLC', address: '10.20.1.10', twin: `${own}.1.10` })
    expect(report.assumptions.find(({ what }) => what.startsWith('largest file'))?.devices).toEqual([
      'PLC',
      'Press',
      'Feeder',
    ])
    expect(rehearsalText(testOutput().output, report)).toContain(
      'assumed: largest file: 16384 bytes: PLC, Press, Feeder',
    )
    expect(leftovers().filter((name) => !before.includes(name))).toEqual([])
  })

  it('fails by a file size that a certificate does not fit into: the device itself refuses it', {
    timeout: 120_000,
  }, async () => {
    const report = await rehearsed({ Drive: { capabilities: { fileLimit: 500 } } })
    expect(report.verdict).toBe('fail')
    expect(report.findings).toMatchObject([{ subject: 'Drive', limit: 'fileLimit' }])
    expect(outcomes(report)).toMatchObject({ Drive: 'not-complete', Press: 'complete' })
    expect(messagesOf(report, 'Drive')).toContain('tooLarge')
    expect(fates(report)).toMatchObject({ 'PLC-Drive-1': 'kept' })
  })

  it('fails by places for keys: the plan is refused, and nothing moves', {
    timeout: 120_000,
  }, async () => {
    const keys = await rehearsed({ Press: { capabilities: { pskSlots: 0 } } })
    expect(keys.findings).toMatchObject([{ subject: 'Press', limit: 'pskSlots' }])
    expect(messagesOf(keys, 'Press')).toContain('holds 0 pre-shared keys')
    expect(fates(keys)).toEqual({ 'PLC-Drive-1': 'kept', 'Press-Feeder-1': 'kept' })
  })

  it('leaves an observed zone alone, and its connections as they were', { timeout: 120_000 }, async () => {
    const stages = new Map<string, Stage>([['press', 'observe']])
    const plant = stagedPlant(plantOf(), stages)
    const report = await rehearsed({}, { plant, onlyDevices: stagedDevices(plantOf(), stages) })
    expect(report.verdict).toBe('pass')
    expect(fates(report)).toEqual({ 'PLC-Drive-1': 'moved', 'Press-Feeder-1': 'kept' })
    expect(report.devices.find(({ device }) => device === 'Press')?.configuration ?? 'unchanged').toBe('unchanged')
  })

  it('that is cancelled leaves nothing behind, and says so by its exit code', { timeout: 120_000 }, async () => {
    const before = leftovers()
    const file = join(directory, 'plant.yaml')
    writeFileSync(file, text)
    const child = spawn(process.execPath, [program, 'rehearse', file, '--output', 'json'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let told = ''
    let isAsked = false
    child.stderr.setEncoding('utf8').on('data', (part: string) => {
      told += part
      if (!told.includes('Rehearse the deployment') || isAsked) return
      // Once: a second signal would end it in the middle of clearing away.
      isAsked = true
      child.kill('SIGINT')
    })
    const code = await new Promise<number | null>((done) => child.once('exit', done))
    expect(code).toBe(130)
    expect(leftovers().filter((name) => !before.includes(name))).toEqual([])
  })
})

describe('the place of a rehearsal', () => {
  it('is its own: a second one gets another network, and what a killed one left is removed', async () => {
    const stale = mkdtempSync(join(tmpdir(), 'cordon-rehearsal-'))
    writeFileSync(join(stale, 'owner'), '999999 1 gone')
    await using first = await takePlace()
    await using second = await takePlace()
    expect(second.network).not.toBe(first.network)
    expect(second.state).not.toBe(first.state)
    expect(existsSync(stale)).toBe(false)
    expect(existsSync(first.state)).toBe(true)
  })
})

describe('what is known, as a file', () => {
  it('has the words that a report has for a limit', () => {
    const { known } = parseKnown(
      'devices: { Drive: { capabilities: { fileLimit: 500 }, capacity: { tls: 1 } } }',
      'known.yaml',
    )
    expect(known?.devices.get('Drive')).toEqual({ capabilities: { fileLimit: 500 }, capacity: { tls: 1 } })
  })
})
