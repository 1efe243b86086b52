import { spawnSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ScanResult } from '../../src/scan/scan-result.ts'
import { scan } from '../../src/scan/scan.ts'
import { TargetHost } from '../../src/target/target-host.ts'
import { testAddress } from '../addresses.ts'
import { secureDevice, steer } from '../target/test-device.ts'
import { credentialsOf, makeAuthority } from '../test-pki.ts'
import { command, OpensslServers } from './openssl-server.ts'

const addresses = {
  rsa: testAddress(160),
  ecdsa: testAddress(161),
  psk: testAddress(162),
  modern: testAddress(163),
  device: testAddress(164),
  both: testAddress(158),
} as const

const servers = new OpensslServers()
let host: TargetHost | undefined
/** Judges that a machine may lack: their tests then count as skipped. */
const hasOpenssl = spawnSync('openssl', ['version']).status === 0
const hasNmap = hasOpenssl && spawnSync('nmap', ['--version']).status === 0

beforeAll(async () => {
  const authority = await makeAuthority('interop')
  const own = await authority.issue('device', addresses.device)
  const psk = [{ identity: new TextEncoder().encode('cell'), key: new Uint8Array(16).fill(1) }]
  const device = await secureDevice(addresses.device)
  host = new TargetHost({
    device: steer(device, credentialsOf(own, authority, { psk, suites: [0xc02c, 0xc023, 0xc006, 0xc037] })),
  })
  await host.start()
  if (!hasOpenssl) return
  const p256 = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256']
  const rsa = await servers.identity('old-rsa', ['-newkey', 'rsa:1024'], ['-sha1'])
  const ecdsa = await servers.identity('ecdsa', p256, ['-addext', `subjectAltName=IP:${addresses.ecdsa}`])
  const file = (name: string) => ['-cert', `${name}.crt`, '-key', name]
  const old = 'RSA:DHE-RSA-AES256-SHA:ECDHE-RSA-AES128-SHA:aNULL+AES256:NULL-SHA256:@SECLEVEL=0'
  await servers.start(addresses.rsa, [...file(rsa), '-cipher', old, '-no_tls1_3', '-serverpref'])
  const three = 'ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305'
  const client = ['-Verify', '1', '-CAfile', `${ecdsa}.crt`, '-verify_return_error']
  await servers.start(addresses.ecdsa, [...file(ecdsa), '-cipher', three, '-tls1_2', ...client])
  const keyed = 'ECDHE-PSK-AES128-CBC-SHA256:PSK-AES128-CCM8:DHE-PSK-AES256-GCM-SHA384'
  await servers.start(addresses.psk, [
    '-nocert',
    '-psk',
    '0102030405060708',
    '-cipher',
    keyed,
    '-tls1_2',
    '-serverpref',
  ])
  await servers.start(addresses.modern, [...file(ecdsa), '-tls1_3'])
  const second = ['-dcert', `${rsa}.crt`, '-dkey', rsa]
  await servers.start(addresses.both, [...file(ecdsa), ...second, '-cipher', 'ALL:@SECLEVEL=0'])
}, 60_000)

afterAll(async () => {
  servers.close()
  await host?.close()
})

interface Listing {
  readonly version: string
  readonly preference: string
  readonly suites: readonly { readonly name: string; readonly exchange: string }[]
}

/** What nmap lists, version by version. */
async function listedByNmap(address: string): Promise<readonly Listing[]> {
  const text = (await command('nmap', ['-Pn', '--script', 'ssl-enum-ciphers', '-p', '2221', address])) ?? ''
  const sections = text.split(/^\|\s+((?:TLS|SSL)v[\d.]+):\s*$/m).slice(1)
  return sections.flatMap((version, place) => {
    if (place % 2 !== 0) return []
    const body = sections[place + 1] ?? ''
    const suites = [...body.matchAll(/(TLS_[A-Za-z0-9_]+)(?: \(([^)]*)\))? - /g)].map(
      ([, name = '', exchange = '']) => ({ name, exchange }),
    )
    const preference = /cipher preference: (\w+)/.exec(body)?.[1] ?? ''
    return [{ version: version.replace('TLSv1.0', 'TLSv1'), preference, suites }]
  })
}

/** The same of ours; nmap spells a prime `dh 2048`. */
function listedByUs(result: ScanResult): readonly Listing[] {
  return result.offers.toReversed().map(({ version, order, suites }) => ({
    version,
    preference: order,
    suites: suites.map(({ name, group = '' }) => ({ name, exchange: group.replace('DHE ', 'dh ') })),
  }))
}

