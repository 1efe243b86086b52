import type { ApiHandlers } from '../app.ts'
import { eventHandlers } from './events.ts'
import { providerHandlers } from './identity-providers.ts'
import { jobHandlers } from './jobs.ts'
import { plantHandlers } from './plants.ts'
import { signInHandlers } from './sign-in.ts'
import { systemHandlers } from './system.ts'
import { trustHandlers } from './trust.ts'
import { userHandlers } from './users.ts'

/** Every handler of the API. */
export const handlers: ApiHandlers = {
  ...signInHandlers,
  ...userHandlers,
  ...providerHandlers,
  ...plantHandlers,
  ...jobHandlers,
  ...eventHandlers,
  ...trustHandlers,
  ...systemHandlers,
}
