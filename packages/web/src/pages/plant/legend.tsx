import { protections } from '../../components/state.tsx'
import classes from './legend.module.css'

/** What lines and edges of cards mean. */
export function Legend() {
  return (
    <section className={classes['legend']} aria-label="Legend">
      {(['Encrypted', 'Authenticated', 'None'] as const).map((protection) => (
        <span key={protection} className={classes['entry']} title={protections[protection].meaning}>
          <svg width="44" height="12" aria-hidden="true" focusable="false" data-tone={protections[protection].tone}>
            <Sample protection={protection} />
          </svg>
          {protections[protection].word}
        </span>
      ))}
    </section>
  )
}

function Sample({ protection }: { readonly protection: keyof typeof protections }) {
  if (protection === 'Encrypted')
    return (
      <>
        <path d="M0 4H44M0 8H44" stroke="currentColor" strokeWidth="1.7" />
        <rect x="17" y="1" width="10" height="10" fill="currentColor" />
      </>
    )
  if (protection === 'Authenticated')
    return (
      <>
        <path d="M0 6H44" stroke="currentColor" strokeWidth="2" />
        <circle cx="22" cy="6" r="5" fill="currentColor" />
      </>
    )
  return (
    <>
      <path d="M0 6H44" stroke="currentColor" strokeWidth="2" strokeDasharray="6 4" />
      <circle cx="22" cy="6" r="4" fill="var(--surface)" stroke="currentColor" strokeWidth="2" />
    </>
  )
}
