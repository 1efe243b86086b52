import { internationalText } from '../cip/data-types.ts'
import { fileChecksum, file, type FileEncoding, largestTransferSize } from '../objects/file.ts'
import { PeerError, TransportError } from '../errors.ts'
import type { ObjectClient } from './object-client.ts'
import { isStatus } from './reply-status.ts'
import type { Cancellation, RequestOptions } from './requester.ts'

/** How a file is moved. */
export interface TransferOptions {
  /** Called after each packet with the bytes moved so far and in all. */
  readonly progress?: (done: number, total: number) => void
  readonly signal?: Cancellation
  /** For each packet. */
  readonly timeoutMs?: number
}

/** How a file is read. */
export interface UploadOptions extends TransferOptions {
  /** More than this is not taken, bytes. Default 1 MiB. */
  readonly maxSize?: number
}

/** How a file is written. */
export interface DownloadOptions extends TransferOptions {
  /** Default `cordon`. */
  readonly fileName?: string
  /** Default 1.0. */
  readonly revision?: { readonly major: number; readonly minor: number }
}

/** Times a packet is sent again when its reply stays away. */
const packetRetries = 2
const defaultMaxSize = 1024 * 1024

/**
 * Reads a file from a device ("upload", class 0x37 via cip-security-wire 4.4): both ways to end a file whose size is a
 * multiple of the packet size are understood, size and checksum are verified.
 *
 * @throws PeerError `general-status`, `unexpected-reply` (wrong numbers, size or checksum), TransportError, MalformedMessage
 */
export async function upload(client: ObjectClient, instance: number, options: UploadOptions = {}): Promise<Uint8Array> {
  const what = `upload of File instance ${instance}`
  const each = requestOptions(options)
  const { size, transferSize } = await client.call(file, instance, 'initiateUpload', largestTransferSize, each)
  const maxSize = options.maxSize ?? defaultMaxSize
  if (size > maxSize) {
    throw new PeerError('unexpected-reply', `${what}: expected at most ${maxSize} bytes, the device announces ${size}`)
  }
  if (transferSize === 0 && size > 0)
    throw new PeerError('unexpected-reply', `${what}: the device offers packets of 0 bytes`)
  const data = new Uint8Array(size)
  let done = 0
  // One packet more than needed: some devices send the checksum in an empty last packet.
  const most = (transferSize === 0 ? 0 : Math.ceil(size / transferSize)) + 1
  for (let number = 0; number < most; number++) {
    throwIfCancelled(options.signal, what)
    const sequence = number & 0xff
    const packet = await again(() => client.call(file, instance, 'uploadTransfer', sequence, each))
    if (packet.number !== sequence) {
      throw new PeerError('unexpected-reply', `${what}: expected packet ${sequence}, got ${packet.number}`)
    }
    if (packet.type === 'abort') throw new PeerError('unexpected-reply', `${what}: the device ended the transfer`)
    const last = packet.type === 'last' || packet.type === 'firstAndLast'
    if (last && packet.data.length < 2) {
      throw new PeerError(
        'unexpected-reply',
        `${what}: expected a checksum in the last packet, got ${packet.data.length} bytes`,
      )
    }
    const block = last ? packet.data.subarray(0, packet.data.length - 2) : packet.data
    if (done + block.length > size) {
      throw new PeerError('unexpected-reply', `${what}: expected ${size} bytes, the device sends more`)
    }
    data.set(block, done)
    done += block.length
    options.progress?.(done, size)
    if (last) {
      verify(what, data, done, packet.data.subarray(packet.data.length - 2))
      return data
    }
    if (block.length === 0) throw new PeerError('unexpected-reply', `${what}: an empty packet before the last`)
  }
  throw new PeerError('unexpected-reply', `${what}: ${done} of ${size} bytes came, but no last packet`)
}

function verify(what: string, data: Uint8Array, done: number, tail: Uint8Array): void {
  if (done !== data.length) {
    throw new PeerError('unexpected-reply', `${what}: expected ${data.length} bytes, the file ends after ${done}`)
  }
  const [low = 0, high = 0] = tail
  const sent = low | (high << 8)
  const computed = fileChecksum(data)
  if (sent !== computed) {
    throw new PeerError(
      'unexpected-reply',
      `${what}: checksum 0x${hex(sent)} does not fit the data (0x${hex(computed)})`,
    )
  }
}

