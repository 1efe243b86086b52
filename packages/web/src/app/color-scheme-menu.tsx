import { ActionIcon, type MantineColorScheme, Menu, useMantineColorScheme } from '@mantine/core'
import { Icon, type IconName } from '../components/icon.tsx'

const schemes: readonly { readonly scheme: MantineColorScheme; readonly name: string; readonly icon: IconName }[] = [
  { scheme: 'light', name: 'Light', icon: 'sun' },
  { scheme: 'dark', name: 'Dark', icon: 'moon' },
  { scheme: 'auto', name: 'As the system', icon: 'system' },
]

/** Light, dark or as the system. */
export function ColorSchemeMenu() {
  const { colorScheme, setColorScheme } = useMantineColorScheme()
  const chosen = schemes.find(({ scheme }) => scheme === colorScheme)
  return (
    <Menu position="bottom-end" width={180}>
      <Menu.Target>
        <ActionIcon aria-label={`Appearance: ${chosen?.name ?? 'As the system'}`}>
          <Icon name={chosen?.icon ?? 'system'} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {schemes.map(({ scheme, name, icon }) => (
          <Menu.Item
            key={scheme}
            leftSection={<Icon name={icon} />}
            rightSection={scheme === colorScheme ? <Icon name="check" /> : null}
            aria-current={scheme === colorScheme ? 'true' : undefined}
            onClick={() => setColorScheme(scheme)}
          >
            {name}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  )
}
