import { decode } from '@cordon/core/wire'
import { failure, messageRouterRequest, path, port, success, unconnectedSend } from '@cordon/core/cip'
import { RoutedRequester } from '@cordon/core/client'
import { describe, expect, it } from 'vitest'
import { scripted } from './fixture.ts'

const request = { service: 0x0e, path: path({ class: 1, instance: 1, attribute: 1 }), data: new Uint8Array(0) }

describe('a route through a module', () => {
  it('wraps a request into Unconnected_Send', async () => {
    const through = scripted(() => success(0x0e, Uint8Array.of(1, 0)))
    const reply = await new RoutedRequester(through, [port(1, 0)]).request(request, { timeoutMs: 2000 })
    expect(reply.data).toEqual(Uint8Array.of(1, 0))
    const [sent] = through.asked
    if (sent === undefined) throw new Error('nothing asked')
    expect(sent).toMatchObject({ service: 0x52, path: path({ class: 6, instance: 1 }) })
    const inner = decode(unconnectedSend, sent.data)
    expect(inner.route).toEqual([port(1, 0)])
    expect(decode(messageRouterRequest, inner.message)).toEqual(request)
  })

  it('gives the refusal of a router as the reply of the request', async () => {
    const routed = new RoutedRequester(
      scripted(() => failure(0x52, 0x01, [0x0312])),
      [port(1, 9)],
    )
    expect(await routed.request(request)).toMatchObject({ service: 0x0e, status: 1, extended: [0x0312] })
  })

  it('does not take the reply of another service', async () => {
    const routed = new RoutedRequester(
      scripted(() => success(0x4b)),
      [port(1, 0)],
    )
    await expect(routed.request(request)).rejects.toMatchObject({ code: 'unexpected-reply' })
  })

  it('is no route at all when it has no hop', async () => {
    const through = scripted(() => success(0x0e))
    await new RoutedRequester(through, []).request(request)
    expect(through.asked[0]?.service).toBe(0x0e)
  })
})
