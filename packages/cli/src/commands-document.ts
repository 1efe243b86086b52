import type { Argument, Command, Option } from 'commander'
import { exitCodeMeanings } from './exit-codes.ts'
import { exampleOf, isRunnable, placesOf } from './program/declare.ts'
import { settingNames } from './settings.ts'

/**
 * The page `docs/commands.md`: every command with its arguments, options and an example, from the tree itself, so that it
 * cannot fall behind.
 */
export function commandsDocument(program: Command): string {
  const all = leaves(program)
  return [
    '# Commands',
    '',
    'Made from the command tree; `cordon COMMAND --help` says the same. From a checkout the command is',
    '`npx --no-install cordon`.',
    '',
    '| command | what it does |',
    '| --- | --- |',
    ...all.map((command) => `| [\`${usage(command)}\`](#${anchor(command)}) | ${cell(command.description())} |`),
    '',
    '## For all commands',
    '',
    ...optionTable(program.options),
    '',
    'Results go to standard output, everything else (progress, notes, questions, errors) to standard error. With',
    '`--output json` or `yaml` standard output holds exactly one document. Nothing is asked without a terminal: what cannot be',
    'taken back needs `--yes` there. `NO_COLOR` switches colour off; a state is always said by a word and a sign, too.',
    '',
    '| exit code | meaning |',
    '| --- | --- |',
    ...Object.entries(exitCodeMeanings).map(([code, meaning]) => `| ${code} | ${cell(meaning)} |`),
    '',
    'Settings come from flags, else from the environment, else from `cordon.yaml` in the working directory:',
    '',
    '| setting in `cordon.yaml` | in the environment |',
    '| --- | --- |',
    ...settingNames.map((name) => `| \`${name}\` | \`${environmentName(name)}\` |`),
    '',
    '`CORDON_DEBUG=1` prints the stack of an error. Secrets are never taken from the command line: keys and passphrases are',
    'read from a file, or from standard input for `-`.',
    ...all.flatMap(section),
    '',
  ].join('\n')
}

/** `CORDON_DATABASE_URL` for `databaseUrl`. */
function environmentName(setting: string): string {
  return `CORDON_${setting.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`
}

function leaves(command: Command): Command[] {
  return command.commands.flatMap((child) => [...(isRunnable(child) ? [child] : []), ...leaves(child)])
}

function section(command: Command): string[] {
  const arguments_ = command.registeredArguments.filter(
    ({ description, argChoices }) => description !== '' || argChoices !== undefined,
  )
  return [
    '',
    `## ${name(command)}`,
    '',
    sentence(command.description()),
    '',
    '```',
    `cordon ${usage(command)}${command.options.length === 0 ? '' : ' [options]'}`,
    '```',
    ...(arguments_.length === 0 ? [] : ['', '| argument | meaning |', '| --- | --- |', ...arguments_.map(argumentRow)]),
    ...(command.options.length === 0 ? [] : ['', ...optionTable(command.options)]),
    ...placeLines(command),
    '',
    `Example: \`${exampleOf(command)}\``,
  ]
}

function placeLines(command: Command): string[] {
  const { here, there } = placesOf(command)
  if (!there) return []
  return ['', here ? 'With `--server` the manager does it.' : 'For a manager, which `--server` names.']
}

function argumentRow(argument: Argument): string {
  const choices = argument.argChoices === undefined ? '' : `one of ${argument.argChoices.join(', ')}`
  return `| \`${argument.name()}\` | ${cell([argument.description, choices].filter((text) => text !== '').join('; '))} |`
}

function optionTable(options: readonly Option[]): string[] {
  return [
    '| option | meaning |',
    '| --- | --- |',
    ...options.map((option) => `| \`${option.flags}\` | ${cell(optionText(option))} |`),
  ]
}

function optionText(option: Option): string {
  const notes = [
    ...(option.mandatory ? ['required'] : []),
    ...(option.argChoices === undefined ? [] : [`one of ${option.argChoices.join(', ')}`]),
    ...(typeof option.defaultValue === 'string' ? [`default \`${option.defaultValue}\``] : []),
  ]
  return `${option.description}${notes.length === 0 ? '' : ` (${notes.join('; ')})`}`
}

/** `device get`, without the program's name. */
function name(command: Command): string {
  const { parent } = command
  return parent === null || parent.parent === null ? command.name() : `${name(parent)} ${command.name()}`
}

function usage(command: Command): string {
  const given = command.registeredArguments.map((argument) => {
    const text = `${argument.name()}${argument.variadic ? '...' : ''}`
    return argument.required ? `<${text}>` : `[${text}]`
  })
  return [name(command), ...given].join(' ')
}

function anchor(command: Command): string {
  return name(command).replaceAll(' ', '-')
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
}
