import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { job } from '../../packages/web/test/stub/answers.ts'
import { type Stub, startStub } from '../../packages/web/test/stub/manager.ts'
import { accessibilityViolations, browserMissing, launchBrowser } from './browser.ts'
import { pageFaults, picture } from './web-look.ts'

const isBuilt = existsSync(join(import.meta.dirname, '../../packages/web/dist/index.html'))
const missing = browserMissing ?? (isBuilt ? undefined : 'the web interface is not built: node run.mjs setup')

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
  { name: 'enrollments', path: '/enrollment', title: 'Enrollment' },
  { name: 'enrollment', path: '/enrollment/3', title: 'Drive_3' },
  { name: 'certificates', path: '/certificates?ends=30', title: 'Certificates' },
  { name: 'authorities', path: '/certificates?tab=authorities', title: 'Certificates' },
  { name: 'vendor-anchors', path: '/certificates?tab=vendors', title: 'Certificates' },
  { name: 'certificate', path: '/certificates/ca-line-2/0a1b2c3d4e5f0004', title: 'Drive_4' },
  { name: 'audit', path: '/audit?entry=899', title: 'Audit' },
  { name: 'users', path: '/users', title: 'Users' },
  { name: 'roles', path: '/users?tab=roles', title: 'Users' },
  { name: 'identity-providers', path: '/users?tab=providers', title: 'Users' },
  { name: 'tokens', path: '/users?tab=tokens', title: 'Users' },
  { name: 'user', path: '/users/u2', title: 'otto' },
  { name: 'settings', path: '/settings', title: 'Settings' },
  { name: 'system', path: '/settings?tab=system', title: 'Settings' },
  { name: 'backup', path: '/settings?tab=backup', title: 'Settings' },
  { name: 'windows', path: '/settings?tab=windows', title: 'Settings' },
] as const

const bare = [
  { name: 'sign-in', path: '/sign-in', title: 'Sign in' },
  { name: 'first-run', path: '/first-run#good-token', title: 'Welcome to Cordon' },
  { name: 'invitation', path: '/invitation#good-token', title: 'Choose a password' },
] as const

