import { path } from '@cordon/core/cip'
import { encapsulate } from '@cordon/core/enip'
import { indexPlant, parsePlant } from '@cordon/core/policy'
import { nodeRecordCrypto } from '@cordon/node/capture'
import { nodeCrypto } from '@cordon/node/crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { analyzeCapture } from '../../src/capture/analysis.ts'
import type { CaptureRow } from '../../src/capture/cip/row.ts'
import { type FlowVerdict, judgeCapture } from '../../src/capture/judgement.ts'
import { datagram, granting, openRequest, opening, reply, request, unconnected } from './cip/made.ts'
import { ascii, tcpFrame, udpFrame } from './packets.ts'
import { analyze, Tape } from './tape.ts'

const text = `version: 1
plant: line
manager: Manager
nonSecure: allow
zones:
  line:   { authentication: certificate, messaging: confidentiality, io: integrity, nonSecure: allow }
  other:  { authentication: certificate, messaging: confidentiality, io: integrity, nonSecure: allow }
  legacy: { authentication: none, messaging: none, io: none, nonSecure: allow }
devices:
  PLC:     { address: 192.0.2.1, zone: line }
  Drive:   { address: 192.0.2.2, zone: line }
  Robot:   { address: 192.0.2.3, zone: other }
  Old:     { address: 192.0.2.4, zone: legacy, capability: none }
  Manager: { address: 192.0.2.9, zone: line, role: originator }
ranges:
  Office:  { addresses: 198.51.100.0/24, zone: legacy }
conduits:
  - { between: [PLC, Old], authentication: trusted-ip }
`

const { plant, problems } = parsePlant(text, 'plant.yaml')
if (plant === undefined) throw new Error(problems.map(({ message }) => message).join())
const index = indexPlant(plant)

const asked = unconnected(request(0x01, path({ class: 1, instance: 1 })))
const answered = unconnected(reply(0x01, Uint8Array.of(1, 0)))
const refused = unconnected(reply(0x01, undefined, 0x0f))

function verdictOf(tape: Tape): { readonly verdict: FlowVerdict; readonly reason: string } {
  const { flows } = judgeCapture(analyze(tape.bytes), index)
  const [flow, ...others] = flows
  if (flow === undefined || others.length > 0) throw new Error(`expected one flow, got ${flows.length}`)
  return flow
}

describe('a flow of a capture, measured against the plant file', () => {
  const plain = (client: string, server: string, answer = answered): Tape =>
    new Tape().talk(client, server, 44_818, asked, answer)

  it('is weaker than promised in plain where the plant promises protection, and the rule is named', () => {
    expect(verdictOf(plain('192.0.2.1', '192.0.2.2'))).toMatchObject({
      verdict: 'weaker',
      reason: 'plain EtherNet/IP; promised is: zone line: certificate, confidentiality',
    })
  })

  it('is allowed in plain where a conduit trusts addresses', () => {
    expect(verdictOf(plain('192.0.2.1', '192.0.2.4'))).toMatchObject({
      verdict: 'allowed',
      reason: 'conduit PLC - Old: plain, peers are known by address',
    })
  })

  it('is forbidden between zones without a conduit', () => {
    expect(verdictOf(plain('192.0.2.1', '192.0.2.3'))).toMatchObject({
      verdict: 'forbidden',
      reason: 'there is no conduit between PLC (zone line) and zone other',
    })
  })

  it('is forbidden from a range that has no conduit', () => {
    expect(verdictOf(plain('198.51.100.77', '192.0.2.2')).verdict).toBe('forbidden')
  })

  it('was refused where nothing came of it, and the plant obeys', () => {
    const tape = plain('192.0.2.1', '192.0.2.3', refused)
    expect(verdictOf(tape)).toMatchObject({ verdict: 'refused' })
    expect(judgeCapture(analyze(tape.bytes), index).verdict).toBe('obeys')
  })

  it('has an unknown peer where an address is not in the plant file', () => {
    expect(verdictOf(plain('203.0.113.5', '192.0.2.2'))).toMatchObject({
      verdict: 'unknown-peer',
      reason: '203.0.113.5 is not in the plant file',
    })
  })

  it('is not judged where it is not EtherNet/IP', () => {
    const page = new Tape().talk('203.0.113.5', '192.0.2.2', 80, ascii('GET / HTTP/1.1\r\n'), ascii('HTTP/1.1 200'))
    expect(verdictOf(page)).toMatchObject({ verdict: 'not-judged', reason: 'not EtherNet/IP: tcp/80' })
  })

  it('is discovery where only identities are asked for', () => {
    const broadcast = udpFrame('192.0.2.9', 50_000, '255.255.255.255', 44_818, encapsulate({ command: 'listIdentity' }))
    expect(verdictOf(new Tape().add(broadcast)).verdict).toBe('discovery')
  })

  it('is weaker than promised where class 0/1 data is plain, and names the originator first', () => {
    const open = openRequest()
    const tape = new Tape().talk(
      '192.0.2.1',
      '192.0.2.2',
      44_818,
      unconnected(opening(open)),
      unconnected(granting(open, 0x77)),
    )
    tape.add(udpFrame('192.0.2.2', 2222, '192.0.2.1', 2222, datagram(open.toConnectionId, 1)))
    tape.add(udpFrame('192.0.2.1', 2222, '192.0.2.2', 2222, datagram(0x77, 1)))
    const { flows } = judgeCapture(analyze(tape.bytes), index)
    expect(flows.map(({ transport, verdict, from, to }) => [transport, verdict, from.name, to.name])).toEqual([
      ['tcp', 'weaker', 'PLC', 'Drive'],
      ['udp', 'weaker', 'PLC', 'Drive'],
    ])
  })

  it('counts alike conversations once, with how often and when', () => {
    const tape = plain('192.0.2.1', '192.0.2.4')
    const port = { sourcePort: 50_001, destinationPort: 44_818 }
    tape.add(tcpFrame('192.0.2.1', '192.0.2.4', { ...port, sequence: 0, flags: 'S' }))
    tape.add(tcpFrame('192.0.2.1', '192.0.2.4', { ...port, sequence: 1, flags: 'PA', data: asked }))
    const back = { sourcePort: 44_818, destinationPort: 50_001 }
    tape.add(tcpFrame('192.0.2.4', '192.0.2.1', { ...back, sequence: 1, flags: 'PA', data: answered }))
    const [flow] = judgeCapture(analyze(tape.bytes), index).flows
    expect(flow).toMatchObject({ count: 2, conversations: [0, 1], firstPacket: 1 })
  })
})

