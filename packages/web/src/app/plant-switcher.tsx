import { Button, Menu } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useUrl } from '../address/use-url.ts'
import { Icon } from '../components/icon.tsx'
import { plantsQuery, usePlant } from '../data/plants.ts'

/** Which plant the pages show. Choosing another drops the filters of the view: they name what that one does not have. */
export function PlantSwitcher() {
  const { data } = useQuery(plantsQuery)
  const plant = usePlant()
  const [url, setUrl] = useUrl()
  const plants = data?.items ?? []
  if (plant === '') return null
  const choose = (name: string) =>
    setUrl({ ...Object.fromEntries(Object.keys(url).map((key) => [key, undefined])), plant: name }, { push: true })
  return (
    <Menu position="bottom-start" width={260}>
      <Menu.Target>
        <Button variant="default" rightSection={<Icon name="down" size={12} />} aria-label={`Plant: ${plant}`}>
          {plant}
        </Button>
      </Menu.Target>
      <Menu.Dropdown mah={420} style={{ overflowY: 'auto' }}>
        <Menu.Label>Plants</Menu.Label>
        {plants.map(({ name, devices, zones }) => (
          <Menu.Item
            key={name}
            aria-current={name === plant ? 'true' : undefined}
            rightSection={name === plant ? <Icon name="check" /> : null}
            onClick={() => choose(name)}
          >
            {name}
            <br />
            <span style={{ color: 'var(--mantine-color-dimmed)', fontSize: 'var(--mantine-font-size-xs)' }}>
              {devices.toLocaleString()} devices in {zones.toLocaleString()} zones
            </span>
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  )
}
