import { CaptureSecrets, readabilityText } from '@cordon/core/capture'
import { describe, expect, test } from 'vitest'
import { issue } from '../../../tls/test/pki.ts'
import { nodeRecordCrypto } from '../../src/capture/record-crypto.ts'
import {
  contexts,
  ecdsaClient,
  ecdsaServer,
  flow,
  payloads,
  protocols,
  record,
  rsaServer,
  secretsWith,
  slices,
  text,
  watch,
} from './conversations.ts'

const said = ['one', 'two', 'three']
const unread = said.map(() => undefined)
const why = (seen: ReturnType<typeof watch>) => readabilityText(seen.report.readable)

describe.each(protocols)("%s and the server's private key", (protocol) => {
  test.each([0x003c, 0x003d, 0x003b])('opens RSA key exchange: suite %i', (suite) => {
    const { server, client } = contexts(protocol, suite, true)
    const { wire, client: end } = record(server, client, said.map(text))
    const seen = watch(protocol, wire, { secrets: secretsWith('', [rsaServer.key]), slice: slices() })
    expect(payloads(seen)).toEqual(said)
    expect(why(seen)).toBe(suite === 0x003b ? 'yes: NULL suite' : 'yes: private key')
    expect([seen.report.wrongMacs, seen.report.problems]).toEqual([0, []])
    // Both ends really agreed on what the reader has to follow.
    expect(end.info).toMatchObject({ extendedMasterSecret: true, encryptThenMac: suite !== 0x003b })
    expect(seen.report).toMatchObject({ extendedMasterSecret: true, encryptThenMac: suite !== 0x003b })
  })

  test('opens the resumption of a session that it opened, and not that of another', () => {
    const { server, client } = contexts(protocol, 0x003c, true)
    const first = record(server, client, said.map(text))
    const resume = first.client.ticket()
    if (resume === undefined) throw new Error('no ticket')
    const second = record(server, client, said.map(text), { resume })
    expect(second.client.info?.resumed).toBe(true)
    const secrets = secretsWith('', [rsaServer.key])
    watch(protocol, first.wire, { secrets })
    const seen = watch(protocol, second.wire, { secrets })
    expect(payloads(seen)).toEqual(said)
    expect([seen.report.resumed, why(seen)]).toEqual([true, 'yes: private key'])
    const alone = watch(protocol, second.wire, { secrets: secretsWith('', [rsaServer.key]) })
    expect(payloads(alone)).toEqual(unread)
    expect(why(alone)).toBe('no: resumed, and the handshake it resumes was not opened: a key log can open it')
  })

  test('is no use where it is the wrong one, and says so', async () => {
    const other = await issue({ kind: 'RSA-2048' })
    const { server, client } = contexts(protocol, 0x003c, false)
    const { wire } = record(server, client, said.map(text))
    const seen = watch(protocol, wire, { secrets: secretsWith('', [other.key]) })
    expect(payloads(seen)).toEqual(unread)
    expect(why(seen)).toBe('no: none of the private keys given is the one of this server')
  })

  test('cannot open ECDHE, and says what can', () => {
    const { server, client } = contexts(protocol, 0xc02b, false)
    const { wire } = record(server, client, said.map(text))
    const seen = watch(protocol, wire, { secrets: secretsWith('', [rsaServer.key]) })
    expect(payloads(seen)).toEqual(unread)
    expect(why(seen)).toBe("no: ECDHE: the server's private key cannot open it, a key log can")
  })
})

describe.each(protocols)('%s that cannot be read says why', (protocol) => {
  const conversation = (suite = 0xc02b) => {
    const { server, client } = contexts(protocol, suite, true)
    return record(server, client, said.map(text))
  }

  test('the key log is of another time', () => {
    const seen = watch(protocol, conversation().wire, { keyLog: conversation().keyLog })
    expect(payloads(seen)).toEqual(unread)
    expect(why(seen)).toBe('no: no key for this client random in the key log')
  })

  test.each([0xc02b, 0xc023, 0xcca9])('the key log holds a wrong secret: suite %i', (suite) => {
    const { wire, keyLog } = conversation(suite)
    const [label, random, secret = ''] = keyLog.trim().split(' ')
    const wrong = `${label} ${random} ${secret.replace(/^./, (digit) => (digit === '0' ? '1' : '0'))}\n`
    const seen = watch(protocol, wire, { keyLog: wrong })
    expect(payloads(seen)).toEqual(unread)
    expect(why(seen)).toBe('no: the key log has a key, and the MAC does not fit')
  })

  test('the secret of a NULL suite is wrong: its contents are shown, with their wrong MACs counted', () => {
    const { wire, keyLog } = conversation(0xc006)
    const [label, random, secret = ''] = keyLog.trim().split(' ')
    const wrong = `${label} ${random} ${secret.replace(/^./, (digit) => (digit === '0' ? '1' : '0'))}\n`
    const seen = watch(protocol, wire, { keyLog: wrong })
    expect(payloads(seen)).toEqual(said)
    expect(seen.report.wrongMacs).toBeGreaterThan(said.length)
  })

  test('nothing was given', () => {
    expect(why(watch(protocol, conversation().wire))).toBe('no: ECDHE: a key log can open it')
    expect(why(watch(protocol, conversation(0x003c).wire))).toBe(
      "no: RSA: a key log or the server's private key can open it",
    )
  })

  test('the capture begins after the handshake', () => {
    const { wire, keyLog } = conversation()
    const seen = watch(protocol, wire.slice(-said.length), { keyLog })
    expect(seen.steps).toEqual([])
    expect(payloads(seen)).toEqual(unread)
    expect(why(seen)).toBe('no: the capture begins after the handshake')
    // What a NULL suite carries is recognised only where somebody knows what to look for.
    const plain = conversation(0xc006).wire.slice(-said.length)
    expect(payloads(watch(protocol, plain))).toEqual(unread)
    const isApplication = (bytes: Uint8Array) => said.includes(new TextDecoder().decode(bytes))
    const guessed = watch(protocol, plain, { isApplication })
    expect(payloads(guessed)).toEqual(said)
    expect([why(guessed), guessed.report.protection]).toEqual(['yes: NULL suite', 'Authenticated'])
    expect(guessed.report.problems).toEqual([
      'the capture begins after the handshake; what the records hold shows a NULL suite',
    ])
  })

  test('the suite is not known', () => {
    const { wire, keyLog } = conversation()
    const altered = wire.map(({ side, bytes }) => ({ side, bytes: bytes.slice() }))
    for (const { side, bytes } of altered) {
      // The first 0xC02B that the server says is the suite it chose.
      const at = side === 'server' ? bytes.findIndex((byte, i) => byte === 0xc0 && bytes[i + 1] === 0x2b) : -1
      if (at < 0) continue
      bytes.set([0xfe, 0xfe], at)
      break
    }
    const seen = watch(protocol, altered, { keyLog })
    expect(why(seen)).toBe('no: suite 0xFEFE is not known')
    expect(seen.report.suite).toEqual({ id: 0xfefe, name: '0xFEFE' })
  })
})

