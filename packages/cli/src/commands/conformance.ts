import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import {
  type CaseResult,
  caseGroups,
  type ConformanceCase,
  type ConformanceReport,
  conformanceCases,
  describeFinding,
  disclaimer,
  groupsInOrder,
  htmlText,
  type IoDescription,
  junitText,
  runConformance,
  selectCases,
  sorted,
  summarize,
  unknownNames,
  usualPatience,
  type Verdict,
} from '@cordon/core/conformance'
import { TransportError, UsageError } from '@cordon/core/errors'
import { type ConformanceTarget, openConformancePort } from '@cordon/node/conformance'
import type { CommandContext } from '../context.ts'
import { parseNumber, parseTarget } from '../device-target.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { directoryOf, mayWrite } from '../new-files.ts'
import { type Output, table } from '../output.ts'
import { bar, withProgress } from '../progress.ts'

/** What `cordon conformance` takes. */
export interface ConformanceFlags {
  readonly plant?: string
  readonly plain?: boolean
  readonly pin?: string
  readonly only?: readonly string[]
  readonly basis?: readonly string[]
  readonly list?: boolean
  readonly allowWrites?: boolean
  readonly allowReset?: boolean
  readonly io?: string
  readonly longest: string
  readonly timeout: string
  readonly html?: string
  readonly junit?: string
  readonly force?: boolean
  readonly from?: string
}

/** `cordon conformance TARGET` */
export async function run(
  context: CommandContext,
  flags: ConformanceFlags,
  target: string | undefined,
): Promise<ExitCode> {
  const { output, signal } = context
  const cases = chosen(flags)
  if (flags.list === true) {
    output.document(cases.map(listed), () => listText(output, cases))
    return exitCodes.ok
  }
  if (target === undefined) throw new UsageError('missing', 'name the target, e.g. 127.17.81.51, or say --list')
  const files = [flags.html, flags.junit].filter((path) => path !== undefined)
  await mayWrite(files, flags.force)
  for (const path of files) await directoryOf(path)
  const port = await openConformancePort({ ...(await reach(context, flags, target)), signal })
  const answerMs = Math.max(200, parseNumber(flags.timeout, '--timeout', 60) * 1000)
  const longestMs = parseNumber(flags.longest, '--longest', 3600) * 1000
  const io = flags.io === undefined ? undefined : parseIo(flags.io)
  let report: ConformanceReport | undefined
  try {
    await withProgress(output, [
      {
        title: `Ask ${port.target} ${cases.length} cases`,
        run: async (show) => {
          report = await runConformance(port, cases, {
            allowWrites: flags.allowWrites === true,
            allowReset: flags.allowReset === true,
            patience: { ...usualPatience, answerMs },
            longestMs,
            ...(io === undefined ? {} : { io }),
            progress: (done, total, id) => show(`${bar(done, total)}  ${id}`),
            cancelled: () => signal.aborted,
          })
        },
      },
    ])
  } finally {
    port.close()
  }
  if (report === undefined) return exitCodes.error
  const { tcp, udp, tls, dtls } = report.facts
  if (!tcp && !udp && !tls && !dtls) {
    throw new TransportError(
      'timeout',
      `${report.target} answers nowhere: not on 44818/tcp and udp, not on 2221/tcp and udp; is the address right, and may this machine reach it?`,
    )
  }
  const done = report
  if (flags.html !== undefined)
    await writeFile(flags.html, htmlText(done, { at: new Date().toISOString(), version: ownVersion() }))
  if (flags.junit !== undefined) await writeFile(flags.junit, junitText(done))
  output.document(asDocument(done), () => reportText(output, done))
  for (const path of files) output.note(`written: ${path}`)
  return exitCodeOf(done)
}

function ownVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  // Our own package.json.
  return (JSON.parse(text) as { version: string }).version
}

/** 0 where nothing failed, 1 where something did, 3 where only answers are missing. */
export function exitCodeOf(report: ConformanceReport): ExitCode {
  const { verdicts } = summarize(report.results)
  if (verdicts.fail > 0 || verdicts.error > 0) return exitCodes.error
  return verdicts.inconclusive > 0 || report.cancelled ? exitCodes.partly : exitCodes.ok
}

function chosen({ only = [], basis = [] }: ConformanceFlags): readonly ConformanceCase[] {
  const unknown = unknownNames(only)
  if (unknown.length > 0) {
    const groups = groupsInOrder.join(', ')
    throw new UsageError('bad-option', `--only: no group or case "${unknown.join('", "')}"; groups are ${groups}`)
  }
  return selectCases(only).filter((each) => basis.length === 0 || basis.includes(each.basis))
}

/** Who we are to the target. Without a way to open it only what needs none is asked. */
async function reach(context: CommandContext, flags: ConformanceFlags, target: string): Promise<ConformanceTarget> {
  const { address, port } = parseTarget(target)
  if (port !== undefined) {
    throw new UsageError(
      'bad-option',
      `expected an address without a port, got "${target}": cases ask all ports of CIP`,
    )
  }
  const localAddress = flags.from ?? context.settings['localAddress']
  const own = localAddress === undefined ? {} : { localAddress }
  if (flags.pin !== undefined) {
    const pin = flags.pin.replaceAll(':', '').toLowerCase()
    if (!/^[0-9a-f]{64}$/.test(pin))
      throw new UsageError('bad-option', '--pin expects a SHA-256 fingerprint of 64 hex digits')
    return { address, ...own, pin }
  }
  if (flags.plant === undefined) return { address, ...own }
  // The store and the policy are most of what a command loads, and only the manager needs them.
  const { managerAccess } = await import('../manager.ts')
  const access = await managerAccess(context, flags.plant)
  // The plant's rules let the manager in from its own address.
  const managers = access.localAddress === undefined ? {} : { localAddress: access.localAddress }
  return { address, ...managers, ...own, credentials: access.credentials }
}

