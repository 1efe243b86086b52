import { type ApiClient, ApiProblem, answered, apiClient, type components } from '@cordon/client'
import { RequestFailure } from '../api.ts'
import { queryClient } from './query-client.ts'

/** Shapes of the API by name. */
export type Shapes = components['schemas']

/** An answer of the manager that is no success, with all that it says. */
export class Refusal extends RequestFailure {
  readonly problem: Shapes['Problem']

  constructor(what: string, status: number, problem: Shapes['Problem']) {
    super(what, {
      status,
      code: problem.code,
      reason: sentence(problem.message),
      remedy: problem.remedy === undefined ? remedyOf(status) : sentence(problem.remedy),
    })
    this.problem = problem
  }
}

/** Requests to the manager that served this page. */
export const client: ApiClient = apiClient({
  server: '',
  csrf: () => queryClient.getQueryData<{ readonly csrf?: string } | null>(['session'])?.csrf,
})

/**
 * The body of an answer.
 * @param what what is being done, such as `Reading the plan`: a failure says that it failed
 * @throws Refusal, or RequestFailure where no answer came
 */
export async function ask<T>(
  what: string,
  answer: Promise<{ data?: T; error?: unknown; response: Response }>,
): Promise<T> {
  try {
    return await answered(answer)
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause
    if (!(cause instanceof ApiProblem)) {
      throw new RequestFailure(what, {
        status: 0,
        code: 'no-answer',
        reason: 'The manager did not answer.',
        remedy: 'Check the network between this browser and the manager, then try again.',
      })
    }
    if (cause.status === 401 && queryClient.getQueryData(['session']) !== undefined) {
      queryClient.setQueryData(['session'], null)
    }
    throw new Refusal(what, cause.status, cause.problem)
  }
}

/** What to do where the manager does not say it. */
function remedyOf(status: number): string {
  if (status === 401) return 'Sign in again.'
  if (status === 403) return 'Ask an administrator for the role that permits it.'
  if (status === 404) return 'It may have been removed or renamed. Go back to the list it came from.'
  if (status === 409) return 'Somebody changed it meanwhile. Load the page again and repeat what you did.'
  if (status === 413) return 'It is larger than the manager takes. Send less at a time.'
  if (status === 429) return 'Wait a minute, then try again.'
  if (status >= 500) return 'Try again in a moment. If it stays, look into the log of the manager.'
  return 'Correct what the message names and try again.'
}

/** With a capital letter and a full stop. */
function sentence(text: string): string {
  const started = text.charAt(0).toUpperCase() + text.slice(1)
  return /[.!?]$/.test(started) ? started : `${started}.`
}
