import type { StringI } from '../../cip/data-types.ts'
import { generalStatus } from '../../cip/general-status.ts'
import {
  checksumFailedStatus,
  type FileEncoding,
  type FileStateName,
  file,
  fileChecksum,
  fileFailures,
  fileInstances,
  fileNameTooLong,
  fileReadOnly,
  fileStates,
  fileTooManyLanguages,
  type InitiateDownload,
  largestTransferSize,
  type TransferPacket,
} from '../../objects/file.ts'
import { behaviour, type Call } from '../attributes.ts'
import { type DeviceContext, isConfigured, mayConfigure } from '../context.ts'
import { defaultTransferTimeoutS, type FileData } from '../data.ts'
import type { Link } from '../link.ts'
import { defaultFileLimit } from '../options.ts'
import { done, type Outcome, type Refusal, refuse } from '../outcome.ts'
import { nextState, type StateMachine } from '../state-machine.ts'
import { referencesInForce } from './cleanup.ts'
import { freeInstance } from './references.ts'

/** What can happen to a File instance. */
type FileEvent =
  | 'create'
  | 'initiateUpload'
  | 'uploadPacket'
  | 'lastUploadPacket'
  | 'initiateDownload'
  | 'downloadPacket'
  | 'lastDownloadPacket'
  | 'downloadDropped'
  | 'transferEnded'
  | 'clear'
  | 'delete'

/** A File instance as a table (Volume 1, 5A-42 via cip-security-wire 4.4). "Upload" is from the device. */
export const fileMachine: StateMachine<FileStateName, FileEvent> = {
  name: 'File instance (0x37)',
  states: fileStates,
  initial: 'nonexistent',
  refusal: generalStatus.objectStateConflict,
  transitions: [
    { from: ['nonexistent'], event: 'create', to: 'empty' },
    { from: ['loaded'], event: 'initiateUpload', to: 'uploadInitiated' },
    { from: ['uploadInitiated', 'uploading'], event: 'uploadPacket', to: 'uploading' },
    { from: ['uploadInitiated', 'uploading'], event: 'lastUploadPacket', to: 'loaded' },
    {
      from: ['empty', 'loaded'],
      event: 'initiateDownload',
      when: 'not read-only, not part of settings in force',
      to: 'downloadInitiated',
      effect: 'the old contents are gone',
    },
    { from: ['downloadInitiated', 'downloading'], event: 'downloadPacket', to: 'downloading' },
    {
      from: ['downloadInitiated', 'downloading'],
      event: 'lastDownloadPacket',
      when: 'size and checksum are right, else 0xD0',
      to: 'loaded',
    },
    {
      from: ['downloadInitiated', 'downloading'],
      event: 'downloadDropped',
      when: 'abort packet, wrong checksum or size',
      to: 'empty',
    },
    {
      from: ['uploadInitiated', 'uploading'],
      event: 'transferEnded',
      when: 'no packet for the time of attribute 12, or the link is gone',
      to: 'loaded',
    },
    {
      from: ['downloadInitiated', 'downloading'],
      event: 'transferEnded',
      when: 'no packet for the time of attribute 12, or the link is gone',
      to: 'empty',
    },
    { from: ['empty', 'loaded', 'storing'], event: 'clear', when: 'not read-only, not in force', to: 'empty' },
    {
      from: ['empty', 'loaded', 'storing'],
      event: 'delete',
      when: 'created by Create (else 0x2D), not in force',
      to: 'nonexistent',
    },
  ],
}

/** File instances besides the static ones, of a device whose options say nothing. */
const defaultFileSlots = 32

/** Longest file and instance name, characters. */
const longestName = 64

/** Most languages of a name. */
const mostLanguages = 3

/** How many more files can be created. */
export function fileSlotsLeft(device: DeviceContext): number {
  const slots = device.options.security?.fileSlots ?? defaultFileSlots
  let used = 0
  for (const data of device.data.files.values()) if (!data.isStatic) used++
  return Math.max(0, slots - used)
}

/**
 * Puts a file that the device itself made into the store: into the given instance when that is a dynamic file, else into
 * a new one.
 *
 * @returns the instance, or undefined when the store is full
 */
