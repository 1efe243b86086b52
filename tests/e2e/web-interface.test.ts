import { existsSync, mkdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type StandIn, startStandIn } from '../../bench/web-manager.ts'
import { generatePlant } from '../../bench/web-plant.ts'

const folder = join(import.meta.dirname, '../../packages/web/dist')
const browserPath = process.env['CORDON_CHROMIUM'] ?? '/usr/bin/chromium'
const isBuilt = existsSync(join(folder, 'index.html'))
const reason = !existsSync(browserPath)
  ? `no browser at ${browserPath}`
  : !isBuilt
    ? 'the web interface is not built: run node run.mjs build'
    : undefined
/** Where pictures of every page go, if somebody wants to look at them. */
const pictures = process.env['CORDON_PICTURES']

/** Every page of the interface that this test owns, with what is there once it is usable. */
const views = [
  { name: 'overview', path: '/', ready: 'main h2 >> text=Devices' },
  { name: 'plant', path: '/plant', ready: '.react-flow__node' },
  { name: 'plant-zone', path: '/plant?device=Press_1_03&zone=Press+1', ready: 'main >> text=Press_1_03' },
  { name: 'plant-conduit', path: '/plant?conduit=Paint+1%7EPress+1', ready: 'aside >> text=Messaging' },
  { name: 'plant-table', path: '/plant?as=table', ready: 'main td >> text=Press 1' },
  { name: 'plant-conduits', path: '/plant?as=table&list=conduits', ready: 'main td >> text=zone Press 1' },
  { name: 'devices', path: '/devices', ready: 'main td >> text=Press_1_01' },
  { name: 'devices-empty', path: '/devices?text=nothing-has-this-name', ready: 'text=No device matches' },
  { name: 'device', path: '/devices/Press_1_06', ready: 'h2 >> text=Identity' },
  { name: 'device-connections', path: '/devices/Press_1_01?tab=connections', ready: 'main td >> text=Press_1_02' },
  { name: 'device-security', path: '/devices/Press_1_06?tab=security', ready: 'h2 >> text=Ports' },
  { name: 'device-history', path: '/devices/Press_1_06?tab=history', ready: 'text=Drift found' },
  { name: 'connections', path: '/connections', ready: 'main td >> text=Press_1_02' },
  { name: 'not-found', path: '/nowhere', ready: 'text=Page not found' },
] as const

