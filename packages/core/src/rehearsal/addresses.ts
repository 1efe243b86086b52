import { UsageError } from '../errors.ts'
import { formatAddress, formatNetwork, lastAddress, type Network, parseNetwork } from '../policy/address.ts'
import type { AddressRange, Device, Plant } from '../policy/model.ts'

/** Where the parts of a plant are in its twin. */
export interface AddressMap {
  /** The twin's own network, a /16 of the loopback. */
  readonly network: string
  /** Real address of each device by its address in the twin. */
  readonly real: ReadonlyMap<string, string>
  /** Address of each device in the twin by its real one. */
  readonly twin: ReadonlyMap<string, string>
  /** Addresses of each range in the twin, by its name. */
  readonly ranges: ReadonlyMap<string, string>
  /** Ranges that had to be made smaller. */
  readonly narrowed: readonly string[]
}

/** Ranges wider than this are made smaller: they share one /16 with everything else. */
const widestPrefix = 20

/** Addresses in a /16 that a twin may use: not its first and not its last. */
const mostDevices = 65_534

/**
 * Gives each device an address in a /16 of the loopback. The last two octets stay what they are wherever two devices do
 * not want the same; ranges keep their size up to a /20 and lie apart from the devices.
 *
 * @param network first two octets, `127.61`
 * @throws UsageError `bad-option` for a plant that does not fit
 */
export function mapAddresses(plant: Pick<Plant, 'devices' | 'ranges'>, network: string): AddressMap {
  const whole = parseNetwork(`${network}.0.0/16`)
  if (whole === undefined || !network.startsWith('127.'))
    throw new UsageError('bad-option', `a twin lives in a /16 of the loopback such as 127.61, got "${network}"`)
  const base = whole.address
  const taken = new Set<number>()
  const twin = new Map<string, string>()
  const real = new Map<string, string>()
  const waiting: string[] = []
  const place = (address: string, offset: number): void => {
    taken.add(offset)
    const there = formatAddress(base + offset)
    twin.set(address, there)
    real.set(there, address)
  }
  for (const address of addressesOf(plant.devices)) {
    const offset = (parseNetwork(address)?.address ?? 0) % 65_536
    if (offset === 0 || offset > mostDevices || taken.has(offset)) waiting.push(address)
    else place(address, offset)
  }
  if (waiting.length + twin.size > mostDevices)
    throw new UsageError('bad-option', `a twin has at most ${mostDevices} devices with an address`)
  let next = 1
  for (const address of waiting) {
    while (taken.has(next)) next++
    place(address, next)
  }
  const { ranges, narrowed } = mapRanges(plant.ranges, base, taken)
  return { network: `${network}.0.0/16`, real, twin, ranges, narrowed }
}

function addressesOf(devices: readonly Device[]): ReadonlySet<string> {
  return new Set(devices.flatMap(({ address }) => address ?? []))
}

function mapRanges(
  ranges: readonly AddressRange[],
  base: number,
  taken: ReadonlySet<number>,
): { readonly ranges: ReadonlyMap<string, string>; readonly narrowed: readonly string[] } {
  const sorted = [...taken].sort((a, b) => a - b)
  const placed: Network[] = []
  const found = new Map<string, string>()
  const narrowed: string[] = []
  const isFree = (network: Network): boolean => {
    const last = lastAddress(network)
    const first = sorted.find((offset) => base + offset >= network.address)
    if (first !== undefined && base + first <= last) return false
    return placed.every((other) => lastAddress(other) < network.address || other.address > last)
  }
  for (const { name, addresses } of ranges) {
    const wanted = parseNetwork(addresses)
    if (wanted === undefined) continue
    let isSettled = false
    for (let prefix = Math.max(wanted.prefix, widestPrefix); prefix <= 32 && !isSettled; prefix++) {
      const size = 2 ** (32 - prefix)
      const preferred = Math.floor((wanted.address % 65_536) / size) * size
      const offsets = [preferred, ...Array.from({ length: 65_536 / size }, (_, block) => 65_536 - (block + 1) * size)]
      const offset = offsets.find((one) => isFree({ address: base + one, prefix }))
      if (offset === undefined) continue
      const network = { address: base + offset, prefix }
      placed.push(network)
      found.set(name, formatNetwork(network))
      if (prefix !== wanted.prefix) narrowed.push(name)
      isSettled = true
    }
    if (!isSettled) throw new UsageError('bad-option', `the twin has no room left for range ${name}`)
  }
  return { ranges: found, narrowed }
}

/** Addresses of the twin in anything that survives JSON, put back to the real ones: in texts as well as alone. */
export function withRealAddresses<Value>(value: Value, { real, ranges, network }: AddressMap, plant: Plant): Value {
  const names = new Map(real)
  for (const { name, addresses } of plant.ranges) {
    const there = ranges.get(name)
    if (there !== undefined) names.set(there, addresses)
  }
  const [first, second] = network.split('.')
  const pattern = new RegExp(`\\b${first}\\.${second}\\.\\d{1,3}\\.\\d{1,3}(?:/\\d{1,2})?`, 'g')
  const put = (text: string): string =>
    text.replace(pattern, (found) => names.get(found) ?? names.get(found.replace(/\/32$/, '')) ?? found)
  // Walks plain data; what comes out has the shape of what went in.
  const walk = (part: unknown): unknown => {
    if (typeof part === 'string') return put(part)
    if (Array.isArray(part)) return part.map(walk)
    if (typeof part !== 'object' || part === null) return part
    return Object.fromEntries(Object.entries(part).map(([key, inner]) => [put(key), walk(inner)]))
  }
  return walk(value) as Value
}
