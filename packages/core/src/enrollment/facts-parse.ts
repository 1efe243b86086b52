import type { Static } from 'typebox'
import { Type } from '../document/type.ts'
import { unsigned, words } from '../document/fields.ts'
import { type ParseProblem, readDocument } from '../document/read.ts'
import type { Assurance, EnrollmentFacts, VendorJudgement } from './facts.ts'
import { parseMac } from './facts.ts'

/**
 * Facts that a person writes down, to try rules with: any of them, in the form in which they are kept.
 * @module
 */

const strict = { additionalProperties: false } as const
const text = (description: string) =>
  Type.String({ maxLength: 1024, description, 'x-expected': 'a text of at most 1024 characters' })
const many = { maxItems: 64 } as const

const unit = Type.Object(
  { vendorId: unsigned(16, 'CIP Vendor ID.'), serialNumber: unsigned(32, 'CIP serial number.') },
  { ...strict, description: 'A unit.' },
)
const known = {
  assurance: Type.Unsafe<Assurance>(words(['proven', 'observed', 'claimed'], 'How well it is known.')),
  source: text('From where.'),
}

const factsSchema = Type.Object(
  {
    label: Type.Optional(text('The label; absent for the path without one.')),
    key: Type.Optional(text('SHA-256 of the key.')),
    address: Type.Optional(text('Where the request comes from.')),
    subject: Type.Optional(
      Type.Object(
        {
          text: text('The subject.'),
          attributes: Type.Array(
            Type.Object(
              { type: text('Object identifier.'), value: text('Value.') },
              { ...strict, description: 'An attribute.' },
            ),
            { ...many, description: 'Its attributes.' },
          ),
        },
        { ...strict, description: 'The subject that is wished for.' },
      ),
    ),
    units: Type.Optional(
      Type.Array(Type.Object({ value: unit, ...known }, { ...strict, description: 'A unit, and how well known.' }), {
        ...many,
        description: 'Which unit it is.',
      }),
    ),
    macs: Type.Optional(
      Type.Array(
        Type.Object({ value: text('A MAC address.'), ...known }, { ...strict, description: 'A MAC address.' }),
        { ...many, description: 'Its MAC addresses.' },
      ),
    ),
    vendor: Type.Optional(
      Type.Object(
        {
          verdict: words(['trusted', 'unknown', 'revoked', 'refused'], 'What its vendor certificate is worth.'),
          vendor: Type.Optional(text('The vendor, by its name in the rules.')),
          unit: Type.Optional(unit),
          product: Type.Optional(text('The product.')),
          reason: text('Why.'),
        },
        { ...strict, description: 'Its vendor certificate.' },
      ),
    ),
    administrators: Type.Optional(
      Type.Array(
        Type.Object(
          { by: text('Who.'), verdict: words(['approve', 'deny'], 'What they said.'), reason: text('Why.') },
          { ...strict, description: 'What an administrator said.' },
        ),
        { ...many, description: 'What administrators said.' },
      ),
    ),
    password: Type.Optional(
      Type.Object(
        {
          account: text('The account.'),
          verdict: words(['accepted', 'refused'], 'Whether the password was right.'),
          granted: unsigned(32, 'Certificates granted under the account before.'),
        },
        { ...strict, description: 'User name and password.' },
      ),
    ),
    provisioning: Type.Optional(
      Type.Object(
        {
          authority: text('The authority, by its name in the rules.'),
          fingerprint: text('SHA-256 of the certificate.'),
          revoked: Type.Boolean({ description: 'Whether it is revoked.' }),
          consumedBy: Type.Optional(text('The key that it was used for.')),
        },
        { ...strict, description: 'Its provisioning certificate.' },
      ),
    ),
    sightings: Type.Optional(
      Type.Array(
        Type.Object(
          { address: text('Where.'), unit: Type.Optional(unit), mac: Type.Optional(text('MAC address.')) },
          { ...strict, description: 'Where the key was seen too.' },
        ),
        { ...many, description: 'Where the key was seen too.' },
      ),
    ),
  },
  { ...strict, description: 'Facts about a request.', 'x-expected': 'a mapping such as { "address": "192.0.2.1" }' },
)

/** Facts, or everything that is wrong with their file. */
export type FactsResult =
  | { readonly facts: EnrollmentFacts; readonly problems: readonly [] }
  | { readonly facts: undefined; readonly problems: readonly ParseProblem[] }

/**
 * Reads facts, JSON or YAML, to try rules with; what is not said is not known. It throws nothing.
 *
 * @param file name for messages
 */
export function parseEnrollmentFacts(text: string, file: string): FactsResult {
  const { value, problems } = readDocument(text, file, factsSchema)
  if (value === undefined) return { facts: undefined, problems }
  const { vendor, provisioning, sightings = [], macs = [], ...given } = value as Static<typeof factsSchema> // checked against the schema just now
  if (vendor?.verdict === 'trusted' && (vendor.vendor === undefined || vendor.unit === undefined)) {
    const expected = 'vendor and unit beside it'
    const problem = { message: 'a trusted certificate names vendor and unit', expected, remedy: 'add them' }
    return { facts: undefined, problems: [{ file, line: 1, column: 1, path: 'vendor', ...problem }] }
  }
  const facts: EnrollmentFacts = {
    ...nothingKnown,
    ...given,
    ...judged(vendor),
    ...(provisioning === undefined ? {} : { provisioning: { consumedBy: undefined, ...provisioning } }),
    macs: macs.map((fact) => ({ ...fact, value: parseMac(fact.value) ?? fact.value })),
    sightings: sightings.map((seen) => ({ unit: undefined, mac: undefined, ...seen })),
  }
  return { facts, problems: [] }
}

/** A request of which nothing is known. */
const nothingKnown: EnrollmentFacts = {
  label: undefined,
  key: '',
  subject: { text: '', attributes: [] },
  address: '',
  units: [],
  macs: [],
  administrators: [],
  sightings: [],
}

function judged(vendor: Static<typeof factsSchema>['vendor']): Pick<EnrollmentFacts, 'vendor'> {
  if (vendor === undefined) return {}
  const { verdict, unit: proven, vendor: name, product, reason } = vendor
  const judgement: VendorJudgement =
    verdict === 'trusted' && name !== undefined && proven !== undefined
      ? { verdict, vendor: name, unit: proven, product, reason }
      : { verdict: verdict === 'trusted' ? 'unknown' : verdict, vendor: name, reason }
  return { vendor: judgement }
}
