import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type StandIn, startStandIn } from '../../bench/web-manager.ts'
import { generatePlant } from '../../bench/web-plant.ts'
import { accessibilityViolations, browserMissing, launchBrowser } from './browser.ts'
import { pageFaults, picture } from './web-look.ts'

const folder = join(import.meta.dirname, '../../packages/web/dist')
const isBuilt = existsSync(join(folder, 'index.html'))
const reason = browserMissing ?? (isBuilt ? undefined : 'the web interface is not built: node run.mjs setup')

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
  /** What the browser complained of, and what it asked of others. */
  let complaints: string[]

  beforeAll(async () => {
    browser = await launchBrowser()
  })
  afterAll(() => browser.close())

  async function begin(): Promise<void> {
    manager = await startStandIn(folder, generatePlant({ zones: 12, devicesPerZone: 8, placed: true }))
    context = await browser.newContext({
      viewport: { width: 1280, height: 800 },
      colorScheme: 'light',
      reducedMotion: 'reduce',
    })
    page = await context.newPage()
    page.setDefaultTimeout(20_000)
    complaints = []
    page.on('console', (message) => {
      if (message.type() === 'error' || /content security policy/i.test(message.text())) complaints.push(message.text())
    })
    page.on('pageerror', (error) => complaints.push(error.message))
    page.on('request', (request) => {
      if (!request.url().startsWith(manager.origin)) complaints.push(`request to ${request.url()}`)
    })
  }

  async function end(): Promise<void> {
    await context.close()
    await manager[Symbol.asyncDispose]()
  }

  async function open(path: string, ready: string): Promise<void> {
    await page.goto(`${manager.origin}${path}`)
    await page.locator(ready).first().waitFor()
  }

  describe('every page has one heading, no fault that axe finds, is not wider than the window, and asks nobody else', () => {
    beforeAll(begin)
    afterAll(end)

    test.each(views)('$name', async ({ name, path, ready }) => {
      await open(path, ready)
      expect([...(await pageFaults(page, name)), ...complaints.splice(0)]).toEqual([])
    })
  })

  describe('what people do', () => {
    beforeEach(begin)
    afterEach(end)

    test('works by keyboard: skip link, shortcuts, search over everything', async () => {
      await open('/', 'main h2 >> text=Devices')
      await page.keyboard.press('Tab')
      expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Skip to the content')
      await page.keyboard.press('Enter')
      expect(await page.evaluate(() => document.activeElement?.id)).toBe('main')
      await page.keyboard.press('?')
      await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor()
      expect(await accessibilityViolations(page)).toEqual([])
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
      await picture(page, 'search')
      await page.keyboard.press('Enter')
      await page.getByRole('heading', { level: 1, name: 'Paint_1_03' }).waitFor()
      expect(complaints).toEqual([])
    })

    test('a filter stands in the address, and the address shows the same view again', async () => {
      await open('/devices', 'main td >> text=Press_1_01')
      await page.getByRole('combobox', { name: 'Zone' }).selectOption('Paint 1')
      await page.waitForURL(/zone=Paint/)
      await page.locator('main td >> text=Paint_1_01').first().waitFor()
      await page.reload()
      await page.locator('main td >> text=Paint_1_01').first().waitFor()
      expect(await page.getByRole('combobox', { name: 'Zone' }).inputValue()).toBe('Paint 1')
      expect(await page.locator('main td >> text=Press_1_01').count()).toBe(0)
      await page.getByRole('button', { name: 'Clear filters' }).click()
      await page.locator('main td >> text=Press_1_01').first().waitFor()
    })

    test('search jumps to a device in its zone, and only what is dragged moves and is kept', async () => {
      await open('/plant', '.react-flow__node')
      const before = structuredClone(manager.places)
      await page.getByRole('combobox', { name: 'Find a zone or device on the map' }).fill('Store_1_02')
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
})
