import { Checkbox, Stack } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Loaded } from '../../components/loading.tsx'
import type { Shapes } from '../../api-types.ts'
import { rolesQuery } from '../../data/people.ts'
import { roleLeads } from '../../words/people.ts'

type Role = Shapes['User']['roles'][number]

/** Which roles somebody has. */
export function RoleChoice({
  chosen,
  choose,
  label = 'Roles',
}: {
  readonly chosen: readonly Role[]
  readonly choose: (roles: readonly Role[]) => void
  readonly label?: string
}) {
  const query = useQuery(rolesQuery)
  return (
    <Loaded query={query} lines={3}>
      {({ items }) => (
        <Checkbox.Group
          label={label}
          description="Rights add up. Give no more than is needed."
          value={[...chosen]}
          onChange={(values) => choose(items.map(({ name }) => name).filter((name) => values.includes(name)))}
        >
          <Stack gap="sm" mt="sm">
            {items.map(({ name }) => (
              <Checkbox key={name} size="sm" value={name} label={name} description={roleLeads[name]} />
            ))}
          </Stack>
        </Checkbox.Group>
      )}
    </Loaded>
  )
}
