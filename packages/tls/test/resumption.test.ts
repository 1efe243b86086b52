import { describe, expect, it } from 'vitest'
import { type Context, Session } from '../lib/index.ts'
import {
  clientContext,
  established,
  exchange,
  gcm,
  handshake,
  identity,
  makePair,
  type Pair,
  protocols,
  psk,
  pskCbc,
  received,
  serverContext,
  text,
} from './pair.ts'
import { issue } from './pki.ts'

const root = await issue({ ca: true })
const device = await issue({ subject: 'CN=device' }, root)
const plant = await issue({ subject: 'CN=plant' }, root)

const mutual = { anchors: [root.der], verify: { peer: 'require' } } as const
const server = (protocol: 'tls' | 'dtls', more = {}) =>
  serverContext(protocol, { ...mutual, identity: identity(device), ...more })
const client = (protocol: 'tls' | 'dtls', more = {}) =>
  clientContext(protocol, { ...mutual, identity: identity(plant), ...more })

function ticketOf(pair: Pair) {
  const ticket = pair.client.ticket()
  if (ticket === undefined) throw new Error('no ticket')
  return ticket
}

function resume(accepting: Context, asking: Context, first: Pair): Pair {
  return established(accepting, asking, { resume: ticketOf(first) })
}

const resumed = ({ client: one, server: two }: Pair) => [one.info?.resumed, two.info?.resumed]

describe.each(protocols)('%s resumption', (protocol) => {
  it('spares the certificates and keeps the identity', () => {
    const [accepting, asking] = [server(protocol), client(protocol)]
    const again = resume(accepting, asking, established(accepting, asking))
    expect(resumed(again)).toEqual([true, true])
    expect(again.server.info?.peerChain).toEqual([plant.der])
    expect(again.client.info?.suite).toBe(gcm)
    again.client.write(text('again'))
    exchange(again)
    expect(received(again.server)).toEqual(['again'])
  })

  it('never crosses into another context, not even an equal one', () => {
    const [accepting, asking] = [server(protocol), client(protocol)]
    const first = established(accepting, asking)
    expect(resumed(resume(server(protocol), asking, first))).toEqual([false, false])
    expect(() => new Session(client(protocol), { resume: ticketOf(first) })).toThrow(
      expect.objectContaining({ code: 'wrong-context' }),
    )
  })

  it('ends with the server’s context', () => {
    const [accepting, asking] = [server(protocol), client(protocol)]
    const first = established(accepting, asking)
    const ticket = ticketOf(first)
    accepting.close()
    expect(resumed(established(server(protocol), asking, { resume: ticket }))).toEqual([false, false])
  })

  it('is refused by a context that allows none, and offered by none', () => {
    const asking = client(protocol)
    const pair = established(server(protocol, { resumption: false }), asking)
    const again = established(server(protocol, { resumption: false }), asking, { resume: ticketOf(pair) })
    expect(resumed(again)).toEqual([false, false])
    expect(established(server(protocol), client(protocol, { resumption: false })).client.ticket()).toBeUndefined()
  })

  it('works for pre-shared keys and reports the identity', () => {
    const options = { suites: [pskCbc], psk: psk('line') }
    const [accepting, asking] = [serverContext(protocol, options), clientContext(protocol, options)]
    const again = resume(accepting, asking, established(accepting, asking))
    expect(resumed(again)).toEqual([true, true])
    expect(again.server.info?.pskIdentity).toEqual(text('line'))
  })

  it('survives a session that was destroyed without closing', () => {
    const [accepting, asking] = [server(protocol), client(protocol)]
    const first = established(accepting, asking)
    const ticket = ticketOf(first)
    first.client.destroy()
    first.server.destroy()
    expect(resumed(established(accepting, asking, { resume: ticket }))).toEqual([true, true])
  })

  it('exports other keying material than the session before', () => {
    const [accepting, asking] = [server(protocol), client(protocol)]
    const first = established(accepting, asking)
    const again = resume(accepting, asking, first)
    const exported = again.client.exportKeyingMaterial('EXPORTER-x', 32)
    expect(again.server.exportKeyingMaterial('EXPORTER-x', 32)).toEqual(exported)
    expect(first.client.exportKeyingMaterial('EXPORTER-x', 32)).not.toEqual(exported)
  })

  it('falls back to a full handshake when the server does not know the ticket', () => {
    const asking = client(protocol)
    const ticket = ticketOf(established(server(protocol), asking))
    const pair = handshake(makePair(server(protocol), asking, {}, { resume: ticket }))
    expect(resumed(pair)).toEqual([false, false])
    expect(pair.client.state).toBe('established')
  })
})
