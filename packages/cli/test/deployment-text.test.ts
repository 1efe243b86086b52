import { type DeviceResult, type Message, message } from '@cordon/core/deployment'
import { describe, expect, test } from 'vitest'
import { reportText, resultsText } from '../src/deployment-text.ts'
import { testOutput } from './test-output.ts'

const device = (name: string, messages: readonly Message[]): DeviceResult => ({
  device: name,
  address: '192.0.2.1',
  outcome: 'complete',
  configuration: 'old',
  messages,
  steps: [],
})

describe('messages', () => {
  const lines = (...devices: readonly DeviceResult[]) => resultsText(testOutput().output, devices).split('\n')

  test('that say the same of several devices stand once, with all of them in what to do', () => {
    const same = ['Panel', 'Drive'].map((name) => device(name, [message('not-enforceable', name, 'everyone else')]))
    const text = lines(...same)
    expect(text.filter((line) => line.includes('[not-enforceable]'))).toEqual([
      '! Panel, Drive: a promise of the policy cannot be enforced [not-enforceable]',
    ])
    expect(text.at(-1)).toBe('    next:  Accept the risk, or put a firewall or a proxy in front of Panel, Drive.')
  })

  test('that found something else, or name their device in a command, stand alone', () => {
    const other = ['Panel', 'Drive'].map((name) => device(name, [message('not-enforceable', name, `as ${name}`)]))
    expect(lines(...other).filter((line) => line.includes('[not-enforceable]'))).toHaveLength(2)
    const command = ['Panel', 'Drive'].map((name) => device(name, [message('apply-refused', name, 'status 0x0C')]))
    expect(lines(...command).filter((line) => line.includes('[apply-refused]'))).toHaveLength(2)
  })
})

test('a release shows its proof', () => {
  const released = { ...device('Panel', [message('released', 'Panel', 'seen')]), proof: ['it answers', 'it refuses'] }
  const text = resultsText(testOutput().output, [released]).split('\n')
  expect(text.slice(text.indexOf('Proof'))).toEqual(['Proof', '✔ Panel is free', '    it answers', '    it refuses'])
})

test('a report says on which stretch of its way a connection is protected, once for each way', () => {
  const hops = [
    { from: 'A', to: 'B', medium: 'network', protection: 'integrity' },
    { from: 'B', to: 'B_PLC', medium: 'backplane', protection: 'none' },
  ] as const
  const connection = { from: 'A', to: 'B', outcome: 'complete', messages: [], hops } as const
  const text = reportText(testOutput().output, {
    plant: 'small',
    outcome: 'complete',
    tookMs: 1000,
    devices: [],
    connections: ['one', 'two'].map((name) => ({ ...connection, connection: name })),
    messages: [],
  }).split('\n')
  const at = text.indexOf('Protection ends at the module')
  expect(text.slice(at + 1, at + 3)).toEqual([
    'protected from A to B; the backplane behind it is plain: B to B_PLC',
    '',
  ])
})
