import { createServer, type Server } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { testAddress } from '../interop/address.ts'
import { accessibilityViolations, browserMissing, openBrowser } from './browser.ts'

const pages: Readonly<Record<string, string>> = {
  '/good': '<main><h1>Plant</h1><label for="n">Name</label><input id="n"></main>',
  '/bad': '<main><h1>Plant</h1><input id="n"><img src="/dot.png"></main>',
  '/foreign': `<main><h1>Plant</h1><img alt="" src="http://192.0.2.1/dot.png"></main>
<script>new WebSocket('ws://192.0.2.1/live'); setTimeout(() => { throw new Error('not caught') })</script>`,
}

let server: Server
let origin = ''

beforeAll(async () => {
  server = createServer((request, response) => {
    const body = pages[request.url ?? '']
    response.writeHead(body === undefined ? 404 : 200, {
      'Content-Type': 'text/html; charset=utf-8',
      'Content-Security-Policy': "default-src * 'unsafe-inline'",
    })
    response.end(`<!DOCTYPE html><html lang="en"><head><title>Plant</title></head><body>${body ?? ''}</body></html>`)
  })
  await new Promise<void>((done) => server.listen(0, testAddress(50), done))
  const bound = server.address()
  origin = `http://${testAddress(50)}:${typeof bound === 'object' && bound !== null ? bound.port : 0}`
})

afterAll(() => {
  server.close()
  server.closeAllConnections()
})

describe.skipIf(browserMissing !== undefined)(
  `the browser of the tests${browserMissing === undefined ? '' : ` (${browserMissing})`}`,
  () => {
    it('says what is wrong on a page and where, and nothing of a good one', async () => {
      const browser = await openBrowser({ origin })
      expect(await accessibilityViolations(await browser.open('/good'))).toEqual([])
      const found = await accessibilityViolations(await browser.open('/bad'))
      expect(found).toHaveLength(2)
      expect(found.join('\n')).toMatch(/^image-alt \(critical\): .*\n {2}img: <img src="\/dot\.png">\n {4}\S/m)
      expect(found.join('\n')).toMatch(/^label \(critical\): .*\n {2}#n: <input id="n">/m)
      await browser.close()
    })

    it('fails a test whose page asks another host, and does not let it', async () => {
      const browser = await openBrowser({ origin })
      const page = await browser.open('/foreign')
      await expect
        .poll(() => browser.foreignRequests().toSorted())
        .toEqual([`GET http://192.0.2.1/dot.png from ${origin}/foreign`, 'WebSocket ws://192.0.2.1/live'])
      await expect.poll(() => browser.scriptErrors()).toEqual(['not caught'])
      expect(await page.title()).toBe('Plant')
      await expect(browser.close()).rejects.toThrow(/ask other hosts:\nGET http:\/\/192\.0\.2\.1\/dot\.png|WebSocket/)
    })
  },
)
