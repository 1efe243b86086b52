import type { FoundService, ResponderEvent } from '@cordon/core/discovery'
import { dnsMessage } from '@cordon/core/discovery'
import fc from 'fast-check'
import { createSocket } from 'node:dgram'
import type { NetworkInterfaceInfo } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { type AdvertiseOptions, advertise } from '../../src/mdns/advertise.ts'
import { browse } from '../../src/mdns/browse.ts'
import { isOnLink, linkInterfaces } from '../../src/mdns/interfaces.ts'
import { fromPacket, isPlausible, toPacket } from '../../src/mdns/message.ts'

const ipv4 = (address: string, netmask = '255.255.255.0', internal = false): NetworkInterfaceInfo => ({
  family: 'IPv4',
  address,
  netmask,
  mac: '02:00:00:00:00:01',
  internal,
  cidr: null,
})
const ipv6 = (address: string): NetworkInterfaceInfo => ({
  ...ipv4(''),
  family: 'IPv6',
  address,
  netmask: '',
  scopeid: 0,
})

const machine = () => ({
  lo: [ipv4('127.0.0.1', '255.0.0.0', true)],
  eth0: [ipv4('10.0.0.1'), ipv4('10.0.5.1'), ipv6('2001:db8::1'), ipv6('fe80::1')],
  eth1: [ipv4('192.168.1.1', '255.255.0.0')],
  wg0: [ipv6('2001:db8::2')],
})

describe('the interfaces', () => {
  test('are all with an IPv4 address but the loopback, each with its own addresses', () => {
    expect(linkInterfaces(undefined, machine).map(({ name, addresses }) => ({ name, addresses }))).toEqual([
      { name: 'eth0', addresses: { ipv4: ['10.0.0.1', '10.0.5.1'], ipv6: ['2001:db8::1'] } },
      { name: 'eth1', addresses: { ipv4: ['192.168.1.1'], ipv6: [] } },
    ])
  })

  test('can be chosen by name, or by an address that alone is announced then', () => {
    expect(linkInterfaces(['lo', '10.0.5.1'], machine).map(({ name, addresses }) => [name, addresses.ipv4])).toEqual([
      ['lo', ['127.0.0.1']],
      ['eth0', ['10.0.5.1']],
    ])
  })

  test('know who is on their link', () => {
    const [eth0, eth1] = linkInterfaces(undefined, machine)
    const on = (address: string) => [eth0, eth1].map((at) => at !== undefined && isOnLink(address, at))
    expect(on('10.0.0.77')).toEqual([true, false])
    expect(on('10.0.5.2')).toEqual([true, false])
    expect(on('10.0.1.1')).toEqual([false, false])
    expect(on('192.168.200.9')).toEqual([false, true])
  })
})

test('any address of the loopback may be chosen, and no address of another network', () => {
  const found = linkInterfaces(['127.60.34.2', '10.0.5.9', '203.0.113.1'], machine)
  expect(found.map(({ name, address, addresses }) => [name, address, addresses.ipv4])).toEqual([
    ['lo', '127.60.34.2', ['127.60.34.2']],
  ])
})

describe('the border to the codec', () => {
  const values = fc.oneof(
    fc.anything(),
    fc.constantFrom('IN', 'UNKNOWN_32769', 'UNKNOWN_33023', 'A', 'SRV', 'TXT', 'PTR', 'x.local'),
  )
  const parts = fc.array(
    fc.oneof(fc.record({ name: values, type: values, class: values, ttl: values, data: values }), fc.anything()),
  )

  test('takes anything, and gives a message or nothing', () => {
    const packets = fc.record({
      type: fc.constantFrom('query', 'response'),
      id: values,
      questions: parts,
      answers: parts,
      authorities: parts,
      additionals: values,
    })
    fc.assert(
      fc.property(fc.oneof(packets, fc.anything()), (packet) => {
        const message = fromPacket(packet)
        if (message !== undefined) expect(toPacket(message).answers).toHaveLength(message.answers.length)
      }),
    )
  })

  test('reads the QU bit out of the class that the library does not know', () => {
    const question = { name: 'x.local', type: 'ANY' }
    const read = (qclass: string) =>
      fromPacket({ type: 'query', questions: [{ ...question, class: qclass }] })?.questions
    expect(read('IN')).toEqual([{ ...question, unicast: false }])
    expect(read('UNKNOWN_32769')).toEqual([{ ...question, unicast: true }])
    expect(read('UNKNOWN_33023')).toEqual([{ ...question, unicast: true }])
    expect(read('CH')).toEqual([])
    expect(read('UNKNOWN_2')).toEqual([])
  })

  test('leaves out addresses, ports and names that are none, and refuses more records than a packet holds', () => {
    const record = { name: 'x.local', class: 'IN', ttl: 120 }
    const answers = [
      { ...record, type: 'A', data: '10.0.0.300' },
      { ...record, type: 'AAAA', data: '10.0.0.3' },
      { ...record, type: 'SRV', data: { priority: 0, weight: 0, port: 65_536, target: 'x.local' } },
      { ...record, type: 'PTR', data: '.' },
      { ...record, type: 'A', class: 'CH', data: '10.0.0.3' },
      { ...record, type: 'HINFO', data: { cpu: 'x', os: 'y' } },
    ]
    expect(fromPacket({ type: 'response', answers })).toEqual(dnsMessage({ response: true }))
    expect(fromPacket({ type: 'response', answers: new Array(257).fill(answers[0]) })).toBeUndefined()
  })
})

