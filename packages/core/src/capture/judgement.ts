import { ioFrameHeaderLength } from '../enip/io-frame.ts'
import { contains, type Network, parseAddress } from '../policy/address.ts'
import { type Decision, decide, type PolicyRule } from '../policy/decide.ts'
import type { Endpoint, PlantIndex } from '../policy/plant-index.ts'
import { findSuite } from '../security/cipher-suites.ts'
import type { CaptureReport, ConversationReport } from './report.ts'
import type { NamedSuite } from './tls/detail.ts'
import { type CarriedView, outcomeOf, readsWhole, viewsOf } from './outcome.ts'
import type { AgreementReport } from './tls/report.ts'
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
  /** Somebody tried, and the capture shows whole that nothing came of it. */
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
  /** What is not in the capture of it, or cannot be read, could change the verdict. */
  readonly incomplete: boolean
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
  /** `incomplete`: nothing speaks against it, and not all could be judged. */
  readonly verdict: 'obeys' | 'incomplete' | 'disobeys'
  /** Why not all could be judged, a phrase each; empty when the whole capture was. */
  readonly unjudged: readonly string[]
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
  const around: Around = {
    index,
    names,
    anchors: report.anchors,
    opened: new Set(
      report.connections
        .filter(({ protection, state }) => protection === 'none' && state !== 'older')
        .map(({ originator, target }) => `${originator}|${target}`),
    ),
    consumers: consumersOf(report),
    plainProducers: new Map(),
  }
  for (const conversation of report.conversations) {
    const { transport, id, firstPacket, firstUs, lastUs } = conversation
    const { client, server, protection, suite, verdict, reason, rule, incomplete } = worstOf(conversation, around)
    const key = [client, server, transport, conversation.server.port, protection, suite?.id, verdict, reason].join('|')
    const known = flows.get(key)
    if (known !== undefined) {
      known.count++
      if (known.conversations.length < listedConversations) known.conversations.push(id)
      known.lastUs = Math.max(known.lastUs, lastUs)
      known.incomplete ||= incomplete
      continue
    }
    const end = (address: string): FlowEnd => ({ address, name: names.find(address)?.name })
    flows.set(key, {
      from: end(client),
      to: end(server),
      transport,
      port: portOf(conversation, server),
      protection,
      suite,
      verdict,
      reason,
      rule,
      incomplete,
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
  const unjudged = unjudgedOf(report, all)
  const verdict = disobeys ? 'disobeys' : unjudged.length > 0 ? 'incomplete' : 'obeys'
  return { plant: index.plant.name, verdict, unjudged, counts, flows: all }
}

/** The port of the server, which is the other one where the client of a handshake is the server of its packets. */
function portOf({ client, server, transport, tls }: ConversationReport, address: string): number {
  const isTurned = tls !== undefined && transport === 'tcp' && client.address === address && server.address !== address
  return isTurned ? client.port : server.port
}

/** What of a capture nobody has judged: it may hold anything. */
function unjudgedOf(report: CaptureReport, flows: readonly JudgedFlow[]): readonly string[] {
  const found: string[] = []
  const add = (count: number, one: string, many: string): void => {
    if (count > 0) found.push(count === 1 ? `1 ${one}` : `${count.toLocaleString('en')} ${many}`)
  }
  if (flows.every(({ verdict }) => verdict === 'not-judged')) found.push('no flow of EtherNet/IP that can be judged')
  const open = flows.filter(({ incomplete }) => incomplete).reduce((sum, { count }) => sum + count, 0)
  add(open, 'conversation that is not whole or not readable', 'conversations that are not whole or not readable')
  add(report.moreConversations, 'conversation beyond the limit', 'conversations beyond the limit')
  const { files, packets } = report
  for (const file of files) {
    if (file.stopped) found.push(`the rest of ${file.name}, which cannot be read`)
    add(file.unreadable, `unreadable packet record of ${file.name}`, `unreadable packet records of ${file.name}`)
    if (!file.stopped) add(file.lostBytes, `lost byte of ${file.name}`, `lost bytes of ${file.name}`)
    add(file.dropped, 'packet that the capturing machine lost', 'packets that the capturing machine lost')
  }
  add(packets.headersSnapped, 'packet cut within its headers', 'packets cut within their headers')
  return found
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

/** What conversations are judged with. */
interface Around {
  readonly index: PlantIndex
  readonly names: AddressNames
  readonly anchors: CaptureReport['anchors']
  /** Plain connections whose Forward_Open was seen: `originator|target`. */
  readonly opened: ReadonlySet<string>
  /** Originators by `target|group` of multicast connections. */
  readonly consumers: ReadonlyMap<string, ReadonlySet<string>>
  /** Whether some rule lets a device produce class 0/1 data in plain, by name. */
  readonly plainProducers: Map<string, boolean>
}

interface Verdict {
  readonly verdict: FlowVerdict
  readonly reason: string
  readonly rule?: PolicyRule
  readonly incomplete?: boolean
}

interface Judged {
  /** Addresses. */
  readonly client: string
  readonly server: string
  readonly protection: ProtectionWord | undefined
  readonly suite: NamedSuite | undefined
  readonly verdict: FlowVerdict
  readonly reason: string
  readonly rule: PolicyRule | undefined
  readonly incomplete: boolean
}

/** What weighs more when one conversation has several parts. */
const gravity: Readonly<Record<FlowVerdict, number>> = {
  'unknown-peer': 8,
  forbidden: 7,
  weaker: 6,
  'not-judged': 5,
  refused: 4,
  commissioning: 3,
  manager: 2,
  allowed: 1,
  discovery: 0,
}

/** The gravest verdict on the parts of a conversation: plain data beside TLS, and each of several handshakes. */
function worstOf(conversation: ConversationReport, around: Around): Judged {
  const { client, server } = conversation
  const notIts = notEtherNetIp(conversation)
  if (notIts !== undefined) {
    const { protection, tls } = conversation
    const ends = { client: client.address, server: server.address }
    return {
      ...ends,
      protection,
      suite: tls?.suite,
      verdict: 'not-judged',
      reason: notIts,
      rule: undefined,
      incomplete: false,
    }
  }
  const judged = viewsOf(conversation).flatMap((view) =>
    endsOf(view, around).map((ends): Judged => {
      const { agreement } = view
      const known = agreement === undefined || agreement.suite !== undefined || agreement.protection !== 'None'
      const protection = agreement === undefined ? 'None' : known ? agreement.protection : undefined
      const { verdict, reason, rule, incomplete } = judgeView(view, ends, around)
      return { ...ends, protection, suite: agreement?.suite, verdict, reason, rule, incomplete: incomplete ?? false }
    }),
  )
  const [first, ...others] = judged
  if (first === undefined) throw new Error('a conversation has at least one part')
  return others.reduce((worst, one) => (gravity[one.verdict] > gravity[worst.verdict] ? one : worst), first)
}

interface Ends {
  readonly client: string
  readonly server: string
  /** Multicast data whose consumers are not known. */
  readonly nobody?: true
}

/** Who opened it and to whom; of multicast data each of its originators. */
function endsOf({ conversation, agreement, cip }: CarriedView, { opened, consumers }: Around): readonly Ends[] {
  const client = conversation.client.address
  const server = conversation.server.address
  const turned = { client: server, server: client }
  if (agreement !== undefined) return [agreement.client === 'server' ? turned : { client, server }]
  if (conversation.transport === 'tcp') return [{ client, server }]
  if (isMulticast(server) && (cip === undefined || cip.ioFrames > 0)) {
    const originators = consumers.get(`${client}|${server}`)
    if (originators === undefined) return [{ client, server, nobody: true }]
    return [...originators].map((originator) => ({ client: originator, server: client }))
  }
  const isTurned = opened.has(`${server}|${client}`) && !opened.has(`${client}|${server}`)
  return [isTurned ? turned : { client, server }]
}

function consumersOf(report: CaptureReport): ReadonlyMap<string, ReadonlySet<string>> {
  const consumers = new Map<string, Set<string>>()
  for (const { target, group, originator } of report.connections) {
    if (group === undefined) continue
    const key = `${target}|${group}`
    consumers.set(key, (consumers.get(key) ?? new Set()).add(originator))
  }
  return consumers
}

function judgeView(view: CarriedView, ends: Ends, around: Around): Verdict {
  const { index, names } = around
  const { conversation, agreement } = view
  const from = names.find(ends.client)
  const to = names.find(ends.server)
  const isDiscovery = agreement === undefined && onlyAsks(view)
  const outcome = outcomeOf(view)
  const isForAll = ends.nobody === true || (isDiscovery && isGroup(ends.server))
  const strangers = [
    ...(from === undefined ? [ends.client] : []),
    ...(to === undefined && !isForAll ? [ends.server] : []),
  ]
  if (strangers.length > 0) {
    const who = `${strangers.join(' and ')} ${strangers.length === 1 ? 'is' : 'are'} not in the plant file`
    return outcome.kind === 'refused'
      ? { verdict: 'refused', reason: `${who}; ${outcome.reason}` }
      : { verdict: 'unknown-peer', reason: who }
  }
  if (ends.nobody === true && from !== undefined) return judgeProducer(from.name, around)
  if (isDiscovery || from === undefined || to === undefined)
    return { verdict: 'discovery', reason: 'asks what devices are and changes nothing' }
  if (from === to) return { verdict: 'not-judged', reason: `${from.name} with itself` }
  const decision = decisionFor(view, index, from.name, to.name)
  const { rule } = decision
  if (outcome.kind === 'refused') {
    const words = decision.verdict === 'denied' ? `forbidden: ${decision.reason}` : decision.reason
    return { verdict: 'refused', reason: `${outcome.reason} (${words})`, rule }
  }
  const doubt = outcome.kind === 'unclear' ? `${outcome.reason}; ` : ''
  if (decision.verdict === 'denied') return { verdict: 'forbidden', reason: `${doubt}${decision.reason}`, rule }
  // What may go in plain may do so whatever it was.
  if (decision.verdict === 'plain') {
    const good = rule.kind === 'manager' ? 'manager' : 'allowed'
    return { verdict: good, reason: decision.reason, rule }
  }
  const promised = `promised is: ${decision.reason}`
  if (outcome.kind === 'unclear')
    return { verdict: 'not-judged', reason: `${doubt}${promised}`, rule, incomplete: true }
  if (agreement === undefined) return { verdict: 'weaker', reason: `plain EtherNet/IP; ${promised}`, rule }
  const judged = judgeProtection(view, agreement, decision, around)
  const isWhole = readsWhole(view) && conversation.tls?.moreAgreements === 0
  const isGood = gravity[judged.verdict] <= gravity.commissioning
  return { incomplete: isGood ? !isWhole : judged.verdict === 'not-judged', ...judged, rule }
}

/** Multicast data without its Forward_Open: nobody can tell for whom it is, but whether it may be in plain at all. */
function judgeProducer(name: string, { index, plainProducers }: Around): Verdict {
  let may = plainProducers.get(name)
  if (may === undefined) {
    may = [...index.endpoints.values()].some(
      (other) =>
        other.name !== name && decide(index, { from: other.name, to: name, transport: 'udp' }).verdict === 'plain',
    )
    plainProducers.set(name, may)
  }
  if (!may) return { verdict: 'forbidden', reason: `no rule allows ${name} class 0/1 data in plain` }
  const reason = 'multicast data that was opened before the capture, so nobody can tell for whom it is'
  return { verdict: 'not-judged', reason, incomplete: true }
}

/** In plain class 0/1 data both ends speak; either may have opened the connection. */
function decisionFor({ conversation, agreement }: CarriedView, index: PlantIndex, from: string, to: string): Decision {
  const { transport, server } = conversation
  const decision = decide(index, { from, to, transport })
  if (agreement !== undefined || transport === 'tcp' || isMulticast(server.address)) return decision
  const other = decide(index, { from: to, to: from, transport })
  const order = { plain: 0, secure: 1, denied: 2 } as const
  return order[other.verdict] < order[decision.verdict] ? other : decision
}

function judgeProtection(
  view: CarriedView,
  agreement: AgreementReport,
  decision: Decision,
  { anchors }: Around,
): Pick<Verdict, 'verdict' | 'reason'> {
  const { begun } = view.conversation
  const good = decision.rule.kind === 'manager' ? 'manager' : 'allowed'
  const promised = `promised is: ${decision.reason}`
  const { suite } = agreement
  if (suite === undefined && agreement.protection === 'Authenticated') {
    const shown = 'its handshake is older than the capture; its records show a NULL suite, which gives integrity only'
    return decision.protection === 'integrity'
      ? { verdict: good, reason: `${shown}, as ${promised}` }
      : { verdict: 'weaker', reason: `${shown}; ${promised}` }
  }
  if (suite === undefined) {
    const why = begun ? 'its handshake cannot be read' : 'its handshake is older than the capture'
    return { verdict: 'not-judged', reason: `${why}, so nobody can tell its suite; ${promised}` }
  }
  const facts = findSuite(suite.id)
  const weaker = (why: string): Pick<Verdict, 'verdict' | 'reason'> => ({
    verdict: 'weaker',
    reason: `${why}; ${promised}`,
  })
  if (facts === undefined) return weaker(`${suite.name} is no suite of CIP Security`)
  const [clientSide, serverSide] =
    agreement.client === 'server' ? (['server', 'client'] as const) : (['client', 'server'] as const)
  const [shownByClient] = agreement.certificates[clientSide]
  const [shownByServer] = agreement.certificates[serverSide]
  // A device is taken into the plant under the certificate it came with, and only where nobody can listen.
  if (decision.rule.kind === 'manager' && facts.encrypts && facts.authentication !== 'psk') {
    const origin = shownByServer?.origin
    if (origin === 'vendor' || origin === 'self-signed')
      return { verdict: 'commissioning', reason: 'the manager with a device that shows the certificate it came with' }
    const isTold = anchors.vendor > 0 && anchors.plant > 0
    if (origin === 'unknown' && !agreement.clientCertificateRequested && !isTold)
      return { verdict: 'commissioning', reason: 'the manager with a device that asks for no certificate yet' }
  }
  const gives = facts.encrypts ? 'confidentiality' : 'integrity'
  if (gives === 'integrity' && decision.protection === 'confidentiality')
    return weaker(`${suite.name} gives integrity only`)
  const isShared = facts.authentication === 'psk'
  if (isShared !== (decision.authentication === 'psk'))
    return weaker(`${suite.name} proves identity by a ${isShared ? 'pre-shared key' : 'certificate'}`)
  const isListed = decision.suites.includes(suite.id)
  if (!isListed && gives === decision.protection) return weaker(`${suite.name} is none of the suites of this rule`)
  if (decision.authentication === 'certificate' && !agreement.resumed) {
    const shown = [
      { who: 'server', certificate: shownByServer },
      { who: 'client', certificate: shownByClient },
    ]
    for (const { who, certificate } of shown) {
      if (certificate === undefined) {
        if (agreement.incomplete || !readsWhole(view))
          return { verdict: 'not-judged', reason: `the certificate of the ${who} is not in the capture; ${promised}` }
        return weaker(`the ${who} shows no certificate`)
      }
      const { origin } = certificate
      if (origin === 'vendor' || origin === 'self-signed' || (origin === 'unknown' && anchors.plant > 0))
        return weaker(`the ${who} shows a certificate that is not the plant's`)
    }
  }
  return isListed
    ? { verdict: good, reason: decision.reason }
    : { verdict: good, reason: `${suite.name} encrypts, which is more than promised: ${decision.reason}` }
}

/** Why a conversation is none of EtherNet/IP's, or undefined. */
function notEtherNetIp({
  content,
  server,
  client,
  transport,
  cip,
  tls,
  plain,
  figures,
}: ConversationReport): string | undefined {
  const isItsPort = [server.port, client.port].some((port) => port === 44_818 || port === 2221 || port === 2222)
  const place = `${transport}/${server.port}`
  if (content === 'other') {
    if (!isItsPort) return `not EtherNet/IP: ${place}`
  }
  const bytes = figures.client.bytes + figures.server.bytes
  if (content === 'other' && bytes === 0) return `no data on ${place}`
  const isWhole = figures.client.snapped + figures.server.snapped === 0
  // A port scan: no message of EtherNet/IP is so short.
  if (transport === 'udp' && content === 'ethernet-ip' && cip === undefined && isWhole && bytes < ioFrameHeaderLength)
    return `nothing of EtherNet/IP on ${place}`
  if (tls !== undefined && cip === undefined && plain === undefined && !isItsPort)
    return `${tls.protocol} on ${place}, which is not a port of EtherNet/IP`
  return undefined
}

/** Only ListIdentity, ListServices and ListInterfaces were asked, and nothing else can have been. */
function onlyAsks(view: CarriedView): boolean {
  const { cip } = view
  if (cip === undefined || cip.ioFrames > 0 || !readsWhole(view)) return false
  const commands = Object.keys(cip.commands)
  return commands.length > 0 && commands.every((command) => command.startsWith('List '))
}

function isMulticast(address: string): boolean {
  const first = Number.parseInt(address, 10)
  return !address.includes(':') && first >= 224 && first < 240
}

/** Multicast and broadcast. */
function isGroup(address: string): boolean {
  const first = Number.parseInt(address, 10)
  return first >= 224 || address.endsWith('.255')
}
