import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'

/** How long after a lost connection the next one is tried, milliseconds. */
const againMs = 2000

/** Listens to a channel of PostgreSQL over a connection of its own, which is made again whenever it breaks. */
export function listenOn(connection: pg.ClientConfig, channel: string, heard: () => void): AsyncDisposable {
  const ending = new AbortController()
  const { signal } = ending
  const run = async () => {
    while (!signal.aborted) {
      await listenOnce(connection, channel, heard, signal)
      await sleep(againMs, undefined, { signal }).catch(() => undefined)
    }
  }
  const running = run()
  return {
    [Symbol.asyncDispose]: async () => {
      ending.abort()
      await running
    },
  }
}

/** Returns when the connection is lost or is no longer wanted. Why it was lost, the next query of the store says. */
async function listenOnce(
  connection: pg.ClientConfig,
  channel: string,
  heard: () => void,
  signal: AbortSignal,
): Promise<void> {
  const client = new pg.Client(connection)
  const lost = new Promise<void>((resolve) => {
    const end = () => resolve()
    client.once('end', end)
    client.on('error', end)
    signal.addEventListener('abort', end, { once: true })
  })
  client.on('notification', () => heard())
  const attend = async () => {
    await client.connect()
    await client.query(`listen ${client.escapeIdentifier(channel)}`)
    // What was notified while nobody listened.
    heard()
    await lost
  }
  try {
    await Promise.race([attend(), lost])
  } catch {
    // As a lost connection: tried again.
  } finally {
    await client.end().catch(() => undefined)
  }
}
