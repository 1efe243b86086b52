import {
  Consumer,
  firstPacketMs,
  isNewerCount,
  isNewerSequence,
  nextCount,
  nextSequence,
  Producer,
  timeoutPackets,
  watchdogMs,
} from '@cordon/core/cip'
import { UsageError } from '@cordon/core/errors'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { holds, unsigned } from '../wire/properties.ts'

describe('sequence numbers', () => {
  it('are newer by less than half of their range', () => {
    holds(fc.tuple(unsigned(32), fc.integer({ min: 1, max: 0x7fff_ffff })), ([last, step]) => {
      const next = (last + step) % 2 ** 32
      expect(isNewerSequence(next, last)).toBe(true)
      expect(isNewerSequence(last, next)).toBe(false)
    })
    holds(fc.tuple(unsigned(16), fc.integer({ min: 1, max: 0x7fff })), ([last, step]) => {
      const next = (last + step) % 2 ** 16
      expect(isNewerCount(next, last)).toBe(true)
      expect(isNewerCount(last, next)).toBe(false)
    })
  })

  it('are not newer than themselves', () => {
    holds(unsigned(32), (n) => expect(isNewerSequence(n, n)).toBe(false))
    holds(unsigned(16), (n) => expect(isNewerCount(n, n)).toBe(false))
  })

  it('begin again behind the largest', () => {
    expect(nextSequence(0xffff_ffff)).toBe(0)
    expect(nextCount(0xffff)).toBe(0)
    expect(isNewerSequence(0, 0xffff_ffff)).toBe(true)
    expect(isNewerCount(0, 0xffff)).toBe(true)
  })
})

describe('the watchdog', () => {
  it('waits for 4 to 512 packets', () => {
    expect([0, 1, 2, 3, 4, 5, 6, 7].map(timeoutPackets)).toEqual([4, 8, 16, 32, 64, 128, 256, 512])
    for (const code of [-1, 8, 1.5, 0xa3]) expect(() => timeoutPackets(code)).toThrow(UsageError)
    expect(watchdogMs(20_000, 0)).toBe(80)
  })
})

const target = { role: 'target', apiUs: 20_000, multiplier: 0, now: 1000 } as const
const originator = { ...target, role: 'originator' } as const

describe('a consumer', () => {
  it('as target waits at least 10 s for the first packet, as originator only the watchdog', () => {
    expect(new Consumer(target).deadline).toBe(1000 + firstPacketMs)
    expect(new Consumer(originator).deadline).toBe(1080)
    const slow = { ...target, apiUs: 10_000_000 }
    expect(new Consumer(slow).deadline).toBe(1000 + 40_000)
  })

  it('waits for the watchdog behind each packet, and has timed out exactly then', () => {
    const consumer = new Consumer(target)
    expect(consumer.hasStarted).toBe(false)
    consumer.receive(1, 1, 2000)
    expect(consumer.hasStarted).toBe(true)
    expect(consumer.deadline).toBe(2080)
    expect(consumer.isTimedOut(2079)).toBe(false)
    expect(consumer.isTimedOut(2080)).toBe(true)
  })

  it('takes any first sequence and then only newer ones', () => {
    const consumer = new Consumer(target)
    expect(consumer.receive(0xffff_fffe, 1, 0)).toBe('new-data')
    expect(consumer.receive(0xffff_fffe, 2, 0)).toBe('stale')
    expect(consumer.receive(0xffff_fffd, 2, 0)).toBe('stale')
    expect(consumer.receive(1, 2, 0)).toBe('new-data')
    expect(consumer.receive(0xffff_ffff, 3, 0)).toBe('stale')
  })

  it('does not take a stale packet for a sign of life', () => {
    const consumer = new Consumer(target)
    consumer.receive(5, 1, 0)
    consumer.receive(5, 2, 70)
    expect(consumer.deadline).toBe(80)
  })

  it('of class 1 tells new data from repeated data by the count, of class 0 calls all data new', () => {
    const consumer = new Consumer(target)
    expect(consumer.receive(1, 9, 0)).toBe('new-data')
    expect(consumer.receive(2, 9, 10)).toBe('repeated')
    expect(consumer.deadline).toBe(90)
    expect(consumer.receive(3, 8, 20)).toBe('new-data')
    const plain = new Consumer(target)
    expect([plain.receive(1, undefined, 0), plain.receive(2, undefined, 0)]).toEqual(['new-data', 'new-data'])
  })

  it('of class 3 knows a repeated request by its count', () => {
    const consumer = new Consumer(target)
    expect(consumer.receiveMessage(1, 0)).toBe('new-data')
    expect(consumer.receiveMessage(1, 10)).toBe('repeated')
    expect(consumer.receiveMessage(2, 20)).toBe('new-data')
    expect(consumer.deadline).toBe(100)
    expect(consumer.hasStarted).toBe(true)
  })

  it('accepts exactly the packets that arrive in rising order, whatever the network does', () => {
    holds(fc.array(fc.nat({ max: 50 }), { maxLength: 60 }), (sequences) => {
      const consumer = new Consumer(target)
      let newest = -1
      for (const sequence of sequences) {
        const verdict = consumer.receive(sequence, undefined, 0)
        expect(verdict).toBe(sequence > newest ? 'new-data' : 'stale')
        newest = Math.max(newest, sequence)
      }
    })
  })
})