describe.skipIf(reason !== undefined)(`the web interface${reason === undefined ? '' : ` (${reason})`}`, () => {
  let browser: Browser
  let manager: StandIn
  let context: BrowserContext
  let page: Page
  let axe: string
  /** What the browser complained of, and what it asked of others. */
  let complaints: string[]

  beforeAll(async () => {
    axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
    browser = await chromium.launch({
      executablePath: browserPath,
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    })
  })

  afterAll(() => browser.close())

  beforeEach(async () => {
    manager = await startStandIn(folder, generatePlant({ zones: 12, devicesPerZone: 8, placed: true }))
    context = await browser.newContext({
      viewport: { width: 1280, height: 800 },
      colorScheme: 'light',
      reducedMotion: 'reduce',
    })
    page = await context.newPage()
    complaints = []
    page.on('console', (message) => {
      if (message.type() === 'error' || /content security policy/i.test(message.text())) complaints.push(message.text())
    })
    page.on('pageerror', (error) => complaints.push(error.message))
    page.on('request', (request) => {
      if (!request.url().startsWith(manager.origin)) complaints.push(`request to ${request.url()}`)
    })
  })

  afterEach(async () => {
    await context.close()
    await manager[Symbol.asyncDispose]()
  })

  async function open(path: string, ready: string): Promise<void> {
    await page.goto(`${manager.origin}${path}`)
    await page.locator(ready).first().waitFor({ timeout: 10_000 })
  }

  /** Violations as axe tells them, in short. */
  async function violations(rules?: readonly string[]): Promise<readonly string[]> {
    if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(axe)
    return page.evaluate(async (only) => {
      // It was put there just now.
      const { axe } = globalThis as unknown as {
        axe: {
          run(
            document: Document,
            options: object,
          ): Promise<{ violations: { id: string; nodes: { target: unknown; any: { message: string }[] }[] }[] }>
        }
      }
      const { violations } = await axe.run(document, {
        resultTypes: ['violations'],
        ...(only === undefined ? {} : { runOnly: { type: 'rule', values: only } }),
      })
      return violations.flatMap(({ id, nodes }) =>
        nodes.map(({ target, any }) => `${id}: ${String(target)} ${any[0]?.message ?? ''}`),
      )
    }, rules)
  }

  async function picture(name: string): Promise<void> {
    if (pictures === undefined) return
    mkdirSync(pictures, { recursive: true })
    await page.screenshot({ path: join(pictures, `${name}.png`) })
  }

  test.each(views)(
    '$name has one heading, no fault that axe finds, and asks nobody else, in both schemes and widths',
    async ({ name, path, ready }) => {
      await open(path, ready)
      await page.waitForTimeout(50)
      expect(await page.locator('h1').count()).toBe(1)
      for (const [scheme, width, height] of [
        ['light', 1280, 800],
        ['dark', 1280, 800],
        ['dark', 768, 1024],
        ['light', 768, 1024],
      ] as const) {
        await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' })
        await page.setViewportSize({ width, height })
        await page.locator(ready).first().waitFor()
        await picture(`${name}-${scheme}-${width}`)
        // Every rule once; then what another scheme or another width can change.
        const rules = scheme === 'dark' ? ['color-contrast', 'link-in-text-block'] : undefined
        if (width === 1280 || scheme === 'dark') expect(await violations(rules), `${scheme} at ${width} px`).toEqual([])
        expect(
          await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth),
          'no sideways scroll',
        ).toBe(true)
      }
      expect(complaints).toEqual([])
    },
  )

  test('works by keyboard: skip link, shortcuts, search over everything', async () => {
    await open('/', 'main h2 >> text=Devices')
    await page.keyboard.press('Tab')
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Skip to the content')
    await page.keyboard.press('Enter')
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('main')
    await page.keyboard.press('?')
    await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor()
    expect(await violations()).toEqual([])
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    await page.keyboard.press('g')
    await page.keyboard.press('d')
    await page.locator('main td >> text=Press_1_01').first().waitFor()
    await page.keyboard.press('/')
    expect(await page.evaluate(() => document.activeElement?.getAttribute('aria-label'))).toContain('Name, address')
    await page.keyboard.press('Control+k')
    await page.getByRole('dialog').waitFor()
    await page.keyboard.type('Paint_1_03')
    await page.getByRole('dialog').getByText('Paint_1_03').first().waitFor()
    await picture('search')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { level: 1, name: 'Paint_1_03' }).waitFor()
    expect(complaints).toEqual([])
  })

  test('a filter stands in the address, and the address shows the same view again', async () => {
    await open('/devices', 'main td >> text=Press_1_01')
    await page.getByLabel('Zone').selectOption('Paint 1')
    await page.waitForURL(/zone=Paint/)
    await page.locator('main td >> text=Paint_1_01').first().waitFor()
    await page.reload()
    await page.locator('main td >> text=Paint_1_01').first().waitFor()
    expect(await page.getByLabel('Zone').inputValue()).toBe('Paint 1')
    expect(await page.locator('main td >> text=Press_1_01').count()).toBe(0)
    await page.getByRole('button', { name: 'Clear filters' }).click()
    await page.locator('main td >> text=Press_1_01').first().waitFor()
  })

  test('search jumps to a device in its zone, and only what is dragged moves and is kept', async () => {
    await open('/plant', '.react-flow__node')
    const before = structuredClone(manager.places)
    await page.getByLabel('Find a zone or device on the map').fill('Store_1_02')
    await page.getByRole('option', { name: 'Store_1_02' }).click()
    await page.locator('[aria-current="true"] >> text=Store_1_02').waitFor()
    expect(page.url()).toContain('device=Store_1_02')
    await page.keyboard.press('Escape')
    await open('/plant', '.react-flow__node')
    const card = page.locator('.react-flow__node[data-id="Body 1"]')
    const box = await card.boundingBox()
    if (box === null) throw new Error('the card has no place')
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2)
    await page.mouse.down()
    await page.mouse.move(box.x + box.width / 2 + 60, box.y + box.height / 2 + 90, { steps: 5 })
    const saved = page.waitForResponse((response) => response.url().endsWith('/layout'))
    await page.mouse.up()
    await saved
    const moved = Object.keys(before).filter((zone) => before[zone]?.y !== manager.places[zone]?.y)
    expect(moved).toEqual(['Body 1'])
    expect(complaints).toEqual([])
  })

  test('zones without a place are laid out once, and the manager keeps it', async () => {
    await manager[Symbol.asyncDispose]()
    manager = await startStandIn(folder, generatePlant({ zones: 9, devicesPerZone: 2, placed: false }))
    const saved = page.waitForResponse((response) => response.url().endsWith('/layout'))
    await open('/plant', '.react-flow__node')
    await saved
    expect(Object.keys(manager.places)).toHaveLength(9)
  })

  test('says when the database is lost, and goes on by itself when it is back', async () => {
    await open('/devices', 'main td >> text=Press_1_01')
    await page.waitForFunction(() => performance.getEntriesByName(`${location.origin}/api/v1/welcome`).length > 0)
    manager.fail(503)
    await page
      .getByRole('alert')
      .getByText(/Live updates are interrupted|cannot reach its database/)
      .waitFor()
    manager.fail(undefined)
    await page.getByRole('alert').waitFor({ state: 'detached', timeout: 20_000 })
  })

  test('an event makes the page read again what it tells of', async () => {
    const streaming = page.waitForResponse((response) => response.url().includes('/api/v1/events'))
    await open('/devices', 'main td >> text=Press_1_01')
    await streaming
    const again = page.waitForRequest((request) => request.url().includes('/devices?'))
    manager.emit('drift-found')
    await again
  })

  test('whoever is not signed in is sent to sign in, and would come back here', async () => {
    manager.signIn(false)
    await page.goto(`${manager.origin}/devices?zone=Paint+1`)
    await page.getByRole('heading', { level: 1, name: 'Sign in' }).waitFor()
    expect(new URL(page.url()).searchParams.get('to')).toBe('/devices?zone=Paint+1')
  })
})
