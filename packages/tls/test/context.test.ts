import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { Context, type ContextOptions, Session, TlsError } from '../lib/index.ts'
import { load } from '../lib/load.ts'
import { gcm, identity, psk, pskCbc, readHello, text } from './pair.ts'
import { issue, revoke } from './pki.ts'

const root = await issue({ ca: true, subject: 'CN=root' })
const leaf = await issue({ subject: 'CN=leaf' }, root)
const other = await issue({ subject: 'CN=other' }, root)
const base: ContextOptions = { role: 'server', protocol: 'tls', suites: [gcm], identity: identity(leaf) }

function refusal(options: ContextOptions): TlsError {
  try {
    new Context(options).close()
  } catch (error) {
    if (error instanceof TlsError) return error
    throw error
  }
  throw new Error('The context was accepted')
}

describe('a context', () => {
  it('fills in the defaults', () => {
    const context = new Context(base)
    expect(context).toMatchObject({ role: 'server', protocol: 'tls' })
    expect(context.options).toEqual({
      suites: [gcm],
      groups: ['P-256', 'P-384', 'P-521', 'X25519'],
      verify: { peer: 'none', time: false, crl: 'ifPresent', name: false },
      mtu: 1400,
      retransmitMs: 1000,
      handshakeTimeoutMs: 30000,
      resumption: true,
      keyLog: false,
    })
    context.close()
  })

  it('requires a client to verify unless told otherwise', () => {
    const context = new Context({ role: 'client', protocol: 'tls', suites: [gcm] })
    expect(context.options.verify.peer).toBe('require')
    context.close()
  })

  it('keeps no secret where it can be read', () => {
    const context = new Context({ ...base, suites: [gcm, pskCbc], psk: psk('id', 'do not show me') })
    expect(JSON.stringify(context)).not.toContain('do not show me')
    expect(Object.keys(context.options)).not.toContain('identity')
    context.close()
  })

  it.each<[string, Partial<ContextOptions>]>([
    ['suites', { suites: [] }],
    ['groups', { groups: [] }],
    ['groups', { groups: ['P-256:X25519'] }],
    ['groups', { groups: ['no-such-group'] }],
    ['mtu', { mtu: 100 }],
    ['mtu', { mtu: 20000 }],
    ['mtu', { mtu: 1400.5 }],
    ['retransmitMs', { retransmitMs: 0 }],
    ['handshakeTimeoutMs', { handshakeTimeoutMs: 0 }],
    ['psk[0].identity', { suites: [pskCbc], psk: [{ identity: new Uint8Array(129).fill(1), key: text('k') }] }],
    ['psk[0].identity', { suites: [pskCbc], psk: [{ identity: new Uint8Array(0), key: text('k') }] }],
    ['psk[0].identity', { suites: [pskCbc], psk: [{ identity: new Uint8Array([65, 0, 65]), key: text('k') }] }],
    ['psk[0].key', { suites: [pskCbc], psk: [{ identity: text('i'), key: new Uint8Array(65) }] }],
    ['psk[0].key', { suites: [pskCbc], psk: [{ identity: text('i'), key: new Uint8Array(0) }] }],
    ['versions', { versions: { min: 'DTLSv1', max: 'TLSv1.2' } }],
    ['versions', { versions: { min: 'TLSv1.2', max: 'TLSv1' } }],
    ['identity.chain', { identity: { chain: [], key: leaf.key } }],
  ])('refuses a bad %s and names it', (option, change) => {
    const error = refusal({ ...base, ...change })
    expect(error.code).toBe('bad-option')
    expect(error.message).toContain(option)
  })

  it('refuses values that only an untyped caller can give', () => {
    const wrong: Record<string, unknown>[] = [
      { role: 'both' },
      { protocol: 'quic' },
      { verify: { peer: 'maybe' } },
      { verify: { crl: 'sometimes' } },
      { anchors: ['text'] },
      { anchors: [null] },
    ]
    for (const change of wrong) expect(refusal({ ...base, ...change } as ContextOptions).code).toBe('bad-option')
  })

  it.each<[string, string, Partial<ContextOptions>]>([
    ['anchors[1]', 'bad-certificate', { anchors: [root.der, root.der.subarray(1)] }],
    ['anchors[0]', 'bad-certificate', { anchors: [new Uint8Array([...root.der, 0])] }],
    ['trusted[0]', 'bad-certificate', { trusted: [new Uint8Array(0)] }],
    ['crls[0]', 'bad-crl', { crls: [root.der] }],
    ['identity.chain[0]', 'bad-certificate', { identity: { chain: [text('no')], key: leaf.key } }],
    ['identity.key', 'bad-key', { identity: { chain: [leaf.der], key: text('no') } }],
    ['identity.key', 'bad-key', { identity: { chain: [leaf.der], key: new Uint8Array([...leaf.key, 1]) } }],
  ])('refuses %s that is not one DER object', (place, code, change) => {
    const error = refusal({ ...base, ...change })
    expect(error.code).toBe(code)
    expect(error.message).toContain(place)
  })

  it('refuses a key that belongs to another certificate', () => {
    const error = refusal({ ...base, identity: { chain: [leaf.der], key: other.key } })
    expect(error).toMatchObject({ code: 'bad-key', message: expect.stringContaining('does not belong') })
  })

  it('refuses a server that could authenticate by nothing', () => {
    expect(refusal({ role: 'server', protocol: 'tls', suites: [gcm] }).message).toContain('identity')
    expect(refusal({ role: 'server', protocol: 'tls', suites: [pskCbc] }).message).toContain('psk')
    const wrongUsage = [{ ...psk()[0], identity: text('a'), key: text('b'), usage: 'client' as const }]
    expect(refusal({ role: 'server', protocol: 'tls', suites: [pskCbc], psk: wrongUsage }).message).toContain('psk')
  })

  it('needs no identity where every suite has a pre-shared key', () => {
    new Context({ role: 'server', protocol: 'dtls', suites: [pskCbc], psk: psk() }).close()
  })

  it('makes no more sessions once it is closed', () => {
    const context = new Context(base)
    const session = new Session(context)
    context.close()
    context.close()
    expect(() => new Session(context)).toThrow(expect.objectContaining({ code: 'closed' }))
    session.start(0)
    expect(session.state).toBe('handshaking')
    session.destroy()
  })

  it('holds equal certificates, keys, lists and tables once', async () => {
    const [contextsBefore, , before] = load().alive()
    const crl = await revoke(root, [])
    const many = Array.from(
      { length: 200 },
      (_, index) =>
        new Context({
          ...base,
          // Copies: equality is by content.
          identity: { chain: [leaf.der.slice(), root.der.slice()], key: leaf.key.slice() },
          anchors: [root.der.slice()],
          crls: [crl.slice()],
          mtu: 1000 + index,
        }),
    )
    const [contexts, , pooled] = load().alive()
    // leaf, root, key, list; the table of suites may be shared with a context of another test that still lives
    expect(pooled - before).toBeLessThanOrEqual(5)
    expect(contexts - contextsBefore).toBe(200)
    for (const context of many) context.close()
    expect(load().alive()[0]).toBe(contextsBefore)
    expect(load().alive()[2]).toBeLessThanOrEqual(before)
  })

  it('frees everything after a refused option', () => {
    const before = load().alive()
    for (let round = 0; round < 50; round++) {
      refusal({ ...base, anchors: [root.der, other.der, text('broken')] })
      refusal({ ...base, identity: { chain: [leaf.der, root.der], key: other.key } })
    }
    expect(load().alive().slice(0, 3)).toEqual(before.slice(0, 3))
  })

  it('keeps at most 64 certificates and lists that it read lately, and no keys', async () => {
    const many = await Promise.all(Array.from({ length: 70 }, (_, i) => issue({ subject: `CN=recent ${i}` }, root)))
    const [, , before] = load().alive()
    for (const one of many) new Context({ ...base, identity: identity(one) }).close()
    const [, , pooled, recent] = load().alive()
    expect(pooled).toBe(before)
    expect(recent).toBeGreaterThan(0)
    expect(recent).toBeLessThanOrEqual(64)
  })

  it('is not bound by the defaults of the host, only by what OpenSSL has', () => {
    const folder = mkdtempSync(join(tmpdir(), 'cordon-policy-'))
    const config = join(folder, 'openssl.cnf')
    writeFileSync(
      config,
      [
        'nodejs_conf = init',
        '[init]',
        'ssl_conf = modules',
        '[modules]',
        'system_default = defaults',
        '[defaults]',
        'CipherString = ECDHE+AESGCM:@SECLEVEL=3',
        'MinProtocol = TLSv1.3',
        'Options = -EncryptThenMac',
        '',
      ].join('\n'),
    )
    const script = `
      const tls = require(process.argv[1])
      const [arena, rows] = tls.bind(new Uint8Array(524288), new Int32Array(32768), new Float64Array(4))
      const context = tls.createContext({ server: false, dtls: false, suites: [0xc006, 0xc023], groups: 'P-256',
        minVersion: 0x0303, maxVersion: 0x0303, probing: false, chain: [], key: undefined, sendChain: true,
        pskIdentities: [], pskKeys: [], anchors: [], trusted: [], crls: [], verifyPeer: 2, verifyTime: false,
        verifyCrl: 1, verifyName: false, mtu: 1400, retransmitMs: 1000, resumption: true, keyLog: false, virtualTime: false })
      const session = tls.createSession(context, undefined, undefined, undefined)
      tls.start(session, 0)
      console.log(Buffer.from(arena.slice(rows[1], rows[1] + rows[2])).toString('hex'))
    `
    const binary = fileURLToPath(new URL('../build/Release/cordon_tls.node', import.meta.url))
    const { stdout, stderr } = spawnSync(process.execPath, [`--openssl-config=${config}`, '-e', script, binary], {
      encoding: 'utf8',
    })
    rmSync(folder, { recursive: true, force: true })
    expect(stderr).toBe('')
    const { suites, extensions } = readHello('tls', Buffer.from(stdout.trim(), 'hex'))
    expect(suites).toEqual([0xc006, 0xc023])
    expect(extensions.has(22)).toBe(true) // encrypt_then_mac
  })
})
