import { decode, encode } from '@cordon/core/wire'
import {
  failure,
  forwardCloseRequest,
  forwardOpenReply,
  type ForwardOpenReply,
  forwardOpenRequest,
  largeForwardOpenRequest,
  messageRouterRequest,
  type MessageRouterRequest,
  path,
  port,
  success,
} from '@cordon/core/cip'
import {
  closeRequest,
  type ConnectionRequest,
  grantedBy,
  IoConnection,
  MessageConnection,
  openRequest,
} from '@cordon/core/client'
import { decode as decodeFrame } from '@cordon/core/wire'
import { ioFrame, IoFrameTemplate } from '@cordon/core/enip'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { replyBytes } from './fixture.ts'

const triad = { connectionSerialNumber: 773, originatorVendorId: 1, originatorSerialNumber: 0x00e17387 }
const key = {
  kind: 'electronicKey',
  vendorId: 1,
  deviceType: 12,
  productCode: 65,
  compatibility: false,
  majorRevision: 2,
  minorRevision: 1,
} as const

const request = (more: Partial<ConnectionRequest> = {}): ConnectionRequest => ({
  triad,
  transportClass: 1,
  path: [port(1, 0), key, ...path({ class: 4, instance: 102, connectionPoints: [101, 100] })],
  toConnectionId: 0x8000_0001,
  otRpiUs: 20_000,
  toRpiUs: 20_000,
  otSize: 14,
  toSize: 42,
  timeoutMultiplier: 0,
  ...more,
})

const granted = (more: Partial<ForwardOpenReply> = {}): ForwardOpenReply => ({
  otConnectionId: 0x1111_2222,
  toConnectionId: 0x8000_0001,
  ...triad,
  otApi: 20_000,
  toApi: 20_000,
  applicationReply: new Uint8Array(0),
  ...more,
})

describe('the Forward_Open of an originator', () => {
  it('asks for fixed, scheduled, point-to-point data in class 0 and 1', () => {
    const { service, data, path: to } = openRequest(request())
    expect(service).toBe(0x54)
    expect(to).toEqual(path({ class: 6, instance: 1 }))
    expect(decode(forwardOpenRequest, data)).toMatchObject({
      ...triad,
      toConnectionId: 0x8000_0001,
      otRpi: 20_000,
      otParameters: { type: 'pointToPoint', priority: 'scheduled', sizeType: 'fixed', size: 14 },
      toParameters: { size: 42 },
      transport: { direction: 'client', trigger: 'cyclic', transportClass: 1 },
    })
  })

  it('asks for variable, low, server messages in class 3', () => {
    const open = decode(forwardOpenRequest, openRequest(request({ transportClass: 3, otSize: 502, toSize: 502 })).data)
    expect(open).toMatchObject({
      otParameters: { priority: 'low', sizeType: 'variable', size: 502 },
      transport: { direction: 'server', trigger: 'application', transportClass: 3 },
    })
  })

  it('becomes a Large_Forward_Open where a size needs it', () => {
    const { service, data } = openRequest(request({ transportClass: 3, otSize: 4000, toSize: 4000 }))
    expect(service).toBe(0x5b)
    expect(decode(largeForwardOpenRequest, data).otParameters.size).toBe(4000)
  })

  it('is closed by the path it reached, without key and data', () => {
    const { service, data } = closeRequest(request())
    expect(service).toBe(0x4e)
    const close = decode(forwardCloseRequest, data)
    expect(close).toMatchObject(triad)
    expect(close.path.map((segment) => segment.kind)).toEqual([
      'port',
      'class',
      'instance',
      'connectionPoint',
      'connectionPoint',
    ])
  })

  it('reports what was granted, and refusals by their extended status', () => {
    expect(grantedBy(success(0x54, encode(forwardOpenReply, granted({ toApi: 40_000 }))), request()).toApi).toBe(40_000)
    expect(() => grantedBy(failure(0x54, 0x01, [0x0106]), request())).toThrow(
      /serial 773.*ownershipConflict \(0x0106\)/,
    )
  })

  it('is not satisfied by the reply to another connection, nor by an interval of zero', () => {
    const other = success(0x54, encode(forwardOpenReply, granted({ connectionSerialNumber: 1 })))
    expect(() => grantedBy(other, request())).toThrow(/answered for serial 1,/)
    expect(() => grantedBy(success(0x54, encode(forwardOpenReply, granted({ toApi: 0 }))), request())).toThrow(/zero/)
  })
})

