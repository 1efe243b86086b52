import { RequestFailure } from '../api.ts'
import { Icon } from './icon.tsx'
import classes from './refused.module.css'

/** Why a form was not taken, in its place. Nothing where nothing failed. */
export function Refused({
  cause,
  words,
}: {
  readonly cause: unknown
  readonly words?: ((status: number) => string | undefined) | undefined
}) {
  if (cause === null || cause === undefined) return null
  return (
    <div role="alert" className={classes['refused']}>
      <span className={classes['sign']}>
        <Icon name="cross" />
      </span>
      <p>{refusalWords(cause, words)}</p>
    </div>
  )
}

function refusalWords(cause: unknown, words: ((status: number) => string | undefined) | undefined): string {
  if (cause instanceof RequestFailure) return words?.(cause.status) ?? `${cause.message} ${cause.remedy}`
  return cause instanceof Error ? cause.message : 'It failed. Try again.'
}
