import { Button, NativeSelect } from '@mantine/core'
import { useInfiniteQuery, useMutation, useQuery } from '@tanstack/react-query'
import { useCallback, useMemo } from 'react'
import { useUrl } from '../../address/use-url.ts'
import type { Connection, Protection, Verdict } from '../../api-types.ts'
import { connectionColumns } from '../../components/connection-columns.tsx'
import { DataTable } from '../../components/data-table.tsx'
import { Empty } from '../../components/empty.tsx'
import { Failure } from '../../components/failure.tsx'
import { Filters, TextFilter } from '../../components/filters.tsx'
import { Link } from '../../components/link.tsx'
import { Loading } from '../../components/loading.tsx'
import { Moment } from '../../components/moment.tsx'
import { PageBody } from '../../components/page.tsx'
import { verdicts } from '../../components/state.tsx'
import { connectionsQuery, observe } from '../../data/devices.ts'
import { usePlant } from '../../data/plants.ts'
import { usePermits } from '../../data/session.ts'
import { topologyQuery } from '../../data/topology.ts'
import { joins, pairOf } from './pair.ts'

const protectionWords = ['Encrypted', 'Authenticated', 'None'] as const satisfies readonly Protection[]
// The keys of the table are all that there are.
const verdictWords = Object.keys(verdicts) as readonly Verdict[]

/** The connections of the whole plant, as they were last observed, judged by the model. */
export function Page() {
  const plant = usePlant()
  const [url, setUrl] = useUrl()
  const { text, sort } = url
  const pair = pairOf(url['pair'])
  const zone = pair?.[0] ?? url['zone']
  const protection = protectionWords.find((one) => one === url['protection'])
  const verdict = verdictWords.find((one) => one === url['verdict'])
  const query = useInfiniteQuery(connectionsQuery(plant, { zone, protection, verdict, search: text }))
  const topology = useQuery(topologyQuery(plant))
  const mayOperate = usePermits('operate')
  const reading = useMutation({ mutationFn: () => observe(plant) })
  const rows = useMemo(() => rowsOf(query.data?.pages, pair), [query.data, pair])
  const total = pair === undefined ? query.data?.pages[0]?.total : undefined
  const { fetchNextPage, hasNextPage, isFetching } = query
  const more = useCallback(() => {
    if (!isFetching) void fetchNextPage()
  }, [fetchNextPage, isFetching])
  const onSort = useCallback((sort: string | undefined) => setUrl({ sort }), [setUrl])
  const isFiltered =
    zone !== undefined || pair !== undefined || protection !== undefined || verdict !== undefined || text !== undefined
  const zones = useMemo(
    () =>
      [
        ...new Set([
          ...(topology.data?.zones ?? []).map(({ name }) => name),
          ...(pair ?? []),
          ...(zone === undefined ? [] : [zone]),
        ]),
      ].sort((a, b) => a.localeCompare(b, 'en', { numeric: true })),
    [topology.data, pair, zone],
  )
  return (
    <PageBody
      title="Connections"
      fill
      lead={
        rows[0] === undefined ? undefined : (
          <>
            As the devices told <Moment at={newest(rows)} />
          </>
        )
      }
      actions={
        mayOperate && plant !== '' ? (
          <Button variant="default" loading={reading.isPending} onClick={() => reading.mutate()}>
            Read the devices now
          </Button>
        ) : undefined
      }
    >
      {reading.error === null ? null : <Failure cause={reading.error} retry={() => reading.mutate()} />}
      <Filters
        clear={
          isFiltered
            ? () =>
                setUrl({ zone: undefined, pair: undefined, protection: undefined, verdict: undefined, text: undefined })
            : undefined
        }
        count={
          query.data === undefined
            ? ''
            : `${(total ?? rows.length).toLocaleString()}${hasNextPage && total === undefined ? ' or more' : ''} connections`
        }
      >
        <TextFilter label="Device or address" value={text ?? ''} change={(text) => setUrl({ text })} />
        <NativeSelect
          aria-label="Zone"
          value={zone ?? ''}
          onChange={({ currentTarget }) => setUrl({ zone: currentTarget.value, pair: undefined })}
          data={[{ value: '', label: 'All zones' }, ...zones]}
        />
        {zone === undefined ? null : (
          <NativeSelect
            aria-label="With zone"
            value={pair?.[1] ?? ''}
            onChange={({ currentTarget: { value } }) =>
              setUrl(value === '' ? { zone, pair: undefined } : { zone: undefined, pair: `${zone}~${value}` })
            }
            data={[
              { value: '', label: 'with any zone' },
              ...zones.map((name) => ({ value: name, label: `with ${name}` })),
            ]}
          />
        )}
        <NativeSelect
          aria-label="Protection"
          value={protection ?? ''}
          onChange={({ currentTarget }) => setUrl({ protection: currentTarget.value })}
          data={[{ value: '', label: 'Any protection' }, ...protectionWords]}
        />
        <NativeSelect
          aria-label="What the model says"
          value={verdict ?? ''}
          onChange={({ currentTarget }) => setUrl({ verdict: currentTarget.value })}
          data={[
            { value: '', label: 'Any verdict' },
            ...verdictWords.map((one) => ({ value: one, label: verdicts[one].word })),
          ]}
        />
      </Filters>
      {query.data === undefined && plant !== '' ? (
        query.error === null ? (
          <Loading lines={10} />
        ) : (
          <Failure cause={query.error} retry={query.refetch} />
        )
      ) : (
        <DataTable
          label="Connections"
          columns={connectionColumns}
          rows={rows}
          rowKey={({ key }) => key}
          sort={sort}
          // Rows that were not fetched yet cannot be sorted among the others.
          {...(hasNextPage ? {} : { onSort })}
          more={hasNextPage ? more : undefined}
          minWidth={1040}
          empty={
            isFetching ? null : isFiltered ? (
              <Empty title="No connection matches">Change or clear the filters above.</Empty>
            ) : (
              <Empty title="No connection was observed yet">
                Devices tell their connections once they are in the plant: look at the{' '}
                <Link to="/devices">devices</Link>, then read them with the button above.
              </Empty>
            )
          }
        />
      )}
    </PageBody>
  )
}

function rowsOf(
  pages: readonly { readonly items: readonly Connection[] }[] | undefined,
  pair: readonly [string, string] | undefined,
): readonly Connection[] {
  const all = pages?.flatMap(({ items }) => items) ?? []
  return pair === undefined ? all : all.filter((row) => joins(row, pair))
}

function newest(rows: readonly Connection[]): string {
  return rows.reduce((last, { observedAt }) => (observedAt > last ? observedAt : last), '')
}