const names = (listing: readonly Listing[]) =>
  listing.map(({ version, suites }) => ({ version, suites: suites.map(({ name }) => name) }))

const spots = (result: ScanResult) => result.weakSpots.map(({ code }) => code)

describe.skipIf(!hasNmap)('a scan and nmap ssl-enum-ciphers (skipped without nmap)', () => {
  it.each(['rsa', 'psk', 'device'] as const)(
    'list the same suites in the same order, for a %s target with an order of its own',
    async (which) => {
      const address = addresses[which]
      const [theirs, result] = [await listedByNmap(address), await scan(address, { transport: 'tls' })]
      const ours = listedByUs(result)
      expect(ours.map(({ preference }) => preference)).not.toContain('client')
      expect(theirs.length).toBeGreaterThan(0)
      expect(names(ours)).toEqual(names(theirs))
      // Sizes of finite field Diffie-Hellman are the target's own, so they agree as well.
      for (const { version, suites } of theirs) {
        for (const { name, exchange } of suites.filter((suite) => suite.exchange.startsWith('dh '))) {
          const found = ours.find((each) => each.version === version)?.suites.find((suite) => suite.name === name)
          expect(found?.exchange, `${version} ${name}`).toBe(exchange)
        }
      }
    },
  )

  it('list the same set and say both that the order is the client’s', async () => {
    const [theirs, result] = [await listedByNmap(addresses.ecdsa), await scan(addresses.ecdsa, { transport: 'tls' })]
    const ours = listedByUs(result)
    expect(ours).toHaveLength(1)
    expect(new Set(names(ours)[0]?.suites)).toEqual(new Set(names(theirs)[0]?.suites))
    expect([ours[0]?.preference, theirs[0]?.preference]).toEqual(['client', 'client'])
  })
})

describe.skipIf(!hasOpenssl)('a scan and openssl s_client (skipped without openssl)', () => {
  it('agree on who asks for a client certificate, and of which authorities', async () => {
    const result = await scan(addresses.ecdsa, { transport: 'tls' })
    const said = await command('openssl', ['s_client', '-connect', `${addresses.ecdsa}:2221`, '-tls1_2'])
    expect(said).toMatch(/Acceptable client certificate CA names\nCN ?= ?ecdsa/)
    expect(result.clientCertificate).toMatchObject({ asked: true, required: true, authorities: ['CN=ecdsa'] })
    expect(said).toMatch(/alert/)
    const other = await scan(addresses.rsa, { transport: 'tls' })
    expect(other.clientCertificate).toMatchObject({ asked: false, required: false })
    expect(spots(other)).toContain('client-certificate-not-asked')
  })

  it('agree on each suite: what one calls offered the other gets, what one calls refused the other does not', async () => {
    const { suites } = await scan(addresses.rsa, { transport: 'tls' })
    const spelled = {
      '0x003b': 'NULL-SHA256',
      '0x003c': 'AES128-SHA256',
      '0x003d': 'AES256-SHA256',
      '0xc02c': 'ECDHE-ECDSA-AES256-GCM-SHA384',
    }
    for (const [id, name] of Object.entries(spelled)) {
      const args = ['-connect', `${addresses.rsa}:2221`, '-tls1_2', '-cipher', `${name}:@SECLEVEL=0`]
      const said = (await command('openssl', ['s_client', ...args])) ?? ''
      const isOffered = suites.find(({ suite }) => suite === Number(id))?.verdict === 'offered'
      expect(said.includes(`Cipher is ${name}`), `${name}\n${said}`).toBe(isOffered)
    }
  })

  it('agree on the certificate, its key and its signature', async () => {
    const { chains } = await scan(addresses.rsa, { transport: 'tls' })
    const text = await command('openssl', [
      ...[
        'x509',
        '-in',
        `${servers.directory}/old-rsa.pem.crt`,
        '-noout',
        '-text',
        '-fingerprint',
        '-sha256',
        '-serial',
      ],
    ])
    const [leaf] = chains[0]?.certificates ?? []
    expect(leaf).toMatchObject({
      subject: 'CN=old-rsa',
      key: { type: 'rsa', bits: 1024 },
      hash: 'SHA-1',
      selfSigned: true,
    })
    expect(text).toMatch(/Public-Key: \(1024 bit\)[\s\S]*sha1WithRSAEncryption/)
    expect(text?.replaceAll(':', '').toLowerCase()).toContain(leaf?.fingerprint)
    expect(text).toContain(`serial=${leaf?.serial}`)
  })

  it('agree that a session is resumed', async () => {
    const { features } = await scan(addresses.rsa, { transport: 'tls' })
    const args = ['-connect', `${addresses.rsa}:2221`, '-tls1_2', '-reconnect', '-cipher', 'ALL:@SECLEVEL=0']
    const said = await command('openssl', ['s_client', ...args])
    expect(said).toMatch(/^Reused, TLSv1\.2/m)
    expect(features).toMatchObject({
      resumes: true,
      sessionTicket: true,
      extendedMasterSecret: true,
      encryptThenMac: true,
      secureRenegotiation: true,
      compression: false,
      refusesFallback: true,
    })
  })
})

