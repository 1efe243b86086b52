import type { Shapes } from '../../api-types.ts'
import { actions } from '../../words/states.ts'

type Planned = Shapes['PlannedDevice']
/** What a plan does with a device. */
export type Action = Planned['action']

/** Actions in the order in which people need to see them. */
export const actionOrder = Object.keys(actions) as readonly Action[] // the table has exactly the actions

/** What a plan comes to. */
export interface Impact {
  readonly counts: Readonly<Record<Action, number>>
  /** Devices that it changes. */
  readonly touched: number
  /** Devices whose connections are interrupted. */
  readonly interrupted: readonly string[]
  readonly moving: number
  readonly denied: number
}

/** Sums a plan up. */
export function impactOf(plan: NonNullable<Shapes['Plan']['plan']>): Impact {
  const counts: Record<Action, number> = {
    refused: 0,
    commission: 0,
    reconfigure: 0,
    finish: 0,
    adjust: 0,
    leave: 0,
    nothing: 0,
  }
  for (const { action } of plan.devices) counts[action] += 1
  return {
    counts,
    touched: plan.devices.length - counts.nothing - counts.leave - counts.refused,
    interrupted: plan.devices
      .filter(
        ({ action, interrupts, changes }) =>
          action !== 'refused' && (interrupts.length > 0 || changes.some((change) => change.interrupts)),
      )
      .map(({ device }) => device),
    moving: plan.connections.filter(({ moves }) => moves).length,
    denied: plan.connections.filter(({ verdict }) => verdict === 'denied').length,
  }
}

/** The devices of a list that a person looks for, those that need attention first. */
export function shownDevices(devices: readonly Planned[], action: string, text: string): readonly Planned[] {
  const wanted = text.trim().toLowerCase()
  return devices
    .filter(
      (row) =>
        (action === '' || row.action === action) &&
        (wanted === '' || [row.device, row.address, row.zone].some((value) => value.toLowerCase().includes(wanted))),
    )
    .sort((a, b) => actionOrder.indexOf(a.action) - actionOrder.indexOf(b.action) || a.device.localeCompare(b.device))
}

/** What changes in a device, in one line. */
export function changeWords({ changes, messages }: Pick<Planned, 'changes' | 'messages'>): string {
  if (changes.length === 0) return messages[0]?.text ?? ''
  const [first, ...rest] = changes
  const words =
    first === undefined
      ? ''
      : `${first.what}: ${first.from === '' ? 'none' : first.from} → ${first.to === '' ? 'none' : first.to}`
  return rest.length === 0 ? words : `${words}, and ${rest.length} more`
}

/** Devices that a plan changes though nobody changed them in the model. */
export function alsoAffected(
  devices: readonly Planned[],
  changes: readonly Shapes['ModelChange'][],
): ReadonlySet<string> {
  const chosen = new Set(changes.filter(({ what }) => what === 'device').map(({ name }) => name))
  return new Set(
    devices.filter(({ device, action }) => action !== 'nothing' && !chosen.has(device)).map(({ device }) => device),
  )
}
