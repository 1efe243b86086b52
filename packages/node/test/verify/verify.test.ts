import {
  compile,
  type DeviceCapabilities,
  decide,
  indexPlant,
  parseSimulation,
  simulatedCapabilities,
} from '@cordon/core/policy'
import { createDefaultCredentials } from '@cordon/core/device'
import type { CheckResult, LiveConnection, VerificationResult } from '@cordon/core/verification'
import { encodeBase64 } from '@cordon/core/x509'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { nodeCrypto } from '../../src/crypto.ts'
import type { VerificationRequest } from '../../src/verify/request.ts'
import { type VerificationEvent, verifyPlant } from '../../src/verify/verify.ts'
import { testAddress } from '../addresses.ts'
import { quick, smallPlant } from './small-plant.ts'
import { type RunningPlant, startTestPlant } from './test-plant.ts'

const hasOpenssl = (() => {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
})()

function failures({ checks }: VerificationResult): string[] {
  return checks
    .filter(({ verdict }) => verdict === 'fail')
    .map(({ id, subject, reason }) => `${id} ${subject}: ${reason}`)
}

function having(result: VerificationResult, id: CheckResult['id']): readonly CheckResult[] {
  return result.checks.filter((check) => check.id === id)
}

/** A live table as the policy promises it. */
function liveTable(request: VerificationRequest): LiveConnection[] {
  const index = indexPlant(request.plant, new Map(Object.entries(request.capabilities ?? {})))
  return request.plant.connections.map((connection) => {
    const protocol = connection.class === 3 ? 'tcp' : 'udp'
    const { verdict, suites } = decide(index, { from: connection.from, to: connection.to, transport: protocol })
    const secured = protocol === 'tcp' ? ('tls' as const) : ('dtls' as const)
    return { name: connection.name, state: 'open', transport: verdict === 'secure' ? secured : 'tcp', suite: suites[0] }
  })
}

async function withVendor(request: VerificationRequest, { vendor }: RunningPlant): Promise<VerificationRequest> {
  const identity = {
    vendorId: 1,
    deviceType: 12,
    productCode: 65,
    majorRevision: 2,
    minorRevision: 1,
    serialNumber: 99,
    productName: 'Spare',
  }
  const { chain, key } = await createDefaultCredentials(nodeCrypto, { identity, vendor, now: Date.now() })
  const pkcs8 = key.export() ?? new Uint8Array(0)
  return { ...request, vendor: { chain: chain.map((der) => encodeBase64(der)), key: encodeBase64(pkcs8) } }
}

/** A zone of one pre-shared key. With `io: confidentiality` a wrong key over DTLS is met with silence, with `integrity` with an alert. */
function cell(block: number, io: 'confidentiality' | 'integrity'): string {
  const address = (host: number) => testAddress(block * 40 + host)
  return `
version: 1
plant: cell
authority: { key: ecdsa-p256, subject: { organization: Test, country: US } }
suites: [0xC037, 0xCCAC, 0xC03A]
manager: Manager
zones:
  cell: { authentication: psk, messaging: confidentiality, io: ${io}, psk: cell, close: [tcp/44818, udp/44818, udp/2222] }
devices:
  Cell_1: { address: ${address(31)}, zone: cell }
  Cell_2: { address: ${address(32)}, zone: cell }
  Manager: { address: ${address(33)}, zone: cell, role: originator, io: deny }
`
}

/** A plant of two zones whose devices have no rules of class 0x63. */
function ruleless(block: number): string {
  const address = (host: number) => testAddress(block * 40 + host)
  return `
version: 1
plant: ruleless
authority: { key: ecdsa-p256, subject: { organization: Test, country: US } }
nonSecure: allow
suites: [0xC02C, 0xC023]
manager: Manager
zones:
  green: { authentication: certificate, messaging: confidentiality, io: confidentiality, close: [tcp/44818, udp/44818, udp/2222] }
  red: { authentication: certificate, messaging: confidentiality, io: confidentiality, close: [tcp/44818, udp/44818, udp/2222] }
  operations: { authentication: certificate, messaging: confidentiality, io: confidentiality }
devices:
  Green_1: { address: ${address(21)}, zone: green }
  Green_2: { address: ${address(22)}, zone: green }
  Red_1: { address: ${address(23)}, zone: red }
  Manager: { address: ${address(26)}, zone: operations, role: originator, io: deny }
`
}

