// biome-ignore-all lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
import type { ReactNode } from 'react'
import { useEffect } from 'react'
import classes from './credentials.module.css'

/** A page without the shell: one card in the middle. */
export function BarePage({
  title,
  lead,
  children,
  below,
}: {
  readonly title: string
  readonly lead?: ReactNode
  readonly children: ReactNode
  readonly below?: ReactNode
}) {
  useEffect(() => {
    document.title = `${title} - Cordon`
  }, [title])
  return (
    <div className={classes['bare']}>
      <div className={classes['card']}>
        <p className={classes['brand']}>
          <svg width="22" height="22" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
            <rect width="32" height="32" rx="7" fill="#0b6178" />
            <path
              d="M16 5.5 25 9v7.2c0 5-3.7 8.6-9 10.3-5.3-1.7-9-5.3-9-10.3V9z"
              fill="none"
              stroke="#fff"
              strokeWidth="2.4"
              strokeLinejoin="round"
            />
            <circle cx="16" cy="15.5" r="3" fill="#fff" />
          </svg>
          Cordon
        </p>
        <h1 className={classes['title']}>{title}</h1>
        {lead === undefined ? null : <div className={classes['lead']}>{lead}</div>}
        {children}
      </div>
      {below}
    </div>
  )
}

/** The system-use notification of whoever runs this manager. */
export function SystemUseNotice({ text }: { readonly text: string }) {
  if (text === '') return null
  return (
    <section className={classes['notice']} aria-label="System use notification" tabIndex={0}>
      {text}
    </section>
  )
}
