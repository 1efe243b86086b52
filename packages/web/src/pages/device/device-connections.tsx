import { useInfiniteQuery } from '@tanstack/react-query'
import { useCallback, useMemo } from 'react'
import { useUrl } from '../../address/use-url.ts'
import { connectionColumns } from '../../components/connection-columns.tsx'
import { DataTable } from '../../components/data-table.tsx'
import { Empty } from '../../components/empty.tsx'
import { Loaded } from '../../components/loading.tsx'
import { connectionsQuery } from '../../data/devices.ts'
import { usePlant } from '../../data/plants.ts'

/** With whom a device speaks, as it was last observed. */
export function DeviceConnections({ device }: { readonly device: string }) {
  const plant = usePlant()
  const [{ sort }, setUrl] = useUrl()
  const query = useInfiniteQuery(connectionsQuery(plant, { device }))
  const rows = useMemo(() => query.data?.pages.flatMap(({ items }) => items) ?? [], [query.data])
  const { fetchNextPage, hasNextPage, isFetching } = query
  const more = useCallback(() => {
    if (!isFetching) void fetchNextPage()
  }, [fetchNextPage, isFetching])
  const onSort = useCallback((sort: string | undefined) => setUrl({ sort }), [setUrl])
  return (
    <Loaded query={query}>
      {() => (
        <DataTable
          label={`Connections of ${device}`}
          columns={connectionColumns}
          rows={rows}
          rowKey={({ key }) => key}
          sort={sort}
          {...(hasNextPage ? {} : { onSort })}
          more={hasNextPage ? more : undefined}
          minWidth={1040}
          empty={
            <Empty title="No connection was observed">
              It has none, or it was not read yet: the page of all connections has a button that reads the devices.
            </Empty>
          }
        />
      )}
    </Loaded>
  )
}
