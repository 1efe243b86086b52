import {
  CaptureSecrets,
  CertificateReader,
  type ProtectedStep,
  type Side,
  type TlsReport,
  TlsStream,
} from '@cordon/core/capture'
import { nodeCrypto } from '@cordon/node/crypto'
import { nodeRecordCrypto } from '../../../../node/src/capture/record-crypto.ts'

const be = (value: number, width: number) =>
  Array.from({ length: width }, (_, i) => (value >>> (8 * (width - 1 - i))) & 0xff)

/** Bytes behind their own count of `width` bytes. */
export const counted = (width: number, ...parts: readonly ArrayLike<number>[]): number[] => {
  const content = parts.flatMap((part) => Array.from(part))
  return [...be(content.length, width), ...content]
}

/** A handshake message of TLS. */
export const message = (type: number, ...body: readonly ArrayLike<number>[]): number[] => [type, ...counted(3, ...body)]

/** A TLS 1.2 record. */
export const tlsRecord = (type: number, ...content: readonly ArrayLike<number>[]): Uint8Array =>
  Uint8Array.from([type, 3, 3, ...counted(2, ...content)])

/** A Certificate message in a record of its own. */
export const certificateRecord = (...chain: readonly Uint8Array[]): Uint8Array =>
  tlsRecord(22, message(11, counted(3, ...chain.map((der) => counted(3, der)))))

/** Reads records of one side. */
export function read(
  records: readonly Uint8Array[],
  anchors: { readonly vendorAnchors?: readonly Uint8Array[]; readonly plantAnchors?: readonly Uint8Array[] } = {},
  side: Side = 'server',
): { readonly steps: readonly ProtectedStep[]; readonly report: TlsReport } {
  const steps: ProtectedStep[] = []
  const stream = new TlsStream({
    secrets: new CaptureSecrets(nodeRecordCrypto),
    certificates: new CertificateReader({ crypto: nodeCrypto, vendorAnchors: [], plantAnchors: [], ...anchors }),
    listener: { step: (step) => steps.push(step), application: () => {} },
  })
  records.forEach((bytes, i) => {
    stream.data(side, bytes, { packet: i + 1, timeUs: i })
  })
  return { steps, report: stream.report() }
}
