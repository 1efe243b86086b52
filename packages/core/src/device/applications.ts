import { addressOf, type EPath, type PathAddress } from '../cip/epath.ts'
import type { ElectronicKeySegment } from '../cip/epath-segment.ts'
import { extendedStatuses, invalidSizeWords } from '../cip/extended-status.ts'
import { generalStatus } from '../cip/general-status.ts'
import { failure, type MessageRouterReply, type MessageRouterRequest } from '../cip/message-router.ts'
import { tagReferenceOf } from '../cip/tag.ts'
import type { ApplicationRequest, BoundApplication, ConnectionEnd } from './application.ts'
import type { AssemblyData } from './data.ts'
import type { Link } from './link.ts'
import type { DeviceIdentity } from './options.ts'
import { isRefusal, type Refusal, refuse } from './outcome.ts'
import type { TagTable } from './tags.ts'

/** What binding a connection asks of the device at its end. */
export interface ApplicationHost {
  readonly identity: DeviceIdentity
  readonly assemblies: ReadonlyMap<number, AssemblyData>
  readonly tags: TagTable
  readonly heartbeats: { readonly inputOnly: number; readonly listenOnly: number }
  /** Output assemblies that a connection owns. */
  readonly owned: Set<number>
  /** Connections, by input assembly, that keep listen-only ones alive. */
  readonly producing: Map<number, number>
  /** Answers a connected message with at most `room` bytes of reply. */
  message(
    request: MessageRouterRequest,
    link: Link,
    now: number,
    room: number,
  ): MessageRouterReply | Promise<MessageRouterReply>
  /** Output data changed, or its connection went idle or away (`run` undefined). */
  consumed(instance: number, data: Uint8Array, run: boolean | undefined): void
}

const fail = (...words: readonly number[]): Refusal => refuse(generalStatus.connectionFailure, ...words)

/** Does an electronic key fit this device? Zero fields match anything; the compatibility bit accepts older revisions. */
export function checkKey(key: ElectronicKeySegment, identity: DeviceIdentity): Refusal | undefined {
  const differs = (wanted: number, own: number) => wanted !== 0 && wanted !== own
  if (differs(key.vendorId, identity.vendorId) || differs(key.productCode, identity.productCode)) {
    return fail(extendedStatuses.vendorOrProductCodeMismatch)
  }
  if (differs(key.serialNumber ?? 0, identity.serialNumber)) return fail(extendedStatuses.vendorOrProductCodeMismatch)
  if (differs(key.deviceType, identity.deviceType)) return fail(extendedStatuses.deviceTypeMismatch)
  const { majorRevision: major, minorRevision: minor } = identity
  if (key.compatibility) {
    const older = key.majorRevision < major || (key.majorRevision === major && key.minorRevision <= minor)
    return key.majorRevision === 0 || older ? undefined : fail(extendedStatuses.revisionMismatch)
  }
  if (differs(key.majorRevision, major) || (key.majorRevision !== 0 && differs(key.minorRevision, minor))) {
    return fail(extendedStatuses.revisionMismatch)
  }
  return undefined
}

const messageRouterClass = 0x02
const identityClass = 0x01
const assemblyClass = 0x04

/** Finds the application that a connection path names, and checks class, sizes and ownership. */
export function bindApplication(
  host: ApplicationHost,
  path: EPath,
  request: ApplicationRequest,
): BoundApplication | Refusal {
  const address = addressOf(path)
  const keyRefusal = address.key === undefined ? undefined : checkKey(address.key, host.identity)
  if (keyRefusal !== undefined) return keyRefusal
  if (address.route.length > 0) return fail(extendedStatuses.portNotAvailable)
  if (address.symbols.length > 0) return bindTag(host, path, request)
  switch (address.class) {
    case messageRouterClass:
      return address.instance === 1 || address.instance === undefined
        ? bindMessages(host, request)
        : fail(extendedStatuses.invalidApplicationPath)
    case identityClass:
      return address.instance === 1 ? bindIdentity(request) : fail(extendedStatuses.invalidApplicationPath)
    case assemblyClass:
      return bindAssembly(host, address, request)
    default:
      return fail(extendedStatuses.invalidApplicationPath)
  }
}

