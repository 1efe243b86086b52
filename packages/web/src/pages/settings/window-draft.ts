import type { Shapes } from '../../api-types.ts'
import { listed } from '../../words/states.ts'
import { moment } from '../../words/time.ts'

type Window = Shapes['MaintenanceWindow']

/** Days as the manager counts them, Monday first. */
export const dayNames = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'] as const

/** A new window as the form has it. */
export interface WindowDraft {
  readonly name: string
  /** Zone of the plant; empty for all. */
  readonly zone: string
  readonly kind: 'weekly' | 'once'
  /** 1 is Monday. */
  readonly days: readonly number[]
  /** `22:00`. */
  readonly from: string
  readonly to: string
  /** As a field of date and time has it. */
  readonly start: string
  readonly end: string
  readonly timeZone: string
}

/** What a new one begins with. */
export function newWindow(timeZone: string): WindowDraft {
  return { name: '', zone: '', kind: 'weekly', days: [6], from: '06:00', to: '10:00', start: '', end: '', timeZone }
}

/** What is still missing, as a sentence; undefined where it can be sent. */
export function windowProblem({ name, kind, days, from, to, start, end }: WindowDraft): string | undefined {
  if (name.trim() === '') return 'Give it a name.'
  if (kind === 'weekly') {
    if (days.length === 0) return 'Choose at least one day.'
    if (!/^[0-2]\d:[0-5]\d$/.test(from) || !/^[0-2]\d:[0-5]\d$/.test(to)) return 'Say from when to when.'
    return from === to ? 'It must be open for some time: choose different times.' : undefined
  }
  const [first, last] = [Date.parse(start), Date.parse(end)]
  if (Number.isNaN(first) || Number.isNaN(last)) return 'Say from when to when.'
  return last <= first ? 'It must end after it begins.' : undefined
}

/** What is sent. */
export function windowBody({ name, zone, kind, days, from, to, start, end, timeZone }: WindowDraft) {
  const rule: Window['rule'] =
    kind === 'weekly'
      ? { kind, days: [...days].sort((one, other) => one - other), from, to, zone: timeZone }
      : { kind, from: new Date(start).toISOString(), to: new Date(end).toISOString() }
  return { name: name.trim(), rule, ...(zone === '' ? {} : { zone }) }
}

/** When it is open, in words. */
export function ruleText(rule: Window['rule']): string {
  if (rule.kind === 'once') return `Once, ${moment(rule.from)} to ${moment(rule.to)}`
  const { days, from, to, zone } = rule
  const names =
    days.length === 7
      ? 'Every day'
      : listed(
          days.map((day) => dayNames[day - 1] ?? String(day)),
          7,
        )
  return `${names}, ${from} to ${to}${to < from ? ' of the next day' : ''} (${zone})`
}
