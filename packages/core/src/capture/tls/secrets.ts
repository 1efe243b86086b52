import { hex } from '../../x509/der.ts'
import { KeyLog } from './key-log.ts'
import type { CaptureRsaKey, RecordCrypto } from './record-crypto.ts'
import type { ReadableBy } from './report.ts'

/** A master secret and where it came from. */
export interface FoundMaster {
  readonly secret: Uint8Array
  readonly by: Exclude<ReadableBy, 'NULL suite'>
}

/** Most sessions that are remembered for their resumption. */
const mostSessions = 4096

/**
 * All that may open the conversations of one capture: a key log, private keys of servers, and the sessions that were
 * opened so far, because a resumed one goes on with their secret. Holds secrets: nothing of it is ever printed.
 */
export class CaptureSecrets {
  readonly crypto: RecordCrypto
  /** Add to it at any time: conversations look again. */
  readonly keyLog = new KeyLog()
  readonly rsaKeys: readonly CaptureRsaKey[]
  readonly #sessions = new Map<string, FoundMaster>()

  constructor(crypto: RecordCrypto, rsaKeys: readonly CaptureRsaKey[] = []) {
    this.crypto = crypto
    this.rsaKeys = rsaKeys
  }

  /** Remembers the secret of a session by its id (hex). */
  rememberSession(id: string, master: FoundMaster): void {
    this.#remember(`id ${id}`, master)
  }

  /** Remembers the secret that a ticket stands for. */
  rememberTicket(ticket: Uint8Array, master: FoundMaster): void {
    this.#remember(this.#ticketName(ticket), master)
  }

  /** The secret of an earlier session, by what a client resumes it with. */
  resumed(id: string, ticket: Uint8Array | undefined): FoundMaster | undefined {
    return (
      (ticket && this.#sessions.get(this.#ticketName(ticket))) ??
      (id === '' ? undefined : this.#sessions.get(`id ${id}`))
    )
  }

  #ticketName(ticket: Uint8Array): string {
    return `ticket ${hex(this.crypto.hash('SHA-256', ticket))}`
  }

  #remember(name: string, master: FoundMaster): void {
    this.#sessions.delete(name)
    this.#sessions.set(name, master)
    if (this.#sessions.size <= mostSessions) return
    const [oldest] = this.#sessions.keys()
    if (oldest !== undefined) this.#sessions.delete(oldest)
  }
}
