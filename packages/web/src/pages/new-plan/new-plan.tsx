import { Button, Checkbox, Group, MultiSelect, Radio, Stack } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useRouter } from '@tanstack/react-router'
import { useState } from 'react'
import { oneOf } from '../../address/url-state.ts'
import { useUrl } from '../../address/use-url.ts'
import { Failure } from '../../components/failure.tsx'
import { Link, useAddress } from '../../components/link.tsx'
import { PageBody } from '../../components/page.tsx'
import { Remark, Section } from '../../components/section.tsx'
import { Stages } from '../../components/stages.tsx'
import { api, ask } from '../../api.ts'
import { plantQuery, zonesQuery } from '../../data/model.ts'
import { usePlant } from '../../data/plants.ts'
import { usePermits } from '../../data/session.ts'
import { counted } from '../../words/states.ts'
import classes from './new-plan.module.css'
import { changedDevices, parseCompared, type ScopedDevice, scopes } from './scope.ts'

/** Makes a plan: which devices, how ports and connections are treated, how far each zone goes. */
export function Page() {
  const plant = usePlant()
  const [{ scope: wanted, only, zones: inZones, compared: comparedText }] = useUrl()
  const [scope, setScope] = useState(() =>
    only !== undefined ? 'devices' : inZones !== undefined ? 'zones' : oneOf(wanted, scopes),
  )
  const [zones, setZones] = useState<string[]>(inZones?.split(',') ?? [])
  const [devices, setDevices] = useState<string[]>(only?.split(',') ?? [])
  const [closeConnections, setCloseConnections] = useState(true)
  const [closePorts, setClosePorts] = useState<'now' | 'later'>('now')
  const compared = parseCompared(comparedText)
  const summary = useQuery(plantQuery(plant))
  const zoneList = useQuery(zonesQuery(plant))
  const queries = useQueryClient()
  const router = useRouter()
  const permitted = usePermits('plan')
  const planAddress = useAddress({ to: '/plans/ID' })

  const make = useMutation({
    mutationFn: async () => {
      const limits =
        scope === 'zones'
          ? { zones }
          : scope === 'devices'
            ? { only: devices }
            : scope === 'changed'
              ? {
                  only: [
                    ...(await changedNow(plant, summary.data?.deployed?.version ?? null, summary.data?.version ?? 0)),
                  ],
                }
              : {}
      if ('only' in limits && limits.only?.length === 0)
        throw new Error(
          'Nothing has changed since the last deployment, and every device stands as the model wants it. There is nothing to plan.',
        )
      return await ask(
        'Making the plan',
        api.POST('/api/v1/plants/{plant}/plans', {
          params: { path: { plant } },
          body: {
            ...limits,
            closeConnections,
            closePorts,
            ...(Object.keys(compared).length === 0 ? {} : { fingerprints: { ...compared } }),
          },
        }),
      )
    },
    onSuccess: ({ id }) => {
      void queries.invalidateQueries({ queryKey: ['jobs'] })
      router.history.push(planAddress.replace('/plans/ID', `/plans/${encodeURIComponent(id)}`))
    },
  })
  const isReady = scope === 'zones' ? zones.length > 0 : scope === 'devices' ? devices.length > 0 : true
  return (
    <PageBody title="New plan" lead="Reads the devices and says what a deployment would do to each. Changes nothing.">
      <div className={classes['columns']}>
        <Stack gap="lg">
          <Radio.Group label="Which devices" value={scope} onChange={(value) => setScope(oneOf(value, scopes))}>
            <Stack gap="sm" mt="sm">
              <Radio
                value="all"
                label="All"
                description={summary.data === undefined ? undefined : counted(summary.data.devices, 'device')}
              />
              <Radio
                value="changed"
                label="Changed only"
                description={
                  summary.data?.deployed?.version == null
                    ? 'Devices that do not stand as the model wants them.'
                    : `What changed since version ${summary.data.deployed.version} was deployed, and devices with drift.`
                }
              />
              <Radio value="zones" label="Zones" description="All devices of the zones you choose." />
              {scope === 'zones' ? (
                <MultiSelect
                  aria-label="Zones to plan"
                  ml={28}
                  size="sm"
                  searchable
                  placeholder={zones.length === 0 ? 'Choose zones' : ''}
                  data={(zoneList.data?.items ?? []).map(({ name }) => name)}
                  value={zones}
                  onChange={setZones}
                />
              ) : null}
              <Radio value="devices" label="Chosen devices" description="For trying a change on a few first." />
              {scope === 'devices' ? <DeviceChoice plant={plant} value={devices} change={setDevices} /> : null}
            </Stack>
          </Radio.Group>
        </Stack>
        <Stack gap="lg">
          <Radio.Group
            label="Plain ports that the model closes"
            value={closePorts}
            onChange={(value) => setClosePorts(value === 'later' ? 'later' : 'now')}
          >
            <Stack gap="sm" mt="sm">
              <Radio
                value="now"
                label="Close with this deployment"
                description="As its last step on each device, after the secure connections run."
              />
              <Radio
                value="later"
                label="Leave open for now"
                description="Devices that still talk in plain go on. Close them with a later deployment."
              />
            </Stack>
          </Radio.Group>
          <div>
            <Checkbox
              label="Close connections that are now forbidden"
              description="Connections that the new policy forbids, or that must become secure, are closed at once and opened again by their originators. Without this they go on until they end by themselves."
              checked={closeConnections}
              onChange={({ currentTarget }) => setCloseConnections(currentTarget.checked)}
            />
          </div>
          {Object.keys(compared).length === 0 ? null : (
            <Remark tone="info">
              Default certificates that you compared: <strong>{Object.keys(compared).join(', ')}</strong>. The plan
              takes them as proof of who the device is.
            </Remark>
          )}
        </Stack>
      </div>
      <Section title="Stage of each zone" lead="The plan follows these. Change them here before you make it.">
        <Stages plant={plant} />
      </Section>
      {make.error === null ? null : (
        <div style={{ marginTop: 16 }}>
          {make.error.name === 'Error' ? (
            <Remark tone="info">{make.error.message}</Remark>
          ) : (
            <Failure cause={make.error} retry={() => make.mutate()} />
          )}
        </div>
      )}
      <Group gap="sm" mt="lg">
        <Button size="sm" loading={make.isPending} disabled={!isReady || !permitted} onClick={() => make.mutate()}>
          Make the plan
        </Button>
        <Button size="sm" variant="default" component={Link} to="/deployments">
          Cancel
        </Button>
        {permitted ? null : <span>Plans need the role engineer or deployer.</span>}
      </Group>
    </PageBody>
  )
}

