import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'
import { type Figure, median, rounded } from './figure.ts'
import { type StandIn, startStandIn } from './web-manager.ts'
import { generatePlant } from './web-plant.ts'

const zones = 400
const devicesPerZone = 25
const rounds = 3
const openTargetMs = 1500
const panTargetMs = 17
/** Frames come every 16.7 ms; what is shown as 17 ms may measure a little more. */
const frameSlackMs = 0.7
const browserPath = process.env['CORDON_CHROMIUM'] ?? '/usr/bin/chromium'

/**
 * How long a browser without a graphics processor takes from navigation to a map of 10,000 devices in 400 zones that can
 * be used, and how evenly the map follows the mouse. Beside them the sign-in page, which has the same stack and nothing
 * on it, and the frames of a page at rest.
 */
export async function webFigures(): Promise<Figure[]> {
  const folder = join(process.cwd(), 'packages/web/dist')
  if (!existsSync(browserPath) || !existsSync(join(folder, 'index.html'))) {
    process.stderr.write(`web: not measured, for there is no ${browserPath} or no built interface in ${folder}\n`)
    return []
  }
  await using manager = await startStandIn(folder, generatePlant({ zones, devicesPerZone, placed: true }))
  await using fresh = await startStandIn(folder, generatePlant({ zones, devicesPerZone, placed: false }))
  const browser = await chromium.launch({
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
  try {
    const empty = await opened(browser, manager, '/sign-in', 'h1', 1)
    const map = await opened(browser, manager, '/plant', '.react-flow__node', zones)
    const first = await opened(browser, fresh, '/plant', '.react-flow__node', zones, 1)
    const { pan, rest } = await panned(browser, manager)
    return [
      openFigure('web-open-10000-devices', map, empty, openTargetMs),
      openFigure('web-open-10000-devices-without-layout', first, empty, undefined),
      {
        name: 'web-pan-10000-devices-p95',
        value: rounded(pan),
        unit: 'ms',
        baseline: rounded(rest),
        ratio: rounded(pan / rest),
        target: `at most ${panTargetMs} ms a frame while dragging; baseline: the same page at rest`,
        met: pan <= panTargetMs + frameSlackMs,
      },
    ]
  } finally {
    await browser.close()
  }
}

function openFigure(name: string, value: number, baseline: number, target: number | undefined): Figure {
  const beside = 'baseline: an empty page of the same stack'
  return {
    name,
    value: rounded(value),
    unit: 'ms',
    baseline: rounded(baseline),
    ratio: rounded(value / baseline),
    target: target === undefined ? `no target; ${beside}` : `at most ${target} ms from navigation to usable; ${beside}`,
    ...(target === undefined ? {} : { met: value <= target }),
  }
}

/** Milliseconds from navigation until so many elements are painted and three more frames came, in the middle of several. */
async function opened(
  browser: Browser,
  { origin }: StandIn,
  path: string,
  selector: string,
  count: number,
  times = rounds,
): Promise<number> {
  const measured: number[] = []
  for (let round = 0; round < times; round++) {
    // A context of its own: nothing is cached.
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 } })
    const page = await context.newPage()
    await page.goto(`${origin}${path}`, { waitUntil: 'commit' })
    measured.push(await page.evaluate(untilPainted, { selector, count }))
    await context.close()
  }
  return median(measured)
}

/** Runs in the page. */
function untilPainted({ selector, count }: { readonly selector: string; readonly count: number }): Promise<number> {
  return new Promise((resolve) => {
    let more = 3
    const look = () => {
      const found = document.querySelectorAll<HTMLElement>(selector)
      const last = found[found.length - 1]
      const isThere = found.length >= count && last !== undefined && getComputedStyle(last).visibility === 'visible'
      if (isThere && more-- === 0) resolve(performance.now())
      else requestAnimationFrame(look)
    }
    look()
  })
}

async function panned(browser: Browser, { origin }: StandIn): Promise<{ readonly pan: number; readonly rest: number }> {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } })
  await page.goto(`${origin}/plant`, { waitUntil: 'commit' })
  await page.evaluate(untilPainted, { selector: '.react-flow__node', count: zones })
  await page.waitForTimeout(1000)
  const rest = await framesDuring(page, () => page.waitForTimeout(1000))
  const free = await page.evaluate(() => {
    for (let y = 300; y < 700; y += 3)
      for (let x = 500; x < 1000; x += 3)
        if (document.elementFromPoint(x, y)?.classList.contains('react-flow__pane') === true) return { x, y }
    throw new Error('no free place on the map')
  })
  const pan = await framesDuring(page, async () => {
    await page.mouse.move(free.x, free.y)
    await page.mouse.down()
    for (let step = 0; step < 60; step++) {
      await page.mouse.move(free.x + 2 * step, free.y + Math.round(40 * Math.sin(step / 8)))
      await page.waitForTimeout(12)
    }
    await page.mouse.up()
  })
  await page.close()
  return { pan, rest }
}

/** The time between frames that 95 % of them keep, while something is done. */
async function framesDuring(page: Page, doing: () => Promise<unknown>): Promise<number> {
  const frames = await page.evaluateHandle(() => {
    const noted = { lengths: [] as number[], isOver: false }
    let before = performance.now()
    const note = (now: number) => {
      noted.lengths.push(now - before)
      before = now
      if (!noted.isOver) requestAnimationFrame(note)
    }
    requestAnimationFrame(note)
    return noted
  })
  await doing()
  const lengths = await frames.evaluate((noted) => {
    noted.isOver = true
    return noted.lengths
  })
  const sorted = lengths.slice(1).sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length * 0.95)] ?? Number.NaN
}
