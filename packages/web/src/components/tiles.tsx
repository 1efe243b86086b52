import type { StateWords } from '../words/states.ts'
import { Tone } from './tone.tsx'
import classes from './tiles.module.css'

/** A number that narrows a list to what it counts. */
export interface Tile extends StateWords {
  readonly value: string
  /** Undefined until it is known. */
  readonly count: number | undefined
}

/** Numbers side by side, each of which narrows the list below; pressing the chosen one again shows all. */
export function Tiles({
  label,
  tiles,
  value,
  choose,
}: {
  readonly label: string
  readonly tiles: readonly Tile[]
  readonly value: string
  readonly choose: (value: string) => void
}) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset cannot be laid out as a grid with its legend
    <div role="group" aria-label={label} className={classes['tiles']}>
      {tiles.map((tile) => (
        <button
          key={tile.value}
          type="button"
          className={classes['tile']}
          aria-pressed={tile.value === value}
          onClick={() => choose(tile.value === value ? '' : tile.value)}
        >
          <span className={classes['count']}>{tile.count?.toLocaleString('en-US') ?? '–'}</span>
          <span className={classes['label']}>
            <Tone tone={tile.count === 0 ? 'none' : tile.tone} text={tile.text} />
          </span>
        </button>
      ))}
    </div>
  )
}
