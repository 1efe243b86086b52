import { type Diagnosis, type Finding, type Rung, type RungVerdict, rungTable } from '@cordon/node/doctor'
import type { Output } from './output.ts'

const words: Readonly<Record<RungVerdict, string>> = {
  holds: 'holds',
  broken: 'broken',
  'not-asked': 'could not be tried',
  'not-reached': 'not reached',
  'not-applicable': 'nothing to ask',
}

const kinds = {
  holds: 'good',
  broken: 'bad',
  'not-asked': 'warning',
  'not-reached': 'neutral',
  'not-applicable': 'neutral',
} as const

const severities = { error: 'bad', warning: 'warning', information: 'neutral' } as const

const verdicts = {
  holds: ['good', 'every rung holds'],
  broken: ['bad', 'a rung is broken'],
  partly: ['warning', 'nothing is broken, and not everything could be tried'],
} as const

/** A diagnosis for people: rung by rung what was seen, and under the broken one why, and what to do now. */
export function diagnosisText(output: Output, diagnosis: Diagnosis): string {
  const [kind, verdict] = verdicts[diagnosis.verdict]
  const name = diagnosis.device === undefined ? diagnosis.address : `${diagnosis.device} (${diagnosis.address})`
  const width = Math.max(...diagnosis.rungs.map(({ id }) => rungTable[id].title.length))
  return [
    output.strong(`The way to ${name}`),
    ...diagnosis.rungs.flatMap((rung) => rungLines(output, rung, width)),
    '',
    output.state(kind, `${name}: ${verdict}`),
  ].join('\n')
}

function rungLines(output: Output, { id, verdict, evidence, findings }: Rung, width: number): readonly string[] {
  const { title, asks } = rungTable[id]
  const line = `${title.padEnd(width)}  ${words[verdict]}${verdict === 'not-reached' ? '' : `: ${asks}?`}`
  return [
    output.state(kinds[verdict], line),
    ...evidence.map((text) => output.paragraph(`    ${text}`, 4)),
    ...findings.flatMap((each) => findingLines(output, each)),
  ]
}

function findingLines(output: Output, { code, severity, text, cause, evidence, next }: Finding): readonly string[] {
  return [
    output.paragraph(`    ${output.state(severities[severity], `${text} [${code}]`)}`, 6),
    output.paragraph(`      seen:  ${evidence}`, 13),
    output.paragraph(`      cause: ${cause}`, 13),
    output.paragraph(`      next:  ${next}`, 13),
  ]
}
