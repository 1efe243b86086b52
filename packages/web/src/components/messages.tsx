import type { Shapes } from '../api-types.ts'
import { Icon } from './icon.tsx'
import classes from './messages.module.css'

const signs = {
  error: { icon: 'cross', word: 'Error' },
  warning: { icon: 'warning', word: 'Warning' },
  information: { icon: 'help', word: 'Note' },
} as const

/** Messages of a plan or result: what happened, why, what was seen, and what to do. */
export function Messages({ messages }: { readonly messages: readonly Shapes['Message'][] }) {
  if (messages.length === 0) return null
  return (
    <ul className={classes['list']}>
      {messages.map(({ code, severity, subject, text, cause, evidence, next }) => (
        <li key={`${code} ${subject} ${text}`} className={classes['message']} data-severity={severity}>
          <span className={classes['sign']}>
            <Icon name={signs[severity].icon} />
          </span>
          <div>
            <p className={classes['text']}>
              <span className="visually-hidden">{signs[severity].word}: </span>
              {text} <span className={`mono ${classes['code'] ?? ''}`}>{code}</span>
            </p>
            {cause === '' ? null : <p>{cause}</p>}
            {evidence === '' ? null : <p className="mono">{evidence}</p>}
            {next === '' ? null : (
              <p className={classes['next']}>
                <strong>Next:</strong> {next}
              </p>
            )}
          </div>
        </li>
      ))}
    </ul>
  )
}