export function allocateFile(device: DeviceContext, instance: number, data: FileData): number | undefined {
  const { files } = device.data
  if (files.get(instance)?.isStatic === false) {
    files.set(instance, data)
    return instance
  }
  if (fileSlotsLeft(device) === 0) return undefined
  const free = freeInstance(files, device.data.nextFile, fileInstances.firstDynamic)
  device.data.nextFile = free + 1
  files.set(free, data)
  return free
}

/** Largest file that the device takes, bytes. */
export function fileLimitOf(device: DeviceContext): number {
  return device.options.security?.fileLimit ?? defaultFileLimit
}

function checkName(name: StringI): Refusal | undefined {
  if (name.length > mostLanguages) return refuse(generalStatus.tooMuchData, fileTooManyLanguages)
  if (name.some(({ text }) => text.length > longestName)) return refuse(generalStatus.tooMuchData, fileNameTooLong)
  if (name.every(({ text }) => text.length === 0)) {
    return refuse(generalStatus.invalidParameter, fileFailures.nameEmpty)
  }
  return undefined
}

function wrongState(data: FileData): Refusal {
  return refuse(generalStatus.objectStateConflict, fileStates[data.state])
}

function find(call: Call): FileData | Refusal {
  return call.device.data.files.get(call.instance) ?? refuse(generalStatus.objectDoesNotExist)
}

function isFile(found: FileData | Refusal): found is FileData {
  return 'instanceName' in found
}

/** What is part of settings in force or begun must not change under them. */
function isInForce(call: Call): boolean {
  return referencesInForce(call.device).files.has(call.instance)
}

/** A step of the machine; nothing when it is refused. */
function step(data: FileData, event: FileEvent): boolean {
  const next = nextState(fileMachine, data.state, event)
  if (next !== undefined) data.state = next
  return next !== undefined
}

function create(
  call: Call,
  request: { readonly name: StringI; readonly encoding?: FileEncoding },
): Outcome<{ readonly instance: number; readonly invocationMethod: 'notApplicable' }> {
  const { device } = call
  const refusal = checkName(request.name)
  if (refusal !== undefined) return refusal
  const data: FileData = {
    instanceName: request.name,
    fileName: [],
    content: noBytes,
    state: 'nonexistent',
    encoding: request.encoding ?? 'binary',
    major: 0,
    minor: 0,
    readOnly: false,
    isStatic: false,
    timeoutS: defaultTransferTimeoutS,
    transfer: undefined,
  }
  step(data, 'create')
  const instance = allocateFile(device, 0, data)
  if (instance === undefined) return refuse(generalStatus.resourceUnavailable)
  device.staged()
  return { value: { instance, invocationMethod: 'notApplicable' } }
}

const noBytes = new Uint8Array(0)

function remove(call: Call): Outcome<undefined> {
  const data = find(call)
  if (!isFile(data)) return data
  if (data.isStatic) return refuse(generalStatus.instanceNotDeletable)
  if (isInForce(call) || !step(data, 'delete')) return wrongState(data)
  call.device.data.files.delete(call.instance)
  call.device.staged()
  return done
}

function clear(call: Call): Outcome<undefined> {
  const data = find(call)
  if (!isFile(data)) return data
  if (data.readOnly) return refuse(generalStatus.objectStateConflict, fileReadOnly)
  if (isInForce(call) || !step(data, 'clear')) return wrongState(data)
  data.content = noBytes
  call.device.staged()
  return done
}

function initiateUpload(
  call: Call,
  largest: number,
): Outcome<{ readonly size: number; readonly transferSize: number }> {
  const data = find(call)
  if (!isFile(data)) return data
  if (largest === 0) return refuse(generalStatus.invalidParameter, fileFailures.zeroSize)
  if (!step(data, 'initiateUpload')) return wrongState(data)
  const size = Math.min(largest, largestTransferSize)
  data.transfer = {
    owner: call.link,
    size,
    next: 0,
    offset: 0,
    lastOffset: 0,
    buffer: undefined,
    fileName: data.fileName,
    major: data.major,
    minor: data.minor,
    deadline: call.now + data.timeoutS * 1000,
  }
  call.device.deadlineMoved()
  return { value: { size: data.content.length, transferSize: size } }
}

