import type { Device, Zone } from './model.ts'
import type { PlantIndex } from './plant-index.ts'
import { compareProtection } from './plant-index.ts'
import type { ProblemList } from './problem.ts'

/** Settings of a zone that contradict each other. */
export function checkZone(zone: Zone, isInhabited: boolean, problems: ProblemList): void {
  const path = `zones.${zone.name}`
  const subject = `zone ${zone.name}`
  if (!isInhabited) {
    problems.error(
      'empty-zone',
      path,
      subject,
      'no device and no range is in this zone',
      'put a device into it or remove the zone',
    )
  }
  checkPsk(zone, path, subject, problems)
  if (zone.authentication === 'none') {
    for (const transport of ['messaging', 'io'] as const) {
      if (zone[transport] !== 'integrity' && zone[transport] !== 'confidentiality') continue
      const reason = `${transport}: ${zone[transport]} needs peers that prove who they are`
      problems.error(
        'protection-without-identity',
        `${path}.${transport}`,
        subject,
        reason,
        'use authentication: certificate or psk, or none here',
      )
    }
  }
  checkPlain(zone.messaging, zone.io, [zone], path, subject, problems)
  for (const [place, port] of zone.close.entries()) checkClosedPort(port, `${path}.close[${place}]`, subject, problems)
}

function checkPsk(part: Zone, path: string, subject: string, problems: ProblemList): void {
  const uses = part.authentication === 'psk'
  if (uses && part.psk === undefined) {
    problems.error(
      'psk-missing',
      path,
      subject,
      'authentication is psk, but no stored key is named',
      'add `psk:` with the name of a stored key',
    )
  } else if (!uses && part.psk !== undefined) {
    problems.error(
      'psk-unused',
      `${path}.psk`,
      subject,
      `psk is named, but authentication is ${part.authentication}`,
      'remove psk, or use authentication: psk',
    )
  }
  if (uses && part.uniqueIdentity) refuseSharedKey(path, subject, problems)
}

/** Refuses a pre-shared key where each device must be told apart. */
export function refuseSharedKey(path: string, subject: string, problems: ProblemList): void {
  const reason = 'each device must have an identity of its own, and all holders of a pre-shared key look alike'
  problems.error('psk-unique-identity', path, subject, reason, 'use authentication: certificate')
}

/** Plain traffic where no plain traffic may be, and plain I/O without the plain messages that open it. */
export function checkPlain(
  messaging: string,
  io: string,
  zones: readonly Zone[],
  path: string,
  subject: string,
  problems: ProblemList,
): void {
  const refusing = zones.find((zone) => zone.nonSecure === 'deny')
  if ((messaging === 'none' || io === 'none') && refusing !== undefined) {
    const what = messaging === 'none' && io === 'none' ? 'traffic is' : messaging === 'none' ? 'messages are' : 'I/O is'
    const alternative = `secure it, or say \`nonSecure: allow\` in zone ${refusing.name}`
    problems.error(
      'plain-denied',
      path,
      subject,
      `${what} plain, and zone ${refusing.name} allows no plain traffic`,
      alternative,
    )
  }
  if (io === 'none' && messaging !== 'none') {
    const reason = `plain I/O is opened by plain messages on 44818/tcp, and messages are ${messaging === 'deny' ? 'denied' : 'secured'}`
    problems.error(
      'plain-io-without-messages',
      path,
      subject,
      reason,
      'secure I/O too (io: integrity), deny it (io: deny), or let messages be plain',
    )
  }
}

function checkClosedPort(
  port: { readonly protocol: string; readonly port: number },
  path: string,
  subject: string,
  problems: ProblemList,
): void {
  if (port.port !== 2221) return
  problems.error(
    'close-secure-port',
    path,
    subject,
    `${port.protocol}/2221 is the secured way in`,
    'close plain ports: tcp/44818, udp/44818, udp/2222',
  )
}

/** Settings of a device that are looser than its zone, or that it cannot have. */
export function checkDeviceSettings(device: Device, index: PlantIndex, problems: ProblemList): void {
  const path = `devices.${device.name}`
  const zone = index.zones.get(device.zone)
  if (zone === undefined) return
  for (const transport of ['messaging', 'io'] as const) {
    const own = device[transport]
    if (own === undefined) continue
    if (device.capability === 'none' && own !== 'deny' && own !== 'none') {
      const reason = `${device.name} cannot speak CIP Security, so ${transport}: ${own} cannot be`
      problems.error(
        'not-capable',
        `${path}.${transport}`,
        device.name,
        reason,
        `remove ${transport}, or say \`${transport}: deny\``,
      )
    } else if (device.capability !== 'none' && compareProtection(own, zone[transport]) < 0) {
      const reason = `${transport}: ${own} is looser than ${zone[transport]} of zone ${zone.name}`
      problems.error(
        'looser-device',
        `${path}.${transport}`,
        device.name,
        reason,
        'put it into a looser zone, or loosen the zone',
      )
    }
  }
  for (const [place, port] of device.close.entries())
    checkClosedPort(port, `${path}.close[${place}]`, device.name, problems)
}
