import { certificateManagement } from '../../objects/certificate-management.ts'
import { cipSecurity } from '../../objects/cip-security.ts'
import { ethernetIpSecurity } from '../../objects/ethernet-ip-security.ts'
import { file } from '../../objects/file.ts'
import { ingressEgress } from '../../objects/ingress-egress.ts'
import type { Moment } from '../conversation.ts'
import type { ObservedReply, ObservedRequest } from './explicit.ts'

/** A step of push commissioning as it was seen. */
export interface PushStep {
  /** `EtherNet/IP Security - Apply Config`. */
  readonly text: string
  /** Times that it was asked one after the other: packets of a file, kicks of the timer. */
  readonly times: number
  /** What the device answered, in words, where it was not success. */
  readonly refused: string | undefined
  readonly packet: number
  /** Microseconds since 1970. */
  readonly timeUs: number
}

/** A push commissioning that was read in a session: the sequence on the security objects. */
export interface PushReport {
  /** `applied`: Apply_Config and End_Config were answered with success; `read`: nothing was changed. */
  readonly outcome: 'applied' | 'aborted' | 'unfinished' | 'read'
  readonly createsRequest: boolean
  readonly stagesCertificates: boolean
  readonly steps: readonly PushStep[]
  /** Steps beyond the limit. */
  readonly more: number
}

/** Steps kept of one session. */
const mostSteps = 200

const watched: ReadonlySet<number> = new Set(
  [cipSecurity, ethernetIpSecurity, certificateManagement, file, ingressEgress].map(({ id }) => id),
)

/** Services that only look: a verification reads the same objects as a commissioning. */
const looking: ReadonlySet<number> = new Set([0x01, 0x03, 0x0e])

interface Step {
  readonly key: string
  readonly packet: number
  readonly timeUs: number
  times: number
  refused: string | undefined
}

/** Recognises push commissioning (Volume 8 via cip-security-wire 4) in the readable messages of one session. */
export class PushWatch {
  readonly #steps: Step[] = []
  #more = 0
  #begun = false
  #created = false
  #staged = false
  #applied = false
  #ended = false
  #aborted = false

  /** A message and, where it was answered, what the answer was. */
  heard(request: ObservedRequest, reply: ObservedReply | undefined, moment: Moment): void {
    for (const inner of request.embedded) this.heard(inner, undefined, moment)
    const { class: classId, service } = request
    if (classId === undefined || !watched.has(classId) || looking.has(service)) return
    const isOk = reply?.status === 0
    if (isOk) this.#succeeded(classId, service)
    const last = this.#steps.at(-1)
    const refused = reply === undefined || isOk ? undefined : reply.text.slice(0, reply.text.indexOf(':'))
    if (last !== undefined && last.key === request.subject && last.refused === refused) last.times++
    else if (this.#steps.length >= mostSteps) this.#more++
    else {
      const { packet, timeUs } = moment
      this.#steps.push({ key: request.subject, packet, timeUs, times: 1, refused })
    }
  }

  #succeeded(classId: number, service: number): void {
    const { services } = ethernetIpSecurity
    if (classId === cipSecurity.id) {
      if (service === cipSecurity.services.beginConfig.code) this.#begun = true
      else if (service === cipSecurity.services.endConfig.code) this.#ended = true
    } else if (classId === ethernetIpSecurity.id) {
      if (service === services.beginConfig.code) this.#begun = true
      else if (service === services.applyConfig.code) this.#applied = true
      else if (service === services.abortConfig.code) this.#aborted = true
    } else if (classId === certificateManagement.id) {
      if (service === certificateManagement.services.createCsr.code) this.#created = true
    } else if (classId === file.id && service === file.services.downloadTransfer.code) this.#staged = true
  }

  /** What was recognised, or undefined where the security objects were not configured. */
  report(): PushReport | undefined {
    if (!this.#begun && !this.#created && !this.#applied) return undefined
    const outcome = this.#aborted
      ? 'aborted'
      : this.#applied && this.#ended
        ? 'applied'
        : this.#applied || this.#begun
          ? 'unfinished'
          : 'read'
    return {
      outcome,
      createsRequest: this.#created,
      stagesCertificates: this.#staged,
      steps: this.#steps.map(({ key, times, refused, packet, timeUs }) => ({
        text: key,
        times,
        refused,
        packet,
        timeUs,
      })),
      more: this.#more,
    }
  }
}
