import { type DestinationStream, destination, type LevelWithSilent, type Logger, pino } from 'pino'

/** Levels of the log, least first. */
export const logLevels = [
  'trace',
  'debug',
  'info',
  'warn',
  'error',
  'fatal',
  'silent',
] as const satisfies readonly LevelWithSilent[]

/** How the log is written. */
export interface LogOptions {
  /** JSON lines for programs, or one short line for people; default JSON. */
  readonly format?: 'json' | 'pretty'
  /** Default `info`. */
  readonly level?: (typeof logLevels)[number]
  /** Default standard error. */
  readonly to?: DestinationStream
}

/** The log of a manager. */
export type Log = Logger

/**
 * Opens the log. Headers and bodies are not in it at all; should an object of the platform get in, its cookies and
 * authorisation are taken out.
 */
export function openLog({
  format = 'json',
  level = 'info',
  to = destination({ dest: 2, sync: true }),
}: LogOptions = {}): Log {
  const options = {
    level,
    base: null,
    redact: {
      paths: [
        'authorization',
        'cookie',
        '*.authorization',
        '*.cookie',
        '*.headers',
        '*.*.headers',
        '*.body',
        'password',
        '*.password',
        'token',
        'secret',
        '*.secret',
        '*.token',
      ],
      censor: '…',
    },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
  }
  return pino(options, format === 'json' ? to : pretty(to))
}

/** Lines for people, made of the JSON lines. */
function pretty(to: DestinationStream): DestinationStream {
  return {
    write(line) {
      to.write(`${prettyLine(line)}\n`)
    },
  }
}

function prettyLine(line: string): string {
  try {
    const { time, level, msg, err, ...rest } = JSON.parse(line) as Record<string, unknown>
    const clock = String(time).slice(11, 23)
    const more = Object.entries(rest).map(
      ([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
    )
    const stack = typeof err === 'object' && err !== null && 'stack' in err ? `\n${String(err.stack)}` : ''
    return [clock, String(level).padEnd(5), ...(msg === undefined ? [] : [String(msg)]), ...more].join(' ') + stack
  } catch {
    return line.trimEnd()
  }
}
