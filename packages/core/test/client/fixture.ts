import { encode } from '@cordon/core/wire'
import { messageRouterReply, type MessageRouterReply, type MessageRouterRequest, success } from '@cordon/core/cip'
import type { ActiveSecurity, HostedDevice, Link } from '@cordon/core/device'
import type { Requester } from '@cordon/core/client'

/** A requester whose answers the test writes. It keeps what was asked. */
export function scripted(answer: (request: MessageRouterRequest) => MessageRouterReply): Requester & {
  readonly asked: MessageRouterRequest[]
} {
  const asked: MessageRouterRequest[] = []
  return {
    asked,
    request: async (request) => {
      asked.push(request)
      return answer(request)
    },
  }
}

/** The bytes of a reply. */
export const replyBytes = (reply: MessageRouterReply): Uint8Array => encode(messageRouterReply, reply)

/** The smallest device: answers every request as `answer` says. */
export function tinyDevice(
  answer: (request: MessageRouterRequest) => MessageRouterReply | Promise<MessageRouterReply> = (request) =>
    success(request.service),
): HostedDevice & { readonly requests: MessageRouterRequest[] } {
  const requests: MessageRouterRequest[] = []
  return {
    requests,
    address: '192.0.2.1',
    ports: () => [],
    security: () => {
      throw new Error('no security')
    },
    admit: () => ({ allowed: true, reason: 'tiny' }),
    egress: () => ({ allowed: true, secure: false, reason: 'tiny' }),
    request: (request) => {
      requests.push({ ...request, data: request.data.slice() })
      return answer(request)
    },
    listIdentity: () => Uint8Array.of(0, 0),
    datagram: () => {},
    linkClosed: () => {},
    deadline: () => undefined,
    tick: () => {},
    takeActions: () => [],
  } satisfies HostedDevice & { requests: MessageRouterRequest[]; security: () => ActiveSecurity }
}

/** A link of a plain TCP peer. */
export const plainLink: Link = { transport: 'tcp', localPort: 44818, peer: { address: '192.0.2.9', port: 50_000 } }

/** Lets promises that are settled run their reactions. */
export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
