import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'

/** A name for who holds leases: this machine and process, and a random part that tells workers of one process apart. */
export function leaseOwner(): string {
  return `${hostname()} ${process.pid} ${randomUUID()}`
}

/**
 * Whether an owner of leases is a process of this machine that does not exist any more: what it held may be taken at
 * once. Of other machines nothing is known, and a process id that was given out again keeps its leases until they end.
 */
export function isGone(owner: string): boolean {
  const [host, pid] = owner.split(' ')
  if (host !== hostname() || pid === undefined) return false
  try {
    process.kill(Number(pid), 0)
    return false
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ESRCH'
  }
}
