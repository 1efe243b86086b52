import type { ConnectionStatus, PlantControl } from '@cordon/simulator'
import { expect, test } from 'vitest'
import { plantMoves } from '../src/plant-moves.ts'

const row = (given: Partial<ConnectionStatus>): ConnectionStatus => ({
  name: 'PLC_to_IO',
  from: 'PLC',
  to: 'IO',
  class: 1,
  state: 'open',
  transport: 'dtls',
  suite: 0xc006,
  protection: 'Authenticated',
  serial: 1,
  sizes: [2, 42],
  rpiMs: 20,
  received: 0,
  missed: 0,
  opens: 1,
  losses: 0,
  lastDataAt: undefined,
  movedAt: undefined,
  movedFrom: undefined,
  gapMs: undefined,
  intervalMs: undefined,
  longestGapMs: 0,
  problem: undefined,
  ...given,
})

const waiting = { state: 'waiting', transport: undefined, suite: undefined } as const
const moved = { movedAt: '2026-11-28T12:00:00.000Z', movedFrom: 'tcp', gapMs: 40 } as const

/** What is reported of a plant that shows these rows, one look after the other. */
async function movesOf(looks: readonly ConnectionStatus[]) {
  const ended = new AbortController()
  const left = [...looks]
  const control: Pick<PlantControl, 'call'> = {
    call: async () => {
      const connection = left.shift()
      if (left.length === 0) ended.abort()
      // Only connections are asked for.
      return { connections: connection === undefined ? [] : [connection] } as never
    },
  }
  const moves: { from: string | undefined; to: string; gapMs: number | undefined }[] = []
  for await (const { from, to, gapMs } of plantMoves(control, ended.signal)) moves.push({ from, to, gapMs })
  return moves
}

test('a connection that did not run and comes up has moved from nowhere', async () => {
  const moves = await movesOf([row(waiting), row(waiting), row({}), row({})])
  expect(moves).toEqual([{ from: undefined, to: 'dtls', gapMs: undefined }])
})

test('a connection that runs and moves is told once, with its gap, although it pauses meanwhile', async () => {
  const moves = await movesOf([row({ transport: 'tcp' }), row(waiting), row({}), row(moved), row(moved)])
  expect(moves).toEqual([{ from: 'tcp', to: 'dtls', gapMs: 40 }])
})
