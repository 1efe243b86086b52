import type { Static } from 'typebox'
import { Type } from '../document/type.ts'
import { duration, name, named, unsigned, words } from '../document/fields.ts'
import { addressPattern, networkPattern } from './address.ts'

/**
 * The plant file as JSON Schema: one declaration for the parser, for editors (`docs/schema/plant.schema.json`) and for
 * the types of what is read. `x-expected` and `x-remedy` are what a person reads when a value is wrong.
 */

/** A cipher suite by number or by name. */
export const suite = Type.Union([Type.Integer({ minimum: 0, maximum: 0xffff }), Type.String({ maxLength: 64 })], {
  description: 'A cipher suite: its IANA number (0xC023) or name.',
  'x-expected': 'a cipher suite of CIP Security, as 0xC023 or by its IANA name',
  'x-remedy': 'use the number or the IANA name of one of the thirteen suites',
})

const suites = (description: string) => Type.Array(suite, { minItems: 1, maxItems: 13, description })

const address = Type.String({
  pattern: addressPattern,
  description: 'IPv4 address.',
  'x-expected': 'an IPv4 address such as 192.0.2.17, without leading zeros',
  'x-remedy': 'write four numbers from 0 to 255 with dots between them',
})

const protection = (description: string) => words(['none', 'integrity', 'confidentiality', 'deny'], description)

const ports = Type.Array(
  Type.String({
    pattern: '^(?:tcp|udp)/[1-9][0-9]{0,4}$',
    description: 'A port as protocol and number.',
    'x-expected': 'a port such as tcp/44818 or udp/2222',
    'x-remedy': 'write tcp or udp, a slash and the port number',
  }),
  { maxItems: 64, description: 'Plain ports that are closed as the last step of a deployment.' },
)

const nonSecure = words(['deny', 'allow'], 'Whether plain EtherNet/IP may exist.')

const strict = { additionalProperties: false } as const

const zone = Type.Object(
  {
    authentication: words(['certificate', 'psk', 'none'], 'How devices of this zone prove who they are.'),
    messaging: Type.Optional(protection('Explicit messages (TLS). `integrity` means an integrity-only suite.')),
    io: Type.Optional(protection('Class 0/1 connections (DTLS). `integrity` means an integrity-only suite.')),
    psk: Type.Optional(name('Name of the stored pre-shared key; never the key itself.')),
    nonSecure: Type.Optional(nonSecure),
    close: Type.Optional(ports),
    suites: Type.Optional(suites('Suites of this zone in order of preference.')),
    uniqueIdentity: Type.Optional(
      Type.Boolean({ description: 'Each device must be told apart; a shared key is refused.' }),
    ),
    checkExpiration: Type.Optional(
      Type.Boolean({ description: 'Devices check certificate dates; they need a clock.' }),
    ),
    checkName: Type.Optional(
      Type.Boolean({ description: "Devices check the peer's address against its certificate." }),
    ),
    dtlsTimeout: Type.Optional(duration('Silence after which a DTLS association ends, 1 s to 1 h.', '12s')),
  },
  { ...strict, description: 'Devices that trust each other, under one issuing authority or one pre-shared key.' },
)

const device = Type.Object(
  {
    address: Type.Optional(address),
    zone: name('The zone of this device.'),
    capability: Type.Optional(words(['cip-security', 'none'], '`none`: this device cannot speak CIP Security.')),
    role: Type.Optional(
      words(['both', 'originator', 'target'], 'A pure originator accepts nobody, a pure target opens nothing.'),
    ),
    messaging: Type.Optional(protection('Stricter than the zone.')),
    io: Type.Optional(protection('Stricter than the zone.')),
    close: Type.Optional(ports),
    expect: Type.Optional(
      Type.Object(
        {
          vendor: Type.Optional(unsigned(16, 'CIP vendor number.')),
          type: Type.Optional(unsigned(16, 'CIP device type.')),
          product: Type.Optional(unsigned(16, 'Product code.')),
          serial: Type.Optional(unsigned(32, 'Serial number.')),
        },
        { ...strict, description: 'What the unit at this address must be; another unit is not touched.' },
      ),
    ),
    dnsName: Type.Optional(
      Type.String({
        pattern:
          '^(?=.{1,253}$)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$',
        maxLength: 253,
        description: 'DNS name that the certificate carries besides the address.',
        'x-expected': 'a DNS name',
      }),
    ),
    fingerprint: Type.Optional(
      Type.String({
        pattern: '^[0-9A-Fa-f]{2}(?::?[0-9A-Fa-f]{2}){31}$',
        description: 'SHA-256 fingerprint of the default certificate, when it is known beforehand.',
        'x-expected': 'a SHA-256 fingerprint: 64 hex digits, with or without colons',
      }),
    ),
  },
  { ...strict, description: 'A device of the plant.' },
)

const end = name('A zone, a device or a range.')