describe('a producer', () => {
  it('sends at once, then at its interval', () => {
    const producer = new Producer({ apiUs: 20_000, trigger: 'cyclic', now: 100 })
    expect(producer.due).toBe(100)
    expect(producer.produce(100)).toEqual({ sequence: 1, sequenceCount: 1 })
    expect(producer.due).toBe(120)
    expect(producer.produce(120)).toEqual({ sequence: 2, sequenceCount: 2 })
  })

  it('does not drift when it is sent late, and does not burst behind a pause', () => {
    const producer = new Producer({ apiUs: 10_000, trigger: 'cyclic', now: 0 })
    producer.produce(3)
    expect(producer.due).toBe(10)
    producer.produce(19)
    expect(producer.due).toBe(20)
    producer.produce(1234)
    expect(producer.due).toBe(1240)
  })

  it('keeps to its grid however late each packet is', () => {
    holds(fc.array(fc.nat({ max: 40 }), { minLength: 1, maxLength: 50 }), (delays) => {
      const producer = new Producer({ apiUs: 8_000, trigger: 'cyclic', now: 0 })
      for (const delay of delays) {
        const now = producer.due + delay
        producer.produce(now)
        expect(producer.due % 8).toBe(0)
        expect(producer.due).toBeGreaterThan(now)
        expect(producer.due - now).toBeLessThanOrEqual(8)
      }
    })
  })

  it('by change of state counts only what is new, and sends the old again at its interval', () => {
    const producer = new Producer({ apiUs: 100_000, trigger: 'changeOfState', now: 0 })
    expect(producer.produce(0)).toEqual({ sequence: 1, sequenceCount: 1 })
    expect(producer.due).toBe(100)
    expect(producer.produce(100)).toEqual({ sequence: 2, sequenceCount: 1 })
    producer.changed(130)
    expect(producer.due).toBe(130)
    expect(producer.produce(130)).toEqual({ sequence: 3, sequenceCount: 2 })
    expect(producer.due).toBe(230)
  })

  it('by change of state waits for its inhibit time', () => {
    const producer = new Producer({ apiUs: 100_000, trigger: 'changeOfState', now: 0, inhibitUs: 25_000 })
    producer.produce(0)
    producer.changed(5)
    expect(producer.due).toBe(25)
    producer.changed(50)
    expect(producer.due).toBe(25)
  })

  it('in cycles does not care about changes', () => {
    const producer = new Producer({ apiUs: 100_000, trigger: 'cyclic', now: 0 })
    producer.produce(0)
    producer.changed(5)
    expect(producer.due).toBe(100)
  })

  it('begins with the sequence it is told, and counts through the end of the range', () => {
    const producer = new Producer({ apiUs: 1000, trigger: 'cyclic', now: 0, firstSequence: 0xffff_ffff })
    expect([producer.produce(0).sequence, producer.produce(1).sequence]).toEqual([0xffff_ffff, 0])
    const zero = new Producer({ apiUs: 1000, trigger: 'cyclic', now: 0, firstSequence: 0 })
    expect(zero.produce(0).sequence).toBe(0)
  })

  it('does not exist without an interval', () => {
    for (const apiUs of [0, -1, Number.NaN]) {
      expect(() => new Producer({ apiUs, trigger: 'cyclic', now: 0 })).toThrow(UsageError)
    }
  })
})
