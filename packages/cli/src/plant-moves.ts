import { setTimeout as sleep } from 'node:timers/promises'
import type { ConnectionMove } from '@cordon/core/deployment'
import type { ConnectionStatus, PlantControl } from '@cordon/simulator'

/** How often a running virtual plant is asked about its connections, milliseconds. */
const periodMs = 100

/** Reports of connections that changed their way, as they happen; ends with the signal or with the plant. */
export async function* plantMoves(control: PlantControl, signal: AbortSignal): AsyncGenerator<ConnectionMove> {
  const told = new Map<string, string>()
  while (!signal.aborted) {
    const { connections } = await control.call('connections', {})
    for (const connection of connections) {
      const move = moveOf(connection)
      if (move === undefined || told.get(connection.name) === connection.movedAt) continue
      told.set(connection.name, connection.movedAt ?? '')
      yield move
    }
    await sleep(periodMs, undefined, { signal }).catch(() => undefined)
  }
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
