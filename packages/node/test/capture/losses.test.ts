import { CaptureSecrets, readabilityText } from '@cordon/core/capture'
import { nodeRecordCrypto } from '@cordon/node/capture'
import { Session } from '@cordon/tls'
import { describe, expect, test } from 'vitest'
import { VirtualLink } from '../../../tls/test/virtual-link.ts'
import {
  contexts,
  flow,
  payloads,
  record,
  rsaServer,
  type Sent,
  secretsWith,
  slices,
  text,
  watch,
  type WatchSettings,
} from './conversations.ts'

const said = Array.from({ length: 12 }, (_, i) => `${i} `.repeat(40 + 90 * i))

const conversation = (suite = 0xc02b, messages: readonly string[] = said) => {
  const { server, client } = contexts('tls', suite, true)
  return record(server, client, messages.map(text))
}

/** The bytes of a stream that a capture lacks, as the pieces of the network part. */
function withHole(wire: readonly Sent[], piece: number, start: number, length: number, settings: WatchSettings) {
  const cut = wire.flatMap(({ side, bytes }, i) =>
    i === piece
      ? [
          { side, bytes: bytes.subarray(0, start), lost: false },
          { side, bytes: bytes.subarray(start, start + length), lost: true },
          { side, bytes: bytes.subarray(start + length), lost: false },
        ]
      : [{ side, bytes, lost: false }],
  )
  return watch('tls', cut, { ...settings, lose: (index) => cut[index]?.lost === true })
}

describe.each([0xc02b, 0xc023, 0xcca9, 0xc006])('a TLS stream with missing bytes, suite %i', (suite) => {
  const { wire, keyLog } = conversation(suite)
  const first = wire.length - said.length

  test('goes on behind a hole within one record', () => {
    const seen = withHole(wire, first + 4, 9, 30, { keyLog })
    const expected = said.filter((_, i) => i !== 4)
    expect(payloads(seen)).toEqual(expected)
    expect([seen.gaps, seen.report.wrongMacs]).toEqual([1, 0])
    expect(seen.report.readable).toMatchObject({ yes: true })
  })

  test('goes on behind lost records, however many, and finds their number', () => {
    const seen = watch('tls', wire, { keyLog, lose: (i) => i === first + 2 || i === first + 4 || i === first + 5 })
    expect(payloads(seen)).toEqual(said.filter((_, i) => i !== 2 && i !== 4 && i !== 5))
    expect([seen.gaps, seen.report.wrongMacs]).toEqual([3, 0])
  })

  test('goes on at the next record behind a hole that ends within one', () => {
    const lost = [
      { side: 'client', bytes: wire[first + 2]?.bytes ?? new Uint8Array() },
      { side: 'client', bytes: (wire[first + 4]?.bytes ?? new Uint8Array()).subarray(0, 50) },
    ] as const
    const cut = [
      ...wire.slice(0, first + 2),
      ...lost,
      { side: 'client', bytes: (wire[first + 4]?.bytes ?? new Uint8Array()).subarray(50) } as const,
      ...wire.slice(first + 6).filter(({ side }) => side === 'client'),
    ]
    const seen = watch('tls', cut, { keyLog, lose: (_, sent) => lost.some((each) => each === sent) })
    expect(payloads(seen)).toEqual(said.filter((_, i) => i < 2 || (i > 4 && i % 2 === 0)))
  })

  test('is read from the Change Cipher Spec on where that one is missing', () => {
    const change = wire.findIndex(({ side }, i) => side === 'client' && i > 0)
    const bytes = wire[change]?.bytes ?? new Uint8Array()
    const at = bytes.findIndex(
      (byte, i) => byte === 20 && bytes[i + 1] === 3 && bytes[i + 4] === 1 && bytes[i + 5] === 1,
    )
    expect(at).toBeGreaterThan(0)
    const seen = withHole(wire, change, at, bytes.length - at, { keyLog })
    expect(payloads(seen)).toEqual(said)
  })
})

