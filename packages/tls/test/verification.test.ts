import { describe, expect, it } from 'vitest'
import type { ContextOptions, SessionOptions } from '../lib/index.ts'
import {
  alerts,
  clientContext,
  failure,
  gcm,
  handshake,
  identity,
  kinds,
  makePair,
  type Pair,
  protocols,
  serverContext,
} from './pair.ts'
import { type Issued, issue, KeyUsageFlags, revoke } from './pki.ts'

const root = await issue({ ca: true, subject: 'CN=root' })
const zone = await issue({ ca: true, subject: [{ CN: ['zone'], O: ['Example Works'], L: ['Mayfield Heights'] }] }, root)
const device = await issue({ subject: 'CN=device', ip: ['127.17.81.51'], dns: ['device.example'] }, zone)
const plant = await issue({ subject: 'CN=plant', ip: ['127.17.83.31'] }, zone)
const expired = await issue({ subject: 'CN=expired', notBefore: '2001-01-01', notAfter: '2002-01-01' }, zone)
const future = await issue({ subject: 'CN=future', notBefore: '2048-01-01' }, zone)
const lone = await issue({ subject: 'CN=self-signed' })
const stranger = await issue({ subject: 'CN=stranger' }, await issue({ ca: true, subject: 'CN=root' }))
const zoneList = await revoke(zone, [plant, device])
const rootList = await revoke(root, [])

type Options = Partial<ContextOptions>

/** A handshake in which the server presents `device` and the client `presented`, both judged by zone unless changed. */
function meet(
  protocol: 'tls' | 'dtls',
  presented: Issued | undefined,
  serverOptions: Options = {},
  clientOptions: Options = {},
  sessions: [SessionOptions, SessionOptions] = [{}, {}],
): Pair {
  return handshake(
    makePair(
      serverContext(protocol, {
        identity: identity(device),
        anchors: [zone.der],
        verify: { peer: 'require' },
        ...serverOptions,
      }),
      clientContext(protocol, {
        ...(presented === undefined ? {} : { identity: identity(presented) }),
        anchors: [zone.der],
        ...clientOptions,
      }),
      ...sessions,
    ),
  )
}

function expectAccepted(pair: Pair): void {
  expect([pair.client.takeEvents(), pair.server.takeEvents()].map(kinds)).toEqual([['established'], ['established']])
}

/** The server refuses, and the client hears why. */
function expectRefused(pair: Pair, code: string, alert: string, error?: number): void {
  const events = pair.server.takeEvents()
  expect(events.at(-1)).toMatchObject({ kind: 'failed', code })
  expect(alerts(events, 'out')).toEqual([alert])
  if (error !== undefined) expect(events.at(-1)).toMatchObject({ verifyErrors: expect.arrayContaining([error]) })
  expect(alerts(pair.client.takeEvents(), 'in')).toEqual([alert])
  expect([pair.server.state, pair.client.state]).toEqual(['failed', 'failed'])
}

