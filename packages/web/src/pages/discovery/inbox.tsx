import { Button, Checkbox, Group, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { oneOf } from '../../address/url-state.ts'
import { useUrl } from '../../address/use-url.ts'
import { Empty } from '../../components/empty.tsx'
import { Failure } from '../../components/failure.tsx'
import { Filter } from '../../components/filter.tsx'
import { Link } from '../../components/link.tsx'
import { Loaded } from '../../components/loading.tsx'
import { Moment } from '../../components/moment.tsx'
import { Rows } from '../../components/rows.tsx'
import { Remark } from '../../components/section.tsx'
import { Tone } from '../../components/tone.tsx'
import { api, ask } from '../../api.ts'
import type { Shapes } from '../../api-types.ts'
import { discoveredQuery } from '../../data/model.ts'
import { usePermits } from '../../data/session.ts'
import { counted } from '../../words/states.ts'
import { AdoptDialog } from './adopt-dialog.tsx'
import { byAddress } from './targets.ts'

type Found = Shapes['Discovered']
const states = ['new', 'adopted', 'ignored'] as const
/** Most devices that the manager adopts at once. */
const mostAtOnce = 1000

/** What answered: who it is, how it is secured, and whether it belongs to the plant. */
export function Inbox({ plant }: { readonly plant: string }) {
  const [{ state: wanted, text = '' }, change] = useUrl()
  const state = oneOf(wanted, states)
  const query = useQuery(discoveredQuery(plant))
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set())
  const [adopting, setAdopting] = useState<readonly Found[]>()
  const [adopted, setAdopted] = useState<number>()
  const queries = useQueryClient()
  const permitted = usePermits('plant.write')
  const ignore = useMutation({
    mutationFn: (wish: { readonly addresses: readonly string[]; readonly ignore: boolean }) =>
      ask(
        wish.ignore ? 'Hiding' : 'Showing again',
        api.POST('/api/v1/plants/{plant}/discovered/ignore', {
          params: { path: { plant } },
          body: { addresses: [...wish.addresses], ignore: wish.ignore },
        }),
      ),
    onSuccess: () => {
      setChosen(new Set())
      void queries.invalidateQueries({ queryKey: ['discovery'] })
    },
  })
  return (
    <Loaded query={query}>
      {({ items }) => {
        const find = text.trim().toLowerCase()
        const rows = items
          .filter(
            (row) =>
              row.state === state &&
              (find === '' ||
                row.address.includes(find) ||
                (row.identity?.productName ?? '').toLowerCase().includes(find) ||
                (row.device ?? '').toLowerCase().includes(find)),
          )
          .sort((a, b) => byAddress(a.address, b.address))
        const picked = rows.filter(({ address }) => chosen.has(address)).slice(0, mostAtOnce)
        return (
          <>
            <Group gap="sm" mb={8}>
              <Filter
                label="State"
                value={state}
                choose={(value) => {
                  setChosen(new Set())
                  change({ state: value })
                }}
                choices={[
                  { value: 'new', label: 'New', count: items.filter((row) => row.state === 'new').length },
                  {
                    value: 'adopted',
                    label: 'In the plant',
                    count: items.filter((row) => row.state === 'adopted').length,
                  },
                  { value: 'ignored', label: 'Ignored', count: items.filter((row) => row.state === 'ignored').length },
                ]}
              />
              <TextInput
                aria-label="Find a device"
                placeholder="Address or product"
                value={text}
                onChange={({ currentTarget }) => change({ text: currentTarget.value })}
              />
              <span style={{ flex: 1 }} />
              {state === 'adopted' ? null : (
                <>
                  {picked.length > 0 ? <span>{counted(picked.length, 'device')} chosen</span> : null}
                  <Button
                    variant="default"
                    disabled={!permitted || picked.length === 0}
                    loading={ignore.isPending}
                    onClick={() =>
                      ignore.mutate({ addresses: picked.map(({ address }) => address), ignore: state === 'new' })
                    }
                  >
                    {state === 'new' ? 'Ignore' : 'Show again'}
                  </Button>
                </>
              )}
              {state === 'new' ? (
                <Button disabled={!permitted || picked.length === 0} onClick={() => setAdopting(picked)}>
                  Adopt…
                </Button>
              ) : null}
            </Group>
            {ignore.error === null ? null : <Failure cause={ignore.error} />}
            {adopted === undefined ? null : (
              <Remark tone="good">
                Saved as version {adopted}. Next: <Link to="/plans/new">make a plan</Link>, or look at it in the{' '}
                <Link to="/editor">editor</Link>.
              </Remark>
            )}
            {rows.length === 0 ? (
              <Empty
                title={
                  find !== ''
                    ? 'Nothing like that'
                    : state === 'new'
                      ? 'Nothing new answered'
                      : state === 'adopted'
                        ? 'Nothing adopted yet'
                        : 'Nothing is ignored'
                }
              >
                {state === 'new'
                  ? 'Search the addresses of your devices above. What answers and is not in the plant appears here.'
                  : state === 'adopted'
                    ? 'Choose devices under New and adopt them into a zone.'
                    : 'Ignore what answers but is none of your business; it is hidden here and can be shown again.'}
              </Empty>
            ) : (
              <Rows
                label="Devices that answered"
                least="60rem"
                rows={rows}
                id={({ address }) => address}
                height={36}
                selected={({ address }) => chosen.has(address)}
                columns={[
                  ...(state === 'adopted'
                    ? []
                    : [
                        {
                          key: 'pick',
                          head: (
                            <Checkbox
                              size="xs"
                              aria-label="Choose all"
                              checked={rows.length > 0 && picked.length === Math.min(rows.length, mostAtOnce)}
                              indeterminate={picked.length > 0 && picked.length < rows.length}
                              onChange={({ currentTarget }) =>
                                setChosen(
                                  new Set(
                                    currentTarget.checked
                                      ? rows.slice(0, mostAtOnce).map(({ address }) => address)
                                      : [],
                                  ),
                                )
                              }
                            />
                          ),
                          width: '2.5rem',
                          cell: ({ address }: Found) => (
                            <Checkbox
                              size="xs"
                              aria-label={`Choose ${address}`}
                              checked={chosen.has(address)}
                              onChange={({ currentTarget }) => {
                                const next = new Set(chosen)
                                if (currentTarget.checked) next.add(address)
                                else next.delete(address)
                                setChosen(next)
                              }}
                            />
                          ),
                        },
                      ]),
                  {
                    key: 'address',
                    head: 'Address',
                    width: '9rem',
                    cell: ({ address }) => <span className="mono">{address}</span>,
                  },
                  {
                    key: 'product',
                    head: 'Product',
                    width: 'minmax(10rem, 1fr)',
                    cell: ({ identity }) => identity?.productName ?? 'Did not say',
                  },
                  {
                    key: 'revision',
                    head: 'Revision',
                    width: '6rem',
                    cell: ({ identity }) => identity?.revision ?? '–',
                  },
                  {
                    key: 'serial',
                    head: 'Serial',
                    width: '7rem',
                    cell: ({ identity }) => (
                      <span className="mono">
                        {identity === null ? '–' : identity.serial.toString(16).padStart(8, '0')}
                      </span>
                    ),
                  },
                  {
                    key: 'security',
                    head: 'CIP Security',
                    width: '14rem',
                    cell: ({ capable, securityState }) =>
                      capable ? (
                        <Tone tone="good" text={securityState === null ? 'Can' : `Can, ${securityState}`} />
                      ) : (
                        <Tone tone="warn" text="Cannot: plain only" />
                      ),
                  },
                  ...(state === 'adopted'
                    ? [
                        {
                          key: 'device',
                          head: 'In the plant as',
                          width: 'minmax(9rem, 0.8fr)',
                          cell: ({ device }: Found) =>
                            device === null ? '–' : <Link to={`/devices/${encodeURIComponent(device)}`}>{device}</Link>,
                        },
                      ]
                    : []),
                  { key: 'seen', head: 'Last seen', width: '11rem', cell: ({ lastSeen }) => <Moment at={lastSeen} /> },
                ]}
              />
            )}
            {adopting === undefined ? null : (
              <AdoptDialog
                plant={plant}
                found={adopting}
                close={() => setAdopting(undefined)}
                done={(version) => {
                  setAdopting(undefined)
                  setChosen(new Set())
                  setAdopted(version)
                }}
              />
            )}
          </>
        )
      }}
    </Loaded>
  )
}
