import { MalformedMessage } from '../errors.ts'
import { type BridgeEnd, type TableDocument, type TableName, type Tables, tableNames } from './tables.ts'

/** A check of one JSON value; `path` is what an error names. */
type Check = (value: unknown, path: string) => void

const fail = (path: string, expected: string, value: unknown): never => {
  throw new MalformedMessage('bad-encoding', `${path}: expected ${expected}, got ${shown(value)}`)
}

const string: Check = (value, path) => {
  if (typeof value !== 'string' || value.length > longestText) fail(path, `a text of at most ${longestText}`, value)
}
const number: Check = (value, path) => {
  if (typeof value !== 'number' || !Number.isFinite(value)) fail(path, 'a number', value)
}
const boolean: Check = (value, path) => {
  if (typeof value !== 'boolean') fail(path, 'true or false', value)
}
const optional =
  (check: Check): Check =>
  (value, path) => {
    // JSON leaves out what is undefined.
    if (value !== undefined && value !== null) check(value, path)
  }
const word =
  (...words: readonly (string | number)[]): Check =>
  (value, path) => {
    if (!words.some((one) => one === value)) fail(path, words.join(', '), value)
  }
const record =
  (fields: Readonly<Record<string, Check>>): Check =>
  (value, path) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return fail(path, 'an object', value)
    // Any object: each field that matters is looked at.
    const given = value as Readonly<Record<string, unknown>>
    for (const [name, check] of Object.entries(fields)) check(given[name], `${path}.${name}`)
  }
const rows =
  (check: Check): Check =>
  (value, path) => {
    if (!Array.isArray(value) || value.length > mostRows) return fail(path, `at most ${mostRows} rows`, value)
    for (const [place, row] of value.entries()) check(row, `${path}[${place}]`)
  }

/** Bounds of what a device may tell. */
const longestText = 4096
const mostRows = 100_000

function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 40))
  return Array.isArray(value) ? `${value.length} rows` : typeof value
}

const octet = '(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])'
const dottedAddress = new RegExp(`^${octet}(?:\\.${octet}){3}$`)

const address: Check = (value, path) => {
  if (typeof value !== 'string' || !dottedAddress.test(value)) fail(path, 'an IPv4 address', value)
}
const slot: Check = (value, path) => {
  if (typeof value !== 'string' || !/^\d{1,3}$/.test(value)) fail(path, 'a slot', value)
}

const confidentiality = word('Encrypted', 'Authenticated', 'None')
const side = word('client', 'server')
const direction = record({ size: number, variable: boolean, rpiUs: number, multicast: boolean })
const anyEnd = record({ port: number, link: string, name: optional(string) })
/** CIP ports whose links are known; others may be called anything. */
const links: ReadonlyMap<unknown, Check> = new Map([
  [1, slot],
  [2, address],
])
const end: Check = (value, path) => {
  anyEnd(value, path)
  // Both fields were looked at.
  const { port, link } = value as BridgeEnd
  links.get(port)?.(link, `${path}.link`)
}
const suite = record({ suite: number, suiteName: string, meaning: string, confidentiality })

const secured = rows(
  record({
    remoteAddress: address,
    remotePort: number,
    remoteName: optional(string),
    localPort: number,
    side,
    suite: number,
    suiteName: string,
    meaning: string,
    confidentiality,
    since: string,
    resumed: boolean,
  }),
)

const checks: Readonly<Record<TableName, Check>> = {
  identity: record({
    name: string,
    address: string,
    productName: string,
    vendorId: number,
    deviceType: number,
    productCode: number,
    revision: string,
    serialNumber: number,
    slot: optional(number),
    cipSecurity: boolean,
  }),
  tcp: rows(
    record({
      state: word('LISTEN', 'SYN_SENT', 'ESTABLISHED', 'CLOSE_WAIT', 'TIME_WAIT', 'CLOSED'),
      localAddress: address,
      localPort: number,
      remoteAddress: address,
      remotePort: number,
      remoteName: optional(string),
      side: optional(side),
      secured: boolean,
      since: optional(string),
    }),
  ),
  tls: secured,
  dtls: secured,
  bridge: rows(
    record({
      class: word(0, 1, 3),
      state: string,
      uptimeS: number,
      originator: end,
      target: end,
      originatorToTarget: direction,
      targetToOriginator: direction,
      missed: number,
      serial: number,
      confidentiality,
      transport: word('tcp', 'udp', 'tls', 'dtls'),
      side: word('originator', 'target'),
    }),
  ),
  security: record({
    capable: boolean,
    cipSecurityState: string,
    ethernetIpSecurityState: string,
    verifiesPeers: boolean,
    checksExpiration: boolean,
    preSharedKeys: number,
    revocationLists: number,
    suites: rows(suite),
    originatorSuites: rows(suite),
    certificates: rows(
      record({
        use: word('own', 'authority', 'trusted'),
        subject: string,
        issuer: string,
        serial: string,
        notBefore: string,
        notAfter: optional(string),
        expired: boolean,
        fingerprint: string,
      }),
    ),
    ports: rows(record({ port: number, protocol: word('tcp', 'udp'), open: boolean, instead: optional(number) })),
    refusals: rows(
      record({
        at: string,
        peer: string,
        peerName: optional(string),
        port: number,
        reason: string,
        count: number,
      }),
    ),
  }),
}

const document = record({ device: string, address: string, at: string, total: number })

/**
 * Reads what a device answered to `/api/NAME`.
 * @throws MalformedMessage `bad-encoding` naming the field
 */
export function decodeTable<Name extends TableName>(name: Name, text: string): TableDocument<Name> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new MalformedMessage('bad-encoding', `/api/${name}: expected JSON`, { cause })
  }
  document(value, `/api/${name}`)
  // The four fields were looked at; the rest follows.
  const { table, data } = value as { readonly table?: unknown; readonly data?: unknown }
  if (table !== name) fail(`/api/${name}.table`, name, table)
  checks[name](data, `/api/${name}.data`)
  // Every field of the document was looked at.
  return value as TableDocument<Name> & { readonly data: Tables[Name] }
}

/** A table's name from a person's or a peer's text. */
export function tableName(text: string): TableName | undefined {
  return tableNames.find((name) => name === text)
}
