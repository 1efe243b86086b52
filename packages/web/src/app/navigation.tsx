import { useLocation } from '@tanstack/react-router'
import { useQuery } from '@tanstack/react-query'
import { Icon } from '../components/icon.tsx'
import { Link } from '../components/link.tsx'
import { sessionQuery } from '../data/session.ts'
import { type PageRoute, pageRoutes } from './routes.ts'
import classes from './navigation.module.css'

/** The pages that whoever is signed in may open, in groups. */
export function Navigation() {
  const { pathname } = useLocation()
  const { data } = useQuery(sessionQuery)
  const offered = pageRoutes.filter(({ needs }) => needs === undefined || data?.permissions.includes(needs))
  const groups = [...new Set(offered.flatMap(({ group }) => group ?? []))]
  return groups.map((group) => (
    <div key={group} className={classes['group']}>
      <p className={classes['name']} aria-hidden="true">
        {group}
      </p>
      <ul className={classes['list']} aria-label={group}>
        {offered
          .filter((page) => page.group === group)
          .map((page) => (
            <li key={page.path}>
              <Link
                to={page.path}
                className={classes['link']}
                aria-current={isWithin(page, pathname) ? 'page' : undefined}
              >
                {page.icon === undefined ? null : <Icon name={page.icon} />}
                {page.title}
              </Link>
            </li>
          ))}
      </ul>
    </div>
  ))
}

function isWithin({ path }: PageRoute, pathname: string): boolean {
  return path === '/' ? pathname === '/' : pathname === path || pathname.startsWith(`${path}/`)
}
