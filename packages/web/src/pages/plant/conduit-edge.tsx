import { type Edge, EdgeLabelRenderer, type EdgeProps, useInternalNode, useStore } from '@xyflow/react'
import { memo } from 'react'
import { protections } from '../../components/state.tsx'
import { Icon } from '../../components/icon.tsx'
import { borderPoint } from './border-point.ts'
import type { Bundle } from './bundles.ts'
import { card } from './layout.ts'
import classes from './conduit-edge.module.css'

/** Conduits between two zones, as a line of the map. */
export type ConduitEdge = Edge<
  { readonly bundle: Bundle; readonly isFaded: boolean; readonly isChosen: boolean },
  'conduit'
>

/** A line by protection: double, solid or dashed, with a shape in its middle and, near enough, a word. */
export const ConduitLine = memo(function ConduitLine({ source, target, data }: EdgeProps<ConduitEdge>) {
  const one = useInternalNode(source)
  const other = useInternalNode(target)
  const isNear = useStore(({ transform }) => transform[2] >= 0.7)
  if (one === undefined || other === undefined || data === undefined) return null
  const { bundle, isFaded, isChosen } = data
  const from = centre(one.internals.positionAbsolute)
  const to = centre(other.internals.positionAbsolute)
  const start = borderPoint(from, to, card)
  const end = borderPoint(to, from, card)
  const x = (start.x + end.x) / 2
  const y = (start.y + end.y) / 2
  const d = `M${start.x} ${start.y}L${end.x} ${end.y}`
  const { word, icon, tone } = protections[bundle.protection]
  const count = bundle.conduits.length
  return (
    <g className={classes['line']} data-protection={bundle.protection} data-faded={isFaded} data-chosen={isChosen}>
      <path className={classes['hit']} d={d} />
      <path className={classes['stroke']} d={d} />
      {bundle.protection === 'Encrypted' ? <path className={classes['inner']} d={d} /> : null}
      {isNear ? (
        <EdgeLabelRenderer>
          <span
            className={classes['label']}
            data-faded={isFaded}
            data-tone={tone}
            style={{ transform: `translate(-50%, -50%) translate(${x}px, ${y}px)` }}
          >
            <Icon name={icon} size={12} />
            {word}
            {bundle.isMixed ? ' or better' : ''}
            {count > 1 ? <span className={classes['times']}>×{count}</span> : null}
          </span>
        </EdgeLabelRenderer>
      ) : (
        <Marker protection={bundle.protection} x={x} y={y} />
      )}
    </g>
  )
})

/** A square for encrypted, a disc for authenticated, a ring for none: told apart without colour. */
function Marker({
  protection,
  x,
  y,
}: {
  readonly protection: Bundle['protection']
  readonly x: number
  readonly y: number
}) {
  if (protection === 'Encrypted')
    return <rect className={classes['marker']} x={x - 8} y={y - 8} width={16} height={16} />
  return <circle className={classes['marker']} cx={x} cy={y} r={8} data-ring={protection === 'None'} />
}

function centre({ x, y }: { readonly x: number; readonly y: number }) {
  return { x: x + card.width / 2, y: y + card.height / 2 }
}