function without(what: Partial<DeviceCapabilities>): ReadonlyMap<string, DeviceCapabilities> {
  const capability: DeviceCapabilities = { capable: true, suites: [0xc02c, 0xc023], ingressEgress: false, ...what }
  return new Map(['Green_1', 'Green_2', 'Red_1'].map((name) => [name, capability]))
}

/** Nobody keeps the promise, or the peer alone. */
const isRisk = /not enforceable|rests on the peer alone/

describe('a plant that is as its policy says', () => {
  test('passes every check, and each was really made', async () => {
    await using plant = await startTestPlant(smallPlant(0))
    const events: VerificationEvent[] = []
    const prepared = await withVendor(await plant.request(), plant)
    const result = await verifyPlant(
      { ...prepared, live: liveTable(prepared) },
      { limits: quick, openssl: hasOpenssl ? 'openssl' : false, onEvent: (event) => events.push(event) },
    )
    expect(failures(result)).toEqual([])
    expect(result.verdict).toBe('pass')
    const open = result.checks.filter(
      ({ id, verdict }) => verdict !== 'pass' && (hasOpenssl || id !== 'openssl-agrees'),
    )
    expect(open).toEqual([])
    expect(result.complete).toBe(hasOpenssl)
    expect(result.counts.pass).toBeGreaterThan(300)
    expect(JSON.parse(JSON.stringify(result))).toEqual(result)
    expect(events.at(-1)).toMatchObject({ kind: 'checked', done: result.checks.length, total: result.checks.length })
  })

  test.each(['confidentiality', 'integrity'] as const)(
    'of pre-shared keys, I/O with %s, passes every check but the repetitions by openssl that would need the true key as an argument',
    async (io) => {
      const key = nodeCrypto.random(32)
      await using plant = await startTestPlant(cell(0, io), { psk: { cell: key } })
      const result = await verifyPlant(await plant.request(), {
        limits: quick,
        openssl: hasOpenssl ? 'openssl' : false,
      })
      expect(failures(result)).toEqual([])
      const other = result.checks.filter(({ verdict }) => verdict !== 'pass')
      expect(new Set(other.map(({ id }) => id))).toEqual(new Set(['openssl-agrees']))
      expect(having(result, 'wrong-psk-refused')).toHaveLength(4)
      expect(JSON.stringify(result)).not.toContain(encodeBase64(key))
      if (!hasOpenssl) return
      const repeated = having(result, 'openssl-agrees').map(
        ({ subject, verdict }) => `${subject.split(':')[0]} ${verdict}`,
      )
      expect(repeated.sort()).toEqual(
        [
          'pair-connects not-tested',
          'pair-refused pass',
          'suite-connects not-tested',
          'suite-refused pass',
          'unknown-psk-refused pass',
          'version-refused pass',
          'wrong-psk-refused pass',
        ]
          .flatMap((row) => (row.startsWith('pair-refused') ? [row] : [row, row]))
          .sort(),
      )
      const untested = having(result, 'openssl-agrees').filter(({ verdict }) => verdict === 'not-tested')
      for (const { reason } of untested) expect(reason).toMatch(/as an argument only/)
    },
  )

  test('whose devices know peers by their certificates is verified as the manager; what only the peers themselves could show is read back', async () => {
    await using plant = await startTestPlant(ruleless(0), { capabilities: without({ trustedIdentities: true }) })
    const request = await plant.request()
    const result = await verifyPlant(request, { limits: quick, openssl: false })
    expect(failures(result)).toEqual([])
    const pairs = having(result, 'pair-connects')
    expect(pairs.length).toBeGreaterThan(0)
    expect(
      pairs.every(({ verdict, reason }) => verdict === 'not-probed' && reason.includes('its own certificate')),
    ).toBe(true)
    expect(having(result, 'suite-connects').every(({ verdict }) => verdict === 'pass')).toBe(true)
    const { manager: _, ...alone } = request
    const blind = await verifyPlant(alone, { limits: quick, openssl: false })
    expect(blind.verdict).toBe('fail')
  })

  test('whose devices trust authorities alone lists what nobody can enforce as a risk, and fails nothing for it', async () => {
    await using plant = await startTestPlant(ruleless(1), { capabilities: without({ trustedIdentities: false }) })
    const result = await verifyPlant(await plant.request(), { limits: quick, openssl: false })
    expect(failures(result)).toEqual([])
    expect(having(result, 'pair-connects').every(({ verdict }) => verdict === 'pass')).toBe(true)
    // Another zone's certificate is refused by trust, whatever the rules.
    const foreign = having(result, 'pair-refused').filter(({ subject }) => subject.startsWith('Red_1 to Green_1'))
    expect(foreign.map(({ verdict }) => verdict)).toEqual(['pass', 'pass'])
  })

  test('that keeps plain ports open without rules has that risk in its result', async () => {
    const text = ruleless(2).replaceAll(', close: [tcp/44818, udp/44818, udp/2222]', '')
    await using plant = await startTestPlant(text, { capabilities: without({ trustedIdentities: false }) })
    const result = await verifyPlant(await plant.request(), { limits: quick, openssl: false })
    expect(failures(result)).toEqual([])
    expect(result.risks.filter(({ subject }) => subject === 'Green_1').length).toBeGreaterThan(0)
    expect(result.risks.map(({ reason }) => reason).filter((reason) => !isRisk.test(reason))).toEqual([])
    expect(having(result, 'plain-port-open').every(({ verdict }) => verdict === 'pass')).toBe(true)
  })

  test("of the demonstration's size is verified in full", async () => {
    const read = (name: string) => readFileSync(new URL(`../../../../examples/cpwe/${name}`, import.meta.url), 'utf8')
    const known = new Map<string, string>()
    const text = read('plant.yaml').replace(/127\.\d+\.\d+\.\d+/g, (address) => {
      const moved = known.get(address) ?? testAddress(200 + known.size)
      known.set(address, moved)
      return moved
    })
    const { simulation } = parseSimulation(read('simulation.yaml'), 'simulation.yaml')
    if (simulation === undefined) throw new Error('the simulation file of the example cannot be read')
    await using plant = await startTestPlant(text, { capabilities: simulatedCapabilities(simulation) })
    const prepared = await withVendor(await plant.request(), plant)
    const result = await verifyPlant(
      { ...prepared, live: liveTable(prepared) },
      { openssl: hasOpenssl ? 'openssl' : false },
    )
    expect(failures(result)).toEqual([])
    expect(result.complete).toBe(hasOpenssl)
  }, 120_000)
})

