import { Button, SegmentedControl, TextInput } from '@mantine/core'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useCallback, useMemo } from 'react'
import { listOf, oneOf } from '../../address/url-state.ts'
import { useUrl } from '../../address/use-url.ts'
import type { Position, Topology } from '../../api-types.ts'
import { Empty } from '../../components/empty.tsx'
import { Failure } from '../../components/failure.tsx'
import { Icon } from '../../components/icon.tsx'
import { Link } from '../../components/link.tsx'
import { Loaded, Loading } from '../../components/loading.tsx'
import { PageBody } from '../../components/page.tsx'
import { usePlant } from '../../data/plants.ts'
import { usePermits } from '../../data/session.ts'
import { keepPositions, topologyQuery } from '../../data/topology.ts'
import { bundled } from './bundles.ts'
import { ChosenConduits } from './chosen-conduits.tsx'
import { Jump } from './jump.tsx'
import { type MapView, PlantMap } from './plant-map.tsx'
import { PlantTable } from './plant-table.tsx'
import { useLayout } from './use-layout.ts'
import classes from './plant.module.css'

/** The plant: zones and conduits as a map, or as tables. */
export function Page() {
  const plant = usePlant()
  const query = useQuery(topologyQuery(plant))
  if (plant === '')
    return (
      <PageBody title="Plant">
        <Empty title="There is no plant yet">
          Find devices with <Link to="/discovery">discovery</Link>, or write a plant in the{' '}
          <Link to="/editor">editor</Link>.
        </Empty>
      </PageBody>
    )
  return query.data === undefined ? (
    <PageBody title="Plant">
      <Loaded query={query} lines={10}>
        {() => null}
      </Loaded>
    </PageBody>
  ) : (
    <View topology={query.data} key={plant} />
  )
}

function View({ topology }: { readonly topology: Topology }) {
  const [url, setUrl] = useUrl()
  const as = oneOf(url['as'], ['map', 'table'])
  const devices = topology.zones.reduce((sum, zone) => sum + zone.devices, 0)
  const change = useCallback(
    (change: Partial<MapView>) => {
      const lists = {
        ...(change.hidden === undefined ? {} : { hide: change.hidden.join(',') }),
        ...(change.pinned === undefined ? {} : { pin: change.pinned.join(',') }),
      }
      setUrl({
        ...lists,
        ...('open' in change ? { zone: change.open } : {}),
        ...('device' in change ? { device: change.device } : {}),
        ...('chosen' in change ? { conduit: change.chosen } : {}),
      })
    },
    [setUrl],
  )
  const hidden = listOf(url['hide'])
  return (
    <PageBody
      title="Plant"
      fill
      lead={`${count(devices, 'device')} in ${count(topology.zones.length, 'zone')}, ${count(topology.conduits.length, 'conduit')}`}
      actions={
        <>
          {hidden.length === 0 || as === 'table' ? null : (
            <Button
              variant="default"
              leftSection={<Icon name="show" size={14} />}
              onClick={() => change({ hidden: [] })}
            >
              Show {count(hidden.length, 'hidden zone')}
            </Button>
          )}
          {as === 'map' ? (
            <Jump
              topology={topology}
              to={(open, device) => change({ open, device, hidden: hidden.filter((one) => one !== open) })}
            />
          ) : (
            <TextInput
              data-search
              aria-label="Filter zones and conduits"
              placeholder="Filter  ( / )"
              w={240}
              leftSection={<Icon name="search" size={14} />}
              value={url['text'] ?? ''}
              onChange={({ currentTarget }) => setUrl({ text: currentTarget.value })}
            />
          )}
          <SegmentedControl
            aria-label="Show as"
            value={as}
            onChange={(next) => setUrl({ as: next === 'map' ? undefined : next })}
            data={[
              { value: 'map', label: 'Map' },
              { value: 'table', label: 'Table' },
            ]}
          />
        </>
      }
    >
      <div className={classes['rest']}>
        {topology.zones.length === 0 ? (
          <Empty title="This plant has no zones yet">
            Group devices into zones in the <Link to="/editor">editor</Link>.
          </Empty>
        ) : as === 'table' ? (
          <PlantTable topology={topology} url={url} setUrl={setUrl} />
        ) : (
          <MapPlace topology={topology} change={change} />
        )}
      </div>
    </PageBody>
  )
}

function MapPlace({
  topology,
  change,
}: {
  readonly topology: Topology
  readonly change: (change: Partial<MapView>) => void
}) {
  const plant = usePlant()
  const mayWrite = usePermits('plant.read')
  const [{ zone, device, conduit, hide, pin }] = useUrl()
  const view = useMemo(
    () => ({ open: zone, device, chosen: conduit, hidden: listOf(hide), pinned: listOf(pin) }),
    [zone, device, conduit, hide, pin],
  )
  const bundles = useMemo(() => bundled(topology.conduits), [topology])
  const { mutate, error, reset } = useMutation({
    mutationFn: (positions: Readonly<Record<string, Position>>) => keepPositions(plant, positions),
  })
  const keep = useCallback(
    (positions: Readonly<Record<string, Position>>) => {
      if (mayWrite) mutate(positions)
    },
    [mayWrite, mutate],
  )
  const positions = useLayout(topology, bundles, keep)
  if (positions === undefined) return <Loading lines={10} />
  const chosen = bundles.find(({ id }) => id === conduit)
  return (
    <>
      {error === null ? null : <Failure cause={error} retry={reset} />}
      <PlantMap
        topology={topology}
        bundles={bundles}
        positions={positions}
        view={view}
        change={change}
        keep={mayWrite ? keep : undefined}
      />
      {chosen === undefined ? null : <ChosenConduits bundle={chosen} close={() => change({ chosen: undefined })} />}
    </>
  )
}

function count(number: number, what: string): string {
  return `${number.toLocaleString()} ${what}${number === 1 ? '' : 's'}`
}
