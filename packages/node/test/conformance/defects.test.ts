import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodePem } from '@cordon/core/x509'
import { describe, expect, it } from 'vitest'
import { testAddress } from '../addresses.ts'
import {
  answering,
  around,
  between,
  command,
  deadlyBytes,
  deaf,
  reading,
  replying,
  status,
  tlsFront,
  withoutTls,
} from './defects.ts'
import {
  configuredStand,
  type Configured,
  factoryStand,
  type Hosting,
  type Interference,
  plainStand,
  run,
  type Stand,
} from './targets.ts'

let host = 100
const address = (): string => testAddress(host++)

/** A defect, the groups that are asked, and exactly the cases that must find it. */
interface Defect {
  readonly what: string
  readonly target: () => Promise<Stand>
  readonly interfere?: Interference
  readonly ask: readonly string[]
  readonly found: readonly string[]
}

const plain = (hosting: Hosting) => () => plainStand(address(), hosting)
const factory = (hosting: Hosting) => () => factoryStand(address(), hosting)
const configured = (options: Configured, hosting: Hosting) => () => configuredStand(address(), options, hosting)
const asItIs: Hosting = (device) => device

const known = new Set([0x00, 0x04, 0x63, 0x64, 0x65, 0x66, 0x6f, 0x70, 0xc8])

/** Rewrites encapsulation messages that come from the target. */
function frames(change: (bytes: Uint8Array) => Uint8Array): Interference {
  return between({ carriers: ['tcp'], in: (bytes) => (bytes.length < 24 ? bytes : change(bytes)) })
}

function withStatus(bytes: Uint8Array, value: number): Uint8Array {
  bytes[8] = value & 0xff
  bytes[9] = value >> 8
  return bytes
}

