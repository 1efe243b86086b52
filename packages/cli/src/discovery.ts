import type { DiscoveryRow } from '@cordon/node/originator'
import { type Output, table } from './output.ts'

const words: Readonly<Record<string, { readonly kind: 'good' | 'warning' | 'neutral'; readonly text: string }>> = {
  factoryDefault: { kind: 'neutral', text: 'factory default' },
  configurationInProgress: { kind: 'warning', text: 'being configured' },
  configured: { kind: 'good', text: 'configured' },
  incompleteConfiguration: { kind: 'warning', text: 'incomplete' },
  none: { kind: 'neutral', text: 'not capable' },
}

/** A state of the CIP Security object for people; `none` is a device without one, an unlisted number stays as it is. */
export function cipSecurityWord(output: Output, state: string): string {
  const word = words[state]
  return word === undefined ? state : output.state(word.kind, word.text)
}

/** Discovered devices for people. */
export function discoveryTable(output: Output, rows: readonly DiscoveryRow[]): string {
  const sorted = [...rows].sort((a, b) => a.address.localeCompare(b.address, 'en', { numeric: true }))
  return table(
    output,
    sorted,
    [
      { title: 'address', value: (row) => row.address },
      { title: 'product', value: (row) => row.product },
      {
        title: 'CIP Security',
        value: (row) => cipSecurityWord(output, row.security),
      },
      { title: 'serial', value: (row) => row.serial, rank: 1 },
      { title: 'revision', value: (row) => row.revision, rank: 2 },
      { title: 'open ports', value: (row) => row.openPorts.join(' '), rank: 3 },
    ],
    'no device answered',
  )
}
