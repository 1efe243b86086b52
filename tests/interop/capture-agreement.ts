import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { analyzeCapture, type CaptureReport, type CaptureRow, type CipFields } from '@cordon/core/capture'
import { nodeRecordCrypto } from '@cordon/node/capture'
import { nodeCrypto } from '@cordon/node/crypto'
import { fields } from '../e2e/capture.ts'

/** A field that the dissector and Cordon read differently in one packet. */
export interface Difference {
  readonly field: string
  readonly packet: number
  readonly dissector: string
  readonly cordon: string
}

/** Where the two are known to differ, and why. A difference that none of these explains fails the tests. */
export const knownDifferences: readonly {
  readonly reason: string
  readonly matches: (difference: Difference) => boolean
}[] = [
  {
    reason: 'inside DTLS the dissector does not know the class of a connection: it shows no sequence count of class 1',
    matches: ({ field, dissector }) => field === 'sequence count' && dissector === '',
  },
  {
    reason: 'of a DTLS handshake message in fragments the dissector lists every fragment, Cordon the whole message once',
    matches: ({ field, dissector, cordon }) => field === 'handshake type' && isPartOf(cordon, dissector),
  },
]

/** Whether a list has all that another has, in order. */
function isPartOf(part: string, whole: string): boolean {
  const wanted = part === '' ? [] : part.split(',')
  for (const one of whole.split(',')) if (one === wanted[0]) wanted.shift()
  return wanted.length === 0
}

/** Differences that nothing explains. */
export function unexplained({ differences }: Agreement): readonly Difference[] {
  return differences.filter((difference) => !knownDifferences.some(({ matches }) => matches(difference)))
}

/** How far two readers of one capture agree. */
export interface Agreement {
  readonly report: CaptureReport
  /** Packets in which at least one field was compared. */
  readonly packets: number
  /** Fields compared, by name. */
  readonly compared: Readonly<Record<string, number>>
  readonly differences: readonly Difference[]
}

const handshakeTypes: Readonly<Record<string, number>> = {
  'Hello Request': 0,
  'Client Hello': 1,
  'Server Hello': 2,
  'Hello Verify Request': 3,
  'New Session Ticket': 4,
  Certificate: 11,
  'Server Key Exchange': 12,
  'Certificate Request': 13,
  'Server Hello Done': 14,
  'Certificate Verify': 15,
  'Client Key Exchange': 16,
  Finished: 20,
}

/** Columns that are asked of the dissector; the first of several names that has a value counts. */
const columns = [
  'frame.number',
  'frame.time_epoch',
  'ip.src',
  'ip.dst',
  'tcp.srcport',
  'tcp.dstport',
  'udp.srcport',
  'udp.dstport',
  'enip.command',
  'enip.session',
  'enip.status',
  'enip.cpf.sai.connid',
  'enip.cpf.sai.seq',
  'cip.seq',
  'cip.service',
  'cip.genstat',
  'cip.class',
  'cip.instance',
  'cip.attribute',
  'cip.cm.conn_serial_num',
  'cip.cm.vendor',
  'cip.cm.orig_serial_num',
  'cip.cm.ot_connid',
  'cip.cm.to_connid',
  'cip.cm.otrpi',
  'cip.cm.torpi',
  'cip.cm.otapi',
  'cip.cm.toapi',
  'cip.cm.fwo.consize',
  'cip.cm.timeout_multiplier',
  'cip.cm.fwo.transport',
  'tls.handshake.type',
  'dtls.handshake.type',
  'tls.handshake.ciphersuite',
  'dtls.handshake.ciphersuite',
] as const

type Column = (typeof columns)[number]

