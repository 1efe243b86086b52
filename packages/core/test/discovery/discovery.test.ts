import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ForeignWatch, judgeAdvertiser } from '../../src/discovery/foreign.ts'
import { inOrderOfPreference } from '../../src/discovery/preference.ts'
import { type FoundService, Querier, querierLimits } from '../../src/discovery/querier.ts'
import { compareSets, dnsMessage, type ResourceRecord } from '../../src/discovery/record.ts'
import { Responder } from '../../src/discovery/responder.ts'
import {
  checkService,
  decodeText,
  encodeText,
  estText,
  nextHost,
  nextInstance,
  type ServiceDescription,
} from '../../src/discovery/service.ts'
import { zoneSnippet } from '../../src/discovery/zone.ts'
import { Link, seeded } from './link.ts'

const peer = { address: '10.0.0.9', port: 5353 }

function responder(address: string, more: { instance?: string; host?: string; seed?: number; now?: number } = {}) {
  const { instance = 'Plant EST', host = 'manager', seed = 1, now = 0 } = more
  const services: readonly ServiceDescription[] = [{ instance, port: 8444, subtypes: ['_cip'] }]
  return new Responder({ services, host, addresses: { ipv4: [address], ipv6: [] }, random: seeded(seed), now })
}

function querier(now = 0, seed = 7): Querier {
  return new Querier({ random: seeded(seed), now })
}

/** A responder that has its names, alone. */
function established(): { one: Responder; now: number } {
  const one = responder('10.0.0.1')
  const link = new Link(seeded(3))
  link.add('10.0.0.1', one)
  link.run(5_000)
  one.takeEvents()
  return { one, now: link.now }
}