describe('a TLS stream', () => {
  test('whose hole lies within a record is not led astray by what the rest of it looks like', () => {
    // A record within a record: its end is that of the outer one, the MAC of 20 bytes included.
    const { server, client } = contexts('tls', 0xc006, true)
    const inner = new Uint8Array(100).fill(0x61)
    inner.set([23, 3, 3, 0, 100 - 65 + 20], 60)
    const { wire } = record(server, client, [text('before'), text('before'), inner, text('after'), text('after')])
    const seen = withHole(wire, wire.length - 3, 10, 20, {})
    expect(payloads(seen)).toEqual(['before', 'before', 'after', 'after'])
  })

  test('of an extended master secret whose handshake has a hole says that the private key is not enough', () => {
    const { wire } = conversation(0x003c)
    const server = wire.findIndex(({ side }) => side === 'server')
    const seen = withHole(wire, server, 300, 10, { secrets: secretsWith('', [rsaServer.key]) })
    expect(readabilityText(seen.report.readable)).toContain('bytes of the handshake are missing')
  })

  test('that is none is reported as none, and given up', () => {
    const http = { side: 'client', bytes: text('GET / HTTP/1.1\r\n'.repeat(20_000)) } as const
    const seen = watch('tls', [http], { slice: slices() })
    expect([seen.steps, seen.application]).toEqual([[], []])
    expect(seen.report.problems).toEqual([
      'the first bytes of the client are no TLS record',
      'no TLS record was found in 262144 bytes of the client: the rest is not read',
    ])
  })

  test('that begins anew after a beginning that was missed is read from there', () => {
    const old = conversation(0xc02b)
    const next = conversation(0xc023)
    const seen = watch('tls', [...old.wire.slice(-2), ...next.wire], { keyLog: old.keyLog + next.keyLog })
    expect(payloads(seen)).toEqual([undefined, undefined, ...said])
    expect(seen.report.client).toBe('client')
  })
})

/** A handshake and messages over a lossy link in virtual time; all that was sent, also what was lost on the way behind the tap. */
function lossy(seed: number, mtu: number): { wire: Sent[]; keyLog: string } {
  const { server, client } = contexts(
    'dtls',
    0xc02b,
    true,
    { mtu, virtualTime: true, retransmitMs: 50 },
    { mtu, virtualTime: true, retransmitMs: 50 },
  )
  const ends = { client: new Session(client), server: new Session(server) }
  const wire: Sent[] = []
  for (const side of ['client', 'server'] as const) {
    const take = ends[side].takeOutput.bind(ends[side])
    ends[side].takeOutput = () => {
      const output = take()
      wire.push(...output.map((bytes) => ({ side, bytes: bytes.slice() })))
      return output
    }
  }
  const link = new VirtualLink(ends.client, ends.server, seed, { loss: 0.25, duplication: 0, jitter: 20 })
  ends.client.start(0)
  const established = () => ends.client.state === 'established' && ends.server.state === 'established'
  if (!link.run(established)) throw new Error(`no handshake with seed ${seed}`)
  ends.client.write(text('at last'))
  link.collect()
  const keyLog = ends.client
    .takeEvents()
    .flatMap((event) => (event.kind === 'keylog' ? [`${event.line}\n`] : []))
    .join('')
  return { wire, keyLog }
}

describe('a DTLS handshake on a bad network', () => {
  test.each([1, 2, 3, 4, 5, 6])('is read through fragments and retransmissions, seed %i', (seed) => {
    const { wire, keyLog } = lossy(seed, 300)
    const seen = watch('dtls', wire, { keyLog })
    const fresh = seen.steps.filter(({ retransmission }) => retransmission === undefined)
    expect(new Set(flow(fresh)).size).toBe(fresh.length)
    expect(flow(fresh).filter((step) => !step.includes('Ticket'))).toEqual([
      'client: Client Hello',
      'server: Server Hello',
      'server: Certificate',
      'server: Server Key Exchange',
      'server: Certificate Request',
      'server: Server Hello Done',
      'client: Certificate',
      'client: Client Key Exchange',
      'client: Certificate Verify',
      'client: Change Cipher Spec',
      'client: Finished',
      'server: Change Cipher Spec',
      'server: Finished',
    ])
    expect(payloads(seen)).toEqual(['at last'])
    expect(seen.report.problems).toEqual([])
    expect(seen.report.retransmissions).toBe(seen.steps.length - fresh.length)
  })

  test('has retransmissions, or the test above shows nothing', () => {
    const counts = [1, 2, 3, 4, 5, 6].map((seed) => {
      const { wire, keyLog } = lossy(seed, 300)
      return watch('dtls', wire, { keyLog }).report.retransmissions
    })
    expect(counts.filter((count) => count > 0).length).toBeGreaterThan(3)
  })
})

