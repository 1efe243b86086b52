import { path } from '@cordon/core/cip'
import { commonPacket, encapsulate } from '@cordon/core/enip'
import { indexPlant, parsePlant } from '@cordon/core/policy'
import { encode } from '@cordon/core/wire'
import { describe, expect, it } from 'vitest'
import { type CaptureJudgement, judgeCapture } from '../../src/capture/judgement.ts'
import { datagram, granting, openRequest, opening, reply, request, unconnected } from './cip/made.ts'
import { udpFrame } from './packets.ts'
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
conduits:
  - { between: [PLC, Old], authentication: trusted-ip }
`
const { plant, problems } = parsePlant(text, 'plant.yaml')
if (plant === undefined) throw new Error(problems.map(({ message }) => message).join())
const index = indexPlant(plant)

const judge = (tape: Tape): CaptureJudgement => judgeCapture(analyze(tape.bytes), index)
const verdicts = (tape: Tape): readonly string[] => judge(tape).flows.map(({ verdict }) => verdict)

const client = (bytes: Uint8Array) => ({ side: 'client', bytes }) as const
const server = (bytes: Uint8Array) => ({ side: 'server', bytes }) as const
const attribute = path({ class: 1, instance: 1, attribute: 7 })
const write = unconnected(request(0x10, attribute, new Uint8Array(120)))
const written = unconnected(reply(0x10))
const refused = unconnected(reply(0x10, undefined, 0x0f))
const register = encapsulate({ command: 'registerSession', data: Uint8Array.of(1, 0, 0, 0) })
const registered = encapsulate({ command: 'registerSession', session: 7, data: Uint8Array.of(1, 0, 0, 0) })
const [plc, drive, robot, old] = ['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4']

describe('a conversation that is not whole', () => {
  it('is forbidden, not refused, where only its packets’ beginnings were captured', () => {
    const tape = new Tape().stream(plc, robot, 44_818, [client(write), server(written)], { snap: 96 })
    expect(judge(tape)).toMatchObject({ verdict: 'disobeys', flows: [{ verdict: 'forbidden' }] })
  })

  it('is forbidden where only one side was captured: data of TCP was answered', () => {
    const lose = (side: string): boolean => side === 'server'
    const tape = new Tape().stream(plc, robot, 44_818, [client(register), server(registered), client(write)], { lose })
    expect(verdicts(tape)).toEqual(['forbidden'])
  })

  it('is not judged where the plant promises protection, and the plant is not said to obey', () => {
    const tape = new Tape().stream(plc, drive, 44_818, [client(write), server(written)], { snap: 96 })
    expect(judge(tape)).toMatchObject({ verdict: 'incomplete', flows: [{ verdict: 'not-judged', incomplete: true }] })
  })

  it('is forbidden where a request has no answer', () => {
    const tape = new Tape().stream(plc, robot, 44_818, [client(write), server(refused), client(write)])
    expect(verdicts(tape)).toEqual(['forbidden'])
  })

  it('is refused where all of it is there, and every request was answered with an error', () => {
    const said = [client(register), server(registered), client(write), server(refused)]
    expect(judge(new Tape().stream(plc, robot, 44_818, said))).toMatchObject({
      verdict: 'obeys',
      flows: [{ verdict: 'refused' }],
    })
  })

  it('was carried where a Multiple Service Packet failed only in a part', () => {
    const services = Uint8Array.of(2, 0, 6, 0, 10, 0, 0x90, 0, 0, 0, 0x90, 0, 0x0f, 0)
    const asked = unconnected(
      request(0x0a, path({ class: 2, instance: 1 }), Uint8Array.of(1, 0, 4, 0, 1, 2, 0x20, 1, 0x24, 1)),
    )
    const tape = new Tape().stream(plc, robot, 44_818, [
      client(asked),
      server(unconnected(reply(0x0a, services, 0x1e))),
    ])
    expect(verdicts(tape)).toEqual(['forbidden'])
  })
})

describe('plain data beside something that looks protected', () => {
  const record = Uint8Array.of(22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 13, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0)

  it.each([
    ['a datagram that begins like DTLS', Uint8Array.of(23, 0xfe, 0xfd, 1, 2, 3)],
    ['a whole DTLS record with a handshake message', record],
  ])('is weaker than promised, also after %s', (_, odd) => {
    const tape = new Tape()
      .add(udpFrame(plc, 2222, drive, 2222, datagram(9, 1)))
      .add(udpFrame(plc, 2222, drive, 2222, odd))
      .add(udpFrame(plc, 2222, drive, 2222, datagram(9, 2)))
    expect(verdicts(tape)).toEqual(['weaker'])
    const [conversation] = analyze(tape.bytes).conversations
    expect((conversation?.plain ?? conversation?.cip)?.ioFrames).toBe(2)
  })

  it.each([
    ['in pieces of 4 bytes', [client(register.subarray(0, 4)), client(register.subarray(4)), server(registered)]],
    [
      'behind what looks like a Client Hello',
      [
        client(Uint8Array.of(22, 3, 3, 0, 5, 1, 0, 0, 1, 0)),
        server(Uint8Array.of(21, 3, 3, 0, 2, 1, 0)),
        client(register),
        server(registered),
      ],
    ],
    ['that the peer answers in plain', [client(Uint8Array.of(22, 3, 3, 0, 5, 1, 0, 0, 1, 0)), server(registered)]],
    ['behind bytes of a record type', [client(Uint8Array.of(22, 3)), client(register), server(registered)]],
  ])('is seen on the port of TLS: %s', (_, beginning) => {
    for (const port of [2221, 44_818]) {
      const tape = new Tape().stream(plc, drive, port, [...beginning, client(write), server(written)])
      expect(judge(tape)).toMatchObject({ verdict: 'disobeys', flows: [{ verdict: 'weaker', protection: 'None' }] })
    }
  })

  it('is seen on 2221/udp', () => {
    expect(verdicts(new Tape().add(udpFrame(plc, 2221, drive, 2221, datagram(9, 1))))).toEqual(['weaker'])
  })
})

describe('a capture of which not everything was judged', () => {
  const good = (): Tape => new Tape().stream(plc, old, 44_818, [client(write), server(written)])

  it('obeys where everything was', () => {
    expect(judge(good())).toMatchObject({ verdict: 'obeys', unjudged: [] })
  })

  it('is not said to obey where conversations were only counted', () => {
    const judged = judgeCapture({ ...analyze(good().bytes), moreConversations: 2 }, index)
    expect(judged).toMatchObject({ verdict: 'incomplete', unjudged: ['2 conversations beyond the limit'] })
  })

  it('is not said to obey where reading ended before the end of the file', () => {
    const report = analyze(good().bytes)
    const files = report.files.map((file) => ({ ...file, stopped: true }))
    expect(judgeCapture({ ...report, files }, index).verdict).toBe('incomplete')
  })

  it('is not said to obey where nothing could be judged', () => {
    expect(judge(new Tape()).verdict).toBe('incomplete')
    const page = new Tape().stream(plc, old, 80, [client(Uint8Array.of(71)), server(Uint8Array.of(72))])
    expect(judge(page).verdict).toBe('incomplete')
  })
})

describe('multicast class 0/1 data', () => {
  const group = '239.192.1.1'
  const data = (producer: string): Uint8Array => udpFrame(producer, 2222, group, 2222, datagram(0x0025_2281, 1))

  it('without its Forward_Open is not judged where the producer may send in plain, else forbidden', () => {
    expect(judge(new Tape().add(data(old)))).toMatchObject({
      verdict: 'incomplete',
      flows: [{ verdict: 'not-judged' }],
    })
    expect(verdicts(new Tape().add(data(drive)))).toEqual(['forbidden'])
    expect(verdicts(new Tape().add(data('203.0.113.7')))).toEqual(['unknown-peer'])
  })

  it('is judged as the data of whoever opened it', () => {
    const base = openRequest()
    const open = openRequest({ toParameters: { ...base.toParameters, type: 'multicast' } })
    const senderContext = Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0)
    const packet = encode(commonPacket, [
      { kind: 'nullAddress' },
      { kind: 'unconnectedData', data: granting(open, 0x77) },
      { kind: 'socketAddressTargetToOriginator', address: group, port: 2222 },
    ])
    const granted = encapsulate({
      command: 'sendRRData',
      session: 7,
      senderContext,
      data: Uint8Array.of(0, 0, 0, 0, 0, 0, ...packet),
    })
    for (const [producer, verdict] of [
      [old, 'allowed'],
      [drive, 'weaker'],
      [robot, 'forbidden'],
    ] as const) {
      const tape = new Tape()
        .stream(plc, producer, 44_818, [client(unconnected(opening(open))), server(granted)])
        .add(data(producer))
      const io = judge(tape).flows.find(({ transport }) => transport === 'udp')
      expect(io).toMatchObject({ verdict, from: { name: 'PLC' }, to: { address: producer } })
    }
  })
})
