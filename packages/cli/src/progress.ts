import { Listr, ListrLogger, ProcessOutput } from 'listr2'
import type { Output } from './output.ts'

/** One step of something that takes longer than a second. */
export interface ProgressStep {
  readonly title: string
  /** Does the step; `show` replaces the line under the title, `rename` the title itself. */
  readonly run: (show: (text: string) => void, rename: (title: string) => void) => Promise<void>
}

/**
 * Runs steps one after the other with progress on standard error: redrawn on a terminal, a line per step elsewhere.
 * The first failure ends it and is thrown.
 */
export async function withProgress(output: Output, steps: readonly ProgressStep[]): Promise<void> {
  const tasks = steps.map((step) => ({
    title: step.title,
    task: async (_: unknown, task: { output: string; title: string }): Promise<void> => {
      let last = 0
      await step.run(
        (text) => {
          // Without a terminal every update is a line of its own: one a second is enough.
          const now = performance.now()
          if (!output.interactive && now - last < 1000) return
          last = now
          task.output = text
        },
        (title) => {
          task.title = title
        },
      )
    },
  }))
  const logger = new ListrLogger({ processOutput: new ProcessOutput(process.stderr, process.stderr) })
  if (output.interactive)
    await new Listr(tasks, { renderer: 'default', rendererOptions: { logger }, registerSignalListeners: false }).run()
  else await new Listr(tasks, { renderer: 'simple', rendererOptions: { logger }, registerSignalListeners: false }).run()
}

/** `[######......]  12/64`: how far a counted work is; 20 signs wide. */
export function bar(done: number, total: number): string {
  const filled = total === 0 ? 20 : Math.round((Math.min(done, total) / total) * 20)
  return `[${'#'.repeat(filled)}${'.'.repeat(20 - filled)}]  ${done}/${total}`
}
