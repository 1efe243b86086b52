import { suites } from '@cordon/tls'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { makeContext, usableSuites } from '../../src/transports/credentials.ts'
import { keyLogFile } from '../../src/transports/key-log.ts'
import { credentialsOf, type Identity, makeAuthority, type TestAuthority } from '../test-pki.ts'

let authority: TestAuthority
let own: Identity

beforeAll(async () => {
  authority = await makeAuthority('plant')
  own = await authority.issue('device')
})

const psk = [{ identity: Uint8Array.of(1), key: Uint8Array.of(2) }]
const authentications = (ids: readonly number[]) =>
  new Set(ids.map((id) => suites.find((suite) => suite.id === id)?.authentication))

describe('suites that credentials can serve', () => {
  it('are those of the credentials, encrypting ones first', () => {
    const both = usableSuites('server', { ...credentialsOf(own, authority), psk })
    expect(authentications(both)).toEqual(new Set(['rsa', 'ecdsa', 'psk']))
    const encrypts = both.map((id) => suites.find((suite) => suite.id === id)?.encrypts)
    expect(encrypts).toEqual([...encrypts].sort((a, b) => Number(b) - Number(a)))
    expect(authentications(usableSuites('server', { psk }))).toEqual(new Set(['psk']))
    expect(authentications(usableSuites('server', credentialsOf(own, authority)))).toEqual(new Set(['rsa', 'ecdsa']))
  })

  it('for a client with nothing but a key are those of keys; with somebody to believe also those of certificates', () => {
    expect(authentications(usableSuites('client', { psk }))).toEqual(new Set(['psk']))
    expect(authentications(usableSuites('client', { psk, anchors: [authority.certificate] }))).toContain('ecdsa')
    expect(authentications(usableSuites('client', {}, true))).toEqual(new Set(['rsa', 'ecdsa']))
  })

  it('never hold one that OpenSSL lacks', () => {
    expect(usableSuites('server', { psk })).not.toContain(0xd001)
  })
})

describe('a context', () => {
  it('is refused with a certificate but no key', () => {
    expect(() => makeContext('server', 'tls', { chain: [own.certificate] })).toThrow(/chain and its key together/)
  })

  it('is refused with a suite that OpenSSL lacks, by name and reason', () => {
    expect(() => makeContext('server', 'tls', { psk, suites: [0xd001] })).toThrow(
      /TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256/,
    )
  })

  it('is refused with bytes that are no certificate', () => {
    expect(() => makeContext('server', 'tls', { chain: [Uint8Array.of(1, 2)], key: own.key })).toThrow()
  })

  it('insists on a peer that it can believe, unless it is for commissioning', () => {
    expect(makeContext('client', 'tls', credentialsOf(own, authority)).options.verify.peer).toBe('require')
    expect(makeContext('server', 'tls', credentialsOf(own, authority)).options.verify.peer).toBe('require')
    expect(makeContext('client', 'tls', {}, { anyServer: true }).options.verify.peer).toBe('none')
  })
})

describe('a key log file', () => {
  it('grows by a line at a time and is for its owner alone', () => {
    const directory = mkdtempSync(join(tmpdir(), 'cordon-keylog-'))
    const path = join(directory, 'keys.log')
    const log = keyLogFile(path)
    log('CLIENT_RANDOM aa bb')
    log('CLIENT_RANDOM cc dd')
    expect(readFileSync(path, 'utf8')).toBe('CLIENT_RANDOM aa bb\nCLIENT_RANDOM cc dd\n')
    expect(statSync(path).mode & 0o777).toBe(0o600)
    rmSync(directory, { recursive: true })
  })
})
