import { useNavigate, useSearch } from '@tanstack/react-router'
import { useCallback } from 'react'
import { changed, searchValues, type UrlState } from './url-state.ts'

/**
 * What the address says this view shows, and how to change it. A change replaces the entry of the history unless `push`
 * is set: going back should leave the page, not undo a filter letter by letter.
 */
export function useUrl(): readonly [
  UrlState,
  (change: Readonly<Record<string, string | undefined>>, options?: { readonly push?: boolean }) => void,
] {
  const search = useSearch({ strict: false })
  const navigate = useNavigate()
  const change = useCallback(
    (change: Readonly<Record<string, string | undefined>>, options: { readonly push?: boolean } = {}) => {
      void navigate({
        to: '.',
        search: (before: Readonly<Record<string, unknown>>) => changed(searchValues(before), change),
        replace: options.push !== true,
        resetScroll: false,
      } as never) // every route takes the same texts, which the router's types cannot see of a list of routes
    },
    [navigate],
  )
  return [searchValues(search), change]
}
