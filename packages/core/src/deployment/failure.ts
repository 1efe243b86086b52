import { generalStatus } from '../cip/general-status.ts'
import { isStatus } from '../client/reply-status.ts'
import { MalformedMessage, NotTrusted, PeerError, TransportError } from '../errors.ts'
import type { StepName } from './journal.ts'
import { type Message, type MessageCode, message } from './messages.ts'
import { StepFailure } from './step.ts'
import { TakenOver } from './step-log.ts'

/** The deployment was asked to stop. */
export class Cancelled extends Error {
  constructor() {
    super('cancelled')
    this.name = 'Cancelled'
  }
}

/** Whether the contact with the device is lost, so that it cannot be told what it did last. */
export function isContactLost(error: unknown): boolean {
  return error instanceof TransportError || (error instanceof StepFailure && error.cause instanceof TransportError)
}

/** What went wrong, as a message with evidence; at a step, or before any was begun. */
export function describeFailure(device: string, step: StepName | undefined, error: unknown): Message {
  const what = error instanceof Error ? error.message : String(error)
  const evidence = step === undefined ? what : `step ${step}: ${what}`
  return message(codeOf(step, error), device, evidence)
}

function codeOf(step: StepName | undefined, error: unknown): MessageCode {
  if (error instanceof StepFailure) return error.code
  if (error instanceof Cancelled) return 'cancelled'
  if (error instanceof TakenOver) return 'taken-over'
  // The authority signs at one step only, and talks to no device there.
  if (step === 'certificate' && error instanceof NotTrusted) return 'csr-invalid'
  if (step === 'certificate' && error instanceof Error) return 'authority-refused'
  if (error instanceof TransportError) return error.code === 'timeout' ? 'timed-out' : 'connection-lost'
  if (error instanceof MalformedMessage) return 'wrong-answer'
  if (isStatus(error, generalStatus.resourceUnavailable)) return 'device-full'
  if (isStatus(error, generalStatus.deviceStateConflict)) return 'protection-mode'
  if (error instanceof PeerError) return error.code === 'general-status' ? 'device-refused' : 'wrong-answer'
  if (error instanceof NotTrusted) return 'not-reachable-afterwards'
  return 'unexpected'
}
