import { useEffect, useState } from 'react'
import { api, ask, RequestFailure } from '../../api.ts'
import type { Shapes } from '../../api-types.ts'

/** How long nothing is typed before the text is looked at. */
const pauseMs = 400

/** What is known of a text: what is wrong in it, what it changes. */
export interface Validated {
  readonly result: Shapes['Validation'] | undefined
  /** The text that the result is of. */
  readonly of: string | undefined
  readonly isWorking: boolean
  readonly failure: RequestFailure | undefined
}

/** Validates a text as it is typed: after a pause, and never two at a time. */
export function useValidation(text: string, plant: string, base: number): Validated {
  const [state, setState] = useState<Validated>({
    result: undefined,
    of: undefined,
    isWorking: true,
    failure: undefined,
  })
  useEffect(() => {
    const abort = new AbortController()
    setState((before) => ({ ...before, isWorking: true }))
    const timer = setTimeout(() => {
      ask(
        'Checking the text',
        api.POST('/api/v1/plants/validate', {
          body: { text, ...(plant === '' || base < 1 ? {} : { against: { plant, version: base } }) },
          signal: abort.signal,
        }),
      ).then(
        (result) => setState({ result, of: text, isWorking: false, failure: undefined }),
        (cause: unknown) => {
          if (abort.signal.aborted) return
          setState((before) => ({
            ...before,
            isWorking: false,
            failure: cause instanceof RequestFailure ? cause : undefined,
          }))
        },
      )
    }, pauseMs)
    return () => {
      clearTimeout(timer)
      abort.abort()
    }
  }, [text, plant, base])
  return state
}
