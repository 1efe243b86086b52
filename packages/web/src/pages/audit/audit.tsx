import { Button, Group, Menu, NativeSelect, TextInput } from '@mantine/core'
import { useInfiniteQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useUrl } from '../../address/use-url.ts'
import { CommitBox } from '../../components/commit-box.tsx'
import { Empty } from '../../components/empty.tsx'
import { Filter } from '../../components/filter.tsx'
import { Loaded } from '../../components/loading.tsx'
import { Older } from '../../components/older.tsx'
import { PageBody } from '../../components/page.tsx'
import { ForThoseWith } from '../../components/permitted.tsx'
import { type AuditFilter, auditQuery, exportPath } from '../../data/audit.ts'
import { usePlant } from '../../data/plants.ts'
import { ChainCheck } from './chain-check.tsx'
import { Entries, outcomeWords } from './entries.tsx'
import { limits, ranges, rangeWords, usualRange } from './range.ts'

const outcomes = ['done', 'refused', 'failed'] as const

/** Who did what. */
export function Page() {
  return (
    <ForThoseWith needs="audit.read" title="Audit">
      <Audit />
    </ForThoseWith>
  )
}

function Audit() {
  const plant = usePlant()
  const [state, change] = useUrl()
  const { actor = '', action = '', subject = '', outcome: wantedOutcome, where = '', entry = '' } = state
  const range = ranges.find((word) => word === state['range']) ?? usualRange
  const outcome = outcomes.find((word) => word === wantedOutcome)
  // Fixed until it is read again: with a now that moves, each look would be another question, and each is an entry.
  const [now, setNow] = useState(() => Date.now())
  const filter: AuditFilter = {
    ...limits(range, now, { from: state['from'], to: state['to'] }),
    ...(actor === '' ? {} : { actor }),
    ...(action === '' ? {} : { action }),
    ...(subject === '' ? {} : { subject }),
    ...(where === 'plant' && plant !== '' ? { plant } : {}),
    ...(outcome === undefined ? {} : { outcome }),
  }
  const query = useInfiniteQuery(auditQuery(filter))
  const isNarrowed = actor !== '' || action !== '' || subject !== '' || outcome !== undefined || where !== ''
  const clear = () =>
    change({
      actor: undefined,
      action: undefined,
      subject: undefined,
      outcome: undefined,
      where: undefined,
      entry: undefined,
    })
  return (
    <PageBody
      title="Audit"
      lead="Who did what, newest first. Entries are chained: none can be changed or taken out unseen. That you read here is an entry too."
      actions={
        <>
          <Button
            variant="default"
            loading={query.isFetching && !query.isFetchingNextPage}
            onClick={() => {
              setNow(Date.now())
              if (range === 'all' || range === 'exact') void query.refetch()
            }}
          >
            Read again
          </Button>
          <Menu position="bottom-end">
            <Menu.Target>
              <Button variant="default">Export</Button>
            </Menu.Target>
            <Menu.Dropdown>
              <Menu.Item component="a" href={exportPath(filter, 'csv')} download>
                CSV
              </Menu.Item>
              <Menu.Item component="a" href={exportPath(filter, 'jsonl')} download>
                JSON lines
              </Menu.Item>
            </Menu.Dropdown>
          </Menu>
        </>
      }
    >
      <ChainCheck />
      <Group gap="sm" mb="sm">
        <Filter
          label="Time"
          value={range}
          choose={(value) =>
            change({
              range: value === usualRange ? undefined : value,
              ...(value === 'exact' ? {} : { from: undefined, to: undefined }),
            })
          }
          choices={ranges.map((value) => ({ value, label: rangeWords[value] }))}
        />
        {range === 'exact'
          ? (['from', 'to'] as const).map((end) => (
              <TextInput
                key={end}
                type="datetime-local"
                aria-label={end === 'from' ? 'From' : 'To'}
                value={state[end] ?? ''}
                onChange={({ currentTarget }) => change({ [end]: currentTarget.value })}
              />
            ))
          : null}
      </Group>
      <Group gap="sm" mb="sm">
        <CommitBox label="Who" value={actor} commit={(text) => change({ actor: text })} />
        <CommitBox
          label="Action"
          placeholder="Action, such as users."
          width="12rem"
          maxLength={64}
          value={action}
          commit={(text) => change({ action: text })}
        />
        <CommitBox
          label="Subject"
          width="14rem"
          maxLength={256}
          value={subject}
          commit={(text) => change({ subject: text })}
        />
        <NativeSelect
          aria-label="Outcome"
          value={outcome ?? ''}
          onChange={({ currentTarget }) => change({ outcome: currentTarget.value })}
          data={[
            { value: '', label: 'Every outcome' },
            ...outcomes.map((value) => ({ value, label: outcomeWords[value].text })),
          ]}
        />
        <NativeSelect
          aria-label="Plant"
          value={where}
          onChange={({ currentTarget }) => change({ where: currentTarget.value })}
          data={[
            { value: '', label: 'Everywhere' },
            { value: 'plant', label: plant === '' ? 'This plant' : `Plant ${plant}` },
          ]}
        />
        {isNarrowed ? (
          <Button variant="default" onClick={clear}>
            Clear
          </Button>
        ) : null}
      </Group>
      <Loaded query={query}>
        {({ pages }) => {
          const entries = pages.flatMap(({ items }) => items)
          return entries.length === 0 ? (
            <Empty title="No entry is like that">
              Names, actions and subjects are compared in full; an action with a dot at its end takes all of a kind:{' '}
              <span className="mono">deployments.</span> Or look further back.
            </Empty>
          ) : (
            <>
              <Entries entries={entries} opened={entry} open={(id) => change({ entry: id })} />
              <Older query={query} label="Show older ones" />
            </>
          )
        }}
      </Loaded>
    </PageBody>
  )
}
