import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { connect } from '../../src/originator/connect.ts'
import { testAddress } from '../addresses.ts'
import { credentialsOf, makeAuthority } from '../test-pki.ts'

const hasOpenssl = spawnSync('openssl', ['version']).status === 0
const scratch = mkdtempSync(join(tmpdir(), 'cordon-resumption-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

function pem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n')
}

const authority = await makeAuthority('plant')
const target = await authority.issue('target')
const originator = await authority.issue('originator')

/** A server of somebody else's, which says for each client whether it took up an earlier session. */
async function opensslServer(protocol: 'tls' | 'dtls', address: string) {
  const [certificate, key] = [join(scratch, 'target.pem'), join(scratch, 'target.key')]
  writeFileSync(certificate, pem('CERTIFICATE', target.certificate))
  writeFileSync(key, pem('PRIVATE KEY', target.key), { mode: 0o600 })
  const version = protocol === 'tls' ? '-tls1_2' : '-dtls1_2'
  const server = spawn('openssl', [
    's_server',
    version,
    '-accept',
    `${address}:2221`,
    '-cert',
    certificate,
    '-key',
    key,
  ])
  let said = ''
  for (const stream of [server.stdout, server.stderr]) {
    stream.on('data', (text: Buffer) => {
      said += text.toString()
    })
  }
  await vi.waitFor(() => expect(said).toMatch(/^ACCEPT/m), { timeout: 10_000 })
  const ended = new Promise((resolve) => server.once('exit', resolve))
  return {
    said: () => said,
    close: async () => {
      server.kill()
      await ended
    },
  }
}

describe.skipIf(!hasOpenssl).each(['tls', 'dtls'] as const)('an originator that resumes over %s', (transport) => {
  const count = (text: string, what: RegExp) => text.match(new RegExp(what, 'g'))?.length ?? 0

  it('is taken up again by the openssl command, only when asked to and with the same credentials', async () => {
    const address = testAddress(transport === 'tls' ? 60 : 61)
    const server = await opensslServer(transport, address)
    try {
      const credentials = credentialsOf(originator, authority)
      const open = async (own = credentials, resume = true) => {
        const before = count(server.said(), /CIPHER is/)
        // The command knows no EtherNet/IP: over TLS the session ends where its registration is not answered.
        const session = await connect({
          address,
          transport,
          credentials: own,
          resume,
          connectTimeoutMs: 1000,
        }).catch(() => undefined)
        await session?.close()
        await vi.waitFor(() => expect(count(server.said(), /CIPHER is/)).toBe(before + 1), { timeout: 10_000 })
        return count(server.said(), /Reused session-id/)
      }
      expect(await open()).toBe(0)
      expect(await open()).toBe(1)
      expect(await open(credentials, false)).toBe(1)
      expect(await open({ ...credentials })).toBe(1)
      expect(await open({ ...credentials, verify: { time: true } })).toBe(1)
      expect(await open()).toBe(2)
    } finally {
      await server.close()
    }
  })
})
