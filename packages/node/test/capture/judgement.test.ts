import { path } from '@cordon/core/cip'
import { type CaptureJudgement, judgeCapture } from '@cordon/core/capture'
import { indexPlant, parsePlant } from '@cordon/core/policy'
import { describe, expect, it } from 'vitest'
import { issue } from '../../../tls/test/pki.ts'
import { datagram, reply, request, unconnected } from '../../../core/test/capture/cip/made.ts'
import { udpFrame } from '../../../core/test/capture/packets.ts'
import { analyze, Tape } from '../../../core/test/capture/tape.ts'
import { contexts, ecdsaClient, type Recorded, record, root, type Sent } from './conversations.ts'

const text = `version: 1
plant: line
manager: Manager
nonSecure: allow
zones:
  line:  { authentication: certificate, messaging: confidentiality, io: integrity, nonSecure: allow }
  other: { authentication: certificate, messaging: confidentiality, io: integrity, nonSecure: allow }
devices:
  PLC:     { address: 192.0.2.1, zone: line }
  Drive:   { address: 192.0.2.2, zone: line, role: target }
  Robot:   { address: 192.0.2.3, zone: other }
  Manager: { address: 192.0.2.9, zone: line, role: originator }
`
const { plant, problems } = parsePlant(text, 'plant.yaml')
if (plant === undefined) throw new Error(problems.map(({ message }) => message).join())
const index = indexPlant(plant)

const [plc, drive, robot, manager] = ['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.9']
const gcm = 0xc02b
const nullSuite = 0xc006
const asked = unconnected(request(0x10, path({ class: 1, instance: 1, attribute: 7 }), new Uint8Array(20)))
const answered = unconnected(reply(0x10))

/** A session of real OpenSSL, with a request and its answer. */
const session = (...args: Parameters<typeof contexts>): Recorded => {
  const { server, client } = contexts(...args)
  return record(server, client, args[0] === 'tls' ? [asked, answered] : [datagram(9, 1), datagram(8, 1)])
}

const judge = (tape: Tape, anchors: readonly Uint8Array[] = [root.der]): CaptureJudgement =>
  judgeCapture(analyze(tape.bytes, undefined, anchors), index)

const tls = (from: string, to: string, wire: readonly Sent[]): Tape => new Tape().stream(from, to, 2221, wire)

/** Datagrams between the ports 2221 of two devices. */
const dtls = (from: string, to: string, wire: readonly Sent[]): Tape => {
  const tape = new Tape()
  for (const { side, bytes } of wire) {
    const [source, destination] = side === 'client' ? [from, to] : [to, from]
    tape.add(udpFrame(source, 2221, destination, 2221, bytes))
  }
  return tape
}

const turned = (wire: readonly Sent[]): readonly Sent[] =>
  wire.map(({ side, bytes }) => ({ side: side === 'client' ? 'server' : 'client', bytes }))

