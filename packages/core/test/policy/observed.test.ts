import { judgeObserved, nameOfAddress, type ObservedPair } from '@cordon/core/policy'
import { describe, expect, test } from 'vitest'
import { indexOf } from './plants.ts'

const index = indexOf(`
version: 1
plant: sample
manager: Manager
nonSecure: allow
suites: [0xC02C, 0xC023, 0xC006]
zones:
  left: { authentication: certificate, messaging: integrity, io: integrity }
  right: { authentication: certificate, messaging: confidentiality, io: integrity }
  weak: { authentication: none }
devices:
  A: { address: 192.0.2.1, zone: left }
  A2: { address: 192.0.2.2, zone: left }
  B: { address: 192.0.2.11, zone: right }
  W: { address: 192.0.2.21, zone: weak, capability: none }
  Manager: { address: 192.0.2.100, zone: right }
ranges:
  office: { addresses: 198.51.100.0/24, zone: weak }
conduits:
  - { between: [A, W], authentication: trusted-ip, opens: A }
`)

const judged = (from: string, to: string, protection: ObservedPair['protection'], transport: 'tcp' | 'udp' = 'tcp') =>
  judgeObserved(index, { from, to, transport, protection })

describe('what was observed between two addresses', () => {
  test('is allowed with the protection that was promised, or more', () => {
    for (const protection of ['integrity', 'confidentiality'] as const) {
      expect(judged('192.0.2.1', '192.0.2.2', protection)).toMatchObject({ verdict: 'allowed', from: 'A', to: 'A2' })
    }
    expect(judged('192.0.2.1', '192.0.2.21', 'none')).toMatchObject({ verdict: 'allowed' })
    expect(judged('192.0.2.100', '192.0.2.11', 'confidentiality')).toMatchObject({ verdict: 'allowed' })
  })

  test('is weaker with less', () => {
    expect(judged('192.0.2.1', '192.0.2.2', 'none')).toMatchObject({ verdict: 'weaker' })
    expect(judged('192.0.2.100', '192.0.2.11', 'integrity')).toMatchObject({
      verdict: 'weaker',
      reason: "the manager's own way in: certificate, confidentiality was promised, integrity alone was seen",
    })
  })

  test('is forbidden without a conduit, and in the direction that a conduit does not open', () => {
    expect(judged('192.0.2.1', '192.0.2.11', 'confidentiality')).toMatchObject({
      verdict: 'forbidden',
      decision: { denial: 'no-conduit' },
    })
    expect(judged('192.0.2.21', '192.0.2.1', 'none')).toMatchObject({ verdict: 'forbidden' })
    expect(judged('192.0.2.100', '192.0.2.11', 'confidentiality', 'udp')).toMatchObject({ verdict: 'forbidden' })
  })

  test('is of an unknown peer where an end is not in the plant', () => {
    expect(judged('203.0.113.9', '192.0.2.1', 'none')).toMatchObject({
      verdict: 'unknown-peer',
      reason: '203.0.113.9 is not in the plant file',
      to: 'A',
      decision: undefined,
    })
    expect(judged('not an address', 'nor this', 'none').verdict).toBe('unknown-peer')
  })

  test('has names from ranges too', () => {
    expect(nameOfAddress(index, '198.51.100.77')).toBe('office')
    expect(nameOfAddress(index, '198.51.101.1')).toBeUndefined()
  })
})