describe('the weak spots of a target', () => {
  it.skipIf(!hasOpenssl)('are all found on a server of the last century', async () => {
    const result = await scan(addresses.rsa, { transport: 'tls' })
    expect(spots(result)).toEqual(
      expect.arrayContaining([
        'anonymous-suite',
        'old-version',
        'weak-key',
        'weak-handshake-signature',
        'self-signed',
        'no-forward-secrecy',
        'integrity-only',
        'outside-cip-security',
      ]),
    )
    const strength = result.offers.flatMap(({ suites }) => suites.map((suite) => suite.strength))
    expect(strength.every(({ today }) => today === 'disallowed')).toBe(true)
    const named = result.offers[0]?.suites.find(({ name }) => name === 'TLS_RSA_WITH_AES_256_GCM_SHA384')
    expect(named?.strength.weakest).toMatchObject({ name: 'RSA 1024', bits: 80 })
  })

  it('are none of protection on a device of a plant, whose suites are strong enough beyond 2030', async () => {
    const result = await scan(addresses.device, { transport: 'tls' })
    const errors = result.weakSpots.filter(({ severity }) => severity === 'error')
    expect(errors).toEqual([])
    const [best] = result.offers[0]?.suites ?? []
    expect(best).toMatchObject({ name: 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384' })
    expect(best?.strength).toMatchObject({ today: 'acceptable', after2030: 'acceptable', weakest: { bits: 128 } })
    expect(result.clientCertificate).toMatchObject({ asked: true, required: true })
    // The strength of a pre-shared key cannot be seen from outside, and is not claimed.
    const psk = result.offers[0]?.suites.find(({ name }) => name.includes('PSK'))
    expect(psk?.strength).toMatchObject({ today: 'unknown' })
  })

  it('are found over DTLS as well, in flights that come in pieces', async () => {
    const tls = await scan(addresses.device, { transport: 'tls' })
    const dtls = await scan(addresses.device, { transport: 'dtls', timeoutMs: 1500 })
    expect(dtls.offers[0]?.suites.map(({ name }) => name)).toEqual(tls.offers[0]?.suites.map(({ name }) => name))
    expect(dtls.chains[0]?.certificates[0]?.fingerprint).toBe(tls.chains[0]?.certificates[0]?.fingerprint)
    expect(dtls.clientCertificate).toMatchObject({ asked: true, required: true })
    expect(dtls.groups).toEqual(tls.groups)
  })

  it.skipIf(!hasOpenssl)('of version 1.3 are seen through its retry request and one handshake', async () => {
    const result = await scan(addresses.modern, { transport: 'tls' })
    expect(result.offers.map(({ version }) => version)).toEqual(['TLSv1.3'])
    expect(new Set(result.offers[0]?.suites.map(({ suite }) => suite))).toEqual(new Set([0x1301, 0x1302, 0x1303]))
    expect(result.groups).toContain('secp256r1')
    expect(result.chains[0]?.certificates[0]).toMatchObject({ subject: 'CN=ecdsa', key: { curve: 'prime256v1' } })
    expect(result.clientCertificate.required).toBe(false)
    // The chain is known by the handshake, the signature of version 1.3 is not.
    const [suite] = result.offers[0]?.suites ?? []
    expect(suite?.strength).toMatchObject({ today: 'unknown', unknown: [{ role: 'handshake-signature' }] })
    expect(spots(result)).not.toContain('strength-unknown')
  })

  it.skipIf(!hasOpenssl)('leave open with which of several chains version 1.3 proves itself', async () => {
    const result = await scan(addresses.both, { transport: 'tls' })
    expect(result.chains).toHaveLength(2)
    const unknowns = (version: string) =>
      result.offers
        .find((each) => each.version === version)
        ?.suites.map(({ strength }) => strength.unknown.map(({ role }) => role).join())
    expect(new Set(unknowns('TLSv1.3'))).toEqual(new Set(['handshake-signature,peer-key']))
    expect(unknowns('TLSv1.2')).toContain('')
  })
})
