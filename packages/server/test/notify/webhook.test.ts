import { createServer as createPlainServer } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { IncomingMessage, RequestListener, Server } from 'node:http'
import type { WebhookSettings } from '@cordon/core/enrollment'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { judgeAnswer, openWebhook, webhookBody, webhookSignature } from '../../src/notify/webhook.ts'
import { TestAuthority } from './authority.ts'
import { hostile, pending } from './messages.ts'

const secret = new TextEncoder().encode('0123456789abcdef0123456789abcdef')

let authority: TestAuthority
let other: TestAuthority

beforeAll(() => {
  authority = new TestAuthority('SOC')
  other = new TestAuthority('Stranger')
})

afterAll(() => {
  authority[Symbol.dispose]()
  other[Symbol.dispose]()
})

interface Receiver extends AsyncDisposable {
  readonly url: string
  readonly got: { headers: IncomingMessage['headers']; body: string }[]
}

async function receive(answer: RequestListener, shown?: { cert: string; key: string }): Promise<Receiver> {
  const got: Receiver['got'] = []
  const listener: RequestListener = (request, response) => {
    let body = ''
    request.on('data', (part: Buffer) => {
      body += part.toString()
    })
    request.on('end', () => {
      got.push({ headers: request.headers, body })
      answer(request, response)
    })
  }
  const server: Server = shown === undefined ? createPlainServer(listener) : createServer(shown, listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo // of a listening TCP server
  return {
    url: `${shown === undefined ? 'http' : 'https'}://127.0.0.1:${port}/hook/token-in-path`,
    got,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const settings = (url: string): WebhookSettings => ({
  kind: 'webhook',
  name: 'soc',
  url,
  secret: 'soc',
  kinds: undefined,
  ca: undefined,
})

const send = async (url: string, ca: string | undefined, signal = new AbortController().signal) => {
  const channel = openWebhook(settings(url), { secret, ca, now: () => pending.at })
  try {
    return await channel.send([pending], signal)
  } finally {
    channel.close()
  }
}

describe('a webhook', () => {
  test('posts signed JSON to a server whose certificate leads to the given CA', async () => {
    await using receiver = await receive((_, response) => response.end('thanks'), authority.issue('IP:127.0.0.1'))
    expect(await send(receiver.url, authority.ca)).toEqual({ kind: 'sent' })
    const [got] = receiver.got
    expect(JSON.parse(got?.body ?? '')).toMatchObject({
      id: '17-mia4x2',
      kind: 'enrollment-pending',
      at: '2026-11-28T09:30:05.250Z',
      plant: 'mill',
      subject: 'Line3_Drive',
      detail: { enrollment: 17 },
    })
    const at = Math.floor(pending.at / 1000)
    expect(got?.headers['cordon-signature']).toBe(webhookSignature(secret, at, got?.body ?? ''))
  })

  test('is not sent to a server of another CA or of another name', async () => {
    await using receiver = await receive((_, response) => response.end(), authority.issue('IP:127.0.0.1'))
    await using renamed = await receive((_, response) => response.end(), authority.issue('DNS:other.example'))
    for (const [url, ca] of [
      [receiver.url, other.ca],
      [receiver.url, undefined],
      [renamed.url, authority.ca],
    ] as const) {
      const outcome = await send(url, ca)
      expect(outcome.kind).toBe('retry')
      expect(JSON.stringify(outcome)).toMatch(/certificate|altnames/i)
    }
    expect([...receiver.got, ...renamed.got]).toEqual([])
  })

  test('does not follow a redirect, nor read a long answer to its end', async () => {
    let closed = false
    await using receiver = await receive((request, response) => {
      if (request.headers['content-length'] === '0') return
      response.writeHead(307, { location: 'http://127.0.0.1:9/' })
      response.on('close', () => {
        closed = true
      })
      response.write('x'.repeat(100_000))
    })
    expect(await send(receiver.url, undefined)).toMatchObject({
      kind: 'refused',
      error: expect.stringContaining('307'),
    })
    await expect.poll(() => closed).toBe(true)
  })

  test('ends at once when it is cut off from a server that hangs, and when nobody listens', async () => {
    await using receiver = await receive(() => undefined)
    const cutting = new AbortController()
    const sending = send(receiver.url, undefined, cutting.signal)
    await expect.poll(() => receiver.got.length).toBe(1)
    cutting.abort()
    const outcomes = [await sending, await send('http://127.0.0.1:9/hook/token-in-path', undefined)]
    for (const outcome of outcomes) {
      expect(outcome.kind).toBe('retry')
      expect(JSON.stringify(outcome)).not.toMatch(/token-in-path|0123456789abcdef/)
    }
  })

  test('keeps what strangers write inside its JSON', () => {
    expect(JSON.parse(webhookBody(hostile))).toMatchObject({ subject: hostile.subject })
  })

  test('needs a secret that nobody guesses', () => {
    const parts = { secret: secret.subarray(0, 15), ca: undefined, now: Date.now }
    expect(() => openWebhook(settings('https://soc.example'), parts)).toThrow(/at least 16 bytes/)
  })
})

describe('an answer', () => {
  test.each([
    [200, undefined, { kind: 'sent' }],
    [204, undefined, { kind: 'sent' }],
    [301, undefined, { kind: 'refused', error: 'answered 301; redirects are not followed' }],
    [404, undefined, { kind: 'refused', error: 'answered 404' }],
    [408, undefined, { kind: 'retry', error: 'answered 408' }],
    [410, undefined, { kind: 'refused', error: 'answered 410' }],
    [429, '120', { kind: 'retry', error: 'answered 429', afterMs: 120_000 }],
    [500, 'soon', { kind: 'retry', error: 'answered 500' }],
    [503, 'Sat, 28 Nov 2026 09:31:05 GMT', { kind: 'retry', error: 'answered 503', afterMs: 59_750 }],
    [503, '999999999', { kind: 'retry', error: 'answered 503', afterMs: 86_400_000 }],
  ])('%i with Retry-After %s', (status, retryAfter, outcome) => {
    expect(judgeAnswer(status, retryAfter, pending.at)).toEqual(outcome)
  })
})