describe('a responder', () => {
  test('probes three times, 250 ms apart, then announces twice, a second apart', () => {
    const link = new Link(seeded(2))
    const one = responder('10.0.0.1')
    link.add('10.0.0.1', one)
    link.run(10_000)
    const probes = link.log.filter(({ message }) => message.authorities.length > 0)
    const times = [...new Set(probes.map(({ at }) => at))]
    expect(times).toHaveLength(3)
    expect(times[0]).toBeLessThan(250)
    expect(times.slice(1).map((at, i) => at - (times[i] ?? 0))).toEqual([250, 250])
    const announcements = link.log.filter(({ message }) => message.response)
    expect(announcements.map(({ at }) => at - (times[2] ?? 0))).toEqual([250, 1_250])
    expect(announcements[0]?.message.answers.map(({ type, ttl, flush }) => `${type} ${ttl} ${flush}`)).toEqual([
      'PTR 4500 false',
      'PTR 4500 false',
      'SRV 120 true',
      'TXT 4500 true',
      'A 120 true',
    ])
    expect(one.takeEvents()).toEqual([{ kind: 'established', host: 'manager.local', instances: ['Plant EST'] }])
    expect(one.deadline()).toBeUndefined()
  })

  test('answers nobody before its names are its own', () => {
    const one = responder('10.0.0.1')
    one.receive(dnsMessage({ questions: [{ name: '_est._tcp.local', type: 'PTR', unicast: false }] }), peer, 10)
    expect(one.takeOutput()).toEqual([])
  })

  test.each([
    ['_est._tcp.local', 'PTR', ['SRV', 'TXT', 'A', 'NSEC']],
    ['_cip._sub._est._tcp.local', 'PTR', ['SRV', 'TXT', 'A', 'NSEC']],
    ['PLANT est._EST._tcp.Local', 'SRV', ['A', 'NSEC']],
    ['_services._dns-sd._udp.local', 'PTR', []],
  ] as const)('answers %s %s with what the asker will want next', (name, type, additional) => {
    const { one, now } = established()
    one.receive(dnsMessage({ questions: [{ name, type, unicast: false }] }), peer, now)
    one.tick(now + 200)
    const [sent, ...others] = one.takeOutput()
    expect(others).toEqual([])
    expect(sent?.to).toBeUndefined()
    expect(sent?.message.answers).toHaveLength(1)
    expect(sent?.message.additionals.map((record) => record.type)).toEqual(additional)
  })

  test('says that it has no IPv6 address', () => {
    const { one, now } = established()
    one.receive(dnsMessage({ questions: [{ name: 'manager.local', type: 'AAAA', unicast: false }] }), peer, now)
    expect(one.takeOutput()[0]?.message.answers).toMatchObject([{ type: 'NSEC', types: ['A'] }])
  })

  test('does not repeat what the asker knows for at least half its lifetime', () => {
    const { one, now } = established()
    const questions = [{ name: '_est._tcp.local', type: 'PTR', unicast: false }] as const
    const known = (ttl: number): ResourceRecord => ({
      name: '_est._tcp.local',
      type: 'PTR',
      target: 'plant est._est._tcp.local',
      ttl,
      flush: false,
    })
    one.receive(dnsMessage({ questions, answers: [known(2_250)] }), peer, now)
    expect(one.deadline()).toBeUndefined()
    one.receive(dnsMessage({ questions, answers: [known(2_249)] }), peer, now)
    expect(one.deadline()).toBeGreaterThan(now)
    // Known answers that follow in a message of their own take it back.
    one.receive(dnsMessage({ answers: [known(4_500)] }), peer, now)
    expect(one.deadline()).toBeUndefined()
  })

  test('waits for the rest of a long list of known answers', () => {
    const { one, now } = established()
    const questions = [{ name: '_est._tcp.local', type: 'PTR', unicast: false }] as const
    one.receive(dnsMessage({ questions, truncated: true }), peer, now)
    expect(one.deadline()).toBeGreaterThanOrEqual(now + 400)
  })

  test('sends a record to the group once a second at most, but defends it sooner against a probe', () => {
    const { one, now } = established()
    const question = { name: 'manager.local', type: 'A', unicast: false } as const
    const ask = (at: number, probe = false) => {
      const authorities = probe
        ? [{ name: 'manager.local', type: 'A', address: '10.0.0.9', ttl: 120, flush: false } as const]
        : []
      one.receive(dnsMessage({ questions: [question], authorities }), peer, at)
      return one.takeOutput().length
    }
    expect(ask(now)).toBe(1)
    expect(ask(now + 100)).toBe(0)
    expect(one.deadline()).toBe(now + 1_000)
    expect(ask(now + 200, true)).toBe(0)
    expect(one.deadline()).toBe(now + 250)
  })

  test('answers a question with the QU bit to the asker alone while the group knows', () => {
    const { one, now } = established()
    one.receive(dnsMessage({ questions: [{ name: 'manager.local', type: 'A', unicast: true }] }), peer, now)
    expect(one.takeOutput()[0]?.to).toEqual(peer)
    one.receive(dnsMessage({ questions: [{ name: 'manager.local', type: 'A', unicast: true }] }), peer, now + 31_000)
    expect(one.takeOutput()[0]?.to).toBeUndefined()
  })

  test('answers a simple resolver as ordinary DNS would', () => {
    const { one, now } = established()
    const from = { address: '10.0.0.9', port: 40_000 }
    one.receive(dnsMessage({ id: 77, questions: [{ name: 'manager.local', type: 'A', unicast: false }] }), from, now)
    const [sent] = one.takeOutput()
    expect(sent?.to).toEqual(from)
    expect(sent?.message).toMatchObject({ id: 77, questions: [{ name: 'manager.local' }] })
    expect(sent?.message.answers).toMatchObject([{ address: '10.0.0.1', ttl: 10, flush: false }])
  })

  test('takes everything back at the end, and is silent then', () => {
    const { one, now } = established()
    one.stop(now)
    const records = one.takeOutput().flatMap(({ message }) => message.answers)
    expect(records).toHaveLength(5)
    expect(records.every(({ ttl }) => ttl === 0)).toBe(true)
    one.receive(dnsMessage({ questions: [{ name: 'manager.local', type: 'A', unicast: false }] }), peer, now)
    expect(one.takeOutput()).toEqual([])
    expect(one.deadline()).toBeUndefined()
  })

  test('probes and announces anew with other addresses when the link comes back', () => {
    const { one, now } = established()
    one.restart({ ipv4: ['10.0.0.5'], ipv6: ['2001:db8::5'] }, now)
    expect(one.isEstablished).toBe(false)
    const link = new Link(seeded(1))
    link.now = now
    link.add('10.0.0.5', one)
    link.run(3_000)
    const last = link.log.at(-1)?.message.answers
    expect(last?.flatMap((r) => (r.type === 'A' || r.type === 'AAAA' ? [r.address] : []))).toEqual([
      '10.0.0.5',
      '2001:db8::5',
    ])
  })

  test('is renamed by a flood of conflicts no faster than it probes', () => {
    const one = responder('10.0.0.1')
    let now = 0
    for (; now < 10_000; now++) {
      one.tick(now)
      const name = `${one.instances[0]}._est._tcp.local`
      const answers: ResourceRecord[] = [{ name, type: 'TXT', entries: [], ttl: 120, flush: true }]
      one.receive(dnsMessage({ response: true, answers }), peer, now)
      one.takeOutput()
    }
    const renamed = one.takeEvents().filter(({ kind }) => kind === 'renamed')
    expect(renamed.length).toBeGreaterThan(10)
    // 15 within ten seconds, then one every five.
    expect(renamed.length).toBeLessThanOrEqual(17)
  })

  test('refuses what cannot be announced, and says what would do', () => {
    const make = (service: Partial<ServiceDescription>, host = 'manager') =>
      new Responder({
        services: [{ instance: 'Plant EST', port: 8444, ...service }],
        host,
        addresses: { ipv4: [], ipv6: [] },
        random: () => 0,
        now: 0,
      })
    expect(() => make({ instance: 'ü'.repeat(32) })).toThrow('1 to 63 octets of UTF-8')
    expect(() => make({ instance: '' })).toThrow('1 to 63 octets')
    expect(() => make({ instance: 'a\nb' })).toThrow('control characters')
    expect(() => make({ type: 'est' })).toThrow('like "_est._tcp"')
    expect(() => make({ type: '_sixteen-letters0._tcp' })).toThrow('at most 15')
    expect(() => make({ port: 0 })).toThrow('port must be a number from 1 to 65535')
    expect(() => make({ text: { 'a=b': '1' } })).toThrow('without "="')
    expect(() => make({ text: { a: 'x'.repeat(255) } })).toThrow('at most 255 octets')
    expect(() => make({}, 'a.b')).toThrow('without a domain')
    expect(() => make({ instance: 'ü'.repeat(31) })).not.toThrow()
  })
})

