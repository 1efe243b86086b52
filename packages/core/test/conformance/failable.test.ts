import { conformanceCases } from '@cordon/core/conformance'
import { describe, expect, it } from 'vitest'
import { against, type Contrary } from './contrary.ts'

const ones = new Uint8Array(64).fill(0xff)
const zeros = new Uint8Array(64)
const counting = Uint8Array.from({ length: 64 }, (_, i) => i + 1)

/** Targets that say yes to everything, no to everything, and nonsense. */
const targets: readonly Contrary[] = [0, 2].flatMap((state) => [
  { name: 'yes, ones', encapsulation: 0, status: 0, data: ones, talks: true, accepts: true, state },
  { name: 'yes, zeros', encapsulation: 0, status: 0, data: zeros, talks: true, accepts: true, state },
  { name: 'yes, nothing', encapsulation: 0, status: 0, data: new Uint8Array(0), talks: true, accepts: true, state },
  { name: 'yes, numbers', encapsulation: 0, status: 0, data: counting, talks: true, accepts: false, state },
  { name: 'yes, one', encapsulation: 0, status: 0, data: Uint8Array.of(1), talks: true, accepts: true, state },
  { name: 'no by CIP', encapsulation: 0, status: 0x1f, data: ones, talks: true, accepts: false, state },
  { name: 'no inside', encapsulation: 0, status: 0x1f, data: ones, talks: true, accepts: true, state },
  { name: 'lies', encapsulation: 0, status: 0, data: counting, talks: true, accepts: true, state, lies: true },
  {
    name: 'lies of an alert',
    encapsulation: 1,
    status: 0,
    data: counting,
    talks: true,
    accepts: true,
    state,
    lies: true,
  },
  { name: 'lies in ones', encapsulation: 0, status: 0, data: ones, talks: true, accepts: true, state, lies: true },
  { name: 'lies in zeros', encapsulation: 0, status: 0, data: zeros, talks: true, accepts: true, state, lies: true },
  { name: 'no session', encapsulation: 2, status: 0, data: ones, talks: true, accepts: true, state, lies: true },
  { name: 'no by encapsulation', encapsulation: 0x99, status: 0x1f, data: zeros, talks: true, accepts: false, state },
])

/** What is only ever wrong by an end of the connection, or by time. */
const byTheEnd = [
  'encapsulation.byte-by-byte',
  'encapsulation.half-message',
  'datagrams.list-identity-delay',
  'encapsulation.list-identity-at-once',
  'tls.split-records',
]

describe('no case is passed by every target:', () => {
  it('one of those that are wrong everywhere fails it', async () => {
    const never: string[] = []
    for (const each of conformanceCases) {
      let isFailed = false
      for (const target of targets) isFailed ||= (await against(target, each)) === 'fail'
      if (!isFailed) never.push(each.id)
    }
    expect(never.sort()).toEqual([...byTheEnd].sort())
  })

  it('one that hangs up fails the rest', async () => {
    const [first] = targets
    if (first === undefined) throw new Error('no target')
    for (const each of conformanceCases.filter(({ id }) => byTheEnd.includes(id))) {
      expect(await against({ ...first, hangsUp: true }, each), each.id).toBe('fail')
    }
  })
})
