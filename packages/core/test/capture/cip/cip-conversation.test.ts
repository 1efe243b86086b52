import { path, port, tagPath, unconnectedSend } from '@cordon/core/cip'
import { dtlsReply, dtlsRequest, encapsulate, unconnectedDtlsItem } from '@cordon/core/enip'
import { decode, encode } from '@cordon/core/wire'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ConnectionTable } from '../../../src/capture/cip/connection-table.ts'
import {
  closed,
  closing,
  connected,
  datagram,
  granting,
  openRequest,
  opening,
  reply,
  request,
  Told,
  unconnected,
} from './made.ts'

const class3 = openRequest({
  transport: { direction: 'server', trigger: 'application', transportClass: 3 },
  path: path({ class: 2, instance: 1 }),
  otParameters: { redundantOwner: false, type: 'pointToPoint', priority: 'low', sizeType: 'variable', size: 502 },
  toParameters: { redundantOwner: false, type: 'pointToPoint', priority: 'low', sizeType: 'variable', size: 502 },
  otRpi: 750_000,
  toRpi: 750_000,
})

describe('a stream of EtherNet/IP in a capture', () => {
  it('is told in the words of the published figures', () => {
    const told = new Told()
    const read = request(0x4c, tagPath('Read_L8_String'), Uint8Array.of(1, 0))
    told.say('client', encapsulate({ command: 'registerSession', data: Uint8Array.of(1, 0, 0, 0) }))
    told.say(
      'server',
      encapsulate({ command: 'registerSession', session: 0x4001_0071, data: Uint8Array.of(1, 0, 0, 0) }),
    )
    told.say('client', unconnected(opening(class3)))
    told.say('server', unconnected(granting(class3, 0x1111)))
    told.say('client', connected(0x1111, 1, read))
    told.say('server', connected(class3.toConnectionId, 1, reply(0x4c, Uint8Array.of(0xc4, 0, 1, 0, 0, 0))))
    expect(told.lines).toEqual([
      'Register Session (Req), Session: 0x00000000',
      'Register Session (Rsp), Session: 0x40010071',
      'Connection Manager - Forward Open (Message Router)',
      'Success: Connection Manager - Forward Open',
      "'Read_L8_String' - Data_Table_Read",
      "Success: 'Read_L8_String' - Data_Table_Read",
    ])
    expect(told.rows.map(({ protocol }) => protocol)).toEqual(['ENIP', 'ENIP', 'CIP CM', 'CIP CM', 'CIP', 'CIP'])
  })

  it('gives class 3 connections their ids, their messages and the time of their answers', () => {
    const told = new Told()
    told.say('client', unconnected(opening(class3)))
    told.say('server', unconnected(granting(class3, 0x1111)))
    for (const count of [1, 2, 2]) {
      told.say('client', connected(0x1111, count, request(0x0e, path({ class: 1, instance: 1, attribute: 7 }))))
      told.say('server', connected(class3.toConnectionId, count, reply(0x0e, undefined, count === 1 ? 0 : 5)), 3000)
    }
    expect(told.connections.report(told.moment.timeUs)).toMatchObject([
      {
        originator: '192.0.2.1',
        target: '192.0.2.2',
        state: 'open',
        transportClass: 3,
        otSize: 502,
        application: 'Message Router',
        messages: { requests: 3, replies: 3, errors: 2, repeated: 1, meanLatencyUs: 3000, longestLatencyUs: 3000 },
      },
    ])
    expect(told.reader.report().errors.count).toBe(2)
  })

  it('says in words why a connection was refused, and that security refused it', () => {
    const told = new Told()
    told.say('client', unconnected(opening(class3)))
    const refusal = Uint8Array.of(0xd4, 0, 1, 1, 0x1a, 0x09)
    told.say('server', unconnected(refusal))
    expect(told.lines.at(-1)).toBe(
      'Connection Failure (security: Ingress Rule Denies Non Secure): Connection Manager - Forward Open',
    )
    expect(told.connections.report(0)[0]).toMatchObject({ state: 'refused' })
  })

  it('reads through an Unconnected_Send and names the hops', () => {
    const told = new Told()
    const inner = request(0x01, path({ class: 1, instance: 1 }))
    const send = encode(unconnectedSend, {
      timeout: { priority: false, tick: 10, ticks: 5 },
      message: inner,
      route: [port(1, 0)],
    })
    told.say('client', unconnected(request(0x52, path({ class: 6, instance: 1 }), send)))
    told.say('server', unconnected(reply(0x01)))
    expect(told.lines).toEqual([
      'Identity - Get Attributes All via port 1 address 0',
      'Success: Identity - Get Attributes All',
    ])
  })

  it('names services and attributes of the security objects', () => {
    const told = new Told()
    told.say('client', unconnected(request(0x4b, path({ class: 0x5e, instance: 1 }))))
    told.say('client', unconnected(request(0x10, path({ class: 0x5e, instance: 1, attribute: 4 })), 2))
    told.say('client', unconnected(request(0x4b, path({ class: 0x5f, instance: 2 })), 3))
    expect(told.lines).toEqual([
      'EtherNet/IP Security - Begin Config',
      'EtherNet/IP Security - Set Attribute Single (Allowed Suites)',
      'Certificate Management - Create CSR',
    ])
  })

  it('recognises push commissioning by its steps', () => {
    const told = new Told()
    let context = 0
    const done = (service: number, classId: number, status = 0): void => {
      context++
      told.say('client', unconnected(request(service, path({ class: classId, instance: 1 })), context))
      told.say('server', unconnected(reply(service, undefined, status), context))
    }
    done(0x4b, 0x5d)
    done(0x4b, 0x5e)
    done(0x4b, 0x5f)
    for (let i = 0; i < 5; i++) done(0x50, 0x37)
    done(0x4c, 0x5d)
    done(0x4d, 0x5e)
    done(0x4d, 0x5d)
    const { push } = told.reader.report()
    expect(push).toMatchObject({ outcome: 'applied', createsRequest: true, stagesCertificates: true })
    expect(push?.steps.map(({ text, times }) => (times === 1 ? text : `${text} x${times}`))).toEqual([
      'CIP Security - Begin Config',
      'EtherNet/IP Security - Begin Config',
      'Certificate Management - Create CSR',
      'File - Download Transfer x5',
      'CIP Security - Kick Timer',
      'EtherNet/IP Security - Apply Config',
      'CIP Security - End Config',
    ])
  })

  it('does not take a verification, which reads the same objects, for a commissioning', () => {
    const told = new Told()
    told.say('client', unconnected(request(0x01, path({ class: 0x5e, instance: 1 }))))
    told.say('server', unconnected(reply(0x01)))
    expect(told.reader.report().push).toBeUndefined()
  })

  it('finds its way again behind missing bytes', () => {
    const told = new Told()
    const message = unconnected(request(0x01, path({ class: 1, instance: 1 })))
    told.say('client', message)
    told.say('client', message.subarray(0, 10))
    told.reader.gap('client')
    told.say('client', message.subarray(15))
    told.say('client', message)
    expect(told.lines).toHaveLength(2)
    expect(told.reader.report().skippedBytes).toBe(message.length - 15 + 10)
  })

  it('reads the same however the stream is cut', () => {
    const all = [1, 2, 3, 4].flatMap((context) => [
      ...unconnected(request(0x0e, path({ class: 0x5e, instance: 1, attribute: context })), context),
    ])
    const whole = new Told()
    whole.say('client', Uint8Array.from(all))
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 30 }), (cuts) => {
        const told = new Told()
        let at = 0
        for (const cut of [...cuts, all.length]) {
          told.say('client', Uint8Array.from(all.slice(at, at + cut)))
          at += cut
        }
        expect(told.lines).toEqual(whole.lines)
      }),
    )
  })

  it('never throws, whatever the bytes are', () => {
    const message = unconnected(opening(class3))
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat({ max: message.length - 1 }), fc.nat({ max: 255 })), { maxLength: 8 }),
        fc.uint8Array({ maxLength: 200 }),
        fc.boolean(),
        (changes, noise, stream) => {
          const told = new Told()
          const bytes = message.slice()
          for (const [at, value] of changes) bytes[at] = value
          for (const part of [bytes, noise, message]) {
            if (stream) told.say('client', part)
            else told.send('client', part)
          }
          told.reader.report()
          told.connections.report(told.moment.timeUs)
        },
      ),
      { numRuns: 500 },
    )
  })

  it('counts what it cannot read and says why', () => {
    const told = new Told()
    told.say('client', unconnected(Uint8Array.of(0x0e, 0x20, 0x01)))
    const { malformed } = told.reader.report()
    expect(malformed.count).toBe(1)
    expect(malformed.first[0]?.text).toMatch(/^CIP request: path at byte 2: expected 64 bytes/)
  })

  it('is done with a flood of bad messages in memory that does not grow', () => {
    const told = new Told()
    const noise = new Uint8Array(65_536).fill(0x65)
    for (let i = 0; i < 50; i++) told.say('client', noise)
    expect(told.reader.report().skippedBytes).toBeGreaterThan(49 * 65_536)
  })
})

