import { createServer } from 'node:net'
import { randomBytes } from 'node:crypto'
import { readlinkSync } from 'node:fs'
import { readdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { tmpdir } from 'node:os'
import { TransportError, UsageError } from '@cordon/core/errors'
import type { Plant } from '@cordon/core/policy'
import { isMarkAlive, lock, processMark, readIfExists, writeDurably } from '@cordon/node/files'

/** What a process has written about the addresses that it holds. */
interface Holding {
  /** Says which process, in a form that survives the reuse of its number. */
  readonly mark: string
  /** What it runs. */
  readonly note: string
  /** The network that has the addresses, as {@link networkMark} says. */
  readonly network: string
  readonly addresses: readonly string[]
}

/** Addresses that are held. Released by `await using`, by hand, or by the end of the process. */
export interface AddressLock extends AsyncDisposable {
  readonly addresses: readonly string[]
}

/** Which network this process lives in: in Linux namespaces, containers among them, equal addresses are not the same. */
function networkMark(): string {
  try {
    return readlinkSync('/proc/self/ns/net')
  } catch {
    // Other systems have one network.
    return ''
  }
}

/** Where processes of this user write which addresses they hold: the addresses are the machine's, not a plant's. */
function register(): string {
  return join(tmpdir(), `cordon-addresses-${process.getuid?.() ?? 0}`)
}

/**
 * Takes the addresses of a plant for this process. Two plants that share one would fight over its ports; the second one
 * learns at once which process holds them.
 * @throws UsageError `bad-option` naming the holder, TransportError `io`, `timeout`
 */
export async function lockAddresses(plant: Plant, note: string): Promise<AddressLock> {
  const addresses = plant.devices.flatMap((device) => (device.address === undefined ? [] : [device.address]))
  const directory = register()
  await using _ = await lock(join(directory, 'register'), { note: 'taking addresses' })
  const holder = await findHolder(directory, new Set(addresses))
  if (holder !== undefined) {
    const [pid] = holder.mark.split(' ')
    const what = holder.note === '' ? '' : ` (${holder.note})`
    throw new UsageError(
      'bad-option',
      `process ${pid}${what} already runs a plant on these addresses; end it first, for example with: kill ${pid}`,
    )
  }
  const own = join(directory, `${process.pid}-${randomBytes(6).toString('hex')}.json`)
  const holding: Holding = { mark: processMark(), note, network: networkMark(), addresses }
  await writeDurably(own, JSON.stringify(holding))
  return {
    addresses,
    [Symbol.asyncDispose]: async () => {
      await unlink(own).catch(() => undefined)
    },
  }
}

/** Who holds one of these addresses and lives; what dead processes left is removed. */
async function findHolder(directory: string, addresses: ReadonlySet<string>): Promise<Holding | undefined> {
  let found: Holding | undefined
  const network = networkMark()
  for (const name of await readdir(directory)) {
    if (!name.endsWith('.json')) continue
    const path = join(directory, name)
    const bytes = await readIfExists(path)
    const holding = bytes === undefined ? undefined : readHolding(bytes)
    if (holding === undefined || !isMarkAlive(holding.mark)) await unlink(path).catch(() => undefined)
    else if (holding.network === network && holding.addresses.some((address) => addresses.has(address))) {
      found ??= holding
    }
  }
  return found
}

function readHolding(bytes: Uint8Array): Holding | undefined {
  try {
    const { mark, note, network, addresses } = JSON.parse(new TextDecoder().decode(bytes)) as Partial<Holding> // looked at below
    const isHolding =
      typeof mark === 'string' && typeof note === 'string' && typeof network === 'string' && Array.isArray(addresses)
    return isHolding ? { mark, note, network, addresses } : undefined
  } catch {
    // Nobody who lives writes such a file.
    return undefined
  }
}

/** Addresses that are tried at the same time. */
const probedTogether = 64

/**
 * Checks that this machine has every address of the plant. Linux has all of 127.0.0.0/8; macOS has 127.0.0.1 alone.
 * @throws UsageError `missing` with the one command that adds them, TransportError `io`
 */
export async function checkAddresses(plant: Plant): Promise<void> {
  const missing: string[] = []
  const devices = plant.devices.flatMap(({ name, address }) => (address === undefined ? [] : [{ name, address }]))
  for (let i = 0; i < devices.length; i += probedTogether) {
    const some = devices.slice(i, i + probedTogether)
    const codes = await Promise.all(some.map(({ address }) => bindProblem(address)))
    for (const [j, { name, address }] of some.entries()) {
      const code = codes[j]
      if (code === 'EADDRNOTAVAIL') missing.push(address)
      else if (code !== undefined) {
        throw new TransportError('io', `device ${name}: ${address} cannot be used here (${code})`)
      }
    }
  }
  if (missing.length === 0) return
  const command =
    process.platform === 'darwin'
      ? `for a in ${missing.join(' ')}; do sudo ifconfig lo0 alias $a up; done`
      : `for a in ${missing.join(' ')}; do sudo ip address add $a/32 dev lo; done`
  const what = missing.length === 1 ? 'an address' : `${missing.length} addresses`
  throw new UsageError(
    'missing',
    `this machine lacks ${what} of the plant; add what is missing with one command:\n  ${command}`,
  )
}

function bindProblem(address: string): Promise<string | undefined> {
  return new Promise((done) => {
    const probe = createServer()
    probe.once('error', (error: NodeJS.ErrnoException) => done(error.code ?? 'error'))
    probe.listen({ host: address, port: 0 }, () => probe.close(() => done(undefined)))
  })
}
