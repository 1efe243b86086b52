import type { ConnectionReport } from './cip/connection-table.ts'
import type { ConversationReport, ObservedPair } from './report.ts'

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/**
 * What pairs of addresses had with each other, alike connections together: a connection that was opened anew every day
 * is one row with a count.
 */
export function observedPairs(
  connections: readonly ConnectionReport[],
  conversations: readonly ConversationReport[],
): readonly ObservedPair[] {
  const found = new Map<string, Mutable<ObservedPair>>()
  const add = (pair: ObservedPair): void => {
    const { originator, target, class: kind, protection, outputSize, inputSize, outputRpiUs, inputRpiUs } = pair
    // A measured interval differs from one time to the next; what was asked for does not.
    const rpi = pair.opened ? [outputRpiUs, inputRpiUs] : []
    const { application, route } = pair
    const key = [originator, target, kind, protection, outputSize, inputSize, ...rpi, application, route].join('|')
    const known = found.get(key)
    if (known === undefined) {
      found.set(key, { ...pair })
      return
    }
    known.count += pair.count
    known.firstUs = Math.min(known.firstUs, pair.firstUs)
    known.lastUs = Math.max(known.lastUs, pair.lastUs)
  }
  for (const connection of connections) if (connection.state !== 'refused') add(ofConnection(connection))
  for (const conversation of conversations) {
    const { cip, client, server } = conversation
    if (cip === undefined || cip.unconnected === 0) continue
    add({
      originator: client.address,
      target: server.address,
      class: 'unconnected',
      protection: conversation.content === 'tls' ? 'tls' : conversation.content === 'dtls' ? 'dtls' : 'none',
      outputSize: undefined,
      inputSize: undefined,
      outputRpiUs: undefined,
      inputRpiUs: undefined,
      multiplier: undefined,
      multicast: false,
      application: undefined,
      route: undefined,
      opened: conversation.begun,
      count: 1,
      firstUs: conversation.firstUs,
      lastUs: conversation.lastUs,
      evidencePacket: conversation.firstPacket,
    })
  }
  return [...found.values()]
}

function ofConnection(connection: ConnectionReport): ObservedPair {
  const { originator, target, transportClass, protection, state, multiplier, multicast, application, route } = connection
  const opened = state !== 'older'
  const size = (flow: ConnectionReport['ot']): number | undefined => (opened ? undefined : flow?.size.most)
  return {
    originator,
    target,
    class: transportClass === undefined ? 'io' : transportClass === 0 || transportClass === 1 ? transportClass : 3,
    protection,
    outputSize: connection.otSize ?? size(connection.ot),
    inputSize: connection.toSize ?? size(connection.to),
    outputRpiUs: connection.otRpiUs ?? connection.ot?.rpiUs,
    inputRpiUs: connection.toRpiUs ?? connection.to?.rpiUs,
    multiplier,
    multicast,
    application,
    route,
    opened,
    count: 1,
    firstUs: connection.firstUs,
    lastUs: connection.lastUs,
    evidencePacket: connection.firstPacket,
  }
}