describe('two responders with one name', () => {
  test.each(Array.from({ length: 40 }, (_, i) => i + 1))('agree on who has it, with loss (seed %i)', (seed) => {
    const random = seeded(seed)
    const link = new Link(random, seed % 2 === 0 ? 0.1 : 0)
    const one = responder('10.0.0.1', { seed })
    link.add('10.0.0.1', one)
    // From at once to long after the first is there.
    link.run(random() * (seed % 4) * 1_000)
    const two = responder('10.0.0.2', { seed: seed + 100, now: link.now })
    link.add('10.0.0.2', two)
    link.run(60_000)
    // Whoever lost every word of the other meets it when a third asks.
    const third = querier(link.now, seed)
    link.add('10.0.0.3', third)
    link.run(60_000)
    expect([one.isEstablished, two.isEstablished]).toEqual([true, true])
    expect(new Set([...one.instances, ...two.instances])).toEqual(new Set(['Plant EST', 'Plant EST (2)']))
    expect(new Set([one.hostName, two.hostName])).toEqual(new Set(['manager.local', 'manager-2.local']))
    expect(third.services()).toHaveLength(2)
  })

  test('the one that is there first keeps it', () => {
    const link = new Link(seeded(1))
    const one = responder('10.0.0.1')
    link.add('10.0.0.1', one)
    link.run(5_000)
    const two = responder('10.0.0.2', { seed: 2, now: link.now })
    link.add('10.0.0.2', two)
    link.run(5_000)
    expect([one.instances, two.instances]).toEqual([['Plant EST'], ['Plant EST (2)']])
    const events = two.takeEvents()
    expect(events.at(-1)?.kind).toBe('established')
    expect(events.slice(0, -1)).toEqual(
      expect.arrayContaining([
        { kind: 'renamed', what: 'instance', from: 'Plant EST', to: 'Plant EST (2)', holder: '10.0.0.1' },
        { kind: 'renamed', what: 'host', from: 'manager', to: 'manager-2', holder: '10.0.0.1' },
      ]),
    )
  })

  test('a tie goes to the later records, in the order of RFC 6762 section 8.2', () => {
    const a = (address: string): ResourceRecord => ({ name: 'x.local', type: 'A', address, ttl: 120, flush: true })
    expect(compareSets([a('169.254.99.200')], [a('169.254.200.50')])).toBeLessThan(0)
    expect(compareSets([a('10.0.0.1')], [a('10.0.0.1')])).toBe(0)
    expect(compareSets([a('10.0.0.1'), a('10.0.0.2')], [a('10.0.0.1')])).toBeGreaterThan(0)
  })
})

