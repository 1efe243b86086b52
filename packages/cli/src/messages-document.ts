import { type MessageEntry, type MessageSection, printMessages } from '@cordon/core/deployment'
import { type CheckKind, checkIds, checkTable } from '@cordon/core/verification'
import { doctorTable } from '@cordon/node/doctor'
import { weakSpotTable } from '@cordon/node/scan'

/** Why a check of a kind does not hold, and what to do; the result of the check itself has the reason of the case. */
const failures: Readonly<Record<CheckKind, Pick<MessageEntry, 'cause' | 'next'>>> = {
  'read-back': {
    cause: 'The device holds another setting than the policy compiles to, or could not be read.',
    next: 'Compare with `cordon plan PLANT --only {subject}`, then run `cordon apply PLANT --only {subject}`.',
  },
  certificate: {
    cause: 'The certificate that the device shows, or one that it trusts, is not the one that the plant gave it.',
    next: 'Look at the chain with `cordon scan {subject} --plant PLANT`, then run `cordon ca renew {subject} --plant PLANT`.',
  },
  connects: {
    cause: 'What the policy lets in was refused, or nobody answered.',
    next: 'Find the broken rung with `cordon doctor {subject} --plant PLANT`.',
  },
  refused: {
    cause: 'What the policy keeps out was let in, or the refusal could not be told from a failure.',
    next: 'See what the device offers with `cordon scan {subject} --plant PLANT`, then run `cordon apply PLANT --only {subject}`.',
  },
  live: {
    cause: 'A connection of the plant does not run, or runs under another protection than its conduit promises.',
    next: 'Look at it with `cordon device connections`; its originator opens it again after `cordon apply PLANT --resume`.',
  },
  policy: {
    cause: 'The plant file contradicts its own `tests`.',
    next: 'Correct the zone, the conduit or the statement: `cordon validate PLANT` names the line.',
  },
  repeat: {
    cause: 'The openssl command sees something else than Cordon does, or its output says neither yes nor no.',
    next: 'Run the command of the evidence by hand, and report both outputs.',
  },
}

/** Every check of a verification as a message for the case that it does not hold. */
function checkMessages(): Readonly<Record<string, MessageEntry>> {
  return Object.fromEntries(
    checkIds.map((id): [string, MessageEntry] => {
      const { kind, expects } = checkTable[id]
      return [id, { severity: 'error', title: `does not hold: ${expects}`, ...failures[kind] }]
    }),
  )
}

/** What higher layers say, after the messages of plans and deployments. */
const sections: readonly MessageSection[] = [
  {
    title: 'Checks of a verification',
    text: 'Results of `cordon verify` and of the revocation proof: the check that failed, and the reason of the case beside it. A check that could not be made is `not-probed` or `not-tested` and never counts as passed; a `risk` is what nobody can enforce.',
    table: checkMessages(),
  },
  {
    title: 'The ladder of `cordon doctor`',
    text: 'An error breaks its rung, and nothing above it is tried. A warning or an information stands beside a rung that holds or could not be tried.',
    table: doctorTable,
  },
  {
    title: 'Weak spots of `cordon scan`',
    text: 'What is weak in what a target offers. A scan does not fail for a weak spot: what a plant must not have is the business of its policy and of `cordon verify`.',
    table: weakSpotTable,
  },
]

/** `docs/messages.md`: every message that Cordon says about a device, with cause and next step, from the tables themselves. */
export function messagesDocument(): string {
  return printMessages(sections)
}