describe.each(protocols)('a %s server that judges its client', (protocol) => {
  it('accepts a chain that ends at any anchor, self-issued or not', () => {
    expectAccepted(meet(protocol, plant))
    expectAccepted(meet(protocol, plant, { anchors: [root.der] }, { identity: identity(plant, zone) }))
    expectAccepted(meet(protocol, plant, { anchors: [plant.der] }))
    expectAccepted(meet(protocol, lone, { anchors: [lone.der] }))
  })

  it('accepts exactly the certificates that are trusted by themselves', () => {
    expectAccepted(meet(protocol, lone, { anchors: [], trusted: [lone.der] }))
    expectAccepted(meet(protocol, plant, { anchors: [], trusted: [lone.der, plant.der] }))
    expectRefused(meet(protocol, plant, { anchors: [], trusted: [lone.der] }), 'unknown-authority', 'unknown_ca')
  })

  it('does not let a trusted end entity issue for others', async () => {
    const child = await issue({ subject: 'CN=child' }, lone)
    expect(meet(protocol, child, { anchors: [], trusted: [lone.der] }).server.state).toBe('failed')
  })

  it('refuses an unknown authority, even one of the same name', () => {
    expectRefused(meet(protocol, stranger), 'unknown-authority', 'unknown_ca')
    expectRefused(meet(protocol, stranger, { anchors: [root.der] }), 'bad-signature', 'bad_certificate')
    expectRefused(meet(protocol, lone), 'unknown-authority', 'unknown_ca', 18)
  })

  it('insists on a certificate, asks for one, or does not care', () => {
    expectRefused(meet(protocol, undefined), 'certificate-required', 'handshake_failure')
    expectAccepted(meet(protocol, undefined, { verify: { peer: 'request' } }))
    expectAccepted(meet(protocol, plant, { verify: { peer: 'request' } }))
    expectRefused(meet(protocol, stranger, { verify: { peer: 'request' } }), 'unknown-authority', 'unknown_ca')
    const careless = meet(protocol, plant, { verify: { peer: 'none' } })
    expect(careless.server.info?.peerChain).toEqual([])
    expectAccepted(careless)
  })

  it('ignores dates unless told to check them', () => {
    expectAccepted(meet(protocol, expired))
    expectAccepted(meet(protocol, future))
    const verify = { peer: 'require', time: true } as const
    expectAccepted(meet(protocol, plant, { verify }))
    expectRefused(meet(protocol, expired, { verify }), 'certificate-expired', 'certificate_expired', 10)
    expectRefused(meet(protocol, future, { verify }), 'certificate-not-yet-valid', 'bad_certificate', 9)
    expectRefused(
      meet(protocol, expired, { verify, anchors: [], trusted: [expired.der] }),
      'certificate-expired',
      'certificate_expired',
    )
  })

  it('refuses the revoked, whatever the dates', async () => {
    const crls = [zoneList]
    expectRefused(meet(protocol, plant, { crls }), 'certificate-revoked', 'certificate_revoked', 23)
    expectRefused(
      meet(protocol, expired, { crls: [await revoke(zone, [expired])], verify: { peer: 'require', time: true } }),
      'certificate-revoked',
      'certificate_revoked',
    )
    expectAccepted(meet(protocol, plant, { crls, verify: { peer: 'require', crl: 'off' } }))
  })

  it('refuses the revoked also where the certificate itself is the anchor or trusted', () => {
    const crls = [zoneList]
    expectRefused(meet(protocol, plant, { crls, anchors: [plant.der] }), 'certificate-revoked', 'certificate_revoked')
    expectRefused(
      meet(protocol, plant, { crls, anchors: [], trusted: [plant.der] }),
      'certificate-revoked',
      'certificate_revoked',
    )
  })

  it('refuses an authority that its own issuer revoked', async () => {
    const crls = [await revoke(root, [zone])]
    expectRefused(
      meet(protocol, plant, { crls, anchors: [root.der] }, { identity: identity(plant, zone) }),
      'certificate-revoked',
      'certificate_revoked',
    )
  })

  it('accepts an issuer without a list where lists are used if present', () => {
    expectAccepted(meet(protocol, plant, { crls: [rootList] }))
    const tolerated = meet(protocol, plant, { crls: [rootList] })
    expect(tolerated.server.info?.verifyErrors).toEqual([3])
  })

  it('wants a list of every issuer below the anchor where lists are required', async () => {
    const verify = { peer: 'require', crl: 'required' } as const
    const clean = await revoke(zone, [])
    expectRefused(meet(protocol, plant, { verify }), 'crl-missing', 'bad_certificate', 3)
    expectAccepted(meet(protocol, plant, { verify, crls: [clean] }))
    const deep: [Options, Options] = [{ verify, anchors: [root.der] }, { identity: identity(plant, zone) }]
    expectRefused(meet(protocol, plant, { ...deep[0], crls: [clean] }, deep[1]), 'crl-missing', 'bad_certificate', 3)
    expectAccepted(meet(protocol, plant, { ...deep[0], crls: [clean, rootList] }, deep[1]))
    expectAccepted(meet(protocol, lone, { verify, anchors: [], trusted: [lone.der] }))
  })

  it('takes no list that another signed, and no stale one where dates count', async () => {
    const forged = await revoke(zone, [], { signer: root })
    expectRefused(meet(protocol, plant, { crls: [forged] }), 'crl-invalid', 'bad_certificate', 8)
    const stale = await revoke(zone, [], { notAfter: '2021-01-01' })
    expectAccepted(meet(protocol, plant, { crls: [stale] }))
    expectRefused(
      meet(protocol, plant, { crls: [stale], verify: { peer: 'require', time: true } }),
      'crl-expired',
      'bad_certificate',
      12,
    )
  })

  it('wants key usages, where present, to allow the role', async () => {
    const verdicts: [Issued, boolean][] = [
      [await issue({ usage: KeyUsageFlags.digitalSignature }, zone), true],
      [await issue({ usage: KeyUsageFlags.keyEncipherment }, zone), false],
      [await issue({ usage: KeyUsageFlags.keyAgreement }, zone), false],
      [await issue({ extendedUsage: ['client'] }, zone), true],
      [await issue({ extendedUsage: ['server', 'client'] }, zone), true],
      [await issue({ extendedUsage: ['server'] }, zone), false],
      [await issue({ extendedUsage: ['email'] }, zone), false],
    ]
    for (const [presented, isAccepted] of verdicts) {
      const pair = meet(protocol, presented)
      if (isAccepted) expectAccepted(pair)
      else expectRefused(pair, 'wrong-purpose', 'bad_certificate', 26)
    }
  })

  it('refuses an issuer that is no authority and a path that is too long', async () => {
    const false_ = await issue({ subject: 'CN=no authority' }, zone)
    const child = await issue({ subject: 'CN=child' }, false_)
    expectRefused(meet(protocol, child, {}, { identity: identity(child, false_) }), 'invalid-ca', 'unknown_ca')
    const flat = await issue({ ca: true, pathLength: 0, subject: 'CN=flat' }, root)
    const below = await issue({ ca: true, subject: 'CN=below' }, flat)
    const deep = await issue({ subject: 'CN=deep' }, below)
    expectRefused(
      meet(protocol, deep, { anchors: [root.der] }, { identity: identity(deep, below, flat) }),
      'path-too-long',
      'unknown_ca',
    )
  })

  it('refuses keys below 112 bits of strength', async () => {
    const weak = await issue({ kind: 'RSA-1024', subject: 'CN=weak' }, zone)
    expectRefused(meet(protocol, weak), 'weak-key', 'bad_certificate')
  })

  it('wants the peer’s address or name in the certificate where names count', () => {
    const verify = { peer: 'require', name: true } as const
    expectAccepted(meet(protocol, plant, { verify }, {}, [{ peer: '127.17.83.31' }, {}]))
    expectAccepted(meet(protocol, plant, { verify }, {}, [{ peer: '::ffff:127.17.83.31' }, {}]))
    expectRefused(
      meet(protocol, plant, { verify }, {}, [{ peer: '127.17.83.32' }, {}]),
      'name-mismatch',
      'bad_certificate',
    )
    expectRefused(meet(protocol, plant, { verify }), 'name-mismatch', 'bad_certificate')
    expectRefused(
      meet(protocol, expired, { verify }, {}, [{ peer: '127.0.0.1' }, {}]),
      'name-mismatch',
      'bad_certificate',
    )
  })

  it('names the gravest of several faults', () => {
    const verify = { peer: 'require', time: true, name: true } as const
    const pair = meet(protocol, expired, { verify, anchors: [root.der] }, {}, [{ peer: '127.0.0.1' }, {}])
    expect(failure(pair.server)).toMatchObject({
      code: 'unknown-authority',
      verifyErrors: expect.arrayContaining([10, 20, 64]),
    })
  })
})

