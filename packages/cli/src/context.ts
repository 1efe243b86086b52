import type { Command } from 'commander'
import type { Output } from './output.ts'
import type { ServerFlags } from './remote/server-flags.ts'
import type { Settings } from './settings.ts'

/** What every command gets besides its own arguments. */
export interface CommandContext {
  readonly output: Output
  /** `CORDON_*` and `cordon.yaml`; a flag of the command wins over both. */
  readonly settings: Settings
  /** Directory of Cordon's own state, absolute (design, section 3). */
  readonly state: string
  /** The whole tree of commands, for completion. */
  readonly program: Command
  /** The manager that does the work, where `--server` names one; without a server this process does it. */
  readonly remote?: ServerFlags
  /** Aborted by Ctrl-C and by SIGTERM: stop, undo what is half done, end. */
  readonly signal: AbortSignal
  /**
   * From now on a signal is how this command ends as it should: what it returns is its exit code, and nobody says that it
   * was cancelled. A signal that came before, and what is thrown, still count as cancelled.
   */
  signalEnds?(): void
}