const noApplication = {
  source: undefined,
  runIdle: false,
  owner: false,
  listenOnly: false,
  consumes: 0,
  produces: 0,
  produce: () => undefined,
  consume: () => undefined,
  message: ({ service }: MessageRouterRequest) => failure(service, generalStatus.serviceNotSupported),
  opened: () => undefined,
  ended: () => undefined,
} as const

function bindMessages(host: ApplicationHost, request: ApplicationRequest): BoundApplication | Refusal {
  if (request.transportClass !== 3) return fail(extendedStatuses.transportClassNotSupported)
  return {
    ...noApplication,
    kind: 'messages',
    label: 'Message Router',
    message: (message, link, now, room) => host.message(message, link, now, room),
  }
}

/** Bytes before application data: the sequence count of class 1. */
function overhead(request: ApplicationRequest): number {
  return request.transportClass === 1 ? 2 : 0
}

function ioOnly(request: ApplicationRequest): Refusal | undefined {
  return request.transportClass > 1 ? fail(extendedStatuses.transportClassNotSupported) : undefined
}

function checkSize(
  which: 'invalidOtSize' | 'invalidToSize',
  size: number | undefined,
  variable: boolean,
  expected: number,
): Refusal | undefined {
  if (size === undefined || size === expected || (variable && size > expected)) return undefined
  return fail(...invalidSizeWords(which, expected))
}

function bindIdentity(request: ApplicationRequest): BoundApplication | Refusal {
  const head = overhead(request)
  const refusal =
    ioOnly(request) ??
    checkSize('invalidOtSize', request.outputSize, request.outputVariable, head) ??
    checkSize('invalidToSize', request.inputSize, request.inputVariable, head)
  return refusal ?? { ...noApplication, kind: 'identity', label: 'Identity' }
}

function bindTag(host: ApplicationHost, path: EPath, request: ApplicationRequest): BoundApplication | Refusal {
  // A key stands before the symbol and says nothing about the tag.
  const reference = tagReferenceOf(path.filter((segment) => segment.kind !== 'electronicKey'))
  const tag = reference === undefined ? undefined : host.tags.find(reference.name)
  if (tag === undefined || reference === undefined || reference.indices.length > 0) {
    return fail(extendedStatuses.producingSymbolDoesNotExist)
  }
  if (!tag.produced) return fail(extendedStatuses.invalidProducingApplicationPath)
  const head = overhead(request)
  const refusal =
    ioOnly(request) ??
    checkSize('invalidOtSize', request.outputSize, request.outputVariable, head) ??
    checkSize('invalidToSize', request.inputSize, request.inputVariable, head + tag.data.length)
  if (refusal !== undefined) return refusal
  return {
    ...noApplication,
    kind: 'tag',
    label: `tag ${tag.name}`,
    source: tag.name.toLowerCase(),
    produces: tag.data.length,
    produce: (into, offset) => into.set(tag.data, offset),
  }
}

interface Points {
  readonly output: AssemblyData | undefined
  readonly heartbeat: 'input-only' | 'listen-only' | undefined
  readonly input: AssemblyData | undefined
  readonly outputInstance: number
  readonly inputInstance: number
}

function findPoints(host: ApplicationHost, address: PathAddress, request: ApplicationRequest): Points | Refusal {
  const points = [...address.connectionPoints]
  // A null Forward_Open that reconfigures a connection comes with that connection's path.
  const isNull = request.outputSize === undefined && request.inputSize === undefined
  const hasOutput = request.outputSize !== undefined || (isNull && points.length > 0)
  const hasInput = request.inputSize !== undefined || (isNull && points.length > 1)
  const [outputInstance = 0] = hasOutput ? points.splice(0, 1) : []
  const [inputInstance = 0] = hasInput ? points.splice(0, 1) : []
  if (points.length > 0) return fail(extendedStatuses.inconsistentApplicationPaths)
  const heartbeat =
    outputInstance === host.heartbeats.inputOnly
      ? 'input-only'
      : outputInstance === host.heartbeats.listenOnly
        ? 'listen-only'
        : undefined
  const output = host.assemblies.get(outputInstance)
  if (hasOutput && heartbeat === undefined && output?.options.direction !== 'output') {
    return fail(extendedStatuses.invalidConsumingApplicationPath)
  }
  const input = host.assemblies.get(inputInstance)
  if (hasInput && input?.options.direction !== 'input') {
    return fail(extendedStatuses.invalidProducingApplicationPath)
  }
  // It asks for no data, so it owns nothing and needs no other connection.
  if (isNull) return { output: undefined, heartbeat: undefined, input: undefined, outputInstance, inputInstance }
  return { output: heartbeat === undefined ? output : undefined, heartbeat, input, outputInstance, inputInstance }
}

