import type { deploy } from '@cordon/server/deploy'

/** A deployment run that is made by something asynchronous. */
export function deferred(make: () => Promise<ReturnType<typeof deploy>>): ReturnType<typeof deploy> {
  const made = make()
  const report = made.then((run) => run.report)
  report.catch(() => {})
  return {
    report,
    async *[Symbol.asyncIterator]() {
      yield* await made
    },
  }
}
