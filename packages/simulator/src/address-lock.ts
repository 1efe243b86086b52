import { createServer } from 'node:net'
import { join } from 'node:path'
import { tmpdir } from 'node:os'
import { TransportError, UsageError } from '@cordon/core/errors'
import type { Plant } from '@cordon/core/policy'
import { type FileLock, tryLock } from '@cordon/node/files'
import { createHash } from 'node:crypto'

/**
 * Takes the addresses of a plant for this process. Two plants that share an address would fight over its ports; the
 * second one learns at once which process holds them.
 * @throws UsageError `bad-option` naming the holder
 */
export async function lockAddresses(plant: Plant, note: string): Promise<FileLock> {
  const addresses = plant.devices.flatMap((device) => (device.address === undefined ? [] : [device.address])).sort()
  // One directory for all users of the machine: the addresses are the machine's, not a user's.
  const name = createHash('sha256').update(addresses.join(' ')).digest('hex').slice(0, 16)
  const found = await tryLock(join(tmpdir(), `cordon-addresses-${process.getuid?.() ?? 0}`, name), note)
  if (Symbol.asyncDispose in found) return found
  throw new UsageError(
    'bad-option',
    `process ${found.pid}${found.note === '' ? '' : ` (${found.note})`} already runs a plant on these addresses; end it first, for example with: kill ${found.pid}`,
  )
}

/**
 * Checks that this machine has every address of the plant. Linux has all of 127.0.0.0/8; macOS has 127.0.0.1 alone.
 * @throws UsageError `missing` with the one command that adds them, TransportError `address-in-use`
 */
export async function checkAddresses(plant: Plant): Promise<void> {
  const missing: string[] = []
  for (const { name, address } of plant.devices) {
    if (address === undefined) continue
    const code = await bindProblem(address)
    if (code === 'EADDRNOTAVAIL') missing.push(address)
    else if (code !== undefined)
      throw new TransportError('io', `device ${name}: ${address} cannot be used here (${code})`)
  }
  if (missing.length === 0) return
  const command =
    process.platform === 'darwin'
      ? `for a in ${missing.join(' ')}; do sudo ifconfig lo0 alias $a up; done`
      : `for a in ${missing.join(' ')}; do sudo ip address add $a/32 dev lo; done`
  throw new UsageError(
    'missing',
    `this machine lacks ${missing.length} addresses of the plant; add them with one command:\n  ${command}`,
  )
}

function bindProblem(address: string): Promise<string | undefined> {
  return new Promise((done) => {
    const probe = createServer()
    probe.once('error', (error: NodeJS.ErrnoException) => done(error.code ?? 'error'))
    probe.listen({ host: address, port: 0 }, () => probe.close(() => done(undefined)))
  })
}