describe('a querier', () => {
  test('finds a service, keeps it alive by asking, and loses it at the goodbye', () => {
    const link = new Link(seeded(4))
    const one = responder('10.0.0.1')
    const look = querier()
    link.add('10.0.0.1', one)
    link.add('10.0.0.3', look)
    link.run(3_000)
    expect(look.takeEvents()).toMatchObject([
      { kind: 'found', service: { instance: 'Plant EST', addresses: ['10.0.0.1'] } },
    ])
    expect(Object.fromEntries(look.services()[0]?.text ?? [])).toEqual({ txtvers: '1', path: '/.well-known/est' })
    link.run(2 * 3_600_000)
    expect(look.takeEvents()).toEqual([])
    one.stop(link.now)
    link.run(2_000)
    expect(look.takeEvents()).toMatchObject([{ kind: 'lost' }])
    expect(look.cached).toBe(0)
  })

  test('asks less and less often, and tells what it knows', () => {
    const link = new Link(seeded(4))
    link.add('10.0.0.1', responder('10.0.0.1'))
    link.add('10.0.0.3', querier())
    link.run(70_000)
    const asked = link.log.filter(({ from, message }) => from === '10.0.0.3' && message.questions[0]?.type === 'PTR')
    const gaps = asked.slice(1).map(({ at }, i) => Math.round((at - (asked[i]?.at ?? 0)) / 1_000))
    expect(gaps).toEqual([1, 2, 4, 8, 16, 32])
    expect(asked.at(-1)?.message.answers).toMatchObject([{ type: 'PTR', target: 'Plant EST._est._tcp.local' }])
    const answered = link.log.filter(({ from, message, at }) => from === '10.0.0.1' && message.response && at > 5_000)
    expect(answered).toEqual([])
  })

  test('loses a service that is silently gone once its records run out', () => {
    const link = new Link(seeded(4))
    const look = querier()
    link.add('10.0.0.1', responder('10.0.0.1'))
    link.add('10.0.0.3', look)
    link.run(3_000)
    link.remove('10.0.0.1')
    link.run(121_000)
    expect(look.takeEvents().map(({ kind }) => kind)).toEqual(['found', 'lost'])
  })

  test('asks for each record that an answer left out', () => {
    const link = new Link(seeded(4))
    const look = querier()
    link.add('10.0.0.3', look)
    const say = (answers: readonly ResourceRecord[]) => {
      look.receive(dnsMessage({ response: true, answers }), peer, link.now)
      link.run(200)
      return link.log.at(-1)?.message.questions.map(({ name, type }) => `${name} ${type}`)
    }
    const common = { ttl: 120, flush: false }
    const name = 'X._est._tcp.local'
    link.run(500)
    expect(say([{ ...common, name: '_est._tcp.local', type: 'PTR', target: name }])).toEqual([
      `${name} SRV`,
      `${name} TXT`,
    ])
    expect(say([{ ...common, name, type: 'SRV', priority: 0, weight: 0, port: 1, target: 'h.local' }])).toEqual([
      'h.local A',
      'h.local AAAA',
    ])
    say([
      { ...common, name, type: 'TXT', entries: [] },
      { ...common, name: 'h.local', type: 'AAAA', address: '2001:db8::1' },
    ])
    expect(look.services()).toMatchObject([{ instance: 'X', host: 'h.local', addresses: ['2001:db8::1'] }])
  })

  test('believes a set that replaces another, a second later', () => {
    const link = new Link(seeded(4))
    const one = responder('10.0.0.1')
    const look = querier()
    link.add('10.0.0.1', one)
    link.add('10.0.0.3', look)
    link.run(5_000)
    one.restart({ ipv4: ['10.0.0.8'], ipv6: [] }, link.now)
    link.run(5_000)
    expect(look.services()).toMatchObject([{ addresses: ['10.0.0.8'] }])
  })

  test('hears nothing from another port, and nothing that it did not ask for', () => {
    const look = querier()
    const answers: ResourceRecord[] = [
      { name: '_est._tcp.local', type: 'PTR', target: 'X._est._tcp.local', ttl: 120, flush: false },
      { name: 'other.local', type: 'A', address: '10.0.0.1', ttl: 120, flush: false },
    ]
    look.receive(dnsMessage({ response: true, answers }), { address: '10.0.0.9', port: 40_000 }, 0)
    expect(look.cached).toBe(0)
    look.receive(dnsMessage({ response: true, answers }), peer, 0)
    expect(look.cached).toBe(1)
  })

  test('is not driven out of memory by a flood, nor the first out of the list', () => {
    const look = querier()
    const flood = (i: number): ResourceRecord[] => [
      { name: '_est._tcp.local', type: 'PTR', target: `X${i}._est._tcp.local`, ttl: 2 ** 32 - 1, flush: false },
      {
        name: `X${i}._est._tcp.local`,
        type: 'SRV',
        priority: 0,
        weight: 0,
        port: i,
        target: 'h.local',
        ttl: 9,
        flush: false,
      },
      {
        name: `X0._est._tcp.local`,
        type: 'SRV',
        priority: 0,
        weight: 0,
        port: i,
        target: 'h.local',
        ttl: 9,
        flush: false,
      },
      { name: `X${i}._est._tcp.local`, type: 'TXT', entries: [], ttl: 9, flush: false },
      { name: 'h.local', type: 'A', address: `10.1.${i >> 8}.${i & 255}`, ttl: 9, flush: false },
    ]
    for (let i = 0; i < 2_000; i++) look.receive(dnsMessage({ response: true, answers: flood(i) }), peer, 0)
    expect(look.services()).toHaveLength(querierLimits.instances)
    expect(look.services()[0]).toMatchObject({ instance: 'X0' })
    expect(look.services()[0]?.addresses).toHaveLength(querierLimits.perSet)
    expect(look.cached).toBeLessThanOrEqual(querierLimits.records)
    expect(look.dropped).toBeGreaterThan(1_000)
    look.takeOutput()
    look.tick(4_501_000)
    expect(look.cached).toBe(0)
  })
})

