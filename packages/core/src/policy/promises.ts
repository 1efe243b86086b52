import { everyoneElse, type PolicyPromise } from './settings.ts'

/** What a device's policy promises and nobody can enforce: one sentence for each peer, its transports together. */
export function spellUnenforceable(promises: readonly PolicyPromise[]): readonly string[] {
  const byPeer = new Map<string, Map<string, string[]>>()
  for (const { peer, transport, enforcement, reason } of promises) {
    if (enforcement !== 'not-enforceable') continue
    const reasons = byPeer.get(peer) ?? new Map<string, string[]>()
    reasons.set(reason, [...(reasons.get(reason) ?? []), transport])
    byPeer.set(peer, reasons)
  }
  return [...byPeer].map(([peer, reasons]) => {
    const who = peer === everyoneElse ? 'everyone else' : peer
    const said = [...reasons].map(([reason, transports]) => `over ${transports.join(' and ')}: ${reason}`)
    return `${who} ${said.join('; ')}`
  })
}
