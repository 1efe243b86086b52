import { advertise } from '../../src/mdns/index.ts'
import { announcedEstServers, estServers, parseEstServer } from '../../src/est/index.ts'
import type { DnsQuestions } from '../../src/est/service-resolver.ts'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'

const { signal } = new AbortController()

/** A DNS of one domain; questions that are not in it are not answered, as by servers that know nothing. */
function dns(records: {
  readonly ptr?: Readonly<Record<string, readonly string[]>>
  readonly srv?: Readonly<
    Record<string, readonly (readonly [name: string, port: number, priority?: number, weight?: number])[]>
  >
  readonly txt?: Readonly<Record<string, readonly string[]>>
}): DnsQuestions {
  const answer = async <T>(value: T | undefined): Promise<T> => {
    if (value === undefined) throw Object.assign(new Error('queryPtr ENOTFOUND'), { code: 'ENOTFOUND' })
    return value
  }
  return {
    resolvePtr: async (name) => [...(await answer(records.ptr?.[name]))],
    resolveSrv: async (name) =>
      (await answer(records.srv?.[name])).map(([host, port, priority = 0, weight = 0]) => ({
        name: host,
        port,
        priority,
        weight,
      })),
    resolveTxt: async (name) => [[...(await answer(records.txt?.[name]))]],
    cancel: () => undefined,
  }
}

const search = (resolver: DnsQuestions, more: { readonly label?: string; readonly subtype?: string } = {}) =>
  estServers({ interfaces: [], domain: 'plant.example', waitMs: 10, signal, resolver, ...more })

describe('EST servers on the link', () => {
  const type = `_e${process.pid}._tcp`

  test('are found with path, label and addresses, and without those whose TXT record makes no sense', async () => {
    await using _announced = advertise({
      host: `est-${process.pid}`,
      interfaces: ['127.0.0.1'],
      services: [
        {
          instance: 'Plant',
          type,
          port: 8444,
          priority: 5,
          text: { txtvers: '1', path: '/.well-known/est', label: 'cell3' },
        },
        { instance: 'First', type, port: 8445, priority: 1 },
        { instance: 'Traversal', type, port: 8446, text: { txtvers: '1', path: '/a/../../etc' } },
        { instance: 'Splitter', type, port: 8447, text: { txtvers: '1', path: '/x HTTP/1.1\r\nHost: y' } },
        { instance: 'Later', type, port: 8448, text: { txtvers: '2' } },
        { instance: 'Operation', type, port: 8449, text: { txtvers: '1', label: 'simpleenroll' } },
      ],
    })
    const options = { interfaces: ['127.0.0.1'], type, waitMs: 1_300, signal }
    const refused = new Set<string>()
    const look = () =>
      Promise.all([
        estServers({ ...options, refused: (instance) => refused.add(instance) }),
        announcedEstServers({ ...options, label: 'mine' }),
      ])
    let [servers, announced] = await look()
    // Names are probed for before they are announced, so the first look may come too early.
    for (let again = 0; again < 5 && (servers.length < 2 || announced.length < 2); again++) {
      ;[servers, announced] = await look()
    }
    expect([...refused].sort()).toEqual(['Later', 'Operation', 'Splitter', 'Traversal'])
    const host = `est-${process.pid}.local`
    const addresses = ['127.0.0.1']
    expect(servers).toEqual([
      { host, port: 8445, addresses },
      { host, port: 8444, addresses, label: 'cell3' },
    ])
    const labels = announced.map(({ where, ttl, server }) => [where, ttl, server.label])
    // With a label of one's own the announced one plays no part, not even where it is none.
    expect(labels).toEqual([
      ['lo', 120, 'mine'],
      ['lo', 120, 'mine'],
      ['lo', 120, 'mine'],
    ])
  })

  test('are looked for until the caller stops', async () => {
    const stop = new AbortController()
    const found = estServers({ interfaces: ['127.0.0.1'], type, waitMs: 60_000, signal: stop.signal })
    await sleep(20)
    stop.abort()
    await expect(found).rejects.toMatchObject({ code: 'aborted' })
    await expect(estServers({ interfaces: [], waitMs: 1, signal, label: 'cacerts' })).rejects.toMatchObject({
      code: 'bad-value',
    })
  })
})

describe('EST servers of a domain', () => {
  const base = '_est._tcp.plant.example'

  test('are the instances that it lists, by priority', async () => {
    const resolver = dns({
      ptr: { [base]: [`Spare\\ server.${base}`, `Main.${base}`, 'elsewhere.example'] },
      srv: {
        [`Spare\\ server.${base}`]: [['spare.plant.example', 8444, 20]],
        [`Main.${base}`]: [['main.plant.example', 443, 10]],
      },
      txt: { [`Main.${base}`]: ['txtvers=1', 'path=/est', 'label=cell3', 'label=cell4', '=x', 'flag'] },
    })
    expect(await search(resolver)).toEqual([
      { host: 'main.plant.example', port: 443, addresses: [], prefix: '/est', label: 'cell3' },
      { host: 'spare.plant.example', port: 8444, addresses: [] },
    ])
    const announced = await announcedEstServers({
      interfaces: [],
      domain: 'plant.example.',
      waitMs: 10,
      signal,
      resolver,
    })
    expect(announced.map(({ instance, where }) => `${instance} in ${where}`)).toEqual([
      'Spare server in plant.example',
      'Main in plant.example',
    ])
  })

  test('are those of its SRV records where it lists no instance, each once', async () => {
    const resolver = dns({
      srv: {
        [base]: [
          ['a.plant.example', 8444],
          ['A.plant.example', 8444],
          ['.', 1],
          ['b b', 8444],
        ],
      },
    })
    expect(await search(resolver)).toHaveLength(1)
    expect(await search(resolver, { subtype: '_cip' })).toEqual([])
  })

  test('are none where DNS knows none, or what is asked for is no domain', async () => {
    expect(await search(dns({}))).toEqual([])
    await expect(
      estServers({ interfaces: [], domain: 'not a domain', waitMs: 10, signal, resolver: dns({}) }),
    ).rejects.toMatchObject({ code: 'bad-value' })
  })
})

describe('a server as a person names it', () => {
  test.each([
    ['est.plant.example', { host: 'est.plant.example', port: 8444 }],
    ['10.0.0.4:8445', { host: '10.0.0.4', port: 8445 }],
    ['est:443', { host: 'est', port: 443 }],
    ['[::1]:9', { host: '::1', port: 9 }],
    ['2001:db8::1', { host: '2001:db8::1', port: 8444 }],
    ['https://est.example/', { host: 'est.example', port: 443 }],
    ['https://est.example:8444/.well-known/est/cell%203', { host: 'est.example', port: 8444, label: 'cell 3' }],
    ['https://est.example/.well-known/est', { host: 'est.example', port: 443 }],
    ['https://est.example/pki/est/', { host: 'est.example', port: 443, prefix: '/pki/est' }],
  ])('%s', (text, server) => {
    expect(parseEstServer(text)).toEqual(server)
  })

  test.each([
    '',
    'http://est.example',
    'est.example:99999',
    'a b',
    'https://user:secret@est.example',
    'https://est.example/?x=1',
    'https://est.example/.well-known/est/cacerts',
    'https://est.example/.well-known/est/%',
    'x'.repeat(2000),
  ])('refuses "%s" without repeating it', (text) => {
    expect(() => parseEstServer(text)).toThrow(/^an EST server is written as/)
  })
})
