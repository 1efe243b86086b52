import { caseGroups } from './case.ts'
import { groupsInOrder } from './catalogue.ts'
import { describeFinding, hexText } from './judge.ts'
import { escapeMarkup } from './markup.ts'
import { type CaseResult, type ConformanceReport, summarize } from './run.ts'

/**
 * A run as JUnit XML, as CI systems read it: one suite per group; what was not run, does not apply or gave no answer is
 * skipped with its reason.
 */
export function junitText(report: ConformanceReport): string {
  const { results, target } = report
  const suites = groupsInOrder.flatMap((group) => {
    const cases = results.filter((each) => each.group === group)
    return cases.length === 0 ? [] : [suite(caseGroups[group], group, cases)]
  })
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="${escapeMarkup(`cordon conformance ${target}`)}" ${counts(results)}>`,
    ...suites,
    '</testsuites>',
    '',
  ].join('\n')

  function suite(title: string, group: string, cases: readonly CaseResult[]): string {
    return [
      `  <testsuite name="${escapeMarkup(group)}" ${counts(cases)}>`,
      '    <properties>',
      `      <property name="title" value="${escapeMarkup(title)}"/>`,
      `      <property name="target" value="${escapeMarkup(target)}"/>`,
      `      <property name="disclaimer" value="${escapeMarkup(report.disclaimer)}"/>`,
      '    </properties>',
      ...cases.map(testCase),
      '  </testsuite>',
    ].join('\n')
  }
}

function seconds(results: readonly CaseResult[]): string {
  return (results.reduce((sum, { tookMs }) => sum + tookMs, 0) / 1000).toFixed(3)
}

function counts(results: readonly CaseResult[]): string {
  const { verdicts } = summarize(results)
  const skipped = verdicts['not applicable'] + verdicts['not run'] + verdicts.inconclusive
  return `tests="${results.length}" failures="${verdicts.fail}" errors="${verdicts.error}" skipped="${skipped}" time="${seconds(results)}"`
}

function testCase(result: CaseResult): string {
  const { id, title, group, finding, source, basis } = result
  const head = `    <testcase name="${escapeMarkup(`${id}: ${title}`)}" classname="${escapeMarkup(`conformance.${group}`)}" time="${seconds([result])}"`
  const rests = `${source} (${basis})`
  switch (finding.verdict) {
    case 'pass':
      return `${head}/>`
    case 'fail': {
      const message = escapeMarkup(describeFinding(finding))
      const bytes = finding.bytes === undefined ? '' : `\nbytes: ${hexText(finding.bytes, 512)}`
      return `${head}>\n      <failure message="${message}" type="${basis}">${message}\n${escapeMarkup(rests + bytes)}</failure>\n    </testcase>`
    }
    case 'error':
      return `${head}>\n      <error message="${escapeMarkup(finding.reason)}" type="case">${escapeMarkup(rests)}</error>\n    </testcase>`
    case 'not applicable':
    case 'not run':
    case 'inconclusive':
      return `${head}>\n      <skipped message="${escapeMarkup(`${finding.verdict}: ${finding.reason}`)}"/>\n    </testcase>`
  }
}
