import { type CaptureAnalysis, type CaptureReport, analyzeCapture } from '@cordon/core/capture'
import { nodeRecordCrypto } from '@cordon/node/capture'
import { nodeCrypto } from '@cordon/node/crypto'
import { big, concat } from './packets.ts'

/** An analysis without keys and anchors. */
export function newAnalysis(): CaptureAnalysis {
  return analyzeCapture({
    records: nodeRecordCrypto,
    certificates: { crypto: nodeCrypto, vendorAnchors: [], plantAnchors: [] },
  })
}

/** What is found in one file. */
export function reportOf(...parts: readonly Uint8Array[]): CaptureReport {
  const analysis = newAnalysis()
  analysis.beginFile('test.pcap')
  for (const part of parts) analysis.push(part)
  analysis.endFile()
  return analysis.end()
}

function block(type: number, ...content: readonly Uint8Array[]): Uint8Array {
  const bytes = concat(...content)
  const padded = concat(bytes, new Uint8Array((4 - (bytes.length % 4)) % 4))
  return concat(big(type, 4), big(padded.length + 12, 4), padded, big(padded.length + 12, 4))
}

/** The beginning of a big-endian pcapng file of Ethernet packets whose times count whole seconds. */
export const inSeconds = concat(
  block(0x0a0d_0d0a, big(0x1a2b_3c4d, 4), big(1, 2), big(0, 2), big(0xffff_ffff, 4), big(0xffff_ffff, 4)),
  block(1, big(1, 2), big(0, 2), big(0, 4), big(9, 2), big(1, 2), big(0, 4), big(0, 4)),
)

/** A packet behind {@link inSeconds}; `high` counts 2^32 seconds. */
export function packetAt(high: number, seconds: number, data: Uint8Array): Uint8Array {
  const lengths = [big(data.length, 4), big(data.length, 4)]
  return block(6, big(0, 4), big(high, 4), big(seconds, 4), ...lengths, data)
}

/** A key log within the file. */
export function secretsBlock(log: string): Uint8Array {
  const bytes = new TextEncoder().encode(log)
  return block(10, big(0x544c_534b, 4), big(bytes.length, 4), bytes)
}
