import type { Static } from 'typebox'
import type { problem } from './contract/common.ts'

/** Body of every answer that is no success. */
export type Problem = Static<typeof problem>

/** An answer that is no success: its status and body. */
export class RequestProblem extends Error {
  readonly status: number
  readonly body: Problem

  constructor(
    status: 400 | 401 | 403 | 404 | 408 | 409 | 410 | 413 | 415 | 421 | 422 | 429 | 500 | 501 | 502 | 503,
    body: Problem,
    options?: ErrorOptions,
  ) {
    super(body.message, options)
    this.name = 'RequestProblem'
    this.status = status
    this.body = body
  }
}

/** There is nothing of that name. */
export function notFound(what: string): RequestProblem {
  return new RequestProblem(404, { code: 'not-found', message: `there is no ${what}` })
}
