import { decodeBase64 } from '@cordon/core/x509'
import { createServer, type Socket } from 'node:net'
import { cipSecurity } from '@cordon/core/objects'
import { afterEach, describe, expect, it } from 'vitest'
import { type Diagnosis, diagnose } from '../../src/doctor/diagnose.ts'
import { expectationOf, type PlantKnowledge } from '../../src/doctor/expectation.ts'
import type { DoctorOptions } from '../../src/doctor/ladder.ts'
import { type DoctorCode, doctorTable } from '../../src/doctor/messages.ts'
import { type RungId, rungIds } from '../../src/doctor/rungs.ts'
import { connect } from '../../src/originator/connect.ts'
import { TargetHost } from '../../src/target/target-host.ts'
import { testAddress } from '../addresses.ts'
import { plainDevice, secureDevice, steer } from '../target/test-device.ts'
import { credentialsOf, makeAuthority } from '../test-pki.ts'
import { smallPlant } from '../verify/small-plant.ts'
import { type RunningPlant, type Spoiling, startTestPlant } from '../verify/test-plant.ts'

const day = 24 * 60 * 60_000
/** Block 5 of the addresses: no other plant of these tests has it. */
const block = 5
const device = testAddress(block * 40 + 2)
const manager = testAddress(block * 40 + 6)

const open: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

/** What a manager of a running plant knows. */
async function knowledge(running: RunningPlant): Promise<PlantKnowledge> {
  const request = await running.request()
  const der = (text: string) => decodeBase64(text, 'test')
  const mapped = <T, R>(record: Readonly<Record<string, T>>, map: (value: T) => R): Record<string, R> =>
    Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value)]))
  return {
    plant: running.plant,
    anchors: mapped(request.anchors, (list) => list.map(der)),
    lists: Object.values(request.lists).flat().map(der),
    certificates: mapped(request.certificates, der),
    psk: mapped(request.psk, ({ identity, key }) => ({ identity: der(identity), key: der(key) })),
    ...(request.manager === undefined
      ? {}
      : { manager: { chain: request.manager.chain.map(der), key: der(request.manager.key) } }),
  }
}

/** A commissioned plant, spoiled as told. */
async function commissioned(spoiling: Spoiling = {}): Promise<RunningPlant> {
  const running = await startTestPlant(smallPlant(block), { spoiling })
  open.push(async () => running[Symbol.asyncDispose]())
  return running
}

/** Examines Green_2 as the manager of its plant would. */
async function asManager(running: RunningPlant, more: Partial<DoctorOptions> = {}): Promise<Diagnosis> {
  const expectation = expectationOf(await knowledge(running), device)
  return diagnose({ address: device, localAddress: manager, expectation, timeoutMs: 3000, silenceMs: 250, ...more })
}

async function listening(target: { readonly address: string }): Promise<void> {
  const host = new TargetHost({ device: target as ConstructorParameters<typeof TargetHost>[0]['device'] })
  await host.start()
  open.push(() => host.close())
}

async function listener(address: string, port: number, answer: string | undefined): Promise<void> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    if (answer !== undefined) socket.once('data', () => socket.end(answer))
  })
  await new Promise<void>((resolve) => server.listen(port, address, resolve))
  open.push(() => {
    for (const socket of sockets) socket.destroy()
    return new Promise((resolve) => server.close(resolve))
  })
}

const verdicts = ({ rungs }: Diagnosis) => Object.fromEntries(rungs.map(({ id, verdict }) => [id, verdict]))
const codes = ({ rungs }: Diagnosis): readonly DoctorCode[] =>
  rungs.flatMap(({ findings }) => findings.map(({ code }) => code))

/** Broken at one rung with one message: those below hold, those above are not reached, and it says what to type. */
function expectBroken(diagnosis: Diagnosis, rung: RungId, code: DoctorCode): void {
  const place = rungIds.indexOf(rung)
  expect(codes(diagnosis), JSON.stringify(diagnosis.rungs, null, 1)).toContain(code)
  expect(diagnosis.verdict).toBe('broken')
  for (const [i, { id, verdict }] of diagnosis.rungs.entries()) {
    if (i < place) expect(['holds', 'not-applicable'], id).toContain(verdict)
    else expect(verdict, id).toBe(i === place ? 'broken' : 'not-reached')
  }
  const found = diagnosis.rungs[place]?.findings.find((each) => each.code === code)
  expect(found?.severity).toBe('error')
  expect(found?.evidence).not.toBe('')
  expect(found?.next).not.toContain('{subject}')
}

