import type { AddressInfo } from 'node:net'
import type { MailSettings } from '@cordon/core/enrollment'
import type { Message } from '@cordon/server/notify'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openMail } from '../../src/notify/mail.ts'
import { digestText, mailText } from '../../src/notify/mail-text.ts'
import { TestAuthority } from './authority.ts'
import { hostile, pending } from './messages.ts'

const never = new AbortController().signal
const password = 'correct horse battery'

let authority: TestAuthority
let other: TestAuthority

beforeAll(() => {
  authority = new TestAuthority('Post')
  other = new TestAuthority('Stranger')
})

afterAll(() => {
  authority[Symbol.dispose]()
  other[Symbol.dispose]()
})

interface PostOffice extends AsyncDisposable {
  readonly port: number
  readonly mails: { readonly to: readonly string[]; readonly secure: boolean; readonly text: string }[]
}

/** A mail server that knows one account. */
async function postOffice(options: SMTPServerOptions): Promise<PostOffice> {
  const mails: PostOffice['mails'] = []
  const server = new SMTPServer({
    logger: false,
    onAuth: ({ username, password: given }, _session, done) => {
      if (username === 'cordon' && given === password) done(null, { user: username })
      // A server may repeat what it was sent.
      else done(new Error(`no account ${username} with ${given}`))
    },
    onData: (stream, session, done) => {
      const parts: Buffer[] = []
      stream.on('data', (part: Buffer) => parts.push(part))
      stream.on('end', () => {
        const to = session.envelope.rcptTo.map(({ address }) => address)
        mails.push({ to, secure: session.secure, text: Buffer.concat(parts).toString() })
        done()
      })
    },
    ...options,
  })
  server.on('error', () => undefined)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  const { port } = server.server.address() as AddressInfo // of a listening TCP server
  return {
    port,
    mails,
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

const settings = (port: number, change: Partial<MailSettings> = {}): MailSettings => ({
  kind: 'mail',
  name: 'ops',
  host: '127.0.0.1',
  port,
  security: 'tls',
  login: { user: 'cordon', password: 'mail' },
  from: 'cordon@example.com',
  to: ['ops@example.com', 'night@example.com'],
  kinds: undefined,
  ca: undefined,
  ...change,
})

const send = (port: number, change: Partial<MailSettings> = {}, parts = {}, messages: readonly Message[] = [pending]) =>
  openMail(settings(port, change), { ca: authority.ca, password, ...parts }).send(messages, never)

describe('a mail channel', () => {
  test.each(['tls', 'starttls'] as const)('logs in and sends over %s', async (security) => {
    const shown = authority.issue('IP:127.0.0.1')
    await using post = await postOffice({ ...shown, secure: security === 'tls' })
    expect(await send(post.port, { security })).toEqual({ kind: 'sent' })
    const [mail] = post.mails
    expect(mail).toMatchObject({ secure: true, to: ['ops@example.com', 'night@example.com'] })
    expect(mail?.text).toContain('Message-ID: <cordon-17-mia4x2@example.com>')
    expect(mail?.text).toContain('Subject: [Cordon mill] Line3_Drive waits for approval')
    expect(mail?.text).toContain('cordon enrollment approve 17')
  })

  test('sends nothing to a server of another CA, of another name, or without STARTTLS', async () => {
    const shown = authority.issue('IP:127.0.0.1')
    await using post = await postOffice({ ...shown, secure: true })
    await using renamed = await postOffice({ ...authority.issue('DNS:mail.example'), secure: true })
    await using plain = await postOffice({ secure: false, hideSTARTTLS: true })
    const outcomes = [
      await send(post.port, {}, { ca: other.ca }),
      await send(post.port, {}, { ca: undefined }),
      await send(renamed.port),
      await send(plain.port, { security: 'starttls' }),
    ]
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({
        kind: 'retry',
        error: expect.stringMatching(/certificate|altnames|STARTTLS|TLS/),
      })
    }
    expect([...post.mails, ...renamed.mails, ...plain.mails]).toEqual([])
  })

  test('never shows its password, though the server repeats it', async () => {
    await using post = await postOffice({ ...authority.issue('IP:127.0.0.1'), secure: true })
    const wrong = 'wrong horse battery'
    const outcome = await send(post.port, {}, { password: wrong })
    expect(outcome).toMatchObject({ kind: 'retry', error: expect.stringContaining('no account cordon with …') })
    expect(JSON.stringify(outcome)).not.toContain(wrong)
  })

  test('is not asked again by a server that refuses every receiver for good', async () => {
    const refuse: SMTPServerOptions['onRcptTo'] = (_address, _session, done) =>
      done(Object.assign(new Error('no such mailbox'), { responseCode: 550 }))
    await using post = await postOffice({ secure: false, disabledCommands: ['STARTTLS', 'AUTH'], onRcptTo: refuse })
    expect(await send(post.port, { security: 'none', login: undefined })).toMatchObject({
      kind: 'refused',
      error: expect.stringContaining('no such mailbox'),
    })
  })

  test('gains no header and no receiver from what strangers write', async () => {
    await using post = await postOffice({ secure: false, disabledCommands: ['STARTTLS', 'AUTH'] })
    const plain = { security: 'none', login: undefined } as const
    expect(await send(post.port, plain, {}, [hostile])).toEqual({ kind: 'sent' })
    const [mail] = post.mails
    expect(mail?.to).toEqual(['ops@example.com', 'night@example.com'])
    expect(mail?.text.split('\r\n\r\n')[0]).not.toMatch(/^bcc:/im)
  })

  test('takes all together when more than twenty wait', () => {
    const { take } = openMail(settings(25), { ca: undefined, password })
    expect([1, 20, 21, 5000].map(take)).toEqual([1, 1, 21, 1000])
  })
})

describe('the text of a mail', () => {
  test('says what happened, who asks, why it waits and what to type', () => {
    expect(mailText(pending)).toEqual({
      subject: '[Cordon mill] Line3_Drive waits for approval',
      body: `A device asks for a certificate and waits for approval.

Device: Line3_Drive
Address: 10.20.3.14
Unit: vendor 1 serial 0x00E17388
Vendor certificate: unknown: no vendor of the rules signed it
Asked as: nobody
Plant: mill
Time: 2026-11-28T09:30:05Z

Why it waits: an administrator must approve this key

To approve:
  cordon enrollment approve 17

To deny:
  cordon enrollment deny 17 --reason "not ours"

Everything known of it:
  cordon enrollment show 17

Message 17-mia4x2`,
    })
  })

  test('puts nothing of a stranger on a line of its own or into a command', () => {
    const { body } = mailText({ ...hostile, detail: { ...hostile.detail, enrollment: '17; rm -rf /', 'x\ny': 'a\nb' } })
    expect(body).not.toMatch(/^\s*(?:Bcc|<13>|line|y:|b$)/m)
    expect(body).not.toMatch(/cordon enrollment .*rm/)
  })

  test('of many messages has a line for each', () => {
    const many = Array.from({ length: 25 }, (_, i) => ({ ...pending, id: `${i}-x`, detail: { enrollment: i } }))
    const { subject, body } = digestText(many)
    expect(subject).toBe('[Cordon mill] 25 notifications')
    expect(body).toContain('25 × enrollment-pending')
    expect(body.match(/^09:30:05 Line3_Drive waits for approval, enrollment \d+$/gm)).toHaveLength(25)
  })
})
