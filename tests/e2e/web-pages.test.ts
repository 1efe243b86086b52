import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Stub, startStub } from '../../packages/web/test/stub/manager.ts'

/** The browser that judges; without one these tests are skipped. */
const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium'
const root = fileURLToPath(new URL('../../', import.meta.url))
/** Where pictures of the pages go, for people to look at. */
const pictures = process.env['CORDON_PICTURES']
const axePath = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

const pages = [
  { name: 'account', path: '/account', title: 'Account' },
  { name: 'start', path: '/start', title: 'First hour' },
  { name: 'start-learn', path: '/start?step=learn', title: 'First hour' },
  { name: 'start-dry-run', path: '/start?step=dry-run', title: 'First hour' },
  { name: 'start-deploy', path: '/start?step=deploy', title: 'First hour' },
  { name: 'editor-form', path: '/editor', title: 'Editor: line7' },
  { name: 'editor-devices', path: '/editor?part=devices', title: 'Editor: line7' },
  { name: 'editor-conduits', path: '/editor?part=conduits', title: 'Editor: line7' },
  { name: 'editor-settings', path: '/editor?part=settings', title: 'Editor: line7' },
  { name: 'editor-text', path: '/editor?view=text', title: 'Editor: line7' },
  { name: 'editor-versions', path: '/editor?view=versions', title: 'Editor: line7' },
  { name: 'new-plant', path: '/plants/new', title: 'New plant' },
  { name: 'deployments', path: '/deployments', title: 'Plans & deployments' },
  { name: 'new-plan', path: '/plans/new?scope=zones', title: 'New plan' },
  { name: 'plan', path: '/plans/j-plan', title: 'Plan' },
  { name: 'plan-device', path: '/plans/j-plan?device=Cell_PLC', title: 'Plan' },
  { name: 'deployment', path: '/deployments/d1', title: 'Deployment' },
  { name: 'deployment-device', path: '/deployments/d1?device=Line_IO', title: 'Deployment' },
  { name: 'verification', path: '/verifications/j-verify', title: 'Verification' },
  { name: 'rehearsal', path: '/rehearsals/j-rehearse', title: 'Rehearsal' },
  { name: 'jobs', path: '/jobs', title: 'Jobs' },
  { name: 'job', path: '/jobs/j-drift', title: 'Drift check' },
  { name: 'discovery', path: '/discovery', title: 'Discovery' },
] as const

const bare = [
  { name: 'sign-in', path: '/sign-in', title: 'Sign in' },
  { name: 'first-run', path: '/first-run#good-token', title: 'Welcome to Cordon' },
  { name: 'invitation', path: '/invitation#good-token', title: 'Choose a password' },
] as const

describe.skipIf(!existsSync(executablePath))('pages of the web interface against a stub manager', () => {
  let browser: Browser
  let stub: Stub
  let context: BrowserContext
  let page: Page
  const elsewhere: string[] = []
  const errors: string[] = []

  beforeAll(async () => {
    await promisify(execFile)(process.execPath, ['node_modules/vite/bin/vite.js', 'build', 'packages/web', '--logLevel', 'error'], { cwd: root })
    browser = await chromium.launch({ executablePath, args: flags })
    if (pictures !== undefined) await mkdir(pictures, { recursive: true })
  })
  afterAll(async () => {
    await browser?.close()
  })
  beforeEach(async () => {
    stub = await startStub()
    elsewhere.length = 0
    errors.length = 0
    await open()
  })
  afterEach(async () => {
    await context.close()
    await stub.close()
    expect({ faults: stub.state.faults, elsewhere, errors }).toEqual({ faults: [], elsewhere: [], errors: [] })
  })

  async function open(options: { readonly width?: number; readonly scheme?: 'light' | 'dark' } = {}): Promise<void> {
    await context?.close()
    context = await browser.newContext({
      viewport: { width: options.width ?? 1280, height: 800 },
      colorScheme: options.scheme ?? 'light',
      reducedMotion: 'reduce',
      acceptDownloads: true,
    })
    page = await context.newPage()
    page.setDefaultTimeout(10_000)
    page.on('request', (request) => {
      if (!request.url().startsWith(stub.origin) && !/^(?:data|blob):/.test(request.url())) elsewhere.push(request.url())
    })
    page.on('pageerror', (error) => errors.push(error.message))
    page.on('console', (line) => {
      if (line.type() === 'error' && !/Failed to load resource/.test(line.text())) errors.push(`${page.url()}: ${line.text()}`)
    })
  }

  async function visit(path: string, title: string): Promise<void> {
    await page.goto(stub.origin + path)
    await page.locator('h1', { hasText: title }).waitFor()
    await page.waitForFunction(() => document.querySelector('[role=status][aria-label=Loading]') === null)
  }

  /** What axe finds: the rule and where. */
  async function violations(): Promise<readonly string[]> {
    await page.evaluate(await readFile(axePath, 'utf8'))
    return await page.evaluate(async () => {
      // The script above defined it.
      const { axe } = window as unknown as {
        axe: { run(options: object): Promise<{ violations: { id: string; nodes: { target: unknown; failureSummary: string }[] }[] }> }
      }
      const result = await axe.run({ resultTypes: ['violations'] })
      return result.violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id}: ${String(target)} ${failureSummary}`))
    })
  }

  async function picture(name: string): Promise<void> {
    if (pictures !== undefined) await page.screenshot({ path: `${pictures}/${name}.png` })
  }

  // Both schemes and both widths in two rounds; the other two are drawn when pictures are wanted.
  const rounds = [
    { scheme: 'light', width: 1280 },
    { scheme: 'dark', width: 768 },
    ...(pictures === undefined ? [] : [{ scheme: 'dark', width: 1280 } as const, { scheme: 'light', width: 768 } as const]),
  ] as const
  for (const { scheme, width } of rounds) {
    it(`every page is accessible and not wider than the window, ${scheme} at ${width}`, { timeout: 400_000 }, async () => {
      await open({ width, scheme })
      const found: string[] = []
      const look = async (name: string): Promise<void> => {
        await picture(`${name}-${scheme}-${width}`)
        found.push(...(await violations()).map((words) => `${name}: ${words}`))
        const tooWide = await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth)
        if (tooWide) found.push(`${name}: wider than the window`)
      }
      for (const { name, path, title } of pages) {
        await visit(path, title)
        if (name === 'editor-text') await page.locator('.cm-content').waitFor()
        await look(name)
      }
      stub.state.session = null
      for (const { name, path, title } of bare) {
        await page.goto('about:blank')
        await visit(path, title)
        await look(name)
      }
      expect(found).toEqual([])
    })
  }
})
