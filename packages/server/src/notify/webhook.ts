import { createHmac } from 'node:crypto'
import { Agent as PlainAgent, type ClientRequest, type IncomingMessage, request as plainRequest } from 'node:http'
import { Agent, request } from 'node:https'
import { UsageError } from '@cordon/core/errors'
import type { WebhookSettings } from '@cordon/core/enrollment'
import { type Channel, type Outcome, silenceMs } from './channel.ts'
import { failureText } from './failure.ts'
import type { Message } from './message.ts'
import { trustContext } from './trust.ts'

/** Most bytes of an answer that are read: only its status counts. */
const longestAnswer = 4096

/** A secret that is guessed forges every message; fewer bytes are refused. */
const shortestSecret = 16

/** The body of a webhook, JSON. */
export function webhookBody({ id, kind, at, plant, subject, detail }: Message): string {
  return JSON.stringify({ id, kind, at: new Date(at).toISOString(), plant: plant ?? null, subject, detail })
}

/**
 * The value of the header `Cordon-Signature`: the time of sending in seconds, which a receiver compares with its clock,
 * and HMAC-SHA-256 over time, a dot and the body.
 *
 * Deviation: no standard form of a signed webhook is in common use; this is the one that most receivers know.
 * @param at seconds since 1970
 */
export function webhookSignature(secret: Uint8Array, at: number, body: string): string {
  const mac = createHmac('sha256', secret).update(`${at}.${body}`).digest('hex')
  return `t=${at},v1=${mac}`
}

/** Longest time that a receiver may ask for, milliseconds: a day. */
const longestAfterMs = 86_400_000

/** What an answer means (RFC 9110, 15). `now`: milliseconds since 1970, for a Retry-After that is a date. */
export function judgeAnswer(status: number, retryAfter: string | undefined, now: number): Outcome {
  if (status >= 200 && status < 300) return { kind: 'sent' }
  if (status >= 500 || status === 408 || status === 429) {
    const afterMs = retryAfterMs(retryAfter, now)
    return { kind: 'retry', error: `answered ${status}`, ...(afterMs === undefined ? {} : { afterMs }) }
  }
  const redirects = status >= 300 && status < 400
  return { kind: 'refused', error: `answered ${status}${redirects ? '; redirects are not followed' : ''}` }
}

/** Retry-After, seconds or a date (RFC 9110, 10.2.3), in milliseconds from now. */
function retryAfterMs(text: string | undefined, now: number): number | undefined {
  if (text === undefined || text.length > 64) return undefined
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), longestAfterMs)
}

/** What a webhook needs besides its settings. */
export interface WebhookParts {
  readonly secret: Uint8Array
  /** PEM. */
  readonly ca: string | undefined
  /** Milliseconds since 1970. */
  readonly now: () => number
}

/**
 * A webhook: each message one POST.
 * @throws UsageError `bad-value` for a short secret or CA certificates that cannot be read
 */
export function openWebhook(settings: WebhookSettings, { secret, ca, now }: WebhookParts): Channel {
  const { name, kinds } = settings
  if (secret.length < shortestSecret) {
    const expected = `expected a secret of at least ${shortestSecret} bytes`
    throw new UsageError('bad-value', `webhook ${name}: ${expected}, such as \`openssl rand -hex 32\` makes`)
  }
  const url = new URL(settings.url)
  const secured = url.protocol === 'https:'
  const shared = { keepAlive: true, maxSockets: 1 }
  const agent = secured
    ? new Agent({ ...shared, secureContext: trustContext({ ca, client: undefined }, `webhook ${name}`) })
    : new PlainAgent(shared)
  const post = (body: string, signal: AbortSignal): ClientRequest => {
    const headers = {
      'content-type': 'application/json; charset=utf-8',
      'content-length': Buffer.byteLength(body),
      'user-agent': 'Cordon',
      'cordon-signature': webhookSignature(secret, Math.floor(now() / 1000), body),
    }
    const options = { method: 'POST', headers, agent, signal, timeout: silenceMs }
    const sending = secured ? request(url, options) : plainRequest(url, options)
    sending.once('timeout', () => sending.destroy(new Error(`no answer in ${silenceMs / 1000} s`)))
    sending.end(body)
    return sending
  }
  return {
    name,
    kind: 'webhook',
    kinds,
    target: url.host,
    perMinute: undefined,
    take: () => 1,
    send: async ([message], signal) => {
      if (message === undefined) return { kind: 'sent' }
      try {
        const answer = await answerOf(post(webhookBody(message), signal))
        return judgeAnswer(answer.statusCode ?? 0, answer.headers['retry-after'], now())
      } catch (error) {
        // The path of a URL is often all that proves who posts there.
        const secrets = [Buffer.from(secret).toString(), url.pathname.length > 1 ? url.pathname : '', url.search]
        return { kind: 'retry', error: failureText(error, secrets) }
      }
    },
    close: () => agent.destroy(),
  }
}

/** An answer, read to its end or cut off where it grows long. */
async function answerOf(sending: ClientRequest): Promise<IncomingMessage> {
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    sending.once('response', resolve)
    sending.once('error', reject)
  })
  // The status is known: what breaks behind it does not matter.
  answer.on('error', () => undefined)
  sending.on('error', () => undefined)
  let length = 0
  answer.on('data', (part: Buffer) => {
    length += part.length
    if (length > longestAnswer) answer.destroy()
  })
  await new Promise((resolve) => answer.once('close', resolve))
  return answer
}