function hex(word: number): string {
  return word.toString(16).toUpperCase().padStart(4, '0')
}

/**
 * Writes a file to a device ("download", class 0x37 via cip-security-wire 4.4). A lost reply is asked for again; a cancelled
 * transfer is ended on the device too.
 *
 * @throws PeerError `general-status` (0xD0: the device found the checksum wrong), `unexpected-reply`, TransportError
 */
export async function download(
  client: ObjectClient,
  instance: number,
  data: Uint8Array,
  options: DownloadOptions = {},
): Promise<void> {
  const what = `download to File instance ${instance}`
  const each = requestOptions(options)
  throwIfCancelled(options.signal, what)
  const { transferSize } = await client.call(
    file,
    instance,
    'initiateDownload',
    {
      size: data.length,
      formatVersion: 1,
      majorRevision: options.revision?.major ?? 1,
      minorRevision: options.revision?.minor ?? 0,
      fileName: internationalText(options.fileName ?? 'cordon'),
    },
    each,
  )
  if (transferSize === 0 && data.length > 0) {
    throw new PeerError('unexpected-reply', `${what}: the device takes packets of 0 bytes`)
  }
  const packets = Math.max(1, Math.ceil(data.length / Math.max(1, transferSize)))
  for (let number = 0; number < packets; number++) {
    const sequence = number & 0xff
    if (options.signal?.aborted === true) {
      await abort(client, instance, sequence)
      throwIfCancelled(options.signal, what)
    }
    const block = data.subarray(number * transferSize, (number + 1) * transferSize)
    const last = number === packets - 1
    const type = last ? (number === 0 ? 'firstAndLast' : 'last') : number === 0 ? 'first' : 'middle'
    await sendPacket(
      client,
      instance,
      { number: sequence, type, data: last ? withChecksum(block, data) : block },
      each,
      what,
    )
    options.progress?.(Math.min((number + 1) * transferSize, data.length), data.length)
  }
}

/** Creates a File instance and writes it. Gives its instance number; a failed write deletes it again. */
export async function storeFile(
  client: ObjectClient,
  name: string,
  encoding: FileEncoding,
  data: Uint8Array,
  options: DownloadOptions = {},
): Promise<number> {
  const { instance } = await client.call(
    file,
    0,
    'create',
    { name: internationalText(name), encoding },
    requestOptions(options),
  )
  try {
    await download(client, instance, data, { fileName: name, ...options })
  } catch (error) {
    // The first error says why; a device that cannot delete either keeps a file that Object_Cleanup removes.
    await client.call(file, instance, 'delete').catch(() => {})
    throw error
  }
  return instance
}

async function sendPacket(
  client: ObjectClient,
  instance: number,
  packet: {
    readonly number: number
    readonly type: 'first' | 'middle' | 'last' | 'firstAndLast'
    readonly data: Uint8Array
  },
  each: RequestOptions,
  what: string,
): Promise<void> {
  try {
    const number = await again(() => client.call(file, instance, 'downloadTransfer', packet, each))
    if (number !== packet.number) {
      throw new PeerError('unexpected-reply', `${what}: expected the receipt of packet ${packet.number}, got ${number}`)
    }
  } catch (error) {
    // The device had it already: only its reply was lost.
    if (!isStatus(error, 0x20, 0x000b)) throw error
  }
}

async function abort(client: ObjectClient, instance: number, number: number): Promise<void> {
  const packet = { number, type: 'abort', data: new Uint8Array(0) } as const
  // The device may refuse; without further packets it ends the transfer itself.
  await client.call(file, instance, 'downloadTransfer', packet, { timeoutMs: 2000 }).catch(() => {})
}

function withChecksum(block: Uint8Array, whole: Uint8Array): Uint8Array {
  const packet = new Uint8Array(block.length + 2)
  packet.set(block)
  const checksum = fileChecksum(whole)
  packet[block.length] = checksum & 0xff
  packet[block.length + 1] = checksum >> 8
  return packet
}

async function again<T>(send: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await send()
    } catch (error) {
      if (!(error instanceof TransportError) || error.code !== 'timeout' || attempt >= packetRetries) throw error
    }
  }
}

function requestOptions(options: TransferOptions): RequestOptions {
  return {
    ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  }
}

function throwIfCancelled(signal: Cancellation | undefined, what: string): void {
  if (signal?.aborted === true)
    throw new TransportError('aborted', `${what}: cancelled by the caller`, { cause: signal.reason })
}
