import { useEffect, useMemo, useState } from 'react'
import type { Position, Topology } from '../../api-types.ts'
import type { Bundle } from './bundles.ts'
import type { LayoutOrder } from './layout.ts'

type Positions = Readonly<Record<string, Position>>

/**
 * Where each card lies: as the manager has it, and for zones that it has no position of, as a worker lays them out. Those
 * are handed to `keep` once, so that everybody sees the same map. Undefined until every zone has a position.
 */
export function useLayout(
  topology: Topology,
  bundles: readonly Bundle[],
  keep: (positions: Positions) => void,
): Positions | undefined {
  const placed = useMemo(() => {
    const known: Record<string, Position> = {}
    for (const { name } of topology.zones) {
      const position = topology.layout[name]
      if (position !== undefined) known[name] = position
    }
    return known
  }, [topology])
  const [laidOut, setLaidOut] = useState<Positions>({})
  const isWhole = topology.zones.every(({ name }) => placed[name] !== undefined || laidOut[name] !== undefined)
  useEffect(() => {
    if (isWhole) return
    const worker = new Worker(new URL('./layout-worker.ts', import.meta.url), { type: 'module' })
    worker.addEventListener('message', ({ data }: MessageEvent<Positions>) => {
      setLaidOut((before) => ({ ...before, ...data }))
      keep(data)
    })
    const order: LayoutOrder = {
      zones: topology.zones.map(({ name }) => name),
      pairs: bundles.map(({ a, b }) => [a, b]),
      placed,
    }
    worker.postMessage(order)
    return () => worker.terminate()
  }, [isWhole, topology, bundles, placed, keep])
  return useMemo(() => (isWhole ? { ...laidOut, ...placed } : undefined), [isWhole, laidOut, placed])
}
