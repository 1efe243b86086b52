import { datagramMs, EncapsulationLine, type Patience, replyIn } from './bench.ts'
import type { Facts, SessionWay } from './facts.ts'
import { cipRequest, commands, epath, type PacketItem, readPacket, unconnected } from './frames.ts'
import { askHello, suitesOfCipSecurity } from './hello.ts'
import { Found } from './judge.ts'
import { classNames } from './needs.ts'
import type { ConformancePort, IoDescription, Way } from './port.ts'

/** How a target is surveyed. */
export interface SurveyOptions {
  readonly patience: Patience
  readonly io?: IoDescription
}

/** Looks at a target from outside and reads which objects it has. */
export async function survey(port: ConformancePort, options: SurveyOptions): Promise<Facts> {
  const { patience } = options
  const patienceMs = patience.answerMs
  const offer = { suites: suitesOfCipSecurity }
  const [overTcp, overUdp, tls, dtls] = await Promise.all([
    listIdentity(port, { carrier: 'tcp', port: 44818 }, patience),
    listIdentity(port, { carrier: 'udp', port: 44818 }, patience),
    askHello(port, 'tls', offer, patienceMs),
    askHello(port, 'dtls', offer, patienceMs),
  ])
  const hasTls = tls.outcome === 'hello' || tls.outcome === 'alert'
  const hasDtls = dtls.outcome === 'hello' || dtls.outcome === 'alert' || dtls.outcome === 'verify'
  const plain = await tryWay(port, 'tcp', overTcp !== undefined, patience)
  const secure = await tryWay(port, 'tls', hasTls && port.own !== 'none', patience)
  // Over TLS more is allowed than in plain, and the target shows all it has.
  const chosen = secure.known !== undefined ? secure : plain
  const items = overTcp ?? overUdp ?? chosen.known?.items ?? []
  return {
    tcp: overTcp !== undefined,
    udp: overUdp !== undefined,
    tls: hasTls,
    dtls: hasDtls,
    items,
    plainSession: plain.known !== undefined,
    session: chosen.known === undefined ? undefined : chosen === secure ? 'tls' : 'tcp',
    noSession: [plain.reason, secure.reason].filter((reason) => reason !== '').join('; '),
    classes: new Set(chosen.known?.classes ?? []),
    cipSecurityState: chosen.known?.states.get(0x5d),
    ethernetIpSecurityState: chosen.known?.states.get(0x5e),
    own: port.own,
    io: options.io,
  }
}

interface Known {
  readonly classes: readonly number[]
  readonly states: ReadonlyMap<number, number>
  readonly items: readonly PacketItem[] | undefined
}

async function tryWay(
  port: ConformancePort,
  by: SessionWay,
  isThere: boolean,
  patience: Patience,
): Promise<{ readonly known: Known | undefined; readonly reason: string }> {
  if (!isThere) {
    const reason = by === 'tcp' ? '44818/tcp does not answer' : port.own === 'none' ? '' : '2221/tcp does not answer'
    return { known: undefined, reason }
  }
  const way: Way = by === 'tcp' ? { carrier: 'tcp', port: 44818 } : { carrier: 'tls', as: 'own' }
  const opening = await port.open(way)
  if (opening.kind !== 'open') return { known: undefined, reason: `${by.toUpperCase()}: ${opening.reason}` }
  const stream = new EncapsulationLine(opening.line, patience)
  try {
    const list = await stream.ask({ command: commands.listIdentity })
    await stream.register()
    return { known: { ...(await objectsOf(stream)), items: readPacket(list.data) }, reason: '' }
  } catch (error) {
    if (!(error instanceof Found)) throw error
    const { finding } = error
    const reason = 'reason' in finding ? finding.reason : 'got' in finding ? finding.got : ''
    return { known: undefined, reason: `${by.toUpperCase()}: ${reason}` }
  } finally {
    stream.close()
  }
}

/** Statuses by which a class says that it is not there (2.3): no path, no object, no service. */
const absent: readonly number[] = [0x04, 0x05, 0x08, 0x16]

async function objectsOf(stream: EncapsulationLine): Promise<Pick<Known, 'classes' | 'states'>> {
  const classes: number[] = []
  const states = new Map<number, number>()
  for (const code of Object.keys(classNames).map(Number)) {
    const instance = code === 0x37 || code === 0x04 ? 0 : 1
    const reply = replyIn(await stream.rr(unconnected(cipRequest(0x0e, epath(code, instance, 1)))))
    if (absent.includes(reply.status)) continue
    classes.push(code)
    const [state] = reply.data
    if (reply.status === 0 && state !== undefined) states.set(code, state)
  }
  return { classes, states }
}

async function listIdentity(port: ConformancePort, way: Way, patience: Patience): Promise<PacketItem[] | undefined> {
  const opening = await port.open(way)
  if (opening.kind !== 'open') return undefined
  const answerMs = way.carrier === 'udp' ? datagramMs(patience) : patience.answerMs
  const line = new EncapsulationLine(opening.line, { ...patience, answerMs })
  try {
    const answer = await line.ask({ command: commands.listIdentity })
    return answer.command === commands.listIdentity ? (readPacket(answer.data) ?? []) : undefined
  } catch (error) {
    if (error instanceof Found) return undefined
    throw error
  } finally {
    line.close()
  }
}

/**
 * Does the target still answer anything of what it answered before? Asked after every case, so that one that brings it down
 * is known by name.
 */
export async function isAlive(port: ConformancePort, facts: Facts, patience: Patience): Promise<boolean> {
  if (facts.tcp && (await listIdentity(port, { carrier: 'tcp', port: 44818 }, patience)) !== undefined) return true
  if (facts.tls) {
    const { outcome } = await askHello(port, 'tls', { suites: suitesOfCipSecurity }, patience.answerMs)
    if (outcome === 'hello' || outcome === 'alert') return true
  }
  if (facts.udp && (await listIdentity(port, { carrier: 'udp', port: 44818 }, patience)) !== undefined) return true
  if (!facts.dtls || facts.tls || facts.tcp) return false
  const { outcome } = await askHello(port, 'dtls', { suites: suitesOfCipSecurity }, patience.answerMs)
  return outcome === 'hello' || outcome === 'alert' || outcome === 'verify'
}
