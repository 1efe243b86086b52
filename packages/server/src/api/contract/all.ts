import { jobRoutes } from './jobs.ts'
import { plantRoutes } from './plants.ts'
import type { Routes } from './route.ts'
import { signInRoutes } from './sign-in.ts'
import { systemRoutes } from './system.ts'
import { trustRoutes } from './trust.ts'
import { userRoutes } from './users.ts'

/** Every route of the API. */
export const routes = {
  ...signInRoutes,
  ...userRoutes,
  ...plantRoutes,
  ...jobRoutes,
  ...trustRoutes,
  ...systemRoutes,
} as const satisfies Routes
