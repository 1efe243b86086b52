import type { Message } from '@cordon/core/deployment'
import type { Explanation, Finding } from '@cordon/core/drift'
import { UsageError } from '@cordon/core/errors'
import type { ConduitUse, ProtectionWord } from '@cordon/core/policy'
import { suiteName } from '@cordon/core/security'
import { findingText } from '../../drift/keep.ts'
import { type DeviceFinding, type ListedDevice, listDevices, readDevice } from '../../plants/devices.ts'
import { adoptDiscovered, type DiscoveredIdentity, ignoreDiscovered, listDiscovered } from '../../plants/discovered.ts'
import { importTable } from '../../plants/edit.ts'
import { listFindings } from '../../plants/findings.ts'
import type { ListedConnection, Proposal } from '../../plants/learn.ts'
import { listPlants, type PlantSummary, readPlantSummary } from '../../plants/list.ts'
import { listConduits, listZones, type MapConduit, type MapZone, placeZones, readTopology } from '../../plants/map.ts'
import type { PlantMeans } from '../../plants/means.ts'
import type { PlantProblem } from '../../plants/models.ts'
import { dryRunPlant, listConnections, proposePlant } from '../../plants/observed.ts'
import type { Merge } from '../../plants/questions.ts'
import { type CreateResult, createPlant, restoreVersion, saveVersion, type SaveResult } from '../../plants/save.ts'
import { listStages, setStages, type ZoneStage } from '../../plants/stages.ts'
import {
  listVersions,
  newestVersion,
  readVersion,
  validateTexts,
  type Version,
  versionDifference,
} from '../../plants/versions.ts'
import type { plantRoutes } from '../contract/plants.ts'
import { changeBy, type Handlers } from '../handler.ts'
import { notFound, RequestProblem } from '../problem.ts'
import type { Services } from '../services.ts'

type Routes = typeof plantRoutes
const defaultLimit = 50

function meansOf({ store, reader }: Services): PlantMeans {
  return { store, reader }
}

function timeOf(at: Date | undefined): string | null {
  return at?.toISOString() ?? null
}

function plantOf({ savedAt, deployed, standings, ...plant }: PlantSummary) {
  return {
    ...plant,
    savedAt: savedAt.toISOString(),
    standings: { ...standings },
    deployed:
      deployed === undefined
        ? null
        : { version: deployed.version ?? null, at: deployed.at.toISOString(), outcome: deployed.outcome },
  }
}

function versionOf({ number, author, message, savedAt, base, hash, devices, zones }: Version) {
  return {
    version: number,
    author,
    message,
    savedAt: savedAt.toISOString(),
    base: base ?? null,
    digest: hash,
    devices,
    zones,
  }
}

function problemOf({ file, line, column, message, expected, remedy, severity }: PlantProblem) {
  const wanted = expected === undefined ? message : `${message}; expected ${expected}`
  return { file, line, column, message: wanted, remedy, severity }
}

/** The version that was saved, or what stands in its way. */
function savedOr(result: SaveResult | CreateResult) {
  switch (result.kind) {
    case 'saved':
    case 'unchanged':
      return versionOf(result.version)
    case 'invalid':
      throw new RequestProblem(422, {
        code: 'invalid',
        message: 'the text is no valid plant, and nothing was saved',
        remedy: 'correct what is listed under problems',
        problems: result.problems.map(problemOf),
      })
    case 'outdated':
      throw new RequestProblem(409, {
        code: 'outdated',
        message: `somebody saved version ${result.newest} meanwhile, and nothing was saved; ${mergeWords(result.merge)}`,
        remedy: `look at both changes and save against version ${result.newest}`,
        problems: result.merge.kind === 'merged' ? result.merge.judgement.problems.map(problemOf) : [],
        outdated: {
          newest: result.newest,
          merged: result.merge.kind === 'merged' ? result.merge.texts.text : null,
          conflicts:
            result.merge.kind === 'conflict'
              ? result.merge.conflicts.map(({ line, mine, base, theirs }) => ({
                  line,
                  mine: [...mine],
                  base: [...base],
                  theirs: [...theirs],
                }))
              : [],
        },
      })
  }
}

function mergeWords(merge: Merge): string {
  switch (merge.kind) {
    case 'merged':
      return merge.judgement.accepted
        ? 'both changes together are a valid plant'
        : 'both changes together are no valid plant'
    case 'conflict':
      return `${merge.conflicts.length + merge.more} places were changed by both`
    case 'too-different':
      return 'the two texts are too different to be merged'
  }
}

