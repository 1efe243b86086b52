import type { Static } from 'typebox'
import { Type } from '../document/type.ts'
import { name, named, unsigned, words } from '../document/fields.ts'
import { attributeTypes, type AttributeLabel } from '../x509/name.ts'
import { notifySchema } from './notify-schema.ts'
import { longestPattern } from './pattern.ts'

/**
 * The enrollment file as JSON Schema: one declaration for the parser, for editors
 * (`docs/schema/enrollment.schema.json`) and for the type of what is read.
 * @module
 */

const strict = { additionalProperties: false } as const

/** A rule as it is written: exactly one of these keys. */
export interface FileRule {
  readonly anyOf?: readonly FileRule[]
  readonly allOf?: readonly FileRule[]
  readonly not?: FileRule
  readonly vendorCertificate?: { readonly vendors?: readonly string[] }
  readonly administrator?: { readonly approvals?: 1 | 2 }
  readonly serialList?: {
    readonly list: string
    readonly by?: 'serial' | 'mac'
    readonly needs?: 'proven' | 'observed' | 'claimed'
  }
  readonly password?: { readonly accounts?: readonly string[] }
  readonly provisioningCertificate?: { readonly authorities?: readonly string[] }
  readonly globalGrant?: { readonly from: string; readonly until: string }
}

const rule = (description: string) =>
  Type.Unsafe<FileRule>({ $ref: '#/$defs/rule', description, 'x-expected': 'a rule such as { administrator: {} }' })

const names = (description: string) =>
  Type.Optional(Type.Array(name('A name.'), { minItems: 1, maxItems: 256, description }))

const moment = (description: string) =>
  Type.String({
    pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$',
    description,
    'x-expected': 'a time in UTC such as 2026-12-24T18:00:00Z',
  })

const assurance = (description: string) => words(['proven', 'observed', 'claimed'], description)

const joined = (description: string) =>
  Type.Optional(Type.Array(rule('A rule.'), { minItems: 1, maxItems: 64, description }))

const ruleDefinition = Type.Object(
  {
    anyOf: joined('One of these is enough.'),
    allOf: joined('All of these are needed.'),
    not: Type.Optional(rule('The opposite; it needs a rule beside it that grants.')),
    vendorCertificate: Type.Optional(
      Type.Object(
        { vendors: names('Vendors that count; all of this file when absent.') },
        { ...strict, description: 'Shows a certificate of a trusted vendor.' },
      ),
    ),
    administrator: Type.Optional(
      Type.Object(
        {
          approvals: Type.Optional(
            Type.Unsafe<1 | 2>({
              type: 'integer',
              enum: [1, 2],
              description: 'How many different people must approve; 1 when absent.',
            }),
          ),
        },
        { ...strict, description: 'Waits for an administrator.' },
      ),
    ),
    serialList: Type.Optional(
      Type.Object(
        {
          list: name('Name of the inventory.'),
          by: Type.Optional(
            words(['serial', 'mac'], 'By vendor and serial number, or by MAC address; either when absent.'),
          ),
          needs: Type.Optional(assurance('How well the number must be known; proven when absent.')),
        },
        { ...strict, description: 'Stands in an inventory.' },
      ),
    ),
    password: Type.Optional(
      Type.Object(
        { accounts: names('Accounts that count; all of this file when absent.') },
        { ...strict, description: 'Gave user name and password.' },
      ),
    ),
    provisioningCertificate: Type.Optional(
      Type.Object(
        { authorities: names('Authorities that count; all of this file when absent.') },
        { ...strict, description: 'Authenticated with a provisioning certificate.' },
      ),
    ),
    globalGrant: Type.Optional(
      Type.Object(
        { from: moment('From when on.'), until: moment('Until when; at most a week later.') },
        { ...strict, description: 'Everybody, for a while: for laboratories.' },
      ),
    ),
  },
  {
    ...strict,
    description: 'A rule: exactly one of these.',
    'x-expected':
      'a rule: one of anyOf, allOf, not, vendorCertificate, administrator, serialList, password, provisioningCertificate, globalGrant',
  },
)

const pattern = (description: string) =>
  Type.String({
    minLength: 1,
    maxLength: longestPattern,
    description,
    'x-expected': `a pattern of 1 to ${longestPattern} characters`,
  })

// Object.keys widens the labels to string.
const attributeLabels = Object.keys(attributeTypes) as AttributeLabel[]

const attribute = (description: string) => Type.Unsafe<AttributeLabel>(words(attributeLabels, description))

