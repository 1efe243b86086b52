import type { Figure } from './figure.ts'

/** The measurements by name; each is loaded when it is asked for. */
const measurements: Readonly<Record<string, () => Promise<readonly Figure[]>>> = {
  policy: async () => (await import('./policy.ts')).policyFigures(),
  approval: async () => (await import('./approval.ts')).approvalFigures(),
  devices: async () => (await import('./devices.ts')).deviceFigures(),
  signing: async () => (await import('./signing.ts')).signingFigures(),
  enrollment: async () => (await import('./enrollment.ts')).enrollmentFigures(),
  capture: async () => (await import('./capture.ts')).captureFigures(),
  pages: async () => (await import('./pages.ts')).pageFigures(),
  connections: async () => (await import('./connections.ts')).connectionFigures(),
  web: async () => (await import('./web.ts')).webFigures(),
  commissioning: async () => (await import('./commissioning.ts')).commissioningFigures(),
}

const args = process.argv.slice(2)
const json = args.includes('--json')
const names = args.filter((arg) => !arg.startsWith('--'))
const unknown = names.filter((name) => !(name in measurements))
if (unknown.length > 0 || args.includes('--help')) {
  process.stderr.write(
    `usage: npm run --silent bench -- [--json] [NAME…]\nmeasurements: ${Object.keys(measurements).join(', ')}\n`,
  )
  process.exitCode = unknown.length > 0 ? 2 : 0
} else {
  const figures: Figure[] = []
  for (const [name, measure] of Object.entries(measurements)) {
    if (names.length > 0 && !names.includes(name)) continue
    process.stderr.write(`measuring ${name} …\n`)
    figures.push(...(await measure()))
  }
  process.stdout.write(json ? `${JSON.stringify({ figures }, undefined, 2)}\n` : `${figures.map(line).join('\n')}\n`)
}

function line(figure: Figure): string {
  const verdict = figure.met === undefined ? 'reported' : figure.met ? 'met' : 'NOT MET'
  const beside =
    figure.baseline === undefined
      ? ''
      : ` (baseline ${figure.baseline}${figure.ratio === undefined ? '' : `, ratio ${figure.ratio}`})`
  return `${figure.name}: ${figure.value} ${figure.unit}${beside}; ${figure.target}: ${verdict}`
}
