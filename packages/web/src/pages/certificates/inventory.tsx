import { Button, Group } from '@mantine/core'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { useEffect } from 'react'
import { useUrl } from '../../address/use-url.ts'
import { CommitBox } from '../../components/commit-box.tsx'
import { Empty } from '../../components/empty.tsx'
import { Link } from '../../components/link.tsx'
import { Loaded, Loading } from '../../components/loading.tsx'
import { Moment } from '../../components/moment.tsx'
import { Older } from '../../components/older.tsx'
import { Rows } from '../../components/rows.tsx'
import { SearchBox } from '../../components/search-box.tsx'
import { Tiles } from '../../components/tiles.tsx'
import { Tone } from '../../components/tone.tsx'
import { certificateSummaryQuery } from '../../data/plants.ts'
import { certificatesQuery } from '../../data/trust.ts'
import { certificateStates } from '../../words/trust.ts'
import { bucketFilter, buckets, bucketWords, endTone, isIn } from './buckets.ts'

/** Certificates by their end, the earliest first. */
export function Inventory() {
  const [{ ends, search = '', zone = '' }, change] = useUrl()
  const bucket = buckets.find((word) => word === ends)
  const summary = useQuery(certificateSummaryQuery)
  const query = useInfiniteQuery(
    certificatesQuery({
      ...bucketFilter(bucket),
      ...(search === '' ? {} : { search }),
      ...(zone === '' ? {} : { zone }),
    }),
  )
  const now = Date.now()
  const rows = (query.data?.pages.flatMap(({ items }) => items) ?? []).filter(({ notAfter }) =>
    isIn(bucket, notAfter, now),
  )
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = query
  // All that came so far ends too early to be shown: go on until something does.
  const isSkipping = query.data !== undefined && rows.length === 0 && hasNextPage
  useEffect(() => {
    if (isSkipping && !isFetchingNextPage) void fetchNextPage()
  }, [isSkipping, isFetchingNextPage, fetchNextPage])
  const isNarrowed = bucket !== undefined || search !== '' || zone !== ''
  return (
    <>
      <Tiles
        label="When certificates end"
        value={bucket ?? ''}
        choose={(value) => change({ ends: value })}
        tiles={buckets.map((value) => ({
          value,
          ...bucketWords[value],
          count: summary.data?.[bucketWords[value].count],
        }))}
      />
      <Group gap="sm" mb="sm">
        <SearchBox label="Name, serial or fingerprint" value={search} search={(text) => change({ search: text })} />
        <CommitBox
          label="Zone"
          placeholder="Zone, in full"
          width="11rem"
          value={zone}
          commit={(text) => change({ zone: text })}
        />
        {isNarrowed ? (
          <Button variant="default" onClick={() => change({ ends: undefined, search: undefined, zone: undefined })}>
            Show all
          </Button>
        ) : null}
      </Group>
      <Loaded query={query}>
        {() =>
          isSkipping ? (
            <Loading />
          ) : rows.length === 0 ? (
            isNarrowed ? (
              <Empty title="No certificate is like that">
                Take a part of the name, the serial or the fingerprint, or show all.
              </Empty>
            ) : (
              <Empty title="No certificates yet">
                The first ones are issued when devices are <Link to="/deployments">deployed</Link> or{' '}
                <Link to="/enrollment">enroll</Link>.
              </Empty>
            )
          ) : (
            <>
              <Rows
                label="Certificates"
                least="62rem"
                rows={rows}
                id={({ issuer, serial }) => `${issuer} ${serial}`}
                columns={[
                  {
                    key: 'name',
                    head: 'Name',
                    width: 'minmax(11rem, 1fr)',
                    cell: ({ issuer, serial, name }) => (
                      <Link to={`/certificates/${encodeURIComponent(issuer)}/${encodeURIComponent(serial)}`}>
                        {name}
                      </Link>
                    ),
                  },
                  { key: 'zone', head: 'Zone', width: 'minmax(7rem, 0.6fr)', cell: (row) => row.zone ?? '–' },
                  { key: 'profile', head: 'For', width: '7rem', cell: ({ profile }) => profile },
                  {
                    key: 'status',
                    head: 'State',
                    width: '8rem',
                    cell: ({ status }) => <Tone {...certificateStates[status]} />,
                  },
                  {
                    key: 'ends',
                    head: 'Ends',
                    width: '11rem',
                    cell: (row) => {
                      const tone = endTone(row, now)
                      return tone === undefined ? (
                        <Moment at={row.notAfter} />
                      ) : (
                        <strong data-tone={tone}>
                          <Moment at={row.notAfter} />
                        </strong>
                      )
                    },
                  },
                  {
                    key: 'use',
                    head: 'In use by',
                    width: 'minmax(8rem, 0.7fr)',
                    cell: ({ inUse }) =>
                      inUse === null ? '–' : <Link to={`/devices/${encodeURIComponent(inUse)}`}>{inUse}</Link>,
                  },
                  {
                    key: 'serial',
                    head: 'Serial',
                    width: 'minmax(9rem, 0.8fr)',
                    cell: ({ serial }) => (
                      <span className="mono" title={serial}>
                        {serial}
                      </span>
                    ),
                  },
                ]}
              />
              <Older query={query} label="Show later ones" />
            </>
          )
        }
      </Loaded>
    </>
  )
}
