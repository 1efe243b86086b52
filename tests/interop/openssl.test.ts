import { encapsulate } from '@cordon/core/enip'
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { secureDevice, steer } from '../../packages/node/test/target/test-device.ts'
import { credentialsOf, makeAuthority } from '../../packages/node/test/test-pki.ts'
import { TargetHost } from '@cordon/node/target'
import { testAddress } from './address.ts'

const hasOpenssl = spawnSync('openssl', ['version']).status === 0
const address = testAddress(40)
const allowed = testAddress(41)
const directory = mkdtempSync(join(tmpdir(), 'cordon-openssl-'))
let host: TargetHost

const pem = (label: string, der: Uint8Array): string =>
  `-----BEGIN ${label}-----\n${Buffer.from(der).toString('base64').replace(/.{64}/g, '$&\n')}\n-----END ${label}-----\n`

beforeAll(async () => {
  const authority = await makeAuthority('plant')
  const foreign = await makeAuthority('foreign')
  const manager = await authority.issue('manager')
  const stranger = await foreign.issue('stranger')
  const psk = [{ identity: new TextEncoder().encode('cell3'), key: new Uint8Array(16).fill(0xab) }]
  writeFileSync(join(directory, 'ca.pem'), pem('CERTIFICATE', authority.certificate))
  for (const [name, own] of [
    ['manager', manager],
    ['stranger', stranger],
  ] as const) {
    const text = pem('CERTIFICATE', own.certificate) + pem('PRIVATE KEY', own.key)
    writeFileSync(join(directory, `${name}.pem`), text, { mode: 0o600 })
  }
  const device = await secureDevice(address)
  const steered = steer(
    device,
    credentialsOf(await authority.issue('device'), authority, { psk, suites: [0xc02c, 0xc023, 0xc006, 0xc037] }),
  )
  steered.admission = (peer) =>
    peer === allowed ? { allowed: true, reason: 'rule 1' } : { allowed: false, reason: 'no rule' }
  host = new TargetHost({ device: steered })
  await host.start()
})

afterAll(async () => {
  await host.close()
  rmSync(directory, { recursive: true, force: true })
})

/** Runs s_client, sends a RegisterSession once it is connected, and gives all it printed and its exit code. */
function client(args: readonly string[]): Promise<{ output: Buffer; code: number | null }> {
  return new Promise((resolve) => {
    const child = spawn('openssl', ['s_client', '-connect', `${address}:2221`, '-nocommands', ...args])
    const parts: Buffer[] = []
    const kill = setTimeout(() => child.kill('SIGKILL'), 10_000)
    const register = encapsulate({ command: 'registerSession', data: Uint8Array.of(1, 0, 0, 0) })
    child.stdin.on('error', () => {})
    child.stdin.write(register)
    const hear = (bytes: Buffer) => {
      parts.push(bytes)
      // The reply of the device: then everything was proven.
      if (Buffer.concat(parts).includes(Buffer.from(register.subarray(0, 4)))) child.stdin.end()
    }
    child.stdout.on('data', hear)
    child.stderr.on('data', hear)
    child.on('close', (code) => {
      clearTimeout(kill)
      resolve({ output: Buffer.concat(parts), code })
    })
  })
}

const certificate = (name: string) => ['-cert', join(directory, `${name}.pem`), '-CAfile', join(directory, 'ca.pem')]
const registered = Buffer.from([0x65, 0, 4, 0])

describe.skipIf(!hasOpenssl)('openssl s_client (skipped where the openssl command is missing)', () => {
  it('is accepted with a certificate of the plant, from an allowed address', async () => {
    const { output } = await client(['-tls1_2', '-bind', `${allowed}:0`, ...certificate('manager')])
    expect(output.includes(registered)).toBe(true)
    expect(output.toString('latin1')).toContain('Verify return code: 0 (ok)')
  })

  it.each([
    ['ECDHE-ECDSA-AES256-GCM-SHA384', true],
    ['ECDHE-ECDSA-AES128-SHA256', true],
    ['ECDHE-ECDSA-NULL-SHA', true],
    ['ECDHE-ECDSA-AES128-GCM-SHA256', false],
    ['ECDHE-ECDSA-CHACHA20-POLY1305', false],
  ])('gets suite %s: %s', async (cipher, accepted) => {
    const { output } = await client([
      '-tls1_2',
      '-bind',
      `${allowed}:0`,
      '-cipher',
      `${cipher}:@SECLEVEL=0`,
      ...certificate('manager'),
    ])
    expect(output.includes(registered)).toBe(accepted)
    if (!accepted) expect(output.toString('latin1')).toMatch(/handshake failure/)
  })

  it('is accepted with the right pre-shared key, and refused with a wrong one', async () => {
    const args = [
      '-tls1_2',
      '-bind',
      `${allowed}:0`,
      '-cipher',
      'ECDHE-PSK-AES128-CBC-SHA256',
      '-psk_identity',
      'cell3',
      '-psk',
    ]
    expect((await client([...args, 'ab'.repeat(16)])).output.includes(registered)).toBe(true)
    expect((await client([...args, 'cd'.repeat(16)])).output.includes(registered)).toBe(false)
  })

  it('is refused without a certificate', async () => {
    const { output } = await client(['-tls1_2', '-bind', `${allowed}:0`])
    expect(output.includes(registered)).toBe(false)
    expect(output.toString('latin1')).toMatch(/alert handshake failure/)
  })

  it('is refused with the certificate of another authority', async () => {
    const { output } = await client(['-tls1_2', '-bind', `${allowed}:0`, ...certificate('stranger')])
    expect(output.includes(registered)).toBe(false)
    expect(output.toString('latin1')).toMatch(/alert unknown ca/)
  })

  it('is refused from another address, with any certificate', async () => {
    const { output, code } = await client(['-tls1_2', '-bind', `${testAddress(42)}:0`, ...certificate('manager')])
    expect(output.includes(registered)).toBe(false)
    expect(code).not.toBe(0)
  })

  it.each(['-tls1', '-tls1_1', '-tls1_3'])('is refused with version %s', async (version) => {
    const cipher = version === '-tls1_3' ? [] : ['-cipher', 'ALL:@SECLEVEL=0']
    const { output } = await client([version, '-bind', `${allowed}:0`, ...cipher, ...certificate('manager')])
    expect(output.includes(registered)).toBe(false)
    expect(output.toString('latin1')).toMatch(/protocol version/)
  })
})