describe('a DTLS association', () => {
  const { server, client } = contexts('dtls', 0xc02b, true)
  const { wire, keyLog } = record(
    server,
    client,
    said.map((message) => text(message.slice(0, 1000))),
  )
  const short = said.map((message) => message.slice(0, 1000))
  const first = wire.length - said.length

  test('is read out of order, and a record that comes twice is handed on once', () => {
    const data = wire.slice(first)
    const seen = watch('dtls', [...wire.slice(0, first), ...data.toReversed(), ...data], { keyLog })
    expect(payloads(seen)).toEqual(short.toReversed())
    expect(seen.report.repeatedRecords).toBe(data.length)
  })

  test('goes on where datagrams are missing', () => {
    const seen = watch(
      'dtls',
      wire.filter((_, i) => i !== first + 1),
      { keyLog },
    )
    expect(payloads(seen)).toEqual(short.filter((_, i) => i !== 1))
  })

  test('is not hidden by forged records', () => {
    const forged = wire
      .slice(first)
      .map(({ side, bytes }) => ({ side, bytes: bytes.map((b, i) => (i > 20 ? b ^ 1 : b)) }))
    const seen = watch('dtls', [...wire.slice(0, first), ...forged, ...wire.slice(first)], { keyLog })
    expect(payloads(seen)).toEqual([...short.map(() => undefined), ...short])
  })

  test('is still followed when a whole flight of its handshake is missing in the capture', () => {
    const flight = wire.findIndex(({ side, bytes }) => side === 'server' && bytes.length > 200)
    const seen = watch(
      'dtls',
      wire.filter((_, i) => i !== flight),
      { keyLog },
    )
    expect(readabilityText(seen.report.readable)).toMatch(/^(no: the capture has no Server Hello|yes: key log)/)
    expect(flow(seen.steps)).toContain('client: Change Cipher Spec')
  })

  test('begins anew with a client that restarted', () => {
    const next = record(server, client, [text('after')])
    const seen = watch('dtls', [...wire, ...next.wire], { keyLog: keyLog + next.keyLog })
    expect(payloads(seen)).toEqual([...short, 'after'])
    expect(seen.report.handshakes).toBe(2)
  })

  test('holds several records in one datagram', () => {
    const data = wire.slice(first).filter(({ side }) => side === 'client')
    const joined = { side: 'client', bytes: new Uint8Array(data.flatMap(({ bytes }) => [...bytes])) } as const
    const seen = watch('dtls', [...wire.slice(0, first), joined], { keyLog })
    expect(payloads(seen)).toEqual(short.filter((_, i) => i % 2 === 0))
  })

  test('is told from other datagrams', () => {
    const seen = watch('dtls', [{ side: 'client', bytes: text('not DTLS at all') }])
    expect(seen.report.problems).toEqual(['a datagram of the client is no DTLS record'])
  })
})

describe('forged records behind gaps', () => {
  test('are tried a limited number of times, however many gaps there are', () => {
    const { wire, keyLog } = conversation(0xc02b, ['one'])
    let tried = 0
    const secrets = new CaptureSecrets({
      ...nodeRecordCrypto,
      openAead: (...sealed) => {
        tried++
        return nodeRecordCrypto.openAead(...sealed)
      },
    })
    secrets.keyLog.add(keyLog)
    const gaps = 100
    const forged = Uint8Array.of(23, 3, 3, 0, 40, ...new Uint8Array(40).fill(7))
    const attack = Array.from({ length: gaps }, (): Sent[] => [
      { side: 'client', bytes: new Uint8Array(20_000) },
      { side: 'client', bytes: forged },
    ]).flat()
    const seen = watch('tls', [...wire, ...attack], { secrets, lose: (_, { bytes }) => bytes.length === 20_000 })
    expect(seen.gaps).toBe(gaps)
    // Eight records are tried, each with the numbers of at most 256 lost ones.
    expect(tried).toBeLessThanOrEqual(20 + 8 * 257)
    expect(seen.report.application.client).toMatchObject({ records: 1 + gaps, read: 1 })
  })
})