const anyName = fc.oneof(
  fc.constantFrom('_est._tcp.local', 'Plant EST._est._tcp.local', 'manager.local', 'X._est._tcp.local', 'h.local', ''),
  fc.string(),
)
const header = { name: anyName, ttl: fc.nat(2 ** 32 - 1), flush: fc.boolean() }
const u16 = fc.nat(0xffff)
const anyRecord: fc.Arbitrary<ResourceRecord> = fc.oneof(
  fc.record({ ...header, type: fc.constant('A' as const), address: fc.ipV4() }),
  fc.record({ ...header, type: fc.constant('AAAA' as const), address: fc.ipV6() }),
  fc.record({ ...header, type: fc.constant('PTR' as const), target: anyName }),
  fc.record({ ...header, type: fc.constant('SRV' as const), priority: u16, weight: u16, port: u16, target: anyName }),
  fc.record({ ...header, type: fc.constant('TXT' as const), entries: fc.array(fc.uint8Array({ maxLength: 255 })) }),
)
const anyMessage = fc.record({
  response: fc.boolean(),
  id: u16,
  truncated: fc.boolean(),
  questions: fc.array(
    fc.record({ name: anyName, type: fc.constantFrom('A', 'PTR', 'ANY', 'SRV'), unicast: fc.boolean() } as const),
  ),
  answers: fc.array(anyRecord),
  authorities: fc.array(anyRecord),
  additionals: fc.array(anyRecord),
})

