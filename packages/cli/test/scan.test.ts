import type { ScanResult } from '@cordon/node/scan'
import { describe, expect, it } from 'vitest'
import { scanText } from '../src/scan-text.ts'
import { isComplete } from '../src/commands/scan.ts'
import { createOutput } from '../src/output.ts'

const output = createOutput({
  format: 'table',
  stdout: { write: () => true },
  stderr: { write: () => true },
  environment: {},
})

const tls: ScanResult = {
  address: '127.0.0.1',
  port: 2221,
  transport: 'tls',
  answered: true,
  versions: [{ version: 'TLSv1.2', verdict: 'offered', reason: 'ServerHello' }],
  suites: [
    {
      suite: 0xc006,
      name: 'TLS_ECDHE_ECDSA_WITH_NULL_SHA',
      encrypts: false,
      authentication: 'ecdsa',
      verdict: 'refused',
      reason: 'alert handshake_failure (40)',
    },
  ],
  offers: [],
  groups: [],
  clientCertificate: { asked: 'not-tested', required: 'not-tested', reason: '', authorities: [] },
  chains: [],
  features: {},
  weakSpots: [],
  probes: 2,
}

/** The same questions over DTLS, which nobody answered. */
const silent: ScanResult = {
  ...tls,
  transport: 'dtls',
  answered: false,
  versions: [{ version: 'DTLSv1.2', verdict: 'not-tested', reason: 'no answer within 3000 ms' }],
  suites: tls.suites.map((row) => ({ ...row, verdict: 'not-tested', reason: 'no answer within 3000 ms' })),
}

describe('a scan for people', () => {
  it('that was answered leaves nothing unknown', () => {
    expect(scanText(output, [tls])).not.toMatch(/Not tested/)
    expect(scanText(output, [tls])).toMatch(/0xC006 .*· refused$/m)
  })

  it('says of a silent DTLS what the silence may mean, and how to ask otherwise', () => {
    const text = scanText(output, [tls, silent])
    expect(text).toMatch(/Not tested over DTLS \(never counted as refused\)\nall of DTLS: no answer within 3000 ms\n/)
    expect(text).toMatch(/ask from another with --from, or leave it out with --transport tls$/)
    expect(text).not.toMatch(/Not tested over TLS/)
  })

  it('says nothing of silence where DTLS answered a part', () => {
    const text = scanText(output, [{ ...silent, answered: true }])
    expect(text).toMatch(/no answer within 3000 ms$/)
  })
})

describe('a scan', () => {
  it('is complete where every question was answered, also that for more suites', () => {
    const offer = { version: 'TLSv1.2', order: 'server', complete: true, suites: [] } as const
    expect(isComplete({ ...tls, offers: [offer] })).toBe(true)
    expect(isComplete({ ...tls, offers: [{ ...offer, complete: false }] })).toBe(false)
    expect(isComplete(silent)).toBe(false)
  })
})
