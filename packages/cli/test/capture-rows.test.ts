import type { CaptureRow } from '@cordon/core/capture'
import { describe, expect, it } from 'vitest'
import { rowFilter, rowText } from '../src/capture-rows.ts'

const row: CaptureRow = {
  packet: 12,
  timeUs: 1_500_000,
  conversation: 3,
  source: { address: '192.0.2.1', port: 50_000 },
  destination: { address: '192.0.2.2', port: 2221 },
  protocol: 'CIP CM',
  protected: true,
  info: 'Success: Connection Manager - Forward Open',
  fields: { cip: [{ service: 0x54, reply: true, otConnectionId: 0x77, toConnectionId: 0x2281 }] },
}

describe('the lines of capture decode', () => {
  it('say when, who, what, and that it was read inside TLS', () => {
    const names = (address: string): string | undefined => (address === '192.0.2.2' ? 'Drive' : undefined)
    expect(rowText(row, 1_000_000, names)).toBe(
      '     12     0.500000  192.0.2.1:50000 -> Drive:2221                 CIP CM *   Success: Connection Manager - Forward Open',
    )
  })

  it('are chosen by address, port, connection, protocol and packet', () => {
    const keeps = (flags: object): boolean => rowFilter({ fromPacket: '1', ...flags })(row)
    expect(keeps({})).toBe(true)
    expect([keeps({ address: '192.0.2.2' }), keeps({ address: '192.0.2.3' })]).toEqual([true, false])
    expect([keeps({ port: '2221' }), keeps({ port: '44818' })]).toEqual([true, false])
    expect([keeps({ connection: '0x77' }), keeps({ connection: '0x78' })]).toEqual([true, false])
    expect([keeps({ protocol: 'cip cm' }), keeps({ protocol: 'ENIP' })]).toEqual([true, false])
    expect([keeps({ fromPacket: '12' }), keeps({ fromPacket: '13' })]).toEqual([true, false])
    expect(() => rowFilter({ fromPacket: '1', protocol: 'HTTP' })).toThrow('--protocol expects one of')
  })
})
