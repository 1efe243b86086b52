import { TransportError } from '@cordon/core/errors'
import type { PostgresPool, PostgresPoolClient } from 'kysely'

/**
 * A pool as Kysely takes it, whose failures that lie in the machine and not in the query say what to do about them.
 * `revive` starts a server that is gone: a service works on for days, and nobody else looks after its database.
 */
export function plainSpoken(pool: PostgresPool, revive?: () => Promise<void>): PostgresPool {
  return {
    connect: async () => {
      const client = await connected(pool, revive)
      // Kysely asks with a cursor only for streams, which the store has none of.
      const query = async (sql: string, parameters: readonly unknown[]) => {
        try {
          return await client.query(sql, parameters)
        } catch (error) {
          throw machineFailure(error) ?? error
        }
      }
      // Of its forms only this one is called.
      return { query: query as PostgresPoolClient['query'], release: () => client.release() }
    },
    end: () => pool.end(),
  }
}

async function connected(pool: PostgresPool, revive: (() => Promise<void>) | undefined): Promise<PostgresPoolClient> {
  try {
    return await pool.connect()
  } catch (cause) {
    if (!isAway(cause)) throw cause
    if (revive === undefined) {
      const remedy = 'check DATABASE_URL and that the server runs'
      throw new TransportError('unreachable', `the database does not answer: ${cause.message}; ${remedy}`, { cause })
    }
    await revive()
    return await pool.connect()
  }
}

/** Nobody listens, or whoever listens is only starting (57P03 of PostgreSQL's appendix A). */
function isAway(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && ['ECONNREFUSED', 'ENOENT', '57P03'].includes(String(error.code))
}

/** Conditions of PostgreSQL (its appendix A) that a person ends outside the database. */
const remedies: Readonly<Record<string, string>> = {
  '53100': 'the disk of the database is full; free space there, then take up what was begun with --resume',
  '53200': 'the database is out of memory; free some, then take up what was begun with --resume',
  '57P01': 'the database was shut down; run the command again, a deployment with --resume',
  '57P02': 'the database crashed; see pg/server.log in the state directory, then take up what was begun with --resume',
  '58030': 'the database cannot read or write its files; see pg/server.log in the state directory',
}

function machineFailure(error: unknown): TransportError | undefined {
  if (!(error instanceof Error)) return undefined
  const code = 'code' in error ? String(error.code) : ''
  // pg has no code for a server that is gone in the middle of a query.
  const isGone = error.message.startsWith('Connection terminated') || code === 'ECONNRESET' || code === 'EPIPE'
  const remedy = isGone ? remedies['57P02'] : remedies[code]
  return remedy === undefined
    ? undefined
    : new TransportError(isGone ? 'closed' : 'io', `the store: ${error.message}; ${remedy}`, { cause: error })
}
