import { describe, expect, it } from 'vitest'
import { Session } from '../lib/index.ts'
import { clientContext, gcm, identity, psk, pskCbc, serverContext, text } from './pair.ts'
import { issue } from './pki.ts'
import { VirtualLink, type Weather } from './virtual-link.ts'

const root = await issue({ ca: true })
const device = await issue({ subject: 'CN=device' }, root)
const plant = await issue({ subject: 'CN=plant' }, root)
const common = { anchors: [root.der], virtualTime: true, handshakeTimeoutMs: 600_000, retransmitMs: 1000, mtu: 400 }
const contexts = {
  certificate: {
    server: serverContext('dtls', {
      ...common,
      identity: identity(device, root),
      verify: { peer: 'require' },
      suites: [gcm],
    }),
    client: clientContext('dtls', { ...common, identity: identity(plant, root), suites: [gcm] }),
  },
  psk: {
    server: serverContext('dtls', { ...common, suites: [pskCbc], psk: psk() }),
    client: clientContext('dtls', { ...common, suites: [pskCbc], psk: psk() }),
  },
}

function meet(kind: keyof typeof contexts, seed: number, weather: Weather) {
  const { server, client } = contexts[kind]
  const ends = { client: new Session(client), server: new Session(server) }
  const link = new VirtualLink(ends.client, ends.server, seed, weather)
  ends.client.start(0)
  const isDone = () => ends.client.state === 'established' && ends.server.state === 'established'
  return { ...ends, link, isDone: link.run(isDone) }
}

const seeds = Array.from({ length: 12 }, (_, index) => index + 1)

describe('a DTLS handshake on a bad network', () => {
  it.each(seeds)(
    'comes to its end with every fifth datagram lost, some twice and all out of order (seed %i)',
    (seed) => {
      const { client, server, link, isDone } = meet('certificate', seed, { loss: 0.2, duplication: 0.2, jitter: 50 })
      expect([isDone, client.state, server.state]).toEqual([true, 'established', 'established'])
      link.weather = { loss: 0, duplication: 0.5, jitter: 20 }
      client.write(text('through'))
      let got: string[] = []
      link.run(() => {
        got = [...got, ...server.takeEvents().flatMap((event) => (event.kind === 'data' ? [String(event.bytes)] : []))]
        return got.length > 0
      }, link.now + 1000)
      link.run(() => false, link.now + 1000)
      got = [...got, ...server.takeEvents().flatMap((event) => (event.kind === 'data' ? [String(event.bytes)] : []))]
      expect(got).toEqual([String(text('through'))])
    },
  )

  it.each(seeds.slice(0, 6))('does so with a pre-shared key and a third lost (seed %i)', (seed) => {
    const { isDone, link } = meet('psk', seed, { loss: 0.33, duplication: 0, jitter: 5 })
    expect(isDone).toBe(true)
    expect(link.sent).toBeGreaterThan(link.lost)
  })

  it('needs no retransmission where nothing is lost', () => {
    const { link, isDone } = meet('psk', 1, { loss: 0, duplication: 0, jitter: 0 })
    expect([isDone, link.now < 1000]).toEqual([true, true])
  })

  it('gives up where nothing arrives', () => {
    const { client, isDone, link } = meet('psk', 1, { loss: 1, duplication: 0, jitter: 0 })
    expect(isDone).toBe(false)
    expect(client.state).toBe('failed')
    const events = client.takeEvents()
    expect(events.at(-1)).toMatchObject({ kind: 'failed', code: 'handshake-timeout' })
    // Twelve repetitions at 1, 2, 4, … 60 s: 1 + 2 + 4 + 8 + 16 + 32 + 6 × 60 = 423 s, and one more wait of 60 s.
    expect(link.now).toBe(483_000)
    expect(link.sent).toBe(13)
  })
})