/** Reads a capture with both and compares packet by packet every field that both read. */
export async function compareWithDissector(file: string, keyLog?: string): Promise<Agreement> {
  const rows = new Map<number, CaptureRow[]>()
  const analysis = analyzeCapture({
    records: nodeRecordCrypto,
    certificates: { crypto: nodeCrypto, vendorAnchors: [], plantAnchors: [] },
    row: (row) => {
      const known = rows.get(row.packet)
      if (known === undefined) rows.set(row.packet, [row])
      else known.push(row)
    },
  })
  if (keyLog !== undefined) analysis.keyLog(await readFile(keyLog, 'utf8'))
  analysis.beginFile(file)
  for await (const chunk of createReadStream(file)) analysis.push(chunk as Buffer)
  analysis.endFile()
  const report = analysis.end()
  const suites = new Map<number, number[]>()
  for (const { steps } of report.conversations) {
    for (const { packet, detail } of steps) {
      if (detail.kind === 'server-hello') suites.set(packet, [...(suites.get(packet) ?? []), detail.suite.id])
    }
  }
  const compared: Record<string, number> = {}
  const differences: Difference[] = []
  let packets = 0
  const filter = 'enip || cip || cipio || tls.handshake || dtls.handshake'
  for (const values of await fields(file, keyLog ?? '/dev/null', filter, columns)) {
    const given = (column: Column): string => values[columns.indexOf(column)] ?? ''
    const packet = Number(given('frame.number'))
    const own = rows.get(packet) ?? []
    packets++
    const check = (field: string, dissector: readonly (number | string)[], cordon: readonly (number | string)[]): void => {
      compared[field] = (compared[field] ?? 0) + 1
      if (dissector.join() === cordon.join()) return
      differences.push({ field, packet, dissector: dissector.join(), cordon: cordon.join() })
    }
    comparePacket(given, own, check)
    const suite = [...numbers(given('tls.handshake.ciphersuite')), ...numbers(given('dtls.handshake.ciphersuite'))]
    const chosen = suites.get(packet)
    // A Client Hello has many; only what a server chose is one.
    if (chosen !== undefined && chosen.length === 1) check('suite', suite.slice(0, 1), chosen)
  }
  return { report, packets, compared, differences }
}

type Check = (field: string, dissector: readonly (number | string)[], cordon: readonly (number | string)[]) => void

