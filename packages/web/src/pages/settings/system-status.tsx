import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Empty } from '../../components/empty.tsx'
import { Loaded } from '../../components/loading.tsx'
import { Moment } from '../../components/moment.tsx'
import { Rows } from '../../components/rows.tsx'
import { Facts, Remark, Section } from '../../components/section.tsx'
import { Tone } from '../../components/tone.tsx'
import { systemQuery } from '../../data/settings.ts'
import { sizeText } from './size-text.ts'

/** Versions, the store, the managers that share it, and enrollment by EST. */
export function SystemStatus() {
  const query = useQuery(systemQuery)
  return (
    <Loaded query={query}>
      {({ product, version, node, openssl, store, managers, tables, est }) => (
        <>
          <Section
            title="Versions"
            actions={
              <Button variant="default" loading={query.isFetching} onClick={() => void query.refetch()}>
                Read again
              </Button>
            }
          >
            <Facts
              facts={[
                [product, version],
                ['Node.js', node],
                ['OpenSSL', openssl],
                ['Store', `${store.kind} ${store.version}`],
                ['Schema', store.schema],
                ['Size', sizeText(store.bytes)],
                [
                  'Where',
                  <span key="w" className="mono">
                    {store.location}
                  </span>,
                ],
              ]}
            />
            {store.notes.map((note) => (
              <Remark key={note} tone="warn">
                {note}
              </Remark>
            ))}
          </Section>
          <Section title="Managers" lead="All that share this store. What one leaves undone, another takes over.">
            <Rows
              label="Managers"
              least="48rem"
              rows={managers}
              id={({ id }) => id}
              columns={[
                {
                  key: 'host',
                  head: 'Host',
                  width: 'minmax(8rem, 1fr)',
                  cell: ({ host, pid }) => `${host}, process ${pid}`,
                },
                {
                  key: 'address',
                  head: 'Address',
                  width: 'minmax(10rem, 1fr)',
                  cell: ({ address }) => <span className="mono">{address}</span>,
                },
                {
                  key: 'state',
                  head: 'State',
                  width: '9rem',
                  cell: ({ alive }) => <Tone tone={alive ? 'good' : 'bad'} text={alive ? 'Alive' : 'Not heard of'} />,
                },
                { key: 'started', head: 'Started', width: '10rem', cell: ({ startedAt }) => <Moment at={startedAt} /> },
                { key: 'seen', head: 'Last heard of', width: '10rem', cell: ({ seenAt }) => <Moment at={seenAt} /> },
              ]}
            />
          </Section>
          <Section title="EST" lead="Where devices ask for certificates by themselves.">
            {est === null ? (
              <Empty title="Not served by this manager">
                With an EST service, such as that of cordon est serve, devices enroll by themselves.
              </Empty>
            ) : (
              <>
                <Facts
                  facts={[
                    [
                      'Addresses',
                      <span key="a" className="mono">
                        {est.addresses.join(', ')}
                      </span>,
                    ],
                    ['Labels', est.labels.length === 0 ? 'None' : est.labels.join(', ')],
                  ]}
                />
                {est.banners.map((banner) => (
                  <Remark key={banner} tone="warn">
                    {banner}
                  </Remark>
                ))}
              </>
            )}
          </Section>
          <Section title="Tables" lead="Rows are the database's own estimate.">
            <Rows
              label="Tables"
              rows={tables}
              id={({ name }) => name}
              columns={[
                {
                  key: 'name',
                  head: 'Table',
                  width: 'minmax(10rem, 24rem)',
                  cell: ({ name }) => <span className="mono">{name}</span>,
                },
                {
                  key: 'rows',
                  head: 'Rows',
                  width: '8rem',
                  end: true,
                  cell: ({ rows }) => rows.toLocaleString('en-US'),
                },
                { key: 'bytes', head: 'Size', width: '8rem', end: true, cell: ({ bytes }) => sizeText(bytes) },
              ]}
            />
          </Section>
        </>
      )}
    </Loaded>
  )
}