describe('a TLS session, measured against the plant file', () => {
  const good = session('tls', gcm, true)

  it('is allowed with the suite and the certificates that are promised', () => {
    expect(judge(tls(plc, drive, good.wire))).toMatchObject({ verdict: 'obeys', flows: [{ verdict: 'allowed' }] })
  })

  it('is forbidden, not refused, where its hellos are missing and data went on', () => {
    const lose = (_: string, index: number): boolean => index >= 0 && index < 4
    const tape = new Tape().stream(plc, robot, 2221, good.wire, { lose })
    expect(judge(tape)).toMatchObject({ verdict: 'disobeys', flows: [{ verdict: 'forbidden' }] })
    const promised = new Tape().stream(plc, drive, 2221, good.wire, { lose })
    expect(judge(promised)).toMatchObject({ verdict: 'incomplete', flows: [{ verdict: 'not-judged' }] })
  })

  it('is forbidden where only the client was captured', () => {
    const lose = (side: string): boolean => side === 'server'
    expect(judge(new Tape().stream(plc, robot, 2221, good.wire, { lose })).flows).toMatchObject([
      { verdict: 'forbidden' },
    ])
  })

  it('is refused where an alert ended its handshake, and nothing is missing', () => {
    const { server, client } = contexts('tls', gcm, true, {}, { anchors: [ecdsaClient.der] })
    expect(judge(tls(plc, robot, record(server, client).wire))).toMatchObject({
      verdict: 'obeys',
      flows: [{ verdict: 'refused' }],
    })
  })

  it('is weaker where it gives integrity only, for the manager too', () => {
    const { wire } = session('tls', nullSuite, true)
    for (const from of [plc, manager])
      expect(judge(tls(from, drive, wire)).flows).toMatchObject([{ verdict: 'weaker', protection: 'Authenticated' }])
  })

  it('is no plain data where the capture begins within a NULL suite', () => {
    const { wire } = session('tls', nullSuite, true)
    const tape = new Tape().stream(plc, drive, 2221, wire, { lose: (_, place) => place < wire.length - 2 })
    expect(analyze(tape.bytes).conversations).toMatchObject([{ content: 'tls', plain: undefined }])
  })

  it('is weaker with a pre-shared key where certificates are promised', () => {
    expect(judge(tls(plc, drive, session('tls', 0xc037, false).wire)).flows).toMatchObject([
      { verdict: 'weaker', reason: expect.stringContaining('pre-shared key') as string },
    ])
  })

  it('is weaker with a certificate of another authority on either side, where that of the plant is given', async () => {
    const foreign = await issue({ ca: true, subject: 'CN=another root' })
    expect(judge(tls(plc, drive, good.wire), [foreign.der]).flows).toMatchObject([
      { verdict: 'weaker', reason: expect.stringContaining("not the plant's") as string },
    ])
    const own = await issue({ subject: 'CN=stranger' }, foreign)
    const strange = session(
      'tls',
      gcm,
      true,
      { anchors: [foreign.der] },
      { identity: { chain: [own.der], key: own.key } },
    )
    expect(judge(tls(plc, drive, strange.wire)).flows).toMatchObject([
      {
        verdict: 'weaker',
        reason: expect.stringContaining("the client shows a certificate that is not the plant's") as string,
      },
    ])
  })
})

describe('the manager with a device that shows the certificate it came with', async () => {
  const own = await issue({ subject: 'CN=device' })
  const first = (suite: number): Recorded =>
    session('tls', suite, false, { identity: { chain: [own.der], key: own.key } }, { verify: { peer: 'none' } })

  it('is commissioning with a suite that encrypts', () => {
    expect(judge(tls(manager, drive, first(gcm).wire)).flows).toMatchObject([{ verdict: 'commissioning' }])
  })

  it('is weaker than promised with one that does not', () => {
    expect(judge(tls(manager, drive, first(nullSuite).wire)).flows).toMatchObject([{ verdict: 'weaker' }])
  })

  it('is not commissioning for anybody else', () => {
    expect(judge(tls(plc, drive, first(gcm).wire)).flows).toMatchObject([{ verdict: 'weaker' }])
  })
})

describe('several handshakes between the same ports', () => {
  const integrity = session('dtls', nullSuite, true)
  const unasked = session('dtls', nullSuite, false)
  const hello = session('dtls', gcm, true).wire.slice(0, 1)

  it('are judged by the weakest that carried data, whichever came last', () => {
    expect(judge(dtls(plc, drive, integrity.wire)).flows).toMatchObject([{ verdict: 'allowed' }])
    for (const wire of [
      [...unasked.wire, ...integrity.wire],
      [...integrity.wire, ...unasked.wire],
    ])
      expect(judge(dtls(plc, drive, wire)).flows).toMatchObject([
        { verdict: 'weaker', reason: expect.stringContaining('the client shows no certificate') as string },
      ])
  })

  it('were carried although the last one came to nothing', () => {
    expect(judge(dtls(plc, robot, [...integrity.wire, ...hello])).flows).toMatchObject([{ verdict: 'forbidden' }])
  })

  it('are not hidden by plain data, nor hide it', () => {
    const tape = dtls(plc, drive, integrity.wire).add(udpFrame(plc, 2221, drive, 2221, datagram(9, 2)))
    expect(judge(tape).flows).toMatchObject([{ verdict: 'weaker', protection: 'None' }])
  })

  it('are judged from the side that opened them', () => {
    // The target's word is the first packet of the capture, and the originator opens the association.
    const tape = new Tape().add(udpFrame(drive, 2221, plc, 2221, Uint8Array.of(0)))
    for (const { side, bytes } of turned(integrity.wire)) {
      const [source, destination] = side === 'client' ? [drive, plc] : [plc, drive]
      tape.add(udpFrame(source, 2221, destination, 2221, bytes))
    }
    expect(analyze(tape.bytes).conversations[0]?.tls?.client).toBe('server')
    expect(judge(tape).flows).toMatchObject([{ verdict: 'allowed', from: { name: 'PLC' }, to: { name: 'Drive' } }])
  })
})
