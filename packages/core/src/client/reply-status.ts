import { describeExtendedStatus } from '../cip/extended-status.ts'
import { describeGeneralStatus } from '../cip/general-status.ts'
import type { MessageRouterReply } from '../cip/message-router.ts'
import { MalformedMessage, PeerError } from '../errors.ts'
import { fileFailures } from '../objects/file.ts'
import { type Codec, decode } from '../wire/codec.ts'

const connectionManagerClass = 0x06
const fileClass = 0x37

/** What a request asked for, in words, and what its class adds to the meaning of a status. */
export interface RequestSubject {
  /** As it stands at the beginning of an error: `Begin_Config of CIP Security (0x5D) instance 1`. */
  readonly what: string
  /** Class code, for the meaning of extended status words. */
  readonly classId?: number
}

/** What a refusing reply says: status by name and what its additional words mean. */
export function describeStatus(reply: MessageRouterReply, classId?: number): string {
  const text = describeGeneralStatus(reply.status)
  if (reply.extended.length === 0) return text
  const [first, ...others] = reply.extended
  const meaning = first === undefined ? '' : describeExtended(reply.status, first, classId)
  return others.length === 0 ? `${text}, ${meaning}` : `${text}, ${meaning}; further words ${others.map(hex).join(' ')}`
}

function describeExtended(status: number, extended: number, classId: number | undefined): string {
  if (status === 0x01 && (classId === undefined || classId === connectionManagerClass))
    return describeExtendedStatus(extended)
  if (status === 0x20 && classId === fileClass) {
    const name = Object.entries(fileFailures).find(([, code]) => code === extended)?.[0]
    if (name !== undefined) return `${name} (${hex(extended)})`
  }
  return `additional status ${hex(extended)}`
}

function hex(word: number): string {
  return `0x${word.toString(16).toUpperCase().padStart(4, '0')}`
}

/**
 * The data of a reply that succeeded.
 *
 * @throws PeerError `general-status` with `status`, `extended` and `service` in its details
 */
export function unwrap(reply: MessageRouterReply, subject: RequestSubject): Uint8Array {
  if (reply.status === 0) return reply.data
  throw new PeerError(
    'general-status',
    `${subject.what}: the target answered ${describeStatus(reply, subject.classId)}`,
    {
      details: { status: reply.status, extended: reply.extended[0], service: reply.service, classId: subject.classId },
    },
  )
}

/**
 * The decoded data of a reply that succeeded.
 *
 * @throws PeerError `general-status`, MalformedMessage where the data is not what the class says
 */
export function unwrapAs<T>(reply: MessageRouterReply, codec: Codec<T>, subject: RequestSubject): T {
  const data = unwrap(reply, subject)
  try {
    return decode(codec, data)
  } catch (error) {
    if (!(error instanceof MalformedMessage)) throw error
    throw new MalformedMessage(error.code, `reply to ${subject.what}: ${error.message}`, {
      cause: error,
      details: error.details,
    })
  }
}

/** Did the peer refuse with this general status, and this first additional word where one is given? */
export function isStatus(error: unknown, status: number, extended?: number): error is PeerError {
  if (!(error instanceof PeerError) || error.code !== 'general-status' || error.details['status'] !== status)
    return false
  return extended === undefined || error.details['extended'] === extended
}