describe('the analysis of a capture', () => {
  it('tells pairs with what their connections asked for, and a packet that shows it', () => {
    const open = openRequest({ toRpi: 40_000 })
    const report = analyze(
      new Tape().talk('192.0.2.1', '192.0.2.2', 44_818, unconnected(opening(open)), unconnected(granting(open, 7)))
        .bytes,
    )
    expect(report.pairs).toMatchObject([
      {
        originator: '192.0.2.1',
        target: '192.0.2.2',
        class: 1,
        outputSize: 2,
        outputRpiUs: 20_000,
        inputRpiUs: 40_000,
        multiplier: 4,
        application: 'Identity',
        opened: true,
        count: 1,
        evidencePacket: 3,
      },
    ])
  })

  it('gives the lines in the order of the capture', () => {
    const rows: CaptureRow[] = []
    analyze(new Tape().talk('192.0.2.1', '192.0.2.2', 44_818, asked, answered).bytes, (row) => rows.push(row))
    expect(rows.map(({ packet, info }) => `${packet} ${info}`)).toEqual([
      '3 Identity - Get Attributes All',
      '4 Success: Identity - Get Attributes All',
    ])
  })

  it('follows one file on another', () => {
    const tape = new Tape().talk('192.0.2.1', '192.0.2.2', 44_818, asked, answered)
    const analysis = analyzeCapture({
      records: nodeRecordCrypto,
      certificates: { crypto: nodeCrypto, vendorAnchors: [], plantAnchors: [] },
    })
    for (const name of ['a.pcap', 'b.pcap']) {
      analysis.beginFile(name)
      analysis.push(tape.bytes)
      analysis.endFile()
    }
    const report = analysis.end()
    expect(report.files.map(({ name, packets }) => [name, packets])).toEqual([
      ['a.pcap', 4],
      ['b.pcap', 4],
    ])
    expect(report.packets.packets).toBe(8)
  })

  it('never throws on a damaged capture, and counts what it could not read', () => {
    const good = new Tape()
      .talk('192.0.2.1', '192.0.2.2', 44_818, asked, answered)
      .talk(
        '192.0.2.1',
        '192.0.2.2',
        2221,
        Uint8Array.of(22, 3, 3, 0, 4, 1, 0, 0, 0),
        Uint8Array.of(21, 3, 3, 0, 2, 2, 40),
      )
      .add(udpFrame('192.0.2.1', 2222, '192.0.2.2', 2222, datagram(9, 1))).bytes
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 24, max: good.length - 1 }), fc.nat({ max: 255 })), { maxLength: 12 }),
        fc.integer({ min: 40, max: good.length }),
        (changes, length) => {
          const bytes = good.slice(0, length)
          for (const [at, value] of changes) if (at < length) bytes[at] = value
          const report = analyze(bytes, () => {})
          judgeCapture(report, index)
          const { packets, unreadable } = report.files[0] ?? { packets: 0, unreadable: 0 }
          expect(packets + unreadable).toBeLessThanOrEqual(good.length)
        },
      ),
      { numRuns: 200 },
    )
  })
})
