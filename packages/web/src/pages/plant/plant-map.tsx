import '@xyflow/react/dist/base.css'
import { ActionIcon } from '@mantine/core'
import { useReducedMotion } from '@mantine/hooks'
import {
  applyNodeChanges,
  type NodeChange,
  type NodeTypes,
  Panel,
  ReactFlow,
  type ReactFlowInstance,
  ReactFlowProvider,
  useReactFlow,
  useStore,
} from '@xyflow/react'
import { type ReactNode, useCallback, useEffect, useMemo, useRef, useState } from 'react'
import type { Position, Topology } from '../../api-types.ts'
import { Icon } from '../../components/icon.tsx'
import type { Bundle } from './bundles.ts'
import { ConduitLayer } from './conduit-layer.tsx'
import { DetailContext, detailAt } from './detail.ts'
import { card } from './layout.ts'
import { Legend } from './legend.tsx'
import { MapActions } from './map-actions.ts'
import { ZoneCard, type ZoneNode } from './zone-card.tsx'
import classes from './plant-map.module.css'

const nodeTypes: NodeTypes = { zone: ZoneCard }

/** What the map shows besides zones and conduits. */
export interface MapView {
  readonly open: string | undefined
  readonly device: string | undefined
  readonly chosen: string | undefined
  readonly hidden: readonly string[]
  readonly pinned: readonly string[]
}

/** The map: zones as cards, conduits as lines. Only what somebody drags moves. */
export function PlantMap(props: {
  readonly topology: Topology
  readonly bundles: readonly Bundle[]
  readonly positions: Readonly<Record<string, Position>>
  readonly view: MapView
  readonly change: (change: Partial<MapView>) => void
  /** Absent where whoever looks may not move cards. */
  readonly keep?: ((positions: Readonly<Record<string, Position>>) => void) | undefined
}) {
  return (
    <ReactFlowProvider>
      <Cards {...props} />
    </ReactFlowProvider>
  )
}

function Cards({ topology, bundles, positions, view, change, keep }: Parameters<typeof PlantMap>[0]) {
  const made = useMemo(() => nodesOf(topology, positions, view), [topology, positions, view])
  const [nodes, setNodes] = useState(made)
  const flow = useRef<ReactFlowInstance<ZoneNode>>(undefined)
  useEffect(() => setNodes(made), [made])

  // Lines follow the cards while one is dragged; hidden ones have none.
  const at = useMemo(() => Object.fromEntries(nodes.map(({ id, position }) => [id, position])), [nodes])

  const onNodesChange = useCallback(
    (changes: NodeChange<ZoneNode>[]) => setNodes((before) => applyNodeChanges(changes, before)),
    [],
  )
  const move = useCallback(
    (zone: string, x: number, y: number) => {
      const at = flow.current?.getNode(zone)?.position
      if (at === undefined || keep === undefined) return
      const position = { x: at.x + x, y: at.y + y }
      setNodes((before) => before.map((node) => (node.id === zone ? { ...node, position } : node)))
      keep({ [zone]: position })
    },
    [keep],
  )
  const actions = useMemo(
    () => ({
      open: (zone: string | undefined) => change({ open: zone, device: undefined }),
      select: (device: string) => change({ device }),
      choose: (chosen: string) => change({ chosen: chosen === view.chosen ? undefined : chosen }),
      hide: (zone: string) => change({ hidden: [...view.hidden, zone], open: undefined, device: undefined }),
      pin: (zone: string) =>
        change({
          pinned: view.pinned.includes(zone) ? view.pinned.filter((one) => one !== zone) : [...view.pinned, zone],
        }),
      move,
      isPinned: (zone: string) => view.pinned.includes(zone),
      device: view.device,
    }),
    [change, move, view],
  )
  return (
    <MapActions value={actions}>
      <DetailFrame zones={topology.zones.length}>
        <ReactFlow<ZoneNode>
          nodes={nodes}
          nodeTypes={nodeTypes}
          onNodesChange={onNodesChange}
          onNodeDragStop={(_, __, moved) =>
            keep?.(Object.fromEntries(moved.map(({ id, position }) => [id, rounded(position)])))
          }
          onPaneClick={() => change({ open: undefined, device: undefined, chosen: undefined })}
          // A layer of its own while it moves: nothing is painted again. At rest it would be blurred after zooming.
          onMoveStart={(event) => setMoving(event, true)}
          onMoveEnd={(event) => setMoving(event, false)}
          onInit={(instance) => {
            flow.current = instance
          }}
          nodesDraggable={keep !== undefined}
          nodeDragThreshold={4}
          nodesFocusable={false}
          nodesConnectable={false}
          elementsSelectable={false}
          disableKeyboardA11y
          elevateNodesOnSelect={false}
          minZoom={0.08}
          maxZoom={1.5}
          fitView={view.open === undefined}
          fitViewOptions={{ padding: 0.06, maxZoom: 1 }}
          proOptions={{ hideAttribution: true }}
        >
          <ConduitLayer bundles={bundles} positions={at} pinned={view.pinned} chosen={view.chosen} />
          <FollowOpened open={view.open} />
          <Controls />
          <Panel position="bottom-left">
            <Legend />
          </Panel>
        </ReactFlow>
      </DetailFrame>
    </MapActions>
  )
}

