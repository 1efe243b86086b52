import '@mantine/spotlight/styles.css'
import { createSpotlight, Spotlight, type SpotlightActionGroupData } from '@mantine/spotlight'
import { useDebouncedValue } from '@mantine/hooks'
import { useQuery } from '@tanstack/react-query'
import { useRouter } from '@tanstack/react-router'
import { useContext, useEffect, useState } from 'react'
import { PlantContext } from '../address/plant-context.ts'
import { searchText } from '../address/url-state.ts'
import { Icon } from '../components/icon.tsx'
import { deviceNamesQuery } from '../data/devices.ts'
import { sessionQuery } from '../data/session.ts'
import { topologyQuery } from '../data/topology.ts'
import { pageRoutes } from './routes.ts'

const [store, box] = createSpotlight()

const mostZones = 8

/** The search over everything: pages, zones and devices. Opens each time `wanted` grows. */
export function Search({ wanted }: { readonly wanted: number }) {
  const [query, setQuery] = useState('')
  const [text] = useDebouncedValue(query.trim(), 120)
  const { plant = '', inAddress } = useContext(PlantContext)
  const router = useRouter()
  const session = useQuery(sessionQuery)
  const devices = useQuery(deviceNamesQuery(plant, text))
  const topology = useQuery(topologyQuery(plant))
  useEffect(() => {
    if (wanted > 0) box.open()
  }, [wanted])

  const go = (path: string, search: Readonly<Record<string, string>> = {}) =>
    router.history.push(`${path}${searchText({ plant: inAddress, ...search })}`)
  const lower = query.trim().toLowerCase()
  const zones = (topology.data?.zones ?? [])
    .filter(({ name }) => name.toLowerCase().includes(lower))
    .slice(0, mostZones)
  const actions: SpotlightActionGroupData[] = [
    {
      group: 'Pages',
      actions: pageRoutes
        .filter(
          ({ group, needs }) =>
            group !== undefined && (needs === undefined || session.data?.permissions.includes(needs)),
        )
        .filter(({ title }) => title.toLowerCase().includes(lower))
        .map(({ path, title, icon = 'overview' }) => ({
          id: path,
          label: title,
          leftSection: <Icon name={icon} />,
          onClick: () => go(path),
        })),
    },
    {
      group: 'Zones',
      actions:
        lower === ''
          ? []
          : zones.map(({ name, devices: count }) => ({
              id: `zone ${name}`,
              label: name,
              description: `${count} ${count === 1 ? 'device' : 'devices'}`,
              leftSection: <Icon name="plant" />,
              onClick: () => go('/plant', { zone: name }),
            })),
    },
    {
      group: 'Devices',
      actions: (lower === '' ? [] : (devices.data?.items ?? [])).map(({ name, address, zone }) => ({
        id: `device ${name}`,
        label: name,
        description: [address, zone === null ? undefined : `zone ${zone}`]
          .filter((part) => part !== undefined && part !== null)
          .join(', '),
        leftSection: <Icon name="device" />,
        onClick: () => go(`/devices/${encodeURIComponent(name)}`),
      })),
    },
  ].filter((group) => group.actions.length > 0)

  /** Devices come later than the letters that they answer to: where nothing is chosen yet, Enter opens the first. */
  const openFirst = (key: string) => {
    const first = actions[0]?.actions[0]
    const list = document.getElementById(store.getState().listId)
    if (key !== 'Enter' || first === undefined || list?.querySelector('[data-selected]') !== null) return
    list.querySelector<HTMLElement>('[data-action]')?.click()
  }

  return (
    <Spotlight
      store={store}
      shortcut={null}
      query={query}
      onQueryChange={setQuery}
      actions={actions}
      // What is shown was chosen here and by the manager.
      filter={(_, all) => all}
      nothingFound={devices.isFetching ? 'Searching …' : 'Nothing has this name. Devices are found by name or address.'}
      scrollable
      maxHeight={420}
      searchProps={{
        placeholder: 'Page, zone, device or address',
        'aria-label': 'Search',
        leftSection: <Icon name="search" />,
        onKeyDown: ({ key }) => openFirst(key),
      }}
    />
  )
}
