import { useSyncExternalStore } from 'react'
import { absoluteText, relativeText } from './moment-text.ts'

const everyMs = 30_000
const listeners = new Set<() => void>()
let now = Date.now()
let timer: ReturnType<typeof setInterval> | undefined

/** One clock for all times of the page. */
function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  timer ??= setInterval(() => {
    now = Date.now()
    for (const one of listeners) one()
  }, everyMs)
  return () => {
    listeners.delete(listener)
    if (listeners.size > 0) return
    clearInterval(timer)
    timer = undefined
  }
}

/** A time relative to now; the exact one, in the zone of whoever looks, is its title. */
export function Moment({ at, none = 'never' }: { readonly at: string | null | undefined; readonly none?: string }) {
  const current = useSyncExternalStore(subscribe, () => now)
  if (at === null || at === undefined) return <span style={{ color: 'var(--mantine-color-dimmed)' }}>{none}</span>
  const time = Date.parse(at)
  if (Number.isNaN(time)) return <span>{at}</span>
  return (
    <time dateTime={at} title={absoluteText(time)} style={{ whiteSpace: 'nowrap' }}>
      {relativeText(time, current)}
    </time>
  )
}
