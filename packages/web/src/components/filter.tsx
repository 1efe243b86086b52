import classes from './filter.module.css'

/** One of the ways in which a list can be narrowed, with how many rows it leaves. */
export interface Choice {
  /** Empty for all. */
  readonly value: string
  readonly label: string
  readonly count?: number
}

/** Buttons that narrow a list; one is pressed. */
export function Filter({
  label,
  choices,
  value,
  choose,
}: {
  readonly label: string
  readonly choices: readonly Choice[]
  readonly value: string
  readonly choose: (value: string) => void
}) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset cannot be laid out in a row with its legend
    <div role="group" aria-label={label} className={classes['filter']}>
      {choices.map((choice) => (
        <button
          key={choice.value}
          type="button"
          aria-pressed={choice.value === value}
          className={classes['choice']}
          onClick={() => choose(choice.value)}
        >
          {choice.label}
          {choice.count === undefined ? null : (
            <span className={classes['count']}>{choice.count.toLocaleString('en-US')}</span>
          )}
        </button>
      ))}
    </div>
  )
}
