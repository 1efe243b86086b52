import { PeerError, TransportError } from '@cordon/core/errors'
import type { Attempt, CredentialChoice } from '@cordon/core/verification'
import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { createServer, type Server, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { Gate } from '../../src/verify/gate.ts'
import { outcomeOf, Prober } from '../../src/verify/prober.ts'
import { CredentialBook } from '../../src/verify/credentials.ts'
import type { VerificationRequest } from '../../src/verify/request.ts'
import { TargetHost } from '../../src/target/target-host.ts'
import { testAddress } from '../addresses.ts'
import { plainDevice } from '../target/test-device.ts'

const target = testAddress(240)
const here = testAddress(241)

/** A request without a single credential: the prober makes up what it needs. */
const empty: VerificationRequest = {
  version: 1,
  // No attempt looks into the plant.
  plant: {} as VerificationRequest['plant'],
  managerZone: 'operations',
  anchors: {},
  lists: {},
  certificates: {},
  probes: {},
  zoneProbes: {},
  psk: {},
}

const open: (Server | UdpSocket)[] = []
const sockets = new Set<Socket>()

afterEach(async () => {
  for (const socket of sockets) socket.destroy()
  sockets.clear()
  await Promise.all(open.splice(0).map((one) => new Promise<void>((resolve) => one.close(() => resolve()))))
})

function tcp(port: number, serve: (socket: Socket) => void): Promise<void> {
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    serve(socket)
  })
  open.push(server)
  return new Promise((resolve) => server.listen(port, target, resolve))
}

function udp(port: number, hear: (bytes: Buffer, reply: (bytes: Uint8Array) => void) => void): Promise<void> {
  const socket = createSocket('udp4')
  socket.on('message', (bytes, { address, port: from }) => hear(bytes, (answer) => socket.send(answer, from, address)))
  open.push(socket)
  return new Promise((resolve) => socket.bind(port, target, resolve))
}

async function prober(): Promise<Prober> {
  return new Prober({ book: await CredentialBook.open(empty), limits: { silenceMs: 400, timeoutMs: 900 } })
}

const source = (kind: 'foreign' | 'none' = 'foreign') => ({
  name: 'test',
  address: here,
  credential: { kind } satisfies CredentialChoice,
})
const handshake = (transport: 'tls' | 'dtls'): Attempt => ({
  kind: 'handshake',
  transport,
  target,
  source: source(),
  suites: [0xc02c],
})
const hello = (transport: 'tls' | 'dtls'): Attempt => ({
  kind: 'hello',
  transport,
  target,
  source: source('none'),
  suites: [0xd001],
})

/** A DTLS record with a HelloVerifyRequest and the cookie 01 02 03 04. */
const helloVerify = Uint8Array.of(
  22,
  0xfe,
  0xff,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  19,
  3,
  0,
  0,
  7,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  7,
  0xfe,
  0xff,
  4,
  1,
  2,
  3,
  4,
)

