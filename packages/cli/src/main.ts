import { resolve } from 'node:path'
import { UsageError } from '@cordon/core/errors'
import { stateDirectory } from '@cordon/node/files'
import { type Command, CommanderError } from 'commander'
import type { CommandContext } from './context.ts'
import { exitCodes } from './exit-codes.ts'
import type { OutputFormat } from './output.ts'
import { printable } from './printable.ts'
import { problemOf } from './problem.ts'
import type { Run } from './program/declare.ts'
import { createProgram } from './program.ts'
import type { ServerFlags } from './remote/server-flags.ts'
import type { Settings } from './settings.ts'
import { versionText } from './version.ts'

/** Runs the command line `argv` (without interpreter and script) and returns the exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  let exitCode: number = exitCodes.ok
  let ended: NodeJS.Signals | undefined
  let isNormalEnd = false
  // It may come after everything else is done, so it is heard until the process ends.
  if (!process.stdout.listeners('error').includes(onOutputError)) process.stdout.on('error', onOutputError)
  const program = createProgram(async ({ here, there }, options, args) => {
    // Loaded here, so that help and refused command lines need not wait for tables and YAML.
    const { createOutput } = await import('./output.ts')
    const { readSettings } = await import('./settings.ts')
    const settings = readSettings(process.env)
    const abort = new AbortController()
    const stop = (signal: NodeJS.Signals = 'SIGINT'): void => {
      // A second Ctrl-C means now.
      if (abort.signal.aborted) process.exit(signalExit[signal === 'SIGTERM' ? 'SIGTERM' : 'SIGINT'])
      ended = signal
      abort.abort()
    }
    process.on('SIGINT', stop)
    process.on('SIGTERM', stop)
    try {
      // One switch for everything that paints: our tables, the progress, and the processes that we start.
      if (options['color'] === false) process.env['NO_COLOR'] = '1'
      const remote = remoteOf(options, settings)
      const context: CommandContext = {
        output: createOutput({
          format: outputFormat(options['output'] ?? settings['output']),
          stdout: process.stdout,
          stderr: process.stderr,
          environment: process.env,
        }),
        settings,
        state: stateOf(options['state'] ?? settings['state']),
        remote,
        program,
        signal: abort.signal,
        signalEnds: () => {
          isNormalEnd = ended === undefined
        },
      }
      const run = await workOf(remote.server === undefined ? (here ?? there) : there)()
      // Commander hands over what is declared beside each command, and its `run` is written for that.
      exitCode = await run(context, options as never, ...(args as never[]))
    } finally {
      process.off('SIGINT', stop)
      process.off('SIGTERM', stop)
    }
  }, versionText())
  try {
    exitByThrowing(program)
    await program.parseAsync([...argv], { from: 'user' })
    // A command that was cut short may have told how far it came; one that a signal ends as it should is done.
    return ended === undefined || isNormalEnd || exitCode === exitCodes.ok ? exitCode : cancelled(ended)
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage
    if (ended !== undefined && isCancellation(error)) {
      return cancelled(ended)
    }
    return report(error)
  }
}

/** The manager that is to do the work, where one is, by flag or setting. */
function remoteOf(options: Record<string, unknown>, settings: Settings): ServerFlags {
  const text = (name: string): string | undefined => {
    const value = options[name] ?? settings[name]
    return typeof value === 'string' ? value : undefined
  }
  const [server, tokenFile] = [text('server'), text('tokenFile')]
  const [fingerprint, ca] = [text('serverFingerprint'), text('serverCa')]
  return {
    ...(server === undefined ? {} : { server }),
    ...(tokenFile === undefined ? {} : { tokenFile }),
    ...(fingerprint === undefined ? {} : { fingerprint }),
    ...(ca === undefined ? {} : { ca }),
  }
}

/** @throws UsageError `bad-option` for a command that no manager does; what only managers do asks for one itself */
function workOf(load: (() => Promise<Run>) | undefined): () => Promise<Run> {
  if (load !== undefined) return load
  throw new UsageError('bad-option', 'this command works on this machine only: leave out --server (and CORDON_SERVER)')
}

/** Nothing below main ends the process, however deep a command lies. */
function exitByThrowing(command: Command): void {
  command.exitOverride()
  for (const child of command.commands) exitByThrowing(child)
}

/** What shells expect of a program that a signal ended: 128 and the signal's number. */
const signalExit = { SIGINT: 130, SIGTERM: 143 } as const

function cancelled(signal: NodeJS.Signals): number {
  process.stderr.write('cordon: cancelled\n')
  return signalExit[signal === 'SIGTERM' ? 'SIGTERM' : 'SIGINT']
}

function onOutputError(error: Error): void {
  // Whoever reads our output may have read enough: `cordon … | head`.
  if ('code' in error && error.code === 'EPIPE') process.exit(exitCodes.ok)
  process.stderr.write(`cordon: the result could not be written: ${printable(error.message)}\n`)
  process.exit(exitCodes.error)
}

/** Is this what our own signal brings about, and nothing that went wrong besides? */
function isCancellation(error: unknown): boolean {
  return error instanceof Error && (error.name === 'AbortError' || ('code' in error && error.code === 'aborted'))
}

function report(error: unknown): number {
  const problem = problemOf(error)
  process.stderr.write(`cordon: ${printable(problem.message)}\n`)
  for (const cause of problem.causes) process.stderr.write(`  because: ${printable(cause)}\n`)
  for (const message of problem.afterwards) process.stderr.write(`  then: ${printable(message)}\n`)
  if ((process.env['CORDON_DEBUG'] ?? '') !== '' && error instanceof Error) process.stderr.write(`${error.stack}\n`)
  return problem.exitCode
}

function outputFormat(value: unknown): OutputFormat {
  if (value === undefined) return 'table'
  if (value === 'table' || value === 'json' || value === 'yaml') return value
  throw new UsageError('bad-option', `--output expects table, json or yaml, got "${String(value)}"`)
}

function stateOf(value: unknown): string {
  return typeof value === 'string' ? resolve(value) : stateDirectory()
}
