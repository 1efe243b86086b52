import { caseGroups } from './case.ts'
import { groupsInOrder } from './catalogue.ts'
import { describeFinding, hexText, type Verdict } from './judge.ts'
import { escapeMarkup } from './markup.ts'
import { type CaseResult, type ConformanceReport, summarize } from './run.ts'

/** What a page says of when and with what it was made. */
export interface PageFacts {
  /** When it was made, ISO 8601. */
  readonly at: string
  readonly version: string
}

const order: readonly Verdict[] = ['fail', 'error', 'inconclusive', 'not run', 'pass', 'not applicable']

const signs: Readonly<Record<Verdict, string>> = {
  pass: '✔',
  fail: '✖',
  'not applicable': '–',
  'not run': '…',
  inconclusive: '?',
  error: '!',
}

/** A verdict as a class name. */
function kind(verdict: Verdict): string {
  return verdict.replaceAll(' ', '-')
}

/** A run as one page: no script, nothing from elsewhere, readable in the dark and on paper. */
export function htmlText(report: ConformanceReport, page: PageFacts): string {
  const { verdicts, byBasis } = summarize(report.results)
  const title = `Conformance of ${report.target}`
  const failures = report.results.filter(({ finding }) => finding.verdict === 'fail' || finding.verdict === 'error')
  const groups = groupsInOrder.flatMap((group) => {
    const results = report.results.filter((each) => each.group === group)
    return results.length === 0 ? [] : [section(caseGroups[group], sorted(results))]
  })
  const bases = (['public', 'inferred', 'ours'] as const).map(
    (basis) =>
      `<tr><th scope="row">${basis}</th>${order.map((verdict) => `<td>${byBasis[basis][verdict]}</td>`).join('')}</tr>`,
  )
  const total = `<tr class="total"><th scope="row">all</th>${order.map((verdict) => `<td>${verdicts[verdict]}</td>`).join('')}</tr>`
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escapeMarkup(title)}</title>
<style>${style}</style>
</head>
<body>
<header>
<h1>${escapeMarkup(title)}</h1>
<p class="disclaimer">${escapeMarkup(report.disclaimer)}</p>
<p>${escapeMarkup(`${page.at}, cordon ${page.version}, ${report.results.length} cases${report.cancelled ? ', ended before the last' : ''}`)}</p>
</header>
<main>
<table class="summary">
<caption>Verdicts by what the cases rest on</caption>
<thead><tr><th scope="col">rests on</th>${order.map((verdict) => `<th scope="col">${signs[verdict]} ${verdict}</th>`).join('')}</tr></thead>
<tbody>${bases.join('')}${total}</tbody>
</table>
${failures.length === 0 ? '<p>No case failed.</p>' : section('Failures', failures)}
${groups.join('\n')}
</main>
</body>
</html>
`
}

/** Failures first, then what is not known. */
export function sorted(results: readonly CaseResult[]): readonly CaseResult[] {
  return [...results].sort((a, b) => order.indexOf(a.finding.verdict) - order.indexOf(b.finding.verdict))
}

function section(title: string, results: readonly CaseResult[]): string {
  const passed = results.filter(({ finding }) => finding.verdict === 'pass').length
  return `<section>
<h2>${escapeMarkup(title)} <small>${passed} of ${results.length} passed</small></h2>
<table>
<thead><tr><th scope="col">verdict</th><th scope="col">case</th><th scope="col">a target that passes …</th><th scope="col">found</th><th scope="col">source</th></tr></thead>
<tbody>
${results.map(row).join('\n')}
</tbody>
</table>
</section>`
}

function row({ id, title, source, basis, finding }: CaseResult): string {
  const bytes =
    finding.verdict === 'fail' && finding.bytes !== undefined
      ? `<pre>${escapeMarkup(hexText(finding.bytes, 512))}</pre>`
      : ''
  return `<tr class="${kind(finding.verdict)}"><td>${signs[finding.verdict]} ${finding.verdict}</td><td><code>${escapeMarkup(id)}</code></td><td>${escapeMarkup(title)}</td><td>${escapeMarkup(describeFinding(finding))}${bytes}</td><td>${escapeMarkup(source)} <em>${basis}</em></td></tr>`
}

const style = `
:root { color-scheme: light dark; --ground: #fff; --text: #1c1f23; --line: #cbd2da; --bad: #b3261e; --good: #1a7f37; --warn: #8a5a00; --soft: #5b6670; }
@media (prefers-color-scheme: dark) { :root { --ground: #14171a; --text: #e6e9ec; --line: #3a424a; --bad: #ff8a80; --good: #6fdc8c; --warn: #f2c14e; --soft: #a3adb7; } }
body { margin: 2rem auto; max-width: 80rem; padding: 0 1rem; font: 15px/1.5 system-ui, sans-serif; background: var(--ground); color: var(--text); }
.disclaimer { border-left: 4px solid var(--warn); padding-left: 1rem; }
table { border-collapse: collapse; width: 100%; margin: 0 0 1.5rem; }
.summary { width: auto; }
caption { text-align: left; font-weight: 600; padding-bottom: .4rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
.summary td { text-align: right; }
td:first-child { white-space: nowrap; }
small, em { color: var(--soft); font-weight: normal; }
pre { white-space: pre-wrap; margin: .3rem 0 0; font-size: .85em; }
.fail td:first-child, .error td:first-child { color: var(--bad); font-weight: 600; }
.pass td:first-child { color: var(--good); }
.inconclusive td:first-child, .not-run td:first-child { color: var(--warn); }
.not-applicable { color: var(--soft); }
.total th, .total td { font-weight: 600; }
@media print { body { max-width: none; margin: 0; font-size: 9pt; } thead { display: table-header-group; } tr { break-inside: avoid; } }
`