describe('what cannot be tried', () => {
  test('from an address of another machine is read back and marked as not probed', async () => {
    const text = smallPlant(2).replace(testAddress(85), '203.0.113.85')
    await using plant = await startTestPlant(text)
    const result = await verifyPlant(
      { ...(await plant.request()), only: ['Green_1'] },
      { limits: quick, openssl: false },
    )
    expect(failures(result)).toEqual([])
    const pair = result.checks.filter(({ subject }) => subject.startsWith('Panel to Green_1'))
    expect(pair.map(({ id, verdict }) => `${id} ${verdict}`).sort()).toEqual([
      'pair-plain-connects not-probed',
      'pair-refused not-probed',
      'pair-refused not-probed',
    ])
    expect(pair.find(({ id }) => id === 'pair-plain-connects')?.reason).toContain(
      'read back instead: rule allow ip=203.0.113.85',
    )
    expect(result.complete).toBe(false)
  })

  test('fails where the rules that were read back would let a forbidden peer in', async () => {
    const text = smallPlant(3).replace(testAddress(125), '203.0.113.85')
    await using plant = await startTestPlant(text, {
      spoiling: {
        unit: (unit) => {
          if (unit.name === 'Green_1') unit.state.rules.ingress.unshift('allow ip=203.0.113.85 port=2221 proto=tcp')
        },
      },
    })
    const result = await verifyPlant(
      { ...(await plant.request()), only: ['Green_1'] },
      { limits: quick, openssl: false },
    )
    const failed = result.checks.filter(({ verdict }) => verdict === 'fail')
    expect(failed.map(({ id, subject }) => `${id} ${subject}`)).toEqual([
      'ingress-rules Green_1',
      'pair-refused Panel to Green_1 over TLS',
    ])
    expect(failed[1]?.reason).toContain('the rules that were read say otherwise')
  })
})

