/** Most addresses of one search that the manager takes. */
const mostAddresses = 4096
const mostTargets = 64

const part = '(?:25[0-5]|2[0-4]\\d|1?\\d?\\d)'
const ip = `${part}(?:\\.${part}){3}`
const single = new RegExp(`^${ip}$`)
const range = new RegExp(`^(${ip})-(${ip})$`)
const network = new RegExp(`^(${ip})/(\\d{1,2})$`)

/** What a person typed as a list of targets, or what is wrong with it. */
export function parseTargets(typed: string): { readonly targets: readonly string[]; readonly problem?: string } {
  const targets = typed
    .replaceAll(/\s*-\s*/g, '-')
    .split(/[\s,;]+/)
    .filter((word) => word !== '')
  if (targets.length > mostTargets) return { targets, problem: `At most ${mostTargets} at a time.` }
  for (const target of targets) {
    const size = sizeOf(target)
    if (size === undefined) {
      return { targets, problem: `“${target}” is no address, range (192.0.2.1-192.0.2.40) or network (192.0.2.0/24).` }
    }
    if (size > mostAddresses)
      return {
        targets,
        problem: `${target} has more than ${mostAddresses.toLocaleString('en-US')} addresses. Split it.`,
      }
  }
  return { targets }
}

function sizeOf(target: string): number | undefined {
  if (single.test(target)) return 1
  const [, from, to] = range.exec(target) ?? []
  if (from !== undefined && to !== undefined) {
    const size = numberOf(to) - numberOf(from) + 1
    return size > 0 ? size : undefined
  }
  const prefix = Number(network.exec(target)?.[2] ?? Number.NaN)
  return Number.isInteger(prefix) && prefix <= 32 ? 2 ** (32 - prefix) : undefined
}

function numberOf(address: string): number {
  return address.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0)
}

/** Addresses in their own order, not in that of letters. */
export function byAddress(a: string, b: string): number {
  return numberOf(a) - numberOf(b) || a.localeCompare(b)
}

/**
 * A name for a device that answered: its product and the end of its address, as plant files take names.
 * @param taken names that are there already
 */
export function suggestedName(product: string, address: string, taken: ReadonlySet<string>): string {
  const word = product
    .split('/')[0]
    ?.replaceAll(/[^A-Za-z0-9]+/g, '_')
    .replaceAll(/^_+|_+$/g, '')
  const begun = word === undefined || word === '' ? 'Device' : /^[A-Za-z]/.test(word) ? word : `D_${word}`
  const end = address.split('.').slice(-1)[0] ?? ''
  const name = `${begun.slice(0, 48)}_${end}`
  for (let turn = 2; ; turn += 1) {
    const candidate = turn === 2 ? name : `${name}_${turn - 1}`
    if (!taken.has(candidate)) return candidate
  }
}
