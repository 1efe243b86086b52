import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  parseSearchWith,
  retainSearchParams,
} from '@tanstack/react-router'
import { searchText, searchValues, type UrlState } from '../address/url-state.ts'
import { pageRoutes } from './routes.ts'
import { NotFound, PageFailure, PageLoading } from './page-states.tsx'
import { Shell } from './shell.tsx'

const root = createRootRoute({
  component: Shell,
  notFoundComponent: NotFound,
  validateSearch: (search: Record<string, unknown>): UrlState => searchValues(search),
  // Whatever is opened stays in the plant that was chosen.
  search: { middlewares: [retainSearchParams(['plant'])] },
})

const pages = pageRoutes.map(({ path, load }) =>
  createRoute({ getParentRoute: () => root, path, component: lazyRouteComponent(load, 'Page') }),
)

/** The router of the application. Everything that a view shows is in its address. */
export const router = createRouter({
  routeTree: root.addChildren(pages),
  defaultPreload: 'intent',
  defaultPendingMs: 200,
  defaultPendingComponent: PageLoading,
  defaultErrorComponent: PageFailure,
  scrollRestoration: true,
  // Plain texts: `zone=12` is the zone "12" and no number.
  parseSearch: parseSearchWith((text) => text),
  stringifySearch: searchText,
})