const conduit = Type.Object(
  {
    between: Type.Unsafe<[string, string]>(
      Type.Array(end, { minItems: 2, maxItems: 2, description: 'The two ends.', 'x-expected': 'a list of two names' }),
    ),
    authentication: Type.Optional(
      words(['certificate', 'psk', 'trusted-ip'], '`trusted-ip`: plain traffic, limited by address.'),
    ),
    messaging: Type.Optional(protection('Explicit messages (TLS).')),
    io: Type.Optional(protection('Class 0/1 connections (DTLS).')),
    opens: Type.Optional(name('The one end that may open connections; both when absent.')),
    psk: Type.Optional(name('Name of the stored pre-shared key; never the key itself.')),
    suites: Type.Optional(suites('Suites of this conduit in order of preference.')),
  },
  { ...strict, description: 'Traffic that may cross between two ends.' },
)

const tagName = Type.String({
  pattern: '^[A-Za-z_][A-Za-z0-9_:.\\[\\],]{0,127}$',
  maxLength: 128,
  description: 'A tag by its symbolic name.',
  'x-expected': 'a tag name such as Read_L8_String',
})

const connection = Type.Object(
  {
    name: Type.Optional(name('Unique name of the connection.')),
    from: name('The device from whose address the connection is opened.'),
    originator: Type.Optional(name('The device behind `from`, in the same chassis, that originates.')),
    to: name('The device to whose address it is opened.'),
    target: Type.Optional(name('The device behind `to`, in the same chassis, that is the target.')),
    class: Type.Unsafe<0 | 1 | 3>({
      type: 'integer',
      enum: [0, 1, 3],
      description: 'Transport class.',
      'x-expected': '0, 1 or 3',
    }),
    rpi: duration('Requested packet interval.', '20ms'),
    targetRpi: Type.Optional(duration('Requested packet interval T->O, when it differs.', '20ms')),
    multiplier: Type.Optional(
      Type.Unsafe<4 | 8 | 16 | 32 | 64 | 128 | 256 | 512>({
        type: 'integer',
        enum: [4, 8, 16, 32, 64, 128, 256, 512],
        description: 'Watchdog multiplier; 4 for class 0/1 and 16 for class 3 when absent.',
      }),
    ),
    outputSize: Type.Integer({
      minimum: 0,
      maximum: 65_535,
      description: 'O->T connection size in bytes, as in Forward_Open.',
    }),
    inputSize: Type.Integer({
      minimum: 0,
      maximum: 65_535,
      description: 'T->O connection size in bytes, as in Forward_Open.',
    }),
    variable: Type.Optional(Type.Boolean({ description: 'Variable size; true for class 3 when absent.' })),
    priority: Type.Optional(words(['low', 'high', 'scheduled', 'urgent'], 'low for class 3, scheduled otherwise.')),
    multicast: Type.Optional(Type.Boolean({ description: 'T->O multicast; cannot be secured.' })),
    runIdle: Type.Optional(
      Type.Boolean({ description: 'O->T data begins with the run/idle header; true for assemblies.' }),
    ),
    serial: Type.Optional(unsigned(16, 'Connection serial number, when fixed.')),
    opens: Type.Optional(
      Type.Union(
        [
          Type.Unsafe<'messages' | 'identity'>({ type: 'string', enum: ['messages', 'identity'] }),
          Type.Object({ tag: tagName }, { ...strict, description: 'A produced tag.' }),
          Type.Object(
            {
              assembly: Type.Object(
                {
                  configuration: Type.Optional(unsigned(16, 'Configuration instance.')),
                  output: unsigned(16, 'O->T connection point.'),
                  input: unsigned(16, 'T->O connection point.'),
                },
                { ...strict, description: 'Instances of the Assembly object.' },
              ),
            },
            { ...strict, description: 'Connection points of the Assembly object.' },
          ),
        ],
        {
          description: 'What it opens: messages (class 3), the Identity object, a produced tag, or assembly instances.',
          'x-expected': 'messages, identity, { tag: … } or { assembly: { output: …, input: … } }',
        },
      ),
    ),
    reads: Type.Optional(
      Type.Object(
        { tag: tagName, every: duration('How often.', '7.5s') },
        { ...strict, description: 'What a class 3 connection reads.' },
      ),
    ),
    when: Type.Optional(words(['both', 'before', 'after'], 'Before and after a deployment, or only one of them.')),
  },
  { ...strict, description: 'A connection that a virtual plant runs, and that a real one must keep.' },
)

const testEnd = (description: string) =>
  Type.Union([name(description), Type.Array(name('A device, a range or a zone.'), { minItems: 1, maxItems: 1000 })], {
    description: `${description} A zone stands for all its devices and ranges; a list for each of its members.`,
    'x-expected': 'a device, a range, a zone, or a list of them',
  })

const test = Type.Object(
  {
    from: testEnd('Who would open a connection.'),
    to: testEnd('Who would accept it.'),
    messaging: Type.Optional(protection('What explicit messages must get.')),
    io: Type.Optional(protection('What class 0/1 connections must get.')),
    access: Type.Optional(words(['denied', 'plain', 'secure'], '`denied`: neither transport in any form.')),
    authentication: Type.Optional(words(['certificate', 'psk', 'trusted-ip'], 'How the ends must prove who they are.')),
  },
  { ...strict, description: 'A statement about the policy that must stay true.' },
)