test('any messages at any times neither throw nor fill the memory nor make a loop', () => {
  const events = fc.array(fc.tuple(anyMessage, fc.nat(5_000), fc.constantFrom(5_353, 40_000)), { maxLength: 40 })
  fc.assert(
    fc.property(events, (all) => {
      const one = responder('10.0.0.1')
      const look = querier()
      let now = 0
      for (const [message, ms, port] of all) {
        now += ms
        for (const station of [one, look]) {
          station.receive(message, { address: '10.0.0.9', port }, now)
          let rounds = 0
          while ((station.deadline() ?? Infinity) <= now && rounds < 50) {
            station.tick(now)
            rounds++
          }
          expect(rounds).toBeLessThan(50)
          station.takeOutput()
        }
      }
      expect(look.cached).toBeLessThanOrEqual(querierLimits.records)
    }),
    { numRuns: 200 },
  )
})

describe('names and texts', () => {
  test('the next name counts on, within 63 octets', () => {
    expect(nextInstance('Plant EST')).toBe('Plant EST (2)')
    expect(nextInstance('Plant EST (9)')).toBe('Plant EST (10)')
    expect(nextInstance('ü'.repeat(31))).toBe(`${'ü'.repeat(29)} (2)`)
    expect(nextHost('manager')).toBe('manager-2')
    expect(nextHost('manager-2')).toBe('manager-3')
    expect(nextHost('m'.repeat(63))).toBe(`${'m'.repeat(61)}-2`)
  })

  test('txtvers comes first, and a label only where there is one', () => {
    expect(Object.keys(estText({ label: 'line2' }))).toEqual(['txtvers', 'path', 'label'])
    expect(checkService({ instance: 'X', port: 1 }).text).toEqual({ txtvers: '1', path: '/.well-known/est' })
  })

  test('a text comes back as it went, and a key counts once, without case', () => {
    const bytes = (text: string) => Uint8Array.from(Buffer.from(text))
    expect(encodeText({})).toEqual([new Uint8Array(0)])
    expect(Object.fromEntries(decodeText(encodeText({ txtvers: '1', secure: true, path: '' })))).toEqual({
      txtvers: '1',
      secure: true,
      path: '',
    })
    const strange = [bytes('A=1'), bytes('a=2'), bytes('=x'), Uint8Array.of(0xff), bytes('b=c=d')]
    expect(Object.fromEntries(decodeText(strange))).toEqual({ a: '1', b: 'c=d' })
  })
})

test('servers are tried by priority, and among equals by lot with their weight', () => {
  const servers = [
    { name: 'spare', priority: 10, weight: 0 },
    { name: 'big', priority: 0, weight: 30 },
    { name: 'small', priority: 0, weight: 10 },
  ]
  const random = seeded(5)
  const first = new Map<string, number>()
  for (let i = 0; i < 4_000; i++) {
    const order = inOrderOfPreference(servers, random).map(({ name }) => name)
    expect(order[2]).toBe('spare')
    first.set(order[0] ?? '', (first.get(order[0] ?? '') ?? 0) + 1)
  }
  expect((first.get('big') ?? 0) / 4_000).toBeGreaterThan(0.7)
  expect((first.get('big') ?? 0) / 4_000).toBeLessThan(0.8)
})

