import { analyzeCapture, type ConversationSummary, captureNetwork, captureReader } from '@cordon/core/capture'
import { captureChunks, nodeRecordCrypto } from '@cordon/node/capture'
import { nodeCrypto } from '@cordon/node/crypto'

/** What a process that read a capture reports. */
export interface CaptureChildReport {
  readonly seconds: number
  readonly packets: number
  readonly conversations: number
  /** Bytes that consumers were given. */
  readonly payload: number
  /** Most resident memory of the process, MB. */
  readonly megabytes: number
}

type Reading = (file: string) => Promise<Pick<CaptureChildReport, 'packets' | 'conversations' | 'payload'>>

const readings: Readonly<Record<string, Reading>> = { network: readNetwork, analyze: readAnalysis }

// capture-child.js READING FILE
const [, , name = '', file = ''] = process.argv
const started = performance.now()
const read = await (readings[name] ?? unknownReading)(file)
const report: CaptureChildReport = {
  ...read,
  seconds: (performance.now() - started) / 1000,
  megabytes: process.resourceUsage().maxRSS / 1000,
}
process.stdout.write(JSON.stringify(report))

function unknownReading(): never {
  throw new Error(`expected one of ${Object.keys(readings).join(', ')}, got "${name}"`)
}

/** File, packets, streams and datagrams, with consumers that count. */
async function readNetwork(capture: string): Promise<Awaited<ReturnType<Reading>>> {
  let payload = 0
  const summaries: ConversationSummary[] = []
  const network = captureNetwork(
    {
      stream: () => ({
        data: (_, bytes) => {
          payload += bytes.length
        },
        gap: () => undefined,
        ended: () => undefined,
      }),
      datagrams: () => ({
        datagram: (_, __, start, end) => {
          payload += end - start
        },
        ended: () => undefined,
      }),
    },
    { ended: (summary) => summaries.push(summary) },
  )
  const reader = captureReader({ packet: (packet) => network.packet(packet) })
  for await (const chunk of captureChunks(capture)) reader.push(chunk)
  reader.end()
  const { packets } = network.end()
  return { packets, conversations: summaries.length, payload }
}

/** Everything that `cordon capture analyze` does. */
async function readAnalysis(capture: string): Promise<Awaited<ReturnType<Reading>>> {
  const analysis = analyzeCapture({
    records: nodeRecordCrypto,
    certificates: { crypto: nodeCrypto, vendorAnchors: [], plantAnchors: [] },
  })
  analysis.beginFile('plant.pcap')
  for await (const chunk of captureChunks(capture)) analysis.push(chunk)
  analysis.endFile()
  const { packets, conversations } = analysis.end()
  return { packets: packets.packets, conversations: conversations.length, payload: 0 }
}