const keyKinds = ['ecdsa-p256', 'ecdsa-p384', 'ecdsa-p521', 'rsa-2048', 'rsa-3072', 'rsa-4096'] as const

const subjectText = (description: string) =>
  Type.String({ minLength: 1, maxLength: 64, description, 'x-expected': 'text of 1 to 64 characters' })

const authority = Type.Object(
  {
    key: Type.Optional(
      Type.String({
        pattern: '^(?:ecdsa-p256|ecdsa-p384|ecdsa-p521|rsa-2048|rsa-3072|rsa-4096|pkcs11:[!-~]{1,180})$',
        description: "Kind of the authority's keys, or the RFC 7512 URI of a hardware key.",
        'x-expected': 'ecdsa-p256, ecdsa-p384, ecdsa-p521, rsa-2048, rsa-3072, rsa-4096 or pkcs11:…',
      }),
    ),
    kind: Type.Optional(words(keyKinds, 'Kind of a hardware key; ecdsa-p256 when absent.')),
    subject: Type.Optional(
      Type.Object(
        {
          organization: Type.Optional(subjectText('Organization (O).')),
          organizationalUnit: Type.Optional(subjectText('Organizational unit (OU).')),
          locality: Type.Optional(subjectText('Locality (L).')),
          state: Type.Optional(subjectText('State or province (ST).')),
          country: Type.Optional(
            Type.String({ pattern: '^[A-Z]{2}$', description: 'Country (C).', 'x-expected': 'two capital letters' }),
          ),
        },
        { ...strict, description: 'Names that every certificate of the plant carries.' },
      ),
    ),
    device: Type.Optional(
      Type.Object(
        {
          key: Type.Optional(words(keyKinds, 'Kind of the keys devices make; decides between ECDSA and RSA suites.')),
          validity: Type.Optional(duration('Lifetime of a device certificate, 1 h to 30 y.', '5y')),
          renewAt: Type.Optional(
            Type.Number({
              minimum: 0.1,
              maximum: 0.95,
              description: 'Share of the lifetime after which it is renewed.',
            }),
          ),
        },
        { ...strict, description: 'Certificates of devices.' },
      ),
    ),
  },
  { ...strict, description: "The plant's own certificate authority." },
)

/** The schema of the plant file; `docs/schema/plant.schema.json` is this value. */
export const plantSchema = Type.Object(
  {
    version: Type.Literal(1, {
      description: 'Version of this format.',
      'x-expected': '1',
      'x-remedy': 'write `version: 1`',
    }),
    plant: name('Name of the plant.'),
    authority: Type.Optional(authority),
    nonSecure: Type.Optional(nonSecure),
    suites: Type.Optional(
      suites('Suites of the whole plant in order of preference; one that is not listed is not used.'),
    ),
    manager: Type.Optional(name('The device from which Cordon works.')),
    zones: named(zone, 'Zones by name.'),
    chassis: Type.Optional(
      named(
        Type.Object(
          {
            slots: Type.Record(
              Type.String({ pattern: '^(?:[0-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5])$' }),
              name('A device.'),
              {
                additionalProperties: false,
                description: 'Devices by slot number.',
                'x-expected': 'a mapping (`slot: device`)',
                'x-keys': 'a slot number from 0 to 255',
                'x-keys-remedy': 'write the slot as a plain decimal number',
              },
            ),
            redundant: Type.Optional(Type.Boolean({ description: 'A redundant pair; it cannot hold secured I/O.' })),
          },
          { ...strict, description: 'Devices on one backplane.' },
        ),
        'Chassis by name.',
      ),
    ),
    devices: named(device, 'Devices by name.'),
    ranges: Type.Optional(
      named(
        Type.Object(
          {
            addresses: Type.String({
              pattern: networkPattern,
              description: 'IPv4 network in CIDR form.',
              'x-expected': 'an IPv4 network such as 192.0.2.64/28',
              'x-remedy': 'write an address, a slash and the prefix length',
            }),
            zone: name('The zone of these addresses.'),
          },
          { ...strict, description: 'Addresses of peers without CIP Security that are no devices of the plant.' },
        ),
        'Address ranges by name.',
      ),
    ),
    conduits: Type.Optional(Type.Array(conduit, { description: 'What may cross between zones and devices.' })),
    connections: Type.Optional(Type.Array(connection, { description: 'CIP connections.' })),
    tests: Type.Optional(Type.Array(test, { description: 'Statements that must stay true.' })),
  },
  {
    ...strict,
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: 'urn:cordon:plant:1',
    title: 'Cordon plant file',
    'x-expected': 'a mapping with version, plant, zones and devices',
  },
)

/** A plant file as it is written, after it was checked against the schema. */
export type PlantFile = Static<typeof plantSchema>