describe.each(protocols)('a %s client that judges its server', (protocol) => {
  const anyone: Options = { verify: { peer: 'none' } }

  it('refuses what it cannot verify, with an alert that the server hears', () => {
    const pair = meet(protocol, plant, {}, { anchors: [root.der] })
    const events = pair.client.takeEvents()
    expect(events.at(-1)).toMatchObject({ kind: 'failed', code: 'unknown-authority' })
    expect(alerts(events, 'out')).toEqual(['unknown_ca'])
    expect(alerts(pair.server.takeEvents(), 'in')).toEqual(['unknown_ca'])
  })

  it('accepts any server while commissioning and keeps what it found', () => {
    const pair = meet(protocol, plant, { identity: identity(lone) }, { ...anyone, anchors: [] })
    expect(pair.client.info).toMatchObject({ peerChain: [lone.der], verifyErrors: [18] })
    expectAccepted(pair)
  })

  it('checks the name against the whole dNSName or the address', async () => {
    const verify = { peer: 'require', name: true } as const
    const wild = await issue({ dns: ['*.example'], subject: 'CN=device.example' }, zone)
    expectAccepted(meet(protocol, plant, {}, { verify }, [{}, { peerName: 'device.example' }]))
    expectAccepted(meet(protocol, plant, {}, { verify }, [{}, { peer: '127.17.81.51', peerName: 'other.example' }]))
    for (const peerName of ['example', 'x.device.example', 'evice.example', '.example']) {
      expect(failure(meet(protocol, plant, {}, { verify }, [{}, { peerName }]).client).code).toBe('name-mismatch')
    }
    const pair = meet(protocol, plant, { identity: identity(wild) }, { verify }, [{}, { peerName: 'device.example' }])
    expect(failure(pair.client).code).toBe('name-mismatch')
  })

  it('refuses a revoked server and one with a client’s certificate', async () => {
    expect(failure(meet(protocol, plant, {}, { crls: [zoneList] }).client).code).toBe('certificate-revoked')
    const wrong = await issue({ extendedUsage: ['client'] }, zone)
    expect(failure(meet(protocol, plant, { identity: identity(wrong) }).client).code).toBe('wrong-purpose')
  })

  it('wants keyEncipherment for RSA key exchange and digitalSignature otherwise', async () => {
    const suites = [0x003c]
    const meetRsa = async (usage: KeyUsageFlags) =>
      meet(protocol, plant, { suites, identity: identity(await issue({ kind: 'RSA-2048', usage }, zone)) }, { suites })
    expectAccepted(await meetRsa(KeyUsageFlags.keyEncipherment))
    expectAccepted(await meetRsa(KeyUsageFlags.keyEncipherment | KeyUsageFlags.digitalSignature))
    expect((await meetRsa(KeyUsageFlags.digitalSignature)).client.state).toBe('failed')
    const sealed = await issue({ usage: KeyUsageFlags.keyAgreement }, zone)
    expect(meet(protocol, plant, { identity: identity(sealed), suites: [gcm] }).client.state).toBe('failed')
  })
})
