import { type BridgeRow, joinConnections, type ReadTables, type SecuredRow, type TcpRow } from '@cordon/core/tables'
import { describe, expect, test } from 'vitest'

const direction = { size: 2, variable: false, rpiUs: 20_000, multicast: false }

function bridge(side: BridgeRow['side'], peer: string, serial: number, more: Partial<BridgeRow> = {}): BridgeRow {
  const slot = { port: 1, link: '0', name: undefined }
  const network = { port: 2, link: peer, name: undefined }
  return {
    class: 1,
    state: 'Active',
    uptimeS: 7,
    originator: side === 'target' ? network : slot,
    target: side === 'target' ? slot : network,
    originatorToTarget: direction,
    targetToOriginator: direction,
    missed: 1,
    serial,
    confidentiality: 'Authenticated',
    transport: 'dtls',
    side,
    ...more,
  }
}

function secured(side: SecuredRow['side'], peer: string, ports: readonly [own: number, remote: number]): SecuredRow {
  return {
    remoteAddress: peer,
    remotePort: ports[1],
    remoteName: undefined,
    localPort: ports[0],
    side,
    suite: 0xc006,
    suiteName: 'TLS_ECDHE_ECDSA_WITH_NULL_SHA',
    meaning: '',
    confidentiality: 'Authenticated',
    since: '2026-01-01T00:00:00.000Z',
    resumed: false,
  }
}

function plain(side: NonNullable<TcpRow['side']>, peer: string, ports: readonly [number, number]): TcpRow {
  return {
    state: 'ESTABLISHED',
    localAddress: '192.0.2.1',
    localPort: ports[0],
    remoteAddress: peer,
    remotePort: ports[1],
    remoteName: undefined,
    side,
    secured: false,
    since: undefined,
  }
}

function device(address: string, more: Partial<ReadTables> = {}): ReadTables {
  return { address, tcp: [], tls: [], dtls: [], bridge: [], ...more }
}

describe('the tables of a plant', () => {
  test('show a connection once, with what both of its ends know', () => {
    const joined = joinConnections([
      device('192.0.2.1', { bridge: [bridge('originator', '192.0.2.2', 5)] }),
      device('192.0.2.2', {
        bridge: [bridge('target', '192.0.2.1', 5, { missed: 3 })],
        dtls: [secured('server', '192.0.2.1', [2221, 5000])],
      }),
    ])
    expect(joined).toMatchObject([
      { kind: 'connection', from: '192.0.2.1', to: '192.0.2.2', serial: 5, seenBy: 'both', missed: 4, suite: 0xc006 },
    ])
  })

  test('show a connection of which only one end was read', () => {
    const joined = joinConnections([device('192.0.2.2', { bridge: [bridge('target', '192.0.2.1', 5)] })])
    expect(joined).toMatchObject([{ from: '192.0.2.1', to: '192.0.2.2', seenBy: 'target' }])
  })

  test('keep two connections of the same serial number apart that leave through one module', () => {
    const ends = [
      device('192.0.2.1', { bridge: [bridge('originator', '192.0.2.2', 5), bridge('originator', '192.0.2.2', 5)] }),
      device('192.0.2.2', { bridge: [bridge('target', '192.0.2.1', 5), bridge('target', '192.0.2.1', 5)] }),
    ]
    expect(joinConnections(ends).map(({ seenBy }) => seenBy)).toEqual(['both', 'both'])
  })

  test('show a session that carries no connection, and not one that does', () => {
    const joined = joinConnections([
      device('192.0.2.1', {
        bridge: [bridge('target', '192.0.2.2', 5, { class: 0, transport: 'udp', confidentiality: 'None' })],
        tcp: [plain('server', '192.0.2.2', [44818, 5000]), plain('server', '192.0.2.9', [44818, 5001])],
        tls: [secured('server', '192.0.2.9', [2221, 5002])],
      }),
    ])
    expect(joined.map(({ kind, from, transport }) => [kind, from, transport])).toEqual([
      ['connection', '192.0.2.2', 'udp'],
      ['session', '192.0.2.9', 'tcp'],
      ['session', '192.0.2.9', 'tls'],
    ])
  })

  test.each([
    ['the originator', 'Encrypted', 'Authenticated'],
    ['the target', 'None', 'Encrypted'],
  ] as const)('take the weaker protection where the ends disagree, whoever was read first: %s', (_, first, second) => {
    const ends = [
      device('192.0.2.1', { bridge: [bridge('originator', '192.0.2.2', 5, { confidentiality: first })] }),
      device('192.0.2.2', { bridge: [bridge('target', '192.0.2.1', 5, { confidentiality: second })] }),
    ]
    const weaker = first === 'None' ? 'None' : 'Authenticated'
    for (const readings of [ends, [...ends].reverse()]) {
      expect(joinConnections(readings)).toMatchObject([
        {
          seenBy: 'both',
          confidentiality: weaker,
          disagree: `192.0.2.1 shows ${first}, 192.0.2.2 shows ${second}`,
        },
      ])
    }
  })

  test('take the weaker protection of a session too, and say nothing where both ends agree', () => {
    const server = secured('server', '192.0.2.1', [2221, 5000])
    const client = secured('client', '192.0.2.2', [5000, 2221])
    const read = (tls: SecuredRow) =>
      joinConnections([device('192.0.2.1', { tls: [client] }), device('192.0.2.2', { tls: [tls] })])
    expect(read(server)).toMatchObject([{ seenBy: 'both', confidentiality: 'Authenticated', disagree: undefined }])
    expect(read({ ...server, suite: 0xc02b, confidentiality: 'Encrypted' })).toMatchObject([
      {
        confidentiality: 'Authenticated',
        suite: 0xc006,
        disagree: '192.0.2.1 shows Authenticated (0xC006), 192.0.2.2 shows Encrypted (0xC02B)',
      },
    ])
  })

  test('show a second session of a pair that is protected otherwise than the one that carries', () => {
    const strong = { suite: 0xc02b, confidentiality: 'Encrypted' } as const
    const joined = joinConnections([
      device('192.0.2.2', {
        bridge: [bridge('target', '192.0.2.1', 5, { class: 3, transport: 'tls', confidentiality: 'Encrypted' })],
        tls: [
          { ...secured('server', '192.0.2.1', [2221, 5000]), ...strong },
          secured('server', '192.0.2.1', [2221, 5001]),
          { ...secured('server', '192.0.2.1', [2221, 5002]), ...strong, suite: 0xc02c },
        ],
      }),
    ])
    expect(joined.map(({ kind, confidentiality, suite }) => [kind, confidentiality, suite])).toEqual([
      ['connection', 'Encrypted', 0xc02b],
      ['session', 'Authenticated', 0xc006],
      ['session', 'Encrypted', 0xc02c],
    ])
  })

  test('leave out pages, ports that listen, and what has ended', () => {
    const tcp: TcpRow[] = [
      plain('server', '192.0.2.9', [80, 5000]),
      { ...plain('server', '0.0.0.0', [44818, 0]), state: 'LISTEN', side: undefined },
      { ...plain('client', '192.0.2.2', [5000, 44818]), state: 'CLOSED' },
    ]
    expect(joinConnections([device('192.0.2.1', { tcp })])).toEqual([])
  })
})
