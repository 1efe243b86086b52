import { Tone } from '../../components/tone.tsx'
import type { Shapes } from '../../api-types.ts'
import classes from './editor.module.css'

const kinds = {
  added: { tone: 'good', text: 'Added' },
  removed: { tone: 'bad', text: 'Removed' },
  changed: { tone: 'warn', text: 'Changed' },
} as const

/** Most changes that are listed; beyond, their number says enough. */
const listedAtMost = 200

/** Changes by meaning: what was added, removed and changed, with the fields. */
export function ModelChanges({ changes }: { readonly changes: readonly Shapes['ModelChange'][] }) {
  if (changes.length === 0) return <p>Nothing changes in meaning.</p>
  return (
    <>
      <ul className={classes['changes']}>
        {changes.slice(0, listedAtMost).map(({ kind, what, name, fields }) => (
          <li key={`${kind} ${what} ${name}`}>
            <Tone {...kinds[kind]} /> {what} <strong>{name}</strong>
            {fields.length === 0 ? null : <span className={classes['fields']}>: {fields.join(', ')}</span>}
          </li>
        ))}
      </ul>
      {changes.length > listedAtMost ? <p>and {changes.length - listedAtMost} more</p> : null}
    </>
  )
}