describe('a device that', () => {
  test('is away fails its own checks, and the others go on', async () => {
    await using plant = await startTestPlant(smallPlant(4), { spoiling: { off: ['Red_2'] } })
    const result = await verifyPlant(await plant.request(), { limits: quick, openssl: false })
    const failed = result.checks.filter(({ verdict }) => verdict === 'fail')
    expect(new Set(failed.map(({ device }) => device))).toEqual(new Set(['Red_2']))
    // Nothing that must be refused passes only because nobody is there.
    expect(
      result.checks.filter(
        ({ device, kind, verdict }) => device === 'Red_2' && kind === 'refused' && verdict === 'pass',
      ),
    ).toEqual([])
    expect(failed.some(({ reason }) => reason.includes('not proven'))).toBe(true)
  })

  test('has its cable pulled fails each of its checks, although the kernel takes connections for it', async () => {
    await using plant = await startTestPlant(
      smallPlant(2)
        .replace('red: { authentication', 'red: { nonSecure: allow, authentication')
        .replace('close: [tcp/44818, udp/44818, udp/2222]', 'close: []'),
    )
    plant.hosts.get('Red_2')?.pullCable()
    const result = await verifyPlant(
      { ...(await plant.request()), only: ['Red_2'] },
      { limits: { ...quick, timeoutMs: 1_000, perDevice: 48 }, openssl: false },
    )
    const own = result.checks.filter(({ id, device }) => device === 'Red_2' && id !== 'openssl-agrees')
    expect(own.length).toBeGreaterThan(40)
    expect(own.filter(({ verdict }) => verdict !== 'fail').map(({ id, subject }) => `${id} ${subject}`)).toEqual([])
    expect(own.find(({ id }) => id === 'session-opens')?.reason).toMatch(
      /could not be read: TLS handshake with [\d.]+:2221: not finished within \d+ ms$/,
    )
    expect(own.find(({ subject }) => subject === 'Red_2, udp/2222')?.reason).toContain('not proven: it answers')
  }, 120_000)

  test('goes away in the middle proves nothing by its silence', async () => {
    await using plant = await startTestPlant(smallPlant(5))
    const request = { ...(await plant.request()), only: ['Green_1'] }
    let isGone = false
    const result = await verifyPlant(request, {
      limits: quick,
      openssl: false,
      onEvent: (event) => {
        if (event.kind !== 'checked' || isGone || event.result.id !== 'suite-connects') return
        isGone = true
        void plant.hosts.get('Green_1')?.close()
      },
    })
    const refused = result.checks.filter(({ kind }) => kind === 'refused')
    expect(refused.length).toBeGreaterThan(20)
    expect(refused.filter(({ verdict }) => verdict === 'pass')).toEqual([])
    expect(result.verdict).toBe('fail')
  })

  test('bounds what one peer may open is not taken for one that refuses', async () => {
    await using plant = await startTestPlant(smallPlant(3), {
      limits: { maxPerHost: 4, maxHandshakesPerSecond: 40 },
    })
    const result = await verifyPlant(
      { ...(await plant.request()), only: ['Green_1'] },
      {
        limits: { silenceMs: 1000, perDevice: 3, perSecond: 30 },
        openssl: false,
      },
    )
    expect(failures(result)).toEqual([])
  })
})

