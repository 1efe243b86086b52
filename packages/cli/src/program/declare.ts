import { isIPv4 } from 'node:net'
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { CommandContext } from '../context.ts'
import type { ExitCode } from '../exit-codes.ts'

/** What a command module offers: its work, given its options and positional arguments, of types that it knows best. */
export type Run = (context: CommandContext, options: never, ...args: never[]) => Promise<ExitCode>

/** Gives a loaded command its context and records how it ended. */
export type Start = (work: Work, options: Record<string, unknown>, args: readonly unknown[]) => Promise<void>

/** Where the work of a command is done; what is absent cannot be done there. */
export interface Work {
  /** By this process, on the state of this machine. */
  readonly here?: (() => Promise<Run>) | undefined
  /** By the manager that `--server` names. */
  readonly there?: (() => Promise<Run>) | undefined
}

const examples = new WeakMap<Command, string>()
const works = new WeakMap<Command, Work>()

/** The example of a command as it is typed. */
export function exampleOf(command: Command): string {
  return examples.get(command) ?? ''
}

/** Whether a command does something itself; some of those have others below them. */
export function isRunnable(command: Command): boolean {
  return works.has(command)
}

/** Where a command can be done: on this machine, by a manager, or both. */
export function placesOf(command: Command): { readonly here: boolean; readonly there: boolean } {
  const work = works.get(command)
  return { here: work?.here !== undefined, there: work?.there !== undefined }
}

/** Gives a command an example, with `cordon` left out. */
export function withExample(command: Command, example: string): Command {
  examples.set(command, `cordon ${example}`)
  return command.addHelpText('after', `\nExample:\n  $ cordon ${example}`)
}

/** How commands are declared: the work behind one is loaded when it is called. */
export interface Declare {
  readonly program: Command
  readonly add: (
    parent: Command,
    usage: string,
    description: string,
    example: string,
    here: (() => Promise<Run>) | undefined,
    there?: () => Promise<Run>,
  ) => Command
  /** A command that only has others below it; without a parent one of the first level. */
  readonly group: (name: string, description: string, example: string, parent?: Command) => Command
}

/** The way to declare commands below a program. */
export function declareFor(program: Command, start: Start): Declare {
  return {
    program,
    add: (parent, usage, description, example, here, there) => {
      const command = withExample(parent.command(usage).description(description).helpCommand(false), example)
      works.set(command, { here, there })
      if (there !== undefined)
        command.addHelpText(
          'after',
          `\n${here === undefined ? 'For a manager: --server names it.' : 'With --server the manager does it.'}`,
        )
      command.action(async (...given: unknown[]) => {
        // commander passes positional arguments, then the options, then the command itself.
        const args = given.slice(0, -2)
        await start({ here, there }, command.optsWithGlobals(), args)
      })
      return command
    },
    group: (name, description, example, parent = program) =>
      withExample(parent.command(name).description(description).helpCommand(false), example),
  }
}

/** @throws InvalidArgumentError for anything but a dotted IPv4 address */
function ipv4(text: string): string {
  if (!isIPv4(text)) throw new InvalidArgumentError('expected an IPv4 address of this machine, such as 127.18.2.75')
  return text
}

/** An option that may be given again: every value, in order. */
export function list(value: string, previous: string[] = []): string[] {
  return [...previous, value]
}

/** `--from`: where connections of a command come from. */
export function from(): Option {
  return new Option('--from <address>', 'local address to connect from').argParser(ipv4)
}

/** What `--plant` of a command takes. */
export const plantHelp = 'the plant file, e.g. plant.yaml'