function uploadTransfer(call: Call, number: number): Outcome<TransferPacket> {
  const data = find(call)
  if (!isFile(data)) return data
  const { transfer } = data
  if (transfer === undefined || transfer.buffer !== undefined || transfer.owner !== call.link) return wrongState(data)
  const repeated = transfer.next > 0 && number === ((transfer.next - 1) & 0xff)
  if (!repeated && number !== (transfer.next & 0xff)) {
    return refuse(generalStatus.invalidParameter, fileFailures.outOfSequence)
  }
  if (!repeated) {
    transfer.lastOffset = transfer.offset
    transfer.offset = Math.min(transfer.offset + transfer.size, data.content.length)
    transfer.next++
  }
  transfer.deadline = call.now + data.timeoutS * 1000
  call.device.deadlineMoved()
  const first = transfer.next === 1
  const last = transfer.offset >= data.content.length
  const block = data.content.subarray(transfer.lastOffset, transfer.offset)
  step(data, last ? 'lastUploadPacket' : 'uploadPacket')
  if (!last) return { value: { number, type: first ? 'first' : 'middle', data: block } }
  data.transfer = undefined
  const packet = new Uint8Array(block.length + 2)
  packet.set(block)
  const checksum = fileChecksum(data.content)
  packet[block.length] = checksum & 0xff
  packet[block.length + 1] = checksum >> 8
  return { value: { number, type: first ? 'firstAndLast' : 'last', data: packet } }
}

function initiateDownload(
  call: Call,
  request: InitiateDownload,
): Outcome<{ readonly incrementalBurn: number; readonly burnTime: number; readonly transferSize: number }> {
  const data = find(call)
  if (!isFile(data)) return data
  if (data.readOnly) return refuse(generalStatus.objectStateConflict, fileReadOnly)
  if (nextState(fileMachine, data.state, 'initiateDownload') === undefined || isInForce(call)) return wrongState(data)
  if (request.formatVersion !== 1) return refuse(generalStatus.invalidParameter, fileFailures.formatVersion)
  if (request.size > fileLimitOf(call.device)) return refuse(generalStatus.invalidParameter, fileFailures.tooLarge)
  const refusal = checkName(request.fileName)
  if (refusal !== undefined) return refusal
  step(data, 'initiateDownload')
  data.content = noBytes
  data.transfer = {
    owner: call.link,
    size: largestTransferSize,
    next: 0,
    offset: 0,
    lastOffset: 0,
    buffer: new Uint8Array(request.size),
    fileName: request.fileName,
    major: request.majorRevision,
    minor: request.minorRevision,
    deadline: call.now + data.timeoutS * 1000,
  }
  call.device.staged()
  call.device.deadlineMoved()
  return { value: { incrementalBurn: 0, burnTime: 0, transferSize: largestTransferSize } }
}

function downloadTransfer(call: Call, packet: TransferPacket): Outcome<number> {
  const data = find(call)
  if (!isFile(data)) return data
  const { transfer } = data
  if (transfer?.buffer === undefined || transfer.owner !== call.link) return wrongState(data)
  if (transfer.next > 0 && packet.number === ((transfer.next - 1) & 0xff)) {
    return refuse(generalStatus.invalidParameter, fileFailures.duplicate)
  }
  const begins = packet.type === 'first' || packet.type === 'firstAndLast'
  const aborts = packet.type === 'abort'
  if (packet.number !== (transfer.next & 0xff) || (!aborts && begins !== (transfer.next === 0))) {
    return refuse(generalStatus.invalidParameter, fileFailures.outOfSequence)
  }
  if (aborts) {
    drop(call, data)
    return { value: packet.number }
  }
  return takePacket(call, data, packet)
}

function drop(call: Call, data: FileData): void {
  step(data, 'downloadDropped')
  data.transfer = undefined
  call.device.staged()
}

