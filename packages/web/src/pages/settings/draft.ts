import type { Shapes } from '../../api-types.ts'

type Settings = Shapes['Settings']
type Retention = Settings['retention']

/** Settings that are numbers, by the name that the form has for them. */
export type NumberName =
  | 'sessionIdleMinutes'
  | 'sessionHours'
  | 'driftMinutes'
  | 'observeMinutes'
  | 'renewDays'
  | keyof Retention

/** A number and its limits. */
export interface NumberField {
  readonly name: NumberName
  readonly label: string
  /** What it does, in a sentence. */
  readonly says: string
  readonly unit: string
  readonly least: number
  readonly most: number
}

const longestDays = 36_500

/** Numbers in the order of the form, by the part of it that they are in. */
export const numberFields: Readonly<Record<'sessions' | 'work' | 'retention', readonly NumberField[]>> = {
  sessions: [
    {
      name: 'sessionIdleMinutes',
      label: 'Idle sessions end after',
      says: 'Whoever does nothing for so long has to sign in again.',
      unit: 'minutes',
      least: 1,
      most: 1440,
    },
    {
      name: 'sessionHours',
      label: 'Sessions end after',
      says: 'At the latest, whatever a person does.',
      unit: 'hours',
      least: 1,
      most: 168,
    },
  ],
  work: [
    {
      name: 'driftMinutes',
      label: 'Compare devices every',
      says: 'Each device is read and compared with what was deployed; 0: only when somebody asks.',
      unit: 'minutes',
      least: 0,
      most: 10_080,
    },
    {
      name: 'observeMinutes',
      label: 'Read connections every',
      says: 'Who talks with whom is read from the devices; 0: only when somebody asks.',
      unit: 'minutes',
      least: 0,
      most: 10_080,
    },
    {
      name: 'renewDays',
      label: 'Renew certificates before their end',
      says: 'What ends within so many days is renewed by itself; 0: never by itself.',
      unit: 'days',
      least: 0,
      most: 3650,
    },
  ],
  retention: [
    {
      name: 'auditDays',
      label: 'Audit',
      says: 'Older entries are removed; the chain of those that stay is still whole.',
      unit: 'days',
      least: 30,
      most: longestDays,
    },
    {
      name: 'eventDays',
      label: 'Events',
      says: 'What browsers catch up with after they were away.',
      unit: 'days',
      least: 1,
      most: longestDays,
    },
    {
      name: 'jobDays',
      label: 'Jobs',
      says: 'Plans, deployments and verifications with all that they found.',
      unit: 'days',
      least: 7,
      most: longestDays,
    },
    {
      name: 'versionDays',
      label: 'Versions of plants',
      says: 'What is deployed, and the newest version, stay for ever.',
      unit: 'days',
      least: 30,
      most: longestDays,
    },
  ],
}

/** Settings as the form has them; a number is a text while it is written. */
export interface Draft {
  readonly notice: string
  readonly secondFactor: Settings['secondFactor']
  readonly numbers: Readonly<Record<NumberName, string>>
}

/** The form of settings that are kept. */
export function draftOf({ notice, secondFactor, retention, ...rest }: Settings): Draft {
  const { sessionIdleMinutes, sessionHours, driftMinutes, observeMinutes, renewDays } = rest
  const { auditDays, eventDays, jobDays, versionDays } = retention
  return {
    notice,
    secondFactor,
    numbers: {
      sessionIdleMinutes: String(sessionIdleMinutes),
      sessionHours: String(sessionHours),
      driftMinutes: String(driftMinutes),
      observeMinutes: String(observeMinutes),
      renewDays: String(renewDays),
      auditDays: String(auditDays),
      eventDays: String(eventDays),
      jobDays: String(jobDays),
      versionDays: String(versionDays),
    },
  }
}

/** What is wrong with a number as it is written; undefined where nothing is. */
export function numberProblem({ least, most, unit }: NumberField, text: string): string | undefined {
  return /^\d{1,6}$/.test(text.trim()) && Number(text) >= least && Number(text) <= most
    ? undefined
    : `A whole number of ${unit} from ${least.toLocaleString('en-US')} to ${most.toLocaleString('en-US')}.`
}

/** Whether every number can be sent. */
export function isSound({ numbers }: Draft): boolean {
  return Object.values(numberFields)
    .flat()
    .every((field) => numberProblem(field, numbers[field.name]) === undefined)
}

const sameRoles = (one: Settings['secondFactor'], other: Settings['secondFactor']): boolean =>
  one.length === other.length && one.every((role) => other.includes(role))

/** Only what differs from the settings that are kept: what somebody else changes meanwhile is left alone. */
export function changesOf(saved: Settings, { notice, secondFactor, numbers }: Draft): Partial<Settings> {
  const number = (name: NumberName) => Number(numbers[name])
  const retention: Retention = {
    auditDays: number('auditDays'),
    eventDays: number('eventDays'),
    jobDays: number('jobDays'),
    versionDays: number('versionDays'),
  }
  const kept = saved.retention
  const keepsRetention =
    kept.auditDays === retention.auditDays &&
    kept.eventDays === retention.eventDays &&
    kept.jobDays === retention.jobDays &&
    kept.versionDays === retention.versionDays
  const plain = (['sessionIdleMinutes', 'sessionHours', 'driftMinutes', 'observeMinutes', 'renewDays'] as const).filter(
    (name) => saved[name] !== number(name),
  )
  return {
    ...(notice === saved.notice ? {} : { notice }),
    ...(sameRoles(saved.secondFactor, secondFactor) ? {} : { secondFactor: [...secondFactor] }),
    ...Object.fromEntries(plain.map((name) => [name, number(name)])),
    ...(keepsRetention ? {} : { retention }),
  }
}
