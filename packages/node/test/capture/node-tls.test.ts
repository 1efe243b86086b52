import { readabilityText } from '@cordon/core/capture'
import { describe, expect, test } from 'vitest'
import { ecdsaClient, ecdsaServer, flow, payloads, rsaServer, secretsWith, slices, watch } from './conversations.ts'
import { recordNodeTls } from './node-tls.ts'

const said = ['one', 'two '.repeat(3000), 'three']

describe("Node's own TLS", () => {
  test.each([
    ['TLSv1.2', 'AES128-SHA256', 'private key'],
    ['TLSv1.2', 'AES256-SHA', 'private key'],
    ['TLSv1.2', 'AES128-GCM-SHA256', 'private key'],
    ['TLSv1.2', 'AES256-GCM-SHA384', 'private key'],
    ['TLSv1.2', 'AES128-CCM', 'private key'],
    ['TLSv1.2', 'AES256-CCM8', 'private key'],
    ['TLSv1.2', 'ECDHE-RSA-AES256-SHA384', 'key log'],
    ['TLSv1.2', 'ECDHE-RSA-CHACHA20-POLY1305', 'key log'],
    ['TLSv1.2', 'DHE-RSA-AES128-GCM-SHA256', 'key log'],
    ['TLSv1.1', 'AES128-SHA', 'private key'],
    ['TLSv1.1', 'ECDHE-RSA-AES256-SHA', 'key log'],
    ['TLSv1', 'AES256-SHA', 'private key'],
    ['TLSv1', 'AES128-SHA', 'private key'],
  ] as const)('%s %s is opened by the %s', async (version, ciphers, by) => {
    const { wire, keyLog } = await recordNodeTls(
      { version, ciphers: `${ciphers}:@SECLEVEL=0`, server: rsaServer, more: { dhparam: 'auto' } },
      said,
    )
    const secrets = by === 'key log' ? secretsWith(keyLog) : secretsWith('', [rsaServer.key])
    const seen = watch('tls', wire, { secrets, slice: slices() })
    // Longer ones fill more than one record, and TLS 1.0 splits off the first byte against a known attack.
    expect(payloads(seen).join('')).toBe(said.join(''))
    expect(readabilityText(seen.report.readable)).toBe(`yes: ${by}`)
    expect([seen.report.version, seen.report.problems]).toEqual([version, []])
    expect(seen.report.alerts.map(({ name }) => name)).toContain('close_notify')
  })

  test.each(['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'])(
    'TLSv1.3 %s is opened by the key log, and its hidden handshake shown',
    async (ciphers) => {
      const settings = { version: 'TLSv1.3', ciphers, server: ecdsaServer, client: ecdsaClient } as const
      const { wire, keyLog } = await recordNodeTls(settings, said)
      const seen = watch('tls', wire, { keyLog, slice: slices() })
      expect(payloads(seen).join('')).toBe(said.join(''))
      expect(readabilityText(seen.report.readable)).toBe('yes: key log')
      expect(seen.report).toMatchObject({ version: 'TLSv1.3', suite: { name: ciphers }, established: true })
      expect(seen.report.certificates.client.map(({ subject }) => subject)).toEqual(['CN=Blue_L85E'])
      const steps = flow(seen.steps).filter((step) => !step.endsWith('Change Cipher Spec'))
      expect(steps.slice(0, 9)).toEqual([
        'client: Client Hello',
        'server: Server Hello',
        'server: Encrypted Extensions',
        'server: Certificate Request',
        'server: Certificate',
        'server: Certificate Verify',
        'server: Finished',
        'client: Certificate',
        'client: Certificate Verify',
      ])
      expect(seen.report.problems).toEqual([])
    },
  )

  test('TLSv1.3 without a key log is named, and says what could open it', async () => {
    const { wire } = await recordNodeTls(
      { version: 'TLSv1.3', ciphers: 'TLS_AES_128_GCM_SHA256', server: ecdsaServer },
      said,
    )
    const seen = watch('tls', wire)
    expect(flow(seen.steps).filter((step) => !step.endsWith('Change Cipher Spec'))).toEqual([
      'client: Client Hello',
      'server: Server Hello',
    ])
    expect(readabilityText(seen.report.readable)).toBe('no: TLS 1.3: a key log can open it')
    expect(seen.report.suite?.name).toBe('TLS_AES_128_GCM_SHA256')
  })

  test('TLSv1.3 that asks for another hello is followed', async () => {
    const { wire, keyLog } = await recordNodeTls(
      {
        version: 'TLSv1.3',
        ciphers: 'TLS_AES_128_GCM_SHA256',
        server: ecdsaServer,
        more: { ecdhCurve: 'P-256:P-384' },
        retry: true,
      },
      said,
    )
    const seen = watch('tls', wire, { keyLog })
    expect(flow(seen.steps).filter((step) => /Hello/.test(step))).toEqual([
      'client: Client Hello',
      'server: Hello Retry Request',
      'client: Client Hello',
      'server: Server Hello',
    ])
    expect(payloads(seen).join('')).toBe(said.join(''))
    expect(seen.report.handshakes).toBe(1)
  })
})