function zoneOf({ name, authentication, messaging, io, nonSecure, close, stage, devices, standings }: MapZone) {
  return {
    name,
    authentication,
    messaging,
    io,
    nonSecure,
    close: [...close],
    stage,
    devices,
    standings: { ...standings },
  }
}

const weakest = ['None', 'Authenticated', 'Encrypted'] as const
const promises = { None: 'none', Authenticated: 'integrity', Encrypted: 'confidentiality' } as const

/** The weakest protection of either direction; undefined where there is no such traffic. */
function protectionOf(uses: readonly ConduitUse[], transport: 'messaging' | 'io'): ProtectionWord | undefined {
  return weakest.find((word) => uses.some((use) => use[transport] === word))
}

function conduitOf({ id, between, zones, authentication, messaging, io, uses }: MapConduit) {
  const [messages, data] = [protectionOf(uses, 'messaging'), protectionOf(uses, 'io')]
  return {
    id,
    between: [...between],
    zones: zones.map((zone) => zone ?? null),
    authentication,
    messaging: messaging ?? (messages === undefined ? 'deny' : promises[messages]),
    io: io ?? (data === undefined ? 'deny' : promises[data]),
    messagingProtection: messages ?? 'None',
    ioProtection: data ?? 'None',
    trustedAddress: authentication === 'trusted-ip',
  }
}

function deviceOf(device: ListedDevice) {
  return {
    name: device.name,
    address: device.address ?? null,
    zone: device.zone ?? null,
    chassis: device.chassis ?? null,
    slot: device.slot ?? null,
    capable: device.capable,
    standing: device.standing,
    product: device.product ?? null,
    serial: device.serial ?? null,
    expiresAt: timeOf(device.expiresAt),
    drift: device.drift,
    updatedAt: timeOf(device.updatedAt),
  }
}

function findingOf({ id, finding, explanation, foundAt }: DeviceFinding, goneAt?: Date) {
  // Written by the comparison alone.
  const [found, why] = [finding as Finding, explanation as Explanation]
  return {
    id,
    device: found.device,
    kind: found.kind,
    weight: found.weight,
    text: findingText(found),
    explanation: why.words,
    foundAt: foundAt.toISOString(),
    goneAt: timeOf(goneAt),
  }
}

/** The identity as a deployment or a discovery wrote it. */
function identityOf(identity: unknown) {
  if (typeof identity !== 'object' || identity === null) return null
  const { vendorId, deviceType, productCode, revision, productName, serialNumber } = identity as Partial<
    Omit<DiscoveredIdentity, 'revision'>
  > & { readonly revision?: unknown } // each is looked at below
  const number = (value: unknown): number => (typeof value === 'number' ? value : 0)
  return {
    vendor: number(vendorId),
    deviceType: number(deviceType),
    productCode: number(productCode),
    revision: revisionText(revision),
    productName: typeof productName === 'string' ? productName : '',
    serial: number(serialNumber),
  }
}

function revisionText(revision: unknown): string {
  if (typeof revision === 'string') return revision
  if (typeof revision !== 'object' || revision === null) return ''
  return 'major' in revision && 'minor' in revision ? `${String(revision.major)}.${String(revision.minor)}` : ''
}

/** What a deployment said of a device, as its result has it. */
function messagesOf(result: unknown) {
  if (typeof result !== 'object' || result === null || !('messages' in result) || !Array.isArray(result.messages))
    return []
  return (result.messages as readonly Message[]).map(({ code, severity, subject, text, cause, evidence, next }) => ({
    code,
    severity,
    subject,
    text,
    cause,
    evidence,
    next,
  }))
}

function connectionOf(connection: ListedConnection) {
  const { key, kind, from, to, transport, confidentiality, missed, verdict, reason, observedAt, suite } = connection
  return {
    key,
    kind,
    from,
    fromName: connection.fromName ?? null,
    fromZone: connection.fromZone ?? null,
    to,
    toName: connection.toName ?? null,
    toZone: connection.toZone ?? null,
    class: connection.class ?? null,
    transport,
    confidentiality,
    suite: suite === undefined ? null : suiteName(suite),
    rpiUs: connection.rpiUs ?? null,
    uptimeS: connection.uptimeS === undefined ? null : Math.round(connection.uptimeS),
    missed,
    verdict,
    reason,
    observedAt,
  }
}

