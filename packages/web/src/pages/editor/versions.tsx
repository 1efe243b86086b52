import { Button, Group, Modal, Radio, TextInput } from '@mantine/core'
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { useUrl } from '../../address/use-url.ts'
import { Failure } from '../../components/failure.tsx'
import { Loaded } from '../../components/loading.tsx'
import { Moment } from '../../components/moment.tsx'
import { Rows } from '../../components/rows.tsx'
import { Remark, Section } from '../../components/section.tsx'
import { api, ask } from '../../api.ts'
import { differenceQuery } from '../../data/model.ts'
import { usePermits } from '../../data/session.ts'
import { ModelChanges } from './model-changes.tsx'
import { Unified } from './unified.tsx'

const pageSize = 50

/** Every version with its author and message; any two can be compared, any one restored. */
export function Versions({
  plant,
  newest,
  restored,
  isChanged,
}: {
  readonly plant: string
  readonly newest: number
  readonly restored: (version: number) => void
  /** The text has changes that restoring would leave behind. */
  readonly isChanged: boolean
}) {
  const [url, change] = useUrl()
  const from = numberOf(url['from']) ?? Math.max(1, newest - 1)
  const to = numberOf(url['to']) ?? newest
  const [restoring, setRestoring] = useState<number>()
  const permitted = usePermits('plant.write')
  const versions = useInfiniteQuery({
    queryKey: ['versions', plant],
    queryFn: ({ pageParam, signal }) =>
      ask(
        'Reading the versions',
        api.GET('/api/v1/plants/{plant}/versions', {
          params: { path: { plant }, query: { limit: pageSize, ...(pageParam === '' ? {} : { cursor: pageParam }) } },
          signal,
        }),
      ),
    initialPageParam: '',
    getNextPageParam: ({ next }) => next ?? undefined,
  })
  const difference = useQuery(differenceQuery(plant, from, to))
  return (
    <>
      <Loaded query={versions}>
        {({ pages }) => (
          <>
            <Rows
              label="Versions"
              least="52rem"
              rows={pages.flatMap(({ items }) => items)}
              id={({ version }) => String(version)}
              columns={[
                {
                  key: 'from',
                  head: 'From',
                  width: '4.5rem',
                  cell: ({ version }) => (
                    <Radio
                      name="from"
                      size="xs"
                      aria-label={`Compare from version ${version}`}
                      checked={version === from}
                      onChange={() => change({ from: String(version) })}
                    />
                  ),
                },
                {
                  key: 'to',
                  head: 'To',
                  width: '3rem',
                  cell: ({ version }) => (
                    <Radio
                      name="to"
                      size="xs"
                      aria-label={`Compare to version ${version}`}
                      checked={version === to}
                      onChange={() => change({ to: String(version) })}
                    />
                  ),
                },
                { key: 'version', head: 'Version', width: '5rem', end: true, cell: ({ version }) => version },
                { key: 'when', head: 'Saved', width: '11rem', cell: ({ savedAt }) => <Moment at={savedAt} /> },
                { key: 'by', head: 'By', width: 'minmax(6rem, 0.4fr)', cell: ({ author }) => author },
                {
                  key: 'message',
                  head: 'Message',
                  width: 'minmax(12rem, 1.5fr)',
                  cell: ({ message }) => <span title={message}>{message}</span>,
                },
                {
                  key: 'devices',
                  head: 'Devices',
                  width: '5rem',
                  end: true,
                  cell: ({ devices }) => devices.toLocaleString('en-US'),
                },
                {
                  key: 'do',
                  head: <span className="visually-hidden">Restore</span>,
                  width: '6.5rem',
                  end: true,
                  cell: ({ version }) =>
                    version === newest ? null : (
                      <Button
                        size="compact-xs"
                        variant="default"
                        disabled={!permitted}
                        aria-label={`Restore version ${version}`}
                        onClick={() => setRestoring(version)}
                      >
                        Restore…
                      </Button>
                    ),
                },
              ]}
            />
            {versions.hasNextPage ? (
              <Button
                mt="sm"
                variant="default"
                loading={versions.isFetchingNextPage}
                onClick={() => void versions.fetchNextPage()}
              >
                Show older ones
              </Button>
            ) : null}
          </>
        )}
      </Loaded>
      <Section title={from === to ? 'Choose two versions' : `From version ${from} to version ${to}`}>
        {from === to ? (
          <p>One version does not differ from itself.</p>
        ) : (
          <Loaded query={difference}>
            {({ text, changes }) => (
              <>
                <ModelChanges changes={changes} />
                <div style={{ marginTop: 12 }}>
                  <Unified text={text} label={`Difference from version ${from} to version ${to}`} />
                </div>
              </>
            )}
          </Loaded>
        )}
      </Section>
      {restoring === undefined ? null : (
        <Restore
          plant={plant}
          version={restoring}
          newest={newest}
          isChanged={isChanged}
          close={() => setRestoring(undefined)}
          done={(made) => {
            setRestoring(undefined)
            restored(made)
          }}
        />
      )}
    </>
  )
}

function Restore({
  plant,
  version,
  newest,
  isChanged,
  close,
  done,
}: {
  readonly plant: string
  readonly version: number
  readonly newest: number
  readonly isChanged: boolean
  readonly close: () => void
  readonly done: (version: number) => void
}) {
  const [message, setMessage] = useState(`Restore version ${version}`)
  const queries = useQueryClient()
  const restore = useMutation({
    mutationFn: () =>
      ask(
        'Restoring',
        api.POST('/api/v1/plants/{plant}/versions/{version}/restore', {
          params: { path: { plant, version } },
          body: { base: newest, message: message.trim() },
        }),
      ),
    onSuccess: (made) => {
      void queries.invalidateQueries({
        predicate: ({ queryKey: [first] }) => ['plants', 'versions', 'topology', 'devices'].includes(String(first)),
      })
      done(made.version)
    },
  })
  return (
    <Modal opened onClose={close} title={`Restore version ${version}`} closeButtonProps={{ 'aria-label': 'Close' }}>
      <p>
        Its text becomes version {newest + 1}. Every version in between stays in the list, and no device is touched.
      </p>
      {isChanged ? (
        <Remark tone="warn">
          You have unsaved changes. They stay a draft on version {newest}: save or export them first.
        </Remark>
      ) : null}
      <TextInput
        mt="md"
        size="sm"
        label="Message"
        data-autofocus
        maxLength={500}
        value={message}
        onChange={({ currentTarget }) => setMessage(currentTarget.value)}
      />
      {restore.error === null ? null : (
        <div style={{ marginTop: 12 }}>
          <Failure cause={restore.error} retry={() => restore.mutate()} />
        </div>
      )}
      <Group mt="md" gap="sm" justify="flex-end">
        <Button variant="default" onClick={close}>
          Cancel
        </Button>
        <Button
          loading={restore.isPending}
          disabled={message.trim() === '' || isChanged}
          onClick={() => restore.mutate()}
        >
          Restore
        </Button>
      </Group>
    </Modal>
  )
}

function numberOf(text: string | undefined): number | undefined {
  const value = Number(text)
  return Number.isSafeInteger(value) && value > 0 ? value : undefined
}
