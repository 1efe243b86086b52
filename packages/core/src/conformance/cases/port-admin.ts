import { u16 } from '../frames.ts'

/** An entry of 0xF5 attribute 14. */
export interface PortEntry {
  readonly name: string
  readonly port: number
  readonly protocol: number
  readonly open: boolean
  readonly capability: number
}

/** The entries of 0xF5 attribute 14 (4.8). */
export function portEntries(value: Uint8Array): PortEntry[] {
  const entries: PortEntry[] = []
  let at = 1
  for (let left = value[0] ?? 0; left > 0 && at < value.length; left--) {
    const nameEnd = at + 1 + (value[at] ?? 0)
    entries.push({
      name: String.fromCharCode(...value.subarray(at + 1, nameEnd)),
      port: u16(value, nameEnd),
      protocol: value[nameEnd + 2] ?? 0,
      open: (value[nameEnd + 3] ?? 0) !== 0,
      capability: value[nameEnd + 4] ?? 0,
    })
    at = nameEnd + 5
  }
  return entries
}
