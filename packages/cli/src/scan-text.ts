import { keyName, spellStrength, strengthRoles, type StrengthReport, suiteHex } from '@cordon/core/security'
import type { OfferedSuite, ScanResult, ScanVerdict, ShownChain, SuiteRow, WeakSpot } from '@cordon/node/scan'
import { type Output, table } from './output.ts'

/** A scan of one or both transports for people: what is offered, what is weak in it, then why something was not tested. */
export function scanText(output: Output, results: readonly ScanResult[], details = false): string {
  const answered = results.filter((result) => result.answered)
  const [first] = answered
  // Nobody there: thirteen times "not tested" would say no more than the reason does.
  if (first === undefined) return results.flatMap((result) => untested(output, result)).join('\n')
  const versions = answered.flatMap((result) => result.versions)
  return [
    output.strong('Versions'),
    table(output, versions, [
      { title: 'version', value: (row) => row.version },
      { title: 'verdict', value: (row) => verdictText(output, row.verdict) },
      { title: 'reason', value: (row) => row.reason, rank: 1 },
    ]),
    '',
    output.strong('Cipher suites of CIP Security'),
    table(output, first.suites, [
      { title: 'number', value: (row) => `0x${suiteHex(row.suite)}` },
      { title: 'suite', value: (row) => row.name.replace(/^TLS_/, ''), rank: 1 },
      { title: 'gives', value: (row) => (row.encrypts ? 'confidentiality' : 'integrity only'), rank: 2 },
      { title: 'proof', value: (row) => proofs[row.authentication], rank: 3 },
      ...answered.map((result) => ({
        title: result.transport.toUpperCase(),
        value: (row: SuiteRow) => verdictText(output, verdictOf(result, row.suite)),
      })),
    ]),
    ...answered.flatMap((result) => offersText(output, result, details)),
    ...chainsText(output, answered),
    ...answered.flatMap((result) => clientText(output, result)),
    ...answered.flatMap((result) => weakText(output, result)),
    ...results.flatMap((result) => untested(output, result)).flatMap((line, i) => (i === 0 ? ['', line] : [line])),
  ].join('\n')
}

const proofs = { rsa: 'RSA certificate', ecdsa: 'ECDSA certificate', psk: 'pre-shared key' } as const

const orders = {
  server: 'in the order of the target',
  client: 'the order of the client decides',
  unknown: 'order not known',
} as const

/** Through 2030 and from 2031 on in one word (SP 800-57 part 1 rev. 5, table 4). */
function allowedText(output: Output, { today, after2030 }: StrengthReport): string {
  if (today === 'disallowed') return output.state('bad', 'disallowed')
  if (after2030 === 'disallowed') return output.state('warning', 'through 2030')
  return today === 'unknown' ? output.state('warning', 'unknown') : output.state('good', 'acceptable')
}

/** Every suite that is accepted, version by version, each as strong as its weakest link. */
function offersText(output: Output, { offers }: ScanResult, details: boolean): readonly string[] {
  return offers.flatMap(({ version, order, complete, suites }) => [
    '',
    output.strong(
      `Accepted with ${version}, ${orders[order]}${complete ? '' : ' (a part: not every question got through)'}`,
    ),
    table(output, suites, [
      { title: 'number', value: (row) => `0x${suiteHex(row.suite)}` },
      { title: 'suite', value: (row) => row.name.replace(/^TLS_/, '') },
      { title: 'key exchange', value: (row) => row.group ?? '', rank: 2 },
      { title: 'strength', value: (row) => strengthText(row.strength) },
      { title: 'weakest link', value: (row) => weakestText(row.strength), rank: 1 },
      { title: 'after SP 800-57', value: ({ strength }) => allowedText(output, strength) },
    ]),
    ...(details ? suites.flatMap((suite) => linksText(output, suite)) : []),
  ])
}

function strengthText(report: StrengthReport): string {
  const { weakest, unknown, encrypts } = report
  if (weakest === undefined) return 'unknown'
  const most = unknown.length > 0 ? `at most ${spellStrength(weakest)}` : spellStrength(weakest)
  return encrypts ? most : `${most}, integrity only`
}

function weakestText({ weakest, unknown }: StrengthReport): string {
  if (weakest === undefined) return ''
  const [more] = unknown
  const known = `${strengthRoles[weakest.role]}: ${weakest.name}`
  return more === undefined ? known : `${known}; not known: ${more.name}`
}

function linksText(output: Output, { name, strength }: OfferedSuite): readonly string[] {
  return [
    '',
    name,
    table(output, strength.links, [
      { title: '  link', value: ({ role }) => `  ${strengthRoles[role]}` },
      { title: 'what', value: (link) => link.name },
      { title: 'strength', value: (link) => spellStrength(link) },
      { title: 'why', value: ({ reason }) => reason, rank: 1 },
    ]),
  ]
}

const trusts = {
  plant: 'leads to an authority of the plant',
  vendor: 'leads to an authority of a vendor',
  'self-signed': 'self-signed: proves nothing',
  unknown: 'leads to nobody known here',
} as const

