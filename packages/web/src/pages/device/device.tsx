import { Tabs } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { oneOf } from '../../address/url-state.ts'
import { useUrl } from '../../address/use-url.ts'
import type { DeviceDetail } from '../../api-types.ts'
import { Link } from '../../components/link.tsx'
import { Loaded } from '../../components/loading.tsx'
import { PageBody } from '../../components/page.tsx'
import { StandingState, State } from '../../components/state.tsx'
import { deviceQuery } from '../../data/devices.ts'
import { usePlant } from '../../data/plants.ts'
import { DeviceConnections } from './device-connections.tsx'
import { DeviceHistory } from './device-history.tsx'
import { DeviceOverview } from './device-overview.tsx'
import { DeviceSecurity } from './device-security.tsx'
import classes from './device.module.css'

const tabs = ['overview', 'connections', 'security', 'history'] as const
const titles = { overview: 'Overview', connections: 'Connections', security: 'Security', history: 'History' } as const

/** One device: who it is, how it stands, with whom it speaks and what happened to it. */
export function Page() {
  const { device = '' } = useParams({ strict: false }) as { readonly device?: string } // the path of this page names it
  const plant = usePlant()
  const query = useQuery(deviceQuery(plant, device))
  return (
    <PageBody title={device} fill lead={query.data === undefined ? undefined : <Lead detail={query.data} />}>
      <Loaded query={query} lines={8}>
        {(detail) => <View detail={detail} />}
      </Loaded>
    </PageBody>
  )
}

function Lead({ detail: { device } }: { readonly detail: DeviceDetail }) {
  return (
    <span className={classes['lead']}>
      <StandingState standing={device.standing} />
      {device.capable ? null : (
        <State tone="none" icon="open">
          No CIP Security
        </State>
      )}
      <span>
        {device.address === null ? `slot ${device.slot ?? '?'} of ${device.chassis ?? 'a chassis'}` : device.address}
      </span>
      {device.zone === null ? (
        <span>in no zone</span>
      ) : (
        <span>
          zone{' '}
          <Link to="/plant" search={{ zone: device.zone, device: device.name }}>
            {device.zone}
          </Link>
        </span>
      )}
    </span>
  )
}

function View({ detail }: { readonly detail: DeviceDetail }) {
  const [url, setUrl] = useUrl()
  const tab = oneOf(url['tab'], tabs)
  return (
    <Tabs
      value={tab}
      onChange={(next) =>
        setUrl({ tab: next === 'overview' || next === null ? undefined : next, sort: undefined }, { push: true })
      }
      className={classes['tabs'] ?? ''}
      keepMounted={false}
    >
      <Tabs.List>
        {tabs.map((one) => (
          <Tabs.Tab key={one} value={one}>
            {titles[one]}
          </Tabs.Tab>
        ))}
      </Tabs.List>
      <Tabs.Panel value="overview" className={classes['panel'] ?? ''}>
        <DeviceOverview detail={detail} />
      </Tabs.Panel>
      <Tabs.Panel value="connections" className={classes['panel'] ?? ''}>
        <DeviceConnections device={detail.device.name} />
      </Tabs.Panel>
      <Tabs.Panel value="security" className={classes['panel'] ?? ''}>
        <DeviceSecurity detail={detail} />
      </Tabs.Panel>
      <Tabs.Panel value="history" className={classes['panel'] ?? ''}>
        <DeviceHistory detail={detail} />
      </Tabs.Panel>
    </Tabs>
  )
}
