import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { type ContextOptions, suites } from '../lib/index.ts'
import { Files, opensslVersion, startClient, startServer } from './openssl.ts'
import { alerts, clientContext, identity, protocols, serverContext, text } from './pair.ts'
import { type Issued, issue, type KeyKind, revoke } from './pki.ts'
import { Cleanup, connect, listen } from './sockets.ts'

const root = await issue({ ca: true, subject: 'CN=root' })
const ecdsa = await issue({ subject: 'CN=ecdsa' }, root)
const rsa = await issue({ subject: 'CN=rsa', kind: 'RSA-2048' }, root)
const stranger = await issue({ subject: 'CN=stranger' })
const files = new Files()
const cleanup = new Cleanup()
afterEach(() => cleanup.run())
afterAll(() => files.remove())

const anchor = files.write(root.pem)
const pskKey = Buffer.from('a secret of 26 bytes, hex!')
const pskOptions = { psk: [{ identity: text('cell 3'), key: pskKey }] }
const pskArgs = ['-psk', pskKey.toString('hex'), '-psk_identity', 'cell 3']

type Suite = (typeof suites)[number]
const usable = suites.filter(({ available }) => available)
const certificateFor = ({ authentication }: Suite): Issued => (authentication === 'rsa' ? rsa : ecdsa)
const cipher = (suite: Suite) => ['-cipher', `${suite.openssl}:@SECLEVEL=0`]

