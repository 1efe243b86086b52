import type { Plant } from '@cordon/core/policy'
import { checkAddresses, lockAddresses } from '@cordon/simulator'
import type { CommandContext } from './context.ts'
import { type ExitCode, exitCodes } from './exit-codes.ts'

/** A demonstration: a plant of its own that is brought up, shown, and ended whatever happens. */
export interface Demonstrated<Result extends { readonly verdict: 'pass' | 'fail' }> {
  show(): Promise<Result>
  /** What was shown, for people. */
  text(result: Result): string
  /** Keeps it running until Ctrl-C, or until the plant itself ends. */
  untilEnded(): Promise<void>
  end(): Promise<void>
}

/** Says who holds the addresses before anything is emptied or started. */
export async function addressesAreFree(plant: Plant, command: string): Promise<void> {
  await checkAddresses(plant)
  const lock = await lockAddresses(plant, command)
  await lock[Symbol.asyncDispose]()
}

/** Shows a demonstration and prints what came of it; Ctrl-C is no failure. */
export async function runDemonstration<Result extends { readonly verdict: 'pass' | 'fail' }>(
  { output, signal }: CommandContext,
  demo: Demonstrated<Result>,
  once: boolean,
): Promise<ExitCode> {
  try {
    const result = await demo.show()
    if (output.format === 'table') output.note('')
    output.document(result, () => demo.text(result))
    if (!once) await demo.untilEnded()
    return result.verdict === 'pass' ? exitCodes.ok : exitCodes.error
  } catch (error) {
    if (!signal.aborted) throw error
    output.note('ended')
    return exitCodes.ok
  } finally {
    await demo.end()
  }
}
