import { contains, type Network, parseAddress } from '../policy/address.ts'
import { type Decision, decide, type PolicyRule } from '../policy/decide.ts'
import type { Endpoint, PlantIndex } from '../policy/plant-index.ts'
import { suiteProtection } from '../security/cipher-suites.ts'
import { isFirstContact } from './commissioning.ts'
import type { CaptureEndpoint } from './conversation.ts'
import type { CaptureReport, ConversationReport } from './report.ts'
import type { NamedSuite } from './tls/detail.ts'
import type { ProtectionWord } from './tls/suites.ts'

/** What is to be said of a flow, measured against the plant file. */
export type FlowVerdict =
  /** As the plant file has it. */
  | 'allowed'
  /** The manager's own way in, implied by the plant. */
  | 'manager'
  /** The manager with a device that still shows the certificate it came with. */
  | 'commissioning'
  /** ListIdentity and the like: it tells what a device is and changes nothing. */
  | 'discovery'
  /** Somebody tried, and nothing came of it. */
  | 'refused'
  /** Nothing in the plant file allows it. */
  | 'forbidden'
  /** It is allowed, and had less protection than the plant file promises. */
  | 'weaker'
  /** An address that is not in the plant file. */
  | 'unknown-peer'
  /** Not EtherNet/IP, or not enough of it in the capture. */
  | 'not-judged'

/** Verdicts under which the plant does not obey its file. */
export const disobedient: readonly FlowVerdict[] = ['forbidden', 'weaker', 'unknown-peer']

/** An end of a flow. */
export interface FlowEnd {
  readonly address: string
  /** Device or range of the plant file; undefined for a stranger. */
  readonly name: string | undefined
}

/** Alike conversations of two addresses, and what the plant file says of them. */
export interface JudgedFlow {
  /** Who opened it: the TCP and TLS client, the DTLS client; in plain class 0/1 data the originator if known. */
  readonly from: FlowEnd
  readonly to: FlowEnd
  readonly transport: 'tcp' | 'udp'
  /** Port of the server. */
  readonly port: number
  /** Undefined where its handshake is not in the capture. */
  readonly protection: ProtectionWord | undefined
  readonly suite: NamedSuite | undefined
  readonly verdict: FlowVerdict
  /** Which rule of the plant file decides, and what is wrong, in one sentence. */
  readonly reason: string
  readonly rule: PolicyRule | undefined
  /** How many conversations, and the numbers of the first of them. */
  readonly count: number
  readonly conversations: readonly number[]
  readonly firstPacket: number
  /** Microseconds since 1970. */
  readonly firstUs: number
  readonly lastUs: number
}

/** A capture measured against a plant file. */
export interface CaptureJudgement {
  readonly plant: string
  readonly verdict: 'obeys' | 'disobeys'
  /** Flows by verdict. */
  readonly counts: Readonly<Record<FlowVerdict, number>>
  readonly flows: readonly JudgedFlow[]
}

/** Conversations of one flow whose numbers are listed. */
const listedConversations = 20

/** Judges every flow of a capture against the plant. */
export function judgeCapture(report: CaptureReport, index: PlantIndex): CaptureJudgement {
  const names = new AddressNames(index)
  const flows = new Map<string, { -readonly [K in keyof JudgedFlow]: JudgedFlow[K] } & { conversations: number[] }>()
  const opened = new Set(
    report.connections
      .filter(({ protection, state }) => protection === 'none' && state !== 'older')
      .map(({ originator, target }) => `${originator}|${target}`),
  )
  for (const conversation of report.conversations) {
    const { transport, protection, tls, id, firstPacket, firstUs, lastUs } = conversation
    const [client, server] = openedBy(conversation, opened)
    const { verdict, reason, rule } = judgeConversation(conversation, index, names)
    const suite = tls?.suite
    const key = [client.address, server.address, transport, server.port, protection, suite?.id, verdict, reason].join('|')
    const known = flows.get(key)
    if (known !== undefined) {
      known.count++
      if (known.conversations.length < listedConversations) known.conversations.push(id)
      known.lastUs = Math.max(known.lastUs, lastUs)
      continue
    }
    const end = (address: string): FlowEnd => ({ address, name: names.find(address)?.name })
    flows.set(key, {
      from: end(client.address),
      to: end(server.address),
      transport,
      port: server.port,
      protection,
      suite,
      verdict,
      reason,
      rule,
      count: 1,
      conversations: [id],
      firstPacket,
      firstUs,
      lastUs,
    })
  }
  const all = [...flows.values()]
  const counts: Record<FlowVerdict, number> = {
    allowed: 0,
    manager: 0,
    commissioning: 0,
    discovery: 0,
    refused: 0,
    forbidden: 0,
    weaker: 0,
    'unknown-peer': 0,
    'not-judged': 0,
  }
  for (const { verdict } of all) counts[verdict]++
  const disobeys = disobedient.some((verdict) => counts[verdict] > 0)
  return { plant: index.plant.name, verdict: disobeys ? 'disobeys' : 'obeys', counts, flows: all }
}