function comparePacket(given: (column: Column) => string, own: readonly CaptureRow[], check: Check): void {
  const [first] = own
  if (first !== undefined) {
    check('time', [nearest(microseconds(given('frame.time_epoch')), first.timeUs)], [first.timeUs])
    check(
      'ends',
      [given('ip.src'), given('ip.dst'), given('tcp.srcport') || given('udp.srcport'), given('tcp.dstport') || given('udp.dstport')],
      [first.source.address, first.destination.address, first.source.port, first.destination.port],
    )
  }
  const list = <T>(value: (row: CaptureRow) => T | undefined): T[] =>
    own.flatMap((row) => {
      const one = value(row)
      return one === undefined ? [] : [one]
    })
  check('command', numbers(given('enip.command')), list(({ fields }) => fields.command))
  check('session', numbers(given('enip.session')), list(({ fields }) => fields.session))
  check('encapsulation status', numbers(given('enip.status')), list(({ fields }) => fields.encapsulationStatus))
  check('connection id of data', numbers(given('enip.cpf.sai.connid')), list((row) => io(row)?.connectionId))
  check('sequence of data', numbers(given('enip.cpf.sai.seq')), list((row) => io(row)?.sequence))
  const counts = list(({ fields }) => fields.sequenceCount)
  if (counts.length > 0) check('sequence count', numbers(given('cip.seq')), counts)
  const cip = own.flatMap(({ fields }) => fields.cip ?? [])
  check('service', numbers(given('cip.service')), cip.map(({ service, reply }) => (reply ? service | 0x80 : service)))
  check('general status', numbers(given('cip.genstat')), pick(cip, 'generalStatus'))
  compareRequest(given, own, check)
  check('connection serial number', numbers(given('cip.cm.conn_serial_num')), pick(cip, 'connectionSerialNumber'))
  check('originator vendor', numbers(given('cip.cm.vendor')), pick(cip, 'originatorVendorId'))
  check('originator serial number', numbers(given('cip.cm.orig_serial_num')), pick(cip, 'originatorSerialNumber'))
  check('O->T connection id', numbers(given('cip.cm.ot_connid')), pick(cip, 'otConnectionId'))
  check('T->O connection id', numbers(given('cip.cm.to_connid')), pick(cip, 'toConnectionId'))
  const requests = cip.filter(({ reply }) => !reply)
  const replies = cip.filter(({ reply }) => reply)
  check('O->T RPI', numbers(given('cip.cm.otrpi')), pick(requests, 'otRpiUs'))
  check('T->O RPI', numbers(given('cip.cm.torpi')), pick(requests, 'toRpiUs'))
  // With class 0/1 data the dissector repeats what the connection was granted.
  if (replies.some(({ otRpiUs }) => otRpiUs !== undefined)) {
    check('O->T API', numbers(given('cip.cm.otapi')), pick(replies, 'otRpiUs'))
    check('T->O API', numbers(given('cip.cm.toapi')), pick(replies, 'toRpiUs'))
  }
  const sizes = requests.flatMap(({ otSize, toSize }) => (otSize === undefined ? [] : [otSize, toSize ?? -1]))
  check('sizes', numbers(given('cip.cm.fwo.consize')), sizes)
  check('timeout multiplier', numbers(given('cip.cm.timeout_multiplier')), pick(requests, 'timeoutMultiplier'))
  check('transport class', numbers(given('cip.cm.fwo.transport')), pick(requests, 'transportClass'))
  const steps = own.flatMap(({ protocol, info }) => {
    const type = protocol === 'TLS' || protocol === 'DTLS' ? handshakeTypes[info] : undefined
    return type === undefined ? [] : [type]
  })
  check('handshake type', [...numbers(given('tls.handshake.type')), ...numbers(given('dtls.handshake.type'))], steps)
}

/** Class, instance and attribute: of requests that are alone in their packet, so that it is clear whose they are. */
function compareRequest(given: (column: Column) => string, own: readonly CaptureRow[], check: Check): void {
  const [row, ...others] = own.filter(({ fields }) => fields.cip !== undefined)
  const [request, ...embedded] = row?.fields.cip ?? []
  if (row === undefined || request === undefined || others.length > 0 || embedded.length > 0 || request.reply) return
  // Before those of a connected request the dissector lists the path by which its connection was opened, behind those of
  // a Forward_Open the path that it opens.
  const at = row.fields.connectionId === undefined ? 0 : -1
  for (const [field, column] of [
    ['class', 'cip.class'],
    ['instance', 'cip.instance'],
    ['attribute', 'cip.attribute'],
  ] as const) {
    const cordon = request[field]
    if (cordon !== undefined) check(field, numbers(given(column)).slice(at).slice(0, 1), [cordon])
  }
}

function io({ protocol, fields: own }: CaptureRow): CaptureRow['fields'] | undefined {
  return protocol === 'CIP I/O' ? own : undefined
}

function pick(cip: readonly CipFields[], field: keyof CipFields): number[] {
  return cip.flatMap((one) => {
    const value = one[field]
    return typeof value === 'number' ? [value] : []
  })
}

/** Decimal or hexadecimal numbers, with commas between them. */
function numbers(text: string): number[] {
  return text === '' ? [] : text.split(',').map(Number)
}

/** Seconds with nine digits behind the point as microseconds, to the quarter that such a number can hold. */
function microseconds(text: string): number {
  const [whole = '', fraction = ''] = text.split('.')
  return Number(whole) * 1_000_000 + Number(fraction.padEnd(9, '0').slice(0, 9)) / 1000
}

/** The second where both are the same but for the quarter of a microsecond to which times are kept. */
function nearest(a: number, b: number): number {
  return Math.abs(a - b) <= 0.25 ? b : a
}
