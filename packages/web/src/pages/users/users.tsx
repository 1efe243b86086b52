import { PageBody } from '../../components/page.tsx'
import { PageTabs } from '../../components/page-tabs.tsx'
import { ForThoseWith } from '../../components/permitted.tsx'
import { Providers } from './providers.tsx'
import { RoleTable } from './role-table.tsx'
import { AllTokens } from './tokens.tsx'
import { UserList } from './user-list.tsx'

/** People, what they may do, and how they sign in. */
export function Page() {
  return (
    <ForThoseWith needs="user.read" title="Users">
      <PageBody title="Users" lead="Who may do what, and how they sign in.">
        <PageTabs
          label="Users"
          parts={[
            { value: '', label: 'Users', body: <UserList /> },
            { value: 'roles', label: 'Roles', body: <RoleTable /> },
            { value: 'providers', label: 'Identity providers', body: <Providers /> },
            { value: 'tokens', label: 'API tokens', body: <AllTokens /> },
          ]}
        />
      </PageBody>
    </ForThoseWith>
  )
}