describe('an attempt at a target that', () => {
  test('closes after the ClientHello is refused by it', async () => {
    await tcp(2221, (socket) => socket.once('data', () => socket.end()))
    const made = await prober()
    for (const attempt of [handshake('tls'), hello('tls')])
      expect(await made.attempt(attempt)).toMatchObject({ kind: 'refused', form: 'closed' })
  })

  test('closes before it heard anything is refused by it', async () => {
    await tcp(2221, (socket) => socket.destroy())
    const made = await prober()
    for (const attempt of [handshake('tls'), hello('tls')])
      expect(await made.attempt(attempt)).toMatchObject({ kind: 'refused', form: 'closed' })
  })

  test('answers with an alert is refused by it', async () => {
    await tcp(2221, (socket) => socket.once('data', () => socket.end(Uint8Array.of(21, 3, 3, 0, 2, 2, 40))))
    const made = await prober()
    expect(await made.attempt(handshake('tls'))).toEqual({
      kind: 'refused',
      form: 'alert',
      detail: 'alert handshake_failure',
    })
    expect(await made.attempt(hello('tls'))).toEqual({
      kind: 'refused',
      form: 'alert',
      detail: 'alert handshake_failure (40)',
    })
  })

  test('takes the connection and says nothing has not refused', async () => {
    await tcp(2221, () => {})
    const made = await prober()
    for (const attempt of [handshake('tls'), hello('tls')])
      expect(await made.attempt(attempt)).toMatchObject({ kind: 'error' })
  })

  test('speaks something else has not refused', async () => {
    await tcp(2221, (socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'.repeat(1000)))
    const made = await prober()
    for (const attempt of [handshake('tls'), hello('tls')])
      expect(await made.attempt(attempt)).toMatchObject({ kind: 'error' })
  })

  test('chooses a suite that was not offered has not refused', async () => {
    // ServerHello with 0xC02C.
    const body = [3, 3, ...Array<number>(32).fill(7), 0, 0xc0, 0x2c, 0]
    const record = Uint8Array.of(22, 3, 3, 0, body.length + 4, 2, 0, 0, body.length, ...body)
    await tcp(2221, (socket) => socket.once('data', () => socket.write(record)))
    const outcome = await (await prober()).attempt(hello('tls'))
    expect(outcome).toMatchObject({ kind: 'error', detail: 'it chose C02C, which was not offered' })
  })

  test('does not answer datagrams refuses by silence, after several were sent', async () => {
    let heard = 0
    await udp(2221, () => {
      heard++
    })
    const made = await prober()
    for (const attempt of [handshake('dtls'), hello('dtls')]) {
      heard = 0
      expect(await made.attempt(attempt)).toMatchObject({ kind: 'refused', form: 'silence' })
      expect(heard).toBeGreaterThan(1)
    }
  })

  test('begins a DTLS handshake and stops has not refused: it may be slow', async () => {
    await udp(2221, (_, reply) => reply(helloVerify))
    const made = await prober()
    for (const attempt of [handshake('dtls'), hello('dtls')])
      expect(await made.attempt(attempt)).toMatchObject({ kind: 'error' })
  })

  test('does not listen refuses by a closed port', async () => {
    const made = await prober()
    expect(await made.attempt(handshake('tls'))).toMatchObject({ kind: 'refused', form: 'port-closed' })
    for (const port of [2222, 44818]) {
      const attempt: Attempt = { kind: 'port', protocol: 'udp', port, target, source: source('none') }
      expect(await made.attempt(attempt)).toMatchObject({ kind: 'refused', form: 'port-closed' })
    }
  })

  test('listens without answering is open on 2222/udp, where nothing is ever answered, and silent on 44818/udp', async () => {
    await udp(2222, () => {})
    await udp(44818, () => {})
    const made = await prober()
    const at = (port: number): Attempt => ({ kind: 'port', protocol: 'udp', port, target, source: source('none') })
    expect(await made.attempt(at(2222))).toEqual({ kind: 'accepted' })
    expect(await made.attempt(at(44818))).toMatchObject({ kind: 'refused', form: 'silence' })
  })

  test('takes a plain connection and ends it refuses the session', async () => {
    await tcp(44818, (socket) => socket.once('data', () => socket.end()))
    const outcome = await (await prober()).attempt({ kind: 'plain-session', target, source: source('none') })
    expect(outcome).toMatchObject({ kind: 'refused', form: 'closed' })
  })
})

describe('an attempt', () => {
  test('from an address that this machine does not have says so', async () => {
    const away = { ...source(), address: '203.0.113.7' }
    const outcome = await (await prober()).attempt({
      kind: 'handshake',
      transport: 'tls',
      target,
      source: away,
      suites: [0xc02c],
    })
    expect(outcome).toMatchObject({ kind: 'no-address' })
  })

  test('without its credential is not made', async () => {
    const nobody = { ...source(), credential: { kind: 'vendor' } as const }
    const outcome = await (await prober()).attempt({
      kind: 'handshake',
      transport: 'tls',
      target,
      source: nobody,
      suites: [0xc02c],
    })
    expect(outcome).toEqual({ kind: 'no-means', detail: 'no credential is at hand for: vendor' })
  })

  test('with a suite that OpenSSL does not have is not made as a handshake', async () => {
    const outcome = await (await prober()).attempt({
      kind: 'handshake',
      transport: 'tls',
      target,
      source: source(),
      suites: [0xd001],
    })
    expect(outcome).toMatchObject({ kind: 'no-means' })
  })
})

test('only what the target did is a refusal', () => {
  expect(
    outcomeOf(new TransportError('unreachable', 'no route', { details: { code: 'EHOSTUNREACH' } }), 'tls'),
  ).toMatchObject({ kind: 'error' })
  expect(outcomeOf(new TransportError('io', 'too many open files'), 'tls')).toMatchObject({ kind: 'error' })
  expect(outcomeOf(new TransportError('timeout', 'no answer'), 'tls')).toMatchObject({ kind: 'error' })
  expect(outcomeOf(new PeerError('handshake', 'nonsense', { details: { reason: 'protocol' } }), 'tls')).toMatchObject({
    kind: 'error',
  })
  expect(() => outcomeOf(new TransportError('aborted', 'enough'), 'tls')).toThrow('enough')
  expect(() => outcomeOf(new RangeError('a bug of ours'), 'tls')).toThrow(RangeError)
})

describe('plain I/O', () => {
  const attempt: Attempt = { kind: 'plain-io', target, source: source('none') }

  test('that is let in is closed at once, and not a byte of it was sent', async () => {
    const log: string[] = []
    const host = new TargetHost({ device: plainDevice(target), log: ({ event }) => log.push(event) })
    await host.start()
    try {
      expect(await (await prober()).attempt(attempt)).toEqual({ kind: 'accepted' })
      expect(log.filter((event) => event.startsWith('connection-'))).toEqual(['connection-opened', 'connection-closed'])
    } finally {
      await host.close()
    }
  })

  test.each([
    ['the rule that forbids it', [0x0919], { kind: 'refused', form: 'rule' }],
    ['the want of a rule', [0x0918], { kind: 'refused', form: 'rule' }],
    ['a path that it does not know', [0x0315], { kind: 'undecided' }],
    ['no word of why', [], { kind: 'undecided' }],
  ])('refused for %s counts for what it says', async (_, extended, outcome) => {
    const device = plainDevice(target)
    const host = new TargetHost({
      device: new Proxy(device, {
        get(own, name) {
          if (name === 'request')
            return ({ service }: { service: number }) => ({ service, status: 1, extended, data: new Uint8Array(0) })
          const value: unknown = Reflect.get(own, name, own)
          return typeof value === 'function' ? value.bind(own) : value
        },
      }),
    })
    await host.start()
    try {
      expect(await (await prober()).attempt(attempt)).toMatchObject(outcome)
    } finally {
      await host.close()
    }
  })

  test('where no session opens says so', async () => {
    await tcp(44818, (socket) => socket.destroy())
    expect(await (await prober()).attempt(attempt)).toMatchObject({ kind: 'refused', form: 'closed' })
  })
})

describe('a gate', () => {
  test('lets at most so many in at once, and everybody in the end', async () => {
    const gate = new Gate(3, Number.POSITIVE_INFINITY)
    let inside = 0
    let most = 0
    const work = async () => {
      inside++
      most = Math.max(most, inside)
      await new Promise((resolve) => setImmediate(resolve))
      inside--
    }
    await Promise.all(Array.from({ length: 20 }, () => gate.run(work, () => {})))
    expect([inside, most]).toEqual([0, 3])
  })

  test('gives the place of one that failed to the next', async () => {
    const gate = new Gate(1, Number.POSITIVE_INFINITY)
    const failing = gate.run(
      () => Promise.reject(new Error('no')),
      () => {},
    )
    const next = gate.run(
      async () => 'in',
      () => {},
    )
    await expect(failing).rejects.toThrow('no')
    expect(await next).toBe('in')
  })

  test('does not begin what is not wanted any more', async () => {
    const gate = new Gate(1, Number.POSITIVE_INFINITY)
    const stop = () => {
      throw new Error('stop')
    }
    await expect(gate.run(() => Promise.resolve('made'), stop)).rejects.toThrow('stop')
  })
})
