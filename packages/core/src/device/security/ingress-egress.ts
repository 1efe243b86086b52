import { generalStatus } from '../../cip/general-status.ts'
import { MalformedMessage } from '../../errors.ts'
import { ingressEgress, type SetRules } from '../../objects/ingress-egress.ts'
import { matchEgress, matchIngress, parseRule, type Rule } from '../../policy/rules.ts'
import type { RuleSet } from '../../policy/settings.ts'
import { behaviour, type Call } from '../attributes.ts'
import { type DeviceContext, isConfigured, mayConfigure, outermost } from '../context.ts'
import type { RulesData } from '../data.ts'
import type { Admission } from '../hosted-device.ts'
import type { Link } from '../link.ts'
import { done, type Outcome, refuse } from '../outcome.ts'

/** Bytes of rule text that a device holds (0x63 class attribute 10). */
const rulesBufferSize = 65_536

/** Bit 0 of Set_Rules: connections that the new rules do not allow are broken. */
export const breakConnections = 0x0000_0001

/** The instance of the Ethernet port: the only one these devices have rules for. */
const ethernetInstance = 1

/** Has this device the Ingress Egress object? */
function hasRules(device: DeviceContext): boolean {
  return device.options.security !== undefined && device.options.security.ingressEgress !== false
}

/** The rules in force, read. */
export function rulesOf(data: RulesData): RuleSet {
  data.read ??= { ingress: data.ingress.map(parseRule), egress: data.egress.map(parseRule) }
  return data.read
}

function setRules(call: Call, request: SetRules): Outcome<undefined> {
  const { device } = call
  const { rules } = device.data
  // Deviation: what a count that is not the present one is answered with is not public.
  if (request.changeCount !== rules.changeCount) return refuse(generalStatus.objectStateConflict)
  let size = 0
  let ingress: readonly Rule[] | undefined
  let egress: readonly Rule[] | undefined
  let texts: { readonly ingress: readonly string[]; readonly egress: readonly string[] } | undefined
  for (const [index, instance] of request.instances.entries()) {
    if (instance.instance !== ethernetInstance || texts !== undefined)
      return refuse(generalStatus.invalidParameter, index, 0)
    const read: Rule[] = []
    for (const [rule, text] of [...instance.ingress, ...instance.egress].entries()) {
      size += text.length + 1
      const parsed = readRule(text)
      if (parsed === undefined) return refuse(generalStatus.invalidParameter, index, rule)
      read.push(parsed)
    }
    texts = { ingress: instance.ingress, egress: instance.egress }
    ingress = read.slice(0, instance.ingress.length)
    egress = read.slice(instance.ingress.length)
  }
  if (size > rulesBufferSize) return refuse(generalStatus.resourceUnavailable)
  // Everything was read before anything changes: all rules or none.
  if (texts !== undefined && ingress !== undefined && egress !== undefined) {
    rules.ingress = texts.ingress
    rules.egress = texts.egress
    rules.read = { ingress, egress }
  }
  rules.changeCount = (rules.changeCount + 1) >>> 0
  device.changed()
  device.securityChanged()
  device.report('rules-changed', 'notice', `ingress and egress rules changed, count ${rules.changeCount}`, call.link)
  if ((request.behaviour & breakConnections) !== 0) breakForbidden(device)
  return done
}

function readRule(text: string): Rule | undefined {
  try {
    return parseRule(text)
  } catch (error) {
    if (error instanceof MalformedMessage) return undefined
    throw error
  }
}

function breakForbidden(device: DeviceContext): void {
  const forbidden = [...device.links].filter((link) => link.transport !== 'backplane' && !mayStay(device, link))
  if (forbidden.length > 0) {
    device.act({ kind: 'close-links', which: forbidden, afterMs: 0, reason: 'the new ingress rules do not allow them' })
  }
}

function mayStay(device: DeviceContext, link: Link): boolean {
  const protocol = link.transport === 'tcp' || link.transport === 'tls' ? 'tcp' : 'udp'
  return ingress(device, link.peer.address, link.localPort, protocol, link.security?.suite).allowed
}

/** What the ingress rules say, with the extended status of a refusal. */
export function ingress(
  device: DeviceContext,
  peer: string,
  port: number,
  protocol: 'tcp' | 'udp',
  suite?: number,
): Admission & { readonly extendedStatus?: number } {
  if (!hasRules(device)) return { allowed: true, reason: 'the device has no ingress rules' }
  const traffic = { ip: peer, port, protocol, ...(suite === undefined ? {} : { suite }) }
  const verdict = matchIngress(rulesOf(device.data.rules).ingress, traffic)
  return {
    allowed: verdict.verdict === 'allow',
    ...(verdict.suites === undefined ? {} : { suites: verdict.suites }),
    reason: verdict.reason,
    ...(verdict.extendedStatus === undefined ? {} : { extendedStatus: verdict.extendedStatus }),
  }
}

/** What the egress rules say about reaching out to a peer. */
export function egress(
  device: DeviceContext,
  peer: string,
  protocol: 'tcp' | 'udp',
): Admission & { readonly secure: boolean } {
  if (!hasRules(device)) {
    // Deviation: without rules a device that is under a policy goes out secured: its peers are too.
    const secure = device.options.security !== undefined && isConfigured(device)
    return { allowed: true, secure, reason: 'the device has no egress rules' }
  }
  const verdict = matchEgress(rulesOf(device.data.rules).egress, { ip: peer, protocol })
  return {
    allowed: verdict.verdict === 'allow',
    secure: verdict.secure,
    ...(verdict.suites === undefined ? {} : { suites: verdict.suites }),
    reason: verdict.reason,
  }
}

const coveredTcp = [
  { low: 2221, high: 2221 },
  { low: 44818, high: 44818 },
] as const
const coveredUdp = [
  { low: 2221, high: 2222 },
  { low: 44818, high: 44818 },
] as const

/** How a device behaves as Ingress Egress Object. */
export const ingressEgressBehaviour = behaviour(ingressEgress, {
  revision: 1,
  getClass: {
    tcpPorts: () => coveredTcp,
    udpPorts: () => coveredUdp,
    maxBufferSize: () => rulesBufferSize,
    changeCount: ({ device }) => device.data.rules.changeCount,
  },
  get: {
    ingressRules: ({ device }) => device.data.rules.ingress,
    egressRules: ({ device }) => device.data.rules.egress,
  },
  services: { setRules },
  guard: ({ device, link }) => {
    if (device.data.identity.protectionMode !== 0) return refuse(generalStatus.deviceStateConflict)
    return isConfigured(device) && !mayConfigure(device, outermost(link))
      ? refuse(generalStatus.privilegeViolation)
      : undefined
  },
})
