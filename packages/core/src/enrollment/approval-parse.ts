import { Converter } from '../document/converter.ts'
import type { ParseProblem, SourceMap } from '../document/read.ts'
import { nearest, readDocument } from '../document/read.ts'
import { parseTime } from '../wire/calendar.ts'
import { attributeTypes } from '../x509/name.ts'
import { cordonVendorTemplate } from '../x509/vendor-facts.ts'
import {
  type AccountDefinition,
  type EnrollmentPolicy,
  grantsStrangers,
  longestGlobalGrantMs,
  type ProvisioningDefinition,
  type Rule,
  type VendorDefinition,
} from './approval-policy.ts'
import { type EnrollmentFile, enrollmentSchema, type FileRule } from './approval-schema.ts'
import { isEstLabel } from './est.ts'
import { readNotify } from './notify-settings.ts'
import { compilePattern } from './pattern.ts'
import { defaultReplacementRule, type ReplacementRule } from './replacement.ts'

/** Rules, or every problem that their file has. `positions` finds any part of the file again by its path. */
export type EnrollmentPolicyResult =
  | { readonly policy: EnrollmentPolicy; readonly problems: readonly []; readonly positions: SourceMap }
  | { readonly policy: undefined; readonly problems: readonly ParseProblem[]; readonly positions: SourceMap }

/** The key of the label that a path without a label has. */
const defaultLabel = 'default'

/**
 * Reads an enrollment file, YAML or JSON. It throws nothing: whatever the text is, the answer is rules or a list of
 * problems with line and column.
 *
 * @param file name for messages
 */
export function parseEnrollmentPolicy(text: string, file: string): EnrollmentPolicyResult {
  const { value, problems, positions } = readDocument(text, file, enrollmentSchema)
  if (value === undefined) return { policy: undefined, problems, positions }
  const converter = new Converter(file, positions)
  const policy = readPolicy(value as EnrollmentFile, converter) // checked against the schema just now
  return converter.problems.length === 0
    ? { policy, problems: [], positions }
    : { policy: undefined, problems: converter.problems, positions }
}

function readPolicy(file: EnrollmentFile, converter: Converter): EnrollmentPolicy {
  const definitions: Definitions = {
    vendors: byName(file.vendors ?? {}, (name, vendor) => readVendor(name, vendor, converter)),
    accounts: byName(file.accounts ?? {}, (name, account) => readAccount(name, account, file, converter)),
    provisioning: byName(file.provisioning ?? {}, (name, part): ProvisioningDefinition => ({ name, ...part })),
  }
  const labels = new Map<string | undefined, Rule>()
  for (const [label, rule] of Object.entries(file.labels)) {
    const path = `labels.${label}`
    if (!isEstLabel(label)) {
      converter.problem(path, 'this is an operation of EST', 'another name', 'rename the label')
    }
    const read = readRule(path, rule, definitions, converter)
    if (read === undefined) continue
    if (grantsStrangers(read)) {
      const expected = 'a rule that grants beside each `not`'
      converter.problem(
        path,
        'grants a certificate to whoever matches nothing',
        expected,
        'put the `not` into an allOf with a rule that grants',
      )
    }
    labels.set(label === defaultLabel ? undefined : label, read)
  }
  if (file.labels[defaultLabel] === undefined && Object.keys(file.labels).length === 0) {
    converter.problem('labels', 'there is no label', 'at least one, such as default', 'add `default:` and its rule')
  }
  return {
    ...definitions,
    labels,
    unlisted: readUnlisted(file, converter),
    replacement: readReplacement(file.replacement ?? {}),
    notify: readNotify(file.notify ?? {}, converter),
  }
}

function readUnlisted(
  { unlisted = {}, labels }: EnrollmentFile,
  converter: Converter,
): Map<string | undefined, string> {
  const zones = new Map<string | undefined, string>()
  for (const [label, zone] of Object.entries(unlisted)) {
    expectKnown(`unlisted.${label}`, 'label', label, Object.keys(labels), converter)
    zones.set(label === defaultLabel ? undefined : label, zone)
  }
  return zones
}

type Definitions = Pick<EnrollmentPolicy, 'vendors' | 'accounts' | 'provisioning'>
type File<Section extends keyof EnrollmentFile> = NonNullable<EnrollmentFile[Section]>

function byName<From, To>(
  section: Readonly<Record<string, From>>,
  read: (name: string, part: From) => To,
): Map<string, To> {
  return new Map(Object.entries(section).map(([name, part]) => [name, read(name, part)]))
}

function readVendor(name: string, file: File<'vendors'>[string], converter: Converter): VendorDefinition {
  const path = `vendors.${name}`
  const { anchors, vendorId, attribute, extension, revocation = 'ifPresent', checkDates = false } = file
  if (attribute !== undefined && extension !== undefined) {
    converter.problem(`${path}.extension`, 'stands beside an attribute', 'attribute or extension', 'remove one of them')
  }
  const pattern =
    file.pattern === undefined ? cordonVendorTemplate.pattern : readPattern(`${path}.pattern`, file.pattern, converter)
  const { source } = pattern
  if (!source.includes('(?<serial>')) {
    converter.problem(
      `${path}.pattern`,
      'captures no serial number',
      'a group (?<serial>…)',
      'name the group that holds it',
    )
  }
  if (vendorId === undefined && !source.includes('(?<vendor>')) {
    converter.problem(
      path,
      'neither pattern nor file say which vendor this is',
      'vendorId, or a group (?<vendor>…)',
      'add `vendorId:`',
    )
  }
  const shared = { name, pattern, vendorId }
  const template =
    extension === undefined
      ? { ...shared, attribute: attribute ?? ('serialNumber' as const) }
      : { ...shared, extension }
  return { name, anchors, template, revocation, checkDates }
}

