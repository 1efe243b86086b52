import { NativeSelect, Tabs } from '@mantine/core'
import type { Conduit, Topology, Zone } from '../../api-types.ts'
import { oneOf, type UrlState } from '../../address/url-state.ts'
import { type Column, DataTable } from '../../components/data-table.tsx'
import { Empty } from '../../components/empty.tsx'
import { Link } from '../../components/link.tsx'
import { ProtectionState, protectionOf, StageState, stages, standings } from '../../components/state.tsx'
import { promiseOf } from './bundles.ts'
import classes from './plant.module.css'

const wanting = ['failed', 'drift', 'unreachable', 'not-deployed'] as const

const zoneColumns: readonly Column<Zone>[] = [
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
    width: '82px',
    align: 'end',
  },
  ...wanting.map(
    (standing): Column<Zone> => ({
      id: standing,
      header: standings[standing].word,
      sort: (zone) => zone.standings[standing],
      cell: (zone) => zone.standings[standing] || '',
      width: '110px',
      align: 'end',
    }),
  ),
  {
    id: 'messaging',
    header: 'Messaging',
    sort: ({ messaging }) => messaging,
    cell: ({ messaging }) => <ProtectionState protection={protectionOf(messaging)} />,
    width: '126px',
  },
  {
    id: 'io',
    header: 'I/O',
    sort: ({ io }) => io,
    cell: ({ io }) => <ProtectionState protection={protectionOf(io)} />,
    width: '126px',
  },
  {
    id: 'stage',
    header: 'Stage',
    sort: ({ stage }) => stages[stage].step,
    cell: ({ stage }) => <StageState stage={stage} />,
    width: '104px',
  },
]

const conduitColumns: readonly Column<Conduit>[] = [
  {
    id: 'from',
    header: 'Between',
    sort: ({ between }) => between[0] ?? '',
    cell: (conduit) => <End of={conduit} end={0} />,
  },
  { id: 'to', header: 'And', sort: ({ between }) => between[1] ?? '', cell: (conduit) => <End of={conduit} end={1} /> },
  {
    id: 'authentication',
    header: 'Peers known by',
    sort: ({ authentication }) => authentication,
    cell: ({ authentication }) => words[authentication] ?? authentication,
    width: '150px',
  },
  {
    id: 'messaging',
    header: 'Messaging',
    sort: ({ messagingProtection }) => messagingProtection,
    cell: ({ messagingProtection }) => <ProtectionState protection={messagingProtection} />,
    width: '150px',
  },
  {
    id: 'io',
    header: 'I/O',
    sort: ({ ioProtection }) => ioProtection,
    cell: ({ ioProtection }) => <ProtectionState protection={ioProtection} />,
    width: '150px',
  },
]

const words: Readonly<Record<string, string>> = {
  certificate: 'certificate',
  psk: 'pre-shared key',
  'trusted-ip': 'trusted address',
  none: 'nothing',
}

function End({ of: { between, zones }, end }: { readonly of: Conduit; readonly end: 0 | 1 }) {
  const name = between[end] ?? ''
  const zone = zones[end] ?? null
  if (name === zone) return <>zone {name}</>
  return (
    <>
      {name}
      {zone === null ? null : <span style={{ color: 'var(--mantine-color-dimmed)' }}> in {zone}</span>}
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
  const conduits = topology.conduits.filter(
    (conduit) =>
      [...conduit.between, ...conduit.zones].some((name) => name?.toLowerCase().includes(text)) &&
      (url['protection'] === undefined || url['protection'] === promiseOf(conduit)),
  )
  return (
    <Tabs
      value={list}
      onChange={(next) => setUrl({ list: next ?? undefined, sort: undefined, protection: undefined })}
      className={classes['tabs'] ?? ''}
      keepMounted={false}
    >
      <Tabs.List>
        <Tabs.Tab value="zones">Zones ({zones.length.toLocaleString()})</Tabs.Tab>
        <Tabs.Tab value="conduits">Conduits ({conduits.length.toLocaleString()})</Tabs.Tab>
      </Tabs.List>
      {list === 'conduits' ? (
        <NativeSelect
          className={classes['beside'] ?? ''}
          aria-label="Protection"
          value={url['protection'] ?? ''}
          onChange={({ currentTarget }) => setUrl({ protection: currentTarget.value })}
          data={[{ value: '', label: 'Any protection' }, 'Encrypted', 'Authenticated', 'None']}
        />
      ) : null}
      <Tabs.Panel value="zones" className={classes['panel'] ?? ''}>
        <DataTable
          label="Zones"
          columns={zoneColumns}
          rows={zones}
          rowKey={({ name }) => name}
          selected={url['zone']}
          minWidth={1010}
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
