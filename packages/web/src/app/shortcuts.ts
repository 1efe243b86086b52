import { useRouter } from '@tanstack/react-router'
import { useEffect, useRef } from 'react'
import { useUrl } from '../address/use-url.ts'
import { searchText } from '../address/url-state.ts'
import { pageRoutes } from './routes.ts'

/** How long after `g` its second key counts. */
const pairMs = 1_200

/** The shortcuts that work on every page. */
export function useShortcuts(does: { readonly help: () => void; readonly search: () => void }): void {
  const router = useRouter()
  const [{ plant }] = useUrl()
  const latest = useRef({ ...does, plant })
  latest.current = { ...does, plant }
  useEffect(() => {
    let goAt = 0
    const onKey = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === 'k') {
        event.preventDefault()
        return latest.current.search()
      }
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return
      const isSecond = event.timeStamp - goAt < pairMs
      goAt = 0
      if (isSecond) {
        const page = pageRoutes.find(({ key }) => key === event.key)
        if (page === undefined) return
        event.preventDefault()
        return router.history.push(`${page.path}${searchText({ plant: latest.current.plant })}`)
      }
      if (event.key === 'g') goAt = event.timeStamp
      if (event.key === '?') {
        event.preventDefault()
        latest.current.help()
      }
      if (event.key === '/') {
        event.preventDefault()
        const field = document.querySelector<HTMLElement>('main [data-search]')
        if (field === null) latest.current.search()
        else field.focus()
      }
    }
    document.addEventListener('keydown', onKey)
    return () => document.removeEventListener('keydown', onKey)
  }, [router])
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || target.closest('input, textarea, select, [role="textbox"]') !== null)
  )
}