/** A pattern that matches nothing stands in for one that is refused. */
function readPattern(path: string, text: string, converter: Converter): RegExp {
  const compiled = compilePattern(text)
  if (compiled.pattern !== undefined) return compiled.pattern
  const message = `character ${compiled.at + 1}: ${compiled.problem}`
  converter.problem(path, message, 'a bounded regular expression', 'write a simpler one')
  return /(?!)(?<serial>)(?<vendor>)/
}

function readAccount(
  name: string,
  file: File<'accounts'>[string],
  { labels }: EnrollmentFile,
  converter: Converter,
): AccountDefinition {
  const path = `accounts.${name}`
  for (const [index, label] of (file.labels ?? []).entries()) {
    expectKnown(`${path}.labels[${index}]`, 'label', label, Object.keys(labels), converter)
  }
  return {
    name,
    most: file.most,
    labels: file.labels?.map((label) => (label === defaultLabel ? undefined : label)),
    subject:
      file.subject === undefined
        ? undefined
        : {
            type: attributeTypes[file.subject.attribute],
            pattern: readPattern(`${path}.subject.pattern`, file.subject.pattern, converter),
          },
  }
}

function expectKnown(path: string, what: string, name: string, known: readonly string[], converter: Converter): void {
  if (known.includes(name)) return
  const near = nearest(name, known)
  const expected = known.length === 0 ? `a ${what} of this file; it has none` : `one of ${known.slice(0, 8).join(', ')}`
  const remedy = near === undefined ? `define it, or name another ${what}` : `did you mean \`${near}\`?`
  converter.problem(path, `there is no ${what} ${name}`, expected, remedy)
}

function readRule(path: string, file: FileRule, definitions: Definitions, converter: Converter): Rule | undefined {
  const keys = Object.keys(file)
  if (keys.length !== 1) {
    const message = keys.length === 0 ? 'says nothing' : `says ${keys.join(' and ')} at once`
    converter.problem(path, message, 'one rule', 'join several by anyOf or allOf')
    return undefined
  }
  const inner = (place: string, rule: FileRule) => readRule(`${path}.${place}`, rule, definitions, converter)
  if (file.anyOf !== undefined || file.allOf !== undefined) {
    const kind = file.anyOf === undefined ? 'allOf' : 'anyOf'
    const of = (file[kind] ?? []).map((rule, index) => inner(`${kind}[${index}]`, rule))
    return of.includes(undefined) ? undefined : { kind, of: of.filter((rule) => rule !== undefined) }
  }
  if (file.not !== undefined) {
    const of = inner('not', file.not)
    return of && { kind: 'not', of }
  }
  return readPolicyRule(path, file, definitions, converter)
}

function readPolicyRule(
  path: string,
  file: FileRule,
  definitions: Definitions,
  converter: Converter,
): Rule | undefined {
  /** Names that a rule lists, each known; all that there are when it lists none. */
  const listed = (
    place: string,
    what: string,
    names: readonly string[] | undefined,
    known: ReadonlyMap<string, unknown>,
  ) => {
    const all = [...known.keys()]
    for (const [index, each] of (names ?? []).entries()) {
      expectKnown(`${path}.${place}[${index}]`, what, each, all, converter)
    }
    if (names === undefined && all.length === 0) {
      converter.problem(path, `this file defines no ${what}`, `at least one ${what}`, `define a ${what}`)
    }
    return names ?? all
  }
  if (file.vendorCertificate !== undefined) {
    const { vendors } = file.vendorCertificate
    return {
      kind: 'vendorCertificate',
      vendors: listed('vendorCertificate.vendors', 'vendor', vendors, definitions.vendors),
    }
  }
  if (file.administrator !== undefined) return { kind: 'administrator', approvals: file.administrator.approvals ?? 1 }
  if (file.serialList !== undefined) {
    const { list, by, needs = 'proven' } = file.serialList
    return { kind: 'serialList', list, by, needs }
  }
  if (file.password !== undefined) {
    const { accounts } = file.password
    return { kind: 'password', accounts: listed('password.accounts', 'account', accounts, definitions.accounts) }
  }
  if (file.provisioningCertificate !== undefined) {
    const { authorities } = file.provisioningCertificate
    const place = 'provisioningCertificate.authorities'
    return {
      kind: 'provisioningCertificate',
      authorities: listed(place, 'provisioning authority', authorities, definitions.provisioning),
    }
  }
  return file.globalGrant === undefined
    ? undefined
    : readGlobalGrant(`${path}.globalGrant`, file.globalGrant, converter)
}

function readGlobalGrant(
  path: string,
  file: NonNullable<FileRule['globalGrant']>,
  converter: Converter,
): Rule | undefined {
  const from = parseTime(file.from)
  const until = parseTime(file.until)
  for (const [key, value] of [
    ['from', from],
    ['until', until],
  ] as const) {
    if (value === undefined)
      converter.problem(`${path}.${key}`, 'this day or hour does not exist', 'a time of the calendar', 'correct it')
  }
  if (from === undefined || until === undefined) return undefined
  if (until <= from || until - from > longestGlobalGrantMs) {
    const message = until <= from ? 'ends before it begins' : 'lasts longer than a week'
    converter.problem(`${path}.until`, message, 'a time at most 7 days after from', 'choose another time')
  }
  return { kind: 'globalGrant', from, until }
}

function readReplacement(file: File<'replacement'>): Map<string | undefined, ReplacementRule> {
  const { zones = {}, ...own } = file
  const general: ReplacementRule = { ...defaultReplacementRule, ...own }
  const rules = Object.entries(zones).map(([zone, rule]): [string, ReplacementRule] => [zone, { ...general, ...rule }])
  return new Map<string | undefined, ReplacementRule>([[undefined, general], ...rules])
}
