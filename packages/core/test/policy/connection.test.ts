import { decideConnection, spellProtectedWay } from '@cordon/core/policy'
import { describe, expect, test } from 'vitest'
import { exampleOf } from './plants.ts'

const { plant, index } = exampleOf('cpwe')

function of(name: string) {
  const connection = plant.connections.find((one) => one.name === name)
  if (connection === undefined) throw new Error(`there is no connection ${name}`)
  return decideConnection(index, connection)
}

describe('the protection of a connection', () => {
  test('ends at the module: the backplanes at both ends are plain', () => {
    const { transport, decision, hops } = of('Green_to_Blue_messages')
    expect(transport).toBe('tcp')
    expect(decision).toMatchObject({ verdict: 'secure', protection: 'confidentiality' })
    expect(hops).toEqual([
      { from: 'Green_L85E', to: 'Green_EN4TR', medium: 'backplane', protection: 'none' },
      { from: 'Green_EN4TR', to: 'Blue_EN4TR', medium: 'network', protection: 'confidentiality' },
      { from: 'Blue_EN4TR', to: 'Blue_L85E', medium: 'backplane', protection: 'none' },
    ])
  })

  test('reaches from end to end between the own ports of controllers', () => {
    const { hops } = of('Blue_reads_Green')
    expect(hops).toEqual([{ from: 'Blue_L85E', to: 'Green_L85E', medium: 'network', protection: 'confidentiality' }])
  })

  test('is spelled with where it ends, and not at all where it reaches from end to end or is none', () => {
    expect(spellProtectedWay(of('Green_to_Blue_messages').hops)).toBe(
      'protected from Green_EN4TR to Blue_EN4TR; the backplane behind it is plain: Green_EN4TR to Green_L85E, Blue_EN4TR to Blue_L85E',
    )
    expect(spellProtectedWay(of('Blue_reads_Green').hops)).toBeUndefined()
    expect(spellProtectedWay(of('Blue_to_Compact_41').hops)).toBeUndefined()
  })

  test('of I/O is that of DTLS, and plain where one end can do no better', () => {
    expect(of('Blue_consumes_Red')).toMatchObject({ transport: 'udp', decision: { protection: 'integrity' } })
    expect(of('Blue_to_Compact_41').hops.map((hop) => hop.protection)).toEqual(['none', 'none'])
  })
})
