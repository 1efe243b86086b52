import type { DeviceData } from './data.ts'
import type { DeviceAction, DeviceEvent } from './hosted-device.ts'
import { isSecureLink, type Link } from './link.ts'
import type { DeviceOptions } from './options.ts'
import type { PullNotice } from './device-pull.ts'
import type { SecondCounter } from './second-counter.ts'

/** What the Connection Manager counts, attributes 1 to 8 of class 0x06. */
export interface ConnectionCounters {
  openRequests: number
  openFormatRejects: number
  openResourceRejects: number
  openOtherRejects: number
  closeRequests: number
  closeFormatRejects: number
  closeOtherRejects: number
  connectionTimeouts: number
}

/** What objects ask of the connections of their device. */
export interface ConnectionFacts {
  readonly counters: ConnectionCounters
  /** Most connections at a time. */
  readonly capacity: number
  /** Connections that exist. */
  readonly active: number
  /** Extended status of Identity attribute 5: 0x30 no I/O, 0x60 at least one running, 0x70 all idle. */
  readonly ioStatus: number
  /** An exclusive owner has the outputs. */
  readonly owned: boolean
}

/** A device as its objects see it: their data, what they may ask of the host, and each other. */
export interface DeviceContext {
  readonly options: DeviceOptions
  readonly data: DeviceData
  readonly connectionFacts: ConnectionFacts
  /** Class codes of the objects that exist here, ascending. */
  readonly classes: readonly number[]
  /** Links that spoke to the device and are still up. */
  readonly links: ReadonlySet<Link>
  /** Encapsulation messages without CIP. */
  readonly nonCipMessages: SecondCounter
  /** Asks the host for something. */
  act(action: DeviceAction): void
  /** Something that must survive a power cycle has changed: it is stored before the reply leaves. */
  changed(): void
  /**
   * Certificates or files have changed. Within a configuration session they are stored with Apply_Config, End_Config or
   * the end of the session, as power loss takes back what is not applied; otherwise at once.
   */
  staged(): void
  /** Writes to the device's log. */
  report(name: string, severity: DeviceEvent['severity'], message: string, link?: Link): void
  /** The (D)TLS settings in force are others now. */
  securityChanged(): void
  /** A deadline of an object moved: {@link HostedDevice.deadline} is computed again. */
  deadlineMoved(): void
  /** Ends the plain I/O connections: their port was closed. */
  endPlainIo(): void
  /** Tells whoever pulls for the device. */
  tellPull(notice: PullNotice): void
  /** Goes back to the factory state; `keepCommunication` keeps network and security. */
  factoryReset(keepCommunication: boolean, now: number): void
}

/** Milliseconds after the last Begin_Config or Kick_Timer at which a configuration session ends; fixed by Volume 8. */
export const configurationTimeoutMs = 10_000

/**
 * Whether the device is under a policy, so that changing it needs a secure link.
 *
 * Deviation: with new settings of 0x5E in force it is, even while 0x5D still waits for End_Config: a stranger must not
 * take over a device half way.
 */
export function isConfigured(device: DeviceContext): boolean {
  const { cipSecurity, ethernetIpSecurity } = device.data
  if (cipSecurity.state === 'configured' || cipSecurity.state === 'reconfiguration') return true
  const state =
    ethernetIpSecurity.state === 'configurationInProgress' ? ethernetIpSecurity.previous : ethernetIpSecurity.state
  return state === 'configured' || state === 'pullModelCompleted'
}

/**
 * May this link change security settings now? Once configured it must be secure, except that whoever has begun a
 * configuration over the default credentials finishes it on the same link.
 */
export function mayConfigure(device: DeviceContext, link: Link): boolean {
  const { cipSecurity, ethernetIpSecurity } = device.data
  if (cipSecurity.session?.owner === link || ethernetIpSecurity.session?.owner === link) return true
  return !isConfigured(device) || isSecureLink(outermost(link), true)
}

/** The network link at the root of a backplane link, or the link itself. */
export function outermost(link: Link): Link {
  let root = link
  while (root.outer !== undefined) root = root.outer
  return root
}

/** How a link is written in logs. */
export function describePeer(link: Link): string {
  const root = outermost(link)
  return `${root.peer.address}:${root.peer.port}`
}
