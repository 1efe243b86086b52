import { Skeleton } from '@mantine/core'
import { type ReactNode, useEffect, useState } from 'react'
import { Failure } from './failure.tsx'

/** True after 200 ms: what is quicker needs no skeleton. */
export function useSlow(): boolean {
  const [isSlow, setSlow] = useState(false)
  useEffect(() => {
    const timer = setTimeout(() => setSlow(true), 200)
    return () => clearTimeout(timer)
  }, [])
  return isSlow
}

const places = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j']

/** Grey lines in place of what is being read, once that takes long enough to be noticed. */
export function Loading({ lines = 6 }: { readonly lines?: number }) {
  const isSlow = useSlow()
  return (
    <div role="status" aria-label="Loading">
      {isSlow ? places.slice(0, lines).map((place) => <Skeleton key={place} height={20} mb="sm" />) : null}
    </div>
  )
}

/** What was read, or what stands in its place until then. */
export function Loaded<Data>({
  query,
  lines,
  children,
}: {
  readonly query: {
    readonly data: Data | undefined
    readonly error: Error | null
    readonly refetch: () => unknown
  }
  readonly lines?: number
  readonly children: (data: Data) => ReactNode
}) {
  const { data, error, refetch } = query
  if (data !== undefined) return <>{children(data)}</>
  if (error !== null) return <Failure cause={error} retry={refetch} />
  return <Loading {...(lines === undefined ? {} : { lines })} />
}
