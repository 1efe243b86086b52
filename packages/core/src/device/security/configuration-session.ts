import { generalStatus } from '../../cip/general-status.ts'
import type { Call } from '../attributes.ts'
import { configurationTimeoutMs, type DeviceContext } from '../context.ts'
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

/** A configurator holds 0x5D, 0x5E or both from now on: called with each session that begins. */
export function sessionBegan(device: DeviceContext): void {
  const { cipSecurity, ethernetIpSecurity } = device.data
  if (cipSecurity.session === undefined || ethernetIpSecurity.session === undefined)
    device.tellPull({ kind: 'pushBegan' })
}

/** A session on 0x5D or 0x5E has ended: called with each. */
export function sessionEnded(device: DeviceContext): void {
  const { cipSecurity, ethernetIpSecurity } = device.data
  if (cipSecurity.session !== undefined || ethernetIpSecurity.session !== undefined) return
  device.tellPull({ kind: 'pushEnded', configured: ethernetIpSecurity.state === 'configured' })
}
