import { type PullStatus, pullStatuses } from '@cordon/core/objects'
import { profilesOf, suiteHex, suiteName } from '@cordon/core/security'
import type { CertificateDetails, DeviceDetails } from './device-details.ts'
import { cipSecurityWord } from './discovery.ts'
import { type Output, pairs, table } from './output.ts'

type Field = readonly [name: string, value: string | undefined]

/** What a device says about itself, for people: a section each for identity, security, certificates, rules and ports. */
export function detailsText(output: Output, details: DeviceDetails): string {
  const sections: [string, string | undefined][] = [
    ['Identity', fields(output, identityFields(details))],
    ['CIP Security', fields(output, securityFields(output, details))],
    ['Cipher suites', suiteTable(output, details)],
    ['Certificates', certificateTable(output, details.certificates)],
    ['Revocation lists', listTable(output, details)],
    ['Rules', ruleTable(output, details)],
    ['Ports', portTable(output, details)],
    [
      'Not told',
      details.refusals.length === 0
        ? undefined
        : fields(
            output,
            details.refusals.map((text) => ['refused', text]),
          ),
    ],
  ]
  return sections
    .flatMap(([title, text]) => (text === undefined ? [] : [output.strong(title), text, '']))
    .join('\n')
    .trimEnd()
}

function fields(output: Output, given: readonly Field[]): string | undefined {
  const rows = given.filter((field): field is readonly [string, string] => field[1] !== undefined)
  return rows.length === 0 ? undefined : pairs(output, rows)
}

/** Identity status bits (attribute 5) that a person should know of. */
const statusWords: readonly (readonly [number, string])[] = [
  [0x0001, 'owned'],
  [0x0004, 'configured'],
  [0x0100, 'minor recoverable fault'],
  [0x0200, 'minor unrecoverable fault'],
  [0x0400, 'major recoverable fault'],
  [0x0800, 'major unrecoverable fault'],
]

function identityFields({ identity, network }: DeviceDetails): Field[] {
  const words = statusWords.filter(([bit]) => ((identity.status ?? 0) & bit) !== 0).map(([, word]) => word)
  return [
    ['product', identity.product],
    ['vendor', number(identity.vendorId)],
    ['device type', number(identity.deviceType)],
    ['product code', number(identity.productCode)],
    ['revision', identity.revision],
    ['serial', identity.serial],
    ['status', identity.status === undefined ? undefined : words.length === 0 ? 'no fault' : words.join(', ')],
    [
      'protection mode',
      identity.protectionMode === undefined
        ? undefined
        : identity.protectionMode === 0
          ? 'off'
          : 'on: it refuses to be configured',
    ],
    [
      'address',
      network === undefined ? undefined : `${network.address}, mask ${network.mask}, gateway ${network.gateway}`,
    ],
    ['host name', network?.hostName],
  ]
}

const stateWords: Readonly<Record<string, string>> = {
  factoryDefault: 'factory default',
  configurationInProgress: 'being configured',
  configured: 'configured',
  pullModelInProgress: 'enrolling by itself (pull model)',
  pullModelCompleted: 'configured by itself (pull model)',
  pullModelDisabled: 'factory default, pull model off',
}

function securityFields(output: Output, { cipSecurity, ethernetIpSecurity: security }: DeviceDetails): Field[] {
  if (cipSecurity === undefined && security === undefined) return [['state', cipSecurityWord(output, 'none')]]
  const psks = security?.preSharedKeys?.map(({ identity, usage }) => `"${identity}" (as ${usage})`)
  return [
    ['state', cipSecurity?.state === undefined ? undefined : cipSecurityWord(output, cipSecurity.state)],
    ['profiles it has', profiles(cipSecurity?.profiles)],
    ['profiles in force', profiles(cipSecurity?.profilesConfigured)],
    [
      'EtherNet/IP Security',
      security?.state === undefined ? undefined : (stateWords[security.state] ?? security.state),
    ],
    ['object revisions', `0x5D ${number(cipSecurity?.revision) ?? '-'}, 0x5E ${number(security?.revision) ?? '-'}`],
    ['asks clients for a certificate', yesNo(security?.verifyClient)],
    ['sends its chain', yesNo(security?.sendChain)],
    ['checks dates of certificates', yesNo(security?.checkExpiration)],
    ['checks names in certificates', yesNo(security?.checkName)],
    ['DTLS ends after silence of', security?.dtlsTimeout === undefined ? undefined : `${security.dtlsTimeout} s`],
    [
      'pre-shared keys',
      psks === undefined
        ? undefined
        : `${psks.length === 0 ? 'none' : psks.join(', ')}${security?.pskSlots === undefined ? '' : `; room for ${security.pskSlots}`}`,
    ],
    ['looks for an enrollment server', yesNo(security?.pullEnabled)],
    ['pull model', security?.pullStatus === undefined ? undefined : pullText(security.pullStatus)],
  ]
}

