import { type DeploymentPlan, type DevicePlan, message, outcomeOf, worst } from '@cordon/core/deployment'

/**
 * A plan in which every device that would now be treated otherwise than people agreed to is refused: it answers
 * otherwise than it did, or the plant's keys, authorities or peers ask for something else.
 */
export function refuseOtherwise(plan: DeploymentPlan, agreed: DeploymentPlan): DeploymentPlan {
  const before = new Map(agreed.devices.map((device) => [device.device, device]))
  const devices = plan.devices.map((device): DevicePlan => {
    if (device.action === 'refused' || device.action === 'leave') return device
    const difference = differenceOf(before.get(device.device), device)
    if (difference === undefined) return device
    const messages = [...device.messages, message('changed-since-plan', device.device, difference)]
    return { ...device, action: 'refused', messages }
  })
  const outcome = worst([outcomeOf(plan.messages), ...devices.map(({ messages }) => outcomeOf(messages))])
  return { ...plan, devices, outcome }
}

function differenceOf(agreed: DevicePlan | undefined, now: DevicePlan): string | undefined {
  if (agreed === undefined) return 'the plan that was agreed to does not name it'
  if (agreed.digest !== now.digest) return `planned against ${short(agreed.digest)}, found ${short(now.digest)}`
  if (agreed.action !== now.action) return `agreed was "${agreed.action}", it would be "${now.action}"`
  const wanted = wordsOf(agreed)
  const other = wordsOf(now).find((words) => !wanted.includes(words))
  return other === undefined ? undefined : `not agreed to: ${other}`
}

/** What would be changed to what. Newer lists are no other plan, and a certificate is new each time. */
function wordsOf({ changes }: DevicePlan): readonly string[] {
  return changes
    .filter(({ what }) => what !== 'revocationLists')
    .map(({ what, from, to }) => (what === 'certificate' ? what : `${what}: ${from} to ${to}`))
}

function short(digest: string | undefined): string {
  return digest === undefined ? 'a device that could not be read' : digest.slice(0, 16)
}
