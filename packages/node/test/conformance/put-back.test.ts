import { addressOf } from '@cordon/core/cip'
import type { CaseResult } from '@cordon/core/conformance'
import type { Device } from '@cordon/core/device'
import { describe, expect, it } from 'vitest'
import { testAddress } from '../addresses.ts'
import { around, holding, losing, reading } from './defects.ts'
import { factoryStand, type Hosting, type Interference, run } from './targets.ts'

let host = 180
const address = (): string => testAddress(host++)
const asItIs: Hosting = (device) => device

/** Requests by their first bytes: service, length of the path, path. */
const requests = {
  setTimeout: holding(0x10, 3, 0x20, 0xf5, 0x24, 1, 0x30, 13),
  disablePull: holding(0x05, 2, 0x20, 0x5e, 0x24, 1, 0),
  setRules: holding(0x4b, 2, 0x20, 0x63, 0x24, 0),
  createInstance: holding(0x08, 2, 0x20, 0x5f, 0x24, 0),
  deleteInstance: holding(0x09, 2, 0x20, 0x5f, 0x24),
  createCsr: holding(0x4b, 2, 0x20, 0x5f, 0x24),
  apply: holding(0x4d, 2, 0x20, 0x5e, 0x24, 1),
  download: holding(0x4c, 3, 0x20, 0x37),
} as const

/** What of a device cases may change. */
function changeable(device: Device) {
  const { tcpIp, rules, ethernetIpSecurity, certificates, files } = device.persist().state
  return {
    tcpIp,
    ingress: rules.ingress,
    egress: rules.egress,
    // Counts changes, there and back.
    ethernetIpSecurity: { ...ethernetIpSecurity, generation: 0 },
    certificates: certificates.map(({ instance }) => instance),
    files: files.map(({ instance }) => instance),
  }
}

/** Runs one case against a factory-new device, which must be as before afterwards. */
async function one(id: string, interfere: Interference, hosting = asItIs): Promise<CaseResult['finding'] | undefined> {
  await using own = await factoryStand(address(), hosting)
  const before = changeable(own.device)
  const { results } = await run(own.target, [id], { patience: { answerMs: 300, quietMs: 20 } }, interfere)
  expect(changeable(own.device)).toEqual(before)
  return results[0]?.finding
}

/** A device that takes a rule which is none for another one, which changes its rules. */
const lenientRules: Hosting = (device) =>
  around(device, {
    request: (request, link, now, context) => {
      const text = Buffer.from(request.data).toString('latin1')
      const other = text.replace('\u001aallow conformance=nonsense', '\u0014allow ip=127.0.0.0/8')
      return device.request({ ...request, data: new Uint8Array(Buffer.from(other, 'latin1')) }, link, now, context)
    },
  })

describe('what a case changed is put back though a reply was lost:', () => {
  it.each([
    ['services.f5-set-timeout', requests.setTimeout],
    ['services.5e-reset-disables-pull', requests.disablePull],
    ['services.5e-apply-1-bytes', requests.apply],
    ['files.download', requests.download],
  ])('%s', async (id, request) => {
    expect(await one(id, losing(request))).toEqual({
      verdict: 'inconclusive',
      reason: expect.stringMatching(/^expected an answer, nothing came/) as string,
    })
  })

  it('services.63-bad-rule, where the rule was taken', async () => {
    expect(await one('services.63-bad-rule', (port) => port, lenientRules)).toMatchObject({ verdict: 'fail' })
    expect(await one('services.63-bad-rule', losing(requests.setRules), lenientRules)).toMatchObject({
      verdict: 'inconclusive',
    })
  })

  it('services.5f-create-delete, where the reply to Delete was lost', async () => {
    expect(await one('services.5f-create-delete', losing(requests.deleteInstance))).toMatchObject({ verdict: 'pass' })
  })
})

describe('a target that is not as it was', () => {
  it('is said in the finding, with what the case itself found', async () => {
    let sets = 0
    await using own = await factoryStand(address(), (device) =>
      around(device, {
        request: (request, link, now, context) => {
          const isSet = request.service === 0x10 && addressOf(request.path).class === 0xf5
          // The first is taken, none after it.
          const passed = isSet && sets++ > 0 ? { ...request, service: 0x0e } : request
          return device.request(passed, link, now, context)
        },
      }),
    )
    const { results } = await run(own.target, ['services.f5-set-timeout'])
    expect(results[0]?.finding).toMatchObject({
      verdict: 'fail',
      expected: 'the target as it was before the case',
      got: 'it was not put back: the timeout is 121 s, and was 120 s',
    })
  })

  it.each([
    [
      'services.5f-create-delete',
      requests.createInstance,
      /nothing came; an instance of 0x5F with the name conf-[0-9a-f]+ may/,
    ],
    ['services.5f-csr', requests.createCsr, /nothing came; the file of the request of instance 2 may/],
  ])('may hold what was created without an answer, which the finding names: %s', async (id, request, reason) => {
    await using own = await factoryStand(address())
    const { results } = await run(own.target, [id], { patience: { answerMs: 300, quietMs: 20 } }, losing(request))
    expect(results[0]?.finding).toMatchObject({
      verdict: 'inconclusive',
      reason: expect.stringMatching(reason) as string,
    })
  })
})

describe('the pull model', () => {
  it('is not touched where it was disabled before', async () => {
    let resets = 0
    const disabled = reading(0x5e, 1, 13, () => Uint8Array.of(0))
    await using own = await factoryStand(address(), (device) => {
      const hosted = disabled(device)
      return {
        ...hosted,
        address: device.address,
        request: (request, link, now, context) => {
          if (request.service === 0x05) resets++
          return hosted.request(request, link, now, context)
        },
      }
    })
    const { results } = await run(own.target, ['services.5e-reset-disables-pull'])
    expect(results[0]?.finding.verdict).toBe('not applicable')
    expect(resets).toBe(0)
  })

  it('is enabled again though the run is cancelled in between', async () => {
    await using own = await factoryStand(address())
    const controller = new AbortController()
    const { results, cancelled } = await run(
      { ...own.target, signal: controller.signal },
      ['services.5e-reset-disables-pull'],
      { cancelled: () => controller.signal.aborted },
      // The first wait is the one after Reset with FALSE.
      (port) => ({
        ...port,
        wait: (ms) => {
          controller.abort()
          return port.wait(ms)
        },
      }),
    )
    expect(cancelled).toBe(true)
    expect(results).toEqual([])
    expect(own.device.persist().state.ethernetIpSecurity).toMatchObject({ state: 'factoryDefault', pullEnabled: true })
  })
})
