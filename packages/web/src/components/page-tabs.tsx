import { Tabs } from '@mantine/core'
import type { ReactNode } from 'react'
import { useUrl } from '../address/use-url.ts'

/** A part of a page that has its own address. */
export interface TabPart {
  /** What the address says; empty for the first one. */
  readonly value: string
  readonly label: string
  readonly body: ReactNode
}

/** Parts of a page of which one is shown, as `tab` of the address says. Leaving one drops its filters. */
export function PageTabs({ label, parts }: { readonly label: string; readonly parts: readonly TabPart[] }) {
  const [state, change] = useUrl()
  const shown = parts.find(({ value }) => value === (state['tab'] ?? '')) ?? parts[0]
  const open = (value: string | null) => {
    const gone = Object.fromEntries(
      Object.keys(state)
        .filter((name) => name !== 'plant')
        .map((name) => [name, undefined]),
    )
    change({ ...gone, tab: value === 'first' ? undefined : (value ?? undefined) }, { push: true })
  }
  return (
    <Tabs value={shown?.value === '' ? 'first' : (shown?.value ?? null)} onChange={open} keepMounted={false}>
      <Tabs.List aria-label={label} mb="md">
        {parts.map((part) => (
          <Tabs.Tab key={part.value} value={part.value === '' ? 'first' : part.value}>
            {part.label}
          </Tabs.Tab>
        ))}
      </Tabs.List>
      {parts.map((part) => (
        <Tabs.Panel key={part.value} value={part.value === '' ? 'first' : part.value}>
          {part.body}
        </Tabs.Panel>
      ))}
    </Tabs>
  )
}
