import type { RateLimitPluginOptions } from '@fastify/rate-limit'
import type { FastifyRequest } from 'fastify'
import type { Route } from './contract/route.ts'
import { rateKey } from './guard.ts'
import { RequestProblem } from './problem.ts'

/** Requests per minute and caller where a route says nothing else. */
export const defaultPerMinute = 600
/** Files of the web interface per minute and address. */
export const filesPerMinute = 3000
/** Callers that are remembered for each limit; the longest unused is forgotten. */
const mostCallers = 5000

/**
 * How a rate is counted: in the memory of this manager, so that several managers together allow as many times more. A
 * count in the store would cost a write for each request.
 */
export function rateOptions(route: Pick<Route, 'access' | 'perMinute'>, max = route.perMinute ?? defaultPerMinute) {
  return {
    max,
    timeWindow: 60_000,
    cache: mostCallers,
    keyGenerator: (request: FastifyRequest) => rateKey(request, route),
    errorResponseBuilder: () =>
      new RequestProblem(429, {
        code: 'too-many',
        message: `more than ${max} of these requests in a minute`,
        remedy: 'wait as long as retry-after says',
      }),
  } satisfies RateLimitPluginOptions
}