function proposalOf({ text, notes, problems }: Proposal) {
  return { text, notes: [...notes], problems: problems.map(problemOf) }
}

function stageOf({ zone, stage, since, by, consequence }: ZoneStage) {
  return { zone, stage, since: timeOf(since), by: by ?? null, consequence }
}

/** A number that a page before gave as its `next`. */
function numberFrom(cursor: string | undefined): number | undefined {
  if (cursor === undefined) return undefined
  const number = Number(cursor)
  if (/^\d{1,15}$/.test(cursor) && Number.isSafeInteger(number)) return number
  throw new UsageError('bad-value', 'expected a cursor that a page before gave as its next')
}

/** Handlers of plants with their versions, devices, zones and connections. */
export const plantHandlers = {
  'plants.list': async ({ services }) => ({ items: (await listPlants(services.store)).map(plantOf) }),
  'plants.create': async (call) => {
    const { text, simulation = null, message } = call.body
    return savedOr(await createPlant(meansOf(call.services), { text, simulation, message, acting: changeBy(call) }))
  },
  'plants.validate': async ({ body, services }) => {
    const { text, simulation = null, against } = body
    const { judgement, changes } = await validateTexts(meansOf(services), { text, simulation }, against)
    const { name, accepted, problems, counts } = judgement
    return {
      valid: accepted,
      problems: problems.map(problemOf),
      summary: name === undefined ? null : { name, ...counts },
      changes: changes.map((change) => ({ ...change, fields: [...change.fields] })),
    }
  },
  'plants.read': async ({ params, services }) => plantOf(await readPlantSummary(services.store, params.plant)),
  'versions.list': async ({ params, query, services }) => {
    const { limit = defaultLimit, cursor } = query
    const before = numberFrom(cursor)
    const rows = await listVersions(services.store, params.plant, { before, limit: limit + 1 })
    const items = rows.slice(0, limit)
    return { items: items.map(versionOf), next: rows.length > limit ? String(items.at(-1)?.number) : null }
  },
  'versions.save': async (call) =>
    savedOr(
      await saveVersion(meansOf(call.services), { ...call.body, plant: call.params.plant, acting: changeBy(call) }),
    ),
  'versions.read': async ({ params, services }) => {
    const version = await readVersion(services.store, params.plant, params.version)
    return { version: versionOf(version), text: version.text, simulation: version.simulation }
  },
  'versions.restore': async (call) =>
    savedOr(await restoreVersion(meansOf(call.services), { ...call.params, ...call.body, acting: changeBy(call) })),
  'versions.difference': async ({ params, query, services }) => {
    const { from, to } = query
    const { text, changes, more } = await versionDifference(meansOf(services), params.plant, from, to)
    const shown = text ?? '# the difference is longer than 4 MiB and is not shown\n'
    return {
      from,
      to,
      text: more === 0 ? shown : `# and ${more} more changes by meaning than are listed\n${shown}`,
      changes: changes.map((change) => ({ ...change, fields: [...change.fields] })),
    }
  },
  'plants.importTable': async ({ params, body, services }) =>
    proposalOf(await importTable(meansOf(services), params.plant, body.csv)),
  'topology.read': async ({ params, services }) => {
    const { plant, version, zones, conduits, layout } = await readTopology(services.store, params.plant)
    return { plant, version, zones: zones.map(zoneOf), conduits: conduits.map(conduitOf), layout: { ...layout } }
  },
  'layout.save': async (call) => {
    await placeZones(call.services.store, call.params.plant, new Map(Object.entries(call.body.places)), changeBy(call))
    return undefined
  },
  'zones.list': async ({ params, services }) => ({
    items: (await listZones(services.store, params.plant)).map(zoneOf),
  }),
  'conduits.list': async ({ params, services }) => ({
    items: (await listConduits(services.store, params.plant)).map(conduitOf),
  }),
  'stages.list': async ({ params, services }) => ({
    items: (await listStages(meansOf(services), params.plant)).map(stageOf),
  }),
  'stages.set': async (call) => {
    const { params, body, services } = call
    const stages = new Map(Object.entries(body.stages))
    await setStages(services.store, params.plant, stages, body.message, changeBy(call))
    return { items: (await listStages(meansOf(services), params.plant)).map(stageOf) }
  },
  'devices.list': async ({ params, query, services }) => {
    const { cursor: after, limit = defaultLimit, zone, standing, search } = query
    const page = await listDevices(services.store, params.plant, { after, limit, zone, standing, search })
    return { items: page.items.map(deviceOf), next: page.next ?? null }
  },
  'devices.read': async ({ params, services }) => {
    const found = await readDevice(meansOf(services), params.plant, params.device)
    const { certificate, wanted, lastDeployment, tables } = found
    return {
      device: deviceOf(found.device),
      identity: identityOf(found.identity),
      certificate:
        certificate === undefined
          ? null
          : {
              ...certificate,
              notBefore: certificate.notBefore.toISOString(),
              notAfter: certificate.notAfter.toISOString(),
            },
      vendorFingerprint: found.vendorFingerprint ?? null,
      wanted:
        wanted === undefined
          ? null
          : {
              enforcement: wanted.enforcement ?? 'none',
              ports: [...wanted.ports],
              suites: [...wanted.suites],
              peers: wanted.peers.map((peer) => ({ ...peer })),
            },
      lastDeployment:
        lastDeployment === undefined
          ? null
          : {
              id: lastDeployment.id,
              at: lastDeployment.at.toISOString(),
              outcome: lastDeployment.outcome,
              messages: messagesOf(lastDeployment.result),
            },
      findings: found.findings.map((finding) => findingOf(finding)),
      capabilities: found.capabilities ?? null,
      tables:
        tables === undefined
          ? null
          : {
              at: tables.at.toISOString(),
              identity: tables.tables.identity ?? null,
              tcp: tables.tables.tcp,
              tls: tables.tables.tls,
              dtls: tables.tables.dtls,
              bridge: tables.tables.bridge,
              security: tables.tables.security ?? null,
            },
    }
  },
  'connections.list': async ({ params, query, services }) => {
    const { cursor: after, limit = defaultLimit, ...filter } = query
    const page = await listConnections(meansOf(services), params.plant, { ...filter, after, limit })
    return { items: page.items.map(connectionOf), next: page.next ?? null, total: page.total }
  },
  'findings.list': async ({ params, query, services }) => {
    const { cursor, limit = defaultLimit, gone, device } = query
    if ((await newestVersion(services.store.db, params.plant)) === undefined) throw notFound(`plant ${params.plant}`)
    const before = numberFrom(cursor)
    const rows = await listFindings(services.store, params.plant, { gone, device, before, limit: limit + 1 })
    const items = rows.slice(0, limit)
    return {
      items: items.map((finding) => findingOf(finding, finding.goneAt)),
      next: rows.length > limit ? String(items.at(-1)?.id) : null,
    }
  },
  'plants.dryRun': async ({ params, body, services }) => {
    const { text, version } = body
    if (text !== undefined && version !== undefined) {
      throw new UsageError('bad-option', 'expected a text or a version, not both')
    }
    const result = await dryRunPlant(meansOf(services), params.plant, text === undefined ? { version } : { text })
    return {
      observedAt: timeOf(result.observedAt),
      connections: result.connections,
      breaks: result.breaks.map(({ fromAddress, fromName, toAddress, toName, seen, reason, remedy }) => ({
        from: fromAddress,
        fromName: fromName ?? null,
        to: toAddress,
        toName: toName ?? null,
        class: seen.class ?? null,
        transport: seen.over === 'plain' ? (seen.class === 0 || seen.class === 1 ? 'udp' : 'tcp') : seen.over,
        reason,
        remedy,
      })),
      problems: result.problems.map(problemOf),
    }
  },
  'plants.propose': async ({ params, services }) => proposalOf(await proposePlant(meansOf(services), params.plant)),
  'discovered.list': async ({ params, services }) => ({
    items: (await listDiscovered(services.store, params.plant)).map((found) => ({
      address: found.address,
      state: found.state,
      device: found.device ?? null,
      identity: identityOf(found.identity),
      capable: found.capable,
      securityState: found.securityState ?? null,
      firstSeen: found.firstSeen.toISOString(),
      lastSeen: found.lastSeen.toISOString(),
      by: found.by ?? null,
    })),
  }),
  'discovered.adopt': async (call) =>
    savedOr(
      await adoptDiscovered(meansOf(call.services), { ...call.body, plant: call.params.plant, acting: changeBy(call) }),
    ),
  'discovered.ignore': async (call) => {
    const { params, body, services } = call
    await ignoreDiscovered(services.store, params.plant, body.addresses, body.ignore, changeBy(call))
    return undefined
  },
} satisfies Handlers<Routes>