test('what no honest datagram is never reaches the decoder', () => {
  const datagram = (octets: number, answers: number) => {
    const bytes = Buffer.alloc(octets)
    bytes.writeUInt16BE(answers, 6)
    return bytes
  }
  expect([datagram(11, 0), datagram(9_001, 1), datagram(9_000, 257)].map(isPlausible)).toEqual([false, false, false])
  expect([datagram(12, 0), datagram(9_000, 256)].map(isPlausible)).toEqual([true, true])
})

async function until(isIt: () => boolean): Promise<void> {
  for (let waited = 0; waited < 20_000 && !isIt(); waited += 20) await sleep(20)
  expect(isIt()).toBe(true)
}

describe('on the loopback', () => {
  // A name of this process alone: other test runs of this machine speak on the same loopback.
  const type = `_t${process.pid}._tcp`
  const announce = (events: ResponderEvent[], more: Partial<AdvertiseOptions> = {}) =>
    advertise({
      services: [{ instance: 'Plant EST', type, port: 8444 }],
      host: `host-${process.pid}`,
      interfaces: ['127.0.0.1'],
      event: (event) => events.push(event),
      ...more,
    })

  test('what is announced is found, survives garbage, and is lost at the end', async () => {
    const events: ResponderEvent[] = []
    const heard: { kind: string; service: FoundService }[] = []
    await using one = announce(events)
    await using look = browse({ type, interfaces: ['127.0.0.1'], event: (event) => heard.push(event) })
    await until(() => look.services().length === 1)
    expect(look.services()).toMatchObject([
      { instance: 'Plant EST', addresses: ['127.0.0.1'], port: 8444, interface: 'lo' },
    ])
    const socket = createSocket('udp4')
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
    socket.setMulticastInterface('127.0.0.1')
    for (const bytes of [
      Buffer.alloc(0),
      Buffer.alloc(11, 0xff),
      Buffer.alloc(9_000, 0xff),
      Buffer.from('000084000001000000000000c0ff', 'hex'),
    ])
      await new Promise((resolve) => socket.send(bytes, 5353, '224.0.0.251', resolve))
    socket.close()
    await until(() => (one.status()[0]?.malformed ?? 0) >= 3)
    expect(look.services()).toHaveLength(1)
    await one.close()
    await until(() => heard.some(({ kind }) => kind === 'lost'))
    expect(heard.map(({ kind }) => kind)).toEqual(['found', 'lost'])
  })

  test('an abort takes it back', async () => {
    const events: ResponderEvent[] = []
    const abort = new AbortController()
    const one = announce(events, { signal: abort.signal })
    await until(() => events.some(({ kind }) => kind === 'established'))
    abort.abort()
    await one.close()
    expect(one.status()).toEqual([])
    await using none = announce([], { signal: abort.signal })
    expect(none.status()).toEqual([])
  })

  test('an interface that cannot be used is a problem that is told, tried again, and no crash', async () => {
    const problems: string[] = []
    let address = '203.0.113.77'
    const source = () => ({ eth9: [ipv4(address)] })
    await using one = announce([], {
      interfaces: ['eth9'],
      source,
      pollMs: 100,
      problem: ({ error }) => problems.push(error.message),
    })
    await until(() => problems.length > 0)
    expect(problems[0]).toContain('eth9 (203.0.113.77)')
    address = '127.0.0.1'
    await until(() => one.status()[0]?.isEstablished === true)
    expect(one.status()).toMatchObject([{ interface: 'eth9', addresses: ['127.0.0.1'] }])
  })

  test('what cannot be announced is refused at once, with the remedy', () => {
    const make = (instance: string) => announce([], { services: [{ instance, type, port: 8444 }], source: () => ({}) })
    expect(() => make('Cell 1.5')).toThrow('holds a dot, which the DNS library cannot write: use another character')
    expect(() => make('')).toThrow('1 to 63 octets')
    expect(() => browse({ type: 'est', source: () => ({}) })).toThrow('like "_est._tcp"')
  })
})