describe.skipIf(missing !== undefined)(
  `pages of the web interface${missing === undefined ? '' : ` (${missing})`}`,
  () => {
    let browser: Browser
    let stub: Stub
    let context: BrowserContext
    let page: Page
    const elsewhere: string[] = []
    const errors: string[] = []

    beforeAll(async () => {
      browser = await launchBrowser()
    })
    afterAll(() => browser.close())

    async function begin(): Promise<void> {
      stub = await startStub()
      context = await browser.newContext({
        viewport: { width: 1280, height: 800 },
        colorScheme: 'light',
        reducedMotion: 'reduce',
        acceptDownloads: true,
      })
      page = await context.newPage()
      page.setDefaultTimeout(20_000)
      page.on('request', (request) => {
        if (!request.url().startsWith(stub.origin) && !/^(?:data|blob):/.test(request.url()))
          elsewhere.push(request.url())
      })
      page.on('pageerror', (error) => errors.push(error.message))
      page.on('console', (line) => {
        if (line.type() === 'error' && !/Failed to load resource/.test(line.text()))
          errors.push(`${page.url()}: ${line.text()}`)
      })
    }

    async function end(): Promise<void> {
      await context.close()
      await stub.close()
    }

    /** What the page did that it may not, since the last time that this was asked. */
    function misdeeds(): readonly string[] {
      return [
        ...stub.state.faults.splice(0),
        ...elsewhere.splice(0).map((url) => `asked ${url}`),
        ...errors.splice(0).map((error) => `not caught: ${error}`),
      ]
    }

    async function visit(path: string, title: string): Promise<void> {
      await page.goto(stub.origin + path)
      await page.locator('h1', { hasText: title }).waitFor()
      await page.waitForFunction(() => document.querySelector('[role=status][aria-label=Loading]') === null)
    }

    describe('every page has one heading, no fault that axe finds, and is not wider than the window', () => {
      beforeAll(begin)
      afterAll(end)

      it.each(pages)('$name', async ({ name, path, title }) => {
        await visit(path, title)
        if (name === 'editor-text') await page.locator('.cm-content').waitFor()
        expect([...(await pageFaults(page, name)), ...misdeeds()]).toEqual([])
      })

      it.each(bare)('$name, where nobody is signed in', async ({ name, path, title }) => {
        stub.state.session = null
        await page.goto('about:blank')
        await visit(path, title)
        expect([...(await pageFaults(page, name)), ...misdeeds()]).toEqual([])
      })
    })

    describe('what people do', () => {
      beforeEach(begin)
      afterEach(async () => {
        await end()
        expect(misdeeds()).toEqual([])
      })

      const operations = () => stub.state.calls.map(({ operation }) => operation)
      const bodyOf = (operation: string) => stub.state.calls.find((call) => call.operation === operation)?.body

      it('signs in by keyboard, tells nothing of a wrong password, and asks for the second factor', async () => {
        stub.state.session = null
        await visit('/plans/j-plan', 'Sign in')
        await page.keyboard.type('eve')
        await page.keyboard.press('Tab')
        await page.keyboard.type('not it')
        await page.keyboard.press('Enter')
        await page.getByRole('alert').getByText('Name or password is not right, or the account is locked').waitFor()
        await page.getByLabel('Password', { exact: true }).fill('correct horse battery')
        await page.keyboard.press('Enter')
        await page.locator('h1', { hasText: 'Second factor' }).waitFor()
        await page.getByLabel('Code that your authenticator app shows').fill('000000')
        await page.keyboard.press('Enter')
        await page.getByRole('alert').getByText('That was not accepted').waitFor()
        await page.getByLabel('Code that your authenticator app shows').fill('123456')
        await page.keyboard.press('Enter')
        await page.locator('h1', { hasText: 'Plan' }).waitFor()
        expect(new URL(page.url()).pathname).toBe('/plans/j-plan')
      })

      it('sets up the factor that a role needs and shows the recovery codes once', async () => {
        stub.state.session = null
        await visit('/sign-in', 'Sign in')
        await page.getByLabel('Name', { exact: true }).fill('new')
        await page.getByLabel('Password', { exact: true }).fill('correct horse battery')
        await page.keyboard.press('Enter')
        await page.locator('h1', { hasText: 'Set up a second factor' }).waitFor()
        await page.getByRole('img', { name: 'QR code for the authenticator app' }).waitFor()
        await page.getByLabel('2. Type the code that the app shows now').fill('123456')
        await page.keyboard.press('Enter')
        await page.getByRole('list', { name: 'Recovery codes' }).getByText('4f2a-91bc-07de').waitFor()
        expect(await page.getByRole('button', { name: 'Continue' }).isDisabled()).toBe(true)
        await page.getByLabel('I have kept them in a safe place').check()
        await page.getByRole('button', { name: 'Continue' }).click()
        await page.getByRole('navigation', { name: 'Pages' }).waitFor()
      })

      it('makes the first administrator and takes the token out of the address', async () => {
        stub.state.session = null
        stub.state.firstRun = true
        await visit('/first-run#good-token', 'Welcome to Cordon')
        expect(page.url()).toBe(`${stub.origin}/first-run`)
        await page.getByLabel('Name', { exact: true }).fill('ada')
        await page.getByLabel('Password', { exact: true }).fill('too short')
        await page.getByText('3 more characters needed.').waitFor()
        await page.getByLabel('Password', { exact: true }).fill('correct horse battery')
        await page.getByLabel('Password again').fill('correct horse')
        await page.getByText('The two are not the same.').waitFor()
        await page.getByLabel('Password again').fill('correct horse battery')
        await page.getByRole('button', { name: 'Make the account' }).click()
        await page.locator('h1', { hasText: 'First hour' }).waitFor()
        expect(bodyOf('firstRun.use')).toEqual({ token: 'good-token', name: 'ada', password: 'correct horse battery' })
      })

      it('keeps a draft over a reload, marks what is wrong, and leads to its place', async () => {
        await visit('/editor?view=text', 'Editor: line7')
        await page.locator('.cm-content').click()
        await page.keyboard.press('Control+End')
        await page.keyboard.type('wrong-word: 1')
        await page.getByText('1 error').waitFor()
        await page.locator('.cm-lint-marker-error').waitFor()
        await page.reload()
        await page.getByText('Your unsaved text from before is here again.').waitFor()
        await page.getByRole('button', { name: /Line 24/ }).click()
        await page.waitForFunction(() => document.activeElement?.classList.contains('cm-content') === true)
        expect(await page.locator('.cm-activeLine').textContent()).toBe('wrong-word: 1')
        await page.getByRole('button', { name: 'Save…' }).click()
        await page.getByText('A version with errors is refused').waitFor()
        expect(await page.getByRole('button', { name: 'Save', exact: true }).isDisabled()).toBe(true)
        await page.keyboard.press('Escape')
        await page.getByRole('button', { name: 'Discard changes' }).click()
        await page.getByText('Valid', { exact: true }).waitFor()
        expect(await page.evaluate(() => sessionStorage.getItem('cordon-draft:line7'))).toBeNull()
      })

      it('merges what two people saved at once, with the conflict chosen, and loses nothing', async () => {
        await visit('/editor', 'Editor: line7')
        await page.getByLabel('messaging of cell').selectOption('confidentiality')
        const cell = 'cell:   { authentication: certificate, messaging: integrity, io: integrity }'
        const newest = stub.state.texts.at(-1) ?? ''
        stub.state.texts.push(
          newest.replace(cell, cell.replace('io: integrity', 'io: deny')).replace('# recipes', '# recipes and alarms'),
        )
        stub.state.authors.push('bo')
        stub.state.notes.push('Deny I/O in the cell')
        await page.getByRole('button', { name: 'Save…' }).click()
        await page.getByLabel('What changes for whom').fill('Encrypt the cell')
        await page.keyboard.press('Enter')
        await page.getByText('bo saved version 4').waitFor()
        const take = page.getByRole('button', { name: 'Take the merged text' })
        expect(await take.isDisabled()).toBe(true)
        await page.getByRole('region', { name: 'Conflict 1' }).getByText('Write it').click()
        await page
          .getByLabel('Own text for conflict 1')
          .fill(
            `  ${cell.replace('messaging: integrity', 'messaging: confidentiality').replace('io: integrity', 'io: deny')}`,
          )
        await picture(page, 'merge')
        expect(await accessibilityViolations(page)).toEqual([])
        await take.click()
        await page.getByText('Changed since version 4').waitFor()
        await page.getByRole('button', { name: 'Save…' }).click()
        await page.getByLabel('What changes for whom').fill('Encrypt the cell')
        await page.keyboard.press('Enter')
        await page.getByText('As in version 5').waitFor()
        const saved = stub.state.texts.at(-1) ?? ''
        expect(saved).toContain('messaging: confidentiality, io: deny')
        expect(saved).toContain('# recipes and alarms')
        expect(saved).toContain('# The bottling line.')
      })

      it('deploys a plan by keyboard only after what is interrupted was accepted', async () => {
        await visit('/plans/j-plan', 'Plan')
        await page.getByRole('button', { name: 'Deploy…' }).focus()
        await page.keyboard.press('Enter')
        const dialog = page.getByRole('dialog')
        await dialog.getByText('Interrupted for a moment:').waitFor()
        await dialog.getByText('192.0.2.77 to Line_PLC').waitFor()
        expect(await accessibilityViolations(page)).toEqual([])
        await picture(page, 'deploy-dialog')
        const deploy = dialog.getByRole('button', { name: 'Deploy now' })
        expect(await deploy.isDisabled()).toBe(true)
        await dialog.getByLabel('These may be interrupted and cut off').focus()
        await page.keyboard.press('Space')
        await deploy.focus()
        await page.keyboard.press('Enter')
        await page.locator('h1', { hasText: 'Deployment' }).waitFor()
        expect(bodyOf('deployments.start')).toEqual({ plan: 'j-plan' })
        await page.getByRole('button', { name: 'Retry the 1 device that failed' }).click()
        await expect.poll(operations).toContain('deployments.retry')
      })

      it('shows a deployment as it goes on and lets it be cancelled', async () => {
        stub.state.jobs = [
          answerJob('j-deploy', {
            state: 'running',
            finishedAt: null,
            progress: { done: 1, total: 3, doing: 'Deploying' },
            current: [{ device: 'Line_IO', step: 'Create_CSR' }],
          }),
        ]
        await visit('/deployments/d1', 'Deployment')
        await page.getByRole('cell', { name: 'Create_CSR' }).waitFor()
        await page.getByRole('button', { name: 'Cancel' }).click()
        await page.getByText('Stopping, as ada asked.').waitFor()
        stub.state.jobs = [answerJob('j-deploy', { state: 'not-complete' })]
        stub.emit('deployment-ended')
        await page.getByRole('button', { name: 'Verify' }).waitFor()
      })

      it('searches addresses, refuses what is none, and adopts what answered into a new zone', async () => {
        await visit('/discovery', 'Discovery')
        await page.getByLabel('Addresses to ask').fill('10.0.0.0/8')
        await page.getByText('has more than 4,096 addresses').waitFor()
        await page.getByLabel('Addresses to ask').fill('192.0.2.0/24')
        await page.keyboard.press('Enter')
        await page.getByText('Asking 192.0.2.12').waitFor()
        await page.getByLabel('Choose 192.0.2.60').check()
        await page.getByLabel('Choose 192.0.2.62').check()
        await page.getByRole('button', { name: 'Adopt…' }).click()
        const dialog = page.getByRole('dialog')
        await dialog.getByLabel('Zone', { exact: true }).selectOption('')
        await dialog.getByLabel('Name of the zone').fill('packing')
        await dialog.getByLabel('Name of 192.0.2.60').fill('Packer_PLC')
        expect(await accessibilityViolations(page)).toEqual([])
        await picture(page, 'adopt-dialog')
        await dialog.getByRole('button', { name: 'Adopt' }).click()
        await page.getByText('Saved as version 4.').waitFor()
        expect(bodyOf('discovered.adopt')).toMatchObject({
          base: 3,
          devices: [
            { address: '192.0.2.60', name: 'Packer_PLC', zone: 'packing' },
            { address: '192.0.2.62', name: 'D_1756_EN4TR_62', zone: 'packing' },
          ],
          newZone: { name: 'packing' },
        })
      })

      it('says what failed and tries again', async () => {
        stub.state.fails.set('plans.read', 400)
        await visit('/jobs', 'Jobs')
        await page.getByRole('link', { name: 'Plan', exact: true }).click()
        await page.getByText('Reading the plan failed').waitFor()
        stub.state.fails.clear()
        await page.getByRole('button', { name: 'Try again' }).click()
        await page.locator('h1', { hasText: 'Plan' }).waitFor()
      })
    })
  },
)

/** A deployment's job. */
function answerJob(id: string, given: Parameters<typeof job>[2]) {
  return job(id, 'deploy', { deployment: 'd1', ...given })
}
