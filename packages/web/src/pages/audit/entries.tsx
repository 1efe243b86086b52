import { Icon } from '../../components/icon.tsx'
import { Moment } from '../../components/moment.tsx'
import { Facts } from '../../components/section.tsx'
import { Tone } from '../../components/tone.tsx'
import type { Shapes } from '../../api-types.ts'
import type { StateWords } from '../../words/states.ts'
import classes from './entries.module.css'

type Entry = Shapes['AuditEntry']

/** How what was tried ended. */
export const outcomeWords: Readonly<Record<Entry['outcome'], StateWords>> = {
  done: { tone: 'good', text: 'Done' },
  refused: { tone: 'warn', text: 'Refused' },
  failed: { tone: 'bad', text: 'Failed' },
}

const actorKinds: Readonly<Record<Entry['actorKind'], string>> = {
  user: 'Person',
  token: 'API token',
  system: 'The manager itself',
  anonymous: 'Nobody known',
}

/** Entries, each of which folds out. */
export function Entries({
  entries,
  opened,
  open,
}: {
  readonly entries: readonly Entry[]
  /** Which one the address opens. */
  readonly opened: string
  readonly open: (id: string | undefined) => void
}) {
  return (
    <div className={classes['frame']}>
      <div className={`${classes['line'] ?? ''} ${classes['head'] ?? ''}`} aria-hidden="true">
        <span />
        <span>When</span>
        <span>Who</span>
        <span>Action</span>
        <span>Subject</span>
        <span>Plant</span>
        <span>Outcome</span>
      </div>
      <ol className={classes['list']} aria-label="Audit entries">
        {entries.map((entry) => (
          <li key={entry.id} className={classes['entry']}>
            <details
              open={opened === String(entry.id)}
              onToggle={({ currentTarget }) => {
                if (currentTarget.open) open(String(entry.id))
                else if (opened === String(entry.id)) open(undefined)
              }}
            >
              <summary className={`${classes['line'] ?? ''} ${classes['summary'] ?? ''}`}>
                <span className={classes['mark']}>
                  <Icon name="next" size={12} />
                </span>
                <span>
                  <Moment at={entry.at} />
                </span>
                <span title={actorKinds[entry.actorKind]}>
                  {entry.actor === '' ? actorKinds[entry.actorKind] : entry.actor}
                </span>
                <span className="mono">{entry.action}</span>
                <span title={entry.subject}>{entry.subject}</span>
                <span>{entry.plant ?? '–'}</span>
                <span>
                  <Tone {...outcomeWords[entry.outcome]} />
                </span>
              </summary>
              <div className={classes['detail']}>
                <Facts
                  facts={[
                    ['Entry', entry.id],
                    [
                      'At',
                      <span key="t" className="mono">
                        {entry.at}
                      </span>,
                    ],
                    ['As', actorKinds[entry.actorKind]],
                    [
                      'From',
                      <span key="a" className="mono">
                        {entry.address ?? '–'}
                      </span>,
                    ],
                    [
                      'Request',
                      <span key="r" className="mono">
                        {entry.request ?? '–'}
                      </span>,
                    ],
                  ]}
                />
                <pre className="mono">{JSON.stringify(entry.detail, null, 2)}</pre>
              </div>
            </details>
          </li>
        ))}
      </ol>
    </div>
  )
}