/** What a target produces. */
function producer(size = 40) {
  const frame = new IoFrameTemplate(0x8000_0001, { transportClass: 1, runIdleHeader: false }, size)
  return (sequence: number, count: number, fill = 0): Uint8Array => {
    frame.setSequence(sequence)
    frame.setSequenceCount(count)
    frame.data.fill(fill)
    return frame.bytes.slice()
  }
}

describe('an open class 1 connection', () => {
  it('produces at once, then each granted interval, with numbers that count up', () => {
    const connection = new IoConnection(request(), granted({ otApi: 10_000, toApi: 1_000_000 }), 0)
    const sent: { at: number; sequence: number }[] = []
    for (let now = connection.deadline; now < 50; now = connection.deadline) {
      sent.push({ at: now, sequence: decodeFrame(ioFrame, connection.produce(now)).sequence })
    }
    expect(sent).toEqual([0, 10, 20, 30, 40].map((at, i) => ({ at, sequence: i + 1 })))
  })

  it('puts run, its data and the granted connection id into what it sends', () => {
    const connection = new IoConnection(request(), granted(), 0)
    connection.output.fill(7)
    const run = decodeFrame(ioFrame, connection.produce(0))
    expect(run.connectionId).toBe(0x1111_2222)
    expect([...run.data]).toEqual([1, 0, 1, 0, 0, 0, ...Array(8).fill(7)])
    connection.run = false
    expect([...decodeFrame(ioFrame, connection.produce(20)).data.subarray(0, 6)]).toEqual([2, 0, 0, 0, 0, 0])
  })

  it('sends a heartbeat without header where it has no data', () => {
    const connection = new IoConnection(request({ otSize: 2 }), granted(), 0)
    expect([...decodeFrame(ioFrame, connection.produce(0)).data]).toEqual([1, 0])
  })

  it('takes new data, knows repetitions, and drops what is late', () => {
    const connection = new IoConnection(request(), granted(), 0)
    const frame = producer()
    expect(connection.receive(frame(10, 1, 5), 1)).toBe('data')
    expect([...connection.input]).toEqual(Array(40).fill(5))
    expect(connection.receive(frame(11, 1, 5), 2)).toBe('repeated')
    expect(connection.receive(frame(9, 2), 3)).toBe('stale')
    expect(connection.receive(frame(11, 2), 3)).toBe('stale')
    expect(connection.receive(frame(14, 2, 6), 30)).toBe('data')
    expect(connection.statistics).toMatchObject({
      received: 3,
      missed: 2,
      stale: 2,
      longestGapMs: 28,
      lastReceivedAt: 30,
    })
  })

  it('refuses another size, another connection and noise', () => {
    const connection = new IoConnection(request(), granted(), 0)
    expect(connection.receive(producer(39)(1, 1), 0)).toBe('malformed')
    const foreign = producer()(1, 1)
    foreign[6] = 9
    expect(connection.receive(foreign, 0)).toBe('malformed')
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(['malformed', 'data', 'stale', 'repeated']).toContain(connection.receive(bytes, 0))
      }),
    )
  })

  it('dies when nothing came for the time that the reply granted, not what was asked', () => {
    const connection = new IoConnection(request({ timeoutMultiplier: 1 }), granted({ toApi: 100_000 }), 0)
    expect(connection.watchdogMs).toBe(800)
    expect(connection.isTimedOut(799)).toBe(false)
    expect(connection.isTimedOut(800)).toBe(true)
    connection.receive(producer()(1, 1), 700)
    expect(connection.isTimedOut(1499)).toBe(false)
    expect(connection.isTimedOut(1500)).toBe(true)
  })

  it('keeps the order of class 0, which has no count', () => {
    const connection = new IoConnection(request({ transportClass: 0, otSize: 12, toSize: 40 }), granted(), 0)
    const frame = new IoFrameTemplate(0x8000_0001, { transportClass: 0, runIdleHeader: false }, 40)
    frame.setSequence(1)
    expect(connection.receive(frame.bytes, 0)).toBe('data')
    expect(connection.receive(frame.bytes, 0)).toBe('stale')
  })
})

