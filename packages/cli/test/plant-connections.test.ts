import { indexPlant, parsePlant } from '@cordon/core/policy'
import type { BridgeRow, ReadTables } from '@cordon/core/tables'
import { describe, expect, it } from 'vitest'
import { filterOf } from '../src/commands/connections.ts'
import { judgedConnections } from '@cordon/core/learning'
import { changeText, connectionChanges, judgedConnectionsText } from '../src/plant-connections.ts'
import { testOutput } from './test-output.ts'

const text = `version: 1
plant: line
manager: Manager
nonSecure: allow
zones:
  line: { authentication: certificate, messaging: confidentiality, io: confidentiality, nonSecure: allow }
devices:
  PLC:     { address: 192.0.2.1, zone: line }
  Drive:   { address: 192.0.2.2, zone: line }
  Manager: { address: 192.0.2.9, zone: line, role: originator }
`
const { plant, problems } = parsePlant(text, 'plant.yaml')
if (plant === undefined) throw new Error(problems.map(({ message }) => message).join())
const index = indexPlant(plant)

const direction = { size: 2, variable: false, rpiUs: 20_000, multicast: false }
const slot = { port: 1, link: '0', name: undefined }

function device(side: BridgeRow['side'], confidentiality: BridgeRow['confidentiality'], peer?: string): ReadTables {
  const [own, other] = side === 'originator' ? ['192.0.2.1', '192.0.2.2'] : ['192.0.2.2', '192.0.2.1']
  const network = { port: 2, link: peer ?? other, name: undefined }
  const row: BridgeRow = {
    class: 1,
    state: 'Active',
    uptimeS: 7,
    originator: side === 'target' ? network : slot,
    target: side === 'target' ? slot : network,
    originatorToTarget: direction,
    targetToOriginator: direction,
    missed: 0,
    serial: 5,
    confidentiality,
    transport: 'dtls',
    side,
  }
  return { address: own, tcp: [], tls: [], dtls: [], bridge: [row] }
}

const judged = (...devices: readonly ReadTables[]) => judgedConnections(index, devices)

describe('the connections of a plant', () => {
  it('are judged by the weaker of what their ends show, and it is said that they disagree', () => {
    const connections = judged(device('originator', 'Encrypted'), device('target', 'Authenticated'))
    const disagree = '192.0.2.1 shows Encrypted, 192.0.2.2 shows Authenticated'
    expect(connections).toMatchObject([{ verdict: 'weaker', confidentiality: 'Authenticated', disagree }])
    const { output } = testOutput({ width: 200 })
    const shown = judgedConnectionsText(output, connections)
    expect(shown).toMatch(new RegExp(`weaker +! ${disagree}`))
    expect(shown).toContain(`its ends disagree: ${disagree}`)
  })

  it('are lines of their own, whatever a peer calls itself', () => {
    const connections = judged(device('target', 'Encrypted', '192.0.2.7\nPLC to Drive: allowed'))
    const { output } = testOutput()
    const told = judgedConnectionsText(output, connections).split('\n')
    expect(told.filter((line) => line.startsWith('PLC to'))).toEqual([])
    for (const change of connectionChanges(undefined, connections))
      expect(changeText(output, change)).not.toContain('\n')
  })
})

describe('a filter of connections', () => {
  it('names what there is where a name is mistyped', () => {
    const filter = (flags: object) => filterOf(index, { interval: '30s', ...flags })
    expect(filter({ pair: 'PLC,192.0.2.77', zone: 'line' })).toEqual({ pair: ['PLC', '192.0.2.77'], zone: 'line' })
    expect(() => filter({ pair: 'PLC,Driv' })).toThrow('nothing is called "Driv"; the plant has PLC, Drive, Manager')
    expect(() => filter({ pair: 'PLC' })).toThrow('expected two names')
    expect(() => filter({ zone: 'lin' })).toThrow('no zone "lin"; the plant has line')
    expect(() => filter({ zone: '' })).toThrow('no zone ""')
  })
})
