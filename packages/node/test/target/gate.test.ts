import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Gate, type Guest, HandshakeRate } from '../../src/target/gate.ts'

interface TestGuest extends Guest {
  evicted: boolean
}

function guest(address: string, proven = false): TestGuest {
  const made: TestGuest = {
    address,
    proven,
    evicted: false,
    evict: () => {
      made.evicted = true
    },
  }
  return made
}

describe('places for associations', () => {
  it('are given until there are none', () => {
    const gate = new Gate(2, 2)
    gate.enter(guest('a', true))
    expect(gate.admits('b')).toBe('in')
    gate.enter(guest('b', true))
    expect(gate.admits('c')).toBe('too-many')
  })

  it('are limited for one address while others still come in', () => {
    const gate = new Gate(10, 2)
    gate.enter(guest('a', true))
    gate.enter(guest('a', true))
    expect(gate.admits('a')).toBe('too-many-from-host')
    expect(gate.admits('b')).toBe('in')
  })

  it('are made free by the oldest that never proved to work', () => {
    const gate = new Gate(3, 3)
    const working = guest('a', true)
    const idle = guest('a')
    const later = guest('a')
    for (const each of [working, idle, later]) gate.enter(each)
    expect(gate.admits('b')).toBe('in')
    expect([working.evicted, idle.evicted, later.evicted]).toEqual([false, true, false])
  })

  it('are taken from the address that floods, not from the one that just arrived', () => {
    const gate = new Gate(5, 5)
    const newcomer = guest('good')
    gate.enter(newcomer)
    for (let i = 0; i < 4; i++) gate.enter(guest('flood'))
    for (let i = 0; i < 20; i++) {
      expect(gate.admits('flood')).toBe('in')
      gate.enter(guest('flood'))
    }
    expect(newcomer.evicted).toBe(false)
  })

  it('come back when a guest leaves, however often it says so', () => {
    const gate = new Gate(1, 1)
    const first = guest('a', true)
    gate.enter(first)
    gate.enter(first)
    gate.leave(first)
    gate.leave(first)
    expect(gate.size).toBe(0)
    expect(gate.admits('a')).toBe('in')
  })

  it('never exceed their limits and never cost a working peer its own, whatever happens', () => {
    const command = fc.record({
      address: fc.constantFrom('a', 'b', 'c', 'd'),
      proven: fc.boolean(),
      leave: fc.option(fc.nat(10)),
    })
    fc.assert(
      fc.property(
        fc.array(command, { maxLength: 80 }),
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 4 }),
        (commands, maximum, perHost) => {
          const gate = new Gate(maximum, perHost)
          const inside: TestGuest[] = []
          for (const { address, proven, leave } of commands) {
            if (leave !== null) {
              const [gone] = inside.splice(leave, 1)
              if (gone !== undefined) gate.leave(gone)
            } else if (gate.admits(address) === 'in') {
              const made = guest(address, proven)
              gate.enter(made)
              inside.push(made)
            }
            for (const each of [...inside]) if (each.evicted) inside.splice(inside.indexOf(each), 1)
            expect(gate.size).toBe(inside.length)
            expect(gate.size).toBeLessThanOrEqual(maximum)
            for (const host of ['a', 'b', 'c', 'd']) {
              expect(inside.filter((each) => each.address === host).length).toBeLessThanOrEqual(perHost)
            }
            expect(inside.some((each) => each.proven && each.evicted)).toBe(false)
          }
        },
      ),
    )
  })
})

describe('the rate of handshakes', () => {
  it('is bounded in all, and comes back with time', () => {
    const rate = new HandshakeRate(10)
    const taken = (now: number) =>
      Array.from({ length: 50 }, (_, i) => rate.take(`host ${i}`, now)).filter(Boolean).length
    expect(taken(0)).toBe(10)
    expect(taken(100)).toBe(1)
    expect(taken(5000)).toBe(10)
  })

  it('leaves half to others when one address wants all', () => {
    const rate = new HandshakeRate(10)
    expect(Array.from({ length: 50 }, () => rate.take('flood', 0)).filter(Boolean)).toHaveLength(5)
    expect(rate.take('good', 0)).toBe(true)
    expect(rate.take('flood', 1000)).toBe(true)
  })

  it('lets at least one through', () => {
    expect(new HandshakeRate(1).take('a', 0)).toBe(true)
  })
})
