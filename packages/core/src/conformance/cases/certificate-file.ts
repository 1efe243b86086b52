import type { Bench } from '../bench.ts'
import { type CipReply, concat, epath, u16, u32 } from '../frames.ts'
import { Found, type Judge } from '../judge.ts'
import { pathTarget } from '../layouts.ts'

/** The File instance of the default device certificate: what 0x5F instance 1 attribute 3 points to. */
export async function defaultCertificateFile(bench: Bench): Promise<number> {
  const value = await bench.value(0x5f, 1, 3)
  const target = pathTarget(value.subarray(2))
  if (target?.class === 0x37) return target.instance
  throw new Found({ verdict: 'not applicable', reason: 'attribute 3 of 0x5F/1 names no file' })
}

/** What an upload gave. */
export interface Upload {
  readonly size: number
  readonly transferSize: number
  readonly data: Uint8Array
  /** Behind the data of the last packet. */
  readonly checksum: number
  /** Types of the packets as they came. */
  readonly packetTypes: readonly number[]
}

/** Most bytes that are taken from a target. */
const mostBytes = 256 * 1024

/** Reads a file from the target (4.4); nothing is left open. */
export async function upload(bench: Bench, judge: Judge, instance: number): Promise<Upload> {
  const path = epath(0x37, instance)
  const begun = await bench.cip(0x4b, path, Uint8Array.of(200))
  judge.code('status of Initiate_Upload', 0, begun.status, 2, begun.raw)
  const size = u32(begun.data, 0)
  const transferSize = begun.data[4] ?? 0
  judge.holds(size <= mostBytes, `at most ${mostBytes} bytes`, `${size} bytes`, begun.raw)
  judge.holds(transferSize > 0 && transferSize <= 200, 'a transfer size of 1..200', `${transferSize}`, begun.raw)
  const pieces: Uint8Array[] = []
  const packetTypes: number[] = []
  for (let number = 0; ; number++) {
    const reply = await bench.cip(0x4f, path, Uint8Array.of(number & 0xff))
    judge.code(`status of Upload_Transfer ${number}`, 0, reply.status, 2, reply.raw)
    judge.equal('packet number', number & 0xff, reply.data[0] ?? -1, reply.raw)
    const type = reply.data[1] ?? 0xff
    packetTypes.push(type)
    const rest = reply.data.subarray(2)
    if (type === 2 || type === 4) {
      const data = rest.subarray(0, Math.max(0, rest.length - 2))
      pieces.push(data)
      return { size, transferSize, data: concat(...pieces), checksum: u16(rest, data.length), packetTypes }
    }
    judge.holds(type === 0 || type === 1, 'a packet of type 0 or 1 before the last', `type ${type}`, reply.raw)
    judge.holds(number * transferSize < mostBytes, 'an end of the file', 'more packets than the size has room for')
    pieces.push(rest)
  }
}

/** A request to a file, over the session that all share. */
export function file(bench: Bench, instance: number, service: number, data?: Uint8Array): Promise<CipReply> {
  return bench.cip(service, epath(0x37, instance), data)
}
