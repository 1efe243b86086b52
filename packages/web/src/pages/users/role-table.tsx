import { useQuery } from '@tanstack/react-query'
import { Icon } from '../../components/icon.tsx'
import { Loaded } from '../../components/loading.tsx'
import { rolesQuery } from '../../data/people.ts'
import { roleLeads } from '../../words/people.ts'
import { permissionWords } from '../../words/permissions.ts'
import classes from './role-table.module.css'

/** Roles and what each permits. */
export function RoleTable() {
  const query = useQuery(rolesQuery)
  return (
    <Loaded query={query}>
      {({ items }) => {
        const permissions = [...new Set(items.flatMap((role) => role.permissions))]
        const rows = Object.entries(permissionWords).flatMap(([name, words]) => {
          const permission = permissions.find((one) => one === name)
          return permission === undefined ? [] : [{ permission, words }]
        })
        return (
          // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
          <section className={classes['frame']} tabIndex={0} aria-label="Roles and what each permits">
            <table className={classes['table']}>
              <thead>
                <tr>
                  <th scope="col">Permits to</th>
                  {items.map(({ name }) => (
                    <th key={name} scope="col" title={roleLeads[name]}>
                      {name}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {rows.map(({ permission, words }) => (
                  <tr key={permission}>
                    <th scope="row" title={permission}>
                      {words}
                    </th>
                    {items.map((role) => (
                      <td key={role.name}>
                        {role.permissions.includes(permission) ? (
                          <>
                            <Icon name="check" size={14} />
                            <span className="visually-hidden">yes</span>
                          </>
                        ) : (
                          <span className="visually-hidden">no</span>
                        )}
                      </td>
                    ))}
                  </tr>
                ))}
              </tbody>
            </table>
          </section>
        )
      }}
    </Loaded>
  )
}
