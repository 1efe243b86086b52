import {
  acceptableBits,
  findSuite,
  spellStrength,
  type StrengthLink,
  type StrengthRole,
  suiteParts,
} from '@cordon/core/security'
import type { ShownCertificate } from './chain.ts'
import type { OfferedSuite, ScanResult } from './scan-result.ts'
import { type WeakSpot, type WeakSpotCode, weakSpot, weakSpotCodes } from './weak-spots.ts'

/** How many names an evidence lists; the rest is counted. */
const maximumNamed = 6

const order = { error: 0, warning: 1, information: 2 } as const

/** The weak spots in what a target offers, the gravest first. `date` in milliseconds since 1970. */
export function findWeakSpots(result: Omit<ScanResult, 'weakSpots'>, date: number): readonly WeakSpot[] {
  const found = new Map<WeakSpotCode, string>()
  const add = (code: WeakSpotCode, evidence: string | undefined) => {
    if (evidence !== undefined) found.set(code, evidence)
  }
  versions(result, add)
  suites(result, add)
  links(result, add)
  certificates(result, date, add)
  clients(result, add)
  features(result, add)
  return weakSpotCodes
    .flatMap((code) => {
      const evidence = found.get(code)
      return evidence === undefined ? [] : [weakSpot(code, result.address, evidence)]
    })
    .toSorted((a, b) => order[a.severity] - order[b.severity])
}

type Add = (code: WeakSpotCode, evidence: string | undefined) => void
type Facts = Omit<ScanResult, 'weakSpots'>

function versions({ versions: rows }: Facts, add: Add): void {
  const spoken = rows.filter(({ verdict }) => verdict === 'offered').map(({ version }) => version)
  const old = spoken.filter((version) => ['TLSv1', 'TLSv1.1', 'DTLSv1'].includes(version))
  add('old-version', listed(old))
  const missing = rows.filter(({ version }) => !['TLSv1', 'TLSv1.1', 'DTLSv1'].includes(version))
  const isRefused = missing.length > 0 && missing.every(({ verdict }) => verdict === 'refused')
  if (spoken.length > 0 && isRefused) add('no-current-version', listed(spoken))
}

function suites({ offers, features: { encryptThenMac } }: Facts, add: Add): void {
  const all = new Map<number, OfferedSuite>()
  for (const { suites: each } of offers) for (const suite of each) all.set(suite.suite, suite)
  const named = (test: (suite: OfferedSuite, parts: ReturnType<typeof suiteParts>) => boolean) =>
    listed([...all.values()].filter((suite) => test(suite, suiteParts(suite.suite))).map(({ name }) => short(name)))
  const bitsOf = (suite: OfferedSuite) => suite.strength.links.find(({ role }) => role === 'cipher')
  add(
    'integrity-only',
    named((_, { encrypts, cipher }) => !encrypts && cipher === 'NULL'),
  )
  add(
    'anonymous-suite',
    named((_, { authentication }) => authentication === 'none'),
  )
  add(
    'broken-cipher',
    named((suite, { cipher }) => cipher !== 'NULL' && isShort(bitsOf(suite))),
  )
  add(
    'small-block-cipher',
    named((_, { cipher }) => /^(?:3DES|DES|IDEA|RC2)/.test(cipher)),
  )
  add(
    'short-tag',
    named((_, { cipher }) => cipher.endsWith('CCM-8')),
  )
  add(
    'no-forward-secrecy',
    named((_, { forwardSecret, keyExchange }) => !forwardSecret && keyExchange !== 'unknown'),
  )
  add(
    'outside-cip-security',
    named(({ suite }) => findSuite(suite) === undefined),
  )
  if (encryptThenMac === false)
    add(
      'cbc-without-encrypt-then-mac',
      named((_, { cipher }) => cipher.endsWith('CBC')),
    )
}

const byRole: readonly (readonly [StrengthRole, WeakSpotCode])[] = [
  ['key-exchange', 'weak-key-exchange'],
  ['peer-key', 'weak-key'],
  ['issuer-key', 'weak-key'],
  ['certificate-signature', 'weak-certificate-signature'],
  ['handshake-signature', 'weak-handshake-signature'],
]

