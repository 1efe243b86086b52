import { Tabs } from '@mantine/core'
import type { Conduit, Topology, ZoneSummary } from '../../api-types.ts'
import { oneOf, type UrlState } from '../../address/url-state.ts'
import { type Column, DataTable } from '../../components/data-table.tsx'
import { Empty } from '../../components/empty.tsx'
import { Link } from '../../components/link.tsx'
import { ProtectionState, StageState, stages, standings } from '../../components/state.tsx'
import classes from './plant.module.css'

const wanting = ['failed', 'drift', 'unreachable', 'waiting'] as const

const zoneColumns: readonly Column<ZoneSummary>[] = [
  {
    id: 'name',
    header: 'Zone',
    sort: ({ name }) => name,
    cell: ({ name }) => (
      <Link to="/devices" search={{ zone: name }}>
        {name}
      </Link>
    ),
  },
  {
    id: 'devices',
    header: 'Devices',
    sort: ({ devices }) => devices,
    cell: ({ devices }) => devices,
    width: '90px',
    align: 'end',
  },
  ...wanting.map(
    (standing): Column<ZoneSummary> => ({
      id: standing,
      header: standings[standing].word,
      sort: (zone) => zone.standings[standing] ?? 0,
      cell: (zone) => zone.standings[standing] ?? '',
      width: '112px',
      align: 'end',
    }),
  ),
  {
    id: 'messaging',
    header: 'Messaging',
    sort: ({ messaging }) => messaging,
    cell: ({ messaging }) => <ProtectionState protection={messaging} />,
    width: '136px',
  },
  {
    id: 'io',
    header: 'I/O',
    sort: ({ io }) => io,
    cell: ({ io }) => <ProtectionState protection={io} />,
    width: '136px',
  },
  {
    id: 'stage',
    header: 'Stage',
    sort: ({ stage }) => stages[stage].step,
    cell: ({ stage }) => <StageState stage={stage} />,
    width: '140px',
  },
]

const conduitColumns: readonly Column<Conduit>[] = [
  {
    id: 'from',
    header: 'From',
    sort: ({ from }) => from,
    cell: ({ from, fromZone }) => <End name={from} zone={fromZone} />,
  },
  { id: 'to', header: 'To', sort: ({ to }) => to, cell: ({ to, toZone }) => <End name={to} zone={toZone} /> },
  {
    id: 'authentication',
    header: 'Peers known by',
    sort: ({ authentication }) => authentication,
    cell: ({ authentication }) => words[authentication],
    width: '150px',
  },
  {
    id: 'messaging',
    header: 'Messaging',
    sort: ({ messaging }) => messaging,
    cell: ({ messaging }) => <ProtectionState protection={messaging} />,
    width: '150px',
  },
  {
    id: 'io',
    header: 'I/O',
    sort: ({ io }) => io,
    cell: ({ io }) => <ProtectionState protection={io} />,
    width: '150px',
  },
]

const words = {
  certificate: 'certificate',
  psk: 'pre-shared key',
  'trusted-ip': 'trusted address',
  none: 'nothing',
} as const

function End({ name, zone }: { readonly name: string; readonly zone: string }) {
  return name === zone ? (
    <>zone {name}</>
  ) : (
    <>
      {name} <span style={{ color: 'var(--mantine-color-dimmed)' }}>in {zone}</span>
    </>
  )
}

/** The plant as tables: the same as the map, for whoever reads rather than looks. */
export function PlantTable({
  topology,
  url,
  setUrl,
}: {
  readonly topology: Topology
  readonly url: UrlState
  readonly setUrl: (change: Readonly<Record<string, string | undefined>>) => void
}) {
  const list = oneOf(url['list'], ['zones', 'conduits'])
  const text = (url['text'] ?? '').toLowerCase()
  const sort = { sort: url['sort'], onSort: (sort: string | undefined) => setUrl({ sort }) }
  const zones = topology.zones.filter(({ name }) => name.toLowerCase().includes(text))
  const conduits = topology.conduits.filter((conduit) =>
    [conduit.from, conduit.to, conduit.fromZone, conduit.toZone].some((name) => name.toLowerCase().includes(text)),
  )
  return (
    <Tabs
      value={list}
      onChange={(next) => setUrl({ list: next ?? undefined, sort: undefined })}
      className={classes['tabs'] ?? ''}
      keepMounted={false}
    >
      <Tabs.List>
        <Tabs.Tab value="zones">Zones ({zones.length.toLocaleString()})</Tabs.Tab>
        <Tabs.Tab value="conduits">Conduits ({conduits.length.toLocaleString()})</Tabs.Tab>
      </Tabs.List>
      <Tabs.Panel value="zones" className={classes['panel'] ?? ''}>
        <DataTable
          label="Zones"
          columns={zoneColumns}
          rows={zones}
          rowKey={({ name }) => name}
          selected={url['zone']}
          minWidth={1060}
          empty={<Empty title="No zone matches">Change or clear the filter above.</Empty>}
          {...sort}
        />
      </Tabs.Panel>
      <Tabs.Panel value="conduits" className={classes['panel'] ?? ''}>
        <DataTable
          label="Conduits"
          columns={conduitColumns}
          rows={conduits}
          rowKey={({ id }) => id}
          empty={
            <Empty title="No conduit matches">
              Change or clear the filter, or draw a conduit in the <Link to="/editor">editor</Link>.
            </Empty>
          }
          {...sort}
        />
      </Tabs.Panel>
    </Tabs>
  )
}