describe.skipIf(opensslVersion === undefined)(`against ${opensslVersion ?? 'openssl, which is missing'}`, () => {
  describe.each(protocols)('over %s', (protocol) => {
    const anchors = [root.der]

    it.each(usable.map((suite) => [suite.name, suite] as const))('a client speaks %s', async (_, suite) => {
      const isPsk = suite.authentication === 'psk'
      const args = isPsk
        ? ['-nocert', ...pskArgs]
        : [...files.identity(certificateFor(suite)), '-Verify', '2', '-CAfile', anchor, '-verify_return_error']
      const { process, port } = await startServer(protocol, [...cipher(suite), ...args])
      cleanup.add(() => process.stop())
      const options = isPsk ? pskOptions : { identity: identity(ecdsa), anchors }
      const link = await connect(clientContext(protocol, { ...options, suites: [suite.id] }), port, cleanup)
      await link.until('established')
      expect(link.session.info).toMatchObject({ suite: suite.id, verifyErrors: [], extendedMasterSecret: true })
      expect(link.session.info?.encryptThenMac).toBe(suite.name.includes('_CBC_'))
      link.write(text('from the client\n'))
      await process.until(/from the client/)
      process.write('from the server\n')
      await link.untilText('from the server')
      await process.until(new RegExp(`CIPHER is ${suite.openssl}`))
      link.close()
    })

    it.each(usable.map((suite) => [suite.name, suite] as const))('a server speaks %s', async (_, suite) => {
      const isPsk = suite.authentication === 'psk'
      const options = isPsk
        ? pskOptions
        : { identity: identity(certificateFor(suite)), anchors, verify: { peer: 'require' } as const }
      const context = serverContext(protocol, { ...options, suites: [suite.id] })
      const { port, accepted } = await listen(context, cleanup)
      const args = isPsk ? pskArgs : [...files.identity(ecdsa), '-CAfile', anchor, '-verify_return_error']
      const process = startClient(protocol, port, [...cipher(suite), ...args])
      cleanup.add(() => process.stop())
      const link = await accepted
      await link.until('established')
      expect(link.session.info?.suite).toBe(suite.id)
      expect(link.session.info?.peerChain[0]).toEqual(isPsk ? undefined : ecdsa.der)
      process.write('from the client\n')
      await link.untilText('from the client')
      link.write(text('from the server\n'))
      await process.until(/from the server/)
      await process.until(/Extended master secret: yes/)
      await process.until(new RegExp(`Cipher is ${suite.openssl}`))
      link.close()
    })

    it.each<[KeyKind, number]>([
      ['P-256', 0xc02b],
      ['P-384', 0xc02c],
      ['P-521', 0xc024],
      ['RSA-2048', 0x003c],
      ['RSA-3072', 0x003d],
    ])('both roles take %s keys', async (kind, suite) => {
      const credential = await issue({ kind, subject: `CN=${kind}` }, root)
      const { process, port } = await startServer(protocol, [
        ...['-cipher', 'ALL:@SECLEVEL=0', ...files.identity(credential)],
        ...['-Verify', '2', '-CAfile', anchor, '-verify_return_error'],
      ])
      cleanup.add(() => process.stop())
      const options = { suites: [suite], identity: identity(credential), anchors }
      const link = await connect(clientContext(protocol, options), port, cleanup)
      await link.until('established')
      expect(link.session.info?.peerChain[0]).toEqual(credential.der)
      link.close()

      const { port: own, accepted } = await listen(
        serverContext(protocol, { ...options, verify: { peer: 'require' } }),
        cleanup,
      )
      const peer = startClient(protocol, own, [
        ...files.identity(credential),
        '-CAfile',
        anchor,
        '-verify_return_error',
      ])
      cleanup.add(() => peer.stop())
      const served = await accepted
      await served.until('established')
      expect(served.session.info?.peerChain[0]).toEqual(credential.der)
      await peer.until(/Verify return code: 0 \(ok\)/)
    })

    it.each([
      ['P-256', 'prime256v1'],
      ['P-384', 'secp384r1'],
      ['P-521', 'secp521r1'],
      ['X25519', 'X25519'],
    ])('agrees on the group %s', async (group, name) => {
      // The curve of the certificate must be in the list too.
      const groups = group === 'P-256' ? [group] : [group, 'P-256']
      const { port, accepted } = await listen(serverContext(protocol, { identity: identity(ecdsa), groups }), cleanup)
      const process = startClient(protocol, port, [])
      cleanup.add(() => process.stop())
      await (await accepted).until('established')
      const line = await process.until(/Server Temp Key: (.*), \d+ bits/)
      expect(line[1]).toContain(name)
    })

    it('a server sends the alert that says why it refused', async () => {
      const cases: [Partial<ContextOptions>, string[], RegExp, string][] = [
        [{}, files.identity(stranger), /alert unknown ca/, 'unknown-authority'],
        [{}, [], /alert handshake failure/, 'certificate-required'],
        [
          { crls: [await revoke(root, [ecdsa])] },
          files.identity(ecdsa),
          /alert certificate revoked/,
          'certificate-revoked',
        ],
        [
          { verify: { peer: 'require', time: true } },
          files.identity(await issue({ notBefore: '2001-01-01', notAfter: '2002-01-01' }, root)),
          /alert certificate expired/,
          'certificate-expired',
        ],
        [{ verify: { peer: 'require', name: true } }, files.identity(ecdsa), /alert bad certificate/, 'name-mismatch'],
      ]
      for (const [options, args, alert, code] of cases) {
        const context = serverContext(protocol, {
          identity: identity(ecdsa),
          anchors,
          verify: { peer: 'require' },
          ...options,
        })
        const { port, accepted } = await listen(context, cleanup)
        const process = startClient(protocol, port, args)
        cleanup.add(() => process.stop())
        await process.until(alert)
        const link = await accepted
        expect((await link.until('failed')).code).toBe(code)
      }
    })

    it('a server refuses an unknown pre-shared key identity by its own alert', async () => {
      const { port, accepted } = await listen(serverContext(protocol, { ...pskOptions, suites: [0xc037] }), cleanup)
      const process = startClient(protocol, port, ['-psk', 'aabb', '-psk_identity', 'nobody'])
      cleanup.add(() => process.stop())
      await process.until(/alert unknown psk identity|tlsv1 alert unknown psk/i)
      expect((await (await accepted).until('failed')).code).toBe('psk-unknown')
    })

    it('a client says what it refused, and hears what the server refused', async () => {
      const { process, port } = await startServer(protocol, [
        ...files.identity(stranger),
        ...['-Verify', '2', '-CAfile', anchor, '-verify_return_error'],
      ])
      cleanup.add(() => process.stop())
      const link = await connect(clientContext(protocol, { identity: identity(ecdsa), anchors }), port, cleanup)
      expect((await link.until('failed')).code).toBe('unknown-authority')
      expect(alerts(link.events, 'out')).toEqual(['unknown_ca'])
      await process.until(/alert unknown ca/)

      const { process: strict, port: strictPort } = await startServer(protocol, [
        ...files.identity(ecdsa),
        ...['-Verify', '2', '-CAfile', anchor, '-verify_return_error'],
      ])
      cleanup.add(() => strict.stop())
      const refused = await connect(
        clientContext(protocol, { identity: identity(stranger), anchors }),
        strictPort,
        cleanup,
      )
      const event = await refused.until('failed')
      expect(event.code).toBe('peer-alert')
      expect(alerts(refused.events, 'in')).toHaveLength(1)
    })

    it('answers a wish to renegotiate with a warning, and only the peer gives up', async () => {
      const { port, accepted } = await listen(serverContext(protocol, { identity: identity(ecdsa) }), cleanup)
      const process = startClient(protocol, port, [])
      cleanup.add(() => process.stop())
      const link = await accepted
      await link.until('established')
      process.write('before\n')
      await link.untilText('before')
      process.write('R\n')
      await process.until(/no renegotiation|NO_RENEGOTIATION/i)
      await expect(link.until('closed')).rejects.toThrow()
      const [warning, answer, end] = link.events.slice(-3)
      expect(warning).toMatchObject({ direction: 'out', level: 'warning', name: 'no_renegotiation' })
      expect(answer).toMatchObject({ kind: 'alert', direction: 'in', level: 'fatal' })
      expect(end).toMatchObject({ kind: 'failed', code: 'peer-alert' })
    })

    it('resumes by session id where the client takes no tickets', async () => {
      const context = serverContext(protocol, { identity: identity(ecdsa), anchors, verify: { peer: 'request' } })
      const { port, links } = await listen(context, cleanup)
      const session = `${files.folder}/${protocol}.session`
      const run = async (args: string[]) => {
        const process = startClient(protocol, port, ['-no_ticket', ...args])
        cleanup.add(() => process.stop())
        await process.until(/Verify return code/)
        const link = links.at(-1)
        if (link === undefined) throw new Error('nobody came')
        await link.until('established')
        link.close()
        await process.stop()
        return link.session.info
      }
      const first = await run(['-sess_out', session])
      expect(first).toMatchObject({ resumed: false })
      expect(first?.sessionId.length).toBe(32)
      const second = await run(['-sess_in', session])
      expect(second).toMatchObject({ resumed: true, sessionId: first?.sessionId })
    })

    it('exports what openssl exports', async () => {
      const { port, accepted } = await listen(serverContext(protocol, { identity: identity(ecdsa) }), cleanup)
      const process = startClient(protocol, port, ['-keymatexport', 'EXPORTER-cordon', '-keymatexportlen', '24'])
      cleanup.add(() => process.stop())
      const link = await accepted
      await link.until('established')
      const match = await process.until(/Keying material: ([0-9A-F]+)/)
      expect(Buffer.from(link.session.exportKeyingMaterial('EXPORTER-cordon', 24)).toString('hex').toUpperCase()).toBe(
        match[1],
      )
    })

    it('logs the secrets that openssl logs', async () => {
      const { port, accepted } = await listen(
        serverContext(protocol, { identity: identity(ecdsa), keyLog: true }),
        cleanup,
      )
      const path = `${files.folder}/${protocol}.keys`
      const process = startClient(protocol, port, ['-keylogfile', path])
      cleanup.add(() => process.stop())
      const link = await accepted
      await link.until('established')
      await process.until(/Verify return code/)
      const { readFileSync } = await import('node:fs')
      expect(readFileSync(path, 'utf8')).toContain((await link.until('keylog')).line)
    })

    it('a peer without Encrypt-then-MAC or extended master secret is served and reported', async () => {
      const { port, accepted } = await listen(
        serverContext(protocol, { identity: identity(ecdsa), suites: [0xc023] }),
        cleanup,
      )
      const process = startClient(protocol, port, ['-no_etm'])
      cleanup.add(() => process.stop())
      const link = await accepted
      await link.until('established')
      expect(link.session.info).toMatchObject({ encryptThenMac: false, extendedMasterSecret: true })
    })
  })
})
