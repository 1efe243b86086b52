import { NativeSelect } from '@mantine/core'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { useCallback, useMemo } from 'react'
import { useUrl } from '../../address/use-url.ts'
import type { Device } from '../../api-types.ts'
import { type Column, DataTable } from '../../components/data-table.tsx'
import { Empty } from '../../components/empty.tsx'
import { Failure } from '../../components/failure.tsx'
import { Filters, TextFilter } from '../../components/filters.tsx'
import { Link } from '../../components/link.tsx'
import { Loading } from '../../components/loading.tsx'
import { Moment } from '../../components/moment.tsx'
import { PageBody } from '../../components/page.tsx'
import { StandingState, State, standingOrder, standings } from '../../components/state.tsx'
import { devicesQuery } from '../../data/devices.ts'
import { usePlant } from '../../data/plants.ts'
import { topologyQuery } from '../../data/topology.ts'

const columns: readonly Column<Device>[] = [
  {
    id: 'name',
    header: 'Device',
    sort: ({ name }) => name,
    cell: ({ name }) => <Link to={`/devices/${encodeURIComponent(name)}`}>{name}</Link>,
    width: '16%',
  },
  {
    id: 'address',
    header: 'Address',
    sort: ({ address }) => sortableAddress(address),
    cell: ({ address, chassis, slot }) =>
      address === null ? (
        <span title={`Behind ${chassis ?? 'another device'}`}>slot {slot ?? '?'}</span>
      ) : (
        <span className="mono">{address}</span>
      ),
    width: '116px',
  },
  {
    id: 'zone',
    header: 'Zone',
    sort: ({ zone }) => zone ?? '',
    cell: ({ zone }) =>
      zone === null ? (
        'none'
      ) : (
        <Link to="/plant" search={{ zone }}>
          {zone}
        </Link>
      ),
    width: '13%',
  },
  {
    id: 'standing',
    header: 'Standing',
    sort: ({ standing }) => standingOrder.indexOf(standing),
    cell: ({ standing }) => <StandingState standing={standing} />,
    width: '132px',
  },
  {
    id: 'security',
    header: 'CIP Security',
    sort: ({ capable }) => (capable ? 0 : 1),
    cell: ({ capable }) =>
      capable ? (
        <State tone="good" icon="seal">
          Yes
        </State>
      ) : (
        <State tone="none" icon="open" title="Reached by trusted address only">
          No
        </State>
      ),
    width: '104px',
  },
  { id: 'product', header: 'Product', sort: ({ product }) => product ?? '', cell: ({ product }) => product ?? '' },
  {
    id: 'expires',
    header: 'Certificate ends',
    sort: ({ expiresAt }) => expiresAt ?? '9999',
    cell: ({ expiresAt }) => <Moment at={expiresAt} none="no certificate" />,
    width: '128px',
  },
  {
    id: 'updated',
    header: 'Last read',
    sort: ({ updatedAt }) => updatedAt ?? '',
    cell: ({ updatedAt }) => <Moment at={updatedAt} />,
    width: '112px',
  },
]

/** Numbers with leading zeros, so that 10.0.0.9 comes before 10.0.0.10. */
function sortableAddress(address: string | null): string {
  return (address ?? '~').replace(/\d+/g, (digits) => digits.padStart(3, '0'))
}

/** All devices of the plant, by zone, standing and text. */
export function Page() {
  const plant = usePlant()
  const [url, setUrl] = useUrl()
  const { zone, text, sort } = url
  const standing = standingOrder.find((one) => one === url['standing'])
  const query = useInfiniteQuery(devicesQuery(plant, { zone, standing, search: text }))
  const topology = useQuery(topologyQuery(plant))
  const rows = useMemo(() => query.data?.pages.flatMap(({ items }) => items) ?? [], [query.data])
  const total = query.data?.pages[0]?.total
  const { fetchNextPage, hasNextPage, isFetching } = query
  const more = useCallback(() => {
    if (!isFetching) void fetchNextPage()
  }, [fetchNextPage, isFetching])
  const onSort = useCallback((sort: string | undefined) => setUrl({ sort }), [setUrl])
  const isFiltered = zone !== undefined || standing !== undefined || text !== undefined
  const clear = () => setUrl({ zone: undefined, standing: undefined, text: undefined })
  return (
    <PageBody title="Devices" fill>
      <Filters
        clear={isFiltered ? clear : undefined}
        count={query.data === undefined ? '' : `${(total ?? rows.length).toLocaleString()} devices`}
      >
        <TextFilter label="Name, address or product" value={text ?? ''} change={(text) => setUrl({ text })} />
        <NativeSelect
          aria-label="Zone"
          value={zone ?? ''}
          onChange={({ currentTarget }) => setUrl({ zone: currentTarget.value })}
          data={[
            { value: '', label: 'All zones' },
            ...zoneNames(topology.data?.zones, zone).map((name) => ({ value: name, label: name })),
          ]}
        />
        <NativeSelect
          aria-label="Standing"
          value={standing ?? ''}
          onChange={({ currentTarget }) => setUrl({ standing: currentTarget.value })}
          data={[
            { value: '', label: 'Any standing' },
            ...standingOrder.map((one) => ({ value: one, label: standings[one].word })),
          ]}
        />
      </Filters>
      {query.data === undefined ? (
        query.error === null ? (
          plant === '' ? (
            <Empty title="There is no plant yet">
              Find devices with <Link to="/discovery">discovery</Link>, or write a plant in the{' '}
              <Link to="/editor">editor</Link>.
            </Empty>
          ) : (
            <Loading lines={10} />
          )
        ) : (
          <Failure cause={query.error} retry={query.refetch} />
        )
      ) : (
        <DataTable
          label="Devices"
          columns={columns}
          rows={rows}
          rowKey={({ name }) => name}
          sort={sort}
          // Rows that were not fetched yet cannot be sorted among the others.
          {...(hasNextPage ? {} : { onSort })}
          more={hasNextPage ? more : undefined}
          minWidth={1000}
          empty={
            isFiltered ? (
              <Empty title="No device matches">Change or clear the filters above.</Empty>
            ) : (
              <Empty title="This plant has no devices yet">
                Look for them with <Link to="/discovery">discovery</Link>, or write them in the{' '}
                <Link to="/editor">editor</Link>.
              </Empty>
            )
          }
        />
      )}
    </PageBody>
  )
}

/** Zones for the filter; the chosen one even if it is gone, so that the filter says what it does. */
function zoneNames(
  zones: readonly { readonly name: string }[] | undefined,
  chosen: string | undefined,
): readonly string[] {
  const names = new Set((zones ?? []).map(({ name }) => name))
  if (chosen !== undefined) names.add(chosen)
  return [...names].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
}
