import type { Message } from '../api-types.ts'
import { State, type Tone } from './state.tsx'
import classes from './message-list.module.css'

const severities: Readonly<
  Record<
    Message['severity'],
    { readonly word: string; readonly tone: Tone; readonly icon: 'cross' | 'warning' | 'help' }
  >
> = {
  error: { word: 'Error', tone: 'bad', icon: 'cross' },
  warning: { word: 'Warning', tone: 'warn', icon: 'warning' },
  information: { word: 'Information', tone: 'part', icon: 'help' },
}

/** Messages of a plan or result, each with its cause, its evidence and what to do next. */
export function MessageList({ messages }: { readonly messages: readonly Message[] }) {
  return (
    <ul className={classes['list']}>
      {messages.map(({ code, severity, subject, text, cause, evidence, next }) => {
        const { word, tone, icon } = severities[severity]
        return (
          <li key={`${code} ${subject} ${evidence}`} className={classes['message']}>
            <div className={classes['head']}>
              <State tone={tone} icon={icon}>
                {word}
              </State>
              <b>{text}</b>
              <code className={classes['code']}>{code}</code>
            </div>
            <dl className={classes['why']}>
              <dt>About</dt>
              <dd>{subject}</dd>
              <dt>Cause</dt>
              <dd>{cause}</dd>
              {evidence === '' ? null : (
                <>
                  <dt>Evidence</dt>
                  <dd className="mono">{evidence}</dd>
                </>
              )}
              <dt>Next step</dt>
              <dd>{next}</dd>
            </dl>
          </li>
        )
      })}
    </ul>
  )
}