describe('class 0/1 data in a capture', () => {
  const udp = {
    transport: 'udp',
    client: { address: '192.0.2.1', port: 2222 },
    server: { address: '192.0.2.2', port: 2222 },
  } as const
  const open = openRequest()

  function opened(): { readonly explicit: Told; readonly io: Told } {
    const explicit = new Told()
    explicit.say('client', unconnected(opening(open)))
    explicit.say('server', unconnected(granting(open, 0x77)))
    const io = new Told({ ...udp, id: 1 }, explicit.connections)
    return { explicit, io }
  }

  it('belongs to the connection that its Forward_Open opened', () => {
    const { explicit, io } = opened()
    for (let sequence = 1; sequence <= 50; sequence++) {
      io.send('client', datagram(0x77, sequence, true, 4), 10_000)
      io.send('server', datagram(open.toConnectionId, sequence), 10_000)
    }
    expect(io.lines.slice(0, 2)).toEqual([
      'Connection: ID=0x00000077, SEQ=0000000001, O->T',
      'Connection: ID=0x00252281, SEQ=0000000001, T->O',
    ])
    const [connection, ...others] = explicit.connections.report(io.moment.timeUs)
    expect(others).toEqual([])
    expect(connection).toMatchObject({ state: 'open', transportClass: 1, application: 'Identity' })
    expect(connection?.ot).toMatchObject({
      frames: 50,
      held: true,
      meanUs: 20_000,
      jitterUs: 0,
      rpiFrom: 'forward-open',
      mode: 'run',
      missing: 0,
    })
    expect(connection?.to).toMatchObject({ frames: 50, held: true, mode: undefined })
  })

  it('tells gaps, duplicates, late numbers and a producer that began anew apart', () => {
    const { explicit, io } = opened()
    for (const sequence of [1, 2, 5, 4, 5, 6, 2_000_000, 2_000_001]) io.send('client', datagram(0x77, sequence), 20_000)
    expect(explicit.connections.report(0)[0]?.ot).toMatchObject({
      frames: 8,
      gaps: 1,
      missing: 1,
      outOfOrder: 1,
      duplicates: 1,
      restarts: 1,
    })
  })

  it('is not held when an interval reaches the watchdog, which is named by its packet', () => {
    const { explicit, io } = opened()
    for (let sequence = 1; sequence <= 200; sequence++)
      io.send('client', datagram(0x77, sequence), sequence === 100 ? 80_000 : 20_000)
    expect(explicit.connections.report(0)[0]?.ot).toMatchObject({
      held: false,
      timeouts: 1,
      longestUs: 80_000,
      longestAtPacket: 100,
    })
  })

  it('without a Forward_Open has a measured interval, and says that it is measured', () => {
    const io = new Told(udp)
    for (let sequence = 1; sequence <= 10; sequence++) io.send('client', datagram(9, sequence), 10_000)
    expect(io.connections.report(0)).toMatchObject([
      { state: 'older', transportClass: undefined, ot: { rpiUs: 10_000, rpiFrom: 'measured', held: undefined } },
    ])
  })

  it('ends with its Forward_Close, and has timed out when it falls silent without one', () => {
    const { explicit, io } = opened()
    io.send('server', datagram(open.toConnectionId, 1))
    expect(explicit.connections.report(io.moment.timeUs + 81_000)[0]?.state).toBe('timed-out')
    explicit.say('client', unconnected(closing(open), 2))
    explicit.say('server', unconnected(closed(open), 2))
    expect(explicit.connections.report(io.moment.timeUs + 81_000)[0]?.state).toBe('closed')
  })

  it('inside DTLS is read with the unconnected messages that open it', () => {
    const told = new Told({ ...udp, server: { address: '192.0.2.2', port: 2221 } }, new ConnectionTable(), 'dtls')
    const asked = dtlsRequest(5, opening(open))
    told.send('client', asked)
    // Behind item count, type and length.
    told.send('server', dtlsReply(decode(unconnectedDtlsItem, asked.subarray(6)), granting(open, 0x77)))
    told.send('client', datagram(0x77, 1))
    expect(told.lines).toEqual([
      'Connection Manager - Forward Open (Identity)',
      'Success: Connection Manager - Forward Open',
      'Connection: ID=0x00000077, SEQ=0000000001, O->T',
    ])
    expect(told.connections.report(0)[0]).toMatchObject({ protection: 'dtls', state: 'open' })
  })

  it('keeps apart the same connection id at two consumers', () => {
    const connections = new ConnectionTable()
    const one = new Told({ ...udp, id: 1 }, connections)
    const other = new Told({ ...udp, id: 2, server: { address: '192.0.2.3', port: 2222 } }, connections)
    one.send('client', datagram(9, 1))
    other.send('client', datagram(9, 100))
    expect(connections.report(0)).toHaveLength(2)
  })
})
