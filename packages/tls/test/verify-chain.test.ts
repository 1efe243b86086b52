import { execFileSync } from 'node:child_process'
import { afterAll, describe, expect, it } from 'vitest'
import { verifyChain } from '../lib/index.ts'
import { Files, opensslVersion } from './openssl.ts'
import { type Issued, issue, KeyUsageFlags, revoke } from './pki.ts'

const root = await issue({ ca: true, subject: 'CN=root' })
/** One RDN of seven attributes, as a plant's policy manager writes it. */
const manyNames = {
  CN: ['Zone CA'],
  C: ['US'],
  E: ['ca@example.com'],
  L: ['Mayfield Heights'],
  O: ['Example Works'],
  OU: ['Plant'],
  ST: ['Ohio'],
}
const zone = await issue({ ca: true, subject: [manyNames] }, root)
const leaf = await issue({ subject: 'CN=leaf' }, zone)
const ders = (...issued: readonly Issued[]) => issued.map(({ der }) => der)
const files = new Files()
afterAll(() => files.remove())

describe('verifyChain', () => {
  it('accepts a chain to a root and gives it, leaf first', () => {
    const result = verifyChain({ leaf: leaf.der, intermediates: ders(zone), anchors: ders(root) })
    expect(result).toEqual({ ok: true, chain: ders(leaf, zone, root) })
  })

  it('ends a chain at any anchor', () => {
    expect(verifyChain({ leaf: leaf.der, anchors: ders(zone) })).toEqual({ ok: true, chain: ders(leaf, zone) })
    expect(verifyChain({ leaf: leaf.der, anchors: ders(leaf) })).toEqual({ ok: true, chain: ders(leaf) })
    expect(verifyChain({ leaf: leaf.der, anchors: ders(root, zone), intermediates: ders(zone) })).toMatchObject({
      ok: true,
      chain: ders(leaf, zone),
    })
  })

  it('follows an issuer whose name is one RDN of seven attributes', () => {
    expect(leaf.certificate.issuer.split('+')).toHaveLength(7)
    expect(verifyChain({ leaf: leaf.der, anchors: ders(zone) }).ok).toBe(true)
  })

  it('tells the same attributes in separate RDNs from those in one', async () => {
    const separate = await issue(
      { ca: true, keys: zone.keys, subject: Object.entries(manyNames).map(([type, values]) => ({ [type]: values })) },
      root,
    )
    expect(verifyChain({ leaf: leaf.der, anchors: ders(separate) })).toMatchObject({
      ok: false,
      code: 'unknown-authority',
    })
  })

  it('says which link is missing', () => {
    expect(verifyChain({ leaf: leaf.der, anchors: ders(root) })).toEqual({
      ok: false,
      code: 'unknown-authority',
      message: expect.stringContaining('does not lead to a trusted authority'),
      depth: 0,
      errors: [20],
    })
    expect(verifyChain({ leaf: leaf.der, intermediates: ders(zone), anchors: [] })).toMatchObject({
      code: 'unknown-authority',
      depth: 1,
    })
  })

  it('trusts end entities by exact match, and nothing that they signed', async () => {
    expect(verifyChain({ leaf: leaf.der, anchors: [], trusted: ders(leaf) })).toEqual({ ok: true, chain: ders(leaf) })
    const same = await issue({ subject: 'CN=leaf', keys: leaf.keys }, zone)
    expect(verifyChain({ leaf: same.der, anchors: [], trusted: ders(leaf) }).ok).toBe(false)
    const child = await issue({}, leaf)
    expect(verifyChain({ leaf: child.der, anchors: [], trusted: ders(leaf) }).ok).toBe(false)
    expect(verifyChain({ leaf: child.der, anchors: ders(leaf) })).toMatchObject({ ok: false, code: 'invalid-ca' })
  })

  it('checks dates only when told, and at the time it is told', async () => {
    const old = await issue({ notBefore: '2001-01-01', notAfter: '2002-01-01' }, zone)
    const options = { leaf: old.der, anchors: ders(zone) }
    expect(verifyChain(options).ok).toBe(true)
    expect(verifyChain({ ...options, at: Date.parse('1999-01-01') }).ok).toBe(true)
    expect(verifyChain({ ...options, time: true })).toMatchObject({
      code: 'certificate-expired',
      depth: 0,
      errors: [10],
    })
    expect(verifyChain({ ...options, time: true, at: Date.parse('2000-12-31') })).toMatchObject({
      code: 'certificate-not-yet-valid',
    })
    // Both were in force at no common time: the authority begins in 2020.
    expect(verifyChain({ ...options, time: true, at: Date.parse('2001-06-01') })).toMatchObject({ depth: 1 })
    const both = await issue({}, zone)
    expect(verifyChain({ leaf: both.der, anchors: ders(zone), time: true }).ok).toBe(true)
    expect(verifyChain({ leaf: both.der, anchors: ders(zone), time: true, at: Date.parse('2060-01-01') }).ok).toBe(
      false,
    )
  })

  it('refuses the revoked, at every depth', async () => {
    const crls = [await revoke(zone, [leaf])]
    expect(verifyChain({ leaf: leaf.der, anchors: ders(zone), crls })).toMatchObject({
      code: 'certificate-revoked',
      depth: 0,
    })
    expect(verifyChain({ leaf: leaf.der, anchors: ders(zone), crls, crl: 'off' }).ok).toBe(true)
    const upper = [await revoke(root, [zone])]
    const deep = { leaf: leaf.der, intermediates: ders(zone), anchors: ders(root) }
    expect(verifyChain({ ...deep, crls: upper })).toMatchObject({ code: 'certificate-revoked', depth: 1 })
    expect(verifyChain({ ...deep, anchors: ders(zone), crls: upper })).toMatchObject({ code: 'certificate-revoked' })
  })

  it('wants lists of every issuer below the anchor where required', async () => {
    const deep = { leaf: leaf.der, intermediates: ders(zone), anchors: ders(root), crl: 'required' } as const
    const [zoneList, rootList] = [await revoke(zone, []), await revoke(root, [])]
    expect(verifyChain(deep)).toMatchObject({ code: 'crl-missing' })
    expect(verifyChain({ ...deep, crls: [zoneList] })).toMatchObject({ code: 'crl-missing', depth: 1 })
    expect(verifyChain({ ...deep, crls: [zoneList, rootList] }).ok).toBe(true)
    expect(verifyChain({ ...deep, crl: 'ifPresent', crls: [zoneList] }).ok).toBe(true)
  })

  it('believes no list of an issuer that may not sign lists', async () => {
    const mute = await issue({ ca: true, usage: KeyUsageFlags.keyCertSign }, root)
    const child = await issue({}, mute)
    const crls = [await revoke(mute, [])]
    const options = { leaf: child.der, intermediates: ders(mute), anchors: ders(root), crls }
    expect(verifyChain(options)).toMatchObject({ ok: false, code: 'crl-invalid' })
  })

  it('wants the usages that the purpose needs', async () => {
    const serverOnly = await issue({ extendedUsage: ['server'] }, zone)
    const options = { leaf: serverOnly.der, anchors: ders(zone) }
    expect(verifyChain({ ...options, purpose: 'server' }).ok).toBe(true)
    expect(verifyChain({ ...options, purpose: 'any' }).ok).toBe(true)
    expect(verifyChain({ ...options, purpose: 'client' })).toMatchObject({ code: 'wrong-purpose', errors: [26] })
    const sealing = await issue({ usage: KeyUsageFlags.keyEncipherment }, zone)
    expect(verifyChain({ leaf: sealing.der, anchors: ders(zone), purpose: 'server' })).toMatchObject({
      code: 'wrong-purpose',
    })
  })

  it('refuses authorities that are none', async () => {
    const plain = await issue({ subject: 'CN=plain' }, zone)
    const child = await issue({}, plain)
    expect(verifyChain({ leaf: child.der, intermediates: ders(plain), anchors: ders(zone) })).toMatchObject({
      code: 'invalid-ca',
      depth: 1,
    })
    const noSign = await issue({ ca: true, usage: KeyUsageFlags.digitalSignature }, zone)
    const other = await issue({}, noSign)
    expect(verifyChain({ leaf: other.der, intermediates: ders(noSign), anchors: ders(zone) }).ok).toBe(false)
  })

  it('counts the authorities below one that limits them', async () => {
    const limited = await issue({ ca: true, pathLength: 0 }, root)
    const below = await issue({ ca: true }, limited)
    const direct = await issue({}, limited)
    const deep = await issue({}, below)
    expect(verifyChain({ leaf: direct.der, intermediates: ders(limited), anchors: ders(root) }).ok).toBe(true)
    expect(verifyChain({ leaf: deep.der, intermediates: ders(limited, below), anchors: ders(root) })).toMatchObject({
      code: 'path-too-long',
    })
  })

  it('follows at most ten links', async () => {
    const chain: Issued[] = [root]
    for (let depth = 0; depth < 12; depth++) chain.push(await issue({ ca: true, keys: root.keys }, chain.at(-1)))
    const reach = (length: number) =>
      verifyChain({
        leaf: chain[length]?.der ?? root.der,
        intermediates: ders(...chain.slice(1, length)),
        anchors: ders(root),
      })
    expect(reach(10).ok).toBe(true)
    expect(reach(12)).toMatchObject({ ok: false, code: 'unknown-authority' })
  })

  it('refuses a forged signature and weak keys', async () => {
    const forged = leaf.der.slice()
    forged[forged.length - 3] = (forged.at(-3) ?? 0) ^ 1
    expect(verifyChain({ leaf: forged, anchors: ders(zone) })).toMatchObject({ code: 'bad-signature' })
    const weak = await issue({ kind: 'RSA-1024' }, zone)
    expect(verifyChain({ leaf: weak.der, anchors: ders(zone) })).toMatchObject({ code: 'weak-key' })
  })

  it.each(['P-256', 'P-384', 'P-521', 'RSA-2048', 'RSA-3072'] as const)(
    'verifies what %s keys signed',
    async (kind) => {
      const ca = await issue({ ca: true, kind })
      const child = await issue({ kind }, ca)
      expect(verifyChain({ leaf: child.der, anchors: ders(ca) }).ok).toBe(true)
    },
  )

  it.each<[string, string, Partial<Parameters<typeof verifyChain>[0]>]>([
    ['leaf', 'bad-certificate', { leaf: leaf.der.subarray(0, 50) }],
    ['leaf', 'bad-certificate', { leaf: new Uint8Array([...leaf.der, 0]) }],
    ['intermediates', 'bad-certificate', { intermediates: [new Uint8Array(0)] }],
    ['anchors', 'bad-certificate', { anchors: [root.der, root.key] }],
    ['trusted', 'bad-certificate', { trusted: [new Uint8Array(9)] }],
    ['crls', 'bad-crl', { crls: [leaf.der] }],
  ])('refuses %s that are not DER', (place, code, change) => {
    expect(() => verifyChain({ leaf: leaf.der, anchors: ders(root), ...change })).toThrow(
      expect.objectContaining({ name: 'TlsError', code, message: expect.stringContaining(place) }),
    )
  })

  it('holds no memory of what it judged', async () => {
    const { load } = await import('../lib/load.ts')
    const before = load().alive()
    for (let round = 0; round < 200; round++) {
      verifyChain({ leaf: leaf.der, intermediates: ders(zone), anchors: ders(root) })
      expect(() => verifyChain({ leaf: leaf.der, anchors: [root.der, root.key] })).toThrow()
    }
    expect(load().alive()).toEqual(before)
  })

  it.skipIf(opensslVersion === undefined)('agrees with the openssl command', async () => {
    const limited = await issue({ ca: true, pathLength: 0 }, root)
    const cases: [Issued, Issued[], Issued[]][] = [
      [leaf, [zone], [root]],
      [leaf, [], [zone]],
      [leaf, [], [root]],
      [leaf, [zone], [leaf]],
      [await issue({}, leaf), [leaf, zone], [root]],
      [await issue({}, await issue({ ca: true }, limited)), [limited], [root]],
      [await issue({}), [], [root]],
    ]
    for (const [judged, links, anchors] of cases) {
      const bundle = (issued: readonly Issued[]) => files.write(issued.map(({ pem }) => pem).join('\n'))
      const args = ['verify', '-partial_chain', '-no_check_time', '-auth_level', '2', '-CAfile', bundle(anchors)]
      if (links.length > 0) args.push('-untrusted', bundle(links))
      const theirs = (() => {
        try {
          execFileSync('openssl', [...args, files.write(judged.pem)], { stdio: 'pipe' })
          return true
        } catch {
          return false
        }
      })()
      const ours = verifyChain({ leaf: judged.der, intermediates: ders(...links), anchors: ders(...anchors) })
      expect(ours.ok).toBe(theirs)
    }
  })
})
