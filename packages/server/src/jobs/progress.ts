import type { JobProgress } from './job.ts'

/** Writes the newest progress and no more often than it may. */
export interface ProgressWriter {
  /** Takes the newest progress; what it replaces is never written. */
  tell(progress: JobProgress): void
  /** Writes what waits, and no more after that. */
  end(): Promise<void>
}

/** Shortest time from one writing to the next, milliseconds: five in a second. */
export const progressPauseMs = 200

/**
 * A writer of progress over `write`. A progress that cannot be written is left: the next one says more, and whether the
 * job is still ours is told by its claim.
 */
export function progressWriter(
  write: (progress: JobProgress) => Promise<void>,
  pauseMs = progressPauseMs,
): ProgressWriter {
  let waiting: JobProgress | undefined
  let timer: NodeJS.Timeout | undefined
  let writing: Promise<void> = Promise.resolve()
  let isOver = false
  const writeNow = () => {
    const progress = waiting
    waiting = undefined
    if (progress !== undefined) writing = writing.then(() => write(progress)).catch(() => undefined)
  }
  const pause = () => {
    timer = setTimeout(() => {
      timer = undefined
      if (waiting === undefined) return
      writeNow()
      pause()
    }, pauseMs)
  }
  return {
    tell: (progress) => {
      if (isOver) return
      waiting = progress
      if (timer !== undefined) return
      writeNow()
      pause()
    },
    end: async () => {
      isOver = true
      clearTimeout(timer)
      writeNow()
      await writing
    },
  }
}
