import { Button, Checkbox, Group } from '@mantine/core'
import { useInfiniteQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { oneOf } from '../../address/url-state.ts'
import { useUrl } from '../../address/use-url.ts'
import { Confirm, type Wanted } from '../../components/confirm.tsx'
import { Empty } from '../../components/empty.tsx'
import { Filter } from '../../components/filter.tsx'
import { Link } from '../../components/link.tsx'
import { Loaded } from '../../components/loading.tsx'
import { Moment } from '../../components/moment.tsx'
import { Older } from '../../components/older.tsx'
import { PageBody } from '../../components/page.tsx'
import { ForThoseWith, NotOffered } from '../../components/permitted.tsx'
import { type Column, Rows } from '../../components/rows.tsx'
import { SearchBox } from '../../components/search-box.tsx'
import { Remark } from '../../components/section.tsx'
import { Tone } from '../../components/tone.tsx'
import { api, ask } from '../../api.ts'
import type { Shapes } from '../../api-types.ts'
import { usePlant } from '../../data/plants.ts'
import { usePermits } from '../../data/session.ts'
import { enrollmentsQuery } from '../../data/trust.ts'
import { counted, listed } from '../../words/states.ts'
import { alarmWords, enrollmentStates } from '../../words/trust.ts'
import { type Decision, decisionSummary } from './decisions.ts'

type Enrollment = Shapes['Enrollment']

const states = ['pending', 'granted', 'denied', 'expired'] as const
/** Most that the manager decides at once. */
const mostAtOnce = 200

/** Who asked for a certificate, and what became of it. */
export function Page() {
  return (
    <ForThoseWith needs="enrollment.read" title="Enrollment">
      <Queue />
    </ForThoseWith>
  )
}

function Queue() {
  const plant = usePlant()
  const [{ state: wantedState, search = '' }, change] = useUrl()
  const state = oneOf(wantedState, states)
  const canDecide = usePermits('enrollment.decide')
  const [picked, setPicked] = useState<ReadonlySet<number>>(new Set())
  const [wanted, setWanted] = useState<Wanted>()
  const [decision, setDecision] = useState<Decision>()
  const queries = useQueryClient()
  const query = useInfiniteQuery(
    enrollmentsQuery({ state, ...(plant === '' ? {} : { plant }), ...(search === '' ? {} : { search }) }),
  )
  const rows = query.data?.pages.flatMap(({ items }) => items) ?? []
  const canPick = canDecide && state === 'pending'
  // What somebody else decided meanwhile is no longer picked.
  const chosen = canPick ? rows.filter(({ id }) => picked.has(id)).slice(0, mostAtOnce) : []
  const decide = (verdict: 'approve' | 'deny') => {
    const alarmed = chosen.filter(({ alarms }) => alarms.length > 0).length
    setDecision(undefined)
    setWanted({
      title: `${verdict === 'approve' ? 'Approve' : 'Deny'} ${counted(chosen.length, 'request')}`,
      harms: verdict === 'deny',
      words: (
        <>
          <p>
            {listed(chosen.map(nameOf))}.{' '}
            {verdict === 'approve'
              ? 'Each gets its certificate if the other policies of its label agree.'
              : 'They get no certificate, and are refused when they ask again with the same key.'}
          </p>
          {verdict === 'approve' && alarmed > 0 ? (
            <Remark tone="bad">{counted(alarmed, 'request')} with an alarm: look at each before you approve.</Remark>
          ) : null}
        </>
      ),
      reason: 'Kept with each of them for ever, and in the audit.',
      button: verdict === 'approve' ? 'Approve' : 'Deny',
      work: async (reason) => {
        const { items } = await ask(
          'Deciding',
          api.POST('/api/v1/enrollments/decisions', {
            body: { ids: chosen.map(({ id }) => id), decision: verdict, reason },
          }),
        )
        setDecision({ verdict, items })
        setPicked(new Set())
        await queries.invalidateQueries({ queryKey: ['enrollments'] })
      },
    })
  }
  const toggle = (id: number, on: boolean) =>
    setPicked((before) => new Set(on ? [...before, id] : [...before].filter((one) => one !== id)))
  return (
    <PageBody
      title="Enrollment"
      lead="Who asked for a certificate in this plant. What is shown here as waiting gets none until a person says so."
      actions={
        <SearchBox label="Name, address, subject or key" value={search} search={(text) => change({ search: text })} />
      }
    >
      <Group gap="md" mb="sm" justify="space-between">
        <Filter
          label="State"
          value={state}
          choose={(value) => {
            setPicked(new Set())
            change({ state: value === 'pending' ? undefined : value })
          }}
          choices={states.map((value) => ({ value, label: enrollmentStates[value].text }))}
        />
        {canPick && rows.length > 0 ? (
          <Group gap="sm">
            <span aria-live="polite">{chosen.length === 0 ? 'None selected' : `${chosen.length} selected`}</span>
            <Button disabled={chosen.length === 0} onClick={() => decide('approve')}>
              Approve
            </Button>
            <Button variant="default" disabled={chosen.length === 0} onClick={() => decide('deny')}>
              Deny
            </Button>
          </Group>
        ) : null}
      </Group>
      {state === 'pending' && rows.length > 0 ? <NotOffered needs="enrollment.decide" what="approve or deny" /> : null}
      {decision === undefined ? null : <DecisionRemark decision={decision} />}
      <Loaded query={query}>
        {() =>
          rows.length === 0 ? (
            <None state={state} search={search} clear={() => change({ search: undefined })} />
          ) : (
            <>
              <Rows
                label={`${enrollmentStates[state].text} enrollments`}
                least="61rem"
                rows={rows}
                id={({ id }) => String(id)}
                selected={({ id }) => canPick && picked.has(id)}
                columns={[
                  ...(canPick
                    ? [
                        pickColumn(rows, picked, toggle, (on) =>
                          setPicked(new Set(on ? rows.slice(0, mostAtOnce).map(({ id }) => id) : [])),
                        ),
                      ]
                    : []),
                  ...columns,
                ]}
              />
              <Older query={query} />
            </>
          )
        }
      </Loaded>
      <Confirm wanted={wanted} close={() => setWanted(undefined)} />
    </PageBody>
  )
}

const nameOf = ({ device, subject, requester, id }: Enrollment): string =>
  device ?? (subject || requester || `request ${id}`)

const columns: readonly Column<Enrollment>[] = [
  {
    key: 'who',
    head: 'Who asks',
    width: 'minmax(9rem, 1fr)',
    cell: (row) => <Link to={`/enrollment/${row.id}`}>{nameOf(row)}</Link>,
  },
  { key: 'zone', head: 'Zone', width: 'minmax(5rem, 0.5fr)', cell: ({ zone }) => zone ?? '–' },
  { key: 'address', head: 'From', width: '8.5rem', cell: ({ address }) => <span className="mono">{address}</span> },
  { key: 'label', head: 'Label', width: '6rem', cell: ({ label }) => (label === '' ? '–' : label) },
  {
    key: 'state',
    head: 'State',
    width: '8.5rem',
    cell: ({ alarms, state }) =>
      alarms.length > 0 ? (
        <span title={alarms.map((kind) => alarmWords[kind] ?? kind).join(' ')}>
          <Tone tone="bad" text={`Alarm: ${alarms.join(', ')}`} />
        </span>
      ) : (
        <Tone {...enrollmentStates[state]} />
      ),
  },
  {
    key: 'why',
    head: 'Why',
    width: 'minmax(9rem, 1.4fr)',
    cell: ({ reason }) => (
      <span title={reason} style={{ whiteSpace: 'nowrap' }}>
        {reason}
      </span>
    ),
  },
  { key: 'asked', head: 'Asked', width: '7.5rem', cell: ({ createdAt }) => <Moment at={createdAt} /> },
  { key: 'expires', head: 'Expires', width: '7rem', cell: ({ expiresAt }) => <Moment at={expiresAt} none="–" /> },
]

function pickColumn(
  rows: readonly Enrollment[],
  picked: ReadonlySet<number>,
  toggle: (id: number, on: boolean) => void,
  toggleAll: (on: boolean) => void,
): Column<Enrollment> {
  const count = rows.filter(({ id }) => picked.has(id)).length
  return {
    key: 'pick',
    head: (
      <Checkbox
        size="xs"
        aria-label="Select all that are shown"
        checked={count > 0 && count >= Math.min(rows.length, mostAtOnce)}
        indeterminate={count > 0 && count < Math.min(rows.length, mostAtOnce)}
        onChange={({ currentTarget }) => toggleAll(currentTarget.checked)}
      />
    ),
    width: '2.5rem',
    cell: (row) => (
      <Checkbox
        size="xs"
        aria-label={`Select ${nameOf(row)}`}
        checked={picked.has(row.id)}
        onChange={({ currentTarget }) => toggle(row.id, currentTarget.checked)}
      />
    ),
  }
}

function DecisionRemark({ decision }: { readonly decision: Decision }) {
  const { done, refused } = decisionSummary(decision)
  return (
    <div role="status">
      <Remark tone={refused.length > 0 ? 'warn' : 'good'}>
        <p>{done}</p>
        {refused.length === 0 ? null : (
          <ul>
            {refused.map((line) => (
              <li key={line}>{line}</li>
            ))}
          </ul>
        )}
      </Remark>
    </div>
  )
}

function None({
  state,
  search,
  clear,
}: {
  readonly state: Enrollment['state']
  readonly search: string
  readonly clear: () => void
}) {
  if (search !== '')
    return (
      <Empty title={`Nothing like “${search}” is ${enrollmentStates[state].text.toLowerCase()}`}>
        <Button variant="default" onClick={clear}>
          Clear the search
        </Button>
      </Empty>
    )
  if (state === 'pending')
    return (
      <Empty title="Nobody waits">
        Devices ask by EST, or when you <Link to="/discovery">search the network</Link> and adopt what answers. Who is
        let in without a person is written in the enrollment policy of the plant file.
      </Empty>
    )
  return (
    <Empty title={`Nothing is ${enrollmentStates[state].text.toLowerCase()}`}>
      Requests come here once they are {enrollmentStates[state].text.toLowerCase()}.{' '}
      <Link to="/enrollment">See who waits</Link>.
    </Empty>
  )
}