describe('the ladder', () => {
  it('holds from bottom to top for a commissioned device of the plant', async () => {
    const running = await commissioned()
    const diagnosis = await asManager(running)
    expect(verdicts(diagnosis), JSON.stringify(diagnosis.rungs, null, 1)).toEqual(
      Object.fromEntries(rungIds.map((id) => [id, 'holds'])),
    )
    expect(diagnosis).toMatchObject({ verdict: 'holds', device: 'Green_2' })
    // The manager has no I/O, so the rules of the device let its DTLS not in.
    expect(codes(diagnosis)).toEqual(['dtls-closed', 'no-clock'])
  })

  it('holds for a plain device, and says that it is plain', async () => {
    const address = testAddress(170)
    await listening(plainDevice(address))
    const diagnosis = await diagnose({ address, timeoutMs: 1000, silenceMs: 250 })
    expect(diagnosis.verdict).toBe('holds')
    expect(verdicts(diagnosis)).toMatchObject({
      identity: 'holds',
      tls: 'not-applicable',
      session: 'holds',
      objects: 'holds',
    })
    expect(codes(diagnosis)).toContain('plain-only')
  })

  it('holds for a device as it left the factory, and names its fingerprint', async () => {
    const address = testAddress(171)
    await listening(await secureDevice(address))
    const diagnosis = await diagnose({ address, timeoutMs: 1000, silenceMs: 250 })
    expect(verdicts(diagnosis)).toMatchObject({
      tls: 'holds',
      session: 'holds',
      certificate: 'holds',
      policy: 'not-applicable',
    })
    const found = diagnosis.rungs.flatMap(({ findings }) => findings).find(({ code }) => code === 'self-signed-default')
    expect(found?.evidence).toMatch(/SHA-256 [0-9a-f]{64}/)
  })

  it('ends politely at the session of a commissioned device whose plant was not given', async () => {
    await commissioned()
    const diagnosis = await diagnose({ address: device, localAddress: manager, timeoutMs: 1000, silenceMs: 250 })
    expect(diagnosis.verdict).toBe('partly')
    expect(verdicts(diagnosis)).toMatchObject({
      tls: 'holds',
      session: 'not-asked',
      objects: 'not-reached',
      policy: 'not-reached',
    })
    const [hint] = diagnosis.rungs.find(({ id }) => id === 'session')?.findings ?? []
    expect(hint?.next).toBe(`Open it as the manager of its plant: \`cordon doctor ${device} --plant PLANT\`.`)
  })

  it('is cancelled by its signal', async () => {
    const controller = new AbortController()
    const running = diagnose({
      address: testAddress(172),
      signal: controller.signal,
      progress: () => controller.abort(),
    })
    await expect(running).rejects.toMatchObject({ code: 'aborted' })
  })
})

