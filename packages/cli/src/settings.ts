import { readFileSync } from 'node:fs'
import { isIPv4 } from 'node:net'
import { UsageError } from '@cordon/core/errors'
import { parse, YAMLParseError } from 'yaml'

/** Settings by name, in lower camel case: `state`, `output`, `databaseUrl`, … */
export type Settings = Readonly<Record<string, string>>

/** Names that `cordon.yaml` may hold, and the environment as `CORDON_` and upper snake case. */
export const settingNames = [
  'state',
  'output',
  'databaseUrl',
  'concurrency',
  'localAddress',
  'server',
  'tokenFile',
] as const

/** The settings of a run: `CORDON_*` over `cordon.yaml`; flags, which win over both, are the caller's. */
export function readSettings(
  environment: Readonly<Record<string, string | undefined>>,
  file = 'cordon.yaml',
): Settings {
  const settings = { ...fromFile(file), ...fromEnvironment(environment) }
  const { localAddress } = settings
  if (localAddress !== undefined && !isIPv4(localAddress)) {
    throw new UsageError(
      'bad-option',
      `localAddress (CORDON_LOCAL_ADDRESS) expects an IPv4 address, got "${localAddress}"`,
    )
  }
  return settings
}

function fromEnvironment(environment: Readonly<Record<string, string | undefined>>): Settings {
  const settings: Record<string, string> = {}
  for (const name of settingNames) {
    const key = `CORDON_${name.replace(/[A-Z]/g, (c) => `_${c}`).toUpperCase()}`
    const value = environment[key] ?? (name === 'databaseUrl' ? environment['DATABASE_URL'] : undefined)
    if (value !== undefined && value !== '') settings[name] = value
  }
  return settings
}

function fromFile(file: string): Settings {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return {}
    throw new UsageError('bad-option', `${file}: cannot be read`, { cause: error })
  }
  let content: unknown
  try {
    content = parse(text, { maxAliasCount: 0, prettyErrors: false, logLevel: 'error' })
  } catch (error) {
    throw new UsageError(
      'bad-option',
      `${file}:${placeOf(error, text)} ${error instanceof Error ? error.message : 'not YAML'}`,
      {
        cause: error,
      },
    )
  }
  if (content === null || content === undefined) return {}
  if (typeof content !== 'object' || Array.isArray(content)) {
    throw new UsageError('bad-option', `${file}: expected settings as "name: value", for example "state: /srv/cordon"`)
  }
  const settings: Record<string, string> = {}
  for (const [name, value] of Object.entries(content)) {
    if (!settingNames.some((known) => known === name)) {
      throw new UsageError(
        'bad-option',
        `${file}: "${name}" is not a setting; expected one of ${settingNames.join(', ')}`,
      )
    }
    if (typeof value !== 'string' && typeof value !== 'number') {
      throw new UsageError('bad-option', `${file}: "${name}" expects one value, got ${typeof value}`)
    }
    settings[name] = String(value)
  }
  return settings
}

/** `3:7:`, line and column of a YAML error. */
function placeOf(error: unknown, text: string): string {
  if (!(error instanceof YAMLParseError)) return ''
  const before = text.slice(0, error.pos[0]).split('\n')
  return `${before.length}:${(before.at(-1)?.length ?? 0) + 1}:`
}
