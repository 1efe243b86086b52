import '@xyflow/react/dist/base.css'
import { ActionIcon } from '@mantine/core'
import { useReducedMotion } from '@mantine/hooks'
import {
  applyNodeChanges,
  type EdgeTypes,
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
import { type ConduitEdge, ConduitLine } from './conduit-edge.tsx'
import { detailAt } from './detail.ts'
import { card } from './layout.ts'
import { Legend } from './legend.tsx'
import { MapActions } from './map-actions.ts'
import { ZoneCard, type ZoneNode } from './zone-card.tsx'
import classes from './plant-map.module.css'

const nodeTypes: NodeTypes = { zone: ZoneCard }
const edgeTypes: EdgeTypes = { conduit: ConduitLine }

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
      <Map {...props} />
    </ReactFlowProvider>
  )
}

function Map({ topology, bundles, positions, view, change, keep }: Parameters<typeof PlantMap>[0]) {
  const made = useMemo(() => nodesOf(topology, positions, view), [topology, positions, view])
  const edges = useMemo(() => edgesOf(bundles, view), [bundles, view])
  const [nodes, setNodes] = useState(made)
  const flow = useRef<ReactFlowInstance<ZoneNode, ConduitEdge>>(undefined)
  useEffect(() => setNodes(made), [made])

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
      <DetailFrame>
        <ReactFlow<ZoneNode, ConduitEdge>
          nodes={nodes}
          edges={edges}
          nodeTypes={nodeTypes}
          edgeTypes={edgeTypes}
          onNodesChange={onNodesChange}
          onNodeDragStop={(_, __, moved) =>
            keep?.(Object.fromEntries(moved.map(({ id, position }) => [id, rounded(position)])))
          }
          onEdgeClick={(_, edge) => change({ chosen: edge.id === view.chosen ? undefined : edge.id })}
          onPaneClick={() => change({ open: undefined, device: undefined, chosen: undefined })}
          onInit={(instance) => {
            flow.current = instance
          }}
          nodesDraggable={keep !== undefined}
          nodeDragThreshold={4}
          nodesFocusable={false}
          edgesFocusable={false}
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

/** Says to the styles of cards how much of them can be read. */
function DetailFrame({ children }: { readonly children: ReactNode }) {
  const detail = useStore(({ transform }) => detailAt(transform[2]).detail)
  const letters = useStore(({ transform }) => detailAt(transform[2]).scale)
  return (
    <div className={classes['map']} data-detail={detail} style={{ '--letters': letters } as object}>
      {children}
    </div>
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
        data: { zone, isOpen, isPinned: view.pinned.includes(zone.name), isFaded: false },
      }
    })
}

function edgesOf(bundles: readonly Bundle[], view: MapView): ConduitEdge[] {
  const hidden = new Set(view.hidden)
  const pinned = new Set(view.pinned)
  return bundles
    .filter(({ a, b }) => !hidden.has(a) && !hidden.has(b))
    .map((bundle) => ({
      id: bundle.id,
      type: 'conduit',
      source: bundle.a,
      target: bundle.b,
      data: {
        bundle,
        isFaded: pinned.size > 0 && !pinned.has(bundle.a) && !pinned.has(bundle.b),
        isChosen: bundle.id === view.chosen,
      },
    }))
}

function rounded({ x, y }: Position): Position {
  return { x: Math.round(x), y: Math.round(y) }
}
