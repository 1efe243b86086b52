import { type ObjectClient, upload } from '@cordon/core/client'
import { type DeviceReading, type DeviceSession, observedSettings, readDevice } from '@cordon/core/deployment'
import { MalformedMessage, NotTrusted, PeerError, TransportError, UsageError } from '@cordon/core/errors'
import { fileInstances } from '@cordon/core/objects'
import { suiteName } from '@cordon/core/security'
import type { DeviceEvidence } from '@cordon/core/verification'
import { decodePem, fingerprint } from '@cordon/core/x509'
import { nodeCrypto } from '../crypto.ts'
import { connect } from '../originator/connect.ts'
import type { Proof } from './credentials.ts'
import type { KnownCertificates } from './request.ts'

/** What a device said about itself, for the checks and for what is derived from it. */
export interface Reading {
  readonly evidence: DeviceEvidence
  readonly reading: DeviceReading
  /** The certificate of the factory with what comes with it, DER; empty where it cannot be read. */
  readonly defaultChain: readonly Uint8Array[]
}

/** How a device is opened for reading. */
export interface ReadRequest {
  readonly device: string
  readonly address: string
  readonly localAddress: string | undefined
  readonly proof: Proof
  readonly known: KnownCertificates
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
}

/**
 * Reads a device over a fresh session. Its certificate is not judged here: that is a check of its own.
 *
 * @throws TransportError `aborted`; everything else that goes wrong is the answer, as text
 */
export async function readBack(request: ReadRequest): Promise<Reading | string> {
  const { device, address, localAddress, proof, known, signal } = request
  try {
    const session = await connect({
      address,
      transport: 'tls',
      credentials: { ...proof, verify: { peer: 'none' } },
      connectTimeoutMs: request.timeoutMs,
      requestTimeoutMs: request.timeoutMs,
      ...(localAddress === undefined ? {} : { localAddress }),
      ...(signal === undefined ? {} : { signal }),
    })
    try {
      const { security } = session.peer
      const way: DeviceSession = {
        access: 'certificate',
        presented: security?.peerChain ?? [],
        suite: security?.suite,
        localAddress: session.peer.localEndpoint.address,
        request: (message, options) => session.request(message, options),
        close: () => session.close(),
      }
      const reading = await readDevice(way, { device, address, crypto: nodeCrypto })
      if (reading === undefined) return 'it has no CIP Security objects'
      const defaultChain = await readDefault(session.objects)
      const how = security === undefined ? 'in plain' : `${security.version}, ${suiteName(security.suite)}`
      return { reading, defaultChain, evidence: evidenceOf(reading, known, how) }
    } finally {
      await session.close()
    }
  } catch (error) {
    if (error instanceof TransportError && error.code === 'aborted') throw error
    const isExpected =
      error instanceof TransportError ||
      error instanceof PeerError ||
      error instanceof NotTrusted ||
      error instanceof MalformedMessage ||
      error instanceof UsageError
    if (!isExpected) throw error
    return error.message
  }
}

function evidenceOf(reading: DeviceReading, known: KnownCertificates, how: string): DeviceEvidence {
  const { unit } = reading
  return {
    cipSecurityState: reading.cipSecurityState,
    ethernetIpSecurityState: reading.security.state,
    unit: { vendor: unit.vendorId, type: unit.deviceType, product: unit.productCode, serial: unit.serialNumber },
    observed: observedSettings(reading, known, nodeCrypto),
    lists: reading.revocationLists.flatMap(({ contents }) => contents.map((der) => fingerprint(nodeCrypto, der))),
    session: how,
  }
}

/** The default certificate lies in a file of its own; a device that does not give it is not worse for it. */
async function readDefault(client: ObjectClient): Promise<readonly Uint8Array[]> {
  const files = [fileInstances.defaultDeviceCertificate, fileInstances.defaultCaCertificate]
  const found: Uint8Array[] = []
  for (const instance of files) {
    try {
      const bytes = await upload(client, instance, { maxSize: 64 * 1024 })
      const blocks =
        bytes[0] === 0x30 ? [bytes] : decodePem(new TextDecoder().decode(bytes)).map((block) => block.bytes)
      found.push(...blocks)
    } catch (error) {
      if (!(error instanceof PeerError || error instanceof MalformedMessage)) throw error
      // Without the certificate itself what comes with it is of no use.
      if (instance === fileInstances.defaultDeviceCertificate) return []
    }
  }
  return found
}
