import { Outlet, useLocation, useNavigate } from '@tanstack/react-router'
import { ActionIcon, Drawer } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { lazy, Suspense, useEffect, useMemo, useState } from 'react'
import { PlantContext } from '../address/plant-context.ts'
import { useUrl } from '../address/use-url.ts'
import { listenToRequests } from '../api.ts'
import { Failure } from '../components/failure.tsx'
import { Icon } from '../components/icon.tsx'
import { Link } from '../components/link.tsx'
import { Loading } from '../components/loading.tsx'
import { liveStream } from '../data/live-stream.ts'
import { plantsQuery } from '../data/plants.ts'
import { sessionQuery, welcomeQuery } from '../data/session.ts'
import { Banner } from './banner.tsx'
import { ColorSchemeMenu } from './color-scheme-menu.tsx'
import { EnrollmentBell } from './enrollment-bell.tsx'
import { Navigation } from './navigation.tsx'
import { PersonMenu } from './person-menu.tsx'
import { PlantSwitcher } from './plant-switcher.tsx'
import { pageRoutes } from './routes.ts'
import { ShortcutHelp } from './shortcut-help.tsx'
import { useShortcuts } from './shortcuts.ts'
import classes from './shell.module.css'

const Search = lazy(async () => ({ default: (await import('./search.tsx')).Search }))

/** What stands around every page. Who is not signed in is sent to the sign-in page. */
export function Shell() {
  const { pathname } = useLocation()
  const isBare = pageRoutes.some(({ path, bare }) => bare === true && path === pathname)
  return isBare ? (
    <main className={classes['bare']}>
      <Outlet />
    </main>
  ) : (
    <SignedIn />
  )
}

function SignedIn() {
  const session = useQuery(sessionQuery)
  const queries = useQueryClient()
  const navigate = useNavigate()
  const { href } = useLocation()
  const isOut = session.data === null
  const isIn = session.data !== undefined && !isOut

  useEffect(
    () =>
      listenToRequests((failure) => {
        if (failure?.status === 401) queries.setQueryData(sessionQuery.queryKey, null)
      }),
    [queries],
  )
  useEffect(() => {
    if (!isOut) return
    // Every route takes the same texts, which the router's types cannot see of a list of routes.
    void navigate({ to: '/sign-in', search: { to: href }, replace: true } as never)
  }, [isOut, href, navigate])
  useEffect(() => {
    if (!isIn) return
    liveStream.open()
    return () => liveStream.close()
  }, [isIn])

  if (session.data === undefined && session.error === null)
    return (
      <main className={classes['bare']}>
        <Loading />
      </main>
    )
  if (session.error !== null && session.data === undefined)
    return (
      <main className={classes['bare']}>
        <Failure cause={session.error} retry={session.refetch} />
      </main>
    )
  return isOut ? null : <Frame />
}

function Frame() {
  // The path at which it was opened: following a link closes it.
  const [menuAt, setMenuAt] = useState<string | undefined>()
  const [helpIsOpen, setHelpOpen] = useState(false)
  const [searchWanted, setSearchWanted] = useState(0)
  const { pathname } = useLocation()
  const welcome = useQuery(welcomeQuery)
  const choice = usePlantChoice()
  useShortcuts({ help: () => setHelpOpen(true), search: () => setSearchWanted((times) => times + 1) })
  const menuIsOpen = menuAt === pathname
  const notice = welcome.data?.notice ?? ''

  return (
    <PlantContext value={choice}>
      <a className={classes['skip']} href="#main">
        Skip to the content
      </a>
      <div className={classes['frame']}>
        <header className={classes['header']}>
          <ActionIcon
            className={classes['burger'] ?? ''}
            aria-label="Navigation"
            aria-expanded={menuIsOpen}
            onClick={() => setMenuAt(pathname)}
          >
            <Icon name="menu" />
          </ActionIcon>
          <Link to="/" className={classes['brand']}>
            <Mark />
            <span>Cordon</span>
          </Link>
          <PlantSwitcher />
          <button type="button" className={classes['search']} onClick={() => setSearchWanted((times) => times + 1)}>
            <Icon name="search" size={14} />
            <span className={classes['searchWords']}>Search pages, zones, devices</span>
            <kbd>{isApple ? '⌘' : 'Ctrl'} K</kbd>
          </button>
          <span className={classes['gap']} />
          <EnrollmentBell />
          <ColorSchemeMenu />
          <ActionIcon aria-label="Keyboard shortcuts" title="Keyboard shortcuts (?)" onClick={() => setHelpOpen(true)}>
            <Icon name="help" />
          </ActionIcon>
          <PersonMenu />
        </header>
        <nav className={classes['nav']} aria-label="Pages">
          <Navigation />
        </nav>
        <div className={classes['content']}>
          <Banner />
          {/* A region that scrolls must be reachable by keyboard. */}
          <main id="main" className={classes['main']} tabIndex={-1}>
            <Outlet />
          </main>
          {notice === '' ? null : <footer className={classes['notice']}>{notice}</footer>}
        </div>
      </div>
      {/* In parts: the name belongs to the dialog, and the library would give it to the element around it. */}
      <Drawer.Root opened={menuIsOpen} onClose={() => setMenuAt(undefined)} size={240} padding="sm">
        <Drawer.Overlay />
        <Drawer.Content aria-label="Navigation">
          <Drawer.Body>
            <nav aria-label="Pages">
              <Navigation />
            </nav>
          </Drawer.Body>
        </Drawer.Content>
      </Drawer.Root>
      <ShortcutHelp isOpen={helpIsOpen} close={() => setHelpOpen(false)} />
      <Suspense fallback={null}>{searchWanted > 0 ? <Search wanted={searchWanted} /> : null}</Suspense>
    </PlantContext>
  )
}

const isApple = /Mac|iPhone|iPad/.test(navigator.userAgent)

function Mark() {
  return (
    <svg width="20" height="20" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="7" fill="#0b6178" />
      <path
        d="M16 5.5 25 9v7.2c0 5-3.7 8.6-9 10.3-5.3-1.7-9-5.3-9-10.3V9z"
        fill="none"
        stroke="#fff"
        strokeWidth="2.4"
        strokeLinejoin="round"
      />
      <circle cx="16" cy="15.5" r="3" fill="#fff" />
    </svg>
  )
}

/** The plant of the address, else the first one. */
function usePlantChoice() {
  const [{ plant: inAddress }] = useUrl()
  const { data } = useQuery(plantsQuery)
  const first = data?.items[0]?.name
  return useMemo(() => ({ plant: inAddress ?? first, inAddress }), [inAddress, first])
}
