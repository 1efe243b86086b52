import { Icon } from '../../components/icon.tsx'
import type { Shapes } from '../../api-types.ts'
import classes from './editor.module.css'

/** Most problems that are listed: whoever has more mends these first. */
const listedAtMost = 100

/** What is wrong in the text; each leads to its place. */
export function Problems({
  problems,
  goTo,
}: {
  readonly problems: readonly Shapes['TextProblem'][]
  readonly goTo: (line: number, column: number) => void
}) {
  if (problems.length === 0) return null
  return (
    <ul className={classes['problems']} aria-label="Problems">
      {problems.slice(0, listedAtMost).map(({ file, line, column, message, remedy, severity }) => (
        <li key={`${file} ${line} ${column} ${message}`}>
          <button type="button" className={classes['problem']} onClick={() => goTo(line, column)}>
            <span style={{ color: severity === 'error' ? 'var(--state-bad)' : 'var(--state-warn)', paddingTop: 2 }}>
              <Icon name={severity === 'error' ? 'cross' : 'warning'} size={14} />
            </span>
            <span className={classes['place']}>Line {line}</span>
            <span>
              <span className="visually-hidden">{severity}: </span>
              {message} {remedy === undefined ? null : <span className={classes['remedy']}>{remedy}</span>}
            </span>
          </button>
        </li>
      ))}
      {problems.length > listedAtMost ? <li>and {problems.length - listedAtMost} more</li> : null}
    </ul>
  )
}
