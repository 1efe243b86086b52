import { Autocomplete } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { Topology } from '../../api-types.ts'
import { Icon } from '../../components/icon.tsx'
import { deviceNamesQuery } from '../../data/devices.ts'
import { usePlant } from '../../data/plants.ts'

const zoneMark = 'zone '

/** The search of the map: jumps to a zone, or to a device in its zone. */
export function Jump({
  topology,
  to,
}: {
  readonly topology: Topology
  readonly to: (zone: string, device: string | undefined) => void
}) {
  const plant = usePlant()
  const [value, setValue] = useState('')
  const [text] = useDebouncedValue(value.trim(), 120)
  const { data } = useQuery(deviceNamesQuery(plant, text))
  const lower = text.toLowerCase()
  const zones = lower === '' ? [] : topology.zones.filter(({ name }) => name.toLowerCase().includes(lower)).slice(0, 6)
  const devices = lower === '' ? [] : (data?.items ?? []).filter(({ zone }) => zone !== null)
  return (
    <Autocomplete
      data-search
      aria-label="Find a zone or device on the map"
      placeholder="Find zone or device  ( / )"
      leftSection={<Icon name="search" size={14} />}
      w={240}
      value={value}
      onChange={setValue}
      filter={({ options }) => options}
      data={[
        { group: 'Zones', items: zones.map(({ name }) => ({ value: `${zoneMark}${name}`, label: name })) },
        { group: 'Devices', items: devices.map(({ name }) => ({ value: name, label: name })) },
      ].filter(({ items }) => items.length > 0)}
      onOptionSubmit={(chosen) => {
        setValue('')
        const zone = zones.find(({ name }) => `${zoneMark}${name}` === chosen)
        if (zone !== undefined) return to(zone.name, undefined)
        const device = devices.find(({ name }) => name === chosen)
        if (device?.zone !== undefined && device.zone !== null) to(device.zone, device.name)
      }}
      clearSectionMode="clear"
    />
  )
}