/** Devices by name, found by the manager as one types. */
function DeviceChoice({
  plant,
  value,
  change,
}: {
  readonly plant: string
  readonly value: string[]
  readonly change: (value: string[]) => void
}) {
  const [text, setText] = useState('')
  const [search] = useDebouncedValue(text, 250)
  const found = useQuery({
    queryKey: ['devices', 'choice', plant, search],
    queryFn: ({ signal }) =>
      ask(
        'Searching devices',
        api.GET('/api/v1/plants/{plant}/devices', {
          params: { path: { plant }, query: { limit: 50, ...(search === '' ? {} : { search }) } },
          signal,
        }),
      ),
    placeholderData: (before) => before,
    enabled: plant !== '',
  })
  const names = [...new Set([...value, ...(found.data?.items ?? []).map(({ name }) => name)])]
  return (
    <MultiSelect
      aria-label="Devices to plan"
      ml={28}
      size="sm"
      searchable
      searchValue={text}
      onSearchChange={setText}
      placeholder={value.length === 0 ? 'Type a name, address or zone' : ''}
      nothingFoundMessage="No device is called that"
      maxDropdownHeight={280}
      data={names}
      value={value}
      onChange={change}
    />
  )
}

const pageSize = 200

/** Devices that changed since a version was deployed, or do not stand as wanted. */
async function changedNow(plant: string, deployed: number | null, newest: number): Promise<readonly string[]> {
  const path = { plant }
  const devices: ScopedDevice[] = []
  let cursor: string | null = ''
  while (cursor !== null) {
    const query: { limit: number; cursor?: string } = cursor === '' ? { limit: pageSize } : { limit: pageSize, cursor }
    const { items, next }: { items: ScopedDevice[]; next: string | null } = await ask(
      'Reading the devices',
      api.GET('/api/v1/plants/{plant}/devices', { params: { path, query } }),
    )
    devices.push(...items)
    cursor = next
  }
  const changes =
    deployed === null || deployed === newest
      ? []
      : (
          await ask(
            'Comparing the versions',
            api.GET('/api/v1/plants/{plant}/difference', {
              params: { path, query: { from: deployed, to: newest } },
            }),
          )
        ).changes
  return changedDevices(changes, devices)
}