const defects: readonly Defect[] = [
  {
    what: 'an unknown attribute gets object does not exist',
    target: plain(answering(0x14, 0x16)),
    ask: ['router'],
    found: ['router.unknown-attribute', 'router.unknown-class-attribute'],
  },
  {
    what: 'an unknown class gets service not supported',
    target: plain(answering(0x05, 0x08)),
    ask: ['router'],
    found: ['router.unknown-class'],
  },
  {
    what: 'an unknown service gets attribute not supported',
    target: plain(answering(0x08, 0x14)),
    ask: ['router'],
    found: ['router.error-response-service', 'router.unknown-class-service', 'router.unknown-service'],
  },
  {
    what: 'replies lack bit 7 of their service',
    target: plain(asItIs),
    interfere: frames((bytes) => {
      if (command(bytes) === 0x6f && bytes.length > 40) bytes[40] = (bytes[40] ?? 0) & 0x7f
      return bytes
    }),
    ask: ['router'],
    found: ['router.reply-service', 'router.reply-service-refused'],
  },
  {
    what: 'a failed embedded service is reported as success',
    target: plain(answering(0x1e, 0x00)),
    ask: ['router'],
    found: ['router.multiple-failure'],
  },
  {
    what: 'an attribute is a byte short',
    target: factory(reading(0x5e, 1, 15, (value) => value.subarray(0, 1))),
    ask: ['attributes', 'consistency'],
    found: ['attributes.5e-15', 'consistency.5e-get-all-instance'],
  },
  {
    what: 'a state that does not exist',
    target: factory(reading(0x5d, 1, 1, () => Uint8Array.of(9))),
    ask: ['attributes'],
    found: ['attributes.5d-1'],
  },
  {
    what: 'a pre-shared key can be read',
    target: configured(
      { psk: true },
      reading(0x5e, 1, 5, (value) => Uint8Array.of(...value.subarray(0, 6), 4, 1, 2, 3, 4, 2)),
    ),
    ask: ['attributes'],
    found: ['attributes.5e-5'],
  },
  {
    what: 'the DTLS timeout is 0',
    target: factory(reading(0x5e, 1, 15, () => Uint8Array.of(0, 0))),
    ask: ['consistency'],
    found: ['consistency.5e-15-default', 'consistency.5e-15-range', 'consistency.5e-get-all-instance'],
  },
  {
    what: 'a suite is listed little-endian',
    target: factory(reading(0x5e, 1, 18, () => Uint8Array.of(1, 0x2b, 0xc0))),
    ask: ['consistency'],
    found: ['consistency.5e-18-known', 'consistency.5e-19-subset'],
  },
  {
    what: 'a factory-new target allows a suite without encryption',
    target: factory(
      reading(0x5e, 1, 4, (value) => Uint8Array.of((value[0] ?? 0) + 1, ...value.subarray(1), 0xc0, 0x06)),
    ),
    ask: ['consistency'],
    found: ['consistency.5e-4-default-confidential', 'consistency.5e-get-all-instance'],
  },
  {
    what: 'a read-only attribute takes a Set',
    target: plain(answering(0x0e, 0x00, ({ service, attribute }) => service === 0x10 && attribute === 1)),
    ask: ['access'],
    found: ['access.01-1-get-only'],
  },
  {
    what: 'a setting can be written outside of a configuration',
    target: factory(
      answering(0x0c, 0x00, ({ service, attribute, class: c }) => service === 0x10 && c === 0x5e && attribute === 9),
    ),
    ask: ['access'],
    found: ['access.5e-9-staged'],
  },
  {
    what: 'Begin_Config changes no state',
    target: factory(reading(0x5e, 1, 1, () => Uint8Array.of(0))),
    ask: ['services.5e*'],
    found: ['services.5e-begin-abort', 'services.5e-begin-seen', 'services.5e-reset-disables-pull'],
  },
  {
    what: 'Begin_Config is taken twice',
    target: factory(answering(0x0c, 0x00, ({ service, class: c }) => service === 0x4b && c === 0x5e)),
    ask: ['services'],
    found: ['services.5e-begin-twice'],
  },
  {
    what: 'a suite that is not available can be allowed',
    target: factory(answering(0x09, 0x00, ({ service, attribute }) => service === 0x10 && attribute === 4)),
    ask: ['services'],
    found: ['services.5e-set-unavailable-suite'],
  },
  {
    what: 'a configuration of a configured target may begin in plain',
    target: configured(
      {},
      answering(0x0f, 0x00, ({ service, class: c }) => service === 0x4b && c === 0x5d),
    ),
    ask: ['services.5d*', 'services.5e-begin*'],
    found: ['services.5d-begin-plain'],
  },
  {
    what: 'the static certificate can be deleted',
    target: factory(answering(0x2d, 0x00, ({ class: c }) => c === 0x5f)),
    ask: ['services.5f*'],
    found: ['services.5f-delete-static'],
  },
  {
    what: 'a wrong checksum is taken',
    target: factory(answering(0xd0, 0x00, ({ service, class: c }) => service === 0x50 && c === 0x37)),
    ask: ['files'],
    found: ['files.download-checksum'],
  },
  {
    what: 'the checksum attribute is the plain sum',
    target: factory(reading(0x37, 0x0101, 7, ([low = 0, high = 0]) => Uint8Array.of(~low & 0xff, ~high & 0xff))),
    ask: ['files'],
    found: ['files.upload-checksum'],
  },
  {
    what: 'a transfer of no bytes at a time is taken',
    target: factory(answering(0x20, 0x0c, ({ service }) => service === 0x4b)),
    ask: ['files'],
    found: ['files.upload-zero'],
  },
  {
    what: 'the same triad opens twice',
    target: plain(answering(0x01, 0x00, ({ service }, { extended }) => service === 0x54 && extended[0] === 0x0100)),
    ask: ['connections'],
    found: ['connections.duplicate'],
  },
  {
    what: 'a connection that is not there can be closed',
    target: plain(answering(0x01, 0x00, ({ service }, { extended }) => service === 0x4e && extended[0] === 0x0107)),
    ask: ['connections'],
    found: ['connections.close-twice', 'connections.close-unknown'],
  },
  {
    what: 'the vendor in an electronic key does not matter',
    target: plain(answering(0x01, 0x00, ({ service }, { extended }) => service === 0x54 && extended[0] === 0x0114)),
    ask: ['connections'],
    found: ['connections.key-product', 'connections.key-vendor'],
  },
  {
    what: 'multicast under DTLS is refused for another reason',
    target: factory(replying((reply) => (reply.extended[0] === 0x0124 ? { ...reply, extended: [0x0123] } : reply))),
    ask: ['io'],
    found: ['io.dtls-multicast-to'],
  },
  {
    what: 'a Forward_Open over TLS opens plain I/O',
    target: () => factoryStand(address(), asItIs, { allowTlsOpenedPlainIo: true }),
    ask: ['io'],
    found: ['io.tls-refused'],
  },
  {
    what: 'a session is not needed',
    target: plain(asItIs),
    interfere: frames((bytes) => (status(bytes) === 0x64 ? withStatus(bytes, 0) : bytes)),
    ask: ['encapsulation'],
    found: ['encapsulation.rr-without-session', 'encapsulation.rr-wrong-session', 'encapsulation.session-bound'],
  },
  {
    what: 'a version that it does not speak gets a session',
    target: plain(asItIs),
    interfere: frames((bytes) => (status(bytes) === 0x69 ? withStatus(bytes, 0) : bytes)),
    ask: ['encapsulation'],
    found: [0, 2, 0xffff].map((version) => `encapsulation.register-version-${version}`),
  },
  {
    what: 'a second session on the same connection',
    target: plain(asItIs),
    interfere: frames((bytes) => (command(bytes) === 0x65 && status(bytes) === 1 ? withStatus(bytes, 0) : bytes)),
    ask: ['encapsulation'],
    found: ['encapsulation.register-twice'],
  },
  {
    what: 'unknown commands are called poorly formed',
    target: plain(asItIs),
    interfere: frames((bytes) => (known.has(command(bytes)) ? bytes : withStatus(bytes, 3))),
    ask: ['encapsulation'],
    found: ['0001', '0005', '0099', 'ffff'].map((code) => `encapsulation.unknown-command-${code}`),
  },
  {
    what: 'the sender context of lists is not echoed',
    target: plain(asItIs),
    interfere: frames((bytes) => (command(bytes) === 0x04 || command(bytes) === 0x63 ? bytes.fill(0, 12, 20) : bytes)),
    ask: ['encapsulation'],
    found: ['encapsulation.context-listidentity', 'encapsulation.context-listservices'],
  },
  {
    what: 'a NOP is answered',
    target: plain(asItIs),
    interfere: between({
      carriers: ['tcp'],
      inject: (bytes) => (command(bytes) === 0 && bytes.length === 24 ? new Uint8Array(24) : undefined),
    }),
    ask: ['encapsulation'],
    found: ['encapsulation.nop'],
  },
  {
    what: 'requests with a status of their own are served',
    target: plain(asItIs),
    interfere: between({ carriers: ['tcp'], out: (bytes) => bytes.fill(0, 8, 12) }),
    ask: ['encapsulation'],
    found: ['encapsulation.status-discarded'],
  },
  {
    what: 'requests with options are served over UDP',
    target: plain(asItIs),
    interfere: between({ carriers: ['udp'], out: (bytes) => (bytes.length >= 24 ? bytes.fill(0, 20, 24) : bytes) }),
    ask: ['datagrams'],
    found: ['datagrams.options-discarded'],
  },
  {
    what: 'ListIdentity tells another serial number than the Identity object',
    target: plain((device) =>
      around(device, {
        listIdentity: () => {
          const data = device.listIdentity().slice()
          data[6 + 28] = ~(data[6 + 28] ?? 0)
          return data
        },
      }),
    ),
    ask: ['listing'],
    found: ['listing.identity-serial-number'],
  },
  {
    what: 'ListIdentity tells a port as closed that is open',
    target: factory((device) =>
      around(device, {
        listIdentity: () => {
          const data = device.listIdentity().slice()
          const at = indexOf(data, [0x86, 0x00, 0x07, 0x00])
          data[at + 4 + 4] = (data[at + 8] ?? 0) ^ 0b100
          return data
        },
      }),
    ),
    ask: ['listing'],
    found: ['listing.security-item-port-2222-udp'],
  },
  {
    what: 'a suite that is not allowed is accepted',
    target: configured(
      {},
      reading(0x5e, 1, 4, () => Uint8Array.of(1, 0xc0, 0x2c)),
    ),
    ask: ['suites'],
    found: ['c023', 'c02b'].flatMap((suite) => [`suites.dtls-${suite}`, `suites.tls-${suite}`]),
  },
  {
    what: 'a suite that is allowed is refused',
    target: configured({}, (device) =>
      around(device, { security: () => ({ ...device.security(), suites: [0xc02c, 0xc02b] }) }),
    ),
    ask: ['suites'],
    found: ['suites.dtls-c023', 'suites.tls-c023'],
  },
  {
    what: 'no client certificate is demanded though one must be',
    target: configured({}, (device) =>
      around(device, { security: () => ({ ...device.security(), verifyPeer: false }) }),
    ),
    ask: ['credentials'],
    found: [
      'credentials.dtls-nobody',
      'credentials.dtls-stranger',
      'credentials.request',
      'credentials.request-dtls',
      'credentials.tls-nobody',
      'credentials.tls-stranger',
    ],
  },
  {
    what: 'no client certificate is demanded though one must be, and strangers get no answer',
    target: configured({}, (device) =>
      around(device, { security: () => ({ ...device.security(), verifyPeer: false }) }),
    ),
    interfere: deaf((way) => 'as' in way && way.as !== 'own'),
    ask: ['credentials.dtls-stranger', 'credentials.tls-stranger'],
    found: ['credentials.dtls-stranger', 'credentials.tls-stranger'],
  },
  {
    what: 'a plain port stays open after it was closed',
    target: configured({ closed: [{ port: 44818, protocol: 'tcp' }] }, (device) =>
      around(device, { ports: () => device.ports().map((each) => ({ ...each, open: true })) }),
    ),
    ask: ['ports'],
    found: ['ports.44818-tcp'],
  },
  {
    what: 'a port that should be open is not',
    target: factory((device) =>
      around(device, {
        ports: () =>
          device
            .ports()
            .map((each) => ({ ...each, open: each.open && !(each.port === 2221 && each.protocol === 'udp') })),
      }),
    ),
    ask: ['ports'],
    found: ['ports.2221-udp'],
  },
  {
    what: 'replies in item 0x8003 look like requests',
    target: factory(asItIs),
    interfere: between({ carriers: ['dtls'], in: (bytes) => (bytes[2] === 3 ? bytes.fill(0, 7, 8) : bytes) }),
    ask: ['dtls'],
    found: ['dtls.message-type'],
  },
]