/** `101:8,100:40,102`. @throws UsageError `bad-option` */
export function parseIo(text: string): IoDescription {
  const [, output, outputSize, input, inputSize, configuration] =
    /^(\d+):(\d+),(\d+):(\d+)(?:,(\d+))?$/.exec(text) ?? []
  if (output === undefined || outputSize === undefined || input === undefined || inputSize === undefined) {
    throw new UsageError(
      'bad-option',
      `--io expects OUTPUT:SIZE,INPUT:SIZE[,CONFIGURATION], e.g. 101:8,100:40, got "${text}"`,
    )
  }
  // 505 bytes of data and six of header are what 9 bits of size hold.
  return {
    output: { point: parseNumber(output, '--io'), size: parseNumber(outputSize, '--io', 505) },
    input: { point: parseNumber(input, '--io'), size: parseNumber(inputSize, '--io', 505) },
    configuration: configuration === undefined ? undefined : parseNumber(configuration, '--io'),
  }
}

function listed({ id, group, title, source, basis, kind }: ConformanceCase) {
  return { id, group, title, source, basis, kind }
}

function listText(output: Output, cases: readonly ConformanceCase[]): string {
  return [
    table(output, cases, [
      { title: 'case', value: ({ id }) => id },
      { title: 'a target that passes …', value: ({ title }) => title },
      { title: 'rests on', value: ({ basis }) => basis },
      { title: 'does', value: ({ kind }) => kind, rank: 1 },
      { title: 'source', value: ({ source }) => source, rank: 2 },
    ]),
    '',
    `${cases.length} of ${conformanceCases.length} cases. ${disclaimer}`,
  ].join('\n')
}

function asDocument(report: ConformanceReport) {
  const { facts, ...rest } = report
  return {
    ...rest,
    facts: { ...facts, classes: [...facts.classes], items: facts.items.map(({ type }) => type) },
    summary: summarize(report.results),
    results: report.results.map(({ finding, ...each }) => ({ ...each, ...finding })),
  }
}

const states: Readonly<Record<Verdict, 'good' | 'warning' | 'bad' | 'neutral'>> = {
  pass: 'good',
  fail: 'bad',
  error: 'bad',
  inconclusive: 'warning',
  'not run': 'warning',
  'not applicable': 'neutral',
}

/** A run for people: failures first, then by group what is not known, then the numbers. */
export function reportText(output: Output, report: ConformanceReport): string {
  const { results, facts } = report
  const failed = results.filter(({ finding }) => finding.verdict === 'fail' || finding.verdict === 'error')
  const open = results.filter(({ finding }) => finding.verdict === 'inconclusive')
  return [
    output.paragraph(disclaimer, 0),
    '',
    `${report.target}: asked ${facts.session === undefined ? 'without a session' : `over ${facts.session === 'tls' ? 'TLS' : 'plain TCP'}`}${report.cancelled ? ', ended before the last case' : ''}`,
    '',
    ...(failed.length === 0 ? [] : [output.strong('Failed'), found(output, sorted(failed)), '']),
    ...(open.length === 0 ? [] : [output.strong('No answer'), found(output, open), '']),
    ...reasons(output, results),
    output.strong('By group'),
    table(
      output,
      groupsInOrder.flatMap((group) => {
        const own = results.filter((each) => each.group === group)
        return own.length === 0 ? [] : [{ group, counts: summarize(own).verdicts }]
      }),
      [
        { title: 'group', value: ({ group }) => `${group}: ${caseGroups[group]}` },
        ...verdictColumns<{ readonly counts: Readonly<Record<Verdict, number>> }>(({ counts }) => counts),
      ],
    ),
    '',
    output.strong('By what the cases rest on'),
    table(
      output,
      [...Object.entries(summarize(results).byBasis), ['all', summarize(results).verdicts] as const].map(
        ([basis, counts]) => ({ basis, counts }),
      ),
      [
        { title: 'rests on', value: ({ basis }) => basis },
        ...verdictColumns<{ readonly counts: Readonly<Record<Verdict, number>> }>(({ counts }) => counts),
      ],
    ),
  ].join('\n')
}

function verdictColumns<Row>(counts: (row: Row) => Readonly<Record<Verdict, number>>) {
  return (['pass', 'fail', 'inconclusive', 'not run', 'not applicable', 'error'] as const).map((verdict) => ({
    title: verdict,
    value: (row: Row): string => (counts(row)[verdict] === 0 ? '' : String(counts(row)[verdict])),
    rank: verdict === 'error' ? 1 : 0,
  }))
}

function found(output: Output, results: readonly CaseResult[]): string {
  return table(output, results, [
    { title: 'verdict', value: ({ finding }) => output.state(states[finding.verdict], finding.verdict) },
    { title: 'case', value: ({ id }) => id },
    { title: 'found', value: ({ finding }) => describeFinding(finding) },
    { title: 'rests on', value: ({ basis, source }) => `${basis}: ${source}`, rank: 1 },
  ])
}

/** What was not run, by its reason, because one reason usually holds for many. */
function reasons(output: Output, results: readonly CaseResult[]): string[] {
  const byReason = new Map<string, number>()
  for (const { finding } of results) {
    if (finding.verdict === 'not run') byReason.set(finding.reason, (byReason.get(finding.reason) ?? 0) + 1)
  }
  if (byReason.size === 0) return []
  return [
    output.strong('Not run'),
    table(
      output,
      [...byReason],
      [
        { title: 'cases', value: ([, count]) => String(count) },
        { title: 'why', value: ([reason]) => reason },
      ],
    ),
    '',
  ]
}
