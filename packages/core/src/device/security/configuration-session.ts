import { generalStatus } from '../../cip/general-status.ts'
import type { Call } from '../attributes.ts'
import { configurationTimeoutMs } from '../context.ts'
import type { ConfigurationSession } from '../data.ts'
import type { Link } from '../link.ts'
import { type Refusal, refuse } from '../outcome.ts'

/** The session that the caller of Begin_Config or Kick_Timer holds from now on. */
export function sessionOf({ link, now }: Call): ConfigurationSession {
  return { owner: link, deadline: now + configurationTimeoutMs }
}

/** Refuses whoever does not hold the session: nobody does (0x0C), or another link (0x0F). */
export function ownerOnly(session: ConfigurationSession | undefined, link: Link): Refusal | undefined {
  if (session === undefined) return refuse(generalStatus.objectStateConflict)
  return session.owner === link ? undefined : refuse(generalStatus.privilegeViolation)
}
