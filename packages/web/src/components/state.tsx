import type { Protection, Stage, Standing, Verdict } from '../api-types.ts'
import { Icon, type IconName } from './icon.tsx'
import classes from './state.module.css'

/** How good a state is; never told by colour alone. */
export type Tone = 'good' | 'part' | 'warn' | 'bad' | 'none'

/** A state: a shape, a word and a colour. */
export function State({
  tone,
  icon,
  children,
  title,
}: {
  readonly tone: Tone
  readonly icon: IconName
  readonly children: string
  readonly title?: string
}) {
  return (
    <span className={classes['state']} data-tone={tone} title={title}>
      <Icon name={icon} size={14} />
      <span>{children}</span>
    </span>
  )
}

interface Words {
  readonly word: string
  readonly tone: Tone
  readonly icon: IconName
  /** What it means, in a sentence. */
  readonly meaning: string
}

/** The three ways in which traffic is protected. */
export const protections: Readonly<Record<Protection, Words>> = {
  Encrypted: { word: 'Encrypted', tone: 'good', icon: 'lock', meaning: 'Authenticated and encrypted on the network' },
  Authenticated: {
    word: 'Authenticated',
    tone: 'part',
    icon: 'seal',
    meaning: 'Authenticated and protected against change; readable on the network',
  },
  None: { word: 'None', tone: 'none', icon: 'open', meaning: 'Plain: neither authenticated nor encrypted' },
}

/** How traffic is protected. */
export function ProtectionState({ protection }: { readonly protection: Protection }) {
  const { word, tone, icon, meaning } = protections[protection]
  return (
    <State tone={tone} icon={icon} title={meaning}>
      {word}
    </State>
  )
}

/** How devices stand against their model. */
export const standings: Readonly<Record<Standing, Words>> = {
  ok: { word: 'As modelled', tone: 'good', icon: 'check', meaning: 'Its policy is in force, as the model says' },
  'not-deployed': { word: 'Not deployed', tone: 'part', icon: 'clock', meaning: 'Its policy was not deployed yet' },
  drift: { word: 'Drift', tone: 'warn', icon: 'drift', meaning: 'Its settings differ from the model' },
  failed: { word: 'Not complete', tone: 'bad', icon: 'cross', meaning: 'Its last deployment was not complete' },
  unreachable: { word: 'No answer', tone: 'bad', icon: 'away', meaning: 'It did not answer when it was last asked' },
  running: { word: 'Deploying', tone: 'part', icon: 'deploy', meaning: 'A deployment works on it now' },
  left: {
    word: 'Left the model',
    tone: 'warn',
    icon: 'leave',
    meaning: 'The plant file names it no more, and a policy is still in force on it: release or keep it',
  },
}

/** Standings from the most urgent to the least. */
export const standingOrder = [
  'failed',
  'drift',
  'unreachable',
  'left',
  'running',
  'not-deployed',
  'ok',
] as const satisfies readonly Standing[]

/** How a device stands. */
export function StandingState({ standing }: { readonly standing: Standing }) {
  const { word, tone, icon, meaning } = standings[standing]
  return (
    <State tone={tone} icon={icon} title={meaning}>
      {word}
    </State>
  )
}

/** The steps on which a zone comes to enforcement. */
export const stages: Readonly<
  Record<Stage, { readonly word: string; readonly meaning: string; readonly step: number }>
> = {
  observe: { word: 'Observe', meaning: 'Connections are watched; nothing is enforced yet', step: 1 },
  protect: { word: 'Protect', meaning: 'The policy is in force; plain ports are still open', step: 2 },
  enforce: { word: 'Enforce', meaning: 'The policy is in force and plain ports are closed', step: 3 },
}

/** On which step a zone is. */
export function StageState({ stage }: { readonly stage: Stage }) {
  const { word, meaning, step } = stages[stage]
  return (
    <span className={classes['stage']} title={meaning}>
      <span className={classes['steps']} aria-hidden="true">
        {[1, 2, 3].map((one) => (
          <span key={one} data-done={one <= step} />
        ))}
      </span>
      {word}
    </span>
  )
}

/** What a promise of the plant file means on the network. */
export function protectionOf(promise: string): Protection {
  if (promise === 'confidentiality') return 'Encrypted'
  return promise === 'integrity' ? 'Authenticated' : 'None'
}

const outcomes: Readonly<Record<string, Words>> = {
  complete: { word: 'Complete', tone: 'good', icon: 'check', meaning: 'Every device has its settings' },
  'complete-with-warnings': {
    word: 'Complete with warnings',
    tone: 'warn',
    icon: 'warning',
    meaning: 'Every device has its settings; read the messages',
  },
  'not-complete': {
    word: 'Not complete',
    tone: 'bad',
    icon: 'cross',
    meaning: 'Some devices do not have their settings',
  },
  running: { word: 'Running', tone: 'part', icon: 'deploy', meaning: 'It is being worked on' },
  aborted: { word: 'Aborted', tone: 'bad', icon: 'cross', meaning: 'It was ended before all was done' },
}

/** How a deployment ended, or that it runs. */
export function OutcomeState({ outcome }: { readonly outcome: string }) {
  const { word, tone, icon, meaning } = outcomes[outcome] ?? { word: outcome, tone: 'none', icon: 'clock', meaning: '' }
  return (
    <State tone={tone} icon={icon} title={meaning}>
      {word}
    </State>
  )
}

/** What the model says about connections. */
export const verdicts: Readonly<Record<Verdict, Words>> = {
  allowed: { word: 'Allowed', tone: 'good', icon: 'check', meaning: 'As the model wants it' },
  weaker: {
    word: 'Weaker',
    tone: 'warn',
    icon: 'warning',
    meaning: 'Allowed, and less protected than the model wants',
  },
  forbidden: { word: 'Forbidden', tone: 'bad', icon: 'cross', meaning: 'The model has no conduit for it' },
  'unknown-peer': { word: 'Unknown peer', tone: 'warn', icon: 'help', meaning: 'An end is in no plant file' },
}

/** What the model says about a connection. */
export function VerdictState({ verdict, reason }: { readonly verdict: Verdict; readonly reason: string }) {
  const { word, tone, icon, meaning } = verdicts[verdict]
  return (
    <State tone={tone} icon={icon} title={reason === '' ? meaning : reason}>
      {word}
    </State>
  )
}
