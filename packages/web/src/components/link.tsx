import { useRouter } from '@tanstack/react-router'
import { type AnchorHTMLAttributes, type MouseEvent, type ReactNode, type Ref, useContext } from 'react'
import { PlantContext } from '../address/plant-context.ts'
import { searchText } from '../address/url-state.ts'

/** Where a link leads. */
export interface Target {
  /** A path of the application. */
  readonly to: string
  readonly search?: Readonly<Record<string, string | undefined>>
}

/** A link within the application. It keeps the chosen plant. */
export function Link({
  to,
  search,
  children,
  ...rest
}: Target &
  AnchorHTMLAttributes<HTMLAnchorElement> & { readonly children?: ReactNode; readonly ref?: Ref<HTMLAnchorElement> }) {
  const router = useRouter()
  const address = useAddress({ to, ...(search === undefined ? {} : { search }) })
  const follow = (event: MouseEvent<HTMLAnchorElement>) => {
    rest.onClick?.(event)
    if (
      event.defaultPrevented ||
      event.button !== 0 ||
      event.metaKey ||
      event.ctrlKey ||
      event.shiftKey ||
      event.altKey
    )
      return
    event.preventDefault()
    router.history.push(address)
  }
  return (
    <a {...rest} href={address} onClick={follow}>
      {children}
    </a>
  )
}

/** The address of a view in the chosen plant. */
export function useAddress({ to, search = {} }: Target): string {
  const { inAddress } = useContext(PlantContext)
  return `${to}${searchText({ plant: inAddress, ...search })}`
}
