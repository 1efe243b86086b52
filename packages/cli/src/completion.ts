import type { Command } from 'commander'

/** Shells that `cordon completion` knows. */
export const shells = ['bash', 'zsh', 'fish', 'powershell'] as const

/** One of {@link shells}. */
export type Shell = (typeof shells)[number]

/** A command as completion sees it. */
interface Node {
  /** Words from the program's name on, e.g. `ca issue`. */
  readonly path: string
  readonly words: readonly string[]
  readonly files: boolean
}

function nodes(command: Command, path: readonly string[] = []): Node[] {
  const words = [
    ...command.commands.map((child) => child.name()),
    ...command.options.flatMap((option) => (option.long === undefined ? [] : [option.long])),
    '--help',
  ]
  return [
    {
      path: path.join(' '),
      words,
      files: command.registeredArguments.some((argument) => /plant|file/i.test(argument.name())),
    },
    ...command.commands.flatMap((child) => nodes(child, [...path, child.name()])),
  ]
}

/** A completion script made from the command tree itself, so that it cannot fall behind. */
export function completionScript(program: Command, shell: Shell): string {
  const tree = nodes(program)
  if (shell === 'bash') return bash(tree)
  if (shell === 'zsh') return `#compdef cordon\nautoload -U +X bashcompinit && bashcompinit\n${bash(tree)}`
  if (shell === 'fish') return fish(tree)
  return powershell(tree)
}

function bash(tree: readonly Node[]): string {
  const cases = tree.map(
    (node) => `    "${node.path}") words="${node.words.join(' ')}"; files=${node.files ? 1 : 0} ;;`,
  )
  return `_cordon() {
  local current="\${COMP_WORDS[COMP_CWORD]}" path="" words="" files=0 i word
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    case " ${tree
      .map((node) => node.path)
      .filter((path) => path !== '')
      .join(' | ')} " in
      *" \${path:+$path }$word "*) path="\${path:+$path }$word" ;;
    esac
  done
  case "$path" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  if [ "$files" = 1 ] && [ "\${current#-}" = "$current" ]; then COMPREPLY+=($(compgen -f -- "$current")); fi
}
complete -o filenames -F _cordon cordon
`
}

function fish(tree: readonly Node[]): string {
  const lines = tree.flatMap((node) => {
    const words = node.path.split(' ').filter((word) => word !== '')
    const condition =
      words.length === 0
        ? '__fish_use_subcommand'
        : words.map((word) => `__fish_seen_subcommand_from ${word}`).join('; and ')
    return node.words.map((word) =>
      word.startsWith('--')
        ? `complete -c cordon -n '${words.length === 0 ? '' : condition}' -l ${word.slice(2)}`
        : `complete -c cordon -f -n '${condition}' -a ${word}`,
    )
  })
  return `${lines.join('\n')}\n`
}

function powershell(tree: readonly Node[]): string {
  const entries = tree.map((node) => `    '${node.path}' = '${node.words.join(' ')}'.Split(' ')`)
  return `Register-ArgumentCompleter -Native -CommandName cordon -ScriptBlock {
  param($word, $ast, $position)
  $tree = @{
${entries.join('\n')}
  }
  $path = ''
  foreach ($element in $ast.CommandElements | Select-Object -Skip 1) {
    $next = if ($path) { "$path $element" } else { "$element" }
    if ($tree.ContainsKey($next)) { $path = $next }
  }
  $tree[$path] | Where-Object { $_ -like "$word*" } | ForEach-Object { [System.Management.Automation.CompletionResult]::new($_) }
}
`
}
