import { nodeRecordCrypto } from '@cordon/node/capture'
import { nodeCrypto } from '@cordon/node/crypto'
import { analyzeCapture } from '../../src/capture/analysis.ts'
import type { CaptureRow } from '../../src/capture/cip/row.ts'
import { pcapWriter } from '../../src/capture/file/writer.ts'
import type { CaptureReport } from '../../src/capture/report.ts'
import { tcpFrame } from './packets.ts'

/** Packets of a capture, a millisecond apart. */
export class Tape {
  readonly #writer = pcapWriter({ linkType: 1 })
  readonly #parts: Uint8Array[] = [this.#writer.header()]
  #port = 51_000
  #timeUs = 1_700_000_000_000_000

  /** A packet, of which the capture keeps `snap` bytes. */
  add(data: Uint8Array, snap = data.length): this {
    this.#timeUs += 1000
    const kept = data.subarray(0, snap)
    this.#parts.push(this.#writer.packet({ timeUs: this.#timeUs, data: kept, originalLength: data.length }))
    return this
  }

  /** A TCP connection in which these things are said; `lose` leaves packets out, `snap` cuts them. */
  stream(
    client: string,
    server: string,
    port: number,
    said: readonly { readonly side: 'client' | 'server'; readonly bytes: Uint8Array }[],
    settings: { readonly lose?: (side: 'client' | 'server', index: number) => boolean; readonly snap?: number } = {},
  ): this {
    const next = { client: 0, server: 0 }
    const sourcePort = this.#port++
    const send = (side: 'client' | 'server', flags: string, data: Uint8Array, index: number): void => {
      const [sequence, acknowledgment] = side === 'client' ? [next.client, next.server] : [next.server, next.client]
      next[side] += data.length + (flags.includes('S') ? 1 : 0)
      if (settings.lose?.(side, index) === true) return
      const [from, to] = side === 'client' ? [client, server] : [server, client]
      const ports =
        side === 'client' ? { sourcePort, destinationPort: port } : { sourcePort: port, destinationPort: sourcePort }
      this.add(tcpFrame(from, to, { ...ports, sequence, acknowledgment, flags, data }), settings.snap)
    }
    send('client', 'S', new Uint8Array(0), -1)
    send('server', 'SA', new Uint8Array(0), -1)
    said.forEach(({ side, bytes }, index) => {
      for (let at = 0; at < bytes.length; at += 1400) send(side, 'PA', bytes.subarray(at, at + 1400), index)
    })
    return this
  }

  /** A TCP connection in which one says something and the other answers. */
  talk(client: string, server: string, port: number, asked: Uint8Array, answered: Uint8Array): this {
    const up = { sourcePort: 50_000, destinationPort: port }
    const down = { sourcePort: port, destinationPort: 50_000 }
    this.add(tcpFrame(client, server, { ...up, sequence: 0, flags: 'S' }))
    this.add(tcpFrame(server, client, { ...down, sequence: 0, acknowledgment: 1, flags: 'SA' }))
    this.add(tcpFrame(client, server, { ...up, sequence: 1, acknowledgment: 1, flags: 'PA', data: asked }))
    const acknowledgment = 1 + asked.length
    return this.add(tcpFrame(server, client, { ...down, sequence: 1, acknowledgment, flags: 'PA', data: answered }))
  }

  get bytes(): Uint8Array {
    return Uint8Array.from(this.#parts.flatMap((part) => [...part]))
  }
}

/** Reads a capture. */
export function analyze(
  bytes: Uint8Array,
  row?: (row: CaptureRow) => void,
  plantAnchors: readonly Uint8Array[] = [],
): CaptureReport {
  const analysis = analyzeCapture({
    records: nodeRecordCrypto,
    certificates: { crypto: nodeCrypto, vendorAnchors: [], plantAnchors },
    ...(row === undefined ? {} : { row }),
  })
  analysis.beginFile('test.pcap')
  analysis.push(bytes)
  analysis.endFile()
  return analysis.end()
}
