const dayAndTime = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short' })

/** A moment as people here write it, in the time zone of the browser; what is no moment stays as it is. */
export function moment(iso: string): string {
  const date = new Date(iso)
  return Number.isNaN(date.getTime()) ? iso : dayAndTime.format(date)
}

/** How long something took, in the largest fitting unit. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`
  const minutes = Math.floor(ms / 60_000)
  const seconds = Math.floor((ms % 60_000) / 1000)
  if (minutes < 60) return seconds === 0 ? `${minutes} min` : `${minutes} min ${seconds} s`
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

/** How long a job ran or runs; undefined before it starts. */
export function span(from: string | null, to: string | null, now: number): string | undefined {
  if (from === null) return undefined
  const ms = (to === null ? now : Date.parse(to)) - Date.parse(from)
  return Number.isFinite(ms) && ms >= 0 ? duration(ms) : undefined
}
