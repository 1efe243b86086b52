import { decide } from '../policy/decide.ts'
import type { Plant } from '../policy/model.ts'
import { indexPlant, type PlantIndex } from '../policy/plant-index.ts'
import { validate } from '../policy/validate.ts'
import type { KnownDevices } from './known.ts'

/** Something that a device, as it is known, cannot do for the plan. */
export interface LimitFinding {
  /** A device, or the zone, conduit or connection that the reason is about. */
  readonly subject: string
  /** The devices that subject and reason name. */
  readonly devices: readonly string[]
  /** The limit by its name among what is known: `pskSlots`, `capacity.tls`; else the code of the refusal. */
  readonly limit: string
  readonly reason: string
  readonly alternative: string
}

const limitOf: Readonly<Record<string, string>> = {
  'psk-slots': 'pskSlots',
  'certificate-size': 'fileLimit',
  'connection-capacity': 'maxConnections',
  'no-common-suite': 'suites',
  'null-suite-one-end': 'suites',
  'not-capable': 'capable',
  'conduit-not-holdable': 'ingressEgress',
}

/** What the plan asks of each device, held against what is known of it. Nothing is assumed here. */
export function checkLimits(plant: Plant, known: KnownDevices): readonly LimitFinding[] {
  const capabilities = new Map(
    [...known].flatMap(([name, device]) => (device.capabilities === undefined ? [] : [[name, device.capabilities]])),
  )
  const index = indexPlant(plant, capabilities)
  const refused = validate(index)
    .filter(({ severity }) => severity === 'error')
    .map(({ code, subject, reason, alternative }) => ({
      subject,
      devices: namedIn(index, `${subject} ${reason}`),
      limit: limitOf[code] ?? code,
      reason,
      alternative,
    }))
  return [...refused, ...checkSessions(index, known)]
}

function namedIn({ devices }: PlantIndex, text: string): readonly string[] {
  return [...new Set(text.split(/[^A-Za-z0-9_-]+/))].filter((word) => devices.has(word))
}

/** Secured sessions that a device must hold at the same time, at the least: one for each peer, and one for the manager. */
function checkSessions(index: PlantIndex, known: KnownDevices): readonly LimitFinding[] {
  const peers = { tls: new Map<string, Set<string>>(), dtls: new Map<string, Set<string>>() }
  const note = (kind: 'tls' | 'dtls', device: string, peer: string): void => {
    const found = peers[kind].get(device)
    if (found === undefined) peers[kind].set(device, new Set([peer]))
    else found.add(peer)
  }
  for (const { from, to, class: transportClass, when } of index.plant.connections) {
    if (when === 'before') continue
    const isMessages = transportClass === 3
    if (decide(index, { from, to, transport: isMessages ? 'tcp' : 'udp' }).verdict !== 'secure') continue
    for (const [one, other] of [
      [from, to],
      [to, from],
    ] as const)
      note(isMessages ? 'tls' : 'dtls', one, other)
  }
  const { manager } = index
  if (manager !== undefined) {
    for (const { name } of index.plant.devices) {
      const isManaged =
        index.endpoints.has(name) &&
        decide(index, { from: manager.name, to: name, transport: 'tcp' }).verdict === 'secure'
      if (isManaged) note('tls', name, manager.name)
    }
  }
  const findings: LimitFinding[] = []
  for (const [name, { capacity }] of known) {
    for (const [kind, what] of [
      ['tls', 'TLS sessions'],
      ['dtls', 'DTLS associations'],
    ] as const) {
      const [room, needed] = [capacity?.[kind], peers[kind].get(name)?.size ?? 0]
      if (room === undefined || needed <= room) continue
      findings.push({
        subject: name,
        devices: [name],
        limit: `capacity.${kind}`,
        reason: `it needs at least ${needed} ${what} at the same time and states room for ${room}`,
        alternative: 'let fewer peers connect to it secured, or use a device with more room',
      })
    }
  }
  return findings
}
