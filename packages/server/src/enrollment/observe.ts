import { readFile } from 'node:fs/promises'
import { parseMac, type UnitIdentity } from '@cordon/core/enrollment'
import { TransportError } from '@cordon/core/errors'
import { discover } from '@cordon/node/originator'

/** What the network says of who is at an address. */
export interface Observation {
  readonly unit: UnitIdentity | undefined
  /** As `00:1d:9c:01:02:03`. */
  readonly mac: string | undefined
  /** Identity attributes 2, 3, 4 and 7. */
  readonly identity:
    | {
        readonly deviceType: number
        readonly productCode: number
        readonly major: number
        readonly minor: number
        readonly productName: string
      }
    | undefined
}

/** Asks the network who is at an address; undefined: nobody answers, and no MAC address is known. */
export type Observe = (address: string) => Promise<Observation | undefined>

/** How long an answer counts, milliseconds: a unit is not exchanged faster. */
const keptMs = 60_000
const mostKept = 4096

/**
 * An {@link Observe} that asks by ListIdentity and looks into the system's neighbour table. It is asked once for all who
 * want to know the same at a time.
 */
export function networkObserver(now: () => number = () => performance.now()): Observe {
  const kept = new Map<string, { readonly at: number; readonly found: Promise<Observation | undefined> }>()
  return (address) => {
    const last = kept.get(address)
    if (last !== undefined && now() - last.at < keptMs) return last.found
    const found = look(address)
    kept.delete(address)
    kept.set(address, { at: now(), found })
    const [oldest] = kept.size > mostKept ? kept.keys() : []
    if (oldest !== undefined) kept.delete(oldest)
    return found
  }
}

async function look(address: string): Promise<Observation | undefined> {
  const [reply] = await askIdentity(address)
  const mac = await macOf(address)
  if (reply === undefined) return mac === undefined ? undefined : { unit: undefined, mac, identity: undefined }
  const { vendorId, serialNumber, deviceType, productCode, revision, productName } = reply.identity
  return {
    unit: { vendorId, serialNumber },
    mac,
    identity: { deviceType, productCode, ...revision, productName: productName.trimEnd() },
  }
}

/** That nothing can be asked is nothing learned: what a rule then lacks it says. */
async function askIdentity(address: string) {
  try {
    return await discover({ targets: [address], maxReplies: 1 })
  } catch (error) {
    if (error instanceof TransportError) return []
    throw error
  }
}

/** Linux alone shows its neighbours in a file; elsewhere no MAC address is known. */
async function macOf(address: string): Promise<string | undefined> {
  const table = await readFile('/proc/net/arp', 'utf8').catch(() => '')
  for (const line of table.split('\n').slice(1)) {
    const [ip, , flags, mac] = line.trim().split(/\s+/)
    // Flag 2: the entry is complete.
    if (ip === address && (Number(flags) & 2) !== 0 && mac !== undefined) return parseMac(mac)
  }
  return undefined
}
