import type { HostedDevice } from '@cordon/core/device'
import { suites as knownSuites } from '@cordon/tls'
import type { Credentials } from '../transports/credentials.ts'
import type { SessionKey } from './session-pool.ts'

/** How a device may reach a target now, or why not. */
export type Way =
  | { readonly allowed: true; readonly secure: boolean; readonly key: SessionKey; readonly reason: string }
  | { readonly allowed: false; readonly reason: string }

/** The address of a target and whether its path forces a secured transport (`:2221`). */
export function parseTarget(target: string): { readonly address: string; readonly forced: boolean } {
  const forced = target.endsWith(':2221')
  return { address: forced ? target.slice(0, -5) : target, forced }
}

interface DeviceCredentials {
  readonly generation: number
  readonly bySuites: Map<string, Credentials>
}

/** Credentials are one object per settings and suites, so that their native contexts and tickets are shared. */
const made = new WeakMap<HostedDevice, DeviceCredentials>()

/** Decides by the device's egress policy and active settings of this moment. */
export function wayTo(device: HostedDevice, target: string, transportClass: 0 | 1 | 3): Way {
  const { address, forced } = parseTarget(target)
  const verdict = device.egress(address, transportClass === 3 ? 'tcp' : 'udp')
  if (!verdict.allowed) return { allowed: false, reason: verdict.reason }
  if (!verdict.secure && !forced) {
    return {
      allowed: true,
      secure: false,
      key: { address, transport: 'tcp', credentialsId: '' },
      reason: verdict.reason,
    }
  }
  const security = device.security()
  const narrowed = verdict.suites
  const offered = security.originatorSuites.filter(
    (id) =>
      (narrowed === undefined || narrowed.includes(id)) &&
      knownSuites.some((suite) => suite.id === id && suite.available),
  )
  if (offered.length === 0) {
    return { allowed: false, reason: `no suite is left for ${address}: ${verdict.reason}` }
  }
  const transport = transportClass === 3 ? 'tls' : 'dtls'
  const credentialsId = `${security.generation}|${offered.join(',')}`
  return {
    allowed: true,
    secure: true,
    key: { address, transport, credentialsId, credentials: credentialsOf(device, offered, credentialsId) },
    reason: verdict.reason,
  }
}

function credentialsOf(device: HostedDevice, suites: readonly number[], id: string): Credentials {
  const security = device.security()
  let cached = made.get(device)
  if (cached === undefined || cached.generation !== security.generation) {
    cached = { generation: security.generation, bySuites: new Map() }
    made.set(device, cached)
  }
  const known = cached.bySuites.get(id)
  if (known !== undefined) return known
  const credentials: Credentials = {
    suites,
    ...(security.chain.length === 0 ? {} : { chain: security.chain, key: security.key }),
    sendChain: security.sendChain,
    psk: security.psk.filter((entry) => entry.usage !== 'server'),
    anchors: security.anchors,
    trusted: security.trusted,
    crls: security.crls,
    verify: { time: security.checkExpiration, name: security.checkName },
  }
  cached.bySuites.set(id, credentials)
  return credentials
}
