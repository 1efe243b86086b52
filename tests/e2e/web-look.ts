import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { accessibilityViolations } from './browser.ts'

/** Where pictures of every page go, if somebody wants to look at them. */
const pictures = process.env['CORDON_PICTURES']

/** What another scheme can change; everything else is the same document. */
const colourRules = ['color-contrast', 'link-in-text-block']

/** Every scheme at every width; rules are asked where they can differ. `undefined`: all of them. */
const looks = [
  { scheme: 'light', width: 1280, height: 800, rules: undefined },
  { scheme: 'dark', width: 1280, height: 800, rules: colourRules },
  { scheme: 'dark', width: 768, height: 1024, rules: [] },
  { scheme: 'light', width: 768, height: 1024, rules: [] },
] as const

/** A picture for people, where one is wanted. */
export async function picture(page: Page, name: string): Promise<void> {
  if (pictures === undefined) return
  await mkdir(pictures, { recursive: true })
  await page.screenshot({ path: join(pictures, `${name}.png`) })
}

/** What is wrong with a page that is open, in both schemes and both widths: axe's faults, headings, and sideways scroll. */
export async function pageFaults(page: Page, name: string): Promise<readonly string[]> {
  const faults: string[] = []
  const headings = await page.locator('h1').count()
  if (headings !== 1) faults.push(`${headings} headings of the first level`)
  for (const { scheme, width, height, rules } of looks) {
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' })
    await page.setViewportSize({ width, height })
    // Styles follow in the next frame, and colours may fade into each other.
    await page.evaluate(async () => {
      await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))
      await Promise.allSettled(
        document
          .getAnimations()
          .filter((one) => one instanceof CSSTransition)
          .map(({ finished }) => finished),
      )
    })
    await picture(page, `${name}-${scheme}-${width}`)
    const at = `${scheme} at ${width} px`
    if (rules?.length !== 0) {
      const found = await accessibilityViolations(page, rules)
      faults.push(...found.map((fault) => `${at}: ${fault}`))
    }
    const isWider = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth)
    if (isWider) faults.push(`${at}: scrolls sideways`)
  }
  return faults
}