const anchors = Type.Array(
  Type.String({
    pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$',
    description: 'A certificate by the name it is kept under.',
    'x-expected': 'the name of a certificate: letters, digits, dots, _ and -',
  }),
  { minItems: 1, maxItems: 64, description: 'CA certificates that end a chain.' },
)

const vendor = Type.Object(
  {
    anchors,
    vendorId: Type.Optional(unsigned(16, 'CIP Vendor ID; needed where the pattern does not capture it.')),
    attribute: Type.Optional(attribute('Subject attribute that holds the serial number; serialNumber when absent.')),
    extension: Type.Optional(
      Type.String({
        pattern: '^[0-2](?:\\.[0-9]{1,15}){1,20}$',
        description: 'Object identifier of the extension that holds the serial number, in place of an attribute.',
        'x-expected': 'an object identifier such as 1.3.6.1.4.1.99999.1',
      }),
    ),
    pattern: Type.Optional(
      pattern('How the text is split: groups `serial` and `vendor` in hex, `product`. VVVV-SSSSSSSS when absent.'),
    ),
    revocation: Type.Optional(
      words(['off', 'ifPresent', 'required'], 'Whether revocation lists are asked; ifPresent when absent.'),
    ),
    checkDates: Type.Optional(Type.Boolean({ description: 'Whether dates are judged; false when absent.' })),
  },
  { ...strict, description: 'A vendor whose certificates count.' },
)

const account = Type.Object(
  {
    most: Type.Integer({ minimum: 1, maximum: 10_000, description: 'Most certificates granted under it.' }),
    labels: Type.Optional(
      Type.Array(name('A label of this file.'), {
        minItems: 1,
        maxItems: 256,
        description: 'Labels where it counts; all when absent.',
      }),
    ),
    subject: Type.Optional(
      Type.Object(
        {
          attribute: attribute('An attribute of the subject.'),
          pattern: pattern('What each of its values must look like.'),
        },
        { ...strict, description: 'What the subject of a request must look like.' },
      ),
    ),
  },
  { ...strict, description: 'An account.' },
)

const replacementFields = {
  address: Type.Optional(Type.Boolean({ description: 'Same address; true when absent.' })),
  vendor: Type.Optional(Type.Boolean({ description: 'Same vendor; true when absent.' })),
  vendorNeeds: Type.Optional(assurance('How well the vendor must be known; proven when absent.')),
  deviceType: Type.Optional(Type.Boolean({ description: 'Same device type; true when absent.' })),
  productCode: Type.Optional(Type.Boolean({ description: 'Same product code; true when absent.' })),
  majorRevision: Type.Optional(words(['same-or-higher', 'same', 'any'], 'same-or-higher when absent.')),
}

const replacementRule = Type.Object(replacementFields, { ...strict, description: 'The rule of one zone.' })

/** The schema of the enrollment file; `docs/schema/enrollment.schema.json` is this value. */
export const enrollmentSchema = Type.Object(
  {
    version: Type.Literal(1, {
      description: 'Version of this format.',
      'x-expected': '1',
      'x-remedy': 'write `version: 1`',
    }),
    vendors: Type.Optional(named(vendor, 'Vendors by name.')),
    accounts: Type.Optional(named(account, 'Accounts by user name.')),
    provisioning: Type.Optional(
      named(
        Type.Object(
          { anchors, use: words(['once', 'many'], 'Whether a certificate counts for one key only.') },
          { ...strict, description: 'An authority of provisioning certificates.' },
        ),
        'Authorities of provisioning certificates by name.',
      ),
    ),
    labels: named(rule('The rule of this label.'), 'Rules by label; `default` is the path without one.'),
    unlisted: Type.Optional(
      named(
        name('The zone whose authority issues the certificate, or `operations`.'),
        'Labels under which requesters get a certificate that the plant file does not list, with the zone they get it from.',
      ),
    ),
    notify: Type.Optional(notifySchema),
    replacement: Type.Optional(
      Type.Object(
        { ...replacementFields, zones: Type.Optional(named(replacementRule, 'Zones with a rule of their own.')) },
        { ...strict, description: 'What a new unit must match to take over a role.' },
      ),
    ),
  },
  {
    ...strict,
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: 'urn:cordon:enrollment:1',
    title: 'Cordon enrollment file',
    'x-expected': 'a mapping with version and labels',
    $defs: { rule: ruleDefinition },
  },
)

/** An enrollment file as it is written, after it was checked against the schema. */
export type EnrollmentFile = Static<typeof enrollmentSchema>