const ask: MessageRouterRequest = {
  service: 0x0e,
  path: path({ class: 1, instance: 1, attribute: 7 }),
  data: new Uint8Array(0),
}
const messages = (more: Partial<ForwardOpenReply> = {}, multiplier = 2) =>
  new MessageConnection(
    request({ transportClass: 3, otSize: 502, toSize: 502, timeoutMultiplier: multiplier }),
    granted({ otApi: 750_000, toApi: 750_000, ...more }),
    0,
  )

describe('an open class 3 connection', () => {
  it('has one request under way and lets the others wait', () => {
    const connection = messages()
    const first = connection.send(ask, 0, 1000)
    const second = connection.send({ ...ask, service: 0x01 }, 0, 1000)
    expect(connection.takeOutput().map(({ sequenceCount }) => sequenceCount)).toEqual([1])
    connection.receive(1, replyBytes(success(0x0e, Uint8Array.of(1))), 5)
    expect(connection.takeEvents()).toMatchObject([{ kind: 'reply', id: first, reply: { data: Uint8Array.of(1) } }])
    expect(connection.takeOutput().map(({ sequenceCount }) => sequenceCount)).toEqual([2])
    connection.receive(2, replyBytes(success(0x01)), 6)
    expect(connection.takeEvents()).toMatchObject([{ kind: 'reply', id: second }])
  })

  it('does not take the reply to an earlier request for an answer', () => {
    const connection = messages()
    const id = connection.send(ask, 0, 1000)
    connection.takeOutput()
    connection.receive(0, replyBytes(success(0x0e)), 1)
    expect(connection.takeEvents()).toEqual([])
    connection.tick(1000)
    expect(connection.takeEvents()).toEqual([{ kind: 'timeout', id }])
    connection.receive(1, replyBytes(success(0x0e)), 1001)
    expect(connection.takeEvents()).toEqual([])
  })

  it('repeats its last request under the same count while idle, so that no watchdog bites', () => {
    const connection = messages()
    connection.send(ask, 0, 1000)
    const [sent] = connection.takeOutput()
    connection.receive(1, replyBytes(success(0x0e)), 1)
    connection.takeEvents()
    let now = 1
    for (let i = 0; i < 5; i++) {
      now = connection.deadline
      connection.tick(now)
      const [again] = connection.takeOutput()
      expect(again).toEqual(sent)
      connection.receive(1, replyBytes(success(0x0e)), now)
    }
    expect(connection.takeEvents()).toEqual([])
    expect(now).toBeGreaterThan(connection.watchdogMs)
  })

  it('asks something harmless to stay alive before it was ever used', () => {
    const connection = messages()
    connection.tick(connection.deadline)
    const [sent] = connection.takeOutput()
    if (sent === undefined) throw new Error('nothing sent')
    expect(decode(messageRouterRequest, sent.message)).toMatchObject({ service: 0x0e })
  })

  it('dies when the target falls silent', () => {
    const connection = messages()
    expect(connection.watchdogMs).toBe(12_000)
    for (let now = connection.deadline; now <= 12_000; now = connection.deadline) {
      connection.tick(now)
      connection.takeOutput()
      if (now === 12_000) break
    }
    expect(connection.takeEvents()).toEqual([{ kind: 'timed-out' }])
  })

  it('refuses a request that does not fit', () => {
    const connection = messages()
    expect(() => connection.send({ ...ask, data: new Uint8Array(500) }, 0, 1000)).toThrow(/at most 500 bytes/)
  })
})
