import helmet from '@fastify/helmet'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { isIP } from 'node:net'
import { RequestProblem } from './problem.ts'

/** Where pages may load what from: the manager, and nothing else. */
const policy = [
  ["default-src 'self'"],
  ["base-uri 'none'"],
  ["connect-src 'self'"],
  ["font-src 'self'"],
  ["form-action 'self'"],
  ["frame-ancestors 'none'"],
  ["img-src 'self'"],
  ["object-src 'none'"],
  ["script-src 'self'"],
  ["worker-src 'self'"],
].flat()

/** The Content-Security-Policy; with a number used once, elements of style that carry it are taken too. */
export function contentPolicy(nonce?: string): string {
  return [...policy, `style-src 'self'${nonce === undefined ? '' : ` 'nonce-${nonce}'`}`].join('; ')
}

const permissionsPolicy = [
  'accelerometer',
  'camera',
  'display-capture',
  'geolocation',
  'gyroscope',
  'magnetometer',
  'microphone',
  'midi',
  'payment',
  'usb',
]
  .map((feature) => `${feature}=()`)
  .join(', ')

/** Seconds for which browsers insist on HTTPS for this host. */
const strictTransportSeconds = 365 * 86_400

function hostNameOf({ host }: Pick<FastifyRequest, 'host'>): string {
  const name = /^\[[^\]]*\]/.exec(host)?.[0].slice(1, -1) ?? host.replace(/:\d*$/, '')
  return name.toLowerCase().replace(/\.$/, '')
}

function isLoopback(name: string): boolean {
  return name === 'localhost' || name === '::1' || /^127(?:\.\d{1,3}){3}$/.test(name)
}

/** Headers of every answer, and the names under which the manager may be asked. */
export interface HeaderOptions {
  /**
   * Names that a request may address besides `localhost` and IP addresses. Another name, which leads a browser here by an
   * answer of a foreign DNS server, is refused: no page of a stranger can speak to the manager as its own origin.
   */
  readonly hosts: readonly string[]
}

/** Sets security headers and refuses foreign names. */
export async function setHeaders(app: FastifyInstance, { hosts }: HeaderOptions): Promise<void> {
  const own = new Set(hosts.map((name) => name.toLowerCase()))
  await app.register(helmet, {
    contentSecurityPolicy: false,
    crossOriginEmbedderPolicy: false,
    crossOriginOpenerPolicy: { policy: 'same-origin' },
    crossOriginResourcePolicy: { policy: 'same-origin' },
    frameguard: { action: 'deny' },
    referrerPolicy: { policy: 'no-referrer' },
    // Only where it can hold: see below.
    strictTransportSecurity: false,
  })
  const plain = contentPolicy()
  app.addHook('onRequest', async (request, reply) => {
    reply.header('content-security-policy', plain)
    reply.header('permissions-policy', permissionsPolicy)
    reply.header('x-request-id', request.id)
    const name = hostNameOf(request)
    // A certificate of the loopback is nobody's business, and a browser would keep it for every other port too.
    if (request.protocol === 'https' && !isLoopback(name)) {
      reply.header('strict-transport-security', `max-age=${strictTransportSeconds}`)
    }
    if (!isLoopback(name) && isIP(name) === 0 && !own.has(name)) {
      throw new RequestProblem(421, {
        code: 'foreign-host',
        message: 'the manager is not known under the name that the request addresses',
        remedy: 'start it with --host NAME for every name that it has',
      })
    }
  })
}
