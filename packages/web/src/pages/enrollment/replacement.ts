import type { StateWords } from '../../words/states.ts'

/** Whether a new unit may take the role of one that is gone, as it is shown. */
export interface Replacement {
  readonly matches: boolean
  readonly device: string
  readonly criteria: readonly { readonly name: string; readonly result: StateWords; readonly reason: string }[]
}

const names: Readonly<Record<string, string>> = {
  unit: 'Another unit',
  address: 'Address',
  vendor: 'Vendor',
  deviceType: 'Device type',
  productCode: 'Product code',
  majorRevision: 'Major revision',
}
const results: Readonly<Record<string, StateWords>> = {
  match: { tone: 'good', text: 'Fits' },
  mismatch: { tone: 'bad', text: 'Does not fit' },
  free: { tone: 'none', text: 'Not asked' },
}

type Members = Readonly<Record<string, unknown>>

const isMembers = (value: unknown): value is Members => typeof value === 'object' && value !== null

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

/** Reads the verdict, which the contract leaves open; undefined where there is none. */
export function replacementOf(value: unknown): Replacement | undefined {
  if (!isMembers(value) || typeof value['matches'] !== 'boolean') return undefined
  const criteria: readonly unknown[] = Array.isArray(value['criteria']) ? value['criteria'] : []
  return {
    matches: value['matches'],
    device: textOf(value['device']),
    criteria: criteria.filter(isMembers).map((one) => ({
      name: names[textOf(one['name'])] ?? textOf(one['name']),
      result: results[textOf(one['result'])] ?? { tone: 'none', text: textOf(one['result']) },
      reason: textOf(one['reason']),
    })),
  }
}
