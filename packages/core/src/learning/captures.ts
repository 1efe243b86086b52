import type { ConnectionApplication } from '../policy/model.ts'
import type { ConnectionShape, Observation } from './observation.ts'
import type { LearnedDevice } from './propose.ts'

/** What two addresses had with each other in a capture, connections of one kind together. */
export interface CapturedPair {
  readonly originator: string
  readonly target: string
  /** `io`: class 0 or 1 whose Forward_Open is not in the capture. `unconnected`: messages without a connection. */
  readonly class: 0 | 1 | 3 | 'io' | 'unconnected'
  readonly protection: 'none' | 'tls' | 'dtls'
  /** Bytes as Forward_Open carries them. */
  readonly outputSize: number | undefined
  readonly inputSize: number | undefined
  /** Microseconds. */
  readonly outputRpiUs: number | undefined
  readonly inputRpiUs: number | undefined
  readonly multicast: boolean
  /** In words: `Message Router`, `'Part_Count'`, `Assembly 1 points 100, 101`. */
  readonly application: string | undefined
  /** Hops behind the target, in words: `port 1 address 0`. */
  readonly route: string | undefined
  /** The Forward_Open is in the capture: who is the originator is certain. */
  readonly opened: boolean
  readonly count: number
  /** Microseconds since 1970. */
  readonly firstUs: number
  readonly lastUs: number
  /** A packet that shows it. */
  readonly evidencePacket: number
}

/** Who answered ListIdentity in a capture. */
export interface CapturedIdentity {
  readonly address: string
  readonly vendorId: number
  readonly serialNumber: number
  readonly productName: string
  readonly packet: number
}

/** The connections of a capture, as learning takes them. `file` names the capture in the evidence. */
export function captureObservations(file: string, pairs: readonly CapturedPair[]): readonly Observation[] {
  return pairs.map((pair) => {
    const { originator, target, protection, opened, count, firstUs, lastUs, evidencePacket } = pair
    const slot = slotOf(pair.route)
    const shape = pair.class === 'unconnected' ? undefined : shapeOf(pair)
    const questions = [
      ...(opened ? [] : ['who opened it: the capture began later, and the sides are a guess by ports and addresses']),
      ...(pair.class === 'io' ? ['class 0 or 1: its Forward_Open is not in the capture; class 1 is assumed'] : []),
      ...(pair.route !== undefined && slot === undefined ? [`the way behind its target: ${pair.route}`] : []),
    ]
    return {
      originator: { address: originator },
      target: { address: target, ...(slot === undefined ? {} : { slot }) },
      class: pair.class === 'unconnected' ? undefined : pair.class === 'io' ? 1 : pair.class,
      ...(pair.class === 'unconnected' ? { messages: true } : {}),
      over: protection === 'none' ? 'plain' : protection,
      ...(shape === undefined ? {} : { shape }),
      source: `packet ${evidencePacket} of ${file}`,
      firstSeen: Math.floor(firstUs / 1000),
      lastSeen: Math.floor(lastUs / 1000),
      count,
      ...(questions.length === 0 ? {} : { questions }),
    }
  })
}

/** Who the devices of a capture are. A capture does not say whether they speak CIP Security. */
export function captureDevices(file: string, identities: readonly CapturedIdentity[]): readonly LearnedDevice[] {
  const found = new Map<string, LearnedDevice>()
  for (const { address, vendorId, serialNumber, productName, packet } of identities) {
    if (found.has(address)) continue
    const source = `ListIdentity in packet ${packet} of ${file}`
    found.set(address, { address, vendorId, serialNumber, productName: productName.trim(), capable: undefined, source })
  }
  return [...found.values()]
}

/** One hop over the backplane; longer ways lead to other networks. */
function slotOf(route: string | undefined): number | undefined {
  const [, slot] = /^port 1 address (\d{1,3})$/.exec(route ?? '') ?? []
  return slot === undefined || Number(slot) > 255 ? undefined : Number(slot)
}

function shapeOf(pair: CapturedPair): ConnectionShape | undefined {
  const { outputSize, inputSize, outputRpiUs, inputRpiUs, multicast } = pair
  // Data alone shows neither the header nor the size that was asked for.
  if (!pair.opened || outputSize === undefined || inputSize === undefined) return undefined
  if (outputRpiUs === undefined || inputRpiUs === undefined) return undefined
  return {
    outputSize,
    inputSize,
    variable: pair.class === 3,
    multicast,
    rpiUs: outputRpiUs,
    targetRpiUs: inputRpiUs,
    application: applicationOf(pair.application),
  }
}

/** What a capture's words for a path mean to a plant file; undefined for what it has no word for. */
function applicationOf(words: string | undefined): ConnectionApplication | undefined {
  if (words === undefined) return undefined
  if (words === 'Message Router') return { kind: 'messages' }
  if (words === 'Identity') return { kind: 'identity' }
  const [, tag] = /^'(.{1,128})'$/.exec(words) ?? []
  if (tag !== undefined) return { kind: 'tag', tag }
  const [, configuration, output, input] = /^Assembly (?:(\d{1,5}) )?points (\d{1,5}), (\d{1,5})$/.exec(words) ?? []
  if (output === undefined || input === undefined) return undefined
  const points = { output: Number(output), input: Number(input) }
  if (points.output > 65_535 || points.input > 65_535 || Number(configuration ?? 0) > 65_535) return undefined
  return {
    kind: 'assembly',
    ...(configuration === undefined ? {} : { configuration: Number(configuration) }),
    ...points,
  }
}
