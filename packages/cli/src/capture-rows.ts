import type { CaptureRow } from '@cordon/core/capture'
import { UsageError } from '@cordon/core/errors'
import { parseNumber } from './device-target.ts'

/** Flags of `capture decode` that choose lines. */
export interface RowFlags {
  readonly address?: string
  readonly port?: string
  readonly connection?: string
  readonly protocol?: string
  readonly fromPacket: string
}

const protocols = ['ENIP', 'CIP', 'CIP CM', 'CIP I/O', 'TLS', 'DTLS']

/** Whether a line is wanted. @throws UsageError `bad-option` */
export function rowFilter(flags: RowFlags): (row: CaptureRow) => boolean {
  const { address } = flags
  const port = flags.port === undefined ? undefined : parseNumber(flags.port, '--port')
  const connection =
    flags.connection === undefined ? undefined : parseNumber(flags.connection, '--connection', 0xffff_ffff)
  const from = parseNumber(flags.fromPacket, '--from-packet', 2 ** 32)
  const protocol = flags.protocol?.toUpperCase()
  if (protocol !== undefined && !protocols.includes(protocol))
    throw new UsageError('bad-option', `--protocol expects one of ${protocols.join(', ')}, got "${flags.protocol}"`)
  return (row) =>
    row.packet >= from &&
    (address === undefined || row.source.address === address || row.destination.address === address) &&
    (port === undefined || row.source.port === port || row.destination.port === port) &&
    (protocol === undefined || row.protocol === protocol) &&
    (connection === undefined || mentions(row, connection))
}

/** The connection's own data, and the messages that open and close it. */
function mentions({ fields }: CaptureRow, connection: number): boolean {
  if (fields.connectionId === connection) return true
  return (
    fields.cip?.some(
      ({ otConnectionId, toConnectionId }) => otConnectionId === connection || toConnectionId === connection,
    ) === true
  )
}

/** A message on one line for people; times are seconds since `beganUs`. */
export function rowText(
  row: CaptureRow,
  beganUs: number,
  nameOf: (address: string) => string | undefined,
): string {
  const end = ({ address, port }: CaptureRow['source']): string => `${nameOf(address) ?? address}:${port}`
  const time = ((row.timeUs - beganUs) / 1e6).toFixed(6)
  const protocol = row.protected ? `${row.protocol} *` : row.protocol
  const ends = `${end(row.source)} -> ${end(row.destination)}`
  return `${String(row.packet).padStart(7)} ${time.padStart(12)}  ${ends.padEnd(44)}  ${protocol.padEnd(9)}  ${row.info}`
}
