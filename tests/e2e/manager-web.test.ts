import type { Page } from 'playwright-core'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { accessibilityViolations, browserMissing, openBrowser, type TestBrowser } from './browser.ts'
import { plantAddresses, type RunningPlant, startPlant, writePlant } from './cli.ts'
import { type RunningManager, startManager } from './manager.ts'

/** The guided first hour in a browser, against a real manager and virtual devices that really listen. */

/** Where pictures of the pages go, for people to look at. */
const pictures = process.env['CORDON_PICTURES']
const password = 'correct horse battery staple'
const stepTimeoutMs = 60_000

describe.skipIf(browserMissing !== undefined)(`the first hour in a browser ${browserMissing ?? ''}`.trim(), () => {
  let work = ''
  let plant: RunningPlant
  let manager: RunningManager
  let browser: TestBrowser
  let page: Page
  const complaints: string[] = []

  beforeAll(async () => {
    work = await mkdtemp(join(tmpdir(), 'cordon-web-'))
    if (pictures !== undefined) await mkdir(pictures, { recursive: true })
    await writePlant(work)
    plant = await startPlant([join(work, 'plant.yaml'), '--state', join(work, 'state')])
    manager = await startManager(work)
    browser = await openBrowser({ origin: manager.origin, ignoreHttpsErrors: true })
    browser.context.setDefaultTimeout(20_000)
    browser.context.on('console', (line) => {
      // Asking who is signed in, before anybody is, is answered with 401: the browser reports that as an error.
      if (line.type() === 'error' && !/status of 401/.test(line.text())) complaints.push(line.text())
    })
  }, 120_000)

  afterAll(async () => {
    await browser?.close()
    await manager?.stop()
    await plant?.stop()
    await rm(work, { recursive: true, force: true })
  })

  async function settled(title: string): Promise<void> {
    await page.locator('h1', { hasText: title }).waitFor()
    await page.waitForFunction(() => document.querySelector('[role=status][aria-label=Loading]') === null)
  }

  async function visit(path: string, title: string): Promise<void> {
    await page.goto(manager.origin + path)
    await settled(title)
  }

  async function picture(name: string): Promise<void> {
    if (pictures === undefined) return
    for (const colorScheme of ['dark', 'light'] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      await page.waitForTimeout(300)
      await page.screenshot({ path: join(pictures, `${name}-${colorScheme}.png`) })
    }
  }

  /** Presses the button or follows the link of this name. */
  const press = async (name: string | RegExp): Promise<void> =>
    page
      .getByRole('button', { name, exact: true })
      .or(page.getByRole('link', { name, exact: true }))
      .first()
      .click()

  it('makes the administrator with the one-time link, who signs in again', { timeout: stepTimeoutMs }, async () => {
    page = await browser.open(manager.firstRun ?? '')
    await settled('Welcome to Cordon')
    expect(page.url()).toBe(`${manager.origin}/first-run`)
    expect(await accessibilityViolations(page)).toEqual([])
    await picture('first-run')
    await page.getByLabel('Name', { exact: true }).fill('anna')
    await page.getByLabel('Password', { exact: true }).fill(password)
    await page.getByLabel('Password again').fill(password)
    await press('Make the account')
    await settled('First hour')
    await picture('start-empty')
    await page.getByRole('button', { name: /anna/ }).click()
    await page.getByRole('menuitem', { name: 'Sign out' }).click()
    await settled('Sign in')
    await picture('sign-in')
    await page.getByLabel('Name', { exact: true }).fill('anna')
    await page.getByLabel('Password', { exact: true }).fill(password)
    await page.keyboard.press('Enter')
    await page.getByRole('navigation', { name: 'Pages' }).waitFor()
  })

  it('makes a plant from its file and believes the vendor', { timeout: stepTimeoutMs }, async () => {
    await visit('/plants/new?next=start', 'New plant')
    await page.getByLabel('From a plant file').check()
    await page.locator('input[type=file]').setInputFiles(join(work, 'plant.yaml'))
    await picture('new-plant')
    await press('Make the plant')
    await settled('First hour')
    await visit('/certificates?tab=vendors&plant=line', 'Certificates')
    await press('Add a vendor')
    const dialog = page.getByRole('dialog')
    await dialog.locator('input[type=file]').setInputFiles(plant.ready.vendorRoots)
    await picture('vendor-dialog')
    await dialog.getByRole('button', { name: 'Add', exact: true }).click()
    await page.getByRole('table', { name: 'Vendor anchors' }).getByText('Acme Controls').first().waitFor()
    await picture('vendors')
  })

  it('finds the devices', { timeout: stepTimeoutMs }, async () => {
    await visit('/discovery?plant=line', 'Discovery')
    await page
      .getByLabel('Addresses to ask')
      .fill([plantAddresses.plc, plantAddresses.io, plantAddresses.old, plantAddresses.nobody].join(', '))
    await press('Search')
    // These three are in the plant file already; that they answered is told by the event stream.
    await page.getByRole('button', { name: /^In the plant\s*3$/ }).click()
    await page.getByRole('table').getByText('Acme Controller 33').waitFor()
    await picture('discovery')
    await visit('/start?plant=line', 'First hour')
    await picture('start')
    expect(await accessibilityViolations(page)).toEqual([])
  })

  it('plans and deploys', { timeout: stepTimeoutMs }, async () => {
    await visit('/plans/new?plant=line', 'New plan')
    await picture('new-plan')
    await press('Make the plan')
    const impact = page.getByRole('table', { name: 'Impact by device' })
    await impact.getByText('Commission').first().waitFor()
    await picture('plan')
    expect(await accessibilityViolations(page)).toEqual([])
    await press('Deploy…')
    const dialog = page.getByRole('dialog')
    await dialog.getByRole('button', { name: 'Deploy now' }).waitFor()
    await picture('deploy-dialog')
    const accept = dialog.getByLabel(/may be interrupted/)
    if ((await accept.count()) > 0) await accept.check()
    await dialog.getByRole('button', { name: 'Deploy now' }).click()
    await page
      .getByText(/of 3 done|of 4 done|devices done/)
      .first()
      .waitFor()
    await picture('deployment-live')
    await page.getByRole('button', { name: 'Verify', exact: true }).waitFor({ timeout: 60_000 })
    await picture('deployment')
    expect(await accessibilityViolations(page)).toEqual([])
    await press('Verify')
    await page.getByText('The plant is as the model says').waitFor({ timeout: 40_000 })
    await picture('verification')
  })

  it('shows what stands', { timeout: stepTimeoutMs }, async () => {
    await visit('/?plant=line', 'Overview')
    await picture('overview')
    expect(await accessibilityViolations(page)).toEqual([])
    await visit('/plant?plant=line', 'Plant')
    await page.getByText('legacy').first().waitFor()
    await picture('map')
    expect(await accessibilityViolations(page)).toEqual([])
    await visit('/devices/Line_PLC?plant=line', 'Line_PLC')
    await picture('device')
    await visit('/audit', 'Audit')
    const entries = page.getByRole('list', { name: 'Audit entries' })
    await entries.getByText('anchors.add').waitFor()
    expect(await entries.getByText('anna').count()).toBeGreaterThan(3)
    await picture('audit')
  })

  it('asked no other host and broke no rule of its pages', () => {
    expect({ foreign: browser.foreignRequests(), errors: browser.scriptErrors(), complaints }).toEqual({
      foreign: [],
      errors: [],
      complaints: [],
    })
  })
})
