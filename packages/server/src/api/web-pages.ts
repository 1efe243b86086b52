import type { FastifyInstance, FastifyReply } from 'fastify'
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { contentPolicy } from './headers.ts'

/** What stands in the built page for a number used once. */
const noncePlace = /__CSP_NONCE__/g

/** Answers with the page that holds the web interface. */
export type Page = (reply: FastifyReply) => Promise<FastifyReply>

/**
 * Serves the built web interface of a directory.
 * @returns answers with its page, for the addresses of its views; undefined where nothing was built there
 */
export async function serveWebPages(app: FastifyInstance, directory: string): Promise<Page | undefined> {
  const page = await readFile(join(directory, 'index.html'), 'utf8').catch(() => undefined)
  if (page === undefined) return undefined
  const answer: Page = async (reply) => {
    const nonce = randomBytes(16).toString('base64')
    return await reply
      .header('content-security-policy', contentPolicy(nonce))
      .header('cache-control', 'no-cache')
      .type('text/html; charset=utf-8')
      .send(page.replace(noncePlace, nonce))
  }
  app.get('/', async (_request, reply) => answer(reply))
  app.get('/index.html', async (_request, reply) => answer(reply))
  await app.register(import('@fastify/static'), {
    root: directory,
    index: false,
    dotfiles: 'ignore',
    decorateReply: false,
    // The name of an asset holds a hash of its content; everything else is asked for again.
    cacheControl: false,
    setHeaders: (response, path) => {
      const isHashed = path.startsWith(join(directory, 'assets'))
      response.setHeader('cache-control', isHashed ? 'public, max-age=31536000, immutable' : 'no-cache')
    },
  })
  return answer
}

/** Whether an address may be one of a view of the web interface: no part of the API, and no file that is missing. */
export function isViewAddress(method: string, url: string): boolean {
  const [path = ''] = url.split('?', 1)
  if (method !== 'GET' && method !== 'HEAD') return false
  return !/^\/(?:api|assets)(?:\/|$)/.test(path) && !/^\/(?:metrics|healthz|readyz|openapi\.json)/.test(path)
}
