import { setTimeout as sleep } from 'node:timers/promises'
import type { ConnectionMove } from '@cordon/core/deployment'
import type { ConnectionStatus, PlantControl } from '@cordon/simulator'

/** How often a running virtual plant is asked about its connections, milliseconds. */
const periodMs = 100

/**
 * Reports of connections that changed their way, or did not run at first and came up, as it happens; ends with the
 * signal or with the plant.
 */
export async function* plantMoves(
  control: Pick<PlantControl, 'call'>,
  signal: AbortSignal,
): AsyncGenerator<ConnectionMove> {
  const told = new Map<string, string>()
  /** What did not run at the first look, and was not seen running since: a move of its own has no pause to look at. */
  let down: Set<string> | undefined
  while (!signal.aborted) {
    const { connections } = await control.call('connections', {})
    down ??= new Set(connections.filter(({ state }) => state !== 'open').map(({ name }) => name))
    for (const connection of connections) {
      if (connection.state === 'open' && down.delete(connection.name)) yield* cameUp(connection)
      const move = moveOf(connection)
      if (move === undefined || told.get(connection.name) === connection.movedAt) continue
      told.set(connection.name, connection.movedAt ?? '')
      yield move
    }
    await sleep(periodMs, undefined, { signal }).catch(() => undefined)
  }
}

/** It did not run when it was looked at before, so there is nothing that it moved from. */
function* cameUp({ name, transport, suite }: ConnectionStatus): Generator<ConnectionMove> {
  if (transport === undefined) return
  yield { connection: name, movedAt: Date.now(), gapMs: undefined, from: undefined, to: transport, suite }
}

function moveOf(connection: ConnectionStatus): ConnectionMove | undefined {
  const { movedAt, movedFrom, gapMs, transport, suite } = connection
  if (movedAt === undefined || movedFrom === undefined || gapMs === undefined || transport === undefined)
    return undefined
  return {
    connection: connection.name,
    movedAt: Date.parse(movedAt),
    gapMs,
    from: movedFrom,
    to: transport,
    suite,
  }
}