/** Says to cards and their styles how much of them can be read. */
function DetailFrame({ zones, children }: { readonly zones: number; readonly children: ReactNode }) {
  // Before the first fit the zoom says nothing, and cards are made only as large as they will likely be seen.
  const isFit = useStore(({ transform: [x, y, zoom] }) => x !== 0 || y !== 0 || zoom !== 1)
  const zoomDetail = useStore(({ transform }) => detailAt(transform[2]).detail)
  const letters = useStore(({ transform }) => detailAt(transform[2]).scale)
  const detail = isFit ? zoomDetail : zones > 60 ? 'far' : 'near'
  return (
    <DetailContext value={detail}>
      <div className={classes['map']} data-detail={detail} style={{ '--letters': letters } as object}>
        {children}
      </div>
    </DetailContext>
  )
}

/** Brings an opened zone into sight, large enough to read. */
function FollowOpened({ open }: { readonly open: string | undefined }) {
  const { setCenter, getNode } = useReactFlow()
  const isReady = useStore(({ width }) => width > 0)
  const still = useReducedMotion()
  const isFirst = useRef(true)
  useEffect(() => {
    if (!isReady) return
    const duration = still === true || isFirst.current ? 0 : 250
    isFirst.current = false
    const node = open === undefined ? undefined : getNode(open)
    if (node === undefined) return
    void setCenter(node.position.x + 170, node.position.y + 200, { zoom: 1, duration })
  }, [open, isReady, still, getNode, setCenter])
  return null
}

function Controls() {
  const { zoomIn, zoomOut, fitView } = useReactFlow()
  return (
    <Panel position="top-right" className={classes['controls'] ?? ''}>
      <ActionIcon variant="default" aria-label="Zoom in" title="Zoom in" onClick={() => void zoomIn()}>
        <Icon name="plus" />
      </ActionIcon>
      <ActionIcon variant="default" aria-label="Zoom out" title="Zoom out" onClick={() => void zoomOut()}>
        <Icon name="minus" />
      </ActionIcon>
      <ActionIcon
        variant="default"
        aria-label="Show the whole plant"
        title="Show the whole plant"
        onClick={() => void fitView({ padding: 0.06, maxZoom: 1 })}
      >
        <Icon name="fit" />
      </ActionIcon>
    </Panel>
  )
}

/** Marks the map while somebody moves it, past React: it happens at the worst moment for rendering. */
function setMoving(event: MouseEvent | TouchEvent | null, is: boolean): void {
  if (event === null) return
  const map = document.querySelector<HTMLElement>('[data-detail]')
  if (map !== null) map.dataset['moving'] = String(is)
}

function nodesOf(topology: Topology, positions: Readonly<Record<string, Position>>, view: MapView): ZoneNode[] {
  const hidden = new Set(view.hidden)
  return topology.zones
    .filter(({ name }) => !hidden.has(name))
    .map((zone) => {
      const isOpen = zone.name === view.open
      return {
        id: zone.name,
        type: 'zone',
        position: positions[zone.name] ?? { x: 0, y: 0 },
        // Known beforehand, so that nothing is measured before the first paint.
        initialWidth: card.width,
        initialHeight: card.height,
        zIndex: isOpen ? 10 : 0,
        data: { zone, isOpen, isPinned: view.pinned.includes(zone.name) },
      }
    })
}

function rounded({ x, y }: Position): Position {
  return { x: Math.round(x), y: Math.round(y) }
}
