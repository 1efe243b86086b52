import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AxeResults, NodeResult, Result } from 'axe-core'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'

const chromiumPath = process.env['CORDON_CHROMIUM'] ?? '/usr/bin/chromium'

/** Why no browser can be started; undefined where one can. Tests are skipped by it, and their name says so. */
export const browserMissing: string | undefined = existsSync(chromiumPath)
  ? undefined
  : `${chromiumPath} is missing: apt-get install chromium`

/** How a browser is started. */
export interface BrowserOptions {
  /** Origin under test, `https://127.0.0.1:8443`. The browser asks no other host; what it tries is a failure. */
  readonly origin: string
  /** The certificate is not one that the browser trusts. Default false. */
  readonly ignoreHttpsErrors?: boolean
  /** Default 1280 x 800. */
  readonly viewport?: { readonly width: number; readonly height: number }
  readonly colorScheme?: 'light' | 'dark'
}

/** A browser of its own: no other test sees its cookies, cache or storage. */
export interface TestBrowser {
  readonly context: BrowserContext
  /** Opens a page at a path of the origin, `/devices`. */
  open(path: string): Promise<Page>
  /** Requests to other hosts so far, as `GET https://fonts.example/a.css from https://127.0.0.1:8443/`. None of them left. */
  foreignRequests(): readonly string[]
  /** Errors that scripts of the pages did not catch, so far. */
  scriptErrors(): readonly string[]
  /** Ends it. @throws Error where a page asked another host */
  close(): Promise<void>
}

const chromiumArguments = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Starts Debian's Chromium without a window, for tests that open several contexts in one. */
export async function launchBrowser(): Promise<Browser> {
  if (browserMissing !== undefined) throw new Error(browserMissing)
  return chromium.launch({ executablePath: chromiumPath, args: chromiumArguments })
}

/** Starts Debian's Chromium without a window, with a fresh profile. */
export async function openBrowser(options: BrowserOptions): Promise<TestBrowser> {
  if (browserMissing !== undefined) throw new Error(browserMissing)
  const { origin, ignoreHttpsErrors = false, viewport = { width: 1280, height: 800 }, colorScheme = 'light' } = options
  const profile = await mkdtemp(join(tmpdir(), 'cordon-browser-'))
  const foreign: string[] = []
  const errors: string[] = []
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: chromiumPath,
    args: chromiumArguments,
    ignoreHTTPSErrors: ignoreHttpsErrors,
    viewport,
    colorScheme,
  })
  context.on('weberror', (error) => errors.push(error.error().message))
  const isForeign = (url: URL): boolean => isAsked(url) && url.host !== new URL(origin).host
  // What is recorded here does not leave: a test has no business with other hosts.
  await context.route(isForeign, async (route) => {
    const request = route.request()
    foreign.push(`${request.method()} ${request.url()} from ${originOf(request)}`)
    await route.abort('blockedbyclient')
  })
  await context.routeWebSocket(isForeign, async (socket) => {
    foreign.push(`WebSocket ${socket.url()}`)
    await socket.close()
  })
  return {
    context,
    open: async (path) => {
      const page = await context.newPage()
      await page.goto(new URL(path, origin).href)
      return page
    },
    foreignRequests: () => [...foreign],
    scriptErrors: () => [...errors],
    close: async () => {
      await context.close()
      await rm(profile, { recursive: true, force: true })
      if (foreign.length > 0) throw new Error(`${origin} made the browser ask other hosts:\n${foreign.join('\n')}`)
    },
  }
}

/** Somebody is asked for it: `data:`, `blob:` and the like are in the page itself. */
function isAsked({ protocol }: URL): boolean {
  return ['http:', 'https:', 'ws:', 'wss:', 'ftp:'].includes(protocol)
}

function originOf(request: { frame(): { url(): string } }): string {
  try {
    return request.frame().url()
  } catch {
    // A service worker has no frame.
    return 'a worker'
  }
}

const axeSource = readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/**
 * What axe finds on a page as it is now, one text for each rule: what is wrong, and where. It runs beside the page's own
 * scripts, so a Content-Security-Policy need not allow it. With `rules`, only these are asked.
 */
export async function accessibilityViolations(page: Page, rules?: readonly string[]): Promise<readonly string[]> {
  if (!(await page.evaluate('"axe" in globalThis'))) await page.evaluate(await axeSource)
  const options = {
    resultTypes: ['violations'],
    // It would fetch all media and style sheets again.
    preload: false,
    ...(rules === undefined ? {} : { runOnly: { type: 'rule', values: rules } }),
  }
  // The script that is there now defines it.
  const { violations } = (await page.evaluate(`axe.run(document, ${JSON.stringify(options)})`)) as AxeResults
  return violations.map(violationText)
}

function violationText({ id, impact, help, nodes }: Result): string {
  return [`${id} (${impact ?? 'unknown'}): ${help}`, ...nodes.map(placeText)].join('\n')
}

function placeText({ target, html, failureSummary }: NodeResult): string {
  const summary = (failureSummary ?? '').split('\n').slice(1).join(';').trim()
  return `  ${target.join(' ')}: ${html.slice(0, 200)}\n    ${summary}`
}
