import type { Command, Option } from 'commander'

/** Shells that `cordon completion` knows. */
export const shells = ['bash', 'zsh', 'fish', 'powershell'] as const

/** One of {@link shells}. */
export type Shell = (typeof shells)[number]

/** What may stand behind an option, or as an argument. */
type Value =
  | { readonly kind: 'none' | 'any' | 'file' | 'directory' }
  | { readonly kind: 'choices'; readonly choices: readonly string[] }

/** An option as completion sees it. */
interface Offer {
  /** `--output`, and `-o` where there is one. */
  readonly flags: readonly string[]
  readonly description: string
  readonly value: Value
}

/** A command as completion sees it. */
interface Node {
  /** Words from the program's name on, e.g. `ca issue`; empty for the program itself. */
  readonly path: string
  readonly commands: readonly { readonly name: string; readonly description: string }[]
  readonly options: readonly Offer[]
  readonly argument: Value
}

function nodes(command: Command, path: readonly string[] = [], inherited: readonly Option[] = []): Node[] {
  const options = [...command.options, ...inherited]
  return [
    {
      path: path.join(' '),
      commands: command.commands.map((child) => ({ name: child.name(), description: child.description() })),
      options: [
        ...options.map((option) => ({
          flags: [option.long, option.short].filter((flag) => flag !== undefined && flag !== null),
          description: option.description,
          value: optionValue(option),
        })),
        { flags: ['--help', '-h'], description: 'display help for command', value: { kind: 'none' } as const },
      ],
      argument: argumentValue(command),
    },
    ...command.commands.flatMap((child) => {
      // `--version` belongs to the program alone.
      const global = options.filter(({ long }) => long !== '--version')
      return nodes(child, [...path, child.name()], global)
    }),
  ]
}

function optionValue(option: Option): Value {
  // A value that may be left out cannot be told from an argument.
  if (!option.required) return { kind: 'none' }
  if (option.argChoices !== undefined) return { kind: 'choices', choices: option.argChoices }
  if (option.long === '--output') return { kind: 'choices', choices: ['table', 'json', 'yaml'] }
  const [, name = ''] = /[<[]([^\]>]*)/.exec(option.flags) ?? []
  return name === 'file' || name === 'directory' ? { kind: name } : { kind: 'any' }
}

function argumentValue(command: Command): Value {
  const [first] = command.registeredArguments
  if (first === undefined) return { kind: 'none' }
  if (first.argChoices !== undefined) return { kind: 'choices', choices: first.argChoices }
  return /plant|file/.test(first.name()) ? { kind: 'file' } : { kind: 'any' }
}

/** A completion script made from the command tree itself, so that it cannot fall behind. */
export function completionScript(program: Command, shell: Shell): string {
  const tree = nodes(program)
  switch (shell) {
    case 'bash':
      return bash(tree)
    case 'zsh':
      return zsh(tree)
    case 'fish':
      return fish(tree)
    case 'powershell':
      return powershell(tree)
  }
}

/** What can be typed next at a command, besides files. */
function words(node: Node): string[] {
  return [
    ...node.commands.map(({ name }) => name),
    ...(node.argument.kind === 'choices' ? node.argument.choices : []),
    ...node.options.map(({ flags }) => flags[0] ?? ''),
  ]
}

/** The options with a value, each once, by what the value is. */
function valueOptions(tree: readonly Node[]): readonly (readonly [flags: string, value: Value])[] {
  const found = new Map<string, Value>()
  for (const { options } of tree) {
    for (const { flags, value } of options) if (value.kind !== 'none') found.set(flags.join('|'), value)
  }
  return [...found]
}

function commandPaths(tree: readonly Node[]): string[] {
  return tree.map(({ path }) => path).filter((path) => path !== '')
}

function bash(tree: readonly Node[]): string {
  const values = valueOptions(tree)
  const reply: Readonly<Record<Value['kind'], (value: Value) => string>> = {
    none: () => 'return',
    any: () => 'return',
    file: () => 'compopt -o filenames 2>/dev/null; IFS=$\'\\n\'; COMPREPLY=($(compgen -f -- "$current")); return',
    directory: () => 'compopt -o filenames 2>/dev/null; IFS=$\'\\n\'; COMPREPLY=($(compgen -d -- "$current")); return',
    choices: (value) =>
      `COMPREPLY=($(compgen -W "${value.kind === 'choices' ? value.choices.join(' ') : ''}" -- "$current")); return`,
  }
  return `_cordon() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD - 1]}" place="" offers="" files=0 skip=0 i word IFS=$' \\t\\n'
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    if [ "$skip" = 1 ]; then skip=0; continue; fi
    case "$word" in
      ${values.map(([flags]) => flags).join('|')}) skip=1; continue ;;
      -*) continue ;;
    esac
    case "\${place:+$place }$word" in
      ${commandPaths(tree)
        .map((path) => `"${path}"`)
        .join('|')}) place="\${place:+$place }$word" ;;
    esac
  done
  case "$previous" in
${values.map(([flags, value]) => `    ${flags}) ${reply[value.kind](value)} ;;`).join('\n')}
  esac
  case "$place" in
${tree.map((node) => `    "${node.path}") offers="${words(node).join(' ')}"; files=${node.argument.kind === 'file' ? 1 : 0} ;;`).join('\n')}
  esac
  COMPREPLY=($(compgen -W "$offers" -- "$current"))
  if [ "$files" = 1 ] && [ "\${current#-}" = "$current" ]; then
    compopt -o filenames 2>/dev/null
    IFS=$'\\n'
    COMPREPLY+=($(compgen -f -- "$current"))
  fi
}
complete -F _cordon cordon
`
}

