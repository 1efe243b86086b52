import { SegmentedControl, useMantineColorScheme } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { PageBody } from '../../components/page.tsx'
import { Facts, Section } from '../../components/section.tsx'
import { api, ask } from '../../api.ts'
import { Factors } from './factors.tsx'
import { Password } from './password.tsx'
import { Sessions } from './sessions.tsx'
import { Tokens } from './tokens.tsx'

const schemes = ['light', 'dark', 'auto'] as const

/** One's own account. */
export function Page() {
  const session = useQuery({
    queryKey: ['account', 'me'],
    queryFn: ({ signal }) => ask('Reading who is signed in', api.GET('/api/v1/session', { signal })),
  })
  const { colorScheme, setColorScheme } = useMantineColorScheme()
  const me = session.data
  return (
    <PageBody title="Account" lead="Your password, factors, sessions and tokens. Nobody else sees this page.">
      {me === undefined ? null : (
        <Facts
          facts={[
            ['Name', me.user.name],
            ['In full', me.user.display === '' ? '–' : me.user.display],
            ['Roles', me.roles.join(', ')],
          ]}
        />
      )}
      <Factors />
      <Password />
      <Sessions />
      <Tokens roles={me?.roles ?? []} />
      <Section title="Theme" lead="Kept in this browser.">
        <SegmentedControl
          aria-label="Theme"
          value={colorScheme}
          onChange={(value) => {
            const scheme = schemes.find((word) => word === value)
            if (scheme !== undefined) setColorScheme(scheme)
          }}
          data={[
            { value: 'light', label: 'Light' },
            { value: 'dark', label: 'Dark' },
            { value: 'auto', label: 'As the system' },
          ]}
        />
      </Section>
    </PageBody>
  )
}
