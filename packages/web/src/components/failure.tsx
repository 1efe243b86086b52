import { Button } from '@mantine/core'
import { RequestFailure } from '../api.ts'
import { Icon } from './icon.tsx'
import classes from './failure.module.css'

/** What failed, why, and what to do; with a button that tries again where that may help. */
export function Failure({ cause, retry }: { readonly cause: unknown; readonly retry?: (() => unknown) | undefined }) {
  const { what, reason, remedy } = wordsOf(cause)
  return (
    <div className={classes['failure']} role="alert">
      <span className={classes['sign']}>
        <Icon name="warning" size={20} />
      </span>
      <div>
        <p className={classes['what']}>{what} failed</p>
        <p>{reason}</p>
        <p className={classes['remedy']}>{remedy}</p>
        {retry === undefined ? null : (
          <Button variant="default" mt="sm" onClick={() => void retry()}>
            Try again
          </Button>
        )}
      </div>
    </div>
  )
}

function wordsOf(cause: unknown): { readonly what: string; readonly reason: string; readonly remedy: string } {
  if (cause instanceof RequestFailure) return { what: cause.what, reason: cause.message, remedy: cause.remedy }
  return {
    what: 'Showing this page',
    reason: cause instanceof Error ? cause.message : 'An unexpected error occurred.',
    remedy: 'Load the page again. If the manager was updated meanwhile, that is all it takes.',
  }
}