function links({ offers }: Facts, add: Add): void {
  const all = offers.flatMap(({ suites: each }) => each.flatMap(({ strength }) => strength.links))
  const named = (test: (link: StrengthLink) => boolean) =>
    listed([...new Set(all.filter(test).map((link) => `${link.name}: ${spellStrength(link)}`))])
  const codes = new Set(byRole.map(([, code]) => code))
  for (const code of codes) {
    const roles = byRole.filter(([, each]) => each === code).map(([role]) => role)
    // An anonymous suite has a message of its own.
    add(
      code,
      named((link) => roles.includes(link.role) && link.bits !== 0 && isShort(link)),
    )
  }
  // A pre-shared key cannot be seen by anybody outside, nor can a signature of version 1.3; to warn of that would be to
  // warn of every key, and of every target that speaks 1.3.
  add(
    'strength-unknown',
    named(({ bits, name }) => bits === undefined && !/^(?:pre-shared key|signature of version 1\.3)/.test(name)),
  )
  const best = offers.flatMap(({ suites: each }) => each.map(({ strength }) => strength))
  const isLimited = best.some(({ today, after2030 }) => today !== 'disallowed' && after2030 === 'disallowed')
  if (isLimited) {
    add(
      'disallowed-after-2030',
      named(
        ({ bits, disallowed }) =>
          disallowed !== true && bits !== undefined && bits >= acceptableBits.today && bits < acceptableBits.after2030,
      ),
    )
  }
}

function isShort(link: StrengthLink | undefined): boolean {
  return link?.bits !== undefined && link.bits < acceptableBits.today
}

function certificates({ chains, address }: Facts, date: number, add: Add): void {
  const all = chains.flatMap(({ certificates: each }) => each)
  const named = (test: (certificate: ShownCertificate) => boolean, what: (certificate: ShownCertificate) => string) =>
    listed([...new Set(all.filter(test).map((each) => `${each.subject}: ${what(each)}`))])
  add(
    'certificate-expired',
    named(
      ({ notAfter }) => Date.parse(notAfter) < date,
      ({ notAfter }) => `until ${notAfter}`,
    ),
  )
  add(
    'certificate-not-yet-valid',
    named(
      ({ notBefore }) => Date.parse(notBefore) > date,
      ({ notBefore }) => `from ${notBefore}`,
    ),
  )
  const trusted = (trust: string) =>
    listed(
      chains.filter((each) => each.trust === trust).map(({ certificates: [leaf] }) => leaf?.subject ?? 'unreadable'),
    )
  add('self-signed', trusted('self-signed'))
  const foreign = chains.filter(({ trust, reason }) => trust === 'unknown' && reason !== undefined)
  add(
    'plant-authority-unknown',
    listed(foreign.map(({ certificates: [leaf], reason }) => `${leaf?.issuer ?? 'unreadable'}: ${reason ?? ''}`)),
  )
  const nameless = chains.filter(
    ({ certificates: [leaf], trust }) =>
      leaf !== undefined && trust !== 'self-signed' && !leaf.names.includes(`IP Address:${address}`),
  )
  add(
    'name-missing',
    listed(
      nameless.map(({ certificates: [leaf] }) => `${leaf?.subject ?? ''}: ${listed(leaf?.names ?? []) ?? 'no names'}`),
    ),
  )
}

function clients({ clientCertificate: { asked, required, reason } }: Facts, add: Add): void {
  if (asked === false) add('client-certificate-not-asked', reason)
  else if (required === false) add('client-certificate-optional', reason)
}

function features({ features: each, offers }: Facts, add: Add): void {
  if (each.compression === true) add('compression', 'ServerHello names a compression')
  if (each.extendedMasterSecret === false) add('no-extended-master-secret', 'extension 23 was not answered')
  if (each.secureRenegotiation === false) add('no-secure-renegotiation', 'extension 0xFF01 was not answered')
  if (each.refusesFallback === false)
    add('fallback-not-refused', 'the lowest version was accepted with TLS_FALLBACK_SCSV')
  add('client-order', listed(offers.filter(({ order: whose }) => whose === 'client').map(({ version }) => version)))
}

function listed(names: readonly string[]): string | undefined {
  if (names.length === 0) return undefined
  const more = names.length - maximumNamed
  return `${names.slice(0, maximumNamed).join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}

function short(name: string): string {
  return name.replace(/^TLS_/, '')
}
