import { useEffect, useState, useSyncExternalStore } from 'react'
import { listenToRequests } from '../api.ts'
import { Icon } from '../components/icon.tsx'
import { liveStream } from '../data/live-stream.ts'
import classes from './banner.module.css'

/** How long the stream may be away before it is said: a manager that restarts is back by then. */
const patienceMs = 2_000

/** Says when the database or the event stream is lost, and so what is shown may be old. */
export function Banner() {
  const databaseIsLost = useDatabaseLost()
  const streamIsLost = useStreamLost()
  if (!databaseIsLost && !streamIsLost) return null
  return (
    <div className={classes['banner']} role="alert">
      <Icon name="warning" />
      <span>
        {databaseIsLost
          ? 'The manager cannot reach its database. Nothing that was acknowledged is lost; work resumes when it is back. What you see may be old.'
          : 'Live updates are interrupted. What you see may be old; it is read again as soon as the manager answers.'}
      </span>
    </div>
  )
}

function useDatabaseLost(): boolean {
  const [isLost, setLost] = useState(false)
  useEffect(() => listenToRequests((failure) => setLost(failure?.status === 503)), [])
  return isLost
}

function useStreamLost(): boolean {
  const state = useSyncExternalStore(liveStream.subscribe, liveStream.state)
  const [isLong, setLong] = useState(false)
  useEffect(() => {
    if (state !== 'lost') return setLong(false)
    const timer = setTimeout(() => setLong(true), patienceMs)
    return () => clearTimeout(timer)
  }, [state])
  return isLong
}
