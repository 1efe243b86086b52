import { decodeTable, tableNames } from '@cordon/core/tables'
import { describe, expect, test } from 'vitest'

const head = { device: 'A', address: '192.0.2.1', at: '2026-01-01T00:00:00.000Z', total: 1 }
const row = {
  state: 'LISTEN',
  localAddress: '0.0.0.0',
  localPort: 80,
  remoteAddress: '0.0.0.0',
  remotePort: 0,
  secured: false,
}
const tcp = (data: unknown) => JSON.stringify({ table: 'tcp', ...head, data })

describe('a table as JSON', () => {
  test('is read with what may be missing', () => {
    expect(decodeTable('tcp', tcp([row])).data).toEqual([row])
  })

  test.each([
    ['no JSON', '<html>', '/api/tcp: expected JSON'],
    ['something else', '[]', '/api/tcp: expected an object, got 0 rows'],
    ['another table', JSON.stringify({ table: 'tls', ...head, data: [] }), '/api/tcp.table: expected tcp, got "tls"'],
    ['no rows', tcp({}), '/api/tcp.data: expected at most 100000 rows, got object'],
    ['an unknown state', tcp([{ ...row, state: 'OPEN' }]), '/api/tcp.data[0].state: expected LISTEN, '],
    [
      'an address that is none',
      tcp([{ ...row, remoteAddress: '192.0.2.1\n192.0.2.2' }]),
      '/api/tcp.data[0].remoteAddress: expected an IPv4 address, got "192.0.2.1',
    ],
    ['a number as text', tcp([row, { ...row, localPort: '80' }]), '/api/tcp.data[1].localPort: expected a number'],
    ['a text without end', tcp([{ ...row, remoteName: 'x'.repeat(5000) }]), '.remoteName: expected a text of at most'],
  ])('is refused with its place: %s', (_, text, message) => {
    expect(() => decodeTable('tcp', text)).toThrow(message)
  })

  test('names the ends of a connection by addresses on Ethernet and by slots on the backplane', () => {
    const direction = { size: 2, variable: false, rpiUs: 20_000, multicast: false }
    const read = (originator: object, target: object) => {
      const connection = {
        class: 1,
        state: 'Active',
        uptimeS: 1,
        originator,
        target,
        originatorToTarget: direction,
        targetToOriginator: direction,
        missed: 0,
        serial: 1,
        confidentiality: 'None',
        transport: 'udp',
        side: 'target',
      }
      return decodeTable('bridge', JSON.stringify({ table: 'bridge', ...head, data: [connection] })).data
    }
    const slot = { port: 1, link: '0' }
    expect(read({ port: 2, link: '192.0.2.9' }, slot)).toMatchObject([{ target: slot }])
    expect(() => read({ port: 2, link: 'allowed' }, slot)).toThrow('.originator.link: expected an IPv4 address')
    expect(() => read({ port: 2, link: '192.0.2.9' }, { port: 1, link: '192.0.2.1' })).toThrow(
      '.target.link: expected a slot',
    )
  })

  test('is refused for each table when it is empty', () => {
    for (const name of tableNames) {
      const text = JSON.stringify({ table: name, ...head, data: 7 })
      expect(() => decodeTable(name, text)).toThrow(`/api/${name}.data`)
    }
  })
})
