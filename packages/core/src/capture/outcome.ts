import type { CipReport } from './cip/cip-conversation.ts'
import type { ConversationReport } from './report.ts'
import type { AgreementReport } from './tls/report.ts'

/**
 * Whether anything came of a conversation. It was refused only where the capture shows all of it; in doubt it was not.
 * @module
 */

/** A part of a conversation that is judged by itself: what is plain, or what one handshake protects. */
export interface CarriedView {
  readonly conversation: ConversationReport
  /** Undefined: plain. */
  readonly agreement: AgreementReport | undefined
  /** What EtherNet/IP said in plain; undefined where nothing of it could be read. */
  readonly cip: CipReport | undefined
}

/** What came of a part of a conversation. */
export type Outcome =
  /** Data passed. */
  | { readonly kind: 'carried' }
  /** It was tried, all of it is in the capture, and nothing passed. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** Too little is in the capture to tell. */
  | { readonly kind: 'unclear'; readonly reason: string }

/** Commands that tell or ask nothing of CIP. */
const quiet: ReadonlySet<string> = new Set(['Register Session', 'Unregister Session', 'NOP', 'Start DTLS'])

/** The parts of a conversation: at least one. */
export function viewsOf(conversation: ConversationReport): readonly CarriedView[] {
  const { tls, cip, plain } = conversation
  if (tls === undefined) return [{ conversation, agreement: undefined, cip }]
  const secured = tls.agreements.map((agreement) => ({ conversation, agreement, cip: undefined }))
  // Discovery and StartDTLS come before a handshake, and are not what is judged.
  if (plain === undefined || isOnlyQuiet(plain)) return secured
  return [{ conversation, agreement: undefined, cip: plain }, ...secured]
}

/** What came of it. */
export function outcomeOf(view: CarriedView): Outcome {
  return view.agreement === undefined ? plainOutcome(view) : securedOutcome(view, view.agreement)
}

/** Everything of it is in the capture and was understood. */
export function readsWhole({ conversation, agreement, cip }: CarriedView): boolean {
  const { figures, begun, transport } = conversation
  const isMissing = [figures.client, figures.server].some(
    ({ snapped, stream }) => snapped > 0 || (stream?.gapBytes ?? 0) > 0,
  )
  // Of datagrams a server that spoke first answers what went to all.
  if ((transport === 'tcp' && !begun) || isMissing || agreement?.incomplete === true) return false
  return cip === undefined || cip.skippedBytes + cip.unfinishedBytes + cip.malformed.count === 0
}

function plainOutcome(view: CarriedView): Outcome {
  const { conversation, cip } = view
  const { server } = conversation.figures
  if (cip !== undefined && (cip.ioFrames > 0 || cip.accepted > 0)) return { kind: 'carried' }
  if (server.packets === 0) return unclear('what the server said is not in the capture')
  if (!readsWhole(view)) return unclear('not all of it is in the capture or can be read')
  if (server.bytes === 0) return { kind: 'refused', reason: 'not answered' }
  if (cip === undefined) return unclear('nothing of it could be read')
  if (cip.unanswered > 0) return unclear('a request has no answer in the capture')
  const [error] = cip.errors.first
  if (cip.errors.count > 0) return { kind: 'refused', reason: `refused: ${error?.text ?? 'with an error'}` }
  if (cip.requests === 0 && isOnlyQuiet(cip)) return { kind: 'refused', reason: 'nothing was asked' }
  return unclear('what was asked cannot be read')
}

function securedOutcome(view: CarriedView, agreement: AgreementReport): Outcome {
  const { tls, figures, begun } = view.conversation
  if (agreement.established || agreement.records > 0) return { kind: 'carried' }
  if (!begun) return unclear('its handshake is older than the capture, so nobody can tell its suite')
  const isOdd = (tls?.problems.length ?? 0) > 0 || (tls?.agreements.length ?? 0) > 1
  if (figures.server.packets === 0)
    return isUnanswered(view.conversation)
      ? { kind: 'refused', reason: 'not answered' }
      : unclear('what the server said is not in the capture')
  if (isOdd || !readsWhole(view)) return unclear('not all of its handshake is in the capture or can be read')
  const alert = tls?.alerts.find(({ level }) => level === 'fatal')
  if (alert === undefined) return { kind: 'refused', reason: 'the handshake did not come to its end' }
  return { kind: 'refused', reason: `the ${alert.side} refused the handshake: ${alert.name}` }
}

/** A DTLS client that was answered comes back with a cookie or goes on; this one only said its first word. */
function isUnanswered({ transport, steps, moreSteps }: ConversationReport): boolean {
  if (transport === 'tcp' || steps.length === 0 || moreSteps > 0) return false
  return steps.every(
    ({ detail, retransmission }) =>
      retransmission === true || (detail.kind === 'client-hello' && (detail.cookieLength ?? 0) === 0),
  )
}

function unclear(reason: string): Outcome {
  return { kind: 'unclear', reason }
}

function isOnlyQuiet({ ioFrames, requests, replies, commands }: CipReport): boolean {
  const isQuiet = (command: string): boolean => quiet.has(command) || command.startsWith('List ')
  return ioFrames + requests + replies === 0 && Object.keys(commands).every(isQuiet)
}
