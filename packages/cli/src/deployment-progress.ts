import type { DeploymentEvent } from '@cordon/core/deployment'
import { bar, type ProgressStep } from './progress.ts'
import type { DeploymentRun, StoredReport } from '@cordon/server/deploy'

/** A running deployment as a step of progress: phase by phase, device by device. */
export function deploymentStep(
  title: string,
  start: () => DeploymentRun,
  done: (report: StoredReport) => void,
): ProgressStep {
  return {
    title,
    run: async (show, rename) => {
      const deployment = start()
      const counter = new Counter()
      // For programs that follow along: one line for each step of each device, as it begins.
      const trace = (process.env['CORDON_TRACE_STEPS'] ?? '') !== ''
      for await (const event of deployment) {
        if (trace && event.kind === 'step' && event.state === 'begin')
          process.stderr.write(`step ${event.step} ${event.device}\n`)
        const line = counter.take(event)
        if (line !== undefined) show(line)
      }
      const report = await deployment.report
      const complete = report.devices.filter(({ outcome }) => outcome !== 'not-complete').length
      rename(`${title}: ${complete} of ${report.devices.length} devices complete`)
      done(report)
    },
  }
}

/** Steps after which a device counts as through a phase. */
const lastStepOf: Readonly<Record<string, readonly string[]>> = {
  certificates: ['certificate'],
  identities: ['overlap-rules', 'read-back'],
  'final rules': ['final-rules'],
  'plain ports': ['ports'],
}

class Counter {
  #phase = ''
  #total = 0
  readonly #through = new Set<string>()
  #last = ''

  take(event: DeploymentEvent): string | undefined {
    if (event.kind === 'phase') {
      this.#phase = event.phase
      this.#total = event.devices
      this.#through.clear()
    } else if (event.kind === 'step') {
      if (event.state === 'done' && lastStepOf[this.#phase]?.includes(event.step) === true)
        this.#through.add(event.device)
      this.#last = `${event.device}: ${event.step}`
    } else if (event.kind === 'connection') {
      const { connection, moved, gapMs } = event
      if (!moved) return `${connection} did not move`
      return gapMs === undefined
        ? `${connection} runs again`
        : `${connection} moved, data interrupted for ${Math.round(gapMs)} ms`
    } else return undefined
    return `${this.#phase} ${bar(this.#through.size, this.#total)}  ${this.#last}`
  }
}
