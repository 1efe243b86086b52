import { suites } from '@cordon/tls'
import { describe, expect, test } from 'vitest'
import { contexts, flow, payloads, protocols, record, slices, text, watch } from './conversations.ts'

const offered = suites.filter(({ available }) => available)
const said = ['Register Session', 'Success', 'Forward Open', 'Success: Forward Open', 'x'.repeat(1200)]

const figure46 = [
  'client: Client Hello',
  'server: Server Hello',
  'server: Certificate',
  'server: Server Key Exchange',
  'server: Server Hello Done',
  'client: Client Key Exchange',
  'client: Change Cipher Spec',
  'client: Encrypted Handshake Message',
  'server: Change Cipher Spec',
  'server: Encrypted Handshake Message',
]

const figure48 = [
  'client: Client Hello',
  'server: Server Hello',
  'server: Certificate',
  'server: Server Key Exchange',
  'server: Certificate Request',
  'server: Server Hello Done',
  'client: Certificate',
  'client: Client Key Exchange',
  'client: Certificate Verify',
  'client: Change Cipher Spec',
  'client: Finished',
  'server: Change Cipher Spec',
  'server: Finished',
]

const figure410 = ['client: Client Hello', 'server: Hello Verify Request', ...figure48]

describe('a watched handshake', () => {
  test('of a first deployment has the steps and sides of figure 4-6', () => {
    const { server, client } = contexts('tls', 0xc02b, false, { resumption: false })
    const { wire } = record(server, client, said.map(text))
    const seen = watch('tls', wire)
    expect(flow(seen.steps)).toEqual(figure46)
    // The figure goes on with Application Data by turns.
    expect(seen.application.map(({ side }) => side)).toEqual(['client', 'server', 'client', 'server', 'client'])
    expect(payloads(seen)).toEqual(said.map(() => undefined))
  })

  test('of two controllers with a NULL suite has those of figure 4-8, and its contents are read', () => {
    const { server, client } = contexts('tls', 0xc006, true, { resumption: false })
    const { wire } = record(server, client, said.map(text))
    const seen = watch('tls', wire)
    expect(flow(seen.steps)).toEqual(figure48)
    expect(payloads(seen)).toEqual(said)
    expect(seen.report.readable).toEqual({ yes: true, by: 'NULL suite' })
  })

  test('over DTLS has those of figure 4-10, the cookie first', () => {
    const { server, client } = contexts('dtls', 0xc006, true, { resumption: false })
    const { wire } = record(server, client, said.map(text))
    const seen = watch('dtls', wire)
    expect(flow(seen.steps)).toEqual(figure410)
    expect(payloads(seen)).toEqual(said)
  })
})

describe.each(protocols)('%s with a key log', (protocol) => {
  test.each(offered.flatMap((suite) => [false, true].map((mutual) => ({ ...suite, mutual }))))(
    'is read under $name, client certificate: $mutual',
    ({ id, name, encrypts, authentication, mutual }) => {
      const { server, client } = contexts(protocol, id, mutual && authentication !== 'psk')
      const { wire, keyLog } = record(server, client, said.map(text))
      const seen = watch(protocol, wire, { keyLog, slice: slices() })
      expect(payloads(seen)).toEqual(said)
      const { report } = seen
      expect(report.suite).toEqual({ id, name })
      expect(report.readable).toEqual({ yes: true, by: encrypts ? 'key log' : 'NULL suite' })
      expect([report.wrongMacs, report.problems]).toEqual([0, []])
      expect(report.protection).toBe(encrypts ? 'Encrypted' : 'Authenticated')
      expect(flow(seen.steps).filter((step) => step.endsWith('Finished'))).toEqual([
        'client: Finished',
        'server: Finished',
      ])
      // Without the key log only NULL suites are read.
      const blind = watch(protocol, wire)
      expect(payloads(blind)).toEqual(encrypts ? said.map(() => undefined) : said)
    },
  )
})
