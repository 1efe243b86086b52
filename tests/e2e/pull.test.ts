import type { ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { destroyStore } from '@cordon/server/store'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cordon, start } from './cli.ts'

interface Entry {
  readonly policy: string
  readonly device: string
  readonly outcome: string
  readonly serial: string | null
  readonly pass: boolean
}

interface Result {
  readonly verdict: string
  readonly announced: readonly string[]
  readonly policies: readonly Entry[]
  readonly replacement: Entry & { readonly before: string | null }
  readonly connections: readonly { readonly state: string; readonly protection: string; readonly received: number }[]
  readonly verification: { readonly checks: readonly { readonly id: string; readonly verdict: string }[] }
}

/** One run with `--once`; beside it, one that is ended in the middle. */
describe('cordon demo pull', () => {
  let work = ''
  const state = (name: string): string => join(work, name)
  const running = new Set<ChildProcess>()

  beforeAll(async () => {
    work = await mkdtemp(join(tmpdir(), 'cordon-pull-'))
  })

  afterAll(async () => {
    for (const child of running) child.kill('SIGKILL')
    for (const name of ['once', 'cut']) await destroyStore({ state: state(name) })
    await rm(work, { recursive: true, force: true })
  })

  /** Starts it and gives what it says as it goes. */
  function begin(name: string, ...more: string[]) {
    const child = start(['demo', 'pull', '--output', 'json', ...more], {
      directory: work,
      environment: { CORDON_STATE: state(name) },
    })
    running.add(child)
    let stdout = ''
    let stderr = ''
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
    })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    const ended = new Promise<number | null>((done) =>
      child.once('close', (status) => {
        running.delete(child)
        done(status)
      }),
    )
    const said = async (what: RegExp): Promise<void> => {
      while (!what.test(stderr)) {
        if (!running.has(child)) throw new Error(`it ended before it said ${what}:\n${stderr}`)
        await sleep(50)
      }
    }
    return { child, ended, said, stdout: () => stdout, stderr: () => stderr }
  }

  it('ended by Ctrl-C in the middle leaves no process and no address behind, and is in the status until then', async () => {
    const demo = begin('cut')
    await demo.said(/factory-new devices are on the network/)
    const status = await cordon(['est', 'status', '--output', 'json'], { environment: { CORDON_STATE: state('cut') } })
    expect(JSON.parse(status.stdout)).toMatchObject({
      listeners: [{ plant: 'packing', pid: demo.child.pid, addresses: ['127.60.34.2:8444'] }],
    })
    demo.child.kill('SIGINT')
    expect(await demo.ended, demo.stderr()).toBe(0)
    const { stdout } = await cordon([], { through: ['sh', '-c', 'ps -eo args; ss -Hltun'] })
    const lines = stdout.split('\n').filter((line) => line.includes(work) || line.includes('127.60.34.'))
    expect(lines).toEqual([])
  }, 240_000)

  it('shows each policy, a refusal, a word of an administrator and a replacement, all of it encrypted', async () => {
    const demo = begin('once', '--once')
    expect(await demo.ended, demo.stderr()).toBe(0)
    const result = JSON.parse(demo.stdout()) as Result
    expect(result.policies.map(({ policy, device, outcome }) => [policy, device, outcome])).toEqual([
      ['vendor certificate', 'Line_PLC', 'granted'],
      ['serial-number list', 'Filler_IO', 'granted'],
      ['user name and password', 'Capper_IO', 'granted'],
      ['provisioning certificate', 'Labeler_IO', 'granted'],
      ['administrator approval', 'Wrapper_IO', 'granted after approval'],
      ['global grant', 'Lift_IO', 'granted'],
      ['vendor certificate', 'Stranger', 'refused'],
    ])
    expect(result.policies.filter(({ pass }) => !pass)).toEqual([])
    expect(result.announced).not.toEqual([])
    expect(result.verification.checks.filter(({ verdict }) => verdict === 'fail')).toEqual([])
    expect(result.verification.checks.length).toBeGreaterThan(50)
    expect(result.connections.length).toBeGreaterThanOrEqual(5)
    for (const connection of result.connections) {
      expect(connection).toMatchObject({ state: 'open', protection: 'Encrypted' })
      expect(connection.received).toBeGreaterThan(0)
    }
    expect(result).toMatchObject({ verdict: 'pass', replacement: { outcome: 'replaced', pass: true } })
    // The one who died is known to the authority as revoked, the one who came as valid.
    const show = await cordon(['ca', 'show', '--output', 'json'], { environment: { CORDON_STATE: state('once') } })
    const { certificates } = JSON.parse(show.stdout) as { certificates: { serial: string; status: string }[] }
    const status = (serial: string | null) => certificates.find((each) => each.serial === serial)?.status
    expect(status(result.replacement.before)).toBe('revoked')
    expect(status(result.replacement.serial)).toBe('valid')
    for (const { serial, device, outcome } of result.policies) {
      if (device !== 'Filler_IO') expect(status(serial)).toBe(outcome === 'refused' ? undefined : 'valid')
    }
  }, 240_000)
})
