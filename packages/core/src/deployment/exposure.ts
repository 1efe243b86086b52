import { generalStatus } from '../cip/general-status.ts'
import type { ObjectClient } from '../client/object-client.ts'
import { isStatus } from '../client/reply-status.ts'
import { ingressEgress } from '../objects/ingress-egress.ts'
import { type PortAdmin, tcpIp } from '../objects/tcp-ip.ts'
import { formatRule } from '../policy/rules.ts'
import type { PortSetting, RuleSet } from '../policy/settings.ts'
import { type RulesReading, readRules } from './observe.ts'
import { StepFailure } from './step.ts'

/*
 * Rules of class 0x63 and ports of class 0xF5 act at once and lie outside Apply_Config: each write is read back, and put
 * back where it reads differently.
 */

/** Bit 0 of the behaviour word of Set_Rules (Volume 8 via cip-security-wire 4.6). */
const breakConnections = 0x0000_0001
/** Capability bits of 0xF5 attribute 14 (Volume 2 via cip-security-wire 4.8). */
const portConfigurable = 0x01
const portNeedsReset = 0x02

/** Whether a device holds exactly these rules. */
export function holdsRules(held: Pick<RulesReading, 'ingress' | 'egress'>, rules: RuleSet): boolean {
  return sameTexts(rules.ingress.map(formatRule), held.ingress) && sameTexts(rules.egress.map(formatRule), held.egress)
}

/**
 * Writes rules over those that were read, and reads them back.
 *
 * @throws StepFailure `changed-since-plan` when somebody else changed them meanwhile, `read-back-differs`
 */
export async function writeRules(
  client: ObjectClient,
  held: RulesReading,
  rules: RuleSet,
  breaks: boolean,
): Promise<RulesReading> {
  const send = (ingress: readonly string[], egress: readonly string[], changeCount: number, behaviour: number) =>
    client.call(ingressEgress, 0, 'setRules', {
      changeCount,
      behaviour,
      instances: [{ instance: held.instance, ingress, egress }],
    })
  try {
    const behaviour = breaks ? breakConnections : 0
    await send(rules.ingress.map(formatRule), rules.egress.map(formatRule), held.changeCount, behaviour)
  } catch (error) {
    if (!isStatus(error, generalStatus.objectStateConflict)) throw error
    throw new StepFailure('changed-since-plan', 'its rules were changed by somebody else meanwhile', error)
  }
  const now = await readRules(client)
  if (holdsRules(now, rules)) return now
  await send(held.ingress, held.egress, now.changeCount, 0)
  throw new StepFailure('read-back-differs', 'its rules read back differently and were put back')
}

/** Which of the ports a device lets nobody change. */
export function fixedPorts(wanted: readonly PortSetting[], held: readonly PortAdmin[]): readonly PortSetting[] {
  return wanted.filter((port) => ((entryOf(held, port)?.capability ?? 0) & portConfigurable) === 0)
}

/** What became of ports that were written. */
export interface PortsWritten {
  readonly ports: readonly PortAdmin[]
  /** They change when the device is reset. */
  readonly atReset: readonly PortSetting[]
}

/** Opens and closes ports, and reads them back. @throws StepFailure `read-back-differs` */
export async function writePorts(
  client: ObjectClient,
  held: readonly PortAdmin[],
  wanted: readonly PortSetting[],
): Promise<PortsWritten> {
  await client.call(tcpIp, 1, 'setPortAdminState', wanted)
  const ports = await client.get(tcpIp, 1, 'portAdmin')
  const wrong = wanted.filter((port) => entryOf(ports, port)?.open === !port.open)
  const atReset = wrong.filter((port) => ((entryOf(held, port)?.capability ?? 0) & portNeedsReset) !== 0)
  const [first] = wrong.filter((port) => !atReset.includes(port))
  if (first === undefined) return { ports, atReset }
  await client.call(tcpIp, 1, 'setPortAdminState', opposite(wanted))
  const state = first.open ? 'open' : 'closed'
  throw new StepFailure('read-back-differs', `${spellPorts([first])}: expected ${state}; ports were put back`)
}

/** The ports as they are before they are written as wanted. */
export function opposite(wanted: readonly PortSetting[]): readonly PortSetting[] {
  return wanted.map(({ port, protocol, open }) => ({ port, protocol, open: !open }))
}

/** Ports as people write them: `tcp/44818, udp/2222`. */
export function spellPorts(ports: readonly Pick<PortSetting, 'port' | 'protocol'>[]): string {
  return ports.map(({ port, protocol }) => `${protocol}/${port}`).join(', ')
}

function entryOf(held: readonly PortAdmin[], { port, protocol }: PortSetting): PortAdmin | undefined {
  return held.find((entry) => entry.port === port && entry.protocol === protocol)
}

function sameTexts(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text, place) => text === b[place])
}
