import type { GroupAnalysis } from './analyze.ts'
import { analyze } from './analyze.ts'
import type { Device, Plant, PlantConnection, PlantKeyKind } from './model.ts'
import type { PlantIndex } from './plant-index.ts'
import type { ProblemList } from './problem.ts'
import { describeGroup, listNames } from './wording.ts'

/** Bytes of a device certificate of this plant in DER, rounded up: what a File instance must take. */
export function estimateCertificateSize(plant: Plant, device: Device): number {
  const { authority } = plant
  const subject: readonly (string | undefined)[] = Object.values(authority.subject)
  // Two bytes for a character outside ASCII; the name stands in issuer and subject.
  const names = subject.reduce((sum, text) => sum + (text === undefined ? 0 : text.length * 2 + 16), 0)
  const structure = 560 // version, serial, algorithms, dates, extensions and their headers
  const alternativeNames = 16 + (device.dnsName?.length ?? 0)
  const commonNames = device.name.length + plant.name.length + device.zone.length + 64
  return (
    structure +
    publicKeySize[authority.device.key] +
    signatureSize[authority.key] +
    names * 2 +
    alternativeNames +
    commonNames
  )
}

/** SubjectPublicKeyInfo in DER. */
const publicKeySize: Readonly<Record<PlantKeyKind, number>> = {
  'ecdsa-p256': 91,
  'ecdsa-p384': 120,
  'ecdsa-p521': 158,
  'rsa-2048': 294,
  'rsa-3072': 422,
  'rsa-4096': 550,
}

const signatureSize: Readonly<Record<PlantKeyKind, number>> = {
  'ecdsa-p256': 72,
  'ecdsa-p384': 104,
  'ecdsa-p521': 139,
  'rsa-2048': 256,
  'rsa-3072': 384,
  'rsa-4096': 512,
}

/** What single devices can hold, and what was assumed about those that were not asked. */
export function checkCapabilities(index: PlantIndex, problems: ProblemList): void {
  const analyses = analyze(index)
  const load = countConnections(index.plant.connections)
  const assumed: string[] = []
  for (const device of index.plant.devices) {
    const path = `devices.${device.name}`
    const known = index.capabilities.get(device.name)
    const limit = known?.maxConnections
    const connections = load.get(device.name) ?? 0
    if (limit !== undefined && connections > limit) {
      const reason = `it would hold ${connections} connections and states room for ${limit}`
      problems.error(
        'connection-capacity',
        path,
        device.name,
        reason,
        'move connections to another module, or remove some',
      )
    }
    const endpoint = index.endpoints.get(device.name)
    if (endpoint === undefined || endpoint.group.isManager) continue
    if (device.capability === 'none') {
      if (known?.capable !== true) continue
      const reason = 'the plant file says capability: none, but it speaks CIP Security'
      problems.warning(
        'capable-after-all',
        path,
        device.name,
        reason,
        'remove `capability: none` and give it a secured conduit',
      )
      continue
    }
    if (known?.capable === false) {
      const reason = 'the plant file counts on CIP Security, but the device does not have it'
      problems.error(
        'not-capable',
        path,
        device.name,
        reason,
        'say `capability: none` and give it a conduit with trusted-ip',
      )
      continue
    }
    const analysis = analyses[endpoint.group.id]
    if (analysis === undefined || analysis.enforcement === 'none') continue
    if (known?.suites === undefined || known.ingressEgress === undefined) assumed.push(device.name)
    if (known?.pskSlots !== undefined && analysis.psk.length > known.pskSlots) {
      const keys = analysis.psk.map((psk) => psk.name).join(', ')
      const reason = `it needs ${analysis.psk.length} pre-shared keys (${keys}) and holds ${known.pskSlots}`
      problems.error(
        'psk-slots',
        path,
        device.name,
        reason,
        'use certificates for some of its conduits, or one key for all',
      )
    }
    const size = analysis.certificate ? estimateCertificateSize(index.plant, device) : 0
    if (known?.fileLimit !== undefined && size > known.fileLimit) {
      const reason = `its certificate would have about ${size} bytes and it takes files of ${known.fileLimit}`
      problems.error(
        'certificate-size',
        path,
        device.name,
        reason,
        'use an ECDSA authority and shorter subject names, or a pre-shared key',
      )
    }
  }
  reportAssumed(assumed, problems)
  checkRedundancy(index, analyses, problems)
}

function reportAssumed(assumed: readonly string[], problems: ProblemList): void {
  const [first] = assumed
  if (first === undefined) return
  const reason = `not all is known about ${listNames(new Set(assumed))}: assumed are all suites but 0xD001, class revision 9 of 0x5E, rules of class 0x63 and one place for each key`
  problems.warning(
    'assumed-capabilities',
    `devices.${first}`,
    first,
    reason,
    'run `cordon discover`; a deployment asks each device before it acts',
  )
}

function countConnections(connections: readonly PlantConnection[]): ReadonlyMap<string, number> {
  const load = new Map<string, number>()
  for (const connection of connections) {
    for (const name of new Set([connection.from, connection.originator, connection.to, connection.target]))
      load.set(name, (load.get(name) ?? 0) + 1)
  }
  return load
}

function checkRedundancy(index: PlantIndex, analyses: readonly GroupAnalysis[], problems: ProblemList): void {
  for (const chassis of index.plant.chassis) {
    if (!chassis.redundant) continue
    for (const { slot, device } of chassis.slots) {
      const analysis = analyses[index.endpoints.get(device)?.group.id ?? -1]
      const link = analysis?.links.find(
        ({ incoming, outgoing }) => incoming.udp.verdict === 'secure' || outgoing.udp.verdict === 'secure',
      )
      if (link === undefined) continue
      const reason = `chassis ${chassis.name} is redundant, and ${device} has secured I/O with ${describeGroup(link.peer)}: an association cannot move to the partner`
      const alternative = 'say `io: deny` for this device, or do without redundancy'
      problems.error('redundant-secured-io', `chassis.${chassis.name}.slots.${slot}`, device, reason, alternative)
    }
  }
}
