import type { ReactNode } from 'react'
import classes from './section.module.css'

/** A part of a page under its heading. */
export function Section({
  title,
  lead,
  actions,
  children,
}: {
  readonly title: ReactNode
  readonly lead?: ReactNode
  readonly actions?: ReactNode
  readonly children: ReactNode
}) {
  return (
    <section className={classes['section']}>
      <div className={classes['head']}>
        <div className={classes['titles']}>
          <h2>{title}</h2>
          {lead === undefined ? null : <p className={classes['lead']}>{lead}</p>}
        </div>
        {actions === undefined ? null : <div className={classes['actions']}>{actions}</div>}
      </div>
      {children}
    </section>
  )
}

/** Small facts side by side: a word above its value. */
export function Facts({ facts }: { readonly facts: readonly (readonly [string, ReactNode])[] }) {
  return (
    <dl className={classes['facts']}>
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}

/** A sentence that must not be overlooked, with a shape of its own. */
export function Remark({
  tone,
  children,
}: {
  readonly tone: 'info' | 'warn' | 'bad' | 'good'
  readonly children: ReactNode
}) {
  return (
    <div className={classes['remark']} data-tone={tone}>
      {children}
    </div>
  )
}
