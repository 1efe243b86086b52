import { type Channel, longestSendMs, type Outcome } from './channel.ts'
import type { Message } from './message.ts'

/** What a channel did with the test message. */
export interface TestResult {
  readonly channel: string
  readonly kind: Channel['kind']
  readonly target: string
  readonly outcome: Outcome
}

/**
 * Sends a test message through channels, all at once, past the outbox.
 * @param at milliseconds since 1970
 */
export async function testChannels(
  channels: readonly Channel[],
  plant: string | undefined,
  at: number,
  signal: AbortSignal,
): Promise<readonly TestResult[]> {
  return await Promise.all(
    channels.map(async (channel): Promise<TestResult> => {
      const message: Message = {
        id: `test-${at.toString(36)}`,
        kind: 'test',
        at,
        plant,
        subject: `Channel ${channel.name}`,
        detail: { reason: 'somebody asked for it with "cordon enrollment notify test"' },
      }
      const limit = AbortSignal.any([signal, AbortSignal.timeout(longestSendMs)])
      const outcome = await channel.send([message], limit)
      return { channel: channel.name, kind: channel.kind, target: channel.target, outcome }
    }),
  )
}