function checkConfiguration(host: ApplicationHost, address: PathAddress): AssemblyData | Refusal | undefined {
  const found = address.instance === undefined ? undefined : host.assemblies.get(address.instance)
  const isConfiguration = found?.options.direction === 'configuration'
  if (address.data !== undefined && address.data.length > 0) {
    if (!isConfiguration) return fail(extendedStatuses.invalidConfigurationApplicationPath)
    // The segment counts words, so an odd configuration has one byte behind it.
    const size = found.data.length + (found.data.length % 2)
    if (address.data.length !== size) return fail(...invalidSizeWords('invalidConfigurationSize', size))
  } else if (address.instance !== undefined && found === undefined && address.instance > 1) {
    return fail(extendedStatuses.invalidConfigurationApplicationPath)
  }
  return isConfiguration ? found : undefined
}

function bindAssembly(
  host: ApplicationHost,
  address: PathAddress,
  request: ApplicationRequest,
): BoundApplication | Refusal {
  const points = findPoints(host, address, request)
  if (isRefusal(points)) return points
  const configuration = checkConfiguration(host, address)
  if (configuration !== undefined && isRefusal(configuration)) return configuration
  const { output, input } = points
  const head = overhead(request)
  const consumes = output?.data.length ?? 0
  const produces = input?.data.length ?? 0
  // With the 4-byte header unless the size leaves no room for it.
  const runIdle = consumes > 0 && request.outputSize !== head + consumes
  const refusal =
    ioOnly(request) ??
    checkSize('invalidOtSize', request.outputSize, request.outputVariable, head + (runIdle ? 4 : 0) + consumes) ??
    checkSize('invalidToSize', request.inputSize, request.inputVariable, head + produces)
  if (refusal !== undefined) return refusal
  if (output !== undefined && host.owned.has(points.outputInstance)) return fail(extendedStatuses.ownershipConflict)
  const listenOnly = points.heartbeat === 'listen-only'
  if (listenOnly && (host.producing.get(points.inputInstance) ?? 0) === 0) {
    return fail(extendedStatuses.nonListenOnlyConnectionNotOpen)
  }
  if (configuration !== undefined && address.data !== undefined && address.data.length > 0) {
    configuration.data.set(address.data.subarray(0, configuration.data.length))
  }
  return assemblyApplication(host, points, { consumes, produces, runIdle, listenOnly })
}

function assemblyApplication(
  host: ApplicationHost,
  points: Points,
  facts: Pick<BoundApplication, 'consumes' | 'produces' | 'runIdle' | 'listenOnly'>,
): BoundApplication {
  const { output, input, outputInstance, inputInstance } = points
  const safe = () => {
    if (output === undefined) return
    if ((output.options.onLoss ?? 'zero') === 'zero') output.data.fill(0)
  }
  const count = (by: number) => {
    if (facts.listenOnly || input === undefined) return
    host.producing.set(inputInstance, (host.producing.get(inputInstance) ?? 0) + by)
  }
  return {
    ...noApplication,
    ...facts,
    kind: 'assembly',
    label: `Assembly ${outputInstance} to ${inputInstance}`,
    source: inputInstance,
    owner: output !== undefined,
    produce: (into, offset) => {
      if (input !== undefined) into.set(input.data, offset)
    },
    consume: (data, offset, run) => {
      if (output === undefined) return
      if (run) output.data.set(data.subarray(offset, offset + output.data.length))
      else safe()
      host.consumed(outputInstance, output.data, run)
    },
    opened: () => {
      if (output !== undefined) host.owned.add(outputInstance)
      count(1)
    },
    ended: (_why: ConnectionEnd) => {
      count(-1)
      if (output === undefined) return
      host.owned.delete(outputInstance)
      safe()
      host.consumed(outputInstance, output.data, undefined)
    },
  }
}