describe('the first broken rung', () => {
  it.each([
    ['224.0.0.1', undefined, 'address-not-unicast'],
    ['127.0.0.1', '192.0.2.1', 'local-address-missing'],
  ] as const)('is the route to %s from %s', async (address, localAddress, code) => {
    const diagnosis = await diagnose({
      address,
      timeoutMs: 300,
      ...(localAddress === undefined ? {} : { localAddress }),
    })
    expectBroken(diagnosis, 'route', code)
  })

  it('is the ports where nothing listens', async () => {
    expectBroken(
      await diagnose({ address: testAddress(173), timeoutMs: 500, silenceMs: 100 }),
      'ports',
      'nothing-listens',
    )
  })

  it('is the ports where the plant expects CIP Security and 2221 is closed', async () => {
    const running = await commissioned({ off: ['Green_2'] })
    await listening(plainDevice(device))
    expectBroken(await asManager(running), 'ports', 'secure-port-closed')
  })

  it.each([
    ['says something else', 'HTTP/1.1 400 Bad Request\r\n\r\nthis is no EtherNet/IP at all, and long enough'],
    ['says nothing', undefined],
  ] as const)('is ListIdentity where a listener %s', async (_, answer) => {
    const address = testAddress(174)
    await listener(address, 44818, answer)
    expectBroken(await diagnose({ address, timeoutMs: 300, silenceMs: 100 }), 'identity', 'listener-not-enip')
  })

  it('is ListIdentity where another unit has the address', async () => {
    const running = await commissioned()
    const expectation = { ...expectationOf(await knowledge(running), device), expect: { serial: 1234 } }
    const diagnosis = await asManager(running, { expectation })
    expectBroken(diagnosis, 'identity', 'wrong-unit')
    expect(diagnosis.rungs[2]?.findings[0]?.evidence).toMatch(/serial: expected 1234, found \d+/)
  })

  it('is TLS where the listener on 2221 speaks another protocol', async () => {
    const address = testAddress(175)
    await listener(address, 2221, '220 mail.example ESMTP ready to take your messages\r\n')
    expectBroken(await diagnose({ address, timeoutMs: 1000, silenceMs: 250 }), 'tls', 'listener-not-tls')
  })

  it('is TLS where the listener on 2221 is silent', async () => {
    const address = testAddress(176)
    await listener(address, 2221, undefined)
    expectBroken(await diagnose({ address, timeoutMs: 300, silenceMs: 100 }), 'tls', 'tls-silent')
  })

  it('is TLS where the plant’s credentials fit none of its suites', async () => {
    const running = await commissioned({ off: ['Green_2'] })
    const psk = [{ identity: new TextEncoder().encode('cell'), key: new Uint8Array(16).fill(1) }]
    await listening(steer(await secureDevice(device), { suites: [0xc037], psk }))
    const diagnosis = await asManager(running)
    expectBroken(diagnosis, 'tls', 'no-suite-in-common')
    expect(diagnosis.rungs[3]?.findings[0]?.evidence).toContain('TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA256')
  })

  it('is the session with a device of another plant, and says whose it is', async () => {
    const running = await commissioned({ off: ['Green_2'] })
    const other = await makeAuthority('elsewhere')
    const own = await other.issue('stranger', device)
    await listening(steer(await secureDevice(device), credentialsOf(own, other)))
    const diagnosis = await asManager(running)
    expectBroken(diagnosis, 'session', 'other-authority')
    expect(diagnosis.rungs[4]?.findings[0]?.evidence).toContain('CN=stranger, issued by CN=elsewhere')
  })

  it('is the session with a device that does not take our certificate', async () => {
    const running = await commissioned({
      unit: ({ name, state }) => {
        if (name === 'Green_2') state.ethernetIpSecurity.settings.trustedAuthorities = []
      },
    })
    expectBroken(await asManager(running), 'session', 'our-certificate-refused')
  })

  it('is the objects while a configuration was not ended', async () => {
    const running = await commissioned({
      unit: ({ name, state }) => {
        if (name === 'Green_2') state.cipSecurity = 'incompleteConfiguration'
      },
    })
    expectBroken(await asManager(running), 'objects', 'configuration-unfinished')
  })

  it('is the objects while somebody has a configuration session open', async () => {
    const address = testAddress(177)
    await listening(await secureDevice(address))
    const other = await connect({ address, transport: 'tls', commissioning: true })
    open.push(() => other.close())
    await other.objects.call(cipSecurity, 1, 'beginConfig', {})
    const diagnosis = await diagnose({ address, timeoutMs: 2000, silenceMs: 250 })
    expectBroken(diagnosis, 'objects', 'configuration-open')
    expect(diagnosis.rungs[5]?.evidence.join()).toContain('0x5D being configured')
  })

  it('is the objects of a device that was never commissioned', async () => {
    const running = await commissioned({ off: ['Green_2'] })
    await listening(await secureDevice(device))
    expectBroken(await asManager(running), 'objects', 'not-commissioned')
  })

  it.each([
    ['expired', { at: Date.now() - 40 * day, validityMs: 10 * day }, 'device-certificate-expired'],
    ['made out for another address', { addresses: ['127.66.66.66'] }, 'certificate-other-name'],
  ] as const)('is the certificate where it is %s', async (_, oddity, code) => {
    const running = await commissioned({ certificate: (name) => (name === 'Green_2' ? oddity : undefined) })
    expectBroken(await asManager(running), 'certificate', code)
  })

  it('is the certificate where our list names it', async () => {
    const running = await commissioned()
    const [known, list] = [await knowledge(running), running.authority]
    const own = known.certificates['Green_2']
    if (own === undefined) throw new Error('Green_2 has no certificate')
    await list.revoke('green', own)
    expectBroken(await asManager(running), 'certificate', 'device-certificate-revoked')
  })

  it('is the clock where ours is before the certificates', async () => {
    const running = await commissioned()
    const diagnosis = await asManager(running, { date: Date.now() - 90 * day })
    expectBroken(diagnosis, 'clock', 'device-certificate-early')
  })

  it('is the clock where the device checks dates by one that is years behind', async () => {
    const running = await commissioned({
      unit: ({ name, state }) => {
        if (name === 'Green_2') state.ethernetIpSecurity.settings.checkExpiration = true
      },
      hosted: (name, made) => (name === 'Green_2' ? withTime(made, Date.parse('2001-01-01')) : made),
    })
    const diagnosis = await asManager(running)
    expectBroken(diagnosis, 'clock', 'clock-outside-certificate')
    expect(diagnosis.rungs[7]?.findings[0]?.evidence).toContain('2001-01-01')
  })

  it.each([
    ['nothing is known of its peers', false],
    ['its peers were read before', true],
  ])('is none of a device that can do less than was assumed, where %s', async (_, isKnown) => {
    const less = { capable: true, suites: [0xc023, 0xc006], objectRevisions: { ethernetIpSecurity: 7 } }
    const capabilities = new Map(['Green_1', 'Green_2', 'Red_1', 'Red_2'].map((name) => [name, less]))
    const running = await startTestPlant(smallPlant(block), { capabilities })
    open.push(async () => running[Symbol.asyncDispose]())
    const peers = new Map([...capabilities].filter(([name]) => name !== 'Green_2'))
    const known = { ...(await knowledge(running)), ...(isKnown ? { capabilities: peers } : {}) }
    const expectation = expectationOf(known, device)
    const examined = await diagnose({ address: device, localAddress: manager, expectation, timeoutMs: 3000 })
    const { verdict, evidence } = examined.rungs[8] ?? {}
    expect(verdict, JSON.stringify(examined.rungs[8])).toBe('holds')
    expect(codes(examined)).not.toContain('policy-differs')
    expect(evidence?.at(-1)).toMatch(
      isKnown ? /^every setting is as compiled/ : /^every other setting is as compiled|^every setting/,
    )
  })

  it('is the policy where somebody changed the device', async () => {
    const running = await commissioned({
      unit: ({ name, state }) => {
        if (name === 'Green_2') state.ethernetIpSecurity.settings.dtlsTimeout = 999
      },
    })
    const diagnosis = await asManager(running)
    expectBroken(diagnosis, 'policy', 'policy-differs')
    expect(diagnosis.rungs[8]?.findings[0]?.evidence).toMatch(/dtlsTimeout: 999/)
  })
})

type Hosted = NonNullable<ReturnType<NonNullable<Spoiling['hosted']>>>

/** Gives a device a Time Sync object, which those of the simulator have not. */
function withTime(made: Hosted, at: number): Hosted {
  const data = new Uint8Array(8)
  new DataView(data.buffer).setBigUint64(0, BigInt(at) * 1000n, true)
  return new Proxy(made, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      if (name !== 'request') return value.bind(target)
      return (
        request: { readonly service: number; readonly path: readonly { kind: string; value?: unknown }[] },
        ...rest: unknown[]
      ) => {
        const isTime = request.path.some((part) => part.kind === 'class' && part.value === 0x43)
        return isTime
          ? { service: request.service, status: 0, extended: [], data }
          : value.call(target, request, ...rest)
      }
    },
  })
}

describe('the messages of the ladder', () => {
  it('name a cause and a next step for each code, in whole sentences and in alphabetical order', () => {
    for (const [code, { title, cause, next }] of Object.entries(doctorTable)) {
      expect(title, code).toMatch(/^[a-z0-9].*[^.]$/i)
      expect(cause, code).toMatch(/^[A-Z0-9].*\.$/)
      expect(next, code).toMatch(/^[A-Z].*[.`]$/)
    }
  })
})
