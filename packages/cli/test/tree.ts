import type { Command } from 'commander'
import { createProgram } from '../src/program.ts'
import type { Start } from '../src/program/declare.ts'

/** The command tree with commands that do nothing, or what `start` does; it prints nothing and ends no process. */
export function testProgram(start: Start = async () => {}): Command {
  const program = createProgram(start, 'cordon 0.0.0')
  for (const command of everyCommand(program))
    command.exitOverride().configureOutput({ writeOut: () => {}, writeErr: () => {} })
  return program
}

/** A command and all below it. */
export function everyCommand(command: Command): Command[] {
  return [command, ...command.commands.flatMap(everyCommand)]
}

/** `cordon device get` */
export function fullName(command: Command): string {
  return command.parent === null ? command.name() : `${fullName(command.parent)} ${command.name()}`
}

/** A command line as a shell splits it, without its redirections. */
export function wordsOf(line: string): string[] {
  return line
    .replace(/\s[|>].*$/, '')
    .split(' ')
    .filter((word) => word !== '')
}
