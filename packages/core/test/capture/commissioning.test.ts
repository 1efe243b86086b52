import { describe, expect, it } from 'vitest'
import { commissionings } from '../../src/capture/commissioning.ts'
import type { ConversationReport } from '../../src/capture/report.ts'
import type { CertificateOrigin } from '../../src/capture/tls/certificates.ts'
import type { TlsReport } from '../../src/capture/tls/report.ts'

const nothing = { records: 0, bytes: 0, read: 0 }
const side = { packets: 1, bytes: 1, snapped: 0, stream: undefined }

/** An encrypted session of the manager with a device. */
function session(id: number, origin: CertificateOrigin, mutual: boolean): ConversationReport {
  const certificate = { length: 1, fingerprint: '00', origin }
  const tls: Partial<TlsReport> = {
    protocol: 'TLS',
    established: true,
    clientCertificateRequested: mutual,
    clientCertificateGiven: mutual,
    certificates: { client: [], server: [certificate] },
    readable: { yes: false, reason: 'ECDHE: a key log can open it' },
    application: { client: nothing, server: nothing },
  }
  return {
    id,
    transport: 'tcp',
    client: { address: '192.0.2.9', port: 50_000 + id },
    server: { address: '192.0.2.1', port: 2221 },
    begun: true,
    ended: 'fin',
    firstPacket: id,
    firstUs: id * 1000,
    lastUs: id * 1000 + 500,
    figures: { client: side, server: side },
    content: 'tls',
    protection: 'Encrypted',
    // Only what is looked at here.
    tls: tls as TlsReport,
    steps: [],
    moreSteps: 0,
    cip: undefined,
    plain: undefined,
  }
}

describe('push commissioning that cannot be read', () => {
  it('is guessed from a session with the maker’s certificate and then one with certificates on both sides', () => {
    const found = commissionings([session(0, 'vendor', false), session(1, 'vendor', false), session(2, 'plant', true)])
    expect(found).toMatchObject([
      { how: 'guess', client: '192.0.2.9', conversations: [0, 2], firstUs: 0, lastUs: 2500 },
    ])
    expect(found[0]?.text).toMatch(/^looks like push commissioning/)
  })

  it('is not guessed from sessions with certificates on both sides alone', () => {
    expect(commissionings([session(0, 'plant', true), session(1, 'plant', true)])).toEqual([])
  })

  it('is not guessed where the second session never came', () => {
    expect(commissionings([session(0, 'vendor', false)])).toEqual([])
  })
})
