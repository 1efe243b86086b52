import type { PushReport } from './cip/push.ts'
import type { CommissioningReport, ConversationReport } from './report.ts'

/**
 * Commissionings in a capture. Where the messages were readable, by their sequence on the security objects; otherwise by
 * the shape that push commissioning has: a TLS session with a device that still shows the certificate of its maker (or
 * one of its own) and asks for none, and then sessions of the same two with certificates on both sides.
 */
export function commissionings(conversations: readonly ConversationReport[]): readonly CommissioningReport[] {
  const found: CommissioningReport[] = []
  const shaped = new Map<string, ConversationReport>()
  for (const conversation of conversations) {
    const { client, server, cip, tls } = conversation
    const pair = `${client.address}|${server.address}`
    const push = cip?.push
    if (push !== undefined) {
      found.push(report(conversation, [conversation.id], 'read', pushText(push), push))
      shaped.delete(pair)
      continue
    }
    if (tls === undefined || !tls.established || tls.readable.yes) continue
    const before = shaped.get(pair)
    if (isFirstContact(conversation)) {
      if (before === undefined) shaped.set(pair, conversation)
    } else if (before !== undefined && tls.clientCertificateGiven) {
      shaped.delete(pair)
      const text =
        'looks like push commissioning: first a session with the certificate that the device came with, then one with certificates on both sides; its messages cannot be read'
      const both = { ...before, lastUs: conversation.lastUs }
      found.push(report(both, [before.id, conversation.id], 'guess', text, undefined))
    }
  }
  return found.sort((a, b) => a.firstUs - b.firstUs)
}

/** A session with a device as it left the factory: it shows a certificate, none of the plant's, and asks for none. */
export function isFirstContact({ tls }: ConversationReport): boolean {
  const [own] = tls?.certificates.server ?? []
  return tls?.clientCertificateRequested === false && own !== undefined && own.origin !== 'plant'
}

function pushText({ outcome, createsRequest, stagesCertificates }: PushReport): string {
  const what = [
    createsRequest ? 'the device made a key and a certificate request' : undefined,
    stagesCertificates ? 'certificates were put on it' : undefined,
  ].filter((part) => part !== undefined)
  const end = {
    applied: 'the new settings were applied',
    aborted: 'it was aborted',
    unfinished: 'its end is not in this session',
    read: 'nothing was applied in this session',
  }[outcome]
  return `push commissioning: ${[...what, end].join(', ')}`
}

function report(
  conversation: ConversationReport,
  conversations: readonly number[],
  how: 'read' | 'guess',
  text: string,
  push: PushReport | undefined,
): CommissioningReport {
  return {
    client: conversation.client.address,
    server: conversation.server.address,
    how,
    text,
    conversations,
    firstPacket: conversation.firstPacket,
    firstUs: conversation.firstUs,
    lastUs: conversation.lastUs,
    push,
  }
}