describe('the openssl command', () => {
  test.skipIf(!hasOpenssl)('sees what ours sees when a device lets strangers in', async () => {
    await using plant = await startTestPlant(smallPlant(2), {
      spoiling: {
        unit: (unit) => {
          unit.state.ethernetIpSecurity.settings.verifyClient = false
        },
      },
    })
    const result = await verifyPlant({ ...(await plant.request()), only: ['Green_1'] }, { limits: quick })
    const agreed = having(result, 'openssl-agrees').filter(({ verdict }) => verdict === 'fail')
    expect(agreed.map(({ subject }) => subject.split(':')[0]).sort()).toEqual([
      'foreign-certificate-refused',
      'foreign-certificate-refused',
      'no-certificate-refused',
      'no-certificate-refused',
    ])
  })

  test.skipIf(!hasOpenssl)('sees without the true key that a cell lets in what it must refuse', async () => {
    const key = nodeCrypto.random(32)
    await using plant = await startTestPlant(cell(2, 'integrity'), {
      psk: { cell: key },
      spoiling: {
        unit: (unit) => {
          const { ethernetIpSecurity, rules } = unit.state
          ethernetIpSecurity.settings.allowedSuites = [0xc037, 0xccac, 0xc03a]
          rules.ingress = []
        },
      },
    })
    const result = await verifyPlant({ ...(await plant.request()), only: ['Cell_1'] }, { limits: quick })
    const agreed = having(result, 'openssl-agrees').filter(({ verdict }) => verdict === 'fail')
    expect(agreed.map(({ subject }) => subject.split(':')[0]).sort()).toEqual([
      'pair-refused',
      'suite-refused',
      'suite-refused',
    ])
    for (const { reason } of agreed) expect(reason).toMatch(/answers.* and refuses the made-up key/)
  })

  test.skipIf(!hasOpenssl)('never gets a true key as an argument', async () => {
    const key = nodeCrypto.random(32)
    const directory = mkdtempSync(join(tmpdir(), 'cordon-arguments-'))
    const log = join(directory, 'arguments')
    const spy = join(directory, 'openssl')
    writeFileSync(spy, `#!/bin/sh\necho "$@" >> ${log}\nexec openssl "$@"\n`, { mode: 0o700 })
    try {
      await using plant = await startTestPlant(cell(3, 'integrity'), { psk: { cell: key } })
      await verifyPlant({ ...(await plant.request()), only: ['Cell_1'] }, { limits: quick, openssl: spy })
      const asked = readFileSync(log, 'utf8')
      expect(asked).toContain('-psk ')
      expect(asked).not.toContain(Buffer.from(key).toString('hex'))
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  })

  test('that is not there leaves its checks untested and the rest as it is', async () => {
    await using plant = await startTestPlant(smallPlant(4))
    const result = await verifyPlant(
      { ...(await plant.request()), only: ['Red_1'] },
      { limits: quick, openssl: '/nowhere/openssl' },
    )
    expect(failures(result)).toEqual([])
    expect(having(result, 'openssl-agrees').every(({ verdict }) => verdict === 'not-tested')).toBe(true)
    expect(result.complete).toBe(false)
  })
})

describe('a verification that is cancelled', () => {
  const leftovers = () => readdirSync(tmpdir()).filter((name) => name.startsWith(`cordon-openssl-${process.pid}-`))

  test.each(['read', 'derived', 'checked'] as const)(
    'after the first "%s" says so, and nothing of it goes on',
    async (kind) => {
      await using plant = await startTestPlant(smallPlant(1))
      const controller = new AbortController()
      let events = 0
      const running = verifyPlant(await plant.request(), {
        limits: quick,
        openssl: hasOpenssl ? 'openssl' : false,
        signal: controller.signal,
        onEvent: (event) => {
          events++
          if (event.kind === kind) controller.abort(new Error('enough'))
        },
      })
      await expect(running).rejects.toMatchObject({ code: 'aborted' })
      const seen = events
      // No file with a key is left behind, and nothing is still at work.
      expect(leftovers()).toEqual([])
      await new Promise((resolve) => setTimeout(resolve, 200))
      expect(events).toBe(seen)
    },
  )
})

test('the settings that are verified are those the policy compiles', async () => {
  await using plant = await startTestPlant(smallPlant(0))
  expect([...plant.settings.keys()]).toEqual([...compile(indexPlant(plant.plant)).settings.keys()])
})
