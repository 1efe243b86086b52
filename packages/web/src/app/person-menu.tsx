import { Button, Menu } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useRouter } from '@tanstack/react-router'
import { Icon } from '../components/icon.tsx'
import { useAddress } from '../components/link.tsx'
import { sessionQuery, signOut } from '../data/session.ts'

/** Who is signed in, their account, and the way out. */
export function PersonMenu() {
  const { data } = useQuery(sessionQuery)
  const router = useRouter()
  const account = useAddress({ to: '/account' })
  if (data === undefined || data === null) return null
  const name = data.user.display === '' ? data.user.name : data.user.display
  return (
    <Menu position="bottom-end" width={220}>
      <Menu.Target>
        <Button
          variant="subtle"
          color="gray"
          px={6}
          leftSection={<Icon name="account" />}
          aria-label={`Signed in as ${name}`}
        >
          {name}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{data.roles.join(', ')}</Menu.Label>
        <Menu.Item leftSection={<Icon name="account" />} onClick={() => router.history.push(account)}>
          Account
        </Menu.Item>
        <Menu.Item leftSection={<Icon name="leave" />} onClick={() => void signOut()}>
          Sign out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}
