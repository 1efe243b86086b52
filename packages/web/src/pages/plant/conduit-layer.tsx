import { useStore, ViewportPortal } from '@xyflow/react'
import { memo, useContext } from 'react'
import type { Position } from '../../api-types.ts'
import { Icon } from '../../components/icon.tsx'
import { protections } from '../../components/state.tsx'
import { borderPoint } from './border-point.ts'
import type { Bundle } from './bundles.ts'
import { card } from './layout.ts'
import { MapActions } from './map-actions.ts'
import classes from './conduit-layer.module.css'

/**
 * All conduits in one drawing: double, solid or dashed by protection, with a shape in the middle and, near enough, a
 * word. As edges of the map each would be a drawing of its own that is asked at every step of the mouse.
 */
export const ConduitLayer = memo(function ConduitLayer({
  bundles,
  positions,
  pinned,
  chosen,
}: {
  readonly bundles: readonly Bundle[]
  readonly positions: Readonly<Record<string, Position>>
  readonly pinned: readonly string[]
  readonly chosen: string | undefined
}) {
  const isNear = useStore(({ transform }) => transform[2] >= 0.7)
  const { choose } = useContext(MapActions)
  const lines = bundles.flatMap((bundle) => {
    const a = positions[bundle.a]
    const b = positions[bundle.b]
    if (a === undefined || b === undefined) return []
    const isFaded = pinned.length > 0 && !pinned.includes(bundle.a) && !pinned.includes(bundle.b)
    return [{ bundle, isFaded, ...lineOf(a, b) }]
  })
  return (
    <ViewportPortal>
      <svg className={classes['drawing']} aria-hidden="true" focusable="false">
        {lines.map(({ bundle: { id, protection }, isFaded, d, x, y }) => (
          <g
            key={id}
            className={classes['line']}
            data-protection={protection}
            data-faded={isFaded}
            data-chosen={id === chosen}
          >
            {/* The table has the same for the keyboard. */}
            {/* biome-ignore lint/a11y/noStaticElementInteractions: a line of a map, which the table lists too */}
            <path
              className={classes['hit']}
              d={d}
              onClick={(event) => {
                event.stopPropagation()
                choose(id)
              }}
            />
            <path className={classes['stroke']} d={d} />
            {protection === 'Encrypted' ? <path className={classes['inner']} d={d} /> : null}
            {isNear ? null : <Marker protection={protection} x={x} y={y} />}
          </g>
        ))}
      </svg>
      {isNear
        ? lines.map(({ bundle: { id, protection, isMixed, conduits }, isFaded, x, y }) => (
            <span
              key={id}
              className={classes['label']}
              data-faded={isFaded}
              data-tone={protections[protection].tone}
              style={{ transform: `translate(-50%, -50%) translate(${x}px, ${y}px)` }}
            >
              <Icon name={protections[protection].icon} size={12} />
              {protections[protection].word}
              {isMixed ? ' or better' : ''}
              {conduits.length > 1 ? <span className={classes['times']}>×{conduits.length}</span> : null}
            </span>
          ))
        : null}
    </ViewportPortal>
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

function lineOf(a: Position, b: Position) {
  const from = centre(a)
  const to = centre(b)
  const start = borderPoint(from, to, card)
  const end = borderPoint(to, from, card)
  return { d: `M${start.x} ${start.y}L${end.x} ${end.y}`, x: (start.x + end.x) / 2, y: (start.y + end.y) / 2 }
}

function centre({ x, y }: Position): Position {
  return { x: x + card.width / 2, y: y + card.height / 2 }
}
