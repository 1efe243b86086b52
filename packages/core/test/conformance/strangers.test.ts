import { type Arrival, type Line, selectCases } from '@cordon/core/conformance'
import { describe, expect, it } from 'vitest'
import { against, type Contrary } from './contrary.ts'

/** Attribute 9 of 0x5E reads TRUE: strangers must stay outside. */
const demanding: Contrary = {
  name: 'demands a certificate',
  encapsulation: 0,
  status: 0,
  data: new Uint8Array(64).fill(0xff),
  talks: true,
  accepts: true,
  state: 2,
}

const silence: Arrival = { kind: 'silence' }
const alert: Arrival = { kind: 'closed', reason: 'alert bad_certificate' }
const answer: Arrival = { kind: 'bytes', bytes: Uint8Array.of(1) }

/** How a case about a stranger ends whose handshake is finished, and how often was asked; in the end nothing comes. */
async function finished(id: string, version: string, ...arrivals: readonly Arrival[]) {
  const [each] = selectCases([id])
  if (each === undefined) throw new Error(`no case ${id}`)
  let sent = 0
  const line: Line = {
    boundaries: version.startsWith('DTLS') ? 'datagram' : 'stream',
    security: { suite: 0xc02b, version, encrypts: true, peerChain: [] },
    localPort: 50_000,
    send: () => void sent++,
    receive: () => Promise.resolve(arrivals[sent - 1] ?? silence),
    close: () => undefined,
  }
  const verdict = await against(demanding, each, (port) => ({
    ...port,
    open: (way) => ('as' in way && way.as !== 'own' ? Promise.resolve({ kind: 'open', line }) : port.open(way)),
  }))
  return { verdict, sent }
}

describe('a stranger whose handshake is finished', () => {
  it.each(['credentials.tls-nobody', 'credentials.tls-stranger', 'credentials.tls-psk'])(
    'is inside, though nothing is answered over TLS 1.2: %s',
    async (id) => {
      expect(await finished(id, 'TLSv1.2')).toEqual({ verdict: 'fail', sent: 1 })
      expect(await finished(id, 'TLSv1.2', alert)).toEqual({ verdict: 'pass', sent: 1 })
    },
  )

  it.each(['credentials.dtls-nobody', 'credentials.dtls-stranger', 'credentials.dtls-psk'])(
    'is inside, though nothing is answered to three datagrams over DTLS 1.2: %s',
    async (id) => {
      expect(await finished(id, 'DTLSv1.2')).toEqual({ verdict: 'fail', sent: 3 })
      expect(await finished(id, 'DTLSv1.2', silence, silence, answer)).toEqual({ verdict: 'fail', sent: 3 })
      expect(await finished(id, 'DTLSv1.2', silence, alert)).toEqual({ verdict: 'pass', sent: 2 })
    },
  )

  it('may be outside in TLS 1.3, where it is finished before it is judged', async () => {
    expect(await finished('credentials.tls-nobody', 'TLSv1.3')).toEqual({ verdict: 'inconclusive', sent: 1 })
    expect(await finished('credentials.tls-nobody', 'TLSv1.3', answer)).toEqual({ verdict: 'fail', sent: 1 })
  })
})