function indexOf(bytes: Uint8Array, part: readonly number[]): number {
  return bytes.findIndex((_, at) => part.every((byte, i) => bytes[at + i] === byte))
}

describe('a planted defect is found by the cases about it, and by no other:', () => {
  it.each(defects)('$what', async ({ target, interfere, ask, found }) => {
    await using stand = await target()
    const { results } = await run(stand.target, ask, {}, interfere)
    const failed = results.filter(({ finding }) => finding.verdict === 'fail' || finding.verdict === 'error')
    expect(failed.map(({ id }) => id).sort()).toEqual([...found].sort())
  })

  it('there are at least 25 of them', () => expect(defects.length).toBeGreaterThanOrEqual(25))
})

describe('a lenient TLS server in front of a device', () => {
  const lenient = { ciphers: 'ALL:COMPLEMENTOFALL:@SECLEVEL=0', minVersion: 'TLSv1', maxVersion: 'TLSv1.2' } as const

  it.each([
    [
      'speaks old versions and foreign suites',
      lenient,
      ['tls.version-1-0', 'tls.version-1-1', 'suites.tls-foreign-c009'],
    ],
    ['renegotiates', { ...lenient, minVersion: 'TLSv1.2' }, ['tls.renegotiation-refused']],
    ['speaks TLS 1.3', { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3' }, ['tls.version-1-3']],
  ] as const)('that %s is found', async (_, options, expected) => {
    await using stand = await factoryStand(address(), withoutTls)
    await using _front = await tlsFront(stand.device, options)
    const { results } = await run(stand.target, ['tls.version*', 'tls.renegotiation-refused', 'suites.tls-foreign*'])
    const failed = results.filter(({ finding }) => finding.verdict === 'fail').map(({ id }) => id)
    expect(failed).toEqual(expect.arrayContaining([...expected]))
  })
})

const openssl = spawnSync('openssl', ['version'], { encoding: 'utf8' }).stdout

describe.skipIf(openssl === null || openssl === '')(
  'a DTLS server of OpenSSL that was not made for CIP Security',
  () => {
    it('is found to ask for no cookie, and cases about CIP are not run', async () => {
      const target = address()
      await using stand = await factoryStand(address())
      const { chain, key } = stand.device.security()
      const directory = await mkdtemp(join(tmpdir(), 'conformance-'))
      await writeFile(join(directory, 'cert.pem'), encodePem('CERTIFICATE', chain[0] ?? new Uint8Array(0)))
      await writeFile(join(directory, 'key.pem'), encodePem('PRIVATE KEY', key), { mode: 0o600 })
      const server = spawn(
        'openssl',
        ['s_server', '-dtls1_2', '-accept', `${target}:2221`, '-cert', 'cert.pem', '-key', 'key.pem'],
        { cwd: directory, stdio: ['pipe', 'pipe', 'ignore'] },
      )
      try {
        // It says ACCEPT when it listens; what it says later must not fill the pipe.
        await once(server.stdout, 'data')
        server.stdout.resume()
        const { results, facts } = await run(
          { address: target, pin: 'any' },
          ['dtls.cookie', 'router', 'suites.dtls-c02b'],
          { patience: { answerMs: 5000, quietMs: 250 } },
        )
        expect(facts).toMatchObject({ tcp: false, tls: false, dtls: true, session: undefined })
        const verdict = (id: string) => results.find((each) => each.id === id)?.finding.verdict
        expect(verdict('dtls.cookie')).toBe('fail')
        expect(verdict('router.unknown-class')).toBe('not run')
        expect(verdict('suites.dtls-c02b')).toBe('not run')
      } finally {
        server.kill()
        await rm(directory, { recursive: true })
      }
    })
  },
)

describe('a target that falls silent', () => {
  it('fails the case that silenced it, and nothing more is asked', async () => {
    await using stand = await plainStand(address())
    const deadly = deadlyBytes((bytes) => command(bytes) === 0x0099)
    const { results } = await run(stand.target, ['encapsulation'], { recoveryMs: 300 }, deadly)
    const at = results.findIndex(({ finding }) => finding.verdict === 'fail')
    expect(results[at]?.id).toBe('encapsulation.unknown-command-0099')
    expect(results[at]?.finding).toMatchObject({
      got: expect.stringContaining('does not answer any more after case encapsulation.unknown-command-0099') as string,
    })
    expect(new Set(results.slice(at + 1).map(({ finding }) => finding.verdict))).toEqual(new Set(['not run']))
  })
})
