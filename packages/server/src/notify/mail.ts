import { isIP } from 'node:net'
import type { MailSettings } from '@cordon/core/enrollment'
import { createTransport } from 'nodemailer'
import { type Channel, type Outcome, silenceMs } from './channel.ts'
import { failureText } from './failure.ts'
import { digestText, mailText } from './mail-text.ts'
import type { Message } from './message.ts'
import { dial } from './socket.ts'
import { trustContext } from './trust.ts'

/** What a mail channel needs besides its settings. */
export interface MailParts {
  /** PEM. */
  readonly ca: string | undefined
  readonly password: string | undefined
  /** Mails in a minute at most; default 10. */
  readonly perMinute?: number
}

/** More waiting messages than this come in one mail. */
const mostSingles = 20
/** Messages in one mail at most. */
const mostTogether = 1000

/**
 * A mail server. Over TLS from the first byte or by STARTTLS, which must succeed; plain to this machine itself alone.
 * @throws UsageError `bad-value` for CA certificates that cannot be read
 */
export function openMail(settings: MailSettings, { ca, password, perMinute = 10 }: MailParts): Channel {
  const { name, kinds, host, port, login } = settings
  const context = settings.security === 'none' ? undefined : trustContext({ ca, client: undefined }, `mail ${name}`)
  // As the server may repeat them: the password, and what the two mechanisms of login make of it.
  const secrets =
    login === undefined || password === undefined
      ? []
      : [password, base64(password), base64(`\u0000${login.user}\u0000${password}`)]
  return {
    name,
    kind: 'mail',
    kinds,
    target: `${host}:${port}`,
    perMinute,
    take: (waiting) => (waiting > mostSingles ? Math.min(waiting, mostTogether) : 1),
    send: async (messages, signal) => {
      try {
        await sendMail(settings, { context, password }, messages, signal)
        return { kind: 'sent' }
      } catch (error) {
        return judgeFailure(error, secrets)
      }
    },
    close: () => undefined,
  }
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}

/** A server that refuses sender, receiver or text for good (5yz, RFC 5321, 4.2.1) is not asked again. */
function judgeFailure(error: unknown, secrets: readonly string[]): Outcome {
  const text = failureText(error, secrets)
  if (!(error instanceof Error)) return { kind: 'retry', error: text }
  const code = 'code' in error ? error.code : undefined
  const status = 'responseCode' in error ? Number(error.responseCode) : 0
  const isFinal = (code === 'EENVELOPE' || code === 'EMESSAGE') && status >= 500
  return { kind: isFinal ? 'refused' : 'retry', error: text }
}

async function sendMail(
  { host, port, security, login, from, to }: MailSettings,
  parts: { readonly context: ReturnType<typeof trustContext> | undefined; readonly password: string | undefined },
  messages: readonly Message[],
  signal: AbortSignal,
): Promise<void> {
  const [first] = messages
  if (first === undefined) return
  const { subject, body } = messages.length === 1 ? mailText(first) : digestText(messages)
  // Our own connection: what is cut off ends at once.
  const connection = await dial({ host, port }, signal)
  try {
    const transport = createTransport({
      connection,
      host,
      port,
      secure: security === 'tls',
      requireTLS: security === 'starttls',
      ignoreTLS: security === 'none',
      tls: { secureContext: parts.context, ...(isIP(host) === 0 ? { servername: host } : { host }) },
      ...(login === undefined ? {} : { auth: { user: login.user, pass: parts.password ?? '' } }),
      connectionTimeout: silenceMs,
      greetingTimeout: silenceMs,
      socketTimeout: silenceMs,
      disableFileAccess: true,
      disableUrlAccess: true,
    })
    const domain = from.slice(from.indexOf('@') + 1)
    const last = messages.length === 1 ? '' : `-${messages.at(-1)?.id}`
    await transport.sendMail({
      from: { name: 'Cordon', address: from },
      to: to.map((address) => ({ name: '', address })),
      subject,
      text: body,
      messageId: `<cordon-${first.id}${last}@${domain}>`,
      headers: { 'Auto-Submitted': 'auto-generated', 'X-Cordon-Notification': first.id },
    })
  } finally {
    connection.destroy()
  }
}