function zsh(tree: readonly Node[]): string {
  const values = valueOptions(tree)
  const reply: Readonly<Record<Value['kind'], (value: Value) => string>> = {
    none: () => 'return',
    any: () => 'return',
    file: () => '_files; return',
    directory: () => '_files -/; return',
    choices: (value) =>
      `offers=(${value.kind === 'choices' ? value.choices.join(' ') : ''}); compadd -a offers; return`,
  }
  return `#compdef cordon
compdef _cordon cordon

_cordon() {
  local place="" previous="\${words[CURRENT-1]}" word
  local -i i skip=0
  local -a offers
  for ((i = 2; i < CURRENT; i++)); do
    word="\${words[i]}"
    if ((skip)); then skip=0; continue; fi
    case "$word" in
      (${values.map(([flags]) => flags).join('|')}) skip=1; continue ;;
      (-*) continue ;;
    esac
    case "\${place:+$place }$word" in
      (${commandPaths(tree)
        .map((path) => `"${path}"`)
        .join('|')}) place="\${place:+$place }$word" ;;
    esac
  done
  case "$previous" in
${values.map(([flags, value]) => `    (${flags}) ${reply[value.kind](value)} ;;`).join('\n')}
  esac
  case "$place" in
${tree.map((node) => `    ("${node.path}") offers=(${words(node).join(' ')})${node.argument.kind === 'file' ? '; _files' : ''} ;;`).join('\n')}
  esac
  compadd -a offers
}

if [ "\${funcstack[1]}" = "_cordon" ]; then _cordon "$@"; fi
`
}

function fish(tree: readonly Node[]): string {
  const lines = tree.flatMap((node) => {
    const path = node.path.split(' ').filter((word) => word !== '')
    const seen = path.map((word) => `__fish_seen_subcommand_from ${word}`)
    const own = node.commands.map(({ name }) => name)
    const unseen =
      path.length === 0 ? ['__fish_use_subcommand'] : [...seen, `not __fish_seen_subcommand_from ${own.join(' ')}`]
    const offered = node.commands.map(
      ({ name, description }) =>
        `complete -c cordon -f -n '${unseen.join('; and ')}' -a ${name} -d ${quoted(description)}`,
    )
    const argument =
      node.argument.kind === 'choices'
        ? [`complete -c cordon -f -n '${seen.join('; and ')}' -a ${quoted(node.argument.choices.join(' '))}`]
        : []
    // Options of the program are offered everywhere by one line.
    const options = node.options
      .filter((option) => path.length === 0 || !tree[0]?.options.some(({ flags }) => flags[0] === option.flags[0]))
      .map((option) => {
        const [long = '', short] = option.flags
        const condition = path.length === 0 ? '' : ` -n '${seen.join('; and ')}'`
        const flag = ` -l ${long.slice(2)}${short === undefined ? '' : ` -s ${short.slice(1)}`}`
        return `complete -c cordon${condition}${flag}${fishValue(option.value)} -d ${quoted(option.description)}`
      })
    return [...offered, ...argument, ...options]
  })
  return `${lines.join('\n')}\n`
}

function fishValue(value: Value): string {
  if (value.kind === 'none') return ''
  if (value.kind === 'choices') return ` -x -a ${quoted(value.choices.join(' '))}`
  if (value.kind === 'directory') return " -x -a '(__fish_complete_directories)'"
  return value.kind === 'file' ? ' -r -F' : ' -x'
}

/** A word for fish: single quotes, within which only themselves and backslashes need help. */
function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}

function powershell(tree: readonly Node[]): string {
  const entries = tree.map((node) => `    '${node.path}' = '${words(node).join(' ')}'.Split(' ')`)
  return `Register-ArgumentCompleter -Native -CommandName cordon -ScriptBlock {
  param($word, $ast, $position)
  $tree = @{
${entries.join('\n')}
  }
  $place = ''
  foreach ($element in $ast.CommandElements | Select-Object -Skip 1) {
    if ($element.Extent.EndOffset -ge $position) { break }
    $next = if ($place) { "$place $element" } else { "$element" }
    if ($tree.ContainsKey($next)) { $place = $next }
  }
  $tree[$place] | Where-Object { $_ -like "$word*" } | ForEach-Object { [System.Management.Automation.CompletionResult]::new($_) }
}
`
}