/** Client and server; of plain class 0/1 data originator and target, where their Forward_Open tells. */
function openedBy(
  { client, server, content, transport }: ConversationReport,
  opened: ReadonlySet<string>,
): readonly [CaptureEndpoint, CaptureEndpoint] {
  const isIo = content === 'ethernet-ip' && transport === 'udp'
  const isTurned =
    isIo &&
    opened.has(`${server.address}|${client.address}`) &&
    !opened.has(`${client.address}|${server.address}`)
  return isTurned ? [server, client] : [client, server]
}

/** Devices and ranges of a plant by address. */
export class AddressNames {
  readonly #devices = new Map<number, Endpoint>()
  readonly #ranges: { readonly network: Network; readonly endpoint: Endpoint }[] = []
  readonly #known = new Map<string, Endpoint | undefined>()

  /** The names of one plant. */
  constructor(index: PlantIndex) {
    for (const endpoint of index.endpoints.values()) {
      if (endpoint.device !== undefined) this.#devices.set(endpoint.network.address, endpoint)
      else this.#ranges.push({ network: endpoint.network, endpoint })
    }
    this.#ranges.sort((a, b) => b.network.prefix - a.network.prefix)
  }

  /** The device at an address, else the narrowest range around it. */
  find(address: string): Endpoint | undefined {
    if (this.#known.has(address)) return this.#known.get(address)
    const number = parseAddress(address)
    const found =
      number === undefined
        ? undefined
        : (this.#devices.get(number) ?? this.#ranges.find(({ network }) => contains(network, number))?.endpoint)
    // A hostile capture has as many addresses as packets.
    if (this.#known.size < 100_000) this.#known.set(address, found)
    return found
  }
}

interface Verdict {
  readonly verdict: FlowVerdict
  readonly reason: string
  readonly rule?: PolicyRule
}

function judgeConversation(conversation: ConversationReport, index: PlantIndex, names: AddressNames): Verdict {
  const { client, server, transport } = conversation
  const notIts = notEtherNetIp(conversation)
  if (notIts !== undefined) return { verdict: 'not-judged', reason: notIts }
  const from = names.find(client.address)
  const to = names.find(server.address)
  const isDiscovery = onlyAsks(conversation)
  const strangers = [
    ...(from === undefined ? [client.address] : []),
    ...(to === undefined && !(isDiscovery && isGroup(server.address)) ? [server.address] : []),
  ]
  if (strangers.length > 0) {
    const who = `${strangers.join(' and ')} ${strangers.length === 1 ? 'is' : 'are'} not in the plant file`
    const failure = failureOf(conversation)
    return failure === undefined
      ? { verdict: 'unknown-peer', reason: who }
      : { verdict: 'refused', reason: `${who}; ${failure}` }
  }
  if (isDiscovery || from === undefined || to === undefined)
    return { verdict: 'discovery', reason: 'asks what devices are and changes nothing' }
  if (from === to) return { verdict: 'not-judged', reason: `${from.name} with itself` }
  const decision = decisionFor(conversation, index, from.name, to.name, transport)
  const failure = failureOf(conversation)
  if (failure !== undefined) {
    const rule = decision.verdict === 'denied' ? `forbidden: ${decision.reason}` : decision.reason
    return { verdict: 'refused', reason: `${failure} (${rule})`, rule: decision.rule }
  }
  if (decision.verdict === 'denied') return { verdict: 'forbidden', reason: decision.reason, rule: decision.rule }
  return { ...judgeProtection(conversation, decision), rule: decision.rule }
}

/** In plain class 0/1 data both ends speak; either may have opened the connection. */
function decisionFor(
  conversation: ConversationReport,
  index: PlantIndex,
  from: string,
  to: string,
  transport: 'tcp' | 'udp',
): Decision {
  const decision = decide(index, { from, to, transport })
  if (conversation.content !== 'ethernet-ip' || transport === 'tcp') return decision
  const other = decide(index, { from: to, to: from, transport })
  const order = { plain: 0, secure: 1, denied: 2 } as const
  return order[other.verdict] < order[decision.verdict] ? other : decision
}

function judgeProtection(conversation: ConversationReport, decision: Decision): Omit<Verdict, 'rule'> {
  const { content, tls, begun } = conversation
  const good = decision.rule.kind === 'manager' ? 'manager' : 'allowed'
  if (decision.verdict === 'plain') return { verdict: good, reason: decision.reason }
  const promised = `promised is: ${decision.reason}`
  if (content === 'ethernet-ip') return { verdict: 'weaker', reason: `plain EtherNet/IP; ${promised}` }
  if (tls?.suite === undefined) {
    const why = begun ? 'its handshake cannot be read' : 'its handshake is older than the capture'
    return { verdict: 'not-judged', reason: `${why}, so nobody can tell its suite; ${promised}` }
  }
  if (decision.rule.kind === 'manager') {
    if (isFactoryCertificate(conversation))
      return { verdict: 'commissioning', reason: 'the manager with a device that shows the certificate it came with' }
    if (isFirstContact(conversation))
      return { verdict: 'commissioning', reason: 'the manager with a device that asks for no certificate yet' }
  }
  const { suite } = tls
  if (!decision.suites.includes(suite.id)) {
    const gives = suiteProtection(suite.id)
    if (gives === decision.protection)
      return { verdict: 'weaker', reason: `${suite.name} is none of the suites of this rule; ${promised}` }
    if (gives === 'confidentiality')
      return { verdict: good, reason: `${suite.name} encrypts, which is more than promised: ${decision.reason}` }
    return {
      verdict: 'weaker',
      reason: `${suite.name} ${gives === 'integrity' ? 'gives integrity only' : 'is no suite of CIP Security'}; ${promised}`,
    }
  }
  if (decision.authentication === 'certificate' && !tls.resumed) {
    if (isFactoryCertificate(conversation))
      return { verdict: 'weaker', reason: `the server shows a certificate that is not the plant's; ${promised}` }
    if (!tls.clientCertificateGiven)
      return { verdict: 'weaker', reason: `the client shows no certificate; ${promised}` }
  }
  return { verdict: good, reason: decision.reason }
}

/** The server shows the certificate of its maker, or one that it signed itself. */
function isFactoryCertificate({ tls }: ConversationReport): boolean {
  const origin = tls?.certificates.server[0]?.origin
  return origin === 'vendor' || origin === 'self-signed'
}

/** Why a conversation is none of EtherNet/IP's, or undefined. */
function notEtherNetIp({ content, server, client, transport, cip, tls }: ConversationReport): string | undefined {
  const isItsPort = [server.port, client.port].some((port) => port === 44_818 || port === 2221 || port === 2222)
  const place = `${transport}/${server.port}`
  if (content === 'other') return isItsPort ? `no data on ${place}` : `not EtherNet/IP: ${place}`
  if (content === 'ethernet-ip' && cip === undefined) return `nothing of EtherNet/IP could be read on ${place}`
  if (tls !== undefined && cip === undefined && !isItsPort)
    return `${tls.protocol} on ${place}, which is not a port of EtherNet/IP`
  return undefined
}

/** Only ListIdentity, ListServices and ListInterfaces were asked. */
function onlyAsks({ content, cip }: ConversationReport): boolean {
  if (content !== 'ethernet-ip' || cip === undefined || cip.ioFrames > 0) return false
  const commands = Object.keys(cip.commands)
  return commands.length > 0 && commands.every((command) => command.startsWith('List '))
}

/** Why nothing came of a conversation, or undefined when something did. */
function failureOf(conversation: ConversationReport): string | undefined {
  const { content, tls, cip, begun, figures } = conversation
  if (content === 'ethernet-ip') {
    if (cip === undefined || cip.ioFrames > 0 || cip.accepted > 0 || !begun || onlyAsks(conversation))
      return undefined
    if (figures.server.bytes === 0) return 'not answered'
    const [error] = cip.errors.first
    return error === undefined ? 'nothing was asked' : `refused: ${error.text}`
  }
  if (tls === undefined || tls.established || !begun) return undefined
  const alert = tls.alerts.find(({ level }) => level === 'fatal')
  if (alert === undefined) return 'the handshake did not come to its end'
  return `the ${alert.side} refused the handshake: ${alert.name}`
}

/** Multicast and broadcast. */
function isGroup(address: string): boolean {
  const first = Number.parseInt(address, 10)
  return first >= 224 || address.endsWith('.255')
}
