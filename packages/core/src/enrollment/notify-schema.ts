import { Type } from '../document/type.ts'
import { name, named, words } from '../document/fields.ts'

/**
 * The section `notify` of the enrollment file: who is told, and by what way.
 * @module
 */

const strict = { additionalProperties: false } as const

const port = Type.Integer({ minimum: 1, maximum: 65_535, description: 'Port.', 'x-expected': 'a port from 1 to 65535' })

const host = Type.String({
  pattern: '^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?|[0-9A-Fa-f:]{2,39})$',
  description: 'Name or address of the server, as its certificate has it.',
  'x-expected': 'a name such as mail.example.com, or an address',
})

const file = (description: string) =>
  Type.String({
    minLength: 1,
    maxLength: 1024,
    pattern: '^[^\\u0000-\\u001f]+$',
    description,
    'x-expected': 'the name of a file; a relative one lies beside the enrollment file',
  })

const ca = Type.Optional(
  file('PEM file with the CA certificates that the server must lead to; those of the system when absent.'),
)

const kinds = Type.Optional(
  Type.Array(
    Type.String({
      pattern: '^[a-z][a-z0-9-]{0,62}$',
      description: 'A kind such as enrollment-pending.',
      'x-expected': 'a kind such as enrollment-pending or enrollment-alarm',
    }),
    { minItems: 1, maxItems: 64, description: 'Kinds that are told; all when absent.' },
  ),
)

const address = Type.String({
  maxLength: 254,
  pattern: "^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,187}[A-Za-z0-9])?$",
  description: 'A mail address without a display name.',
  'x-expected': 'a mail address such as ops@example.com',
})

const webhook = Type.Object(
  {
    url: Type.String({
      maxLength: 2048,
      pattern: '^https?://[^\\s@]+$',
      description: 'Where it is posted: https, or http to this machine itself.',
      'x-expected': 'a URL such as https://soc.example.com/cordon, without user and password',
    }),
    secret: name('Name of the stored secret that signs it: `cordon secret add NAME`.'),
    ca,
    kinds,
  },
  { ...strict, description: 'An HTTPS address that JSON is posted to.' },
)

const mail = Type.Object(
  {
    host,
    port,
    security: words(
      ['tls', 'starttls', 'none'],
      'tls from the first byte, or STARTTLS, which must succeed; none on this machine itself alone.',
    ),
    user: Type.Optional(
      Type.String({ minLength: 1, maxLength: 256, pattern: '^[^\\u0000-\\u001f]+$', description: 'User name.' }),
    ),
    password: Type.Optional(name('Name of the stored secret with the password: `cordon secret add NAME`.')),
    from: address,
    to: Type.Array(address, { minItems: 1, maxItems: 64, description: 'Who gets it.' }),
    ca,
    kinds,
  },
  { ...strict, description: 'A mail server and who gets mail through it.' },
)

/** Facilities of RFC 5424, 6.2.1, that a syslog channel may use, by number. */
export const syslogFacilities = {
  user: 1,
  daemon: 3,
  auth: 4,
  authpriv: 10,
  local0: 16,
  local1: 17,
  local2: 18,
  local3: 19,
  local4: 20,
  local5: 21,
  local6: 22,
  local7: 23,
} as const

/** A facility by name. */
export type SyslogFacility = keyof typeof syslogFacilities

// Object.keys widens the names to string.
const facilities = Object.keys(syslogFacilities) as SyslogFacility[]

const syslog = Type.Object(
  {
    host,
    port,
    transport: words(['tls', 'tcp', 'udp'], 'RFC 5425, RFC 6587 with octet counting, or RFC 5426.'),
    facility: Type.Optional(Type.Unsafe<SyslogFacility>(words(facilities, 'Facility; authpriv when absent.'))),
    ca,
    certificate: Type.Optional(file('PEM file with the certificate that is shown to the server, and its chain.')),
    key: Type.Optional(name('Name of the stored secret with the key of the certificate, PEM.')),
    kinds,
  },
  { ...strict, description: 'A syslog server.' },
)

/** The section `notify`. */
export const notifySchema = Type.Object(
  {
    webhooks: Type.Optional(named(webhook, 'Webhooks by name.')),
    mail: Type.Optional(named(mail, 'Mail channels by name.')),
    syslog: Type.Optional(named(syslog, 'Syslog channels by name.')),
  },
  { ...strict, description: 'Who is told what happens.' },
)