describe.each(protocols)('%s', (protocol) => {
  test('opens with a key log that comes later than the handshake', () => {
    const { server, client } = contexts(protocol, 0xc02c, true)
    const { wire, keyLog } = record(server, client, said.map(text))
    const secrets = new CaptureSecrets(nodeRecordCrypto)
    const before = wire.length - 2
    const seen = watch(protocol, wire, {
      secrets,
      lose: (index) => {
        if (index === before) secrets.keyLog.add(keyLog)
        return false
      },
    })
    expect(payloads(seen)).toEqual([undefined, 'two', 'three'])
    expect(why(seen)).toBe('no: 1 records: ECDHE: a key log can open it')
  })

  test('resumes without certificates, and says so', () => {
    const { server, client } = contexts(protocol, 0xc006, true)
    const first = record(server, client, said.map(text))
    const resume = first.client.ticket()
    if (resume === undefined) throw new Error('no ticket')
    const { wire } = record(server, client, said.map(text), { resume })
    const seen = watch(protocol, wire)
    expect(
      flow(seen.steps)
        .filter((step) => !/Verify Request|Ticket/.test(step))
        .slice(protocol === 'tls' ? 0 : 1),
    ).toEqual([
      'client: Client Hello',
      'server: Server Hello',
      'server: Change Cipher Spec',
      'server: Finished',
      'client: Change Cipher Spec',
      'client: Finished',
    ])
    expect(seen.report).toMatchObject({ resumed: true, established: true, handshakes: 1 })
    expect(payloads(seen)).toEqual(said)
  })

  test('shows the alert of a device that refuses the certificate, and what it means', () => {
    const { server, client } = contexts(protocol, 0xc02b, true, { anchors: [ecdsaServer.der] })
    const { wire } = record(server, client)
    const { steps, report } = watch(protocol, wire)
    expect(report.alerts).toEqual([
      {
        side: 'server',
        packet: wire.length,
        level: 'fatal',
        name: 'unknown_ca',
        meaning: expect.stringContaining('an authority that this side does not trust'),
      },
    ])
    expect(steps.at(-1)).toMatchObject({ side: 'server', name: 'Alert' })
    expect([report.established, report.clientCertificateGiven]).toEqual([false, true])
    expect(readabilityText(report.readable)).toBe('no: the handshake failed: the server said unknown_ca')
  })

  test('reports what was negotiated', () => {
    const { server, client } = contexts(protocol, 0xc02b, true)
    const { wire, keyLog } = record(server, client, said.map(text))
    const { report } = watch(protocol, wire, { keyLog })
    expect(report).toMatchObject({
      protocol: protocol.toUpperCase(),
      client: 'client',
      version: protocol === 'tls' ? 'TLSv1.2' : 'DTLSv1.2',
      suite: { id: 0xc02b, name: 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256' },
      handshakes: 1,
      established: true,
      resumed: false,
      extendedMasterSecret: true,
      clientCertificateRequested: true,
      clientCertificateGiven: true,
      application: { client: { records: 2, bytes: 8, read: 2 }, server: { records: 1, bytes: 3, read: 1 } },
    })
    expect(report.offered.map(({ name }) => name)).toContain('TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256')
    expect(report.certificates.client.map(({ subject }) => subject)).toEqual(['CN=Blue_L85E'])
    expect(report.certificates.server.map(({ subject }) => subject)).toEqual(['CN=Green_L85E'])
    expect(ecdsaClient.der.length).toBe(report.certificates.client[0]?.length)
    expect(report.handshakeUs).toBeGreaterThan(0)
  })
})
