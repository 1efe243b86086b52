/** An IPv4 network as numbers: the address with host bits zero, and the prefix length 0 to 32. */
export interface Network {
  /** Unsigned 32 bits, first octet highest. */
  readonly address: number
  readonly prefix: number
}

const octet = '(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])'

/** A dotted IPv4 address without leading zeros, as a pattern for schemas. */
export const addressPattern = `^${octet}(?:\\.${octet}){3}$`

/** An IPv4 network in CIDR form, as a pattern for schemas. */
export const networkPattern = `^${octet}(?:\\.${octet}){3}/(?:3[0-2]|[12]?[0-9])$`

/** A dotted IPv4 address as an unsigned number, or undefined when it is none (leading zeros are refused: some read them as octal). */
export function parseAddress(text: string): number | undefined {
  let value = 0
  let octets = 0
  let octet = -1
  for (let at = 0; at <= text.length; at++) {
    const digit = at === text.length ? -1 : text.charCodeAt(at) - 0x30
    if (digit >= 0 && digit <= 9) {
      if (octet === 0) return undefined
      octet = octet < 0 ? digit : octet * 10 + digit
      if (octet > 255) return undefined
    } else {
      if (octet < 0 || (at < text.length && text[at] !== '.')) return undefined
      value = value * 256 + octet
      octets++
      octet = -1
      if (octets > 4) return undefined
    }
  }
  return octets === 4 ? value : undefined
}

/** The dotted form of an IPv4 address. */
export function formatAddress(address: number): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`
}

/** The bits that belong to the network, as an unsigned number. */
function mask(prefix: number): number {
  return prefix === 0 ? 0 : (0xffffffff << (32 - prefix)) >>> 0
}

/** A network from `a.b.c.d` or `a.b.c.d/len`; undefined when malformed or when host bits are set. */
export function parseNetwork(text: string): Network | undefined {
  if (!text.includes('/')) {
    const only = parseAddress(text)
    return only === undefined ? undefined : { address: only, prefix: 32 }
  }
  const [host = '', length, ...rest] = text.split('/', 3)
  const address = parseAddress(host)
  if (address === undefined || length === undefined || rest.length > 0) return undefined
  if (!/^(?:3[0-2]|[12]?[0-9])$/.test(length)) return undefined
  const prefix = Number(length)
  return (address & mask(prefix)) >>> 0 === address ? { address, prefix } : undefined
}

/** CIDR form; a single address is written without its length. */
export function formatNetwork(network: Network): string {
  return network.prefix === 32 ? formatAddress(network.address) : `${formatAddress(network.address)}/${network.prefix}`
}

/** True when the address lies in the network. */
export function contains(network: Network, address: number): boolean {
  return (address & mask(network.prefix)) >>> 0 === network.address
}

/** Last address of a network. */
export function lastAddress(network: Network): number {
  return (network.address | (~mask(network.prefix) >>> 0)) >>> 0
}