const pullWords: Readonly<Record<PullStatus, string>> = {
  idle: 'at rest',
  searching: 'looking for an enrollment server',
  serverFound: 'has found an enrollment server',
  fetchingAuthorities: 'fetching the certificates of the authority',
  enrollmentSent: 'has asked for a certificate',
  waitingForApproval: 'waiting for approval',
  noServer: 'no enrollment server answers',
  tlsFailure: 'TLS with the enrollment server failed',
  serverRefused: 'did not believe the enrollment server',
  httpError: 'the enrollment server answered with an error',
  requestRejected: 'its request was rejected',
  certificateInvalid: 'the certificate that came is not good, or does not fit',
  disabled: 'off',
}

/** 0x5E attribute 14 in words; a value that is not ours as its number. */
function pullText(status: number): string {
  const known = Object.entries(pullStatuses).find(([, value]) => value === status)
  const number = `0x${status.toString(16).toUpperCase().padStart(4, '0')}`
  // The names are keys of a constant of ours.
  return known === undefined ? `unknown (${number})` : `${pullWords[known[0] as PullStatus]} (${number})`
}

function suiteTable(output: Output, { ethernetIpSecurity: security }: DeviceDetails): string | undefined {
  if (security === undefined) return undefined
  const { availableSuites = [], allowedSuites = [], availableOriginatorSuites, allowedOriginatorSuites } = security
  const rows = [...new Set([...allowedSuites, ...availableSuites, ...(availableOriginatorSuites ?? [])])]
  const mark = (offered: readonly number[], allowed: readonly number[], suite: number): string =>
    allowed.includes(suite)
      ? output.state('good', 'allowed')
      : offered.includes(suite)
        ? output.state('neutral', 'not allowed')
        : '-'
  return table(output, rows, [
    { title: 'number', value: (suite) => `0x${suiteHex(suite)}` },
    { title: 'suite', value: (suite) => suiteName(suite).replace(/^TLS_/, ''), rank: 1 },
    { title: 'accepts', value: (suite) => mark(availableSuites, allowedSuites, suite) },
    ...(availableOriginatorSuites === undefined
      ? []
      : [
          {
            title: 'opens with',
            value: (suite: number) => mark(availableOriginatorSuites, allowedOriginatorSuites ?? [], suite),
          },
        ]),
  ])
}

function certificateTable(output: Output, certificates: readonly CertificateDetails[]): string | undefined {
  if (certificates.length === 0) return undefined
  return table(output, certificates, [
    { title: 'use', value: (row) => `${row.use}${row.name === undefined ? '' : ` "${row.name}"`}` },
    { title: 'subject', value: (row) => row.subject ?? output.state('warning', row.problem ?? 'none') },
    { title: 'issuer', value: (row) => row.issuer ?? '-', rank: 3 },
    { title: 'valid until', value: (row) => row.notAfter?.slice(0, 10) ?? '-', rank: 1 },
    { title: 'state', value: (row) => row.state ?? '-', rank: 4 },
    { title: 'SHA-256', value: (row) => row.fingerprint ?? '-' },
    { title: 'place', value: (row) => row.place ?? '-', rank: 2 },
  ])
}

function listTable(output: Output, { revocationLists }: DeviceDetails): string | undefined {
  if (revocationLists.length === 0) return undefined
  return table(output, revocationLists, [
    { title: 'issuer', value: (row) => row.issuer ?? output.state('warning', row.problem ?? 'none') },
    { title: 'revoked', value: (row) => number(row.revoked) ?? '-' },
    { title: 'of', value: (row) => row.thisUpdate ?? '-', rank: 1 },
    { title: 'place', value: (row) => row.place, rank: 2 },
  ])
}

function ruleTable(output: Output, { rules }: DeviceDetails): string | undefined {
  if (rules === undefined) return undefined
  const rows = [
    ...rules.ingress.map((rule, i) => ({ way: 'in', place: i + 1, rule })),
    ...rules.egress.map((rule, i) => ({ way: 'out', place: i + 1, rule })),
  ]
  return table(
    output,
    rows,
    [
      { title: 'way', value: (row) => row.way },
      { title: 'no.', value: (row) => String(row.place), rank: 1 },
      { title: 'rule', value: (row) => row.rule },
    ],
    'no rules: whoever has a credential gets in',
  )
}

function portTable(output: Output, { ports }: DeviceDetails): string | undefined {
  if (ports === undefined || ports.length === 0) return undefined
  return table(output, ports, [
    { title: 'port', value: (row) => row.port },
    { title: 'state', value: (row) => output.state('neutral', row.open ? 'open' : 'closed') },
    { title: 'name', value: (row) => row.name, rank: 1 },
    { title: 'can be closed', value: (row) => (row.settable ? 'yes' : 'no'), rank: 2 },
  ])
}

function profiles(bits: number | undefined): string | undefined {
  if (bits === undefined) return undefined
  const { profiles: known, unknown } = profilesOf(bits)
  const words = known.map((profile) => profile.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`))
  if (unknown !== 0) words.push(`unknown bits 0x${unknown.toString(16).padStart(4, '0')}`)
  return words.length === 0 ? 'none' : words.join(', ')
}

function yesNo(value: boolean | undefined): string | undefined {
  return value === undefined ? undefined : value ? 'yes' : 'no'
}

function number(value: number | undefined): string | undefined {
  return value === undefined ? undefined : String(value)
}
