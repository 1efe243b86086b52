import type { Clock } from '@cordon/core/deployment'

/** The machine's time, as deployments take it. */
export const systemClock: Clock = {
  now: () => performance.now(),
  date: () => Date.now(),
  wait: (ms, cut) =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      const end = () => {
        clearTimeout(timer)
        resolve()
      }
      cut?.then(end, end)
    }),
}
