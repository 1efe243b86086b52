import { failure, generalStatus, type MessageRouterRequest } from '@cordon/core/cip'
import type { Admission, DeviceReply, HostedDevice, Link, RequestContext } from '@cordon/core/device'
import type { FaultKind } from '@cordon/core/policy'

/** Faults in force, by kind. */
export type FaultsInForce = ReadonlyMap<FaultKind['kind'], FaultKind>

/** Class codes and services that faults look for. */
const certificateManagement = 0x5f
const fileObject = 0x37
const securityClasses: readonly number[] = [0x5d, 0x5e, certificateManagement, fileObject, 0x63]
const services = { create: 0x08, createCsr: 0x4b, getSingle: 0x0e, getAll: 0x01 } as const

/** What a unit does wrong besides its requests: asked by its host. */
export interface FaultSwitches {
  readonly faults: FaultsInForce
  /** 0 to 1, for the faults that strike by chance. */
  readonly random: () => number
  readonly wait: (ms: number) => Promise<void>
}

/**
 * A device that misbehaves while a fault is in force and is itself otherwise. Only what leaves and enters is touched:
 * the device's own state stays right, as in a unit with a bad cable or a bug in its server.
 */
export function withFaults(device: HostedDevice, switches: FaultSwitches): HostedDevice {
  const { faults, random, wait } = switches
  const dropped = (): boolean => {
    const drop = faults.get('drop')
    return drop?.kind === 'drop' && random() < drop.share
  }
  const answer = (
    request: MessageRouterRequest,
    link: Link,
    now: number,
    context: RequestContext | undefined,
  ): DeviceReply | Promise<DeviceReply> => {
    const wrong = faults.get('wrong-answer')
    if (wrong?.kind === 'wrong-answer') return failure(request.service, wrong.status)
    const classId = classOf(request)
    if (
      faults.has('full-certificate-store') &&
      request.service === services.create &&
      (classId === certificateManagement || classId === fileObject)
    ) {
      return failure(request.service, generalStatus.resourceUnavailable)
    }
    if (
      faults.has('protection-mode') &&
      securityClasses.includes(classId ?? -1) &&
      request.service !== services.getSingle &&
      request.service !== services.getAll
    ) {
      return failure(request.service, generalStatus.deviceStateConflict)
    }
    return device.request(request, link, now, context)
  }
  return {
    get address() {
      return device.address
    },
    ports: () => device.ports(),
    security: () => device.security(),
    admit: (peer, port, protocol): Admission =>
      dropped() ? { allowed: false, reason: 'fault: dropped' } : device.admit(peer, port, protocol),
    egress: (peer, protocol) => device.egress(peer, protocol),
    request: (request, link, now, context) => {
      if (faults.has('hang')) return new Promise<DeviceReply>(() => {})
      const delay = delayOf(faults, request)
      if (delay === 0) return answer(request, link, now, context)
      return wait(delay).then(() => answer(request, link, now + delay, context))
    },
    connected: (link, connectionId, sequenceCount, message, now) =>
      faults.has('hang') || dropped() ? undefined : device.connected?.(link, connectionId, sequenceCount, message, now),
    openSession: (link) => (device.openSession === undefined ? 1 : device.openSession(link)),
    ...(device.encapsulation === undefined ? {} : { encapsulation: device.encapsulation.bind(device) }),
    listIdentity: () => device.listIdentity(),
    datagram: (link, bytes, now) => {
      if (!faults.has('hang') && !dropped()) device.datagram(link, bytes, now)
    },
    linkClosed: (link, now) => device.linkClosed(link, now),
    deadline: () => device.deadline(),
    tick: (now) => device.tick(now),
    takeActions: () => {
      const actions = device.takeActions()
      if (!faults.has('hang') && !faults.has('drop')) return actions
      return actions.filter((action) => action.kind !== 'send' || !(faults.has('hang') || dropped()))
    },
  }
}

function delayOf(faults: FaultsInForce, request: MessageRouterRequest): number {
  const delay = faults.get('delay')
  const slow = faults.get('slow-csr')
  const isCsr = request.service === services.createCsr && classOf(request) === certificateManagement
  return (delay?.kind === 'delay' ? delay.delayMs : 0) + (isCsr && slow?.kind === 'slow-csr' ? slow.delayMs : 0)
}

function classOf(request: MessageRouterRequest): number | undefined {
  const [first] = request.path
  return first?.kind === 'class' ? first.value : undefined
}