/** Chains once, however many transports showed them. */
function chainsText(output: Output, results: readonly ScanResult[]): readonly string[] {
  const chains = new Map<string, ShownChain>()
  for (const { chains: each } of results) {
    for (const chain of each) chains.set(chain.certificates[0]?.fingerprint ?? '', chain)
  }
  return [...chains.values()].flatMap((chain) => [
    '',
    output.strong(`Chain: ${trusts[chain.trust]}`),
    table(
      output,
      chain.certificates,
      [
        { title: 'subject', value: ({ subject }) => subject },
        { title: 'issuer', value: ({ issuer }) => issuer, rank: 2 },
        { title: 'key', value: ({ key }) => keyName(key) },
        { title: 'signed over', value: ({ hash }) => hash ?? 'unknown', rank: 3 },
        { title: 'valid', value: ({ notBefore, notAfter }) => `${day(notBefore)} to ${day(notAfter)}` },
        { title: 'serial', value: ({ serial }) => serial, rank: 4 },
        { title: 'SHA-256', value: ({ fingerprint }) => fingerprint, rank: 5 },
      ],
      'a certificate that cannot be read',
    ),
    ...(chain.certificates[0] === undefined || chain.certificates[0].names.length === 0
      ? []
      : [`names: ${chain.certificates[0].names.join(', ')}`]),
  ])
}

function day(moment: string): string {
  return moment.slice(0, 10)
}

function clientText(output: Output, result: ScanResult): readonly string[] {
  const { clientCertificate, features, groups, transport } = result
  const { asked, required, authorities } = clientCertificate
  const words = (value: boolean | 'not-tested' | undefined) =>
    value === undefined || value === 'not-tested' ? 'not tested' : value ? 'yes' : 'no'
  return [
    '',
    output.strong(`Behaviour over ${transport.toUpperCase()}`),
    `client certificate: asked for: ${words(asked)}, insisted on: ${words(required)}`,
    ...(authorities.length === 0 ? [] : [`accepted authorities: ${authorities.join('; ')}`]),
    ...(groups.length === 0 ? [] : [`groups of key exchange: ${groups.join(', ')}`]),
    ...(Object.keys(features).length === 0
      ? []
      : [
          `sessions are resumed: ${words(features.resumes)}; extended master secret: ${words(features.extendedMasterSecret)}; ` +
            `encrypt-then-MAC: ${words(features.encryptThenMac)}; secure renegotiation: ${words(features.secureRenegotiation)}; ` +
            `compression: ${words(features.compression)}; fallback refused: ${words(features.refusesFallback)}`,
        ]),
  ]
}

const kinds = { error: 'bad', warning: 'warning', information: 'neutral' } as const

function weakText(output: Output, { weakSpots, transport }: ScanResult): readonly string[] {
  const spot = ({ code, severity, text, cause, evidence, next }: WeakSpot) => [
    output.paragraph(output.state(kinds[severity], `${text} [${code}]`), 4),
    output.paragraph(`    ${evidence}`, 4),
    output.paragraph(`    why: ${cause}`, 4),
    output.paragraph(`    do:  ${next}`, 4),
  ]
  return [
    '',
    output.strong(`Weak spots over ${transport.toUpperCase()}`),
    ...(weakSpots.length === 0 ? ['none found'] : weakSpots.flatMap(spot)),
  ]
}

function verdictOf(result: ScanResult, suite: number): ScanVerdict {
  return result.suites.find((row) => row.suite === suite)?.verdict ?? 'not-tested'
}

/** An open door is neither good nor bad before somebody says what was wanted: only what stayed unknown is marked. */
function verdictText(output: Output, verdict: ScanVerdict): string {
  if (verdict === 'not-tested') return output.state('warning', 'not tested')
  return verdict === 'offered' ? output.state('good', 'offered') : output.state('neutral', 'refused')
}

/** Why DTLS gave no sign, as far as that can be known from here, and how to ask so that nothing stays unknown. */
const silence =
  'DTLS is silent where it lets an address not in, and where nothing is: ask from another with --from, or leave it out with --transport tls'

/** What stayed unknown, reason by reason. */
function untested(output: Output, result: ScanResult): string[] {
  const byReason = new Map<string, string[]>()
  for (const row of result.versions) {
    if (row.verdict === 'not-tested') byReason.set(row.reason, [...(byReason.get(row.reason) ?? []), row.version])
  }
  for (const row of result.suites) {
    if (row.verdict !== 'not-tested') continue
    byReason.set(row.reason, [...(byReason.get(row.reason) ?? []), `0x${suiteHex(row.suite)}`])
  }
  if (byReason.size === 0) return []
  const lines = [...byReason].map(([reason, subjects]) => {
    const all = subjects.length === result.versions.length + result.suites.length
    return `${all ? `all of ${result.transport.toUpperCase()}` : subjects.join(', ')}: ${reason}`
  })
  const silent = result.transport === 'dtls' && !result.answered ? [silence] : []
  return [
    output.strong(`Not tested over ${result.transport.toUpperCase()} (never counted as refused)`),
    ...lines,
    ...silent,
  ]
}