function takePacket(call: Call, data: FileData, packet: TransferPacket): Outcome<number> {
  const { transfer } = data
  if (transfer?.buffer === undefined) return wrongState(data)
  const last = packet.type === 'last' || packet.type === 'firstAndLast'
  if (last && packet.data.length < 2) return refuse(generalStatus.notEnoughData)
  const block = last ? packet.data.subarray(0, packet.data.length - 2) : packet.data
  if (block.length > transfer.size) return refuse(generalStatus.invalidParameter, fileFailures.tooLarge)
  if (transfer.offset + block.length > transfer.buffer.length) {
    drop(call, data)
    return refuse(generalStatus.invalidParameter, fileFailures.beyondEnd)
  }
  transfer.buffer.set(block, transfer.offset)
  transfer.offset += block.length
  transfer.next++
  transfer.deadline = call.now + data.timeoutS * 1000
  call.device.deadlineMoved()
  if (!last) {
    step(data, 'downloadPacket')
    return { value: packet.number }
  }
  const end = packet.data.length
  const checksum = (packet.data[end - 2] ?? 0) | ((packet.data[end - 1] ?? 0) << 8)
  if (transfer.offset !== transfer.buffer.length || checksum !== fileChecksum(transfer.buffer)) {
    drop(call, data)
    return refuse(checksumFailedStatus)
  }
  step(data, 'lastDownloadPacket')
  data.content = transfer.buffer
  data.fileName = transfer.fileName
  data.major = transfer.major
  data.minor = transfer.minor
  data.transfer = undefined
  call.device.staged()
  return { value: packet.number }
}

/** Ends a transfer that nobody continues. */
function endTransfer(device: DeviceContext, data: FileData): void {
  if (data.transfer === undefined) return
  step(data, 'transferEnded')
  data.transfer = undefined
  device.staged()
}

/** Ends transfers whose time is up. */
export function endLateTransfers(device: DeviceContext, now: number): void {
  for (const data of device.data.files.values()) {
    if (data.transfer !== undefined && data.transfer.deadline <= now) endTransfer(device, data)
  }
}

/** Ends the transfers of a link that is gone, or all of them. */
export function endTransfersOf(device: DeviceContext, link?: Link): void {
  for (const data of device.data.files.values()) {
    if (link === undefined || data.transfer?.owner === link) endTransfer(device, data)
  }
}

/** When the next transfer is due to be dropped. */
export function transferDeadline(device: DeviceContext): number {
  let next = Number.POSITIVE_INFINITY
  for (const { transfer } of device.data.files.values()) {
    if (transfer !== undefined && transfer.deadline < next) next = transfer.deadline
  }
  return next
}

const initiateUploadCode = file.services.initiateUpload.code
const uploadTransferCode = file.services.uploadTransfer.code

function guard({ device, link }: Call, service: number): Refusal | undefined {
  // Files hold nothing secret, so everybody may read them.
  if (service === initiateUploadCode || service === uploadTransferCode) return undefined
  if (device.data.identity.protectionMode !== 0) return refuse(generalStatus.deviceStateConflict)
  return isConfigured(device) && !mayConfigure(device, link) ? refuse(generalStatus.privilegeViolation) : undefined
}

function instances(device: DeviceContext): readonly number[] {
  return [...device.data.files.keys()].sort((a, b) => a - b)
}

function from<T>(read: (data: FileData) => T): (call: Call) => T | undefined {
  return ({ device, instance }) => {
    const data = device.data.files.get(instance)
    return data === undefined ? undefined : read(data)
  }
}

/** How a device behaves as File Object. */
export const fileBehaviour = behaviour(file, {
  revision: 3,
  instances,
  has: (device, instance) => device.data.files.has(instance),
  getClass: {
    directory: ({ device }) =>
      instances(device).flatMap((instance) => {
        const data = device.data.files.get(instance)
        return data === undefined ? [] : [{ instance, instanceName: data.instanceName, fileName: data.fileName }]
      }),
  },
  get: {
    state: from((data) => data.state),
    instanceName: from((data) => data.instanceName),
    formatVersion: () => 1,
    fileName: from((data) => data.fileName),
    revision: from((data) => ({ major: data.major, minor: data.minor })),
    size: from((data) => data.content.length),
    checksum: from((data) => fileChecksum(data.content)),
    invocationMethod: () => 'notApplicable' as const,
    saveParameters: () => 0,
    accessRule: from((data) => (data.readOnly ? 'readOnly' : 'readWrite')),
    encoding: from((data) => data.encoding),
    transferTimeout: from((data) => data.timeoutS),
  },
  set: {
    transferTimeout: ({ device, instance }, seconds) => {
      const data = device.data.files.get(instance)
      if (data === undefined) return refuse(generalStatus.objectDoesNotExist)
      if (seconds === 0) return refuse(generalStatus.invalidAttributeValue)
      data.timeoutS = seconds
      device.staged()
      return undefined
    },
  },
  services: {
    create,
    delete: remove,
    initiateUpload,
    initiateDownload,
    uploadTransfer,
    downloadTransfer,
    clearFile: clear,
  },
  guard,
})