describe('the watch for foreign advertisers', () => {
  const service = (more: Partial<FoundService> = {}): FoundService => ({
    instance: 'Plant EST',
    type: '_est._tcp',
    host: 'manager.local',
    port: 8444,
    priority: 0,
    weight: 0,
    addresses: ['10.0.0.1'],
    text: new Map(),
    ttl: 120,
    advertiser: '10.0.0.1',
    ...more,
  })
  const own = { instances: ['Plant EST'], addresses: ['10.0.0.1'] }

  test('tells ours from others, and from others under our name', () => {
    expect(judgeAdvertiser(service(), own).verdict).toBe('ours')
    expect(judgeAdvertiser(service({ instance: 'Rogue', advertiser: '10.0.0.6' }), own)).toMatchObject({
      verdict: 'foreign',
      reason: 'not one of our services: announced by 10.0.0.6 as "Rogue" at manager.local:8444 (10.0.0.1)',
    })
    expect(judgeAdvertiser(service({ addresses: ['10.0.0.1', '10.0.0.6'] }), own).reason).toMatch(
      /^our name from an address that is not ours, 10\.0\.0\.6/,
    )
    expect(judgeAdvertiser(service({ advertiser: '10.0.0.6' }), own).verdict).toBe('foreign')
  })

  test('knows a peer by its addresses under whatever name, and only by all of them', () => {
    const withPeer = { ...own, peers: ['10.0.0.6'] }
    const peer = { instance: 'Plant EST (2)', addresses: ['10.0.0.6'], advertiser: '10.0.0.6' }
    expect(judgeAdvertiser(service(peer), withPeer).verdict).toBe('ours')
    expect(judgeAdvertiser(service(peer), own).verdict).toBe('foreign')
    expect(judgeAdvertiser(service({ ...peer, advertiser: '10.0.0.7' }), withPeer).verdict).toBe('foreign')
    expect(judgeAdvertiser(service({ ...peer, addresses: ['10.0.0.6', '10.0.0.7'] }), withPeer).verdict).toBe('foreign')
  })

  test('raises one alarm for each, and clears it when it goes or turns out to be ours', () => {
    const watch = new ForeignWatch()
    const rogue = service({ instance: 'Rogue' })
    expect(watch.hear({ kind: 'found', service: service() }, own)).toBeUndefined()
    expect(watch.hear({ kind: 'found', service: rogue }, own)?.kind).toBe('raised')
    expect(watch.hear({ kind: 'changed', service: rogue }, own)).toBeUndefined()
    expect(watch.alarms()).toHaveLength(1)
    expect(watch.hear({ kind: 'changed', service: rogue }, { ...own, instances: ['rogue'] })?.kind).toBe('cleared')
    watch.hear({ kind: 'found', service: rogue }, own)
    expect(watch.hear({ kind: 'lost', service: rogue }, own)).toMatchObject({ reason: 'it is announced no more' })
    expect(watch.alarms()).toEqual([])
  })
})

test('the zone snippet is what a zone file holds, with what is special escaped', () => {
  const services = [
    {
      instance: 'Plant EST 1.5 ü',
      port: 8444,
      subtypes: ['_cip'],
      priority: 1,
      text: { txtvers: '1', note: 'a "b" \\ ü' },
    },
  ]
  expect(zoneSnippet({ domain: 'plant.example.', host: 'manager.plant.example', services })).toBe(
    [
      '; DNS-SD of 1 service for the zone plant.example',
      'b._dns-sd._udp.plant.example. 4500 IN PTR plant.example.',
      'lb._dns-sd._udp.plant.example. 4500 IN PTR plant.example.',
      '_services._dns-sd._udp.plant.example. 4500 IN PTR _est._tcp.plant.example.',
      '_est._tcp.plant.example. 4500 IN PTR Plant\\032EST\\0321\\.5\\032\\195\\188._est._tcp.plant.example.',
      '_cip._sub._est._tcp.plant.example. 4500 IN PTR Plant\\032EST\\0321\\.5\\032\\195\\188._est._tcp.plant.example.',
      'Plant\\032EST\\0321\\.5\\032\\195\\188._est._tcp.plant.example. 4500 IN SRV 1 0 8444 manager.plant.example.',
      'Plant\\032EST\\0321\\.5\\032\\195\\188._est._tcp.plant.example. 4500 IN TXT "txtvers=1" "note=a \\"b\\" \\\\ \\195\\188"',
      '',
    ].join('\n'),
  )
  expect(() => zoneSnippet({ domain: 'a b', host: 'x', services })).toThrow('domain must be a DNS name')
})
