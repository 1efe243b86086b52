import { Loader } from '@mantine/core'
import type { StateWords, Tone as ToneName } from '../words/states.ts'
import { Icon, type IconName } from './icon.tsx'
import classes from './tone.module.css'

const shapes: Readonly<Record<Exclude<ToneName, 'busy'>, IconName>> = {
  good: 'check',
  warn: 'warning',
  bad: 'cross',
  wait: 'clock',
  none: 'minus',
}

/** A state: a shape, its colour, and the word that says it. */
export function Tone({ tone, text, strong = false }: StateWords & { readonly strong?: boolean }) {
  return (
    <span className={classes['tone']} data-tone={tone} data-strong={strong || undefined}>
      {tone === 'busy' ? <Loader size={12} color="currentColor" aria-hidden /> : <Icon name={shapes[tone]} size={14} />}
      <span>{text}</span>
    </span>
  )
}
