import dagre from '@dagrejs/dagre'
import type { Position } from '../../api-types.ts'

/** Size of a zone's card on the map. */
export const card = { width: 232, height: 120 } as const

/** Space between cards. */
const gap = { x: 56, y: 64 } as const

/** A map is as wide as this many times its height, about as a screen is. */
const shape = 1.7

/** What is to be laid out. */
export interface LayoutOrder {
  readonly zones: readonly string[]
  readonly pairs: readonly (readonly [string, string])[]
  /** Cards that lie somewhere already: they do not move, and nothing is put upon them. */
  readonly placed: Readonly<Record<string, Position>>
}

/** A position for each zone that has none. The order of the input decides nothing but ties. */
export function layoutZones({ zones, pairs, placed }: LayoutOrder): Readonly<Record<string, Position>> {
  const free = zones.filter((zone) => placed[zone] === undefined)
  if (free.length === 0) return {}
  const columns = Math.max(
    1,
    Math.ceil(Math.sqrt((free.length * shape * (card.height + gap.y)) / (card.width + gap.x))),
  )
  const lines = [...connectedLines(free, pairs, columns)]
  const top = Object.keys(placed).length === 0 ? 0 : bottomOf(placed) + gap.y
  const positions: Record<string, Position> = {}
  for (const [line, names] of lines.entries()) {
    const indent = ((columns - names.length) * (card.width + gap.x)) / 2
    for (const [column, name] of names.entries()) {
      positions[name] = {
        x: Math.round(indent + column * (card.width + gap.x)),
        y: top + line * (card.height + gap.y),
      }
    }
  }
  return positions
}

/**
 * Zones line by line: joined zones by the ranks that dagre gives them, and in its order, which keeps crossings few; a rank
 * that is too long is folded. Zones without conduits come last: as ranks of their own they would make the map endless.
 */
function* connectedLines(
  zones: readonly string[],
  pairs: readonly (readonly [string, string])[],
  columns: number,
): Generator<readonly string[]> {
  const known = new Set(zones)
  const joined = pairs.filter(([a, b]) => known.has(a) && known.has(b) && a !== b)
  const ends = new Set(joined.flat())
  const ranks =
    ends.size === 0
      ? []
      : ranksOf(
          [...known].filter((zone) => ends.has(zone)),
          joined,
        )
  const alone = zones.filter((zone) => !ends.has(zone)).sort(byName)
  let line: string[] = []
  for (const rank of ranks) {
    // A short rank shares its line with the one before it.
    if (line.length > 0 && line.length + rank.length > columns) {
      yield line
      line = []
    }
    for (const name of rank) {
      if (line.length === columns) {
        yield line
        line = []
      }
      line.push(name)
    }
    if (ranks.length <= 12 && line.length > 0) {
      yield line
      line = []
    }
  }
  if (line.length > 0) yield line
  for (let at = 0; at < alone.length; at += columns) yield alone.slice(at, at + columns)
}

function ranksOf(zones: readonly string[], pairs: readonly (readonly [string, string])[]): readonly string[][] {
  const graph = new dagre.graphlib.Graph()
  graph.setGraph({ rankdir: 'TB', nodesep: gap.x, ranksep: gap.y })
  graph.setDefaultEdgeLabel(() => ({}))
  for (const zone of zones) graph.setNode(zone, { width: card.width, height: card.height })
  for (const [a, b] of pairs) graph.setEdge(a, b)
  dagre.layout(graph)
  const ranks = new Map<number, { readonly name: string; readonly x: number }[]>()
  for (const name of graph.nodes()) {
    const { x, y } = graph.node(name)
    const rank = ranks.get(y)
    if (rank === undefined) ranks.set(y, [{ name, x }])
    else rank.push({ name, x })
  }
  return [...ranks]
    .sort(([a], [b]) => a - b)
    .map(([, members]) => members.sort((a, b) => a.x - b.x).map(({ name }) => name))
}

function bottomOf(placed: Readonly<Record<string, Position>>): number {
  return Math.max(...Object.values(placed).map(({ y }) => y)) + card.height
}

function byName(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true })
}
