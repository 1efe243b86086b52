import { markSocket, TlsError } from '@cordon/tls'
import type { Socket as DatagramSocket } from 'node:dgram'
import type { Server, Socket as StreamSocket } from 'node:net'

/**
 * Marks the packets of one socket with a DSCP (QoS Object 0x48), at the price of a system call only where the mark
 * changes. Where marks cannot be set, packets leave without them, and one warning of the process says so.
 */
export class Marker {
  readonly #socket: DatagramSocket | StreamSocket | Server
  #mark: number | undefined

  constructor(socket: DatagramSocket | StreamSocket | Server) {
    this.#socket = socket
  }

  /** What is sent from now on has this mark, 0..63; undefined leaves it as it is. */
  set(dscp: number | undefined): void {
    if (dscp === undefined || dscp === this.#mark) return
    // Also where it fails: it would fail again for each packet.
    this.#mark = dscp
    const descriptor = descriptorOf(this.#socket)
    if (descriptor === undefined) {
      warnOnce(`Node ${process.version} does not tell the descriptor of a socket`)
      return
    }
    try {
      markSocket(descriptor, dscp)
    } catch (error) {
      if (!(error instanceof TlsError)) throw error
      warnOnce(error.message)
    }
  }
}

let isWarned = false

function warnOnce(reason: string): void {
  if (isWarned) return
  isWarned = true
  process.emitWarning(`Packets are sent without the DSCP marks of the QoS object: ${reason}`, {
    code: 'CORDON_DSCP',
    detail: 'Mark them in the firewall or the switch, by address and port.',
  })
}

/** What is used of libuv's handle. */
interface Handle {
  readonly fd?: unknown
}

/**
 * The file descriptor of an open socket. Node has no public way to ask: streams keep their handle in `_handle`, datagram
 * sockets in their state, under a symbol (their `_handle` prints a deprecation warning). This is the only place that
 * reaches into either, and what is not there as expected counts as unknown.
 */
function descriptorOf(socket: DatagramSocket | StreamSocket | Server): number | undefined {
  const state = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'state symbol')
  // Not in Node's types, which is the point of this function; every step is checked.
  const holder = socket as unknown as Record<string | symbol, unknown>
  const handle =
    state === undefined
      ? (holder['_handle'] as Handle | null | undefined)
      : (holder[state] as { readonly handle?: Handle | null } | undefined)?.handle
  const descriptor = handle?.fd
  return typeof descriptor === 'number' && descriptor >= 0 ? descriptor : undefined
}
